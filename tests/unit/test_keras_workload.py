"""What a Keras workload checks before Keras is imported."""

import numpy as np
import pytest

from rightbatch.errors import UsageError
from rightbatch.keras import Workload

PLAIN = {
    "model": None,
    "train_data": ([1.0],),
    "valid_data": ([1.0],),
    "goal": "loss <= 1",
    "batch_size": 8,
}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"batch_size": 0}, "batch_size is 0; it must be at least 1"),
        ({"valid_batch_size": -1}, "valid_batch_size is -1"),
        ({"batch_size": 512 / 16}, r"batch_size is 32\.0; it must be a whole number"),
        ({"learning_rate": 0.0}, r"learning_rate is 0\.0; it must be above 0"),
        ({"learning_rate": float("nan")}, "learning_rate is nan"),
        ({"backend": "mxnet"}, "backend is 'mxnet'; use 'tensorflow', 'jax', 'torch'"),
    ],
)
def test_a_field_that_cannot_be_used_is_named(change, told):
    with pytest.raises(UsageError, match=told):
        Workload(**(PLAIN | change))


def test_its_framework_is_keras():
    assert Workload(**PLAIN).framework == "keras"


def test_whole_numbers_of_numpy_are_kept_as_pythons():
    made = Workload(**(PLAIN | {"batch_size": np.int64(8), "valid_batch_size": np.int32(4)}))
    assert (type(made.batch_size), type(made.valid_batch_size)) == (int, int)
