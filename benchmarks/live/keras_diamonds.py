"""The zoo's diamonds in Keras: the same network, data and goal.

    rightbatch fetch diamonds
    KERAS_BACKEND=jax rightbatch tune benchmarks/live/keras_diamonds.py:workload --threads 1

It runs on any backend.
"""

import keras
import numpy as np
from keras import layers

from rightbatch.keras import Workload
from rightbatch.zoo.data.diamonds import diamonds

VALID_EXAMPLES = 5000


def model() -> keras.Model:
    """Two hidden layers of 64 units; one output, the logarithm of the price."""
    net = keras.Sequential(
        [
            layers.Input((9,)),
            layers.Dense(64, activation="relu"),
            layers.Dense(64, activation="relu"),
            layers.Dense(1),
        ]
    )
    net.compile(
        optimizer=keras.optimizers.Adam(learning_rate=1e-3),
        loss="mean_squared_error",
        metrics=[keras.metrics.R2Score(name="R2")],
    )
    return net


def standardised(values: np.ndarray) -> np.ndarray:
    """Values with the mean and the standard deviation of the training values taken out."""
    train = values[VALID_EXAMPLES:]
    return (values - train.mean(0)) / train.std(0)


def workload() -> Workload:
    """48,940 diamonds to train on, Adam, to 98.5% of the variance explained."""
    properties, prices = (tensor.numpy() for tensor in diamonds())
    order = np.random.default_rng(0).permutation(len(prices))
    inputs = standardised(properties[order])
    targets = standardised(np.log(prices[order])[:, np.newaxis])
    return Workload(
        model=model,
        train_data=(inputs[VALID_EXAMPLES:], targets[VALID_EXAMPLES:]),
        valid_data=(inputs[:VALID_EXAMPLES], targets[:VALID_EXAMPLES]),
        goal="R2 >= 0.985",
        batch_size=64,
        valid_batch_size=VALID_EXAMPLES,
    )
