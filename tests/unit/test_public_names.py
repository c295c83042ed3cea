"""What users import: listed once, importable, and light."""

import importlib
import subprocess
import sys
from dataclasses import replace

import pytest

import rightbatch
from rightbatch.records import Advice, Choice, Estimate, Fits

HEAVY = (
    "torch",
    "lightning",
    "keras",
    "tensorflow",
    "jax",
    "transformers",
    "accelerate",
    "numpy",
    "scipy",
    "sqlalchemy",
    "plotly",
    "sklearn",
    "pandas",
)


def loaded_after(statement):
    code = f"import sys\n{statement}\nprint(*[n for n in {HEAVY!r} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_every_public_name_is_listed_once_and_importable():
    assert rightbatch.__all__ == sorted(set(rightbatch.__all__))
    for name in rightbatch.__all__:
        assert getattr(rightbatch, name) is not None
    assert set(rightbatch._HOMES) | {"__version__"} == set(rightbatch.__all__)


def test_the_public_names_are_these():
    records = {"Advice", "Estimate", "Goal", "RightbatchError"}
    verbs = {"memory", "predict_memory", "readvise", "tune"}
    assert set(rightbatch.__all__) == {*records, *verbs, "__version__"}


@pytest.mark.parametrize(
    "module",
    [
        "rightbatch.torch",
        "rightbatch.lightning",
        "rightbatch.transformers",
        "rightbatch.accelerate",
        "rightbatch.keras",
        "rightbatch.records",
    ],
)
def test_a_modules_public_names_are_listed_once_and_importable(module):
    names = importlib.import_module(module).__all__
    assert len(names) == len(set(names))
    for name in names:
        assert hasattr(importlib.import_module(module), name)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="tone"):
        rightbatch.tone  # noqa: B018


@pytest.mark.parametrize(
    "statement",
    [
        "import rightbatch",
        "import rightbatch.torch",
        "import rightbatch.lightning",
        "import rightbatch.transformers",
        "import rightbatch.accelerate",
        "import rightbatch.keras",
        "from rightbatch import Advice",
    ],
)
def test_importing_is_light(statement):
    assert loaded_after(statement) == []


def test_the_light_imports_are_told_from_heavy_ones():
    assert "numpy" in loaded_after("import rightbatch; rightbatch.tune")


def advice(**changes):
    choice = Choice("sgd", 64, 0.1, 64, 1, 23)
    plain = {
        "study": "digits-1", "goal": "accuracy >= 0.96", "objective": "time",
        "recommended": choice, "reference": None, "near_optimal": (32, 64),
        "binding_constraint": "data_set_size", "headline": "Use 64.", "reasons": (),
        "warnings": (), "missing": {}, "fits": Fits(),
    }  # fmt: skip
    return Advice(**(plain | changes))


def test_a_notebook_shows_the_advice_as_a_table():
    shown = advice(reasons=("It is fast.",))._repr_html_()
    assert shown.startswith("<table><caption>Use 64.</caption>")
    assert "<tr><th>batch size</th><td>64</td></tr>" in shown
    assert "<td>32, 64</td>" in shown
    assert "<td>size of the data set: one batch holds all of it</td>" in shown
    assert "<td>It is fast.</td>" in shown


def test_a_notebook_shows_the_time_with_its_interval_beside_the_users_own():
    best = Choice("sgd", 64, 0.1, 64, 1, 23, seconds_to_goal=Estimate(2.0, 1.5, 2.5, unit="s"))
    yours = replace(best, batch_size=32, seconds_to_goal=Estimate(9.0, 8.0, 10.0, unit="s"))
    shown = advice(recommended=best, reference=yours)._repr_html_()
    assert "<td>2 (1.5 to 2.5); 9 with your batch size 32</td>" in shown


def test_a_notebook_shows_what_is_missing_without_failing():
    shown = advice(recommended=None, near_optimal=(), binding_constraint="budget")._repr_html_()
    assert "not enough data" in shown


@pytest.mark.parametrize("field", ["goal", "headline", "reasons", "warnings"])
def test_text_from_a_workload_is_escaped_in_a_notebook(field):
    attack = "<script>alert('x')</script> & \"more\""
    value = (attack,) if field in {"reasons", "warnings"} else attack
    shown = advice(**{field: value})._repr_html_()
    assert "<script" not in shown
    assert "&lt;script&gt;" in shown
    assert "&amp; " in shown
