"""The interface of a planner: what to measure next, when to stop, and what to conclude."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from rightbatch.records import Capacity, Probe, Recording, Settings, Stage, Trial

Conclusion_co = TypeVar("Conclusion_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Ask:
    """The next probe and the progress of its stage.

    Attributes:
        stage: Its stage; None for the first probe, which describes the workload.
        probe: What to measure.
        done: Share of the stage that is done, 0 to 1.
        then: Maximum share that will be done after this probe.
        seconds_left: Maximum time that the stage may still take, in seconds.
    """

    stage: Stage | None
    probe: Probe
    done: float = 0.0
    then: float = 1.0
    seconds_left: float = 0.0


class Planner(Protocol[Conclusion_co]):
    """A pure function of the trials: no clock, no I/O, no state of its own.

    A study is therefore resumed by calling it again, and it runs live and over recordings alike.
    """

    @property
    def settings(self) -> Settings:
        """The user's settings, by which a study is found again to be resumed."""

    def ask(
        self,
        trials: tuple[Trial, ...],
        spent_seconds: float,
        under_way: Sequence[Probe] = (),
        capacity: Capacity | None = None,
    ) -> Ask | None:
        """The next probe of a study; None if it is finished, or waits for probes under way.

        Args:
            trials: Every trial so far, in order.
            spent_seconds: Wall-clock time of the study so far.
            under_way: Probes that have started and are not among the trials yet.
            capacity: What the runner can execute; None for the machine of the first probe.

        Raises:
            UsageError: The settings contradict what the first probe found.
        """

    def is_over(self, trials: tuple[Trial, ...]) -> bool:
        """Whether nothing more is needed, not even the probes under way."""

    def conclude(self, recording: Recording) -> Conclusion_co:
        """The result of a study, finished or not.

        Raises:
            UsageError: The study ended before its workload was described.
        """
