"""The contract of every Subject in Keras on TensorFlow and PyTorch; on JAX in a file beside it."""

import pytest
from keras_contract import CONTRACTS, keeps_the_contract


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("contract", CONTRACTS)
@pytest.mark.parametrize("backend", ["tensorflow", "torch"])
def test_keras_keeps_the_contract(backend, contract, tmp_path):
    keeps_the_contract(backend, contract, tmp_path)
