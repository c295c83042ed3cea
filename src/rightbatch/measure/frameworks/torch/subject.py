"""A loaded PyTorch workload: one model and one optimizer at a time."""

import copy
import random
import sys
import timeit
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, SupportsFloat

import torch
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.flop_counter import FlopCounterMode

from rightbatch.errors import UsageError
from rightbatch.measure.frameworks.notes import beyond_the_data
from rightbatch.measure.frameworks.torch import data, lengths, optimizers
from rightbatch.measure.frameworks.torch.cuda_device import CudaDevice
from rightbatch.measure.frameworks.torch.following.footprints import Footprints
from rightbatch.measure.frameworks.torch.out_of_memory import gives_no_reason, is_out_of_memory
from rightbatch.measure.frameworks.torch.workload import Workload
from rightbatch.measure.ports import Device, Footprint, Precision, StepPlan
from rightbatch.records import Goal, WorkloadFacts, parse_goal


class TorchSubject:
    """A PyTorch workload on one device.

    Args:
        workload: The user's workload.
        title: Its name where it has none of its own.
        device: "cpu", "cuda" ...; None for a GPU where there is one, else the CPU.
        threads: Compute threads; None for PyTorch's default.
        goal: A goal that replaces the workload's; empty to keep it.
        host: The machine, as the operating system reports it.

    Attributes:
        workload: The user's workload.
        model: The current model, from `start`.
        optimizer: Its optimizer.
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
        if threads is not None:
            torch.set_num_threads(threads)
        self.workload = workload
        self._title = workload.name or title
        self._place = _device(device)
        self._catalog = optimizers.catalog(workload)
        self.train_examples = data.example_count(workload.train_data, "train_data")
        self._valid_examples = data.example_count(workload.valid_data, "valid_data")
        self.goal: Goal = parse_goal(goal or workload.goal)
        self.device: Device = CudaDevice(self._place, host) if self._place.type == "cuda" else host
        self.threads = torch.get_num_threads()
        self._scheduler: torch.optim.lr_scheduler.LambdaLR | None = None
        self._valid: list[Any] | None = None
        self._footprints = Footprints()
        self._ranked: torch.Tensor | None = None

    def facts(self) -> WorkloadFacts:
        """Plain facts of the workload; builds the model once to count its parameters."""
        model = self.workload.model()
        if not isinstance(model, torch.nn.Module):
            raise UsageError(
                f"Workload.model must return a torch.nn.Module, not {type(model).__name__}."
            )
        if any(torch.nn.parameter.is_lazy(p) for p in model.parameters()):
            raise UsageError(
                "The model has lazy layers, whose parameters have no shape yet; run a batch "
                "through it in the function that makes it."
            )
        return WorkloadFacts(
            title=self._title,
            framework="torch",
            train_examples=self.train_examples,
            valid_examples=self._valid_examples,
            batch_size=min(self.workload.batch_size, self.train_examples),
            optimizers=optimizers.facts(self.workload, model),
            goal=self.goal,
            parameters=sum(p.numel() for p in model.parameters() if p.requires_grad),
            batch_dependent_layers=tuple(sorted(_batch_dependent(model))),
            notes=(
                *self.workload.notes,
                *beyond_the_data(self.workload.batch_size, self.train_examples),
            ),
            names=self.workload.names,
        )

    def versions(self) -> tuple[tuple[str, str], ...]:
        """Version of PyTorch."""
        return (("torch", str(torch.__version__)),)

    def start(self, optimizer: str, learning_rate: float | None, seed: int) -> None:
        """Seed, then build a fresh model and optimizer (None: the reference learning rate)."""
        try:
            factory, reference, _ = self._catalog[optimizer]
        except KeyError:
            raise UsageError(
                f"The workload has no optimizer {optimizer!r}; use {', '.join(self._catalog)}."
            ) from None
        _seed(seed)
        self.model = self.workload.model().to(self._place)
        self.model.train()
        # Examples per forward pass: batch normalisation needs two.
        self._least = 2 if _batch_dependent(self.model) else 1
        self.optimizer = optimizers.make(
            factory, self.model, reference if learning_rate is None else float(learning_rate)
        )
        self._scheduler = None

    @property
    def loaders(self) -> int:
        """Batches loaded in parallel with the steps, one by each worker of the DataLoader."""
        work = self.workload
        return 0 if isinstance(work.train_data, tuple) else work.num_workers

    def batches(self, batch_size: int, seed: int) -> Iterator[Any]:
        """Endless training batches: shuffled epochs, each with its short last batch.

        A last batch of a single example is left out where a layer cannot be trained on it. The
        first call after `start` sets the number of steps of the schedule; past its end the
        schedule keeps its last factor.
        """
        work = self.workload
        if self._scheduler is None and work.schedule is not None and work.epochs is not None:
            schedule = work.schedule
            total = max(1, round(work.epochs * -(-self.train_examples // batch_size)))
            self._scheduler = torch.optim.lr_scheduler.LambdaLR(
                self.optimizer, lambda step: schedule(min(step, total), total)
            )
        generator = torch.Generator().manual_seed(seed)
        return data.shuffled(
            work.train_data, batch_size, generator, work.collate, work.num_workers, self._least
        )

    def hard_batches(self, batch_size: int, longest: int) -> Iterator[Any]:
        """Batches of the longest examples, an ordinary one if lengths differ, the short last."""
        work, size = self.workload, min(batch_size, self.train_examples)
        chosen = lengths.hard_selections(
            self.train_examples, size, longest, self.ranked(), self._least
        )
        return data.selected(work.train_data, chosen, work.collate, work.num_workers)

    def ranked(self) -> torch.Tensor:
        """Numbers of the training examples, the longest first; computed once."""
        if self._ranked is None:
            work = self.workload
            self._ranked = lengths.ranked(
                work.train_data, self.train_examples, work.length, work.collate
            )
        return self._ranked

    def size(self, batch: Any) -> int:
        """Number of examples in a batch."""
        return data.size(batch)

    def warm_up(self, batch_size: int, micro_batch_size: int) -> None:
        """Do nothing: PyTorch compiles nothing beforehand."""

    def step(self, batch: Any, micro_batch_size: int) -> SupportsFloat:
        """One optimizer update, accumulated over even micro-batches where the batch is larger."""
        self.optimizer.zero_grad(set_to_none=True)
        loss = self._backward(batch, micro_batch_size)
        if self.workload.clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.workload.clip_norm)
        self.optimizer.step()
        if self._scheduler is not None:
            self._scheduler.step()
        return loss

    def sqr_norms(self, batch: Any, micro_batch_size: int) -> tuple[float, float]:
        """(mean over micro-batches of |G_b|², |G_B|² of the whole batch), without an update."""
        parameters = [p for p in self.model.parameters() if p.requires_grad]
        total = [torch.zeros_like(p) for p in parameters]
        small = []
        for start in range(0, data.size(batch) - micro_batch_size + 1, micro_batch_size):
            self.optimizer.zero_grad(set_to_none=True)
            piece = data.part(batch, start, start + micro_batch_size)
            if self._items(piece):
                self._backward(piece, micro_batch_size)
            gradients = [p.grad for p in parameters]
            small.append(sum(float(g.pow(2).sum()) for g in gradients if g is not None))
            for sum_, gradient in zip(total, gradients, strict=True):
                if gradient is not None:
                    sum_.add_(gradient)
        self.optimizer.zero_grad(set_to_none=True)
        large = sum(float(g.pow(2).sum()) for g in total) / len(small) ** 2
        return sum(small) / len(small), large

    def evaluate(self) -> float:
        """The validation metric of the current model."""
        return self.evaluate_on(self.valid_batches())

    def valid_batches(self) -> list[Any]:
        """Every validation batch, kept on the device."""
        if self._valid is None:
            work = self.workload
            batches = data.in_order(
                work.valid_data, work.valid_batch_size, work.collate, work.num_workers
            )
            self._valid = [data.to_device(batch, self._place) for batch in batches]
        return self._valid

    def evaluate_on(self, batches: list[Any]) -> float:
        """The validation metric over some batches."""
        self.model.eval()
        try:
            with torch.no_grad(), self._autocast():
                value = _metric(self.workload.metric, self.model, batches, self._place)
                return _named(value, self.goal.metric)
        finally:
            self.model.train()

    def infer(self, batch: Any) -> None:
        """Run a forward pass in evaluation mode, without gradients, as the metric does."""
        self.evaluate_on([data.to_device(batch, self._place)])

    def variant(self, precision: Precision | None) -> "TorchSubject":
        """The same workload in another precision."""
        twin = copy.copy(self)
        twin._valid = None
        twin.workload = replace(self.workload, precision=precision or self.workload.precision)
        return twin

    def footprint(self, plan: StepPlan) -> Footprint:
        """Follow the tensors of two steps on the longest examples and a validation pass."""
        twin = self.variant(plan.precision)
        twin._valid, twin._ranked = self.valid_batches(), self.ranked()
        return self._footprints.follow(twin, plan)

    def synchronize(self) -> None:
        """Wait until the device has finished its work."""
        if self._place.type == "cuda":
            torch.cuda.synchronize(self._place)

    def flops(self, batch: Any) -> float | None:
        """FLOPs of the matrix products and convolutions of one step."""
        with FlopCounterMode(display=False) as counter:
            self.optimizer.zero_grad(set_to_none=True)
            self._backward(batch, data.size(batch))
        return float(counter.get_total_flops()) or None

    def peak_flops_per_second(self) -> float | None:
        """FLOP/s of the fastest of six products of square float32 matrices, 2n³ FLOPs each."""
        n = 4096 if self._place.type == "cuda" else 768
        a = torch.randn(n, n, device=self._place)

        def multiply() -> None:
            torch.mm(a, a)
            self.synchronize()

        return 2 * n**3 / min(timeit.repeat(multiply, number=1, repeat=6))

    def is_out_of_memory(self, error: BaseException) -> bool:
        """Whether an exception is PyTorch's out-of-memory error."""
        if isinstance(self.device, CudaDevice) and gives_no_reason(error):
            return self.device.is_short()
        return is_out_of_memory(error)

    def _backward(self, batch: Any, micro_batch_size: int) -> torch.Tensor:
        """Compute gradients of the mean loss over a batch, by micro-batch; return the mean loss."""
        mean_loss = torch.zeros((), device=self._place)
        for piece, share in self._pieces(batch, micro_batch_size):
            with self._autocast():
                loss = self.workload.loss(self.model, data.to_device(piece, self._place))
            loss = loss * share if share != 1 else loss
            loss.backward()  # type: ignore[no-untyped-call]
            mean_loss += loss.detach()
        return mean_loss

    def _pieces(self, batch: Any, micro_batch_size: int) -> Iterator[tuple[Any, float]]:
        """Micro-batches and their shares of the mean loss over the batch.

        One without items is left out, as its mean loss may be NaN.
        """
        shares = data.shares(data.size(batch), micro_batch_size, self._least)
        if len(shares) == 1:
            yield batch, 1.0
            return
        whole = self._items(batch)
        for start, stop in shares:
            piece = data.part(batch, start, stop)
            if items := self._items(piece):
                yield piece, items / whole

    def _items(self, batch: Any) -> float:
        """Number of items that the loss of a batch averages over."""
        return float((self.workload.items or data.size)(batch))

    def _autocast(self) -> torch.autocast:
        return torch.autocast(
            self._place.type, dtype=torch.bfloat16, enabled=self.workload.precision == "bf16"
        )


