"""One arm per optimizer: its model of learning, and what it would recommend."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from rightbatch.decide.advice import evidence
from rightbatch.decide.advice.candidates import batch_sizes
from rightbatch.decide.advice.costs import PerStep, StepCosts, step_costs
from rightbatch.decide.advice.learning import choose, predictions
from rightbatch.decide.advice.memory import fit_memories
from rightbatch.decide.advice.model import LearningModel
from rightbatch.decide.advice.noise import fit_noises
from rightbatch.decide.advice.speed import fit_speeds
from rightbatch.decide.advice.step_seconds import StepSeconds
from rightbatch.records import (
    BatchPrediction,
    Fits,
    Hardware,
    MemoryFit,
    Objective,
    OptimizerFacts,
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
        settings: What the user asked.
        trials: Every trial so far.
        under_way: Probes of the training runs that are under way.
    """

    facts: WorkloadFacts
    hardware: Hardware
    settings: Settings
    trials: tuple[Trial, ...]
    under_way: tuple[TrainingProbe, ...] = ()

    @property
    def optimizers(self) -> tuple[OptimizerFacts, ...]:
        """The optimizers to compare: those asked for, else the workload's own."""
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


@dataclass(frozen=True)
class Arm:
    """One optimizer of a study.

    Attributes:
        optimizer: Its facts.
        memory: What fits with it; None where no memory was measured.
        model: What is known of its learning.
        costs: What a step costs at any batch size.
        sizes: The batch sizes to consider, ascending.
    """

    optimizer: OptimizerFacts
    memory: MemoryFit | None
    model: LearningModel
    costs: StepCosts
    sizes: tuple[int, ...]

    @cached_property
    def rows(self) -> tuple[BatchPrediction, ...]:
        """What is known of each batch size, ascending."""
        return predictions(self.model, self.sizes, self.costs)

    @cached_property
    def chosen(self) -> BatchPrediction | None:
        """The best guess among them; None while no run has arrived."""
        return choose(self.model, self.rows) if self.model.arrived else None

    @property
    def seconds(self) -> StepSeconds:
        """Step time at any batch size, in seconds."""
        return self.costs.seconds


def stage_fits(now: Situation, memory_limit_bytes: int | None = None) -> Fits:
    """The fits of the memory, speed and noise stages."""
    memories = memory_fits(now, memory_limit_bytes or now.hardware.memory_limit_bytes)
    speeds, noises = fit_speeds(now.trials), fit_noises(now.trials)
    return Fits(
        memory=memories[0] if memories else None,
        speed=speeds[0] if speeds else None,
        noise=noises[0] if noises else None,
        speeds=speeds,
        memories=memories,
        noises=noises,
    )


def memory_fits(now: Situation, limit_bytes: int) -> tuple[MemoryFit, ...]:
    """What fits in a limit, for each optimizer that was tried."""
    return fit_memories(now.trials, now.settings, now.facts, now.hardware, limit_bytes)


def micro_batch_limit(memory: MemoryFit | None, facts: WorkloadFacts) -> int:
    """Largest micro-batch to use with an optimizer: what is safe, else what ran.

    Where nothing was tried, anything up to the data; where no trial told, what the user has today.
    """
    if memory is None:
        return facts.train_examples
    unknown = 1 if memory.failed else facts.batch_size
    return memory.safe_batch_size or memory.largest_batch_size or unknown


def make_arms(
    now: Situation,
    fits: Fits,
    objective: Objective,
    other_limit: bool = False,
    price_per_hour: float | None = None,
) -> list[Arm]:
    """One arm per optimizer; none where nothing tells what a step costs.

    Args:
        now: The study so far.
        fits: Of the stages before learning.
        objective: What is minimised.
        other_limit: Whether they are for another memory limit than the one that was timed under.
        price_per_hour: What an hour costs; None if not told.
    """
    arms = []
    for optimizer in now.optimizers:
        runs = evidence.runs(now.trials, optimizer.name)
        memory = fits.memory_of(optimizer.name)
        micro = micro_batch_limit(memory, now.facts) if other_limit else None
        costs = step_costs(fits.speed_of(optimizer.name), runs, now.facts, micro, price_per_hour)
        cost = None if costs is None else costs.of(objective)
        if costs is None or cost is None:
            continue
        model = learning_model(now, fits, optimizer, runs, cost)
        arms.append(Arm(optimizer, memory, model, costs, now.sizes))
    return arms


def learning_model(
    now: Situation,
    fits: Fits,
    optimizer: OptimizerFacts,
    runs: Sequence[evidence.Run],
    cost: PerStep,
) -> LearningModel:
    """What is known of one optimizer's learning."""
    noise = fits.noise_of(optimizer.name)
    scale = noise.noise_scale if noise is not None else None
    return LearningModel(
        now.facts.goal,
        optimizer,
        now.facts.batch_size,
        runs,
        cost,
        scale.value if scale is not None else None,
        [probe for probe in now.under_way if probe.optimizer == optimizer.name],
    )
