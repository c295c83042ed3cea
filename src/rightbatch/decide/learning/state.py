"""What the planner of a race knows, and what it asks for."""

import math
from dataclasses import dataclass, field

from rightbatch.records import Curve, Decision, Goal, Run
from rightbatch.science.relative_cost import CostPrior

FIRST_STEPS = 20
"""Steps of a run that is begun only to see how long they take."""


@dataclass(frozen=True, slots=True, order=True)
class Candidate:
    """A batch size and its learning rate.

    Attributes:
        batch_size: Examples per update.
        octaves: Octaves of the learning rate from what the scaling rule proposes.
    """

    batch_size: int
    octaves: float = 0.0

    def apart(self, other: "Candidate") -> float:
        """Octaves from another candidate, batch size and learning rate taken together."""
        sizes = abs(math.log2(self.batch_size / other.batch_size))
        return sizes + abs(self.octaves - other.octaves)


@dataclass(frozen=True, slots=True)
class RaceRun:
    """A training run as a race sees it.

    Attributes:
        number: Its place among the runs asked for, from 0.
        run: The run, as far as it was paid for.
        step_seconds: Time of a step, which whoever trains sees.
        steps: Updates made so far, which may be more than at its last evaluation.
        arrived: Whether it reached the target, where it stops.
        ended: Whether it stopped for good: at the target, or after the longest run allowed.
        octaves: Octaves of its learning rate from what the scaling rule proposes.
        going: Whether it is under way.
    """

    number: int
    run: Run
    step_seconds: float
    steps: int = 0
    arrived: bool = False
    ended: bool = False
    octaves: float = 0.0
    going: bool = False

    @property
    def batch_size(self) -> int:
        """Examples per update."""
        return self.run.batch_size

    @property
    def curve(self) -> Curve:
        """Its evaluations so far."""
        return self.run.curve

    @property
    def diverged(self) -> bool:
        """Whether its training diverged."""
        return self.run.diverged

    @property
    def candidate(self) -> Candidate:
        """What it trains with."""
        return Candidate(self.batch_size, self.octaves)

    @property
    def seconds(self) -> float:
        """Training time so far."""
        return self.steps * self.step_seconds


@dataclass(frozen=True, slots=True)
class Race:
    """All that the planner of a race knows.

    Attributes:
        goal: The target to reach.
        batch_sizes: The candidates, ascending.
        examples_per_epoch: Training examples in an epoch.
        step_seconds: Step times known so far, by batch size.
        runs: The runs so far.
        exhausted: Batch sizes at which no other run can be had.
        noise_scale: Gradient noise scale to expect on the way, in examples, where the runs do not
            record it; None if unknown.
        octaves: Learning rates to consider, in octaves from what the scaling rule proposes.
        ceilings: Octaves at and above which training diverges, by batch size.
        present: The batch size that the scaling rule starts from; None where that is of no use.
        steps_left: Steps for which there is time, by batch size; None where time is no matter.
    """

    goal: Goal
    batch_sizes: tuple[int, ...]
    examples_per_epoch: int
    step_seconds: dict[int, float]
    runs: tuple[RaceRun, ...] = ()
    exhausted: frozenset[int] = frozenset()
    noise_scale: float | None = None
    octaves: tuple[float, ...] = (0.0,)
    ceilings: dict[int, float] = field(default_factory=dict)
    present: int | None = None
    steps_left: dict[int, float] | None = None

    @property
    def candidates(self) -> list[Candidate]:
        """Ascending: all batch sizes at a learning rate tried, all learning rates at a size tried.

        The rule's own learning rate counts as tried.
        """
        sizes = {run.batch_size for run in self.runs}
        octaves = {0.0, *(run.octaves for run in self.runs)}
        return [
            Candidate(size, each)
            for size in self.batch_sizes
            for each in sorted(octaves.union(self.octaves if size in sizes else ()))
        ]

    def may_begin(self, candidate: Candidate) -> bool:
        """Whether another run of a candidate can be had."""
        size = candidate.batch_size
        return size not in self.exhausted and candidate.octaves < self.ceilings.get(size, math.inf)


@dataclass(frozen=True, slots=True)
class Tuning:
    """The constants of a race.

    Attributes:
        worth: Fall of the log cost that a search as long as one run must bring; one over the
            number of trainings that are to come.
        drift_sd: Standard deviation, one octave of batch size apart, of the log ratio of two runs
            at 1/e of the way about that at its end; it goes with √(-log way).
        drift_weight: Comparisons that this is worth before any is made.
        chunk: A run goes on by so much of its own time before any arrived, of the best time after.
        least_seconds: And by no less than this before any arrived, in seconds: what a trial takes
            beside training.
        look: Share of the time that a first look at a learning rate may take.
        in_time: A run goes on only where there is time for this share of what it should still take:
            one that gets half the way can be compared.
        stall: A run stalls when it is so many times as long as at its last progress.
        progress: Share of what is missing to the target that a better level must close to be
            progress.
        patience: A raced run is given up at so many times the best known time.
        knee: Log throughput that an octave of batch size must add for larger ones to be timed.
        stride: Batch sizes are timed so many times apart: two octaves, where the user's own need
            not lie on the grid.
        near: Share of the fastest run's progress after which its curve shows how flat it ends.
        flat_sd: Standard deviation of log time between seeds for each e-fold of the way that the
            fastest run spent on the rest of its progress.
        reach: Octaves of batch size from the best within which others are raced against it.
        crosswise: Whether those are raced at learning rates beside the best one's too: where the
            best learning rate goes otherwise with batch size than by the rule, neither alone leads
            to the best pair.
        seeds: Most runs of one candidate.
        prior: What is believed of the cost before.
    """

    worth: float = 0.022
    drift_sd: float = 0.1
    drift_weight: float = 1.0
    chunk: float = 0.1
    least_seconds: float = 0.0
    look: float = 0.07
    in_time: float = 0.5
    stall: float = 2.5
    progress: float = 0.05
    patience: float = 1.2
    knee: float = 0.025
    stride: float = 4.1
    near: float = 0.9
    flat_sd: float = 0.18
    reach: float = 1.0
    crosswise: bool = False
    seeds: float = math.inf
    prior: CostPrior = field(default_factory=CostPrior)


@dataclass(frozen=True, slots=True)
class Train:
    """Train up to `limit` steps: the run of that number, or a new one where it is None.

    The learning rate is so many octaves from the scaling rule's, and that of the run it is raced
    against `against_octaves`.
    """

    batch_size: int
    run: int | None
    limit: int
    decision: Decision
    octaves: float = 0.0
    against_octaves: float = 0.0


@dataclass(frozen=True, slots=True)
class Choose:
    """The race is over.

    Attributes:
        batch_size: The choice.
        decisions: What became of every run but the fastest, then the choice.
        late: Whether a run was worth making, and would not have arrived in the time left.
    """

    batch_size: int
    decisions: tuple[Decision, ...]
    late: bool = False


Move = Train | Choose
