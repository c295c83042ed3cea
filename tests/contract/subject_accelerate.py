"""The contract's MLP on digits, prepared by an Accelerator."""

from accelerate import Accelerator
from subject_frameworks import EXAMPLES, VALID, TorchFramework, digits
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset

import rightbatch.accelerate
from rightbatch.measure.devices.cpu import CpuDevice
from rightbatch.measure.frameworks.torch.subject import TorchSubject


def loss(model, batch):
    return nn.functional.cross_entropy(model(batch[0]), batch[1])


def accuracy(model, batches):
    return sum(int((model(x).argmax(1) == y).sum()) for x, y in batches) / VALID


class AccelerateFramework(TorchFramework):
    """Its workload is PyTorch's own, so its facts are as well."""

    def subject(self, goal=""):
        images, labels = (self.torch.from_numpy(array) for array in digits())
        train = TensorDataset(images[:EXAMPLES], labels[:EXAMPLES])
        valid = TensorDataset(images[-VALID:], labels[-VALID:])

        def prepared():
            accelerator = Accelerator(cpu=True, gradient_accumulation_steps=2)
            self.model = nn.Sequential(nn.Linear(64, 16), nn.Tanh(), nn.Linear(16, 10))
            return accelerator, *accelerator.prepare(
                self.model,
                optim.SGD(self.model.parameters(), lr=0.1),
                DataLoader(train, batch_size=4, shuffle=True),
                DataLoader(valid, batch_size=16),
            )

        workload = rightbatch.accelerate.workload(
            prepared, loss=loss, metric=accuracy, goal=self.goal
        )
        return TorchSubject(workload, "mine", "cpu", 1, goal, CpuDevice())
