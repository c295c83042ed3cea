"""What each probe measures, carried out in this process on small real workloads."""

import math
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from itertools import islice, pairwise
from statistics import median

import psutil
import pytest
import torch
from torch import nn
from torch.utils.data import Dataset

from rightbatch.api.references import preload, reference
from rightbatch.measure.carry_out import carry_out
from rightbatch.measure.devices.cpu import CpuDevice
from rightbatch.measure.ports import Job
from rightbatch.measure.probes.training import exploded
from rightbatch.measure.runners import LocalRunner
from rightbatch.records import (
    DescribeProbe,
    MemoryProbe,
    NoiseProbe,
    Remark,
    SpeedProbe,
    Status,
    TrainingProbe,
)
from rightbatch.report.sentences import outcome_sentence
from rightbatch.science.evaluations import evaluation_examples
from rightbatch.science.noise import noise_scale
from rightbatch.torch import Workload

N = 512
EVALUATION_SECONDS = 0.02
GIB = 2**30
MIB = 2**20


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def mse(net, batch):
    return nn.functional.mse_loss(net(batch[0]), batch[1])


def error(net, batches):
    return sum(float(mse(net, batch)) for batch in batches) / len(batches)


def line(**changes):
    """A factory of linear regression with noise of variance 0.01."""

    def factory():
        generator = torch.Generator().manual_seed(0)
        x = torch.randn(N, 8, generator=generator)
        y = x.sum(1, keepdim=True) + 0.1 * torch.randn(N, 1, generator=generator)
        plain = {
            "model": lambda: nn.Linear(8, 1),
            "train_data": (x[:-64], y[:-64]),
            "valid_data": (x[-64:], y[-64:]),
            "loss": mse,
            "metric": error,
            "goal": "error <= 0.05",
            "optimizer": torch.optim.SGD,
            "batch_size": 16,
            "learning_rate": 0.05,
        }
        return Workload(**(plain | changes))

    return factory


def measure(factory, probe, told=None):
    shares = [] if told is None else told
    job = Job(reference(factory), probe, device="cpu", threads=1)
    outcome, result = carry_out(job, shares.append)
    assert all(0 <= share <= 1 for share in shares)
    return outcome, result


def measure_parts(factory, probes):
    """What a run that may pause tells at each pause and in the end."""
    job = Job(reference(factory), probes[0], device="cpu", threads=1)
    parts = carry_out(job, lambda done: None)
    told = [next(parts)]
    for probe in probes[1:]:
        try:
            told.append(parts.send(replace(job, probe=probe)))
        except StopIteration as end:
            told.append(end.value)
    return told


def training(**changes):
    plain = {
        "optimizer": "SGD", "batch_size": 16, "micro_batch_size": 64, "learning_rate": 0.05,
        "seed": 0, "max_steps": 2000, "max_seconds": 20.0, "seconds_limit": 60.0,
    }  # fmt: skip
    return TrainingProbe(**(plain | changes))


def test_a_first_look_tells_facts_and_hardware():
    outcome, result = measure(line(), DescribeProbe())
    assert outcome.status is Status.OK
    assert (result.facts.train_examples, result.facts.valid_examples) == (N - 64, 64)
    assert result.facts.parameters == 9
    assert result.hardware.threads == 1
    assert {"torch", "python"} <= dict(result.hardware.versions).keys()
    assert 0 < result.hardware.memory_limit_bytes <= result.hardware.memory_bytes


def test_training_stops_at_the_first_evaluation_that_meets_the_goal():
    outcome, result = measure(line(), training())
    assert outcome.status is Status.OK
    assert outcome.reason is None
    *before, last = result.points
    assert last.metric <= 0.05
    assert before
    assert all(point.metric > 0.05 for point in before)
    assert all(a.step < b.step and a.seconds < b.seconds for a, b in pairwise(result.points))
    assert all(point.examples == 16 * point.step for point in result.points)
    assert result.train_seconds == last.seconds


