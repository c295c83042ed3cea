"""Handwritten digits with a loop of your own and accelerate, in bfloat16.

    rightbatch tune examples/accelerate_digits.py:workload --budget 2m
    python examples/accelerate_digits.py                             # trains as before

The lines marked `rightbatch` are all that it takes: the loop's pieces come from one function.
"""

import torch
from accelerate import Accelerator
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

import rightbatch.accelerate  # rightbatch


def prepared():
    """The accelerator, and what it prepares: model, optimizer, loaders."""
    accelerator = Accelerator(cpu=True, mixed_precision="bf16", gradient_accumulation_steps=2)
    images, labels = load_digits(return_X_y=True)
    data = TensorDataset(torch.tensor(images / 16).float(), torch.tensor(labels))
    train, valid = random_split(data, [0.8, 0.2], torch.Generator().manual_seed(0))
    model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    return accelerator, *accelerator.prepare(
        model,
        optimizer,
        DataLoader(train, batch_size=16, shuffle=True),
        DataLoader(valid, batch_size=256),
    )


def loss(model, batch):
    images, labels = batch
    return nn.functional.cross_entropy(model(images), labels)


@torch.no_grad()
def accuracy(model, batches) -> float:
    right = [(model(images).argmax(1) == labels).float() for images, labels in batches]
    return torch.cat(right).mean().item()


def workload():  # rightbatch
    made = {"loss": loss, "metric": accuracy, "goal": "accuracy >= 0.95"}  # rightbatch
    return rightbatch.accelerate.workload(prepared, **made)  # rightbatch


if __name__ == "__main__":
    accelerator, model, optimizer, train, valid = prepared()
    for epoch in range(10):
        for batch in train:
            with accelerator.accumulate(model):
                accelerator.backward(loss(model, batch))
                optimizer.step()
                optimizer.zero_grad()
        print(f"epoch {epoch + 1}: accuracy {accuracy(model, valid):.3f}")
