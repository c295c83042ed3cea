"""What a planner promises: what to measure next, when it is over, and what to conclude."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from rightbatch.records import Capacity, Probe, Recording, Settings, Stage, Trial

Conclusion_co = TypeVar("Conclusion_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Ask:
    """The next probe and how far its stage is.

    Attributes:
        stage: The stage it belongs to; None for the first look at the workload.
        probe: What to measure.
        done: Share of the stage that is done, 0 to 1.
        then: Share that will be done after this probe, at most.
        seconds_left: Most time the stage may still take, in seconds.
    """

    stage: Stage | None
    probe: Probe
    done: float = 0.0
    then: float = 1.0
    seconds_left: float = 0.0


class Planner(Protocol[Conclusion_co]):
    """A pure function of what was measured: no clock, no I/O, no state of its own.

    So a study is resumed by asking again, and the same planner runs live and over recordings.
    """

    @property
    def settings(self) -> Settings:
        """The user's settings; a study is found again by them, to resume."""

    def ask(
        self,
        trials: tuple[Trial, ...],
        spent_seconds: float,
        under_way: Sequence[Probe] = (),
        capacity: Capacity | None = None,
    ) -> Ask | None:
        """The next probe of a study; None when it is finished, or waits for what is under way.

        Args:
            trials: Every trial so far, in order.
            spent_seconds: Wall-clock time of the study so far.
            under_way: Probes that were asked for and are not among the trials yet.
            capacity: What the runner can have under way; None for the machine of the first look.

        Raises:
            UsageError: What the user wants contradicts what the first look found.
        """

    def is_over(self, trials: tuple[Trial, ...]) -> bool:
        """Whether nothing more is wanted, so that what is under way is of no use any more."""

    def conclude(self, recording: Recording) -> Conclusion_co:
        """What comes of a study, finished or not.

        Raises:
            UsageError: The study ended before its workload was described.
        """
