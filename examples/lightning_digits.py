"""Handwritten digits with Lightning. The lines marked `rightbatch` are all that it takes.

rightbatch tune examples/lightning_digits.py:workload --budget 2m
python examples/lightning_digits.py                              # trains as before
"""

import lightning
import torch
import torchmetrics
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

import rightbatch.lightning  # rightbatch


class Digits(lightning.LightningDataModule):
    """1,797 grey images of 8×8 pixels, which come with scikit-learn."""

    def __init__(self, batch_size: int = 32) -> None:
        super().__init__()
        self.batch_size = batch_size

    def setup(self, stage: str) -> None:
        images, labels = load_digits(return_X_y=True)
        data = TensorDataset(torch.tensor(images / 16).float(), torch.tensor(labels))
        generator = torch.Generator().manual_seed(0)
        self.train, self.valid = random_split(data, [0.8, 0.2], generator)

    def train_dataloader(self) -> DataLoader:
        return DataLoader(self.train, batch_size=self.batch_size, shuffle=True)

    def val_dataloader(self) -> DataLoader:
        return DataLoader(self.valid, batch_size=256)


class Classifier(lightning.LightningModule):
    def __init__(self, learning_rate: float = 1e-3) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.net = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
        self.accuracy = torchmetrics.classification.MulticlassAccuracy(10, average="micro")

    def training_step(self, batch, batch_idx):
        images, labels = batch
        loss = nn.functional.cross_entropy(self.net(images), labels)
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch, batch_idx):
        images, labels = batch
        scores = self.net(images)
        self.accuracy(scores, labels)
        self.log("val_loss", nn.functional.cross_entropy(scores, labels))
        self.log("val_acc", self.accuracy)

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=self.hparams.learning_rate)


def workload():  # rightbatch
    return rightbatch.lightning.workload(Classifier, Digits(), goal="val_acc >= 0.95")  # rightbatch


if __name__ == "__main__":
    trainer = lightning.Trainer(
        max_epochs=20, accelerator="cpu", logger=False, enable_checkpointing=False
    )
    trainer.fit(Classifier(), datamodule=Digits())
