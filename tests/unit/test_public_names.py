"""What users import: listed once, importable, and light."""

import importlib
import subprocess
import sys

import pytest

import rightbatch

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
