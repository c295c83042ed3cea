"""A loaded Keras workload: one compiled model at a time, on the backend Keras runs on."""

import math
import os
import timeit
from collections.abc import Iterator
from importlib import import_module
from typing import Any, SupportsFloat

import keras
import numpy as np

from rightbatch.errors import UsageError
from rightbatch.measure.frameworks.keras import data, optimizers
from rightbatch.measure.frameworks.keras.engines import make_engine
from rightbatch.measure.frameworks.keras.workload import Workload
from rightbatch.measure.frameworks.notes import beyond_the_data
from rightbatch.measure.ports import Device
from rightbatch.records import Goal, WorkloadFacts, parse_goal


class KerasSubject:
    """A Keras workload on one device.

    Args:
        workload: The user's workload.
        title: Its name where it has none of its own.
        device: "cpu", "gpu", "cuda:1" ...; None for the backend's default.
        threads: Compute threads; None for the backend's default.
        goal: A goal that replaces the workload's; empty to keep it.
        host: The machine, as the operating system reports it.
    """

    def __init__(
        self,
        workload: Workload,
        title: str,
        device: str | None,
        threads: int | None,
        goal: str,
        host: Device,
    ) -> None:
        self._workload = workload
        self._title = workload.name or title
        self._engine = make_engine(threads, device, host)
        tensors = keras.backend.backend() == "tensorflow"
        self._train = data.read(workload.train_data, "train_data", threads, tensors)
        self._valid = data.read(workload.valid_data, "valid_data", threads, tensors)
        self._valid_batches: list[Any] | None = None
        self.goal: Goal = parse_goal(goal or workload.goal)
        self.device: Device = self._engine.device
        self.threads = threads or len(os.sched_getaffinity(0))
        self.train_examples = self._train.count
        self._model: Any = None

    @property
    def model(self) -> Any:
        """The current model, with its trained values."""
        self._engine.write_back()
        return self._model

    def facts(self) -> WorkloadFacts:
        """Plain facts of the workload; builds the model once to count its parameters."""
        work = self._workload
        data.check_sizes(work.train_data, "train_data", self._train.count)
        data.check_sizes(work.valid_data, "valid_data", self._valid.count)
        model = self._built()
        kinds = {
            type(layer).__name__
            for layer in model._flatten_layers()
            if isinstance(layer, keras.layers.BatchNormalization)
        }
        described = optimizers.facts(model, work)
        self._engine.attach(model)
        first = next(self._valid.in_order(work.valid_batch_size))
        self._metric(self._engine.test([self._engine.place(first)]))
        self._engine.trace(self._engine.place(next(self._train.in_order(2))))
        return WorkloadFacts(
            title=self._title,
            framework="keras",
            train_examples=self.train_examples,
            valid_examples=self._valid.count,
            batch_size=min(work.batch_size, self.train_examples),
            optimizers=described,
            goal=self.goal,
            parameters=sum(int(keras.ops.size(v)) for v in model.trainable_variables),
            batch_dependent_layers=tuple(sorted(kinds)),
            notes=beyond_the_data(work.batch_size, self.train_examples),
        )

    def versions(self) -> tuple[tuple[str, str], ...]:
        """Versions of Keras and its backend."""
        backend = keras.backend.backend()
        return (
            ("keras", str(keras.__version__)),
            (backend, str(import_module(backend).__version__)),
        )

    def start(self, optimizer: str, learning_rate: float | None, seed: int) -> None:
        """Seed, then build a fresh model and optimizer (None: the reference learning rate)."""
        self._engine.seed(seed)
        self._model = self._built()
        optimizers.set_up(self._model, self._workload, optimizer, learning_rate)
        if not self._model.optimizer.built:
            self._model.optimizer.build(self._model.trainable_variables)
        self._engine.attach(self._model)

    @property
    def loaders(self) -> int:
        """Batches loaded in parallel with the steps: a `tf.data` pipeline loads one."""
        return 1 if isinstance(self._train, data.Pipeline) else 0

    def batches(self, batch_size: int, seed: int) -> Iterator[Any]:
        """Endless training batches: shuffled epochs, each with its short last batch.

        The first call after `start` stretches a learning rate schedule to end after as many
        examples as at the user's settings.
        """
        optimizers.stretch(self._model, batch_size / self._workload.batch_size)
        return self._train.shuffled(batch_size, seed)

    def hard_batches(self, batch_size: int, longest: int) -> Iterator[Any]:
        """The batches of an epoch that need most memory, hardest first."""
        return self._train.hard(min(batch_size, self.train_examples), longest)

    def size(self, batch: Any) -> int:
        """Number of examples in a batch."""
        return data.size(batch)

    def warm_up(self, batch_size: int, micro_batch_size: int) -> None:
        """Compile a full step, a short step and validation, then restore the model."""
        saved = self._engine.save()
        for batch in self.hard_batches(batch_size, 1):
            self.step(batch, micro_batch_size)
        self.evaluate()
        self._engine.restore(saved)

    def step(self, batch: Any, micro_batch_size: int) -> SupportsFloat:
        """One optimizer update, accumulated over micro-batches where the batch is larger."""
        count = data.size(batch)
        if count <= micro_batch_size:
            return self._engine.train(self._engine.place(batch))  # type: ignore[no-any-return]
        items = self._workload.items or data.size
        whole = float(items(batch)) or 1.0  # no items: every piece has weight 0
        mean_loss, total = 0.0, None
        for start in range(0, count, micro_batch_size):
            piece = data.part(batch, start, start + micro_batch_size)
            loss, gradients = self._engine.gradient(self._engine.place(piece))
            weight = float(items(piece)) / whole
            total = self._engine.added(total, gradients, weight)
            mean_loss = mean_loss + loss * weight
        if total is not None:
            self._engine.apply(total)
        return mean_loss

    def sqr_norms(self, batch: Any, micro_batch_size: int) -> tuple[float, float]:
        """(mean over micro-batches of |G_b|², |G_B|² of the whole batch), without an update.

        Where gradients of a scaled loss overflow, the scale is lowered first, as in training.
        """
        engine, adapts = self._engine, optimizers.adapts_scale(self._model)
        norms, gradients = self._norms(batch, micro_batch_size)
        while not all(map(math.isfinite, norms)) and adapts and engine.loss_scale() > 1:
            engine.apply(engine.added(None, gradients, math.inf))  # skipped, but lowers the scale
            norms, gradients = self._norms(batch, micro_batch_size)
        return norms

    def _norms(self, batch: Any, micro_batch_size: int) -> tuple[tuple[float, float], list[Any]]:
        """The squared norms at the current loss scale, and the sum of scaled gradients."""
        engine = self._engine
        scale = engine.loss_scale()
        total: list[Any] = []
        small: list[float] = []
        for start in range(0, data.size(batch) - micro_batch_size + 1, micro_batch_size):
            piece = data.part(batch, start, start + micro_batch_size)
            _, gradients = engine.gradient(engine.place(piece))
            small.append(engine.sqr_norm(gradients) / scale**2)
            total = engine.added(total or None, gradients, 1.0)
        whole = engine.sqr_norm(total) / (scale * len(small)) ** 2
        return (sum(small) / len(small), whole), total

    def evaluate(self) -> float:
        """The validation metric of the current model."""
        if self._valid_batches is None:
            batches = self._valid.in_order(self._workload.valid_batch_size)
            self._valid_batches = [self._engine.place(batch) for batch in batches]
        return self._metric(self._engine.test(self._valid_batches))

    def synchronize(self) -> None:
        """Wait until the device has finished its work."""
        self._engine.synchronize()

    def flops(self, batch: Any) -> float | None:
        """FLOPs of the gradients of one step; None if they cannot be counted."""
        return self._engine.flops(self._engine.place(batch))

    def peak_flops_per_second(self) -> float | None:
        """FLOP/s of the fastest of six products of square float32 matrices, 2n³ FLOPs each."""
        n = 768 if self.device.hardware(self.threads, None).device == "cpu" else 4096
        numbers = np.random.default_rng(0).standard_normal((n, n), dtype="float32")
        a = self._engine.place(numbers)
        seconds = timeit.repeat(
            lambda: self._engine.wait_for(keras.ops.matmul(a, a)), number=1, repeat=6
        )
        return 2 * n**3 / min(seconds)

    def is_out_of_memory(self, error: BaseException) -> bool:
        """Whether an exception is the backend's out-of-memory error."""
        return self._engine.is_out_of_memory(error)

    def _built(self) -> Any:
        """A fresh model with all its variables, built on the first training examples."""
        if isinstance(self._workload.model, keras.Model):
            raise UsageError(
                "Workload.model must be a function that makes and compiles the model, so that each "
                f"run starts from a fresh one, not {type(self._workload.model).__name__}."
            )
        model = self._workload.model()
        if not isinstance(model, keras.Model):
            raise UsageError(
                f"Workload.model must return a keras.Model, not {type(model).__name__}."
            )
        if not model.compiled or model.optimizer is None:
            lacking = "not compiled" if not model.compiled else "compiled without an optimizer"
            raise UsageError(
                f"Workload.model returns a model that is {lacking}; compile it with an optimizer, "
                "a loss and the metric that the goal names."
            )
        model._symbolic_build(data_batch=next(self._train.in_order(2)))
        return model

    def _metric(self, values: dict[str, float | None]) -> float:
        """The metric that the goal names, with or without Keras's prefix for validation."""
        name = self.goal.metric
        for candidate in (name, name.removeprefix("val_")):
            if (value := values.get(candidate)) is not None:
                return value
            if candidate in values:
                raise UsageError(
                    f"The goal names {name!r}, which is several numbers, such as one per class; "
                    "compile the model with a metric that is one number, such as "
                    "keras.metrics.F1Score(average='macro')."
                )
        raise UsageError(
            f"The goal names {name!r}, but the model is compiled with {', '.join(values)}; compile "
            "it with that metric, or name one of these in the goal."
        )
