"""The zoo's digits in Keras, the training images so often that memory ends before they do."""

import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_digits

from rightbatch.keras import Workload

COPIES = 192
VALID_EXAMPLES = 360


def model() -> keras.Model:
    """One hidden layer of 128 units, SGD with momentum."""
    hidden = layers.Dense(128, activation="relu")
    net = keras.Sequential([layers.Input((64,)), hidden, layers.Dense(10)])
    net.compile(
        optimizer=keras.optimizers.SGD(learning_rate=0.05, momentum=0.9),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return net


def workload() -> Workload:
    """1,437 images to train on, 360 not."""
    images, labels = load_digits(return_X_y=True)
    images = (images / 16).astype("float32")
    order = np.random.default_rng(0).permutation(len(labels))
    valid, train = order[:VALID_EXAMPLES], order[VALID_EXAMPLES:]
    return Workload(
        model=model,
        train_data=(np.tile(images[train], (COPIES, 1)), np.tile(labels[train], COPIES)),
        valid_data=(images[valid], labels[valid]),
        goal="accuracy >= 0.96",
        batch_size=32,
    )
