"""`rightbatch.tune` called as users call it: from a script, and from a notebook's cell."""

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

WORKLOAD = """
import json
import rightbatch
import torch
from torch import nn
from rightbatch.torch import Workload

def workload():
    x = torch.randn(600, 8, generator=torch.Generator().manual_seed(0))
    y = x.sum(1, keepdim=True)
    return Workload(
        model=lambda: nn.Linear(8, 1), train_data=(x[100:], y[100:]), valid_data=(x[:100], y[:100]),
        loss=lambda net, batch: nn.functional.mse_loss(net(batch[0]), batch[1]),
        metric=lambda net, batches: sum(
            float(nn.functional.mse_loss(net(x), y)) for x, y in batches),
        goal="error <= 0.01", optimizer=torch.optim.SGD, batch_size=32, learning_rate=0.05,
    )

def tune(factory):
    advice = rightbatch.tune(
        factory, budget="12s", batch_sizes=[32, 128], threads=1, store="studies.db")
    print(json.dumps([advice.study, advice.batch_size, advice.learning_rate, advice._repr_html_()]))
"""
GUARDED = WORKLOAD + '\nif __name__ == "__main__":\n    tune(workload)\n'
UNGUARDED = WORKLOAD + "\ntune(workload)\n"
CLOSURE = (
    WORKLOAD
    + """
def cell():
    kept = workload()
    def mine():
        return kept
    return mine

if __name__ == "__main__":
    tune(cell())
"""
)


def run(source, folder, *, piped=False):
    (folder / "train.py").write_text(source)
    return subprocess.run(
        [sys.executable, "-" if piped else "train.py"],
        input=source if piped else None,
        cwd=folder, capture_output=True, text=True, timeout=90, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("source", "piped", "study"),
    [
        (GUARDED, False, "train.py-workload"),
        (CLOSURE, False, "mine"),
        (UNGUARDED, True, "workload"),
    ],
    ids=["script with a guard", "closure", "notebook: no file at all"],
)
def test_tune_gives_advice(source, piped, study, tmp_path):
    done = run(source, tmp_path, piped=piped)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    name, batch_size, learning_rate, shown = json.loads(done.stdout)
    assert study in name
    assert batch_size in (32, 128)
    assert learning_rate > 0
    assert f"<td>batch_size={batch_size}, learning_rate=" in shown
    assert (tmp_path / "studies.db").exists()


def test_a_script_without_a_guard_is_told_in_one_sentence(tmp_path):
    done = run(UNGUARDED, tmp_path)
    assert done.returncode == 1
    assert done.stdout == ""
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("rightbatch.errors.UsageError: ")
    assert "`if __name__ == '__main__':`" in last
