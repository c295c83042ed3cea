"""The planner's race, run against the oracle."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from rightbatch.decide.learning.race import Mode, next_move
from rightbatch.decide.learning.state import Choose, Move, Race, Tuning
from rightbatch.decide.replay.figures import Policy
from rightbatch.decide.replay.question import NoMoreSeeds, Oracle, Question
from rightbatch.records import Decision

MODES: dict[str, Mode] = {"rightbatch": "recurring", "rightbatch-one-off": "one-off"}
_SOURCES = {
    "rightbatch": "the planner: least regret, then search cost",
    "rightbatch-one-off": "the planner: least time to model",
}


@dataclass(frozen=True, slots=True)
class RaceTold:
    """The decisions of one race.

    Attributes:
        study: Name of the study.
        target: The level to reach.
        metric: Name of the metric.
        policy: Name of the planner's mode.
        decisions: Every decision, in order; a run that goes on in pieces has one for each.
    """

    study: str
    target: float
    metric: str
    policy: str
    decisions: tuple[Decision, ...]


def our_policies(tuning: Tuning) -> tuple[Policy, ...]:
    """The planner in its two modes."""
    return tuple(
        Policy(name, _SOURCES[name], partial(_play, mode, tuning)) for name, mode in MODES.items()
    )


def tell_race(question: Question, policy: str, repeat: int = 0) -> RaceTold:
    """Race over a recorded target and tell every decision.

    Args:
        question: The recorded target.
        policy: A name in `MODES`.
        repeat: Which order of the seeds to take.
    """
    decisions: list[Decision] = []
    for move in moves(Oracle(question, repeat), MODES[policy], Tuning()):
        decisions += move.decisions if isinstance(move, Choose) else (move.decision,)
    return RaceTold(question.study, question.target, question.goal.metric, policy, tuple(decisions))


def moves(oracle: Oracle, mode: Mode, tuning: Tuning) -> Iterator[Move]:
    """Ask the planner, ask the oracle, tell the planner; the last move is the choice."""
    exhausted: frozenset[int] = frozenset()
    while True:
        race = Race(
            oracle.goal,
            oracle.batch_sizes,
            oracle.examples_per_epoch,
            {run.batch_size: run.step_seconds for run in oracle.runs},
            oracle.runs,
            exhausted,
        )
        move = next_move(race, mode, tuning)
        yield move
        if isinstance(move, Choose):
            return
        if move.run is not None:
            oracle.carry_on(move.run, move.limit)
        else:
            try:
                oracle.train(move.batch_size, move.limit)
            except NoMoreSeeds:
                exhausted |= {move.batch_size}


def _play(mode: Mode, tuning: Tuning, oracle: Oracle, repeat: int) -> int:
    *_, choice = moves(oracle, mode, tuning)
    return choice.batch_size


OURS = our_policies(Tuning())
