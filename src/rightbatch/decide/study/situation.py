"""The state of a study: its workload, machine, settings and trials, and the sizes it considers."""

from dataclasses import dataclass, replace

from rightbatch.decide.study import evidence
from rightbatch.records import (
    Capacity,
    Hardware,
    OptimizerFacts,
    Placement,
    Settings,
    TrainingProbe,
    Trial,
    WorkloadFacts,
)
from rightbatch.records.prediction import Cap

_SMALLEST = 4
DEFAULT_CAP = 65_536
DEFAULT_TIMES = 16
RATE_OCTAVES = tuple(k / 2 for k in range(-8, 13))
"""Learning rates considered, in octaves from what the scaling rule proposes, half an octave apart:
from 1/16 to 64 times it, as users' learning rates are more often too low than too high."""


@dataclass(frozen=True, slots=True)
class Situation:
    """The state of a study whose workload and hardware are described.

    Attributes:
        facts: The facts of the workload.
        hardware: The machine.
        settings: The user's settings.
        trials: Every trial so far.
        under_way: Probes of the training runs under way.
        asked_capacity: The capacity of the runner; None for that of `hardware`.
    """

    facts: WorkloadFacts
    hardware: Hardware
    settings: Settings
    trials: tuple[Trial, ...]
    under_way: tuple[TrainingProbe, ...] = ()
    asked_capacity: Capacity | None = None

    @property
    def capacity(self) -> Capacity:
        """How many runs may be concurrent, and the memory limit of each."""
        return self.asked_capacity or Capacity.shared(
            self.hardware.memory_limit_bytes, self.settings.workers
        )

    @property
    def placement(self) -> Placement:
        """Where steps run: on one device."""
        return Placement(self.hardware.device.partition(":")[0])

    @property
    def optimizers(self) -> tuple[OptimizerFacts, ...]:
        """The optimizers to compare: those in the settings, or the workload's own without any."""
        known = {optimizer.name: optimizer for optimizer in self.facts.optimizers}
        return tuple(known[n] for n in self.settings.optimizers) or self.facts.optimizers[:1]

    @property
    def sizes(self) -> tuple[int, ...]:
        """The batch sizes to consider, ascending.

        These are the `batch_sizes` of the settings, where 0 means the full training set. Without
        any, they are the user's own, the largest allowed, and the powers of two from 4 (or a
        quarter of the user's own, if smaller) to the largest allowed.
        """
        most, own = self.facts.train_examples, self.facts.batch_size
        if self.settings.batch_sizes:
            return tuple(sorted({min(size or most, most) for size in self.settings.batch_sizes}))
        largest = min(most, self.settings.max_batch_size or most)
        start = max(1, min(_SMALLEST, own // 4))
        powers = (1 << power for power in range(start.bit_length() - 1, largest.bit_length()))
        return tuple(sorted({min(own, largest), largest, *powers}))

    @property
    def largest_tried(self) -> tuple[int, Cap]:
        """The largest micro-batch that the memory stage tries, and what limits it.

        Without `max_batch_size` it is 65,536 examples or 16 times the user's batch size, whichever
        is more: on a CPU the search would otherwise continue to the whole training set, far beyond
        any batch size used in practice.
        """
        most, unit = self.settings.max_batch_size, self.settings.multiple_of
        why: Cap = "max_batch_size"
        if most is None:
            most, why = max(DEFAULT_CAP, DEFAULT_TIMES * self.facts.batch_size), "default_cap"
        if self.facts.train_examples <= most:
            most, why = self.facts.train_examples, "data_set_size"
        return max(unit, most // unit * unit), why

    def alone(self, optimizer: OptimizerFacts) -> "Situation":
        """The state of a study of one of the optimizers, with its trials only."""
        return replace(
            self,
            settings=replace(self.settings, optimizers=(optimizer.name,)),
            trials=evidence.of_optimizer(self.trials, optimizer.name),
        )
