"""What Keras workloads do beyond the contract, on the backend that Keras was imported on.

Run by keras_contract.py, once for each backend.
"""

from itertools import islice

import keras
import numpy as np
import pytest
from subject_frameworks import EXAMPLES, VALID, digits
from subject_keras import model

from rightbatch.errors import UsageError
from rightbatch.keras import Workload
from rightbatch.measure.devices.cpu import CpuDevice
from rightbatch.measure.frameworks.keras.subject import KerasSubject
from rightbatch.measure.ports import Follows
from rightbatch.measure.probes.predict import predict_memory
from rightbatch.records import MemoryTarget, PredictProbe

IMAGES, LABELS = digits()
TRAIN = (IMAGES[:EXAMPLES], LABELS[:EXAMPLES])
LAYERS = keras.layers


def subject(**changes):
    plain = {
        "model": model,
        "train_data": TRAIN,
        "valid_data": (IMAGES[-VALID:], LABELS[-VALID:]),
        "goal": "accuracy >= 0.9",
        "batch_size": 8,
    }
    return KerasSubject(Workload(**(plain | changes)), "mine", "cpu", 1, "", CpuDevice())


def compiled(net, optimizer=None, **options):
    net.compile(
        optimizer=optimizer or keras.optimizers.SGD(0.1),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        **options,
    )
    return net


def with_optimizer(optimizer):
    return lambda: compiled(keras.Sequential([LAYERS.Input((64,)), LAYERS.Dense(10)]), optimizer())


def weights(one):
    return np.concatenate([w.ravel() for w in one.model.get_weights()])


class Halved(keras.Sequential):
    """Trains with a step of its own that halves every gradient."""

    if keras.backend.backend() == "tensorflow":

        def train_step(self, data):
            import tensorflow as tf

            x, y = data
            with tf.GradientTape() as tape:
                loss = self.compute_loss(y=y, y_pred=self(x, training=True))
            gradients = tape.gradient(loss, self.trainable_variables)
            self.optimizer.apply([g / 2 for g in gradients], self.trainable_variables)
            return {"loss": loss}

    elif keras.backend.backend() == "jax":

        def train_step(self, state, data):
            import jax

            trainable, others, optimizer, metrics = state
            x, y = data

            def loss_of(trainable):
                y_pred, after = self.stateless_call(trainable, others, x, training=True)
                return self.compute_loss(y=y, y_pred=y_pred), after

            (loss, others), gradients = jax.value_and_grad(loss_of, has_aux=True)(trainable)
            trainable, optimizer = self.optimizer.stateless_apply(
                optimizer, [g / 2 for g in gradients], trainable
            )
            return {"loss": loss}, (trainable, others, optimizer, metrics)

    else:

        def train_step(self, data):
            import torch

            x, y = data
            self.zero_grad()
            loss = self.compute_loss(y=y, y_pred=self(x, training=True))
            loss.backward()
            with torch.no_grad():
                self.optimizer.apply(
                    [v.value.grad / 2 for v in self.trainable_variables], self.trainable_variables
                )
            return {"loss": loss}


def halved():
    return compiled(
        Halved([LAYERS.Input((64,)), LAYERS.Dense(16, activation="tanh"), LAYERS.Dense(10)])
    )


@pytest.mark.parametrize("micro", [20, 7])
def test_a_training_step_of_the_users_own_is_what_trains(micro):
    changes = []
    for make in (model, halved):
        one = subject(model=make)
        one.start("sgd", 0.1, 0)
        before = weights(one)
        one.step(next(one.batches(20, 0)), micro)
        changes.append(weights(one) - before)
    np.testing.assert_allclose(changes[1], changes[0] / 2, rtol=1e-3, atol=1e-7)
    assert np.abs(changes[1]).max() > 1e-4


