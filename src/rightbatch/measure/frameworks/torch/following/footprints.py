"""Follow the tensors of training steps, without data where the user's code allows it."""

from collections.abc import Callable
from contextlib import ExitStack, nullcontext
from dataclasses import replace
from typing import Any, Literal, Protocol

import torch

from rightbatch.errors import UsageError
from rightbatch.measure.frameworks.torch.data import tensors
from rightbatch.measure.frameworks.torch.following import inside
from rightbatch.measure.frameworks.torch.following.faking import (
    AnswerItems,
    CannotGrow,
    Faker,
    as_on_cuda,
    checkpoint_blocks,
)
from rightbatch.measure.frameworks.torch.following.tracking import LiveStorage
from rightbatch.measure.frameworks.torch.lengths import WorstExamples, tensor_bytes
from rightbatch.measure.frameworks.torch.out_of_memory import is_out_of_memory
from rightbatch.measure.frameworks.torch.workload import Workload
from rightbatch.measure.ports import Footprint, StepPlan
from rightbatch.records import Remark

Phase = Literal["first", "validation", "second"]

_COLLATED = 32
"""Examples collated for real; a larger batch differs only in its first dimension."""
_SMALL, _LARGER = (2, 6), (16, 24)
"""Micro-batch sizes at which the internal memory of CPU operations is measured. From 16 examples on
PyTorch uses other convolutions (use_mkldnn in aten/src/ATen/native/Convolution.cpp)."""


class Followed(Protocol):
    """A workload whose steps and validation passes are followed.

    Attributes:
        workload: The user's workload.
        model: The current model.
        optimizer: The optimizer of the current model.
    """

    workload: Workload
    model: torch.nn.Module
    optimizer: torch.optim.Optimizer

    def start(self, optimizer: str, learning_rate: float | None, seed: int) -> None:
        """Build a fresh model and optimizer."""

    def step(self, batch: Any, micro_batch_size: int) -> object:
        """One optimizer update on a batch."""

    def ranked(self) -> torch.Tensor:
        """Numbers of the training examples, the longest first."""

    def valid_batches(self) -> list[Any]:
        """Every validation batch."""

    def evaluate_on(self, batches: list[Any]) -> float:
        """The validation metric over some batches."""


