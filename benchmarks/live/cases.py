"""The four cases of the live regret benchmark, and how their runs are made."""

from dataclasses import dataclass
from pathlib import Path

from rightbatch.measure.devices.cpu import CpuDevice
from rightbatch.measure.frameworks.loading import load_subject
from rightbatch.measure.ports import Job, Subject
from rightbatch.records import DescribeProbe, WorkloadReference

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "live"
LARGEST = 4096


@dataclass(frozen=True)
class Case:
    """A workload with one optimizer.

    `search_seeds` runs are made at each learning rate of the search, and a run is given up at
    `give_up` times the best mean so far: wide where runs are cheap and scatter. No run goes on
    beyond `most_epochs`. What was chosen is retrained on `fresh_seeds` seeds.
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

    def subject(self) -> Subject:
        """The workload come alive in this process, on one thread of the CPU."""
        job = Job(self.workload, DescribeProbe(), device="cpu", threads=1)
        return load_subject(job, CpuDevice())

    def sizes(self, train_examples: int) -> list[int]:
        """Batch sizes doubling from 8 to min(4096, training set), and the full batch."""
        doubling = [2**k for k in range(3, 13) if 2**k <= min(LARGEST, train_examples)]
        return [*doubling, train_examples]


_DIGITS = WorkloadReference("workload", module="rightbatch.zoo.digits", title="digits")
_FASHION = WorkloadReference(
    "workload", file=str(ROOT / "examples" / "fashion_mnist.py"), title="fashion-mnist"
)
CASES = {
    case.name: case
    for case in (
        Case("digits-sgd", _DIGITS, "sgd", 0.05, 1.0, 10, 4.0, 60, 40),
        Case("digits-adam", _DIGITS, "adam", 1e-3, 0.5, 10, 4.0, 60, 40),
        Case("fashion-mnist-sgd", _FASHION, "sgd", 0.02, 1.0, 3, 1.75, 10, 30),
        Case("fashion-mnist-adam", _FASHION, "adam", 1e-3, 0.5, 3, 1.75, 10, 30),
    )
}
