"""The contract's MLP on digits, trained by a Transformers Trainer."""

import tempfile

import numpy as np
from subject_frameworks import EXAMPLES, VALID, TorchFramework, digits
from torch import nn
from transformers import Trainer, TrainingArguments

import rightbatch.transformers
from rightbatch.measure.devices.cpu import CpuDevice
from rightbatch.measure.frameworks.torch.subject import TorchSubject


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(64, 16), nn.Tanh(), nn.Linear(16, 10))

    def forward(self, pixels, labels=None):
        logits = self.layers(pixels)
        return {"loss": nn.functional.cross_entropy(logits, labels), "logits": logits}


def accuracy(prediction):
    right = np.argmax(prediction.predictions, axis=1) == prediction.label_ids
    return {"accuracy": right.mean()}


class TransformersFramework(TorchFramework):
    """Its workload is PyTorch's own, so its facts are as well; its batches are dicts."""

    goal = "eval_accuracy >= 0.9"

    def subject(self, goal=""):
        images, labels = digits()
        rows = [{"pixels": x, "labels": int(y)} for x, y in zip(images, labels, strict=True)]

        def model():
            self.model = Model()
            return self.model

        trainer = Trainer(
            model_init=model,
            args=TrainingArguments(
                output_dir=tempfile.gettempdir(), use_cpu=True, optim="sgd", learning_rate=0.1,
                per_device_train_batch_size=4, gradient_accumulation_steps=2,
                max_grad_norm=0.0, lr_scheduler_type="constant", report_to="none",
            ),
            train_dataset=rows[:EXAMPLES],
            eval_dataset=rows[-VALID:],
            compute_metrics=accuracy,
        )  # fmt: skip
        workload = rightbatch.transformers.workload(trainer, goal=self.goal)
        return TorchSubject(workload, "mine", "cpu", 1, goal, CpuDevice())

    def images(self, batch):
        return batch["pixels"].numpy()

    def gradient(self, batch, start, stop):
        loss = self.model(**{name: value[start:stop] for name, value in batch.items()})["loss"]
        grads = self.torch.autograd.grad(loss, list(self.model.parameters()))
        return self.torch.cat([g.flatten() for g in grads]).numpy()
