"""The planner's race, run against the oracle."""

from collections.abc import Callable

from rightbatch.decide.planning.race import Mode, next_move
from rightbatch.decide.planning.race_state import Choose, Race, Tuning
from rightbatch.decide.replay.figures import Policy
from rightbatch.decide.replay.oracle import NoMoreSeeds, Oracle


def our_policies(tuning: Tuning) -> tuple[Policy, Policy]:
    """The planner in its two modes."""
    return (
        Policy(
            "rightbatch", "the planner: least regret, then search cost", _in("recurring", tuning)
        ),
        Policy("rightbatch-one-off", "the planner: least time to model", _in("one-off", tuning)),
    )


def _in(mode: Mode, tuning: Tuning) -> Callable[[Oracle, int], int]:
    def play(oracle: Oracle, repeat: int) -> int:
        return _play(oracle, mode, tuning)

    return play


def _play(oracle: Oracle, mode: Mode, tuning: Tuning) -> int:
    """Ask the planner, ask the oracle, tell the planner."""
    exhausted: frozenset[int] = frozenset()
    while True:
        seconds = {run.batch_size: run.step_seconds for run in oracle.runs}
        race = Race(
            oracle.goal,
            oracle.batch_sizes,
            oracle.examples_per_epoch,
            seconds,
            oracle.runs,
            exhausted,
        )
        move = next_move(race, mode, tuning)
        if isinstance(move, Choose):
            return move.batch_size
        if move.run is not None:
            oracle.carry_on(move.run, move.limit)
        else:
            try:
                oracle.train(move.batch_size, move.limit)
            except NoMoreSeeds:
                exhausted |= {move.batch_size}


OURS = our_policies(Tuning())
