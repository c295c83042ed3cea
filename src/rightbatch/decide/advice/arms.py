"""One arm per optimizer: its model of learning, and what it would recommend."""

from collections.abc import Sequence
from dataclasses import dataclass

from rightbatch.decide.advice import evidence
from rightbatch.decide.advice.candidates import batch_sizes
from rightbatch.decide.advice.costs import PerStep, cost_per_step, seconds_per_step
from rightbatch.decide.advice.learning import choose, predictions
from rightbatch.decide.advice.memory import fit_memory
from rightbatch.decide.advice.model import LearningModel
from rightbatch.decide.advice.noise import fit_noise
from rightbatch.decide.advice.speed import fit_speeds
from rightbatch.records import (
    BatchPrediction,
    Fits,
    Hardware,
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
    def memory_optimizer(self) -> OptimizerFacts:
        """The one whose memory is measured: the first that is not SGD, which keeps least."""
        return max(self.optimizers, key=lambda optimizer: optimizer.rule != "linear")

    @property
    def sizes(self) -> tuple[int, ...]:
        """The batch sizes to consider, ascending."""
        return batch_sizes(self.facts, self.settings)


@dataclass(frozen=True, slots=True)
class Arm:
    """One optimizer of a study.

    Attributes:
        optimizer: Its facts.
        model: What is known of its learning.
        seconds: Step time at any batch size, in seconds.
        rows: What is known of each batch size, ascending.
        chosen: The best guess among them; None while no run has arrived.
    """

    optimizer: OptimizerFacts
    model: LearningModel
    seconds: PerStep
    rows: tuple[BatchPrediction, ...]
    chosen: BatchPrediction | None


def stage_fits(now: Situation, memory_limit_bytes: int | None = None) -> Fits:
    """The fits of the memory, speed and noise stages."""
    limit = memory_limit_bytes or now.hardware.memory_limit_bytes
    speeds = fit_speeds(now.trials)
    return Fits(
        memory=fit_memory(now.trials, now.settings, now.facts, now.hardware, limit),
        speed=speeds[0] if speeds else None,
        noise=fit_noise(now.trials),
        speeds=speeds,
    )


def micro_batch_limit(fits: Fits, facts: WorkloadFacts) -> int:
    """Largest micro-batch to use: what is safe, else what ran.

    Where nothing was tried, anything up to the data; where no trial told, what the user has today.
    """
    memory = fits.memory
    if memory is None:
        return facts.train_examples
    unknown = 1 if memory.failed else facts.batch_size
    return memory.safe_batch_size or memory.largest_batch_size or unknown


def make_arms(
    now: Situation, fits: Fits, objective: Objective, micro_batch_size: int | None = None
) -> list[Arm]:
    """One arm per optimizer; none where nothing tells what a step takes.

    Args:
        now: The study so far.
        fits: Of the stages before learning.
        objective: What is minimised.
        micro_batch_size: Largest micro-batch to use, where it is not the one that was timed.
    """
    arms = []
    for optimizer in now.optimizers:
        runs = evidence.runs(now.trials, optimizer.name)
        seconds = seconds_per_step(fits.speed_of(optimizer.name), runs, micro_batch_size)
        if seconds is None:
            continue
        model = learning_model(now, fits, optimizer, runs, cost_per_step(objective, seconds))
        rows = predictions(model, now.sizes, seconds)
        chosen = choose(model, rows) if arrived(model) else None
        arms.append(Arm(optimizer, model, seconds, rows, chosen))
    return arms


def learning_model(
    now: Situation,
    fits: Fits,
    optimizer: OptimizerFacts,
    runs: Sequence[evidence.Run],
    cost: PerStep,
) -> LearningModel:
    """What is known of one optimizer's learning."""
    noise = fits.noise.noise_scale if fits.noise is not None else None
    return LearningModel(
        now.facts.goal,
        optimizer,
        now.facts.batch_size,
        runs,
        cost,
        noise.value if noise is not None else None,
        [probe for probe in now.under_way if probe.optimizer == optimizer.name],
    )


def arrived(model: LearningModel) -> bool:
    """Whether any run reached the goal ("best within" goals count as reached by their best run)."""
    target = model.goal.target
    return target is None or (model.level is not None and model.goal.reached_by(model.level))
