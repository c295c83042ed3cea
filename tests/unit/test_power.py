"""Power from counters of energy, and what is said where there is none."""

import sys
import time
from types import SimpleNamespace

import pytest
from simulated_world import World, carry_out

from rightbatch.api.study import Observer, carry_on
from rightbatch.decide.planners.recommend import Recommend
from rightbatch.errors import UsageError
from rightbatch.measure.devices import nvidia
from rightbatch.measure.devices.cpu import CpuDevice
from rightbatch.measure.ports import Ended
from rightbatch.measure.probes.speed import mean_power
from rightbatch.records import DescribeProbe, Settings, Study, WorkloadReference
from rightbatch.store import open_store


def zone(powercap, name, microjoules, what="package-0"):
    (powercap / name).mkdir(parents=True)
    (powercap / name / "name").write_text(f"{what}\n")
    (powercap / name / "energy_uj").write_text(f"{microjoules}\n")


def test_packages_are_summed_and_their_parts_are_not(tmp_path):
    zone(tmp_path, "intel-rapl:0", 3_000_000)
    zone(tmp_path, "intel-rapl:1", 1_500_000)
    zone(tmp_path, "intel-rapl:0:0", 2_000_000, "core")
    zone(tmp_path, "intel-rapl:2", 9_000_000, "psys")  # the whole platform
    device = CpuDevice(powercap=tmp_path)
    assert device.energy_joules() == 4.5
    assert device.hardware(1, None).counts_energy


def test_a_counter_that_is_missing_or_unreadable_counts_nothing(tmp_path):
    assert CpuDevice(powercap=tmp_path / "none").energy_joules() is None
    (tmp_path / "intel-rapl:0").mkdir()
    device = CpuDevice(powercap=tmp_path)
    assert device.energy_joules() is None
    assert not device.hardware(1, None).counts_energy


class Counter:
    """A device of so many watts whose counter moves once in `period` seconds."""

    def __init__(self, watts, period, start=0.0):
        self.watts, self.period, self.start = watts, period, start
        self.began = time.perf_counter()

    def energy_joules(self):
        ticks = (time.perf_counter() - self.began) // self.period
        return self.start + self.watts * ticks * self.period


@pytest.mark.parametrize("period", [1e-6, 0.02])
def test_mean_power_is_that_of_the_counter_however_seldom_it_moves(period):
    watts = mean_power(Counter(80.0, period), lambda: time.sleep(0.001), seconds=0.1)
    assert watts == pytest.approx(80.0, rel=0.1)


def test_steps_longer_than_the_window_tell_power_too():
    for seconds in (0.0, 0.05):
        watts = mean_power(Counter(200.0, 1e-3), lambda: time.sleep(0.7), seconds)
        assert watts == pytest.approx(200.0, rel=0.1)


def test_a_counter_that_stands_still_or_is_not_there_tells_no_power():
    assert mean_power(Counter(80.0, 1e6), lambda: time.sleep(0.001), seconds=0.01) is None
    missing = SimpleNamespace(energy_joules=lambda: None)
    assert mean_power(missing, lambda: None, seconds=0.01) is None


def test_a_counter_that_starts_anew_tells_no_power():
    readings = iter([5.0, 9.0, 1.0, 1.1])
    device = SimpleNamespace(energy_joules=lambda: next(readings))
    assert mean_power(device, lambda: time.sleep(0.002), seconds=0.001) is None


def test_a_gpu_that_does_not_tell_its_memory_is_left_out(monkeypatch):
    class NVMLError(Exception):
        pass

    def memory(handle):
        if handle == 0:
            raise NVMLError("Not Supported")
        return SimpleNamespace(total=2**30)

    nvml = SimpleNamespace(
        NVMLError=NVMLError, nvmlInit=lambda: None, nvmlShutdown=lambda: None,
        nvmlDeviceGetCount=lambda: 2, nvmlDeviceGetHandleByIndex=lambda number: number,
        nvmlDeviceGetName=lambda handle: f"GPU {handle}", nvmlDeviceGetMemoryInfo=memory,
        nvmlDeviceGetTotalEnergyConsumption=lambda handle: 1,
    )  # fmt: skip
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    assert nvidia.gpus() == [nvidia.Gpu("GPU 1", 2**30, True)]


def test_energy_is_refused_before_anything_is_measured_where_nothing_counts_it(tmp_path):
    class Runner:
        def capacity(self):
            return None

        def start(self, probe, progress):
            self.probe = probe

        def next_ended(self):
            trial = carry_out(World(), self.probe, 1)
            return Ended(self.probe, trial.outcome, trial.result, None)

    with open_store(tmp_path / "studies.db") as store:
        asked = Settings(objective="energy")
        where = WorkloadReference("workload", module="zoo", title="simulated")
        study = store.create_study(Study("", where, asked, 1.7e9, "0.1.0"))
        with pytest.raises(
            UsageError, match=r"Nothing counts the energy of simulated here.*doctor"
        ):
            carry_on(store, study, Recommend(asked), Runner(), Observer())
        assert [type(trial.probe) for trial in store.trials(study.name)] == [DescribeProbe]
