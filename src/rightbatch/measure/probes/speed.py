"""Step times at several batch sizes, interleaved in one process, and mean power."""

import math
import os
import time
from collections.abc import Callable, Iterator
from functools import partial

from rightbatch.measure.ports import Batch, Device, Progress, Subject
from rightbatch.records import Outcome, SpeedProbe, SpeedResult, SpeedSample, Status
from rightbatch.science.stats import median_interval

_TIMING_SECONDS = 0.03
"""Steps are repeated until a timing lasts this long, far above the clock's resolution."""
_LEAST_STEPS = 6
"""Steps that must fit in the time for a size to be timed."""
_MIN_SAMPLES, _MAX_ROUNDS = 6, 25
_COMPILING_SHARE = 0.6
_MIN_SIZES = 3
"""Sizes timed besides the first, even where compiling them takes a larger share of the time."""
_POWER_SHARE = 0.25
"""Share of the time reserved for power where the device counts energy."""
_LEAST_POWERS = 3
"""Sizes whose power is measured even when the time is up."""
_WINDOW_SECONDS = 0.5
"""Shortest window for power: some counters are updated only ten times a second."""
_AHEAD = 2
"""Batches that each worker loads ahead, PyTorch's default."""
_IN_A_ROW = 3
"""Timings per opened stream where workers load in parallel with the steps."""
_NARROW = 0.02
"""Rounds end early once every median is known to within 2%."""


class _Timer:
    """Times steps of one batch size on a stream of real batches."""

    def __init__(self, subject: Subject, batch_size: int, micro_batch_size: int) -> None:
        self.batch_size = batch_size
        self.steps = 1
        self.seconds = 0.0
        self._subject = subject
        self._micro = min(batch_size, micro_batch_size)
        self._batches: Iterator[Batch] | None = None

    def warm_up(self) -> float:
        """Run two steps, uncounted; the second sets the number of steps per timing.

        Returns:
            How much longer the first took than the second, in seconds: mostly compiling.
        """
        first, second = self.sample(-1), self.sample(-1)
        wanted = max(1, round(_TIMING_SECONDS / max(second.step_seconds, 1e-9)))
        at_a_time = max(1, self._subject.loaders)  # batches arrive in bursts of that many
        self.steps = at_a_time * math.ceil(wanted / at_a_time)
        self.seconds = self.steps * second.step_seconds
        self.rest()
        return max(0.0, first.compute_seconds - second.compute_seconds)

    def turn(self, round_number: int, late: bool) -> list[SpeedSample]:
        """The timings of a round, or a single one where the time is up.

        Workers that load in parallel would continue while other sizes are timed, and have more
        batches ready than in training. They are restarted, and timing begins once they have
        reached their steady pace.
        """
        loaders = self._subject.loaders
        if not loaders:
            return [self.sample(round_number)]
        begin = time.perf_counter()
        for _ in range(math.ceil(_AHEAD * loaders / self.steps)):
            self.sample(-1)
        samples = [self.sample(round_number) for _ in range(1 if late else _IN_A_ROW)]
        self.rest()
        self.seconds = time.perf_counter() - begin
        return samples

    def rest(self) -> None:
        """Stop the loaders, which take time from other sizes and keep batches in memory."""
        if self._subject.loaders:
            self._batches = None

    def sample(self, round_number: int) -> SpeedSample:
        """Time the next steps, loading and computing separately."""
        subject, loading, computing, done = self._subject, 0.0, 0.0, 0
        if self._batches is None:
            self._batches = subject.batches(self.batch_size, seed=1)
        while done < self.steps:
            begin = time.perf_counter()
            batch = next(self._batches)
            loaded = time.perf_counter()
            if subject.size(batch) < self.batch_size:
                continue  # the short last batch of an epoch has another size
            subject.step(batch, self._micro)
            subject.synchronize()
            computing += time.perf_counter() - loaded
            loading += loaded - begin
            done += 1
        return SpeedSample(
            self.batch_size, self.steps, computing / done, loading / done, round_number
        )


