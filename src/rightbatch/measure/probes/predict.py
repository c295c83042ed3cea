"""Memory predicted without the device: peaks, a line through them, what fits, and what if."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Protocol

from rightbatch.errors import UsageError
from rightbatch.measure.ports import Follows, Footprint, Progress, StepPlan, Subject
from rightbatch.measure.probes.memory import step
from rightbatch.records import (
    MemoryAlternative,
    MemoryTarget,
    Outcome,
    PredictedPeak,
    PredictProbe,
    PredictResult,
    Remark,
    Status,
    WorkloadFacts,
)
from rightbatch.records.prediction import Cap, Change
from rightbatch.science.caching_allocator import Reserved, replay
from rightbatch.science.memory import RESIDENT_FILLED, largest_within, line_through

_FOLLOWED = 8
"""Largest number of sizes followed to find the largest that fits."""
_WORTH_IT = 1.005
"""Relative gain in size below which the search ends."""
_THREADS = 2
"""Threads that multiply matrices: the main thread, and autograd's for the backward pass."""
_NEAR = 1.5
"""A line through a size within this factor of the answer is precise enough for planning."""
_APART = 1.25
"""Least ratio of two sizes whose difference gives the bytes per example."""
_REAL_AT_MOST = 64
"""Largest real step, in examples, where the user's code needs data."""


class _Followed(Subject, Follows, Protocol):
    """A subject whose steps can be followed."""


def predict_memory(
    subject: Subject, probe: PredictProbe, progress: Progress
) -> tuple[Outcome, PredictResult]:
    """Predict the memory of training, and the largest micro-batch that fits.

    Steps are followed at two sizes; a line through them gives the next size, until the largest
    that fits has itself been followed. Where steps have to run on real data, the line is the
    prediction.

    Raises:
        UsageError: Steps of the workload's framework cannot be followed.
    """
    facts = subject.facts()
    if not isinstance(subject, Follows):
        raise UsageError(
            "Memory can be predicted for PyTorch workloads only, not for "
            f"{facts.framework.capitalize()}; measure it instead."
        )
    optimizer = probe.optimizer or facts.optimizers[0].name
    cap = min(facts.train_examples, probe.max_batch_size or facts.train_examples)
    start = min(facts.batch_size, cap)
    plan = StepPlan(optimizer, start, start, probe.target.kind, inference=probe.inference)
    overhead = probe.target.context_bytes
    if probe.target.kind == "cpu":
        overhead += _resident_overhead(subject, plan)
    progress(0.1)
    search = _Search(subject, plan, probe.target, overhead, cap, probe.verify)
    limit = probe.target.total_bytes
    found = search.largest(limit)
    filled = RESIDENT_FILLED if probe.target.kind == "cpu" else 1.0
    safe = search.largest((1 - probe.margin) * filled * limit)
    largest = max(found, safe, search.known_to_fit(limit))
    fixed, slope = search.line(limit)
    progress(0.4)
    what_if = _WhatIf(subject, search, probe.target, largest)
    alternatives = _what_if(what_if, facts, plan, progress) if probe.what_if else ()
    return Outcome(Status.OK), PredictResult(
        target=probe.target,
        optimizer=optimizer,
        reference_batch_size=facts.batch_size,
        peaks=search.peaks(),
        bytes_fixed=fixed,
        bytes_per_example=slope,
        overhead_bytes=overhead,
        limit_bytes=limit,
        margin=probe.margin,
        largest_batch_size=largest or None,
        safe_batch_size=safe or None,
        capped_by=_cap(largest, cap, facts),
        verified=largest in search.followed,
        method=search.first.method,
        reason=search.first.reason,
        warnings=search.warnings(),
        alternatives=(*alternatives, *map(what_if.on, probe.devices)),
        inference=probe.inference,
    )


