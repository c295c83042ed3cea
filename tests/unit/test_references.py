"""From what the user names to where a child process finds it, and back to a factory."""

import functools
import importlib
import re
import subprocess
import sys
import threading
import uuid

import pytest

from rightbatch.api.references import environment, preload, preload_threadless, reference
from rightbatch.errors import UsageError, WorkloadNotFound
from rightbatch.measure.frameworks.loading import load_factory, load_subject
from rightbatch.measure.ports import Job
from rightbatch.records import DescribeProbe, Settings, Study, WorkloadReference
from rightbatch.store import open_store

SOURCE = """
import os
import torch
from torch import nn
import my_neighbour
from rightbatch.torch import Workload

def workload():
    return "made in " + __name__
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A directory of its own to work in; what it adds to the interpreter is taken away again."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def unique():
    return f"mine_{uuid.uuid4().hex[:8]}"


def module_level():
    return "made in this module"


def test_a_built_in_name():
    where = reference("digits")
    assert where == WorkloadReference("workload", module="rightbatch.zoo.digits", title="digits")


def test_a_file_and_factory(folder):
    (folder / "train.py").write_text(SOURCE)
    where = reference("train.py:workload")
    assert where.file == str((folder / "train.py").resolve())
    assert (where.factory, where.module, where.pickled) == ("workload", None, None)
    assert where.title == "train.py:workload"
    assert reference("train.py") == where


def test_a_module_and_factory(folder):
    name = unique()
    package = folder / name
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "train.py").write_text("from .inner import make as workload\n")
    (package / "inner.py").write_text("def make():\n    return 42\n")
    where = reference(f"{name}.train:workload")
    assert (where.module, where.file) == (f"{name}.train", None)
    assert load_factory(where)() == 42


def test_a_function_of_a_file_keeps_its_neighbours(folder):
    name = unique()
    (folder / f"{name}_b.py").write_text("value = 7\n")
    (folder / f"{name}.py").write_text(f"from {name}_b import value\ndef make():\n    return value")
    assert load_factory(reference(f"{name}.py:make"))() == 7


@pytest.mark.parametrize("stem", ["copy", "json", "no-identifier"])
def test_a_file_may_have_any_name_and_hides_no_other_module(folder, stem):
    path = folder / f"{stem}.py"
    path.write_text("def workload():\n    return 3\n")
    before = sys.modules.get(stem)
    assert load_factory(reference(f"{stem}.py"))() == 3
    assert sys.modules.get(stem) is before
    sys.modules.pop("workload_file", None)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("digit", "no built-in workload 'digit'; use digits"),
        ("something", "or name your own as file.py:factory"),
        ("nowhere.py:workload", "There is no file nowhere.py"),
        ("nowhere.py", "There is no file nowhere.py"),
        ("train.py:", "names no function"),
        ("train.py:two words", "names no function"),
        ("some where:workload", "neither a .py file nor a module"),
        (":workload", "neither a .py file nor a module"),
    ],
)
def test_a_name_of_nothing(folder, text, said):
    with pytest.raises(WorkloadNotFound, match=re.escape(said)):
        reference(text)


def test_a_missing_module_is_told_from_one_that_a_module_lacks(folder):
    with pytest.raises(WorkloadNotFound, match="no module nowhere_at_all"):
        load_factory(reference("nowhere_at_all.train:workload"))
    name = unique()
    (folder / f"{name}.py").write_text("import nothing_like_it\n")
    with pytest.raises(ModuleNotFoundError, match="nothing_like_it"):
        load_factory(reference(f"{name}:workload"))


def test_a_missing_factory_names_what_there_is(folder):
    name = unique()
    (folder / f"{name}.py").write_text("def make():\n    pass\ndef _hidden():\n    pass\n")
    with pytest.raises(WorkloadNotFound, match=r"has no function 'workload'; it has make\."):
        load_factory(reference(f"{name}.py:workload"))


def test_a_factory_must_be_a_function_and_give_a_workload(folder):
    name = unique()
    (folder / f"{name}.py").write_text("number = 3\ndef wrong():\n    return {}\n")
    with pytest.raises(
        WorkloadNotFound, match="must be a function that returns a workload, not int"
    ):
        load_factory(reference(f"{name}.py:number"))
    job = Job(reference(f"{name}.py:wrong"), DescribeProbe())
    with pytest.raises(WorkloadNotFound, match=r"must return a rightbatch.*Workload, not dict"):
        load_subject(job, None)


def test_a_live_object_is_refused():
    with pytest.raises(
        UsageError, match=r"must be a name or the function that makes it, .*, not int"
    ):
        reference(42)


def test_a_function_of_a_module_is_named_and_not_pickled():
    where = reference(module_level)
    assert where.pickled is None
    assert where.factory == "module_level"
    assert where.file == __file__


def test_a_function_of_a_package_is_named_by_its_module():
    from rightbatch.zoo.digits import workload

    where = reference(workload)
    assert (where.module, where.file, where.pickled) == ("rightbatch.zoo.digits", None, None)


def test_a_function_of_a_packages_front_is_named_by_the_package(folder):
    name = unique()
    (folder / name).mkdir()
    (folder / name / "__init__.py").write_text("from .inner import x\ndef make():\n    return x\n")
    (folder / name / "inner.py").write_text("x = 5\n")
    sys.path.insert(0, str(folder))
    where = reference(importlib.import_module(name).make)
    assert (where.module, where.file) == (name, None)
    assert load_factory(where)() == 5


def closure(value):
    def make():
        return value

    return make


@pytest.mark.parametrize(
    "factory",
    [
        closure("kept"),
        lambda: "kept",
        functools.partial(str, "kept"),
        functools.partial(closure("kept")),
    ],
    ids=["closure", "lambda", "partial of a type", "partial of a closure"],
)
def test_what_has_no_name_travels_pickled(factory):
    where = reference(factory)
    assert where.pickled
    assert (where.file, where.module) == (None, None)
    assert "<" not in where.title
    assert where.title
    assert load_factory(where)() == "kept"


def test_a_function_that_cannot_be_pickled_is_told_where_to_put_it():
    with pytest.raises(
        UsageError, match=r"^The workload \S+make cannot be sent .*lock.*; put it in"
    ):
        reference(closure(threading.Lock()))


def test_a_pickled_factory_is_never_stored(tmp_path):
    where = reference(closure("the secret of the notebook"))
    assert b"the secret of the notebook" in where.pickled
    path = tmp_path / "rightbatch.db"
    with open_store(path) as store:
        study = store.create_study(Study("", where, Settings(), 0.0, "0.1.0"))
        assert study.workload.pickled is None
        assert store.study(study.name).workload.pickled is None
    stored = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"make" in stored
    assert b"the secret of the notebook" not in stored


MAIN = """
from rightbatch.api.references import reference
def workload():
    return 1
