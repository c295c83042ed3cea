"""Each stage alone, and memory limits that bind."""

import pytest
from command_line import in_process, measured, rightbatch

pytestmark = pytest.mark.slow


def test_a_device_named_twice_is_searched_once(tmp_path):
    done, _ = measured("memory", "digits", "--device", "cpu,cpu", budgets=(15, 30), folder=tmp_path)
    assert len(done.json["devices"]) == 1
    studies = in_process("list", "studies", "--json", folder=tmp_path).json["results"]
    assert len(studies) == 1


@pytest.mark.parametrize(
    ("stage", "keys"),
    [
        ("memory", ["largest_batch_size", "safe_batch_size", "memory_limit_bytes", "bytes_fixed",
                    "bytes_per_example", "trials"]),
        ("speed", ["knee_batch_size", "results"]),
        ("noise", ["noise_scale", "results"]),
        ("learn", ["critical_batch_size", "results"]),
    ],
)  # fmt: skip
def test_one_stage_alone(stage, keys, tmp_path):
    done, seconds = measured(stage, "digits", budgets=(10, 30), folder=tmp_path)
    for key in keys:
        assert key in done.json
    words = in_process(
        stage, "digits", "--budget", f"{seconds}s", "--threads", "1", "--resume", folder=tmp_path
    )
    assert words.code == 0, words.err
    assert done.json["study"] in words.out


def test_several_devices_are_told_what_all_of_them_can_use(tmp_path):
    done = rightbatch(
        "memory", "digits", "--device", "cpu,cpu:0", "--max-batch-size", "64", "--threads", "1",
        "--json", folder=tmp_path,
    )  # fmt: skip
    assert done.code == 0, done.err
    rows = done.json["devices"]
    assert len({row["study"] for row in rows}) == 2
    for name in ("largest_batch_size", "safe_batch_size"):
        assert done.json[name] == min(row[name] for row in rows) == 64


def test_a_memory_limit_that_nothing_fits_is_told_with_the_remedy(tmp_path):
    huge = "+ 0 * torch.ones(len(batch[0]), 2**28).mean(),"
    source = WIDE.replace("batch[1]),", f"batch[1]) {huge}")
    assert huge in source
    (tmp_path / "huge.py").write_text(source)
    done = rightbatch(
        "tune", "huge.py:workload", "--memory-limit", "1GiB", "--threads", "1", "--budget", "60s",
        "--json", folder=tmp_path,
    )  # fmt: skip
    assert done.code == 3, done.err
    assert done.json["predicted_seconds_to_goal"] is None
    assert "fits the memory limit" in done.json["largest_batch_size_reason"]
    words = " ".join(in_process("report", done.json["study"], folder=tmp_path).out.split())
    assert "fits the memory limit of 1.00 GiB: raise it" in words


def test_a_memory_limit_is_found_on_the_trial_process(tmp_path):
    (tmp_path / "wide.py").write_text(WIDE)
    done = rightbatch(
        "memory", "wide.py:workload", "--memory-limit", "640MiB", "--threads", "1",
        "--budget", "90s",
        "--json", folder=tmp_path,
    )  # fmt: skip
    assert done.code == 0, done.err
    found = done.json
    assert found["capped_by"] == "memory"
    assert found["safe_batch_size"] <= found["largest_batch_size"] < 20000
    per_example = found["bytes_per_example"]["value"]
    assert 64 * 1024 < per_example < 4 * 64 * 1024
    room = found["memory_limit_bytes"] - found["bytes_fixed"]["value"]
    assert found["largest_batch_size"] > 0.85 * room / per_example


def test_the_state_of_an_optimizer_makes_its_largest_batch_smaller(tmp_path):
    layers = "nn.Sequential(nn.Linear(16, 16384), nn.ReLU(), nn.Linear(16384, 1))"
    source = WIDE.replace(layers, f"nn.Sequential({layers}, Table())") + TABLE
    assert "Table())" in source
    (tmp_path / "wide.py").write_text(source)
    done = rightbatch(
        "memory", "wide.py:workload", "--optimizers", "sgd,adam", "--memory-limit", "700MiB",
        "--threads", "1", "--budget", "5m", "--json", folder=tmp_path,
    )  # fmt: skip
    assert done.code == 0, done.err
    found = {row["optimizer"]: row for row in done.json["optimizers"]}
    assert {row["capped_by"] for row in found.values()} == {"memory"}
    adam, sgd = found["adam"], found["sgd"]
    more = 2 * 4 * 10_000_000 / sgd["bytes_per_example"]["value"]  # two moments of each parameter
    assert 0.4 * more < sgd["largest_batch_size"] - adam["largest_batch_size"] < 1.8 * more
    tried = [row["batch_size"] for row in done.json["results"] if row["optimizer"] == "sgd"]
    small = [size for size in tried if size < adam["largest_batch_size"] / 2]
    assert len(small) <= 1, tried  # the rest is begun from what Adam's told
    assert tried[1] > 0.7 * sgd["largest_batch_size"], tried


TABLE = """

class Table(nn.Module):
    def __init__(self):
        super().__init__()
        self.rows = nn.Parameter(torch.zeros(10_000_000))

    def forward(self, x):
        return x + self.rows.mean()
"""

WIDE = """
import torch
from torch import nn
from rightbatch.torch import Workload

def workload():
    x = torch.randn(20000, 16)
    y = x.sum(1, keepdim=True)
    return Workload(
        model=lambda: nn.Sequential(nn.Linear(16, 16384), nn.ReLU(), nn.Linear(16384, 1)),
        train_data=(x, y), valid_data=(x[:64], y[:64]),
        loss=lambda net, batch: nn.functional.mse_loss(net(batch[0]), batch[1]),
        metric=lambda net, batches: sum(float((net(a) - b).square().mean()) for a, b in batches),
        goal="loss <= 0.1",
        optimizer=lambda parameters, rate: torch.optim.SGD(parameters, lr=rate),
        batch_size=32, learning_rate=1e-4,
    )
"""


OLD_NAME = """
from dataclasses import fields

from rightbatch.torch import Workload
from rightbatch.zoo import digits


def workload():
    made = digits.workload()
    given = {f.name: getattr(made, f.name) for f in fields(made) if f.name != "num_workers"}
    return Workload(**given, workers=0)
"""


def test_an_old_name_in_the_users_file_is_warned_of_once(tmp_path):
    (tmp_path / "old.py").write_text(OLD_NAME)
    done, _ = measured("memory", "old.py:workload", budgets=(15, 30), folder=tmp_path)
    assert done.err.count("rightbatch: Workload.workers is now num_workers") == 1