def test_squared_norms_see_the_gradients_of_the_users_own_step():
    norms = []
    for make in (model, halved):
        one = subject(model=make)
        one.start("sgd", 0.1, 0)
        norms.append(one.sqr_norms(next(one.batches(24, 0)), 8))
    np.testing.assert_allclose(norms[1], np.divide(norms[0], 4), rtol=1e-4)


class Lonely(Halved):
    """Trains with an optimizer of its own."""

    def train_step(self, *given):
        compiled_one = self.optimizer
        object.__setattr__(self, "optimizer", keras.optimizers.SGD(0.1))
        self.optimizer.build(self.trainable_variables)
        try:
            return super().train_step(*given)
        finally:
            object.__setattr__(self, "optimizer", compiled_one)


class Renamed(Halved):
    """Tells its loss by another name."""

    def train_step(self, *given):
        told = super().train_step(*given)
        logs, *state = told if isinstance(told, tuple) else (told,)
        logs = {"d_loss": logs["loss"]}
        return (logs, *state) if state else logs


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (Lonely, r"Lonely does not use self\.optimizer"),
        (Renamed, "Renamed returns no 'loss'"),
    ],
)
def test_a_training_step_that_cannot_be_followed_is_told_at_the_first_look(kind, told):
    with pytest.raises(UsageError, match=told):
        subject(model=lambda: compiled(kind([LAYERS.Input((64,)), LAYERS.Dense(10)]))).facts()


@pytest.mark.parametrize("exponent", [15, 40])
def test_squared_norms_of_a_scaled_loss_are_those_of_the_loss(exponent):
    def half(scaled):
        def build():
            layers = [
                LAYERS.Dense(16, activation="tanh", dtype="mixed_float16" if scaled else None)
            ]
            sgd = keras.optimizers.SGD(0.1)
            scaling = keras.optimizers.LossScaleOptimizer(sgd, initial_scale=2.0**exponent)
            net = keras.Sequential([LAYERS.Input((64,)), *layers, LAYERS.Dense(10)])
            return compiled(net, scaling if scaled else sgd)

        return build

    norms = []
    for scaled in (False, True):
        one = subject(model=half(scaled))
        one.start("sgd", 0.1, 0)
        before = weights(one)
        one.step(next(one.batches(24, 0)), 24)  # which uses up the variables it began with
        if exponent == 40 and scaled:
            np.testing.assert_array_equal(weights(one), before)  # its gradients overflowed
        one.start("sgd", 0.1, 0)
        norms.append(one.sqr_norms(next(one.batches(24, 0)), 8))
        np.testing.assert_array_equal(weights(one), before)
    np.testing.assert_allclose(norms[1], norms[0], rtol=0.02)


def test_warming_up_changes_nothing_that_training_sees():
    def noisy():
        layers = [LAYERS.Input((64,)), LAYERS.BatchNormalization(), LAYERS.Dropout(0.5)]
        return compiled(keras.Sequential([*layers, LAYERS.Dense(10)]), keras.optimizers.Adam(0.01))

    one = subject(model=noisy)
    runs = []
    for warmed in (False, True):
        one.start("adam", 0.01, 3)
        stream = one.batches(8, 3)
        if warmed:
            one.warm_up(8, 8)
        runs.append([float(one.step(batch, 8)) for batch in islice(stream, 9)])
    assert runs[0] == runs[1]
    assert one.facts().batch_dependent_layers == ("BatchNormalization",)


def test_the_loss_is_the_batchs_own_and_not_a_mean_since_the_start():
    one = subject()
    one.start("sgd", 1.0, 0)
    batch = next(one.batches(50, 0))
    losses = [float(one.step(batch, 50)) for _ in range(30)]
    assert losses[-1] < 0.5 * losses[0]


