"""The contract of every Subject in Keras on JAX."""

import pytest
from keras_contract import keeps_the_contract


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "contract", ["every subject", pytest.param("every backend", marks=pytest.mark.long)]
)
def test_keras_on_jax_keeps_the_contract(contract, tmp_path):
    keeps_the_contract("jax", contract, tmp_path)
