"""`rightbatch memory --predict` from the command line, with a process of its own for the steps."""

import pytest
from command_line import rightbatch


@pytest.mark.slow
def test_a_gpu_that_is_not_here(tmp_path):
    done = rightbatch("memory", "digits", "--predict", "--on", "t4", "--json", folder=tmp_path)
    assert done.code == 0, done.err
    assert done.json["schema"] == "rightbatch/memory-prediction/1"
    assert done.json["largest_batch_size"] == 1437
    assert done.json["capped_by"] == "data_set_size"
    changes = {row["change"] for row in done.json["what_if"]}
    assert changes == {"optimizer", "precision", "checkpointing", "accumulation", "device"}
    assert not list(tmp_path.iterdir())  # nothing is stored


@pytest.mark.slow
def test_resident_memory_of_this_cpu(tmp_path):
    done = rightbatch("memory", "digits", "--predict", "--memory-limit", "1GiB", folder=tmp_path)
    assert done.code == 0, done.err
    assert "this machine's CPU" in " ".join(done.out.split())
    assert "Largest micro-batch 1,437" in done.out