def test_other_optimizers_go_by_their_names():
    own = {"lion": keras.optimizers.Lion, "tuned": (keras.optimizers.SGD, 0.7)}
    one = subject(optimizers=own)
    told = {o.name: (o.rule, o.learning_rate, o.tuned) for o in one.facts().optimizers}
    assert told == {
        "sgd": ("linear", 0.1, True),
        "lion": ("square_root", 0.001, False),
        "tuned": ("linear", 0.7, True),
        "adam": ("square_root", 0.001, False),
        "rmsprop": ("square_root", 0.001, False),
    }
    one.start("tuned", None, 0)
    before = weights(one)
    batch = next(one.batches(20, 0))
    one.step(batch, 20)
    change = weights(one) - before
    one.start("sgd", 0.7, 0)
    one.step(batch, 7)
    np.testing.assert_allclose(weights(one) - before, change, rtol=1e-3, atol=1e-6)


def test_an_optimizer_of_another_kind_trains():
    one = subject()
    one.start("adam", 0.02, 0)
    for batch in islice(one.batches(10, 0), 60):
        one.step(batch, 10)
    assert one.evaluate() > 0.5


def test_an_optimizer_called_like_the_models_own_is_refused():
    with pytest.raises(UsageError, match="rename the entry"):
        subject(optimizers={"sgd": keras.optimizers.SGD}).facts()


def test_an_optimizer_that_accumulates_gradients_itself_is_refused():
    def fourfold(rate=0.1):
        return keras.optimizers.Adam(rate, gradient_accumulation_steps=4)

    said = "The Adam has gradient_accumulation_steps=4.*the examples of a whole update"
    with pytest.raises(UsageError, match=said):
        subject(model=with_optimizer(fourfold)).facts()
    with pytest.raises(UsageError, match=said):
        subject(optimizers={"fourfold": fourfold}).facts()


def test_what_is_no_optimizer_is_refused():
    with pytest.raises(
        UsageError, match=r"'mine' of the workload must .* return a keras.*, not float"
    ):
        subject(optimizers={"mine": float}).facts()


def test_a_schedule_keeps_its_shape_over_the_same_examples_at_another_rate():
    def decaying():
        return keras.optimizers.SGD(keras.optimizers.schedules.PolynomialDecay(0.1, 10, 0.0))

    with pytest.raises(UsageError, match=r"schedule; set Workload\.learning_rate"):
        subject(model=with_optimizer(decaying)).facts()
    one = subject(model=with_optimizer(decaying), learning_rate=0.1)
    one.start("sgd", 0.4, 0)
    batches = one.batches(16, 0)  # five steps, for ten of batch size 8
    rates = []
    for _ in range(6):
        rates.append(float(one.model.optimizer.learning_rate))
        one.step(next(batches), 16)
    np.testing.assert_allclose(rates, [0.4, 0.32, 0.24, 0.16, 0.08, 0.0], atol=1e-6)


def test_the_goal_may_have_keras_own_prefix():
    one = subject(goal="val_accuracy >= 0.9")
    one.start("sgd", None, 0)
    assert 0 <= one.evaluate() <= 1


def test_a_goal_about_a_metric_that_is_not_compiled_is_refused():
    with pytest.raises(UsageError, match=r"names 'f1'.* compiled with .*accuracy"):
        subject(goal="f1 >= 0.9").facts()


def test_a_metric_of_several_numbers_is_passed_over_and_no_goal():
    def judged():
        net = keras.Sequential([LAYERS.Input((64,)), LAYERS.Dense(10, activation="softmax")])
        net.compile(
            optimizer="sgd",
            loss="categorical_crossentropy",
            metrics=["accuracy", keras.metrics.F1Score(), keras.metrics.F1Score("macro", name="f")],
        )
        return net

    def one_hot(images, labels):
        return images, np.eye(10, dtype="float32")[labels]

    data = {"train_data": one_hot(*TRAIN), "valid_data": one_hot(IMAGES[-VALID:], LABELS[-VALID:])}
    for goal in ("accuracy >= 0.9", "f >= 0.9"):
        one = subject(model=judged, goal=goal, **data)
        one.start("sgd", None, 0)
        assert 0 <= one.evaluate() <= 1
    with pytest.raises(UsageError, match=r"'f1_score', which is several numbers.*average='macro'"):
        subject(model=judged, goal="f1_score >= 0.9", **data).facts()