def measure_speed(
    subject: Subject, probe: SpeedProbe, progress: Progress
) -> tuple[Outcome, SpeedResult]:
    """Warm up every size, then time all sizes in interleaved rounds until the time is up.

    Where the device counts energy, a quarter of the time goes to measuring power at each size.

    Sizes come in ascending order; the first whose steps would take more than a sixth of the time,
    extrapolated from its predecessor, is left out with all larger ones. Where compiling takes too
    long for every size, some in between are left out.
    """
    begin = time.perf_counter()
    subject.start(probe.optimizer, None, seed=0)
    smallest = next(subject.batches(min(*probe.batch_sizes, probe.micro_batch_size), seed=2))
    flops = subject.flops(smallest)
    peak = subject.peak_flops_per_second()
    subject.start(probe.optimizer, None, seed=0)
    timers = [_Timer(subject, probe.batch_sizes[0], probe.micro_batch_size)]
    compiling = timers[0].warm_up()
    for batch_size in _worth_compiling(probe.batch_sizes[1:], compiling, probe.seconds):
        last = timers[-1]
        step_seconds = last.seconds / last.steps * batch_size / last.batch_size
        if max(_LEAST_STEPS, 2 + (_AHEAD + 1) * subject.loaders) * step_seconds > probe.seconds:
            break
        timers.append(_Timer(subject, batch_size, probe.micro_batch_size))
        timers[-1].warm_up()
    before, elsewhere = time.perf_counter(), subject.device.other_core_seconds()
    deadline, counted = begin + probe.seconds, subject.device.energy_joules() is not None
    kept = _POWER_SHARE * probe.seconds if counted else 0.0
    samples, utilisation = _rounds(subject, timers, deadline - kept, probe.seconds, progress)
    power = _power(subject, timers, deadline) if counted else ()
    others = subject.device.other_core_seconds() - elsewhere
    load = others / (os.cpu_count() or 1) / (time.perf_counter() - before)
    timed = {timer.batch_size for timer in timers}
    return Outcome(Status.OK), SpeedResult(
        samples=tuple(samples),
        left_out=tuple(size for size in probe.batch_sizes if size not in timed),
        flops_per_example=None if flops is None else flops / subject.size(smallest),
        peak_flops_per_second=peak,
        device_utilisation=max(utilisation, default=None),
        other_load=min(max(load, 0.0), 1.0),
        power_watts=power,
    )


def _power(
    subject: Subject, timers: list[_Timer], deadline: float
) -> tuple[tuple[int, float], ...]:
    """Mean power at both ends and in the middle, then at as many other sizes as time allows."""
    watts_of: dict[int, float] = {}
    order = _spread(len(timers))
    for done, place in enumerate(order):
        timer, left = timers[place], deadline - time.perf_counter()
        if done >= _LEAST_POWERS and timer.seconds > left:
            continue
        seconds = min(_WINDOW_SECONDS, max(0.0, left / (len(order) - done)))
        watts = mean_power(subject.device, partial(timer.sample, -1), seconds)
        timer.rest()
        if watts is not None:
            watts_of[timer.batch_size] = watts
    return tuple(sorted(watts_of.items()))


def mean_power(device: Device, step: Callable[[], object], seconds: float) -> float | None:
    """Mean power during steps, in watts; None without a usable counter.

    Measured between two updates of the counter, so that rare updates cause no error. A counter that
    stands still for half a second longer, or is reset meanwhile, is not usable.

    Args:
        device: The device whose energy is counted.
        step: Runs some steps and waits for them.
        seconds: Shortest duration.
    """
    before = device.energy_joules()
    if before is None:
        return None
    began: tuple[float, float] | None = None
    moved = time.perf_counter()
    until = moved + seconds
    while True:
        step()
        moment, joules = time.perf_counter(), device.energy_joules()
        if joules is None:
            return None
        if joules == before:
            if moment > max(until, moved) + _WINDOW_SECONDS:
                return None
            continue
        if began is None:
            began = moment, joules
        elif moment >= until:
            watts = (joules - began[1]) / (moment - began[0])
            return watts if watts > 0 else None
        before, moved = joules, moment


def _spread(count: int) -> list[int]:
    """Indices of a row: its ends, then the middle of every gap, widest first."""
    order, gaps = [count - 1, 0], [(0, count - 1)]
    for low, high in gaps:
        middle = (low + high) // 2
        if middle not in (low, high):
            order.append(middle)
            gaps += [(low, middle), (middle, high)]
    return list(dict.fromkeys(order))


def _worth_compiling(sizes: tuple[int, ...], compiling: float, seconds: float) -> list[int]:
    """The sizes that can be compiled in a share of the time, spread evenly, the last included."""
    affordable = int(_COMPILING_SHARE * seconds / compiling) if compiling > 0 else len(sizes)
    count = min(len(sizes), max(_MIN_SIZES, affordable))
    return [sizes[(place + 1) * len(sizes) // count - 1] for place in range(count)]


def _rounds(
    subject: Subject, timers: list[_Timer], deadline: float, seconds: float, progress: Progress
) -> tuple[list[SpeedSample], list[float]]:
    """Interleaved timings: all sizes once, then more rounds while there is time."""
    samples: list[SpeedSample] = []
    utilisation: list[float] = []
    for round_number in range(_MAX_ROUNDS):
        for timer in timers:
            left = deadline - time.perf_counter()
            if round_number > 0 and timer.seconds > left:
                continue
            samples += timer.turn(round_number, late=left < 0)
            busy = subject.device.utilisation()
            if busy is not None:
                utilisation.append(busy)
            progress(min(1.0, 1 - left / seconds))
        if time.perf_counter() > deadline or _narrow(samples, timers):
            break
    return samples, utilisation


def _narrow(samples: list[SpeedSample], timers: list[_Timer]) -> bool:
    """Whether the median step time of every size is known precisely enough."""
    for timer in timers:
        own = [s.step_seconds for s in samples if s.batch_size == timer.batch_size]
        if len(own) < _MIN_SAMPLES:
            return False
        median = median_interval(own)
        low, high = median.low, median.high
        if low is None or high is None or high - low > 2 * _NARROW * median.value:
            return False
    return True
