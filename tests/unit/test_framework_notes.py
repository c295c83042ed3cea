"""What a study does otherwise than the user's own training is said."""

from dataclasses import replace

from rightbatch.measure.devices.cpu import CpuDevice
from rightbatch.measure.frameworks.notes import beyond_the_data
from rightbatch.measure.frameworks.torch.subject import TorchSubject
from rightbatch.zoo import digits


def test_a_batch_size_beyond_the_data_is_said_with_its_learning_rate():
    workload = replace(digits.workload(), batch_size=4096)
    facts = TorchSubject(workload, "digits", "cpu", 1, "", CpuDevice()).facts()
    assert facts.batch_size == 1437
    (note,) = facts.notes
    assert "4,096 is larger than the training set" in note
    assert "1,437 examples" in note


def test_a_batch_size_within_the_data_needs_no_note():
    assert beyond_the_data(1437, 1437) == ()