def test_training_stops_after_its_steps():
    told = []
    outcome, result = measure(line(goal="error <= 0"), training(max_steps=50), told)
    assert outcome.status is Status.GOAL_NOT_REACHED
    settings = {"batch_size": 16, "learning_rate": 0.05, "step": 50}
    assert outcome.reason == Remark.of("given_up_limit", **settings, limit="steps")
    assert result.points[-1].step == 50
    assert told[-1] == 1.0


def test_a_run_in_parts_is_the_run_in_one_piece():
    """Weights, data order and evaluations are those of a run that never paused."""
    factory = line(goal="error <= 0")
    _, whole = measure(factory, training(max_steps=90))
    parts = measure_parts(factory, [training(max_steps=n, pause=True) for n in (17, 40, 90)])
    assert [outcome.status for outcome, _ in parts] == [Status.GOAL_NOT_REACHED] * 3
    results = [result for _, result in parts]
    told = {point.step: point.metric for point in results[-1].points}
    assert {point.step: point.metric for point in whole.points}.items() <= told.items()
    assert [result.points[-1].step for result in results] == [17, 40, 90]
    for before, after in pairwise(results):
        assert after.points[: len(before.points)] == before.points
        assert after.earlier_seconds == before.train_seconds < after.train_seconds
        assert after.other_seconds > 0
    assert results[0].earlier_seconds == 0
    assert all(result.peak_bytes > 0 for result in results)


def test_a_run_in_parts_ends_where_it_reaches_the_goal():
    asked = [training(max_steps=20, pause=True), training(pause=True)]
    *_, (outcome, result) = measure_parts(line(), asked)
    assert outcome.status is Status.OK
    assert result.points[-1].metric <= 0.05


def test_training_stops_after_its_seconds():
    outcome, result = measure(
        line(goal="error <= 0"), training(max_steps=10**9, max_seconds=0.3, learning_rate=1e-3)
    )
    assert outcome.status is Status.GOAL_NOT_REACHED
    assert (outcome.reason.code, outcome.reason["limit"]) == ("given_up_limit", "seconds")
    assert 0.3 <= result.train_seconds < 0.6


def test_the_seconds_of_a_run_that_goes_on_count_from_there():
    for_ever = {"max_steps": 10**9, "learning_rate": 1e-3, "pause": True}
    asked = [training(max_seconds=0.2, **for_ever), training(max_seconds=0.1, **for_ever)]
    (_, first), (_, second) = measure_parts(line(goal="error <= 0"), asked)
    assert second.earlier_seconds == first.train_seconds >= 0.2
    assert second.train_seconds - second.earlier_seconds >= 0.1


def test_training_keeps_what_it_measured_when_the_deadline_comes_near():
    """The time to load the workload counts."""

    def slow():
        time.sleep(0.8)
        return line(goal="error <= 0")()

    measure(line(), training(max_steps=1))  # PyTorch's first optimizer imports for long
    begin = time.perf_counter()
    outcome, result = measure(
        slow, training(max_steps=10**9, seconds_limit=2.0, learning_rate=1e-3)
    )
    assert 1.7 < time.perf_counter() - begin < 2.4
    assert outcome.status is Status.GOAL_NOT_REACHED
    assert outcome.reason.code == "given_up_late"
    assert len(result.points) > 3


def test_a_missed_milestone_ends_a_run_at_its_next_evaluation():
    slow = training(learning_rate=1e-5, milestones=((20, 1e9), (60, 0.5)))
    outcome, result = measure(line(), slow)
    assert outcome.status is Status.GOAL_NOT_REACHED
    assert outcome.reason.code == "given_up_behind"
    assert (outcome.reason["milestone_step"], outcome.reason["milestone"]) == (60, 0.5)
    assert result.points[-2].step < 60 <= result.points[-1].step


