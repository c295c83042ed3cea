"""The contract of every Subject in Keras on JAX."""

import pytest
from keras_contract import keeps_the_contract


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_keras_on_jax_keeps_the_contract(tmp_path):
    keeps_the_contract("jax", tmp_path)
