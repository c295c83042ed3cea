"""Cases of the live regret benchmark, and how their runs are made.

Two workloads with two optimizers each are searched thoroughly; every task of the zoo, with its own
optimizer, as far as a night allows.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

from rightbatch.measure.devices.cpu import CpuDevice
from rightbatch.measure.frameworks.loading import load_subject
from rightbatch.measure.ports import Job, Subject
from rightbatch.records import DescribeProbe, WorkloadReference
from rightbatch.zoo import ZOO

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "live"
ZOO_RESULTS = ROOT / "benchmarks" / "results" / "zoo"


@dataclass(frozen=True)
class Case:
    """A workload with one optimizer.

    `search_seeds` runs are made at each learning rate of the search, and a run is given up at
    `give_up` times the best mean so far: wide where runs are cheap and scatter; or at `slowest`
    times the best batch size's time. No run goes on beyond `most_epochs`. The best learning rate
    gets `best_seeds`, and with `refine` the factors sqrt(2) around it are tried. Beyond
    `largest_tuned` there is one run, at twice the neighbour's best rate. What was chosen is
    retrained on `fresh_seeds` seeds. `tune` is run `repeats` times for `budget`, its training for
    no more than `training_share` times the best time, but at least 30 s.
    """

    name: str
    workload: WorkloadReference
    optimizer: str
    reference_learning_rate: float
    rule_exponent: float
    search_seeds: int
    give_up: float
    most_epochs: int
    fresh_seeds: int
    budget: str
    speed_seconds: float
    reference_batch_size: int = 32
    repeats: int = 5
    training_share: float | None = 5.0
    best_seeds: int = 10
    refine: bool = True
    slowest: float = float("inf")
    largest_tuned: int = 4096
    micro_batch_size: int = 4096
    results: Path = RESULTS

    def subject(self) -> Subject:
        """The workload come alive in this process, on one thread of the CPU."""
        job = Job(self.workload, DescribeProbe(), device="cpu", threads=1)
        return load_subject(job, CpuDevice())

    def sizes(self, train_examples: int) -> list[int]:
        """Batch sizes doubling from 8 to the largest that is tuned, and what `tune` names.

        That is the full batch in the thorough search; in the zoo what `tune` chose and the largest
        that ran.
        """
        most = min(self.largest_tuned, train_examples)
        doubling = [2**k for k in range(3, 13) if 2**k <= most]
        if self.results == RESULTS:
            return [*doubling, train_examples]
        with (self.results / f"tune-{self.name}.csv").open() as file:
            rows = list(csv.DictReader(file))
        named = {int(row[key]) for row in rows for key in ("batch_size", "largest_that_ran")}
        return sorted({*doubling, *named})


_DIGITS = WorkloadReference("workload", module="rightbatch.zoo.digits", title="digits")
_FASHION = WorkloadReference(
    "workload", file=str(ROOT / "examples" / "fashion_mnist.py"), title="fashion-mnist"
)
CASES = {
    case.name: case
    for case in (
        Case("digits-sgd", _DIGITS, "sgd", 0.05, 1.0, 10, 4.0, 60, 40, "75s", 20.0),
        Case("digits-adam", _DIGITS, "adam", 1e-3, 0.5, 10, 4.0, 60, 40, "75s", 20.0),
        Case("fashion-mnist-sgd", _FASHION, "sgd", 0.02, 1.0, 3, 1.75, 10, 30, "150s", 110.0),
        Case("fashion-mnist-adam", _FASHION, "adam", 1e-3, 0.5, 3, 1.75, 10, 30, "150s", 110.0),
    )
}


def _task(
    name: str, optimizer: str, size: int, learning_rate: float, budget: str, micro: int = 1024
) -> Case:
    """A task of the zoo with the settings that its workload names."""
    where = WorkloadReference("workload", module=ZOO[name].module, title=name)
    exponent = 1.0 if optimizer == "sgd" else 0.5
    return Case(
        name, where, optimizer, learning_rate, exponent, search_seeds=1, give_up=1.75,
        most_epochs=100, fresh_seeds=5, budget=budget, speed_seconds=60.0,
        reference_batch_size=size, repeats=1,
        training_share=None, best_seeds=3, refine=False, slowest=3.0, largest_tuned=1024,
        micro_batch_size=micro, results=ZOO_RESULTS,
    )  # fmt: skip


ZOO_CASES = {
    case.name: case
    for case in (
        _task("digits", "sgd", 32, 0.05, "90s"),
        _task("fashion-mnist", "adam", 32, 1e-3, "15m"),
        _task("detection", "adamw", 32, 2e-3, "20m", micro=256),
        _task("segmentation", "adam", 16, 4e-3, "20m", micro=128),
        _task("style-transfer", "adam", 4, 1e-3, "20m", micro=64),
        _task("diamonds", "adam", 64, 1e-3, "5m"),
        _task("text-classification", "adamw", 32, 1e-3, "15m"),
        _task("language-model", "adamw", 32, 2e-3, "20m", micro=256),
    )
}


def named(name: str) -> Case:
    """A case by its name."""
    return {**CASES, **ZOO_CASES}[name]