def test_a_milestone_that_is_met_changes_nothing():
    _, free = measure(line(), training())
    outcome, held = measure(line(), training(milestones=((20, 4.0), (60, 0.5))))
    assert outcome.status is Status.OK
    assert [p.metric for p in held.points] == [p.metric for p in free.points]


def test_a_metric_undefined_at_first_does_not_hide_a_missed_milestone():
    calls = []

    def undefined_at_first(net, batches):
        calls.append(1)
        return math.nan if len(calls) == 1 else 5.0

    outcome, _ = measure(
        line(metric=undefined_at_first), training(milestones=((60, 0.5),), max_steps=500)
    )
    assert "at step 60 (metric 5, needed 0.5)" in outcome_sentence(outcome)


@pytest.mark.parametrize("learning_rate", [1e30, 3.0])
def test_a_learning_rate_too_large_is_an_outcome_with_advice(learning_rate):
    outcome, result = measure(line(), training(learning_rate=learning_rate))
    assert outcome.status is Status.DIVERGED
    assert f"learning rate {learning_rate:.3g} diverged" in outcome_sentence(outcome)
    assert outcome.reason["step"] == result.points[-1].step
    assert result.points[-1].step < 2000
    if learning_rate == 1e30:
        assert math.isnan(result.points[-1].metric)


def test_a_bug_in_the_users_code_is_not_an_outcome():
    def loss(net, batch):
        return {}["label"]

    with pytest.raises(KeyError, match="label"):
        measure(line(loss=loss), training())


