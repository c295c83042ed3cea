"""The state of a study: its workload, machine, settings and trials."""

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
        shared = Capacity.shared(self.hardware.memory_limit_bytes, self.settings.workers)
        return self.asked_capacity or shared

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
    def by_memory(self) -> tuple[OptimizerFacts, ...]:
        """The same in the order in which their memory is measured: SGD, with least state, last."""
        return tuple(sorted(self.optimizers, key=lambda optimizer: optimizer.rule == "linear"))

    @property
    def sizes(self) -> tuple[int, ...]:
        """The batch sizes to consider, ascending."""
        return batch_sizes(self.facts, self.settings)

    def alone(self, optimizer: OptimizerFacts) -> "Situation":
        """The state of a study of one of the optimizers, with its trials only."""
        return replace(
            self,
            settings=replace(self.settings, optimizers=(optimizer.name,)),
            trials=evidence.of_optimizer(self.trials, optimizer.name),
        )
