"""Batches of a Keras workload from arrays or `tf.data`: shuffled epochs, slices of a batch."""

from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np

from rightbatch.errors import UsageError

_SHUFFLED = 16_384
"""Size of the shuffle buffer of a `tf.data` pipeline of single examples."""
_SAMPLED_BATCHES = 8
_NEW_EXAMPLES = ("Unbatch", "FlatMap", "Interleave")
"""Kinds of pipelines whose examples are not those of their input."""


class Arrays:
    """Examples in arrays: (x, y) or (x, y, sample_weight), each a structure of arrays.

    Attributes:
        count: Number of examples.
    """

    def __init__(self, data: Any, name: str) -> None:
        self._data = keras.tree.map_structure(_array, data)
        lengths = {len(leaf) for leaf in keras.tree.flatten(self._data)}
        if len(lengths) != 1:
            raise UsageError(
                f"The arrays of {name} differ in length ({sorted(lengths)}); give every array one "
                "row per example."
            )
        self.count = lengths.pop()
        if self.count == 0:
            raise UsageError(f"{name} is empty; give at least one example.")

    def shuffled(self, batch_size: int, seed: int) -> Iterator[Any]:
        """Endless batches, every epoch in a new order."""
        generator = np.random.default_rng(seed)
        while True:
            order = generator.permutation(self.count)
            for start in range(0, self.count, batch_size):
                yield self._chosen(order[start : start + batch_size])

    def in_order(self, batch_size: int) -> Iterator[Any]:
        """One pass over the examples."""
        for start in range(0, self.count, batch_size):
            yield part(self._data, start, start + batch_size)

    def hard(self, batch_size: int, longest: int) -> Iterator[Any]:
        """`longest` whole batches, and the short last batch of an epoch."""
        order = np.random.default_rng(0).permutation(self.count)
        for _ in range(longest):
            yield self._chosen(order[:batch_size])
        if rest := self.count % batch_size:
            yield self._chosen(order[-rest:])

    def _chosen(self, index: np.ndarray[Any, Any]) -> Any:
        return keras.tree.map_structure(lambda leaf: leaf[index], self._data)


