"""One arm per optimizer: its model of learning, and what it would recommend."""

from dataclasses import dataclass
from functools import cache, cached_property

from rightbatch.decide.learning.fit import choose, predictions
from rightbatch.decide.learning.model import LearningModel
from rightbatch.decide.stages.memory.fit import micro_batch_limit
from rightbatch.decide.stages.speed.costs import StepCosts, step_costs
from rightbatch.decide.stages.speed.step_seconds import StepSeconds
from rightbatch.decide.study import evidence
from rightbatch.decide.study.situation import Situation
from rightbatch.records import BatchPrediction, Fits, MemoryFit, Objective, OptimizerFacts


@dataclass(frozen=True)
class Arm:
    """One optimizer of a study.

    Attributes:
        optimizer: Its facts.
        memory: What fits with it; None where no memory was measured.
        model: The model of its learning.
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
        """The predictions for each batch size, ascending."""
        return predictions(self.model, self.sizes, self.costs)

    @cached_property
    def chosen(self) -> BatchPrediction | None:
        """The best guess among them; None while no run has arrived."""
        return choose(self.model, self.rows) if self.model.arrived else None

    @property
    def seconds(self) -> StepSeconds:
        """Step time at any batch size, in seconds."""
        return self.costs.seconds


def make_arms(
    situation: Situation,
    fits: Fits,
    objective: Objective,
    other_limit: bool = False,
    price_per_hour: float | None = None,
) -> list[Arm]:
    """One arm per optimizer whose cost per step is known.

    Args:
        situation: The study so far.
        fits: Of the stages before learning.
        objective: What is minimised.
        other_limit: Whether they are for another memory limit than the one that was timed under.
        price_per_hour: What an hour costs; None if not given.
    """
    arms = []
    for optimizer in situation.optimizers:
        runs = evidence.runs(situation.trials, optimizer.name)
        memory = fits.memory_of(optimizer.name)
        micro = micro_batch_limit(memory, situation.facts) if other_limit else None
        costs = step_costs(
            fits.speed_of(optimizer.name), runs, situation.facts, micro, price_per_hour
        )
        cost = None if costs is None else costs.of(objective)
        if costs is None or cost is None:
            continue
        noise = fits.noise_of(optimizer.name)
        scale = noise.noise_scale if noise is not None else None
        model = LearningModel(
            situation.facts.goal,
            optimizer,
            situation.facts.batch_size,
            runs,
            cache(cost),
            scale.value if scale is not None else None,
            [probe for probe in situation.under_way if probe.optimizer == optimizer.name],
        )
        arms.append(Arm(optimizer, memory, model, costs, situation.sizes))
    return arms
