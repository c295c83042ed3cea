"""Paused training runs, kept alive to be resumed."""

import math
from collections.abc import Sequence

import psutil

from rightbatch.measure.runners.call import Call
from rightbatch.records import Probe, TrainingProbe

_AT_MOST = 4


class Waiting:
    """The processes of paused runs, the longest paused first.

    Each holds its memory, so only a few are kept, and they make room for other trials.
    """

    def __init__(self) -> None:
        self._calls: dict[tuple[str, int, str, int], tuple[Call, int]] = {}
        self._peaks: dict[tuple[str, int], int] = {}

    def take(self, probe: Probe) -> Call | None:
        """The paused process of a probe's run, to be resumed; None where there is none."""
        if not isinstance(probe, TrainingProbe) or probe.run not in self._calls:
            return None
        call, _ = self._calls.pop(probe.run)
        if call.paused:
            return call
        call.end()
        return None

    def make_room(
        self, probes: Sequence[Probe], limit_bytes: int | None, each_bytes: int = 0
    ) -> None:
        """End processes until the rest and the trials under way fit in the device's memory.

        A trial of unknown need counts with all the memory it may use.

        Args:
            probes: Probes of the trials under way, the next one included.
            limit_bytes: Memory that all share; None where it is unknown: then every process ends.
            each_bytes: Overhead of every process but the first.
        """
        if limit_bytes is None:
            self.end_all()
            return
        need = sum(self._need(p, limit_bytes) for p in probes) + each_bytes * (len(probes) - 1)
        while self._calls and need + sum(held for _, held in self._calls.values()) > limit_bytes:
            self._end_oldest()

    def make_room_on_host(self) -> None:
        """End processes until the host's memory would hold another as large as the largest."""
        while self._calls and psutil.virtual_memory().available < max(
            call.peak_bytes for call, _ in self._calls.values()
        ):
            self._end_oldest()

    def put(self, probe: Probe, call: Call, peak_bytes: int, held_bytes: int) -> None:
        """Keep the process of a paused run, and record the device memory of the run.

        Args:
            probe: Its probe.
            call: Its process.
            peak_bytes: Highest use so far; 0 where it is not reported.
            held_bytes: Memory it holds while paused.
        """
        if not isinstance(probe, TrainingProbe):
            return
        if peak_bytes:
            kind = (probe.optimizer, probe.examples_at_once)
            self._peaks[kind] = max(self._peaks.get(kind, 0), peak_bytes)
        if call.paused:
            self._calls[probe.run] = call, held_bytes
        if len(self._calls) > _AT_MOST:
            self._end_oldest()

    def __len__(self) -> int:
        """Number of paused processes."""
        return len(self._calls)

    def end_all(self) -> None:
        """End every process."""
        while self._calls:
            self._end_oldest()

    def _need(self, probe: Probe, limit_bytes: int) -> int:
        """Upper bound on a trial's memory, from earlier runs of the same optimizer.

        The peak of a smaller micro-batch is scaled in proportion to its size, which overestimates,
        as part of it is fixed. Without an earlier run, all that the trial may use.
        """
        if not isinstance(probe, TrainingProbe):
            return limit_bytes
        took = (
            math.ceil(max(1.0, probe.examples_at_once / known) * peak)
            for (name, known), peak in self._peaks.items()
            if name == probe.optimizer
        )
        return min((limit_bytes // probe.at_once, *took))

    def _end_oldest(self) -> None:
        self._calls.pop(next(iter(self._calls)))[0].end()