class Footprints:
    """Follows steps of one workload, and caches what they share."""

    def __init__(self) -> None:
        self._inside: dict[tuple[StepPlan, int], dict[Phase, tuple[inside.Operation, ...]]] = {}
        self._known: dict[StepPlan, Footprint] = {}
        self._needs_data: dict[StepPlan, Remark] = {}
        self._validation: dict[StepPlan, int] = {}

    def follow(self, subject: Followed, plan: StepPlan) -> Footprint:
        """Follow two steps of a plan, with a validation pass between them.

        Raises:
            UsageError: The plan has checkpointing, and the model no repeated blocks.
        """
        plan = replace(plan, precision=plan.precision or subject.workload.precision)
        if plan not in self._known:
            self._known[plan] = self._fake_or_real(subject, plan)
        return self._known[plan]

    def _fake_or_real(self, subject: Followed, plan: StepPlan) -> Footprint:
        kind = replace(plan, batch_size=0, micro_batch_size=0)
        if kind not in self._needs_data:
            try:
                return self._follow(subject, plan, Faker())
            except Exception as error:
                if isinstance(error, UsageError) or is_out_of_memory(error):
                    raise
                message = str(error).strip().partition("\n")[0]
                self._needs_data[kind] = Remark.of(
                    "needs_data", error=type(error).__name__, message=message
                )
        return replace(self._follow(subject, plan, None), reason=self._needs_data[kind])

    def _follow(self, subject: Followed, plan: StepPlan, faker: Faker | None) -> Footprint:
        expected = {}
        _start(subject, plan)
        # A recurrent model keeps a workspace for its backward pass that fake tensors lack.
        # oneDNN's, measured in a small real run, stands for cuDNN's on CUDA.
        recurrent = any(isinstance(m, torch.nn.RNNBase) for m in subject.model.modules())
        if plan.device == "cpu" or recurrent:
            expected = self._expected(subject, plan)
            _start(subject, plan)
        valid = subject.valid_batches()
        batch = _batch(subject, plan.batch_size, faker)
        if faker is not None:
            faker.model(subject.model)
            faker.optimizer(subject.optimizer)
            valid = [faker.same(one) for one in valid]
        tracker = _tracker(subject, plan, batch)
        answers = AnswerItems()
        with ExitStack() as modes:
            if faker is not None:
                modes.enter_context(faker.mode)
                modes.enter_context(answers)
            modes.enter_context(tracker)
            if plan.device == "cuda":
                modes.enter_context(as_on_cuda())
            tracker.expect(expected.get("first", ()))
            if plan.inference:
                answers.any_kind = True
                subject.evaluate_on([batch])
                validated = True
            else:
                subject.step(batch, plan.micro_batch_size)
                # On a CPU, slices of tensors share the memory of the tensors.
                sliced = plan.device == "cpu" and isinstance(subject.workload.valid_data, tuple)
                tracker.add(tensors(valid), "batch", 0.0 if sliced else 1.0)
                tracker.expect(expected.get("validation", ()))
                validated = _evaluate(subject, _largest(valid), faker, answers)
                tracker.expect(expected.get("second", ()))
                subject.step(batch, plan.micro_batch_size)
        if not validated:
            rise = self._real_validation(subject, plan)
            tracker.rise(rise)
            tracker.events += [(0, rise), (0, -rise)] if rise else []
        differ = bool(expected) and not (tracker.as_expected and all(expected.values()))
        return Footprint(
            tracker.peak_bytes,
            tuple(tracker.peak_parts.items()),
            tuple(tracker.events),
            "real" if faker is None else "fake",
            warnings=(Remark.of("operations_differ"),) if differ else (),
        )

    def _real_validation(self, subject: Followed, plan: StepPlan) -> int:
        """Peak of a real validation pass above its start, in bytes."""
        kind = replace(plan, batch_size=0, micro_batch_size=0)
        if kind not in self._validation:
            _start(subject, plan)
            tracker = LiveStorage()
            tracker.add(subject.model.parameters(), "parameters")
            valid = subject.valid_batches()
            tracker.add(tensors(valid), "batch")
            before = sum(tracker.live_parts.values())
            with tracker:
                subject.evaluate_on([_largest(valid)])
            self._validation[kind] = tracker.peak_bytes - before
        return self._validation[kind]

    def _expected(
        self, subject: Followed, plan: StepPlan
    ) -> dict[Phase, tuple[inside.Operation, ...]]:
        """Internal memory of each operation, from real runs at two small sizes."""
        runs, pieces = [], -(-plan.batch_size // plan.micro_batch_size)
        sizes = _LARGER if plan.micro_batch_size >= min(_LARGER) else _SMALL
        worst = WorstExamples(subject.workload, plan.batch_size, subject.ranked())
        for size in sizes:
            kind = replace(plan, batch_size=size * pieces, micro_batch_size=size)
            if (kind, worst.longest) not in self._inside:
                batch = worst.batch(size * pieces)
                self._inside[kind, worst.longest] = self._operations(subject, kind, batch)
            runs.append(self._inside[kind, worst.longest])
        return {
            phase: inside.grown(first, runs[1][phase], sizes, plan.micro_batch_size)
            for phase, first in runs[0].items()
        }

    def _operations(
        self, subject: Followed, plan: StepPlan, batch: Any
    ) -> dict[Phase, tuple[inside.Operation, ...]]:
        _start(subject, plan)
        largest = _largest(subject.valid_batches())
        runs: dict[Phase, Callable[[], object]]
        if plan.inference:
            runs = {"first": lambda: subject.evaluate_on([batch])}
        else:
            runs = {
                "first": lambda: subject.step(batch, plan.micro_batch_size),
                "validation": lambda: subject.evaluate_on([largest]),
                "second": lambda: subject.step(batch, plan.micro_batch_size),
            }
        with as_on_cuda() if plan.device == "cuda" else nullcontext():
            return {phase: tuple(inside.operations(run)) for phase, run in runs.items()}


def _batch(subject: Followed, size: int, faker: Faker | None) -> Any:
    """The worst batch, collated in full only where its shapes cannot be derived."""
    worst = WorstExamples(subject.workload, size, subject.ranked())
    if faker is None:
        return worst.batch(size)
    count = min(size, _COLLATED)
    try:
        return faker.grown(worst.batch(count), count, size)
    except CannotGrow:
        return faker.same(worst.batch(size))


def _evaluate(subject: Followed, batch: Any, faker: Faker | None, answers: AnswerItems) -> bool:
    """Whether the metric could be computed; on fake tensors it may fail."""
    answers.any_kind = True
    try:
        subject.evaluate_on([batch])
    except Exception:
        if faker is None:
            raise
        return False
    finally:
        answers.any_kind = False
    return True


def _tracker(subject: Followed, plan: StepPlan, batch: Any) -> LiveStorage:
    """A tracker that counts everything allocated before the first step."""
    tracker = LiveStorage(count_rises=plan.device == "cpu")
    tracker.add(subject.model.parameters(), "parameters")
    tracker.add(subject.model.buffers(), "buffers")
    tracker.add(_state(subject.optimizer), "optimizer_state")
    moved = plan.micro_batch_size if plan.device == "cuda" else plan.batch_size
    tracker.add(tensors(batch), "batch", min(1.0, moved / plan.batch_size))
    _watch(subject, tracker)
    return tracker


def _start(subject: Followed, plan: StepPlan) -> None:
    subject.start(plan.optimizer, None, seed=0)
    if plan.checkpointing:
        checkpoint_blocks(subject.model)
    if plan.device == "cuda":
        for group in subject.optimizer.param_groups:
            if group.get("foreach", False) is None and not group.get("fused"):
                group["foreach"] = True  # what PyTorch chooses for parameters on CUDA


def _watch(subject: Followed, tracker: LiveStorage) -> None:
    """Have a tracker label gradients and optimizer state as they appear."""

    def computed(parameter: torch.Tensor) -> None:
        if parameter.grad is not None:
            tracker.move([parameter.grad], "gradients")

    def before(*_: object) -> None:
        tracker.updating = True

    def after(*_: object) -> None:
        tracker.updating = False
        tracker.move(_state(subject.optimizer), "optimizer_state")

    for parameter in subject.model.parameters():
        if parameter.requires_grad:
            parameter.register_post_accumulate_grad_hook(computed)  # type: ignore[no-untyped-call]
    subject.optimizer.register_step_pre_hook(before)
    subject.optimizer.register_step_post_hook(after)


def _state(optimizer: torch.optim.Optimizer) -> list[torch.Tensor]:
    return tensors(list(optimizer.state.values()))


def _largest(batches: list[Any]) -> Any:
    return max(batches, key=tensor_bytes)
