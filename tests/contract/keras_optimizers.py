"""What optimizers of Keras workloads take from the compiled one, on the backend Keras has.

Run by keras_contract.py, once for each backend.
"""

import keras
import numpy as np
import pytest
from keras_behaviour import compiled, subject, weights, with_optimizer

from rightbatch.measure.probes.noise import measure_noise
from rightbatch.records import NoiseProbe

DECAY = keras.optimizers.schedules.PolynomialDecay
HALF_WAY = NoiseProbe("sgd", 8, 0.4, 8, 4, 4, (0, 5), 0, seconds=300.0)


def decaying():
    return keras.optimizers.SGD(DECAY(0.1, 10, 0.0))


def rates(one, batch_size, steps):
    batches, told = one.batches(batch_size, 0), []
    for _ in range(steps):
        told.append(float(one.model.optimizer.learning_rate))
        one.step(next(batches), batch_size)
    return told


def test_larger_batches_for_the_noise_leave_a_schedule_as_it_is():
    one = subject(model=with_optimizer(decaying), learning_rate=0.1)
    _, result = measure_noise(one, HALF_WAY, lambda done: None)
    assert [point.step for point in result.points] == [0, 5]
    assert float(one.model.optimizer.learning_rate) == pytest.approx(0.2)
    one.start("sgd", 0.4, 0)
    np.testing.assert_allclose(rates(one, 16, 3), [0.4, 0.32, 0.24], atol=1e-6)


def test_other_optimizers_follow_the_schedule_at_their_own_rates():
    one = subject(model=with_optimizer(decaying), learning_rate=0.1)
    one.start("adam", 0.02, 0)
    told = rates(one, 16, 6)
    np.testing.assert_allclose(told, [0.02, 0.016, 0.012, 0.008, 0.004, 0.0], atol=1e-7)
    before = weights(one)
    one.step(next(one.batches(16, 1)), 16)
    np.testing.assert_allclose(weights(one), before, atol=1e-6)  # the rate is 0 by now
    one.start("rmsprop", None, 0)
    np.testing.assert_allclose(rates(one, 8, 2), [0.001, 0.0009], atol=1e-8)


def test_an_optimizer_with_a_schedule_of_its_own_follows_that():
    own = {"mine": lambda rate: keras.optimizers.Adam(DECAY(rate, 4, 0.0))}
    one = subject(model=with_optimizer(decaying), learning_rate=0.1, optimizers=own)
    one.start("mine", 0.2, 0)
    np.testing.assert_allclose(rates(one, 16, 3), [0.2, 0.1, 0.0], atol=1e-6)


def test_other_optimizers_clip_gradients_as_the_compiled_one_does():
    def clipping():
        return keras.optimizers.Adam(0.01, global_clipnorm=1e-3)

    own = {"mine": lambda rate: keras.optimizers.SGD(rate, clipvalue=1e-5)}
    one = subject(model=with_optimizer(clipping), optimizers=own)
    changes = []
    for name in ("sgd", "mine"):
        one.start(name, 1.0, 0)
        before = weights(one)
        one.step(next(one.batches(20, 0)), 20)
        changes.append(weights(one) - before)
    assert np.linalg.norm(changes[0]) == pytest.approx(1e-3, rel=1e-2)
    assert np.abs(changes[1]).max() == pytest.approx(1e-5, rel=1e-1)


def test_other_optimizers_of_scaled_losses_follow_the_inner_one():
    def half():
        layers = [keras.layers.Input((64,)), keras.layers.Dense(10, dtype="mixed_float16")]
        inner = keras.optimizers.SGD(DECAY(0.1, 10, 0.0), clipnorm=0.5)
        scaled = keras.optimizers.LossScaleOptimizer(inner)
        return compiled(keras.Sequential(layers), scaled)

    one = subject(model=half, learning_rate=0.1)
    one.start("adam", 0.02, 0)
    np.testing.assert_allclose(rates(one, 16, 3), [0.02, 0.016, 0.012], atol=1e-7)
    assert one.model.optimizer.inner_optimizer.clipnorm == 0.5
