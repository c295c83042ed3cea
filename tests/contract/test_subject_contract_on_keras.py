"""The contract of every Subject in Keras on TensorFlow and PyTorch; on JAX in a file beside it."""

import pytest
from keras_contract import keeps_the_contract


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("backend", "contract"),
    [
        ("tensorflow", "every subject"),
        ("tensorflow", "every backend"),
        ("torch", "every subject"),
        pytest.param("torch", "every backend", marks=pytest.mark.long),
    ],
)
def test_keras_keeps_the_contract(backend, contract, tmp_path):
    keeps_the_contract(backend, contract, tmp_path)
