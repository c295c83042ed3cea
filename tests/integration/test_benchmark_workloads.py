"""Workloads of the benchmarks that stand for the same model in several frameworks are the same."""

from pathlib import Path

import pytest

import needs
from rightbatch.api.references import local_runner, reference
from rightbatch.measure.ports import Job
from rightbatch.records import DescribeProbe
from rightbatch.zoo.data.sets import DIAMONDS

pytestmark = [pytest.mark.slow, pytest.mark.long]

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
IN_TORCH = f"{BENCHMARKS / 'frameworks' / 'in_torch.py'}:workload"
IN_KERAS = f"{BENCHMARKS / 'frameworks' / 'in_keras.py'}:workload"


def described(workload):
    """What a fresh process tells of a workload's size, settings and goal."""
    runner = local_runner(Job(reference(workload), DescribeProbe(), device="cpu", threads=1))
    try:
        _, result = runner.run(DescribeProbe(), lambda _: None)
    finally:
        runner.close()
    facts = result.facts
    own = facts.optimizers[0]
    return (
        facts.parameters, facts.train_examples, facts.valid_examples, facts.batch_size, own.name,
        own.learning_rate, facts.goal.target,
    )  # fmt: skip


@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_the_digits_network_is_the_same_in_every_framework(backend, monkeypatch):
    needs.libraries("keras", backend)
    monkeypatch.setenv("KERAS_BACKEND", backend)
    assert described(IN_KERAS) == pytest.approx(described(IN_TORCH))


def test_the_diamonds_in_keras_are_those_of_the_zoo(monkeypatch):
    needs.libraries("keras", "jax")
    needs.data(DIAMONDS)
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    in_keras = described(f"{BENCHMARKS / 'live' / 'keras_diamonds.py'}:workload")
    assert in_keras == pytest.approx(described("diamonds"))
