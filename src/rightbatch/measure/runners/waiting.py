"""Training runs that paused and wait, alive, to go on."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import psutil

from rightbatch.measure.runners.call import Call
from rightbatch.records import Probe, TrainingProbe

_AT_MOST = 4


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """Memory of the device that a training run took.

    Attributes:
        peak_bytes: The most so far; 0 where it is not told.
        held_bytes: What it holds now.
    """

    peak_bytes: int
    held_bytes: int


class Waiting:
    """The processes of paused runs, the one that paused first first.

    Each holds its memory, so there are few, and they make room for other trials.
    """

    def __init__(self) -> None:
        self._calls: dict[tuple[str, int, str, int], tuple[Call, MemoryUse]] = {}
        self._peaks: dict[tuple[str, int], int] = {}

    def take(self, probe: Probe) -> Call | None:
        """The process of the run that a probe names, to go on with; None where it is gone."""
        if not isinstance(probe, TrainingProbe):
            return None
        if probe.run not in self._calls:
            return None
        call, _ = self._calls.pop(probe.run)
        if call.paused:
            return call
        call.end()
        return None

    def make_room(
        self, probes: Sequence[Probe], limit_bytes: int | None, each_bytes: int = 0
    ) -> None:
        """End processes until those left and the trials under way share the device's memory.

        A trial of which it is not known what it needs has all that it may use.

        Args:
            probes: What the trials under way carry out, the next one included.
            limit_bytes: Memory that all share; None where it is not known, and nothing is left.
            each_bytes: What every process but one takes besides.
        """
        if limit_bytes is None:
            self.end_all()
            return
        need = sum(self._need(p, limit_bytes) for p in probes) + each_bytes * (len(probes) - 1)
        while self._calls and need + self._held_bytes() > limit_bytes:
            self._end_oldest()

    def make_room_on_host(self) -> None:
        """End processes while the machine's own memory would not hold another as large."""
        while self._calls:
            largest = max(call.peak_bytes for call, _ in self._calls.values())
            if psutil.virtual_memory().available >= largest:
                return
            self._end_oldest()

    def put(self, probe: Probe, call: Call, use: MemoryUse) -> None:
        """Keep the process of a run that paused; note what memory the run took."""
        if not isinstance(probe, TrainingProbe):
            return
        if use.peak_bytes:
            kind = (probe.optimizer, probe.examples_at_once)
            self._peaks[kind] = max(self._peaks.get(kind, 0), use.peak_bytes)
        if call.paused:
            self._calls[probe.run] = call, use
        if len(self._calls) > _AT_MOST:
            self._end_oldest()

    def __len__(self) -> int:
        """Number of processes that wait."""
        return len(self._calls)

    def end_all(self) -> None:
        """End every process."""
        while self._calls:
            self._end_oldest()

    def _need(self, probe: Probe, limit_bytes: int) -> int:
        """At most what runs of the same optimizer took, in proportion where theirs were smaller.

        A line of bytes against micro-batch sizes, which starts at what is fixed, lies below. All
        that the trial may use where none ran.
        """
        if not isinstance(probe, TrainingProbe):
            return limit_bytes
        size = probe.examples_at_once
        took = (
            math.ceil(max(1.0, size / known) * peak)
            for (name, known), peak in self._peaks.items()
            if name == probe.optimizer
        )
        return min((limit_bytes // probe.at_once, *took))

    def _held_bytes(self) -> int:
        return sum(use.held_bytes for _, use in self._calls.values())

    def _end_oldest(self) -> None:
        call, _ = self._calls.pop(next(iter(self._calls)))
        call.end()
