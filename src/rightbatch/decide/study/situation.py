"""A study so far: what is known of its workload and machine, its settings, what was measured."""

from dataclasses import dataclass, replace

from rightbatch.decide.study import evidence
from rightbatch.decide.study.sizes import batch_sizes
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


@dataclass(frozen=True, slots=True)
class Situation:
    """A described workload on described hardware, with its settings and trials so far.

    Attributes:
        facts: Of the workload.
        hardware: The machine.
        settings: The user's settings.
        trials: Every trial so far.
        under_way: Probes of the training runs that are under way.
        asked_capacity: What the runner can have under way; None for that of `hardware`.
    """

    facts: WorkloadFacts
    hardware: Hardware
    settings: Settings
    trials: tuple[Trial, ...]
    under_way: tuple[TrainingProbe, ...] = ()
    asked_capacity: Capacity | None = None

    @property
    def capacity(self) -> Capacity:
        """How many runs may be under way, and with what memory each."""
        shared = Capacity.shared(self.hardware.memory_limit_bytes, self.settings.workers)
        return self.asked_capacity or shared

    @property
    def placement(self) -> Placement:
        """Where steps are taken: on one device."""
        return Placement(self.hardware.device.partition(":")[0])

    @property
    def optimizers(self) -> tuple[OptimizerFacts, ...]:
        """The optimizers to compare: those in the settings, or the workload's own without any."""
        known = {optimizer.name: optimizer for optimizer in self.facts.optimizers}
        return tuple(known[n] for n in self.settings.optimizers) or self.facts.optimizers[:1]

    @property
    def by_memory(self) -> tuple[OptimizerFacts, ...]:
        """The same in the order in which their memory is measured: SGD, which keeps least, last."""
        return tuple(sorted(self.optimizers, key=lambda optimizer: optimizer.rule == "linear"))

    @property
    def sizes(self) -> tuple[int, ...]:
        """The batch sizes to consider, ascending."""
        return batch_sizes(self.facts, self.settings)

    def alone(self, optimizer: OptimizerFacts) -> "Situation":
        """What a study of one of the optimizers would be: of its trials alone."""
        return replace(
            self,
            settings=replace(self.settings, optimizers=(optimizer.name,)),
            trials=evidence.of_optimizer(self.trials, optimizer.name),
        )
