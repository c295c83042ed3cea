"""The planner of `tune` and of the single stages, which concludes with advice."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rightbatch.decide.advise.recommend import advise
from rightbatch.decide.planners import asking
from rightbatch.decide.planners.base import Ask
from rightbatch.decide.planners.ending import how_it_ended
from rightbatch.records import Advice, Capacity, Objective, Probe, Recording, Settings, Trial


@dataclass(frozen=True, slots=True)
class Recommend:
    """A `Planner` that concludes with advice.

    Attributes:
        settings: The user's settings.
        objective: What to minimise instead of the study's own objective.
        memory_limit_bytes: Memory limit instead of the study's own.
        price_per_hour: Price per hour instead of the study's own.
    """

    settings: Settings
    objective: Objective | None = None
    memory_limit_bytes: int | None = None
    price_per_hour: float | None = None

    def ask(
        self,
        trials: tuple[Trial, ...],
        spent_seconds: float,
        under_way: Sequence[Probe] = (),
        capacity: Capacity | None = None,
    ) -> Ask | None:
        """See `Planner.ask`."""
        return asking.ask(self.settings, trials, spent_seconds, under_way, capacity)

    def is_over(self, trials: tuple[Trial, ...]) -> bool:
        """See `Planner.is_over`."""
        return asking.is_over(self.settings, trials)

    def conclude(self, recording: Recording) -> Advice:
        """The advice, with the reason why the study ended."""
        advice = advise(recording, self.objective, self.memory_limit_bytes, self.price_per_hour)
        return replace(advice, ended=how_it_ended(recording))
