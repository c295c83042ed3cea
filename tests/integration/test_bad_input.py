"""Bad input gets one clear sentence and a non-zero exit, never a traceback of ours."""

import resource
import subprocess
import sys

import pytest
from command_line import in_process, rightbatch

import needs
from rightbatch.records import Status
from rightbatch.store import open_store


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["tune", "nothing.py:workload"], "There is no file nothing.py; check its path."),
        (["tune", "digit"], "use digits"),
        (["tune", "digits", "--goal", "accuracy > 0.9"], "cannot be read"),
        (["tune", "digits", "--goal", "best accuracy within a while"], "limit"),
        (["tune", "digits", "--budget", "soon"], "not a duration"),
        (["tune", "digits", "--memory-limit", "lots"], "not a memory size"),
        (["tune", "digits", "--batch-sizes", "32,many"], "is not a batch size"),
        (["tune", "digits", "--margin", "2"], "margin"),
        (["tune", "digits", "--threads", "0"], "threads"),
        (["memory", "digits", "--inference", "--batch-size", "64"], "leave one of them out"),
        (["memory", "digits", "--predict", "--threads", "0"], "threads is 0"),
        (["memory", "digits", "--predict", "--on", "rtx9999"], "Unknown GPU 'rtx9999'"),
        (["memory", "digits", "--predict", "--device-memory", "lots"], "not a memory size"),
        (["memory", "digits", "--predict", "--device", "cuda:0"], "--on"),
        (
            ["memory", "digits", "--predict", "--multiple-of", "8"],
            "it cannot be combined with --multiple-of",
        ),
        (
            ["memory", "digits", "--on", "t4", "--device-memory", "4GiB", "--memory-limit", "2GiB"],
            "give one of them",
        ),
        (["tune", "digits", "--goal", "accuracy >= nan"], "no number"),
        (["tune", "digits", "--seed", "-1"], "seed"),
        (["tune", "digits", "--report", "."], "is a directory"),
        (["report", "nothing-1"], "There is no store"),
        (["tune", "digits", "--objective", "cost"], "price-per-hour"),
        (["tune", "digits", "--price-per-hour", "-1"], "must be a number above 0"),
        (["export", "nothing-1", "there"], "There is no store"),
        (["import", "nowhere"], "nowhere"),
    ],
)
def test_a_request_that_cannot_be_carried_out(arguments, said, tmp_path):
    done = in_process(*arguments, folder=tmp_path)
    assert done.code == 2
    assert done.out == ""
    assert said in done.err
    assert done.err.startswith("rightbatch: ")
    assert done.err.count("\n") == 1


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--threads", "two", "whole number"),
        ("--margin", "x", "number"),
        ("--objective", "fun", "'fun' is not one of"),
    ],
)
def test_a_wrong_value_of_an_option_is_told_plainly(option, value, said, tmp_path):
    done = in_process("tune", "digits", option, value, folder=tmp_path)
    assert done.code == 2
    assert said in done.err
    assert "Value error" not in done.err
    assert "Input should" not in done.err


def test_a_process_exits_with_the_code_of_what_it_refuses(tmp_path):
    done = rightbatch("tune", "nothing.py:workload", folder=tmp_path)
    assert (done.code, done.out) == (2, "")
    assert done.err == "rightbatch: There is no file nothing.py; check its path.\n"


def test_an_unknown_command_exits_with_2(tmp_path):
    done = rightbatch("tone", folder=tmp_path)
    assert done.code == 2
    assert "Traceback" not in done.err


@pytest.mark.slow
def test_a_workload_that_takes_longer_to_load_than_the_budget(tmp_path):
    source = "import time\n\n\ndef workload():\n    time.sleep(300)\n"
    (tmp_path / "slow.py").write_text(source)
    done = rightbatch(
        "tune", "slow.py:workload", "--budget", "10s", "--store", "studies.db", folder=tmp_path
    )
    assert done.code == 1
    assert "took longer than the budget of 10 s" in done.err
    assert "raise --budget, for example to 3m" in done.err
    assert "Traceback" not in done.err
    assert done.err.count("\n") == 1
    with open_store(tmp_path / "studies.db") as store:
        (study,) = store.studies()
        (trial,) = store.trials(study.name)
    assert trial.outcome.status is Status.HUNG


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "code", "said"),
    [
        ("def workload():\n    return 1 / 0\n", 1, "ZeroDivisionError: division by zero"),
        ("import nothing_like_it\n", 1, "No module named 'nothing_like_it'"),
        ("def workload(:\n", 1, "SyntaxError"),
        ("def other():\n    pass\n", 2, "has no function 'workload'; it has other"),
        (
            "workload = 3\n",
            2,
            "mine.py:workload must be a function that returns a workload, not int",
        ),
        ("def workload(size):\n    pass\n", 2, "mine.py:workload requires the argument size"),
        (
            "def workload():\n    return {}\n",
            2,
            "must return a rightbatch.torch.Workload or a rightbatch.keras.Workload, not dict",
        ),
    ],
)
def test_a_file_that_gives_no_workload(source, code, said, tmp_path):
    (tmp_path / "mine.py").write_text(source)
    done = in_process("tune", "mine.py:workload", "--budget", "20s", folder=tmp_path)
    assert done.code == code
    assert said in done.err
    assert done.err.count("Traceback") == (1 if code == 1 and "SyntaxError" not in said else 0)
    assert "rightbatch/measure" not in done.err


