"""One small real workload per framework, for the contract that every Subject keeps."""

import os
from importlib import import_module

import numpy as np
from sklearn.datasets import load_digits

import needs
from rightbatch.measure.devices.cpu import CpuDevice

EXAMPLES = 50
VALID = 40
BRIDGES = ("lightning", "transformers", "accelerate")
FRAMEWORKS = os.environ.get("RIGHTBATCH_TEST_FRAMEWORKS", ",".join(("torch", *BRIDGES))).split(",")


def digits():
    """Digits of 64 pixels scaled to 0..1, and their labels, as arrays."""
    images, labels = load_digits(return_X_y=True)
    return (images / 16).astype("float32"), labels.astype("int64")


class TorchFramework:
    """An MLP on digits, with every way out that the contract asks for."""

    name = "torch"
    goal = "accuracy >= 0.9"
    parameters = 64 * 16 + 16 + 16 * 10 + 10

    def __init__(self):
        import torch

        self.torch = torch
        self.model = None

    def subject(self, goal=""):
        from rightbatch.measure.frameworks.torch.subject import TorchSubject
        from rightbatch.torch import Workload

        torch, nn = self.torch, self.torch.nn
        images, labels = (torch.from_numpy(array) for array in digits())

        def model():
            self.model = nn.Sequential(nn.Linear(64, 16), nn.Tanh(), nn.Linear(16, 10))
            return self.model

        workload = Workload(
            model=model,
            train_data=(images[:EXAMPLES], labels[:EXAMPLES]),
            valid_data=(images[-VALID:], labels[-VALID:]),
            loss=lambda net, batch: nn.functional.cross_entropy(net(batch[0]), batch[1]),
            metric=lambda net, batches: (
                sum(int((net(x).argmax(1) == y).sum()) for x, y in batches) / VALID
            ),
            goal=self.goal,
            optimizer=torch.optim.SGD,
            batch_size=8,
            learning_rate=0.1,
        )
        return TorchSubject(workload, "mine", "cpu", 1, goal, CpuDevice())

    def images(self, batch):
        """Inputs of a batch as an array, shape (n, 64)."""
        return batch[0].numpy()

    def weights(self):
        """All parameters of the latest model in one array."""
        return np.concatenate([p.detach().numpy().ravel() for p in self.model.parameters()])

    def gradient(self, batch, start, stop):
        """Gradient of the mean loss over examples start..stop, by the framework's own means."""
        torch = self.torch
        loss = torch.nn.functional.cross_entropy(
            self.model(batch[0][start:stop]), batch[1][start:stop]
        )
        grads = torch.autograd.grad(loss, list(self.model.parameters()))
        return torch.cat([g.flatten() for g in grads]).numpy()

    def in_training_mode(self):
        return self.model.training

    def out_of_memory_errors(self):
        """Every spelling met in the wild, as the exception that carries it."""
        torch = self.torch
        return [
            MemoryError(),
            torch.OutOfMemoryError("Allocation on device"),
            RuntimeError(
                "[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate "
                "memory: you tried to allocate 4000000000000 bytes. Error code 12 (Cannot allocate "
                "memory)"
            ),
            RuntimeError("[enforce fail at CPUAllocator.cpp:75] . DefaultCPUAllocator: not enough "
                         "memory: you tried to allocate 2147483648 bytes."),
            RuntimeError("CUDA error: out of memory\nCUDA kernel errors might be asynchronously "
                         "reported at some other API call"),
            RuntimeError("CUDA driver error: out of memory"),
            RuntimeError("CUDA out of memory. Tried to allocate 20.00 MiB (GPU 0; 7.93 GiB total "
                         "capacity)"),
            RuntimeError("HIP out of memory. Tried to allocate 2.00 GiB"),
            RuntimeError("HIP error: out of memory"),
            RuntimeError("XPU out of memory. Tried to allocate 2.00 GiB"),
            RuntimeError("MPS backend out of memory (MPS allocated: 9.05 GB)"),
            RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate`"),
            RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
            OSError(12, "Cannot allocate memory"),
        ]  # fmt: skip

    def real_out_of_memory(self):
        """Ask for more than any machine has."""
        self.torch.empty(2**58, dtype=self.torch.uint8)


def framework(name):
    if name in BRIDGES:
        needs.libraries(name)
        return getattr(import_module(f"subject_{name}"), f"{name.capitalize()}Framework")()
    if name.startswith("keras-"):
        from subject_keras import KerasFramework

        return KerasFramework(name.removeprefix("keras-"))
    return {"torch": TorchFramework}[name]()