if __name__ == "__main__":
    where = reference(workload)
    print(where.factory, where.file, where.module, where.pickled)
"""


def test_a_function_of_the_script_that_runs_is_named_by_its_file(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(MAIN)
    done = subprocess.run(
        [sys.executable, script.name], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["workload", str(script.resolve()), "None", "None"]


def test_a_function_of_a_module_that_runs_is_named_by_the_module(tmp_path):
    package = tmp_path / "mine"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "script.py").write_text(MAIN)
    done = subprocess.run(
        [sys.executable, "-m", "mine.script"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.split() == ["workload", "None", "mine.script", "None"]


def test_only_what_survives_a_fork_is_imported_beforehand(folder):
    (folder / "train.py").write_text(
        SOURCE + "import sklearn.datasets, tensorflow, jax, train, sqlite3, pandas\n"
    )
    names = preload(reference("train.py:workload"))
    assert {"torch", "rightbatch.measure.frameworks.torch.subject", "sklearn.datasets"} <= {*names}
    tops = {name.split(".")[0] for name in names}
    assert tops <= {"rightbatch", "torch", "numpy", "scipy", "sklearn", "pandas"}


def test_what_neighbours_of_a_file_import_is_imported_beforehand(folder):
    (folder / "train.py").write_text("from parts.networks import net\nimport train\n")
    (folder / "parts").mkdir()
    (folder / "parts" / "networks.py").write_text("import helpers\n")
    (folder / "helpers.py").write_text("from torch import nn\nimport tensorflow, train\n")
    names = {*preload(reference("train.py:workload"))}
    assert "rightbatch.measure.frameworks.torch.subject" in names
    assert not {"tensorflow", "helpers", "parts.networks"} & names


def test_what_a_module_of_the_working_directory_imports_is_imported_beforehand(folder):
    name = unique()
    (folder / name).mkdir()
    (folder / name / "train.py").write_text("import torch\n")
    assert "torch" in preload(reference(f"{name}.train:workload"))
    assert name not in sys.modules


def test_a_lightning_users_libraries_are_imported_beforehand(folder):
    (folder / "train.py").write_text(
        "import lightning\nfrom rightbatch import lightning as bridge\n"
    )
    names = preload(reference("train.py:workload"))
    assert {"torch", "lightning", "lightning.pytorch"} <= {*names}
    assert len(names) == len(set(names))


def test_a_transformers_users_libraries_are_imported_beforehand(folder):
    (folder / "train.py").write_text("import rightbatch.transformers\n")
    assert {"torch", "transformers.trainer"} <= {*preload(reference("train.py:workload"))}


KERAS = "import keras\nfrom rightbatch.keras import Workload\n"


@pytest.mark.parametrize(
    ("lines", "backend", "preloaded"),
    [
        ("", None, True),
        ("def workload(): return Workload(model=m, backend='jax')\n", "jax", True),
        ("def workload(): return Workload(model=m, backend=None)\n", None, True),
        ("import os\nos.environ['KERAS_BACKEND'] = 'torch'\n", "torch", True),
        ("import os\nos.environ['KERAS_BACKEND'] = os.environ['MINE']\n", None, False),
        ("import os\nos.environ.setdefault('KERAS_BACKEND', 'jax')\n", None, False),
        ("a = Workload(backend='jax')\nb = Workload(backend='torch')\n", None, True),
        ("print(Client(backend='gloo'))\n", None, True),
    ],
)
def test_the_keras_backend_that_a_file_names_is_known_before_it_runs(
    folder, lines, backend, preloaded
):
    (folder / "train.py").write_text(KERAS + lines)
    where = reference("train.py:workload")
    assert environment(where) == ({} if backend is None else {"KERAS_BACKEND": backend})
    subject = "rightbatch.measure.frameworks.keras.subject"
    assert preload_threadless(where) == ((subject,) if preloaded else ())
    assert subject not in preload(where)


def test_what_is_not_keras_needs_no_backend(folder):
    (folder / "train.py").write_text(SOURCE)
    where = reference("train.py:workload")
    assert (preload_threadless(where), environment(where)) == ((), {})


def test_preloading_runs_none_of_the_users_code(folder):
    (folder / "train.py").write_text("raise SystemExit('this file was run')\n")
    assert "torch" not in preload(reference("train.py:workload"))
    (folder / "broken.py").write_text("def workload(:\n")
    assert preload(reference("broken.py:workload"))[0] == "rightbatch.measure.carry_out"


def test_preloading_a_built_in_workload_imports_its_framework():
    assert {"torch", "rightbatch.zoo.data.digits"} <= {*preload(reference("digits"))}


def test_every_name_to_preload_can_be_imported():
    for name in preload(reference("digits")):
        assert importlib.import_module(name)
