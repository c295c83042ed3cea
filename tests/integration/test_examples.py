"""The examples run unchanged, on real data."""

import re
from pathlib import Path

import pytest
from command_line import measured, rightbatch

import needs
from rightbatch.zoo.data.sets import FASHION_MNIST

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_the_first_example_reaches_a_recommendation(tmp_path):
    done, _ = measured(
        "tune", f"{EXAMPLES / 'train.py'}:workload", budgets=(12, 40), folder=tmp_path
    )
    assert done.json["batch_size"] in done.json["near_optimal"]
    assert done.json["predicted_seconds_to_goal"]["value"] > 0


BRIDGES = {
    "lightning": "lightning_digits.py",
    "transformers": "transformers_text.py",
    "accelerate": "accelerate_digits.py",
}
BUDGETS = {"lightning": (15, 60), "transformers": (30, 90), "accelerate": (15, 60)}
MARK = "  # rightbatch"


@pytest.mark.parametrize("library", BRIDGES)
def test_a_users_own_script_changes_at_most_five_lines(library):
    lines = (EXAMPLES / BRIDGES[library]).read_text().splitlines()
    ours = [line for line in lines if line.endswith(MARK)]
    rest = "\n".join(line for line in lines if not line.endswith(MARK))
    assert 1 <= len(ours) <= 5
    assert "rightbatch" not in re.sub('""".*?"""', "", rest, flags=re.S)
    compile(rest, BRIDGES[library], "exec")


@pytest.mark.parametrize(
    "library",
    [
        "lightning",
        pytest.param("transformers", marks=pytest.mark.long),
        pytest.param("accelerate", marks=pytest.mark.long),
    ],
)
def test_the_example_of_a_bridge_reaches_a_recommendation(library, tmp_path):
    needs.libraries(library)
    done, _ = measured(
        "tune", f"{EXAMPLES / BRIDGES[library]}:workload", budgets=BUDGETS[library], folder=tmp_path
    )
    assert done.json["batch_size"] in done.json["near_optimal"]
    assert done.json["predicted_seconds_to_goal"]["value"] > 0


@pytest.mark.parametrize("backend", ["tensorflow", pytest.param("jax", marks=pytest.mark.long)])
def test_the_keras_example_reaches_a_recommendation_on_each_backend(backend, tmp_path, monkeypatch):
    needs.libraries("keras", backend)
    monkeypatch.setenv("KERAS_BACKEND", backend)
    done, _ = measured(
        "tune", f"{EXAMPLES / 'keras_digits.py'}:workload", budgets=(30, 120), folder=tmp_path
    )
    assert done.json["batch_size"] in done.json["near_optimal"]
    assert done.json["predicted_seconds_to_goal"]["value"] > 0


def test_a_budget_too_short_for_fashion_mnist_is_kept_and_said(tmp_path):
    needs.data(FASHION_MNIST)
    done = rightbatch(
        "tune", f"{EXAMPLES / 'fashion_mnist.py'}:workload", "--goal", "accuracy >= 0.93",
        "--budget", "12s", "--threads", "1", "--json", folder=tmp_path,
    )  # fmt: skip
    assert done.code == 4, done.err
    told = done.json
    assert told["binding_constraint"] == "budget"
    assert told["predicted_seconds_to_goal"] is None
    assert "goal" in told["predicted_seconds_to_goal_reason"]
    spent = told["time_spent"]
    wall = spent["training_seconds"] + spent["measuring_seconds"] + spent["around_seconds"]
    assert wall <= 1.1 * 12
