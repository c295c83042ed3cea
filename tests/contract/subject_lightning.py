"""The contract's MLP on digits as a LightningModule with a DataModule."""

import lightning
from subject_frameworks import EXAMPLES, VALID, TorchFramework, digits
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset

import rightbatch.lightning
from rightbatch.measure.devices.cpu import CpuDevice
from rightbatch.measure.frameworks.torch.subject import TorchSubject


class Module(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(64, 16), nn.Tanh(), nn.Linear(16, 10))

    def forward(self, images):
        return self.layers(images)

    def training_step(self, batch, batch_idx):
        loss = nn.functional.cross_entropy(self(batch[0]), batch[1])
        self.log("train_loss", loss)
        return {"loss": loss}

    def validation_step(self, batch, batch_idx):
        right = (self(batch[0]).argmax(1) == batch[1]).float()
        self.log("accuracy", right.mean())

    def configure_optimizers(self):
        return optim.SGD(self.parameters(), lr=0.1)


class LightningFramework(TorchFramework):
    """Its workload is PyTorch's own, so its facts are as well."""

    def subject(self, goal=""):
        images, labels = (self.torch.from_numpy(array) for array in digits())
        data = lightning.LightningDataModule()
        train = TensorDataset(images[:EXAMPLES], labels[:EXAMPLES])
        valid = TensorDataset(images[-VALID:], labels[-VALID:])
        data.train_dataloader = lambda: DataLoader(train, batch_size=8, shuffle=True)
        data.val_dataloader = lambda: DataLoader(valid, batch_size=16)

        def model():
            self.model = Module()
            return self.model

        workload = rightbatch.lightning.workload(model, data, goal=self.goal)
        return TorchSubject(workload, "mine", "cpu", 1, goal, CpuDevice())
