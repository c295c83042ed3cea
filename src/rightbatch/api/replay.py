"""Replaying policies over recorded studies."""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from rightbatch.api.one_thread import one_thread
from rightbatch.decide.replay.figures import Policy, ReplayRow, replay
from rightbatch.decide.replay.oracle import Oracle
from rightbatch.decide.replay.ours import MODES, OURS, RaceTold, tell_race
from rightbatch.decide.replay.question import Question, questions
from rightbatch.decide.replay.rivals import RIVALS
from rightbatch.errors import StoreError, UsageError
from rightbatch.exchange import read_recorded

POLICIES = OURS + RIVALS

Tell = Callable[[str], None]
"""Is told one sentence about what is left out."""


def _untold(sentence: str) -> None:
    """Nobody listens."""


def replay_studies(
    directories: Sequence[str | Path],
    policies: Sequence[Policy] = POLICIES,
    repeats: int = 5,
    tell: Tell = _untold,
) -> list[ReplayRow]:
    """Play the targets of recorded studies with policies; one that no run reached is left out.

    Args:
        directories: Folders of studies, or of folders of studies.
        policies: Who plays.
        repeats: Orders of the seeds to play each target in.
        tell: Is told what is left out, one sentence each.

    Returns:
        One row for each study, target, policy and repeat.

    Raises:
        StoreError: A study cannot be read, or none of its runs reached a target.
        UsageError: There is nothing to repeat, or none of the policies can play any of the studies.
    """
    if repeats < 1:
        raise UsageError(f"A replay of {repeats} repeats tells nothing; ask for 1 or more.")
    asked = _questions(directories, tell)
    _tell_idle(asked, policies, tell)
    with one_thread():
        return replay(asked, policies, repeats)


def _tell_idle(asked: Sequence[Question], policies: Sequence[Policy], tell: Tell) -> None:
    """Tell which policies cannot play at all.

    Raises:
        UsageError: None of them can.
    """
    if any(each.has_noise_scales for each in asked):
        return
    idle = [policy.name for policy in policies if policy.needs_noise_scales]
    if not idle:
        return
    sentence = (
        f"{' and '.join(idle)} cannot play here: it needs gradient statistics, the columns "
        "grad_sqr_norm and grad_variance of training.csv, which none of the studies has"
    )
    if len(idle) == len(policies):
        raise UsageError(f"{sentence}; name another policy or a study with them.")
    tell(f"{sentence}.")


def timed(policies: Sequence[Policy]) -> tuple[tuple[Policy, ...], dict[str, float]]:
    """The same policies, and the wall-clock seconds that each has taken to play, as it plays."""
    seconds = dict.fromkeys((policy.name for policy in policies), 0.0)

    def on_the_clock(policy: Policy, oracle: Oracle, repeat: int) -> int:
        begin = time.perf_counter()
        choice = policy.play(oracle, repeat)
        seconds[policy.name] += time.perf_counter() - begin
        return choice

    return tuple(replace(each, play=partial(on_the_clock, each)) for each in policies), seconds


def explain_races(
    directories: Sequence[str | Path],
    policies: Sequence[Policy] = POLICIES,
    tell: Tell = _untold,
) -> list[RaceTold]:
    """Every decision of the planner over recorded studies, in the first order of the seeds.

    Args:
        directories: Folders of studies, or of folders of studies.
        policies: Those among them that are the planner's modes are told.
        tell: Is told what is left out, one sentence each.

    Raises:
        StoreError: A study cannot be read, or none of its runs reached a target.
        UsageError: None of the policies is the planner.
    """
    names = [policy.name for policy in policies if policy.name in MODES]
    if not names:
        raise UsageError(f"Only the planner explains its decisions: {' or '.join(MODES)}.")
    asked = _questions(directories, tell)
    with one_thread():
        return [tell_race(each, name) for each in asked for name in names]


def _questions(directories: Sequence[str | Path], tell: Tell) -> list[Question]:
    """The targets of all studies, each folder once."""
    folders = [folder for directory in directories for folder in _studies(Path(directory))]
    once: dict[str, Path] = {}
    for folder in folders:
        once.setdefault(os.path.realpath(folder), folder)
    return [each for folder in once.values() for each in _questions_of(folder, tell)]


def _questions_of(folder: Path, tell: Tell) -> list[Question]:
    """The targets of a study that at least some run reached."""
    asked = questions(read_recorded(folder))
    reached = [each for each in asked if _is_reached(each)]
    if not reached:
        raise StoreError(
            f"{folder}: no run reached {asked[0].goal}, so that there is nothing to replay; record "
            "a run that reaches a target."
        )
    for each in asked:
        if each not in reached:
            tell(f"{folder}: no run reached {each.goal}, so that this target is left out.")
    return reached


def _is_reached(asked: Question) -> bool:
    runs = (run for of_size in asked.runs.values() for run in of_size)
    return any(run.curve.arrival(asked.goal) is not None for run in runs)


def find_policies(names: Sequence[str]) -> tuple[Policy, ...]:
    """The policies of these names; all of them where none is named.

    Raises:
        UsageError: There is no policy of such a name.
    """
    known = {policy.name: policy for policy in POLICIES}
    for name in names:
        if name not in known:
            raise UsageError(f"There is no policy {name!r}; the policies are {', '.join(known)}.")
    return tuple(known[name] for name in dict.fromkeys(names)) or POLICIES


def _studies(directory: Path) -> list[Path]:
    """The directory itself, or the folders in it that hold a study.json."""
    if (directory / "study.json").exists() or not directory.is_dir():
        return [directory]
    found = sorted(path.parent for path in directory.glob("*/study.json"))
    if not found:
        raise StoreError(f"{directory} holds no study.json; name the folder of a recorded study.")
    return found
