"""Every number in the sentences of an advice comes from a fit, a measurement or what was asked."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import pytest
from simulated_world import MIB, SimulatedOptimizer, World, run_side_by_side, run_study
from told_numbers import comes_from, numbers, sources

from rightbatch.decide.advise.recommend import advise
from rightbatch.decide.study.situation import DEFAULT_CAP, DEFAULT_TIMES
from rightbatch.records import Advice, Recording, Settings
from rightbatch.report.sentences import say_all
from rightbatch.report.view import make_view

CONSTANTS = {
    ("share", 0.90): "the knee is defined by 90% of the highest throughput",
    ("share", 0.95): "intervals are those of 95%",
    ("share", 0.10): "near-optimal is defined as within 10% of the best",
    ("plain", float(DEFAULT_CAP)): "where the memory search ends by default",
    ("plain", float(DEFAULT_TIMES)): "times the user's batch size where it ends by default",
}
SHORT = Settings(budget_seconds=60.0, training_budget_seconds=10.0)
TWO = (
    SimulatedOptimizer(),
    SimulatedOptimizer("adam", "square_root", 1e-3, 1e-3, steps_min=300.0, state_bytes=40 * MIB),
)
STUDIES = {
    "plain": (World(), SHORT),
    "noisy": (World(timing_noise=0.4, seed=1), SHORT),
    "two optimizers": (World(optimizers=TWO), replace(SHORT, optimizers=("sgd", "adam"))),
    "regimes": (World(train_examples=600), replace(SHORT, batch_sizes=(1, 32, 0))),
    "tight memory": (World(bytes_per_example=4 * MIB, limit_bytes=900 * MIB, seed=2), SHORT),
    "predicted memory": (World(start_seconds=1.0), replace(SHORT, budget_seconds=300.0)),
    "hangs": (World(hangs=(64, 128), seed=3), SHORT),
    "out of reach": (World(top=0.7), SHORT),
    "best within": (World(goal="best accuracy within 2s", seed=4), SHORT),
    "by rule": (World(seed=5), replace(SHORT, learning_rates="rule")),
    "fewest examples": (World(seed=6), replace(SHORT, objective="examples")),
    "no noise scale": (World(noise_scale=None, critical=20.0, seed=7), SHORT),
}


@cache
def study(name: str) -> tuple[Recording, Advice]:
    if name == "side by side":
        recording, _ = run_side_by_side(World(seed=8), replace(SHORT, workers=3))
    else:
        recording = run_study(*STUDIES[name])
    return recording, advise(recording)


def sentences(recording: Recording, advice: Advice) -> Iterator[str]:
    """The advice's own, and those that reports make of it."""
    remarks = advice.remarks
    yield from say_all((remarks.headline, *remarks.reasons, *remarks.warnings))
    yield from say_all(remarks.missing.values())
    view = make_view(recording, advice)
    yield from (f"{what}: {told}" for what, told in view.verdict)
    yield from (f"{what}: {told} ({remark})" for what, told, remark in view.tiles)
    yield from (text for one in view.findings for text in (one.heading, one.reading, one.missing))
    yield view.time_words


def invented(told: Iterator[str], recording: Recording, advice: Advice) -> list[str]:
    """Numbers that come from nowhere, each with its sentence."""
    found = sources(recording, advice) | set(CONSTANTS)
    return [
        f"{number.text!r} in {sentence!r}"
        for sentence in told
        for number in numbers(sentence)
        if not comes_from(number, found)
    ]


@pytest.mark.parametrize("name", [*STUDIES, "side by side"])
def test_every_number_comes_from_a_fit_a_measurement_or_what_was_asked(name):
    recording, advice = study(name)
    assert sum(len(numbers(told)) for told in sentences(recording, advice)) >= 10
    assert invented(sentences(recording, advice), recording, advice) == []


@pytest.mark.parametrize(
    "told",
    [
        "Steps to the goal stop falling around the critical batch size of 777,000 examples.",
        "It takes 43.21 s.",
        "It takes 2 min 51 s.",
        "That is 6.66 times as fast.",
        "Loading data takes 83% of a step.",
        "It ran under a limit of 77.7 GiB.",
    ],
)
def test_an_invented_number_is_caught(told):
    recording, advice = study("plain")
    assert len(numbers(told)) == 1
    assert len(invented(iter([told]), recording, advice)) == 1


def test_most_numbers_are_caught_where_they_are_told_wrongly():
    """Those of the reasons, moved by 3 to 40%: few are by chance near another number."""
    recording, advice = study("plain")
    found = sources(recording, advice) | set(CONSTANTS)
    moved = [
        comes_from(replace(number, value=number.value * factor), found)
        for reason in say_all(advice.remarks.reasons)
        for number in numbers(reason)
        for factor in (0.71, 0.97, 1.03, 1.19, 1.4)
        if number.value > 50
    ]
    assert len(moved) >= 20
    assert sum(moved) <= 0.15 * len(moved)


def test_numbers_are_read_with_separators_units_and_times_in_two_parts():
    told = numbers("Took 1 min 15 s of 2 h; 61,300 examples/s, 3e-05, 19.3 GiB, 7%; adam2, run-3.")
    assert [(n.kind, n.value) for n in told] == [
        ("seconds", 75.0), ("seconds", 7200.0), ("plain", 61_300.0), ("plain", 3e-05),
        ("bytes", 19.3 * 2**30), ("share", pytest.approx(0.07)),
    ]  # fmt: skip


def test_a_small_memory_limit_is_told_in_mebibytes():
    _, advice = study("tight memory")
    assert any("memory limit 900 MiB." in reason for reason in say_all(advice.remarks.reasons))