def _device(name: str | None) -> torch.device:
    """The device of a name; None for a GPU where there is one, else the CPU."""
    if name is None:
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise UsageError(f"PyTorch has no device {name!r}; use cpu or cuda.") from None
    if device.type not in ("cpu", "cuda"):
        raise UsageError(f"The device {name!r} is not supported; use cpu or cuda.")
    if device.type == "cuda" and not torch.cuda.is_available():
        raise UsageError("PyTorch sees no CUDA device; leave `device` out to use the CPU.")
    if device.type == "cuda" and device.index is None:
        return torch.device("cuda", torch.cuda.current_device())  # memory limits need an index
    return device


def _batch_dependent(model: torch.nn.Module) -> set[str]:
    """Kinds of layers in a model that mix the examples of a batch."""
    return {type(m).__name__ for m in model.modules() if isinstance(m, _BatchNorm)}


def _seed(seed: int) -> None:
    random.seed(seed)
    torch.manual_seed(seed)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(seed)


def _metric(metric: Any, model: torch.nn.Module, batches: list[Any], place: torch.device) -> Any:
    """The value of a callable metric, or of a torchmetrics metric on (predictions, targets)."""
    if not (hasattr(metric, "update") and hasattr(metric, "compute")):
        return metric(model, batches)
    if hasattr(metric, "to"):
        metric.to(place)
    metric.reset()
    for batch in batches:
        if not isinstance(batch, tuple | list) or len(batch) != 2:
            raise UsageError(
                f"{type(metric).__name__} needs validation batches of (inputs, targets); for other "
                "batches set Workload.metric to a function (model, batches) -> float."
            )
        metric.update(model(batch[0]), batch[1])
    return metric.compute()


def _named(value: Any, name: str) -> float:
    """The metric of that name among several, or the only one.

    Raises:
        UsageError: There are several, and none has that name.
    """
    if not isinstance(value, Mapping):
        return float(value)
    if name not in value:
        raise UsageError(
            f"The goal names {name!r}, but validation returns "
            f"{', '.join(sorted(value)) or 'nothing'}; name a metric that it returns."
        )
    return float(value[name])