def test_evaluations_come_after_the_same_examples_at_every_batch_size():
    due = [*islice(evaluation_examples(N - 64), 90)]
    for batch_size in (1, 16, 64):
        _, result = measure(
            line(goal="error <= 0"),
            training(batch_size=batch_size, learning_rate=0.005, max_steps=1200 // batch_size),
        )
        points = result.points[:-1]  # the last one comes with the last step
        passed = [max(x for x in due if x <= point.examples) for point in points]
        assert len(set(passed)) == len(points) > 10
        for point, x in zip(points, passed, strict=True):
            assert point.examples - x < batch_size


def test_evaluations_are_dense_in_examples_but_few_in_all():
    due = [*islice(evaluation_examples(1437), 80)]
    assert due[0] == 45
    assert all(1.04 < b / a < 1.1 for a, b in pairwise(due))
    tiny = [*islice(evaluation_examples(3), 10)]
    assert tiny == sorted(set(tiny))


def test_training_seconds_leave_evaluation_out():
    def slow(net, batches):
        time.sleep(EVALUATION_SECONDS)
        return error(net, batches)

    _, result = measure(line(metric=slow, goal="error <= 0"), training(max_steps=300))
    evaluating = EVALUATION_SECONDS * len(result.points)
    assert evaluating > 0.5
    assert result.other_seconds >= evaluating
    assert result.train_seconds < evaluating / 2


def test_a_run_over_an_epoch_counts_its_short_batches():
    _, result = measure(line(goal="error <= 0"), training(batch_size=300, max_steps=4))
    assert result.points[-1].examples == 2 * (N - 64)


WIDTH, LAYERS = 700, 6
PARAMETER_BYTES = 4 * WIDTH * WIDTH * LAYERS


def wide():
    """A model of 11 MiB of parameters, small activations and no tensor larger than the rest."""
    x = torch.randn(4096, 8)
    return Workload(
        model=lambda: nn.Sequential(
            nn.Linear(8, WIDTH), *(nn.Linear(WIDTH, WIDTH) for _ in range(LAYERS)),
            nn.Linear(WIDTH, 1),
        ),
        train_data=(x, x[:, :1]), valid_data=(x[:8], x[:8, :1]), loss=mse, metric=error,
        goal="error <= 0", optimizer=torch.optim.SGD, batch_size=16, learning_rate=1e-3,
    )  # fmt: skip


def peaks(factory, *asked, inference=False):
    """Peaks of fresh processes above what they hold before the first step, in bytes.

    Args:
        factory: Gives the workload.
        *asked: (optimizer, batch size) pairs.
        inference: Whether forward passes alone are made.
    """
    where = reference(factory)
    runner = LocalRunner(Job(where, DescribeProbe(), device="cpu", threads=1), preload(where))
    found = []
    try:
        for optimizer, batch_size in asked:
            probe = MemoryProbe(optimizer, batch_size, 2 * GIB, inference=inference)
            outcome, result = runner.run(probe, lambda _: None)
            assert outcome.status is Status.OK
            assert result.step_seconds > 0
            found.append(result.peak_bytes - result.baseline_bytes)
    finally:
        runner.close()
    assert min(found) > 0
    return found


def test_peak_memory_counts_the_optimizers_state():
    plain, adam = peaks(wide, ("SGD", 4), ("adam", 4))
    copies = (adam - plain) / PARAMETER_BYTES
    assert 1.7 < copies < 4  # two moments, and what its arithmetic holds meanwhile


def activations():
    """Linear layers without parameters to speak of, whose activations are everything."""
    x = torch.randn(4096, 4)
    return Workload(
        model=lambda: nn.Sequential(nn.Linear(4, 8192), nn.Tanh(), nn.Linear(8192, 1)),
        train_data=(x, x[:, :1]), valid_data=(x[:8], x[:8, :1]), loss=mse, metric=error,
        goal="error <= 0", optimizer=torch.optim.SGD, batch_size=16, learning_rate=1e-4,
    )  # fmt: skip


@pytest.fixture(scope="module")
def peaks_of_activations():
    """By batch size, and of a forward pass alone at the largest."""
    sizes = (1536, 2304, 3072)
    trained = peaks(activations, *(("SGD", size) for size in sizes))
    (forward,) = peaks(activations, ("SGD", 3072), inference=True)
    return dict(zip(sizes, trained, strict=True)), forward


def test_inference_keeps_no_activations_and_no_state(peaks_of_activations):
    """A forward pass holds two of the tensors that training keeps at once."""
    training, forward = peaks_of_activations
    assert forward < 0.8 * training[3072]


def test_peak_memory_grows_linearly_with_the_batch(peaks_of_activations):
    """Activations of 48 MiB and more: below 32 MiB the C library may keep what was freed."""
    small, middle, large = peaks_of_activations[0].values()
    assert 2 * 4 * 8192 * 0.9 < (large - small) / 1536 < 5 * 4 * 8192
    assert middle == pytest.approx((small + large) / 2, rel=0.1)


def test_a_peak_over_the_limit_is_out_of_memory():
    outcome, result = measure(activations, MemoryProbe("SGD", 2048, 100 * MIB))
    assert outcome.status is Status.OUT_OF_MEMORY
    assert result.peak_bytes > 100 * MIB
    assert outcome.reason == Remark.of("micro_batch_too_large", micro_batch_size=2048)


@pytest.mark.parametrize(
    ("probe", "micro"),
    [
        (MemoryProbe("SGD", 32, GIB), 32),
        (SpeedProbe("SGD", (16, 64), 48, 1.0), 48),
        (NoiseProbe("SGD", 16, 0.1, 4, 8, 4, (0,), 0, 1.0), 16),
        (training(batch_size=16, micro_batch_size=64), 16),
    ],
)
def test_the_frameworks_out_of_memory_is_an_outcome_with_the_micro_batch_in_it(probe, micro):
    def loss(net, batch):
        return torch.empty(2**58, dtype=torch.uint8)

    outcome, result = measure(line(loss=loss), probe)
    assert outcome.status is Status.OUT_OF_MEMORY
    assert result is None
    assert outcome.reason == Remark.of("micro_batch_too_large", micro_batch_size=micro)


def test_a_model_that_does_not_fit_is_told_without_a_micro_batch():
    def model():
        torch.empty(2**58, dtype=torch.uint8)

    outcome, _ = measure(line(model=model), DescribeProbe())
    assert outcome.status is Status.OUT_OF_MEMORY
    assert outcome.reason == Remark.of("workload_too_large")


LOAD_SECONDS = 0.001


class SlowToLoad(Dataset):
    def __len__(self):
        return 100

    def __getitem__(self, index):
        time.sleep(LOAD_SECONDS)
        return torch.full((8,), index / 100), torch.tensor([index / 100])


def test_speed_interleaves_its_sizes_and_leaves_warm_up_out():
    told = []
    outcome, result = measure(line(), SpeedProbe("SGD", (8, 32, 128), 128, 6.0), told)
    assert outcome.status is Status.OK
    order = [(s.round, s.batch_size) for s in result.samples]
    assert order == sorted(order)
    rounds = {s.round for s in result.samples}
    assert rounds == set(range(len(rounds)))
    assert len(rounds) >= 3
    for size in (8, 32, 128):
        assert sum(s.batch_size == size for s in result.samples) >= 3
    assert all(s.steps >= 1 and s.compute_seconds > 0 for s in result.samples)
    assert result.left_out == ()
    assert told == sorted(told)


def test_speed_measures_power_at_every_size_where_the_devices_energy_is_counted(monkeypatch):
    monkeypatch.setattr(CpuDevice, "energy_joules", lambda self: 70.0 * time.perf_counter())
    _, result = measure(line(), SpeedProbe("SGD", (8, 32, 128), 128, 3.0))
    assert [size for size, _ in result.power_watts] == [8, 32, 128]
    assert all(watts == pytest.approx(70.0, rel=0.1) for _, watts in result.power_watts)
    assert all(sample.round >= 0 for sample in result.samples)


def test_power_is_measured_at_the_ends_and_the_middle_even_where_time_is_over(monkeypatch):
    monkeypatch.setattr(CpuDevice, "energy_joules", lambda self: 70.0 * time.perf_counter())
    _, result = measure(line(), SpeedProbe("SGD", (1, 2, 4, 8, 16, 32, 64), 64, 0.05))
    timed = sorted({sample.batch_size for sample in result.samples})
    measured = [size for size, _ in result.power_watts]
    assert {timed[0], timed[(len(timed) - 1) // 2], timed[-1]} <= set(measured)


def test_speed_counts_operations_per_example():
    _, result = measure(line(), SpeedProbe("SGD", (8, 32), 32, 0.3))
    assert 2 * 2 * 8 <= result.flops_per_example <= 3 * 2 * 8
    assert result.peak_flops_per_second > 1e9
    assert result.device_utilisation is None
    assert CpuDevice().energy_joules() is not None or result.power_watts == ()


def test_speed_counts_operations_of_a_micro_batch_where_the_batch_is_too_large_to_run_whole():
    def loss(net, batch):
        assert len(batch[0]) <= 16
        return mse(net, batch)

    _, result = measure(line(loss=loss), SpeedProbe("SGD", (64, 128), 16, 0.3))
    assert 2 * 2 * 8 <= result.flops_per_example <= 3 * 2 * 8


def test_speed_leaves_out_sizes_that_would_be_too_slow():
    def loss(net, batch):
        time.sleep(0.001 * len(batch[0]))
        return mse(net, batch)

    begin = time.perf_counter()
    _, result = measure(line(loss=loss), SpeedProbe("SGD", (4, 16, 64, 256), 256, 0.6))
    assert time.perf_counter() - begin < 3
    assert result.left_out in {(256,), (64, 256)}
    assert {s.batch_size for s in result.samples} == {4, 16, 64, 256} - set(result.left_out)
    for sample in result.samples:
        assert sample.compute_seconds >= 0.001 * sample.batch_size


def test_speed_times_fewer_sizes_where_each_takes_long_to_compile():
    sizes = (4, 8, 16, 32, 64, 128, 192)

    def compiling(seconds):
        seen = set()

        def loss(net, batch):
            if (net, len(batch[0])) not in seen:
                seen.add((net, len(batch[0])))
                time.sleep(seconds)
            return mse(net, batch)

        return loss

    for seconds, timed in ((0.0, sizes), (0.3, (4, 16, 64, 192))):
        factory = line(loss=compiling(seconds))
        _, result = measure(factory, SpeedProbe("SGD", sizes, 256, 1.5))
        assert tuple(dict.fromkeys(sample.batch_size for sample in result.samples)) == timed
        assert set(result.left_out) == set(sizes) - set(timed)


@pytest.mark.parametrize("workers", [1, 2])
def test_speed_finds_the_pace_of_loaders_that_work_beside_the_steps(workers):
    def loss(net, batch):
        time.sleep(0.003)
        return mse(net, batch)

    factory = line(train_data=SlowToLoad(), loss=loss, num_workers=workers)
    _, result = measure(factory, SpeedProbe("SGD", (4, 8, 24), 24, 4.0))
    assert result.left_out == ()
    for size in (4, 8, 24):
        own = [sample for sample in result.samples if sample.batch_size == size]
        assert all(sample.steps % workers == 0 for sample in own)
        pace = max(0.003, LOAD_SECONDS * size / workers)
        assert 0.95 * pace < median(sample.step_seconds for sample in own) < 2 * pace + 0.003
    assert not psutil.Process().children(recursive=True)


def test_speed_tells_loading_from_computing():
    def loss(net, batch):
        time.sleep(0.003)
        return mse(net, batch)

    data = SlowToLoad()
    _, result = measure(line(train_data=data, loss=loss), SpeedProbe("SGD", (4, 16), 16, 0.8))
    for sample in result.samples:
        assert sample.load_seconds >= LOAD_SECONDS * sample.batch_size
        assert sample.compute_seconds >= 0.003
        assert sample.step_seconds == sample.load_seconds + sample.compute_seconds
    for size in (4, 16):
        own = [sample for sample in result.samples if sample.batch_size == size]
        assert median(s.load_seconds for s in own) < 0.003 + 2 * LOAD_SECONDS * size
        assert median(s.compute_seconds for s in own) < 0.003 + LOAD_SECONDS * size


def test_speed_tells_how_much_of_the_machine_others_kept_busy():
    busy = "import time; t = time.time()\nwhile time.time() < t + 20: pass"
    script = f"'{sys.executable}' -c '{busy}' > /dev/null & echo $!"  # an orphan, not a child
    started = subprocess.run(["sh", "-c", script], stdout=subprocess.PIPE, check=True, text=True)
    pid = int(started.stdout.split()[0])
    try:
        _, result = measure(line(), SpeedProbe("SGD", (8, 64), 64, 1.0))
    finally:
        os.kill(pid, signal.SIGKILL)
    assert result.other_load is not None
    assert 0.2 / os.cpu_count() < result.other_load <= 1


def test_a_processs_own_work_is_not_other_load():
    begin, before = psutil.cpu_times(), CpuDevice().other_core_seconds()
    own = time.process_time()
    while time.process_time() < own + 0.5:
        pass
    after, end = CpuDevice().other_core_seconds(), psutil.cpu_times()
    busy = (sum(end) - end.idle - end.iowait) - (sum(begin) - begin.idle - begin.iowait)
    assert busy - (after - before) == pytest.approx(0.5, abs=0.15)


def test_speed_times_no_short_last_batch():
    def loss(net, batch):
        assert len(batch[0]) == 30  # 100 examples end with a batch of 10
        return mse(net, batch)

    _, result = measure(line(train_data=SlowToLoad(), loss=loss), SpeedProbe("SGD", (30,), 30, 2.0))
    assert sum(sample.steps for sample in result.samples) >= 3


def noise(**changes):
    plain = {
        "optimizer": "SGD", "batch_size": 16, "learning_rate": 0.02, "micro_batch_size": 4,
        "micro_batches": 8, "groups": 6, "checkpoints": (0, 5, 20), "seed": 0, "seconds": 30.0,
    }  # fmt: skip
    return NoiseProbe(**(plain | changes))


def test_noise_takes_its_groups_at_every_checkpoint():
    told = []
    outcome, result = measure(line(), noise(), told)
    assert outcome.status is Status.OK
    assert [(p.step, p.examples) for p in result.points] == [(0, 0), (5, 80), (20, 320)]
    for point in result.points:
        assert (point.micro_batch_size, point.large_batch_size) == (4, 32)
        assert len(point.small_sqr_norms) == len(point.large_sqr_norms) == 6
        assert all(s > 0 for s in point.small_sqr_norms)
        assert sum(point.small_sqr_norms) > sum(point.large_sqr_norms)
        assert len(set(point.small_sqr_norms)) == 6
    assert told == [1 / 3, 2 / 3, 1.0]


def test_noise_ends_where_training_at_the_users_settings_diverges():
    outcome, result = measure(line(), noise(learning_rate=50.0))
    assert outcome.status is Status.DIVERGED
    settings = {"batch_size": 16, "learning_rate": 50.0, "step": 5}
    assert outcome.reason == Remark.of("diverged_at_present_settings", **settings)
    assert [point.step for point in result.points] == [0]


@pytest.mark.parametrize(
    ("loss", "first", "says"),
    [(2.0, 0.5, False), (11.0, 0.5, True), (math.nan, 0.5, True), (math.inf, -0.5, True),
     (0.01, -0.5, False), (3.0, 0.0, False), (-40.0, -0.5, False)],
)  # fmt: skip
def test_a_loss_that_is_not_finite_or_many_times_the_first_has_exploded(loss, first, says):
    assert exploded(loss, first) is says


def test_measuring_noise_does_not_change_the_run_it_is_measured_on():
    _, few = measure(line(), noise(groups=2, checkpoints=(0, 20)))
    _, many = measure(line(), noise(groups=2, checkpoints=(0, 3, 7, 20)))
    assert few.points[0] == many.points[0]

    _, trained = measure(line(), noise(groups=40, checkpoints=(20,)))
    few_mean = sum(many.points[-1].large_sqr_norms) / 2
    assert sum(trained.points[0].large_sqr_norms) / 40 == pytest.approx(few_mean, rel=0.6)


def test_noise_drops_checkpoints_when_the_time_is_up():
    def loss(net, batch):
        time.sleep(0.002)
        return mse(net, batch)

    begin = time.perf_counter()
    _, result = measure(line(loss=loss), noise(checkpoints=(0, 5, 10**6), seconds=0.5))
    assert time.perf_counter() - begin < 1.5
    assert [point.step for point in result.points] == [0, 5]


def test_noise_takes_a_few_groups_of_the_first_checkpoint_whatever_the_time():
    _, result = measure(line(), noise(groups=50, seconds=1e-6))
    assert [point.step for point in result.points] == [0]
    assert len(result.points[0].small_sqr_norms) == 4


def test_the_noise_of_a_problem_whose_gradients_are_known():
    """Loss ½(w - x)² at w = 0 has gradients -x: noise scale = Var(x)/mean(x)²."""

    class Offset(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(1))

    x = 1 + 3 * torch.randn(20_000, generator=torch.Generator().manual_seed(1))
    factory = line(
        model=Offset,
        train_data=(x,),
        loss=lambda net, batch: (net.weight - batch[0]).square().mean() / 2,
        metric=lambda net, batches: 1.0,
    )
    probe = noise(micro_batch_size=8, micro_batches=16, groups=100, checkpoints=(0,))
    _, result = measure(factory, probe)
    point = result.points[0]
    found = noise_scale(point.small_sqr_norms, point.large_sqr_norms, 8, 128)
    truth = float(x.var() / x.mean() ** 2)
    assert found.low < truth < found.high
    assert found.high / found.low < 2
