"""Cases of the live regret benchmark, and how their runs are made.

Two workloads with two optimizers each are searched thoroughly; every task of the zoo, and two of
them in Keras, with its own optimizer, as far as a night allows.
"""

import atexit
import csv
import os
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from rightbatch.measure.devices.cpu import CpuDevice
from rightbatch.measure.frameworks.loading import load_subject
from rightbatch.measure.ports import Job, Subject
from rightbatch.records import (
    Curve,
    DescribeProbe,
    Evaluation,
    Goal,
    TrainingResult,
    WorkloadReference,
    step_at,
)
from rightbatch.zoo import ZOO

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "live"
ZOO_RESULTS = ROOT / "benchmarks" / "results" / "zoo"


@dataclass(frozen=True)
class Case:
    """A workload with one optimizer.

    `search_seeds` runs are made at each learning rate of the search, and a run is given up at
    `give_up` times the best mean so far: wide where runs are cheap and scatter; or at `slowest`
    times the best batch size's time, twice that once its learning rate is chosen. No run goes
    on beyond `most_epochs` or `most_steps`. The best learning rate gets `best_seeds`,
    `slow_seeds` where the size is more than ten times slower than the best one, and with
    `refine` the factors sqrt(2) around it are tried; then as many `apart_seeds`, for its time.
    Beyond `largest_tuned` there is one run, at twice the neighbour's best rate. What was chosen
    is retrained on `fresh_seeds` seeds, from `fresh_from` on: seeds of looks before are not
    used again. `tune` is run `repeats` times for `budget`, with seeds from `tuned_from` on, its
    training for no more than `training_share` times the best time, but at least 30 s, and as
    often as a one-off where `one_off`. `backend` is what Keras runs on, where the workload is a
    Keras one.
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
    one_off: bool = True
    best_seeds: int = 10
    slow_seeds: int = 10
    refine: bool = True
    apart_seeds: int = 10
    tuned_from: int = 3600
    fresh_from: int = 20_000
    slowest: float = float("inf")
    largest_tuned: int = 4096
    most_steps: float = float("inf")
    micro_batch_size: int = 4096
    results: Path = RESULTS
    backend: Literal["", "tensorflow", "jax"] = ""

    def job(self) -> Job:
        """The job of a trial, on one thread of the CPU, but for its probe."""
        return Job(self.workload, DescribeProbe(), device="cpu", threads=1)

    def choose_backend(self) -> None:
        """Have Keras run on the case's backend, in this process and in trials started from it.

        Keras reads that once, as it is imported: a process serves one case.
        """
        if self.backend:
            os.environ["KERAS_BACKEND"] = self.backend

    def subject(self) -> Subject:
        """The workload come alive in this process."""
        self.choose_backend()
        if self.backend == "jax":
            compiled = TemporaryDirectory(prefix="rightbatch-")
            atexit.register(compiled.cleanup)
            os.environ |= {**_JAX, "JAX_COMPILATION_CACHE_DIR": compiled.name}
        return load_subject(self.job(), CpuDevice())

    def sizes(self, train_examples: int) -> list[int]:
        """Batch sizes doubling from 8 to the largest that is tuned, and what `tune` names.

        That is the full batch in the thorough search; in the zoo what `tune` chose and the largest
        that ran, once it was run.
        """
        most = min(self.largest_tuned, train_examples)
        doubling = [2**k for k in range(3, 13) if 2**k <= most]
        if self.results == RESULTS:
            return [*doubling, train_examples]
        tuned = self.results / f"tune-{self.name}.csv"
        if not tuned.exists():
            return doubling
        with tuned.open() as file:
            rows = list(csv.DictReader(file))
        named = {int(row[key]) for row in rows for key in ("batch_size", "largest_that_ran")}
        return sorted({*doubling, *named})


_JAX = {
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    "NPROC": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
}
"""One thread, and nothing compiled again in the next run of the same batch size."""

_DIGITS = WorkloadReference("workload", module="rightbatch.zoo.digits", title="digits")
_FASHION = WorkloadReference(
    "workload", file=str(ROOT / "examples" / "fashion_mnist.py"), title="fashion-mnist"
)
_LIVE = (
    Case(
        "digits", _DIGITS, "sgd", 0.05, 1.0, 10, 4.0, 60, 40, "75s", 20.0,
        apart_seeds=40, repeats=20, tuned_from=12_100, fresh_from=120_000,
    ),
    Case(
        "fashion-mnist", _FASHION, "sgd", 0.02, 1.0, 3, 1.75, 10, 30, "150s", 110.0,
        tuned_from=10_100, fresh_from=95_000,
    ),
)  # fmt: skip
CASES = {
    case.name: case
    for sgd in _LIVE
    for case in (
        replace(sgd, name=f"{sgd.name}-sgd"),
        replace(
            sgd,
            name=f"{sgd.name}-adam",
            optimizer="adam",
            reference_learning_rate=1e-3,
            rule_exponent=0.5,
        ),
    )
}


def _of_zoo(name: str) -> WorkloadReference:
    return WorkloadReference("workload", module=ZOO[name].module, title=name)


def _of_file(file: Path, title: str) -> WorkloadReference:
    return WorkloadReference("workload", file=str(file), title=title)


def _task(
    name: str, optimizer: str, size: int, learning_rate: float, micro_batch_size: int = 1024
) -> Case:
    """A task of the zoo whose goal takes half a minute, with the settings that it names."""
    return Case(
        name, _of_zoo(name), optimizer, learning_rate, 0.5, search_seeds=1, give_up=1.75,
        most_epochs=100, fresh_seeds=5, budget="10m", speed_seconds=60.0,
        reference_batch_size=size, repeats=1, training_share=None, one_off=False, best_seeds=3,
        slow_seeds=3, refine=False, apart_seeds=0, slowest=3.0, largest_tuned=1024,
        micro_batch_size=micro_batch_size, results=ZOO_RESULTS,
    )  # fmt: skip


def _cheap_task(
    workload: WorkloadReference,
    size: int,
    budget: str,
    speed_seconds: float,
    backend: Literal["", "tensorflow", "jax"] = "",
) -> Case:
    """A task whose goal takes seconds, and whose luck shows: more seeds, and every size tuned."""
    return Case(
        workload.title, workload, "adam", 1e-3, 0.5, search_seeds=3, give_up=3.0, most_epochs=300,
        fresh_seeds=20, budget=budget, speed_seconds=speed_seconds, reference_batch_size=size,
        repeats=1, training_share=None, one_off=False, slow_seeds=3, refine=False, apart_seeds=0,
        largest_tuned=65536, most_steps=20_000, micro_batch_size=65536,
        results=ZOO_RESULTS, backend=backend,
    )  # fmt: skip


_KERAS_DIGITS = _of_file(ROOT / "examples" / "keras_digits.py", "keras-digits")
_KERAS_DIAMONDS = _of_file(Path(__file__).with_name("keras_diamonds.py"), "keras-diamonds")
_MEASURED = {
    case.name: case
    for case in (
        _cheap_task(_of_zoo("diamonds"), 64, "3m", 60.0),
        _cheap_task(_KERAS_DIGITS, 32, "5m", 180.0, "tensorflow"),
        _cheap_task(_KERAS_DIAMONDS, 64, "5m", 180.0, "jax"),
        _task("fashion-mnist", "adam", 32, 1e-3),
        _task("text-classification", "adamw", 32, 1e-3),
        _task("language-model", "adamw", 32, 2e-3, 256),
        replace(_task("style-transfer", "adam", 4, 1e-3, 64), speed_seconds=150.0),
        _task("segmentation", "adam", 16, 4e-3, 128),
        _task("detection", "adamw", 32, 2e-3, 256),
    )
}
ZOO_CASES = {"digits": CASES["digits-sgd"], **_MEASURED}
"""Every task; the digits are a case of the live benchmark as they are, and taken from there."""


def named(name: str) -> Case:
    """A case by its name."""
    return {**CASES, **_MEASURED}[name]


def crossing(result: TrainingResult, goal: Goal) -> float | None:
    """Steps at which a run's curve met the goal, between two evaluations; None where it did not.

    The column `steps` of the truth, whose grid is the finer so: worlds are simulated by it. The run
    itself arrived, as `rightbatch` counts it, at `steps_done`.
    """
    told = tuple(Evaluation(p.step, p.examples, p.metric) for p in result.points)
    return (
        None if goal.target is None else step_at(Curve(told).improvements(goal), goal.target, goal)
    )