class Pipeline:
    """Examples of a `tf.data` pipeline.

    Args:
        make: (batch_size, seed) -> a `tf.data.Dataset` of one epoch in batches; without a seed,
            in any order.
        count: Number of examples.
        threads: Threads that the pipeline may use; None for TensorFlow's default.
        tensors: Whether batches stay TensorFlow tensors (False: they become arrays).
    """

    def __init__(
        self,
        make: Callable[[int, int | None], Any],
        count: int,
        threads: int | None,
        tensors: bool,
    ) -> None:
        self._make = make
        self._threads = threads
        self._tensors = tensors
        self.count = count

    def shuffled(self, batch_size: int, seed: int) -> Iterator[Any]:
        """Endless batches, every epoch as the pipeline shuffles it."""
        import tensorflow as tf

        tf.random.set_seed(seed)
        epoch = self._epoch(batch_size, seed)
        while True:
            yield from epoch if self._tensors else epoch.as_numpy_iterator()

    def in_order(self, batch_size: int) -> Iterator[Any]:
        """One pass over the examples."""
        epoch = self._epoch(batch_size, None)
        yield from epoch if self._tensors else epoch.as_numpy_iterator()

    def hard(self, batch_size: int, longest: int) -> Iterator[Any]:
        """The largest of a few batches, an ordinary one where sizes differ, and the short last."""
        stream = self.shuffled(batch_size, 0)
        drawn = [next(stream) for _ in range(min(_SAMPLED_BATCHES, -(-self.count // batch_size)))]
        worst = max(drawn, key=_bytes)
        for _ in range(longest):
            yield worst
        if _bytes(drawn[0]) < _bytes(worst):
            yield drawn[0]
        if rest := self.count % batch_size:
            yield part(drawn[0], 0, rest)

    def _epoch(self, batch_size: int, seed: int | None) -> Any:
        import tensorflow as tf

        options = tf.data.Options()
        if self._threads is not None:
            options.threading.private_threadpool_size = self._threads
        return self._make(batch_size, seed).prefetch(tf.data.AUTOTUNE).with_options(options)


def read(data: Any, name: str, threads: int | None, tensors: bool) -> Arrays | Pipeline:
    """The examples in the data of a workload.

    Raises:
        UsageError: They are neither arrays nor a `tf.data` pipeline, or of unknown number.
    """
    if hasattr(data, "element_spec") and hasattr(data, "padded_batch"):
        return Pipeline(_batched(data, name), _cardinality(data, f"{name} has"), threads, tensors)
    if callable(data):
        single = data(1)
        if not hasattr(single, "element_spec"):
            raise UsageError(
                f"The function {name} must take a batch size and return a tf.data.Dataset of one "
                f"epoch in batches, not {type(single).__name__}."
            )
        count = _cardinality(single, f"{name}(1) has")
        return Pipeline(lambda batch_size, seed: data(batch_size), count, threads, tensors)
    if not isinstance(data, tuple) or not 1 <= len(data) <= 3:
        raise UsageError(
            f"{name} must be a tuple of arrays (x, y), a tf.data.Dataset of single examples, or a "
            "function of the batch size that returns one in batches, not "
            f"{type(data).__name__}."
        )
    return Arrays(data, name)


def check_sizes(data: Any, name: str, count: int) -> None:
    """Refuse a function of the batch size that returns batches of another size.

    Args:
        data: The data of a workload, as accepted by `read`.
        name: Its name in messages.
        count: Number of examples.

    Raises:
        UsageError: It returns batches of several examples for 1, or of one example for several.
    """
    if hasattr(data, "element_spec") or not callable(data):
        return
    for batch_size in (1, min(count, 8)):
        found = size(next(iter(data(batch_size))))
        if (found == 1) != (batch_size == 1):
            raise UsageError(
                f"{name} is a function that ignores its batch size: {name}({batch_size}) has a "
                f"batch of {found}; use the argument: lambda batch_size: "
                "pipeline.batch(batch_size)."
            )


def size(batch: Any) -> int:
    """Number of examples in a batch: the first dimension of its first array."""
    return int(keras.tree.flatten(batch)[0].shape[0])


def part(batch: Any, start: int, stop: int) -> Any:
    """Examples start..stop of a batch, in the same structure."""
    return keras.tree.map_structure(
        lambda leaf: leaf[start:stop] if len(leaf.shape) > 0 else leaf, batch
    )


def _array(leaf: Any) -> np.ndarray[Any, Any]:
    """A NumPy array; float64 is converted to Keras's precision, as in `fit`."""
    array = np.asarray(leaf)
    if array.ndim == 0 or array.dtype == object:
        raise UsageError(
            "Data must be arrays with one row per example, not "
            f"{type(leaf).__name__}; pad ragged data, or give a tf.data pipeline."
        )
    return array.astype(keras.config.floatx()) if array.dtype == np.float64 else array


def _batched(data: Any, name: str) -> Callable[[int, int | None], Any]:
    """(batch_size, seed) -> one epoch of a pipeline of single examples in batches.

    Raises:
        UsageError: Its examples are themselves ragged, or it is already batched.
    """
    import tensorflow as tf

    specs = tf.nest.flatten(data.element_spec)
    if any(getattr(spec, "ragged_rank", 0) > 0 for spec in specs):
        raise UsageError(
            f"{name} holds ragged tensors, which cannot be padded into batches; convert them "
            "first: .map(lambda x, y: (x.to_tensor(), y))."
        )
    _refuse_batched(data, name)
    ragged = any(None in spec.shape.as_list() for spec in specs)
    whole = isinstance(data.element_spec, tuple)
    plain = data.map(lambda *parts: parts if whole else parts[0])  # ragged rows become tensors

    def make(batch_size: int, seed: int | None) -> Any:
        examples = plain if seed is None else plain.shuffle(_SHUFFLED, seed=seed)
        return examples.padded_batch(batch_size) if ragged else examples.batch(batch_size)

    return make


def _refuse_batched(data: Any, name: str) -> None:
    """Refuse a pipeline that is already batched, or never ends."""
    while data is not None:
        kind, before = type(data).__name__, getattr(data, "_input_dataset", None)
        if any(made in kind for made in _NEW_EXAMPLES):
            return
        if "Batch" in kind:
            raise UsageError(
                f"{name} is already batched; remove its .batch(...), or give a function of the "
                "batch size: lambda batch_size: pipeline.batch(batch_size)."
            )
        if "AssertCardinality" in kind:
            _refuse_endless(before, f"{name} has")
        data = before


def _refuse_endless(data: Any, what: str) -> None:
    import tensorflow as tf

    if int(data.cardinality()) == tf.data.INFINITE_CARDINALITY:
        raise UsageError(f"{what} no end; remove its .repeat(...), as rightbatch counts epochs.")


def _cardinality(data: Any, what: str) -> int:
    _refuse_endless(data, what)
    count = int(data.cardinality())
    if count == 0:
        raise UsageError(f"{what} no examples; give at least one.")
    if count < 0:
        raise UsageError(
            f"{what} no known number of examples; declare it with "
            ".apply(tf.data.experimental.assert_cardinality(n))."
        )
    return count


def _bytes(batch: Any) -> int:
    return sum(
        int(np.prod(leaf.shape)) * leaf.dtype.size if hasattr(leaf.dtype, "size") else leaf.nbytes
        for leaf in keras.tree.flatten(batch)
    )
