"""The contract's MLP on digits in Keras, on the backend that Keras was imported on."""

import keras
import numpy as np
from subject_frameworks import EXAMPLES, VALID, digits

from rightbatch.keras import Workload
from rightbatch.measure.devices.cpu import CpuDevice
from rightbatch.measure.frameworks.keras.subject import KerasSubject


def model():
    layers = keras.layers
    net = keras.Sequential(
        [layers.Input((64,)), layers.Dense(16, activation="tanh"), layers.Dense(10)]
    )
    net.compile(
        optimizer=keras.optimizers.SGD(0.1),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return net


class KerasFramework:
    name = "keras"
    goal = "accuracy >= 0.9"
    parameters = 64 * 16 + 16 + 16 * 10 + 10

    def __init__(self, backend):
        assert keras.backend.backend() == backend, "set KERAS_BACKEND before Keras is imported"
        self.backend = backend
        self.last = None

    def subject(self, goal=""):
        images, labels = digits()
        workload = Workload(
            model=model,
            train_data=(images[:EXAMPLES], labels[:EXAMPLES]),
            valid_data=(images[-VALID:], labels[-VALID:]),
            goal=self.goal,
            batch_size=8,
            valid_batch_size=VALID,
        )
        self.last = KerasSubject(workload, "mine", "cpu", 1, goal, CpuDevice())
        return self.last

    def images(self, batch):
        return np.asarray(batch[0])

    def weights(self):
        return np.concatenate([w.ravel() for w in self.last.model.get_weights()])

    def gradient(self, batch, start, stop):
        """By the backend's own means, without Keras's training step."""
        x, y = (part[start:stop] for part in batch)
        return getattr(self, f"_{self.backend}")(self.last.model, x, y)

    def _tensorflow(self, net, x, y):
        import tensorflow as tf

        with tf.GradientTape() as tape:
            each = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=net(x))
            loss = tf.reduce_mean(each)
        gradients = tape.gradient(loss, net.trainable_variables)
        return np.concatenate([g.numpy().ravel() for g in gradients])

    def _jax(self, net, x, y):
        import jax

        def loss(trainable):
            logits, _ = net.stateless_call(trainable, [], x)
            return -jax.nn.log_softmax(logits)[np.arange(len(y)), y].mean()

        gradients = jax.grad(loss)([v.value for v in net.trainable_variables])
        return np.concatenate([np.asarray(g).ravel() for g in gradients])

    def _torch(self, net, x, y):
        import torch

        loss = torch.nn.functional.cross_entropy(net(torch.as_tensor(x)), torch.as_tensor(y))
        gradients = torch.autograd.grad(loss, [v.value for v in net.trainable_variables])
        return torch.cat([g.flatten() for g in gradients]).numpy()

    def in_training_mode(self):
        return True  # Keras tells each call whether it trains

    def out_of_memory_errors(self):
        return [MemoryError(), *getattr(self, f"_errors_of_{self.backend}")()]

    def _errors_of_tensorflow(self):
        import tensorflow as tf

        return [
            tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor"),
            tf.errors.InternalError(None, None, "Dst tensor is not initialized."),
            tf.errors.InternalError(None, None, "CUBLAS_STATUS_ALLOC_FAILED"),
            tf.errors.InternalError(None, None, "CUDNN_STATUS_ALLOC_FAILED"),
            tf.errors.InternalError(
                None, None, "failed to allocate 2.00G: CUDA_ERROR_OUT_OF_MEMORY: out of memory"
            ),
        ]

    def _errors_of_jax(self):
        import jax

        return [
            jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 4096 bytes."),
            jax.errors.JaxRuntimeError(
                "INTERNAL: Failed to allocate 2147483648 bytes for new constant: "
                "CUDA_ERROR_OUT_OF_MEMORY: out of memory"
            ),
        ]

    def _errors_of_torch(self):
        import torch

        return [torch.OutOfMemoryError("Allocation on device")]

    def real_out_of_memory(self):
        """Ask for more than any machine has."""
        keras.ops.zeros((2**20, 2**28))
