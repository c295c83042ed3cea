"""Replay policies on recorded studies."""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from rightbatch.api.one_thread import one_thread
from rightbatch.decide.replay.figures import Policy, ReplayRow, replay
from rightbatch.decide.replay.ours import MODES, OURS, RaceTold, tell_race
from rightbatch.decide.replay.question import Oracle, Question, questions
from rightbatch.decide.replay.rivals import RIVALS
from rightbatch.errors import StoreError, UsageError
from rightbatch.exchange import read_recorded

POLICIES = OURS + RIVALS

Notify = Callable[[str], None]
"""Called with one sentence about each omission."""


def _ignore(sentence: str) -> None:
    """Ignore notifications."""


def replay_studies(
    directories: Sequence[str | Path],
    policies: Sequence[Policy] = POLICIES,
    repeats: int = 5,
    notify: Notify = _ignore,
) -> list[ReplayRow]:
    """Replay policies on the targets of recorded studies, except those that no run reached.

    Args:
        directories: Folders of studies, or of folders of studies.
        policies: The policies to replay.
        repeats: Number of replays of each target, each with its seeds in another order.
        notify: Called with one sentence about each omission.

    Returns:
        One row for each study, target, policy and repeat.

    Raises:
        StoreError: A study cannot be read, or none of its runs reached a target.
        UsageError: `repeats` is below 1, or no policy can be replayed on any of the studies.
    """
    if repeats < 1:
        raise UsageError(f"`repeats` is {repeats}; it must be at least 1.")
    targets = _questions(directories, notify)
    _check_playable(targets, policies, notify)
    with one_thread():
        return replay(targets, policies, repeats)


def _check_playable(
    targets: Sequence[Question], policies: Sequence[Policy], notify: Notify
) -> None:
    """Notify of policies that cannot be replayed at all.

    Raises:
        UsageError: None of them can.
    """
    unplayable = [policy.name for policy in policies if policy.needs_noise_scales]
    if not unplayable or any(target.has_noise_scales for target in targets):
        return
    sentence = (
        f"{' and '.join(unplayable)} cannot be replayed: none of the studies has gradient "
        "statistics, the columns grad_sqr_norm and grad_variance of training.csv"
    )
    if len(unplayable) == len(policies):
        raise UsageError(f"{sentence}; name another policy or a study that has them.")
    notify(f"{sentence}.")


def timed(policies: Sequence[Policy]) -> tuple[tuple[Policy, ...], dict[str, float]]:
    """The same policies, and a dict that accumulates the wall-clock seconds of each."""
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
    notify: Notify = _ignore,
) -> list[RaceTold]:
    """Every decision of the planner on recorded studies, with their seeds in the first order.

    Args:
        directories: Folders of studies, or of folders of studies.
        policies: Policies, of which the planner's modes are explained.
        notify: Called with one sentence about each omission.

    Raises:
        StoreError: A study cannot be read, or none of its runs reached a target.
        UsageError: None of the policies is the planner.
    """
    names = [policy.name for policy in policies if policy.name in MODES]
    if not names:
        raise UsageError(
            f"Only the planner's decisions can be explained; choose {' or '.join(MODES)}."
        )
    targets = _questions(directories, notify)
    with one_thread():
        return [tell_race(target, name) for target in targets for name in names]


def _questions(directories: Sequence[str | Path], notify: Notify) -> list[Question]:
    """The targets of all studies, each folder once."""
    once: dict[str, Path] = {}
    for directory in directories:
        for folder in _studies(Path(directory)):
            once.setdefault(os.path.realpath(folder), folder)
    return [target for folder in once.values() for target in _questions_of(folder, notify)]


def _questions_of(folder: Path, notify: Notify) -> list[Question]:
    """The targets of a study that at least one run reached."""
    targets = questions(read_recorded(folder))
    reached = [
        target
        for target in targets
        if any(run.curve.arrival(target.goal) for runs in target.runs.values() for run in runs)
    ]
    if not reached:
        raise StoreError(
            f"{folder}: there is nothing to replay, as no run reached {targets[0].goal}; record a "
            "run that reaches a target."
        )
    for target in targets:
        if target not in reached:
            notify(f"{folder}: no run reached {target.goal}; this target is left out.")
    return reached


def find_policies(names: Sequence[str]) -> tuple[Policy, ...]:
    """The policies of these names; all of them where none is named.

    Raises:
        UsageError: There is no policy of that name.
    """
    known = {policy.name: policy for policy in POLICIES}
    for name in names:
        if name not in known:
            raise UsageError(f"There is no policy {name!r}; use {', '.join(known)}.")
    return tuple(known[name] for name in dict.fromkeys(names)) or POLICIES


def _studies(directory: Path) -> list[Path]:
    """The directory itself, or the folders in it that contain a study.json."""
    if (directory / "study.json").exists() or not directory.is_dir():
        return [directory]
    found = sorted(path.parent for path in directory.glob("*/study.json"))
    if not found:
        raise StoreError(
            f"{directory} contains no study.json; name the folder of a recorded study."
        )
    return found