@pytest.mark.slow
def test_a_loss_that_is_called_wrongly_is_told_without_frames_of_ours(tmp_path):
    (tmp_path / "mine.py").write_text(WRONG_LOSS)
    done = rightbatch("tune", "mine.py:workload", "--budget", "20s", folder=tmp_path)
    assert done.code == 1
    assert "loss() takes 1 positional argument but 2 were given" in done.err
    assert "File " not in done.err


@pytest.mark.slow
def test_nothing_to_resume_is_said_before_a_new_study_begins(tmp_path):
    (tmp_path / "mine.py").write_text("def workload():\n    return 1 / 0\n")
    command = ("tune", "mine.py:workload", "--budget", "20s", "--resume", "--json")
    first, second = (rightbatch(*command, folder=tmp_path) for _ in range(2))
    assert "starting a new one" in first.err
    assert "starting a new one" not in second.err
    assert first.out == second.out == ""


WRONG_LOSS = """
import torch
import rightbatch.torch

def loss(batch):
    return batch[0].sum()

def workload():
    data = torch.zeros(64, 2), torch.zeros(64, 1)
    return rightbatch.torch.Workload(
        model=lambda: torch.nn.Linear(2, 1),
        train_data=data,
        valid_data=data,
        loss=loss,
        metric=lambda model, batches: 0.0,
        goal="score >= 0.9",
        optimizer=lambda parameters, rate: torch.optim.SGD(parameters, lr=rate),
        batch_size=8,
        learning_rate=0.1,
    )
"""

MANUAL = """
import lightning
import rightbatch.lightning

class GAN(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.automatic_optimization = False

def workload():
    return rightbatch.lightning.workload(GAN, goal="val_loss <= 1")
"""


@pytest.mark.slow
def test_a_module_that_cannot_be_measured_is_refused_in_a_sentence(tmp_path):
    needs.libraries("lightning")
    (tmp_path / "mine.py").write_text(MANUAL)
    done = rightbatch("tune", "mine.py:workload", "--budget", "60s", folder=tmp_path)
    assert done.code == 2
    assert done.err.startswith("rightbatch: GAN optimizes manually")
    assert done.err.count("\n") == 1


@pytest.mark.slow
def test_an_unknown_optimizer_names_the_known_ones_also_on_resuming(tmp_path):
    for more in ((), ("--resume",)):
        done = rightbatch("tune", "digits", "--optimizers", "sgd,lion", *more, folder=tmp_path)
        assert done.code == 2
        assert "sgd, adam, rmsprop" in done.err


AND_WHAT_WAS_LOADED = """
import sys
from rightbatch.cli import main
try:
    main()
finally:
    heavy = ["torch", "numpy", "scipy", "sqlalchemy", "plotly", "sklearn", "cattrs", "cloudpickle"]
    print([name for name in heavy if name in sys.modules])
"""


def and_what_was_loaded(*arguments, folder):
    """Run `rightbatch ARGUMENTS`, and print which heavy libraries are loaded at its end."""
    return subprocess.run(
        [sys.executable, "-c", AND_WHAT_WAS_LOADED, *arguments],
        capture_output=True,
        text=True,
        cwd=folder,
        check=False,
    )


def test_help_loads_no_framework_nor_numpy(tmp_path):
    for arguments in (["--help"], ["tune", "--help"]):
        done = and_what_was_loaded(*arguments, folder=tmp_path)
        assert done.returncode == 0
        assert done.stdout.splitlines()[-1] == "[]"
        assert "Example" in done.stdout


@pytest.mark.parametrize("command", ["tune", "memory", "speed", "noise", "learn"])
def test_a_workload_that_is_not_there_is_told_before_anything_heavy_is_loaded(command, tmp_path):
    done = and_what_was_loaded(command, "nothing.py:workload", folder=tmp_path)
    assert (done.returncode, done.stdout) == (2, "[]\n")
    assert done.stderr == "rightbatch: There is no file nothing.py; check its path.\n"


def test_a_built_in_name_that_does_not_exist_is_told_as_early(tmp_path):
    done = and_what_was_loaded("tune", "digit", folder=tmp_path)
    assert (done.returncode, done.stdout) == (2, "[]\n")
    assert "use digits" in done.stderr


def test_help_answers_at_once():
    """In time of the processor: what else runs here does not count."""

    def spent():
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    def fastest(*command):
        times = []
        for _ in range(5):
            before = spent()
            subprocess.run([sys.executable, *command], capture_output=True, check=True)
            times.append(spent() - before)
        return min(times)

    empty = fastest("-c", "pass")
    told = fastest("-c", "import sys; sys.argv = ['rightbatch', '--help']; "
                   "from rightbatch.cli import command; command()")  # fmt: skip
    assert told - empty <= 0.3


@pytest.mark.parametrize("backend", ["nothing", "openvino"])
def test_a_backend_of_keras_that_cannot_train(backend, tmp_path, monkeypatch):
    needs.libraries("keras")
    (tmp_path / "mine.py").write_text("import keras\n\n\ndef workload():\n    pass\n")
    monkeypatch.setenv("KERAS_BACKEND", backend)
    done = rightbatch("noise", "mine.py", "--store", "studies.db", folder=tmp_path)
    assert done.code == 2
    assert done.err == (
        f"rightbatch: KERAS_BACKEND is {backend!r}, which cannot train; use tensorflow, jax "
        "or torch.\n"
    )
