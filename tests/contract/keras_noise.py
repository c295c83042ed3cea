"""Gradient noise of one model on digits, on the framework that is named on the command line.

Prints the squared norms as JSON, for test_noise_across_frameworks.py.
"""

import json
import sys

import numpy as np
from subject_frameworks import digits

from rightbatch.measure.devices.cpu import CpuDevice
from rightbatch.measure.probes.noise import measure_noise
from rightbatch.records import NoiseProbe

IMAGES, LABELS = digits()
TRAIN, VALID = (IMAGES[:1200], LABELS[:1200]), (IMAGES[1200:], LABELS[1200:])


def in_torch():
    import torch
    from torch import nn

    from rightbatch.measure.frameworks.torch.subject import TorchSubject
    from rightbatch.torch import Workload

    def model():
        net = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
        for layer in (net[0], net[2]):  # as Keras begins
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
        return net

    def accuracy(net, batches):
        right = sum(int((net(x).argmax(1) == y).sum()) for x, y in batches)
        return right / len(VALID[1])

    workload = Workload(
        model=model,
        train_data=tuple(torch.from_numpy(part) for part in TRAIN),
        valid_data=tuple(torch.from_numpy(part) for part in VALID),
        loss=lambda net, batch: nn.functional.cross_entropy(net(batch[0]), batch[1]),
        metric=accuracy,
        goal="accuracy >= 0.96",
        optimizer=torch.optim.SGD,
        batch_size=64,
        learning_rate=0.1,
    )
    return TorchSubject(workload, "digits", "cpu", 1, "", CpuDevice())


def in_keras():
    import keras

    from rightbatch.keras import Workload
    from rightbatch.measure.frameworks.keras.subject import KerasSubject

    def model():
        layers = [keras.layers.Dense(128, activation="relu"), keras.layers.Dense(10)]
        net = keras.Sequential([keras.layers.Input((64,)), *layers])
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        net.compile(keras.optimizers.SGD(0.1), loss, metrics=["accuracy"])
        return net

    workload = Workload(
        model=model, train_data=TRAIN, valid_data=VALID, goal="accuracy >= 0.96", batch_size=64
    )
    return KerasSubject(workload, "digits", "cpu", 1, "", CpuDevice())


def main():
    subject = in_torch() if sys.argv[1] == "torch" else in_keras()
    name = subject.facts().optimizers[0].name
    told = []
    for seed in range(5):
        probe = NoiseProbe(name, 64, 0.1, 8, 16, 16, (0, 30, 100), seed, seconds=300.0)
        _, result = measure_noise(subject, probe, lambda done: None)
        told.append(
            [(np.mean(p.small_sqr_norms), np.mean(p.large_sqr_norms)) for p in result.points]
        )
    print(json.dumps(told))


if __name__ == "__main__":
    main()