def test_the_validation_loss_can_be_the_goal():
    one = subject(goal="loss <= 0.1")
    one.start("sgd", 0.1, 0)
    images, labels = IMAGES[-VALID:], LABELS[-VALID:]
    logits = keras.ops.convert_to_numpy(one.model(images))
    shifted = logits - logits.max(axis=1, keepdims=True)
    expected = np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(VALID), labels]
    assert one.evaluate() == pytest.approx(expected.mean(), rel=1e-4)


def test_weighted_examples_and_named_inputs_train():
    def named():
        inputs = {
            "left": LAYERS.Input((32,), name="left"),
            "right": LAYERS.Input((32,), name="right"),
        }
        joined = LAYERS.Concatenate()([inputs["left"], inputs["right"]])
        return compiled(keras.Model(inputs, LAYERS.Dense(10)(joined)))

    def halves(images):
        return {"left": images[:, :32].astype("float64"), "right": images[:, 32:]}

    counted = np.where(LABELS == 3, 0.0, 1.0)
    one = subject(
        model=named,
        train_data=(halves(TRAIN[0]), TRAIN[1], counted[:EXAMPLES]),
        valid_data=(halves(IMAGES[-VALID:]), LABELS[-VALID:]),
    )
    one.start("sgd", 0.5, 0)
    batch = next(one.batches(20, 0))
    assert (one.size(batch), set(batch[0])) == (20, {"left", "right"})
    whole = float(one.step(batch, 20))
    one.start("sgd", 0.5, 0)
    assert float(one.step(batch, 7)) == pytest.approx(whole, rel=1e-5)


def test_micro_batches_of_a_masked_loss_are_weighted_by_what_it_counts():
    generator = np.random.default_rng(0)
    words = generator.integers(1, 20, size=(20, 12))
    words[np.arange(12) >= generator.integers(1, 13, size=(20, 1))] = 0
    words[7:14] = 0  # a micro-batch in which nothing counts

    def tagger():
        embedding = LAYERS.Embedding(20, 8, mask_zero=True)
        return compiled(keras.Sequential([LAYERS.Input((12,)), embedding, LAYERS.Dense(20)]))

    data = (words, np.roll(words, -1, axis=1))
    one = subject(
        model=tagger, train_data=data, valid_data=data, items=lambda batch: (batch[0] != 0).sum()
    )
    steps = []
    for micro in (20, 7):
        one.start("sgd", 1.0, 0)
        before = weights(one)
        loss = float(one.step((words, data[1]), micro))
        steps.append((loss, weights(one) - before))
    assert steps[1][0] == pytest.approx(steps[0][0], rel=1e-5)
    np.testing.assert_allclose(steps[1][1], steps[0][1], rtol=1e-3, atol=1e-6)


def without_optimizer():
    made = keras.Sequential([LAYERS.Dense(10)])
    made.compile(optimizer=None, loss="mse")
    return made


def test_a_model_must_be_compiled():
    with pytest.raises(UsageError, match="that is not compiled"):
        subject(model=lambda: keras.Sequential([LAYERS.Dense(10)])).facts()
    with pytest.raises(UsageError, match="that is compiled without an optimizer"):
        subject(model=without_optimizer).facts()
    with pytest.raises(UsageError, match=r"model must be a function that makes .*, not Sequential"):
        subject(model=model()).facts()
    with pytest.raises(UsageError, match=r"must return a keras\.Model"):
        subject(model=lambda: LAYERS.Dense(10)).facts()


def test_memory_is_measured_and_not_predicted():
    assert not isinstance(subject(), Follows)
    probe = PredictProbe("", MemoryTarget("cpu", "cpu", 2**30))
    told = "predicted for PyTorch workloads only, not for Keras; measure it instead"
    with pytest.raises(UsageError, match=told):
        predict_memory(subject(), probe, lambda share: None)
