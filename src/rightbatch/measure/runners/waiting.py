"""Training runs that paused and wait, alive, to go on."""

import math
from collections.abc import Sequence

from rightbatch.measure.runners.call import Call
from rightbatch.records import Probe, TrainingProbe

_AT_MOST = 4


class Waiting:
    """The processes of paused runs, the one that paused first first.

    Each holds its memory, so there are few, and they make room for other trials.
    """

    def __init__(self) -> None:
        self._calls: dict[tuple[str, int, str, int], Call] = {}
        self._peaks: dict[tuple[str, int], int] = {}

    def take(self, probe: Probe) -> Call | None:
        """The process of the run that a probe names, to go on with; None where it is gone."""
        if not isinstance(probe, TrainingProbe):
            return None
        call = self._calls.pop(probe.run, None)
        if call is not None and not call.paused:
            call.end()
            return None
        return call

    def make_room(self, probes: Sequence[Probe], limit_bytes: int | None) -> None:
        """End processes until those left and the trials under way share the memory limit.

        A trial of which it is not known what it needs has all that it may use. Nothing is left
        where the memory that counts is a device's own, which is not seen from here.

        Args:
            probes: What the trials under way carry out, the next one included.
            limit_bytes: Memory that all share; None for a device's own.
        """
        need = None if limit_bytes is None else sum(self._need(p, limit_bytes) for p in probes)
        while self._calls:
            used = sum(call.peak_bytes for call in self._calls.values())
            if need is not None and limit_bytes is not None and used + need <= limit_bytes:
                return
            self._end_oldest()

    def put(self, probe: Probe, call: Call) -> None:
        """Keep the process of a run that paused; note what memory the run took."""
        if not isinstance(probe, TrainingProbe):
            return
        kind = (probe.optimizer, _micro_batch_size(probe))
        self._peaks[kind] = max(self._peaks.get(kind, 0), call.peak_bytes)
        if call.paused:
            self._calls[probe.run] = call
        if len(self._calls) > _AT_MOST:
            self._end_oldest()

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
        size = _micro_batch_size(probe)
        took = (
            math.ceil(max(1.0, size / known) * peak)
            for (name, known), peak in self._peaks.items()
            if name == probe.optimizer
        )
        return min((limit_bytes // probe.at_once, *took))

    def _end_oldest(self) -> None:
        self._calls.pop(next(iter(self._calls))).end()


def _micro_batch_size(probe: TrainingProbe) -> int:
    return min(probe.batch_size, probe.micro_batch_size)
