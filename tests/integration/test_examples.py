"""The examples run unchanged, on real data."""

import os
from pathlib import Path

import pytest
from command_line import rightbatch

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).parents[2] / "examples"
FASHION = Path("/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz")


def test_the_first_example_reaches_a_recommendation(tmp_path):
    done = rightbatch(
        "tune", f"{EXAMPLES / 'train.py'}:workload", "--budget", "40s", "--threads", "1", "--json",
        folder=tmp_path,
    )  # fmt: skip
    assert done.code == 0, done.err
    assert done.json["batch_size"] in done.json["near_optimal"]
    assert done.json["predicted_seconds_to_goal"]["value"] > 0


def test_a_budget_too_short_for_fashion_mnist_is_kept_and_said(tmp_path):
    if not FASHION.exists():
        message = "Fashion-MNIST is not installed: run scripts/install-system-packages."
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    done = rightbatch(
        "tune", f"{EXAMPLES / 'fashion_mnist.py'}:workload", "--goal", "accuracy >= 0.93",
        "--budget", "30s", "--threads", "1", "--json", folder=tmp_path,
    )  # fmt: skip
    assert done.code == 0, done.err
    told = done.json
    assert told["binding_constraint"] == "budget"
    assert told["predicted_seconds_to_goal"] is None
    assert "goal" in told["predicted_seconds_to_goal_reason"]
    spent = told["time_spent"]
    wall = spent["training_seconds"] + spent["measuring_seconds"] + spent["around_seconds"]
    assert wall <= 1.1 * 30
