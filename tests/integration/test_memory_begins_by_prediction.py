"""A prediction tells a measured search where to begin, and its failure ends nothing."""

import pytest
from command_line import rightbatch

WIDE = """
import torch
from torch import nn
from rightbatch.torch import Workload

WEIGHTS = iter([1.0] * {times})  # such as a stream that is read as models are made

def model():
    net = nn.Sequential(nn.Linear(16, 16384), nn.ReLU(), nn.Linear(16384, 1))
    net[2].weight.data.mul_(next(WEIGHTS))
    return net

def loss(net, batch):
    return nn.functional.mse_loss(net(batch[0]), batch[1])

def workload():
    x = torch.randn(50000, 16)
    y = x.sum(1, keepdim=True)
    return Workload(
        model=model, train_data=(x, y), valid_data=(x[:64], y[:64]),
        loss=loss,
        metric=lambda net, batches: float(loss(net, batches[0])), goal="error <= 0.001",
        optimizer=torch.optim.SGD, batch_size=64, learning_rate=1e-3,
    )
"""


def searched(folder, times):
    (folder / "wide.py").write_text(WIDE.format(times=times))
    done = rightbatch(
        "memory", "wide.py:workload", "--memory-limit", "640MiB", "--threads", "1",
        "--device", "cpu", "--json", folder=folder,
    )  # fmt: skip
    assert done.code == 0, done.err
    return done.json


@pytest.mark.slow
def test_the_search_begins_near_the_predicted_limit(tmp_path):
    found = searched(tmp_path, times=1000)
    assert found["capped_by"] == "memory"
    assert found["trials"] == len(found["results"]) + 1 <= 6
    assert found["prediction"].startswith("Predicted before measuring")
    sizes = [row["batch_size"] for row in found["results"]]
    assert sizes[0] == 64
    assert sizes[1] > 0.7 * found["largest_batch_size"]


@pytest.mark.long
@pytest.mark.slow
def test_a_workload_that_cannot_be_followed_is_searched_all_the_same(tmp_path):
    found = searched(tmp_path, times=1)
    assert found["capped_by"] == "memory"
    assert "could not be predicted" in found["prediction"]
    assert "StopIteration" in found["prediction"]
    assert found["safe_batch_size"] is not None
