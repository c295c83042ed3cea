"""The planner of `tune` and of the single stages: it measures, then recommends."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rightbatch.decide.advise.recommend import advise
from rightbatch.decide.planners import asking
from rightbatch.decide.planners.base import Ask
from rightbatch.decide.planners.ending import how_it_ended
from rightbatch.records import Advice, Capacity, Probe, Recording, Settings, Trial


@dataclass(frozen=True, slots=True)
class Recommend:
    """A `Planner` whose conclusion is an advice.

    Attributes:
        settings: The user's settings.
    """

    settings: Settings

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
        """The advice, with why the study ended."""
        return replace(advise(recording), ended=how_it_ended(recording))