class _Search:
    """Follows steps of one plan at several sizes, and finds the largest that fits."""

    def __init__(
        self, subject: Follows, plan: StepPlan, target: MemoryTarget, overhead: int, cap: int,
        verify: bool,
    ) -> None:  # fmt: skip
        self.plan, self.overhead, self._verify = plan, overhead, verify
        self.followed: dict[int, Footprint] = {}
        self._subject, self._target, self.cap = subject, target, cap
        self._bytes: dict[int, int] = {}
        self._held: dict[int, int] = {}
        start = plan.micro_batch_size
        self.first = self._follow(start)
        fake = self.first.method == "fake"
        self._follow(min(cap, 4 * start if fake else min(2 * start, _REAL_AT_MOST)))
        if verify or not fake:
            self._follow(max(1, start // 2))

    def warnings(self) -> tuple[Remark, ...]:
        """Warnings of all sizes, each once."""
        return tuple(
            dict.fromkeys(warning for one in self.followed.values() for warning in one.warnings)
        )

    def peaks(self) -> tuple[PredictedPeak, ...]:
        """The predicted peaks, in ascending order of batch size."""
        return tuple(
            PredictedPeak(
                batch_size=size,
                micro_batch_size=size,
                tensor_bytes=self.followed[size].peak_bytes,
                total_bytes=self._held[size],
                parts=self.followed[size].parts,
            )
            for size in sorted(self.followed)
        )

    def line(self, near_bytes: float, held: dict[int, int] | None = None) -> tuple[float, float]:
        """(bytes at batch size 0, bytes per example) of the line near an amount of memory.

        The line passes through the size whose memory is nearest and the nearest size well apart
        from it, as sizes close together differ mainly by the allocator's rounding. Where it would
        be negative at batch size 0, it starts at 0.

        While there is room, the allocator holds more than tensors use; it can do with less. The
        largest size that fits lies between the lines through memory in use and memory held.

        Args:
            near_bytes: The amount of memory.
            held: Bytes held at each size; None for bytes in use, overhead included.
        """
        known = held or self._bytes
        nearest = sorted(known, key=lambda size: abs(known[size] - near_bytes))
        first = nearest[0]
        if len(nearest) < 2:
            return float(known[first]), 0.0
        other = next((s for s in nearest if max(s, first) >= _APART * min(s, first)), nearest[-1])
        fixed, slope = line_through(*((size, known[size]) for size in (first, other)))
        return (fixed, max(0.0, slope)) if fixed >= 0 else (0.0, known[first] / first)

    def largest(self, limit_bytes: float) -> int:
        """The largest size that fits; 0 where not even one example does.

        Where steps have to run on real data, it is read off the line; likewise where the answer
        need not be verified, once a size near it has been followed.
        """
        if self.first.method == "real":
            return _within(limit_bytes, *self.line(limit_bytes), self.cap)
        for _ in range(_FOLLOWED):
            low, high = self._between(limit_bytes)
            most = _within(limit_bytes, *self.line(limit_bytes), self.cap)
            if min(high - 1, max(most, low)) <= low * _WORTH_IT:
                return low
            near = (n for n in self.followed if most <= _NEAR * n and n <= _NEAR * most)
            if not self._verify and most < high and any(near):
                return most
            held = _within(limit_bytes, *self.line(limit_bytes, self._held), self.cap)
            guess = next((size for size in (most, held) if low * _WORTH_IT < size < high), 0)
            self._follow(guess or (low + high) // 2)
        return self.known_to_fit(limit_bytes)

    def known_to_fit(self, limit_bytes: float) -> int:
        """The largest size followed so far that fits; 0 where none does."""
        return self._between(limit_bytes)[0]

    def _between(self, limit_bytes: float) -> tuple[int, int]:
        """The largest followed size that fits, and the smallest that does not (else cap + 1)."""
        fits = [size for size in self.followed if self._fits(size, limit_bytes)]
        fails = set(self.followed).difference(fits)
        return max(fits, default=0), min(fails, default=self.cap + 1)

    def _fits(self, size: int, limit_bytes: float) -> bool:
        if self._target.kind == "cpu":
            return self._bytes[size] <= limit_bytes
        room = int(limit_bytes) - self.overhead
        return room > 0 and _replay(self.followed[size], self._target, room).fits

    def _follow(self, size: int) -> Footprint:
        if size not in self.followed:
            plan = replace(self.plan, batch_size=size, micro_batch_size=size)
            self.followed[size] = footprint = self._subject.footprint(plan)
            self._bytes[size], self._held[size] = _totals(footprint, self._target, self.overhead)
        return self.followed[size]


def _totals(footprint: Footprint, target: MemoryTarget, overhead: int) -> tuple[int, int]:
    """Memory in use and memory held by the allocator, in bytes, overhead included."""
    if target.kind == "cpu":
        return (overhead + footprint.peak_bytes,) * 2
    reserved = _replay(footprint, target, target.total_bytes - overhead)
    if not reserved.fits:
        reserved = _replay(footprint, target, None)
    return overhead + reserved.allocated_bytes, overhead + reserved.reserved_bytes


def _replay(footprint: Footprint, target: MemoryTarget, limit_bytes: int | None) -> Reserved:
    workspaces = [(-1 - thread, target.workspace_bytes) for thread in range(_THREADS)]
    return replay([*workspaces, *footprint.events], limit_bytes)


def _within(limit_bytes: float, fixed: float, slope: float, cap: int) -> int:
    found = largest_within(limit_bytes, fixed, slope)
    return cap if found is None else min(found, cap)


def _cap(largest: int, cap: int, facts: WorkloadFacts) -> Cap:
    if largest < cap:
        return "memory"
    return "data_set_size" if cap == facts.train_examples else "max_batch_size"


def _resident_overhead(subject: _Followed, plan: StepPlan) -> int:
    """Resident memory of this process beyond the followed tensors, from a few small real steps."""
    subject.start(plan.optimizer, None, seed=0)
    batches = subject.hard_batches(plan.batch_size, 2)
    subject.device.reset_peak()
    for batch in batches:
        step(subject, batch, plan.batch_size, plan.inference)
    if not plan.inference:
        subject.evaluate()
    peak = subject.device.peak_bytes()
    return max(0, peak - subject.footprint(plan).peak_bytes)


class _WhatIf:
    """Follows alternative settings at the reference batch size and near the answer."""

    def __init__(
        self, subject: _Followed, search: _Search, target: MemoryTarget, found: int
    ) -> None:
        self._subject, self._search, self._target = subject, search, target
        reference = 2 * search.plan.batch_size
        self._near = max(found, reference) if search.first.method == "fake" else reference
        self._fixed, self._slope = search.line(target.total_bytes)
        taken = self._fixed + self._slope * found - search.overhead
        room = target.total_bytes - search.overhead
        share = taken / room if 0 < found < search.cap and 0 < taken < room else 1.0
        self._usable_share = share if target.kind == "cuda" else 1.0

    def _largest(self, target: MemoryTarget, overhead: int, fixed: float, slope: float) -> int:
        """The largest micro-batch by a line, with the fragmentation of the answer."""
        room = overhead + self._usable_share * (target.total_bytes - overhead)
        return _within(room, fixed, slope, self._search.cap)

    def row(self, kind: Change, name: str, plan: StepPlan) -> MemoryAlternative:
        """The memory of one alternative."""
        try:
            _, held = self._bytes(plan)
            if kind == "accumulation":
                return MemoryAlternative(kind, name, held, None)
            near = self._near
            plans = (replace(plan, batch_size=n, micro_batch_size=n) for n in (near // 2, near))
            points = [(each.batch_size, self._bytes(each)[0]) for each in plans]
        except UsageError as error:
            return MemoryAlternative(kind, name, None, None, Remark.of("text", text=str(error)))
        except Exception as error:
            if self._subject.is_out_of_memory(error):
                raise
            reason = Remark.of("cannot_be_followed", error=str(error))
            return MemoryAlternative(kind, name, None, None, reason)
        largest = self._largest(self._target, self._search.overhead, *line_through(*points))
        return MemoryAlternative(kind, name, held, largest)

    def on(self, device: MemoryTarget) -> MemoryAlternative:
        """The largest micro-batch on another device, by the line of this one."""
        moved = self._fixed - self._search.overhead + device.context_bytes
        moved += _THREADS * (device.workspace_bytes - self._target.workspace_bytes)
        largest = self._largest(device, device.context_bytes, moved, self._slope)
        return MemoryAlternative("device", device.name, None, largest)

    def _bytes(self, plan: StepPlan) -> tuple[int, int]:
        return _totals(self._subject.footprint(plan), self._target, self._search.overhead)


def _what_if(
    what_if: _WhatIf, facts: WorkloadFacts, plan: StepPlan, progress: Progress
) -> tuple[MemoryAlternative, ...]:
    """Other optimizers, precisions, gradient checkpointing, and accumulation."""
    changes = list(_changes(facts, plan))
    rows: list[MemoryAlternative] = []
    for number, change in enumerate(changes):
        rows.append(what_if.row(*change))
        progress(0.4 + 0.6 * (number + 1) / len(changes))
    return tuple(rows)


def _changes(facts: WorkloadFacts, plan: StepPlan) -> Iterator[tuple[Change, str, StepPlan]]:
    """(kind, name, plan) of every change to a plan."""
    for one in facts.optimizers if not plan.inference else ():
        yield "optimizer", one.name, replace(plan, optimizer=one.name)
    yield "precision", "fp32", replace(plan, precision="fp32")
    yield "precision", "bf16", replace(plan, precision="bf16")
    if plan.inference:
        return
    yield "checkpointing", "repeated_blocks", replace(plan, checkpointing=True)
    for steps in (2, 4):
        micro = -(-plan.batch_size // steps)
        if plan.batch_size >= 2 * steps:
            yield "accumulation", f"{steps}x{micro}", replace(plan, micro_batch_size=micro)
