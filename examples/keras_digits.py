"""Handwritten digits with a small convolutional network in Keras, on whichever backend.

    rightbatch tune examples/keras_digits.py:workload --budget 3m
    KERAS_BACKEND=jax rightbatch tune examples/keras_digits.py:workload --budget 3m

The data come with scikit-learn: 1,797 grey images of 8×8 pixels.
"""

import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_digits

from rightbatch.keras import Workload

Examples = tuple[np.ndarray, np.ndarray]


def data() -> tuple[Examples, Examples]:
    """Images of shape (8, 8, 1) from 0 to 1, and labels: four fifths to train on, the rest not."""
    digits = load_digits()
    images = (digits.images[..., np.newaxis] / 16).astype("float32")
    order = np.random.default_rng(0).permutation(len(images))
    train, valid = np.split(order, [len(order) * 4 // 5])
    return (images[train], digits.target[train]), (images[valid], digits.target[valid])


def model() -> keras.Model:
    """Two convolutions and a linear layer, compiled as it is trained today."""
    net = keras.Sequential(
        [
            layers.Input((8, 8, 1)),
            layers.Conv2D(16, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.Flatten(),
            layers.Dense(10),
        ]
    )
    net.compile(
        optimizer=keras.optimizers.Adam(learning_rate=1e-3),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return net


def workload() -> Workload:
    train, valid = data()
    return Workload(
        model=model,
        train_data=train,
        valid_data=valid,
        goal="accuracy >= 0.96",
        batch_size=32,  # what the script trains with today
    )
