"""Data of Keras workloads: arrays, pipelines and what is refused, on the backend Keras has.

Run by keras_contract.py, once for each backend.
"""

from itertools import islice

import numpy as np
import pytest
from keras_behaviour import IMAGES, LABELS, TRAIN, subject
from subject_frameworks import EXAMPLES

import needs
from rightbatch.errors import UsageError


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ((IMAGES[:9], LABELS[:8]), "differ in length .*; give every array one row"),
        ((IMAGES[:0], LABELS[:0]), "train_data is empty"),
        (IMAGES, r"train_data must be a tuple of arrays \(x, y\), .*, not ndarray"),
        (([object()], [1]), "must be arrays with one row per example, not object"),
    ],
)
def test_data_that_cannot_be_counted_are_refused(data, told):
    with pytest.raises(UsageError, match=told):
        subject(train_data=data)


def pipeline():
    return needs.library("tensorflow").data.Dataset.from_tensor_slices(TRAIN)


def epoch(one, batch_size, seed):
    batches = islice(one.batches(batch_size, seed), -(-EXAMPLES // batch_size))
    return [np.asarray(x) for x, _ in batches]


@pytest.mark.parametrize(
    "make", [pipeline, lambda: lambda size: pipeline().shuffle(EXAMPLES).batch(size)]
)
def test_a_pipeline_gives_every_example_once_an_epoch_in_a_new_order(make):
    one = subject(train_data=make())
    one.start("sgd", 0.1, 0)
    first = epoch(one, 8, 1)
    assert [len(x) for x in first] == [8] * 6 + [2]
    rows = {row.tobytes() for x in first for row in x}
    assert len(rows) == EXAMPLES == one.train_examples
    two = np.concatenate([np.asarray(x) for x, _ in islice(one.batches(10, 1), 10)])
    assert not np.array_equal(two[:EXAMPLES], two[EXAMPLES:])
    sizes = [one.size(batch) for batch in one.hard_batches(8, 2)]
    assert sizes == [8, 8, 2]


def test_a_pipeline_of_examples_is_shuffled_by_the_seed():
    one = subject(train_data=pipeline())
    one.start("sgd", 0.1, 0)
    first, again, other = (np.concatenate(epoch(one, 8, seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_model_trains_and_validates_on_pipelines():
    one = subject(train_data=pipeline(), valid_data=lambda size: pipeline().batch(size))
    one.start("sgd", 0.5, 0)
    one.warm_up(10, 10)
    for batch in islice(one.batches(10, 0), 60):
        one.step(batch, 10)
    assert one.evaluate() > 0.6
    small, large = one.sqr_norms(next(one.batches(24, 0)), 8)
    assert small > large > 0


def test_pipelines_that_cannot_be_used_are_refused_with_the_remedy():
    with pytest.raises(UsageError, match="is already batched; remove"):
        subject(train_data=pipeline().batch(8).prefetch(1))
    with pytest.raises(UsageError, match="assert_cardinality"):
        subject(train_data=pipeline().filter(lambda x, y: y > 3))
    with pytest.raises(
        UsageError,
        match=r"function .* must take a batch size and return a tf\.data\.Dataset .*, not int",
    ):
        subject(train_data=lambda size: size)


def test_what_was_batched_on_the_way_to_single_examples_is_taken():
    tf = needs.library("tensorflow")
    counted = tf.data.experimental.assert_cardinality(EXAMPLES)
    for data in (
        pipeline().batch(32).unbatch().apply(counted),
        pipeline()
        .batch(32)
        .flat_map(lambda x, y: tf.data.Dataset.from_tensor_slices((x, y)))
        .apply(counted),
    ):
        one = subject(train_data=data)
        one.start("sgd", 0.1, 0)
        assert [one.size(batch) for batch in islice(one.batches(20, 0), 3)] == [20, 20, 10]


def test_a_pipeline_without_end_is_refused_whatever_it_asserts():
    tf = needs.library("tensorflow")
    counted = tf.data.experimental.assert_cardinality(EXAMPLES)
    for data in (
        pipeline().repeat(),
        pipeline().repeat().apply(counted).prefetch(1),
        lambda size: pipeline().repeat().batch(size),
    ):
        with pytest.raises(UsageError, match=r"no end; remove its \.repeat"):
            subject(train_data=data)
    assert subject(train_data=pipeline().repeat().take(70)).train_examples == 70


def test_rows_of_a_ragged_tensor_are_padded_and_ragged_rows_refused():
    tf = needs.library("tensorflow")
    words = tf.ragged.constant([[1] * n for n in (1, 2, 3, 9)])
    rows = tf.data.Dataset.from_tensor_slices((words, [0] * 4))
    one = subject(train_data=rows)
    assert [np.asarray(x).shape for x, _ in one.hard_batches(4, 1)] == [(4, 9)]
    deep = tf.data.Dataset.from_tensor_slices((tf.ragged.constant([[[1], [2, 3]]]), [0]))
    with pytest.raises(UsageError, match=r"train_data holds ragged tensors.*to_tensor\(\), y"):
        subject(train_data=deep)
    assert subject(train_data=deep.map(lambda x, y: (x.to_tensor(), y))).train_examples == 1


@pytest.mark.parametrize(
    ("batches", "told"),
    [
        (lambda size: pipeline().batch(32), r"train_data\(1\) has a batch of 32"),
        (lambda size: pipeline().batch(1), r"train_data\(8\) has a batch of 1"),
    ],
)
def test_a_function_must_keep_to_the_batch_size_it_is_given(batches, told):
    with pytest.raises(UsageError, match=f"ignores its batch size: {told}; use the argument"):
        subject(train_data=batches).facts()


def test_the_longest_of_a_few_padded_batches_comes_first():
    tf = needs.library("tensorflow")
    lengths = [1, 2, 3, 9, 1, 2, 1, 1]
    words = tf.ragged.constant([[1] * n for n in lengths])
    data = tf.data.Dataset.from_tensor_slices((words, [0] * 8)).map(
        lambda x, y: (x.to_tensor() if isinstance(x, tf.RaggedTensor) else x, y)
    )
    one = subject(train_data=data)
    drawn = [np.asarray(x).shape for x, _ in one.hard_batches(2, 2)]
    assert drawn[:2] == [(2, 9), (2, 9)]
