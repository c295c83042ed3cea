"""What every Subject promises to the probes, for every framework that has one.

RIGHTBATCH_TEST_FRAMEWORKS names the frameworks to test, by commas; all of them by default.
"""

from itertools import islice

import numpy as np
import pytest
from subject_frameworks import EXAMPLES, FRAMEWORKS, VALID, framework

from rightbatch.errors import GoalError, UsageError
from rightbatch.measure.ports import Subject


@pytest.fixture(params=FRAMEWORKS)
def frame(request):
    return framework(request.param)


@pytest.fixture
def subject(frame) -> Subject:
    return frame.subject()


def own(subject):
    return subject.facts().optimizers[0].name


def start(subject, seed=0, learning_rate=0.1):
    subject.start(own(subject), learning_rate, seed)


def epoch(frame, subject, batch_size, seed, number=0):
    """Inputs of each batch of one epoch."""
    count = -(-EXAMPLES // batch_size)
    stream = islice(subject.batches(batch_size, seed), number * count, (number + 1) * count)
    return [frame.images(batch).copy() for batch in stream]


def rows(batches):
    return [row.tobytes() for batch in batches for row in batch]


def train(frame, subject, seed, steps=6, data_seed=None):
    start(subject, seed)
    batches = subject.batches(8, seed if data_seed is None else data_seed)
    losses = [float(subject.step(batch, 8)) for batch in islice(batches, steps)]
    return losses, frame.weights().copy()


@pytest.mark.parametrize(
    ("batch_size", "micro"), [(20, 20), (20, 10), (20, 5), (20, 7), (20, 19), (20, 1), (50, 16)]
)
def test_accumulated_micro_batches_update_as_the_whole_batch(frame, subject, batch_size, micro):
    start(subject)
    batch = next(subject.batches(batch_size, 3))
    before = frame.weights().copy()
    gradient = frame.gradient(batch, 0, batch_size)
    whole = float(subject.step(batch, batch_size))
    expected = frame.weights().copy()
    np.testing.assert_allclose(expected, before - 0.1 * gradient, rtol=1e-4, atol=1e-6)
    assert np.abs(expected - before).max() > 1e-3

    start(subject)
    np.testing.assert_array_equal(frame.weights(), before)
    accumulated = float(subject.step(batch, micro))
    np.testing.assert_allclose(frame.weights(), expected, rtol=1e-4, atol=1e-6)
    assert accumulated == pytest.approx(whole, rel=1e-5)


def test_a_step_forgets_the_gradients_of_the_step_before(frame, subject):
    start(subject)
    stream = subject.batches(10, 0)
    subject.step(next(stream), 10)
    batch = next(stream)
    before = frame.weights().copy()
    gradient = frame.gradient(batch, 0, 10)
    subject.step(batch, 4)
    np.testing.assert_allclose(frame.weights(), before - 0.1 * gradient, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("batch_size", [1, 8, 25, 50])
def test_an_epoch_has_every_example_once_and_keeps_its_short_last_batch(frame, subject, batch_size):
    start(subject)
    for number in (0, 1):
        batches = epoch(frame, subject, batch_size, 1, number)
        sizes = [len(batch) for batch in batches]
        last = EXAMPLES % batch_size or batch_size
        assert sizes == [batch_size] * (len(sizes) - 1) + [last]
        assert len(set(rows(batches))) == EXAMPLES


def test_size_counts_the_examples_of_a_batch(subject):
    start(subject)
    sizes = [subject.size(batch) for batch in islice(subject.batches(8, 0), 7)]
    assert sizes == [8] * 6 + [2]


def test_every_epoch_is_shuffled_anew_from_the_seed(frame, subject):
    start(subject)
    first, second = (rows(epoch(frame, subject, 8, 5, number)) for number in (0, 1))
    assert first != second
    assert first == rows(epoch(frame, subject, 8, 5))
    assert first != rows(epoch(frame, subject, 8, 6))


def test_the_order_of_examples_does_not_depend_on_the_batch_size(frame, subject):
    start(subject)
    assert rows(epoch(frame, subject, 8, 5)) == rows(epoch(frame, subject, 25, 5))


def test_the_same_seed_gives_the_same_run_and_another_seed_another(frame, subject):
    losses, weights = train(frame, subject, seed=1)
    again, same = train(frame, subject, seed=1)
    assert again == losses
    np.testing.assert_array_equal(same, weights)
    other, different = train(frame, subject, seed=2, data_seed=1)
    assert other != losses
    assert np.abs(different - weights).max() > 1e-3


def test_a_fresh_subject_repeats_the_run(frame, subject):
    losses, weights = train(frame, subject, seed=4)
    again, same = train(frame, frame.subject(), seed=4)
    assert again == losses
    np.testing.assert_array_equal(same, weights)


def test_start_takes_the_reference_learning_rate_where_none_is_given(frame, subject):
    def change(learning_rate):
        start(subject, 0, learning_rate)
        before = frame.weights().copy()
        subject.step(next(subject.batches(8, 0)), 8)
        return frame.weights() - before

    np.testing.assert_allclose(change(None), change(0.1), rtol=1e-6)
    np.testing.assert_allclose(change(0.2), 2 * change(0.1), rtol=1e-3, atol=1e-6)


def test_start_refuses_an_optimizer_that_is_not_there(subject):
    with pytest.raises(UsageError, match=r"no optimizer 'lion'; use .*sgd"):
        subject.start("lion", None, 0)


@pytest.mark.parametrize(("batch_size", "micro"), [(24, 4), (24, 24), (8, 1)])
def test_squared_norms_agree_with_gradients_computed_directly(frame, subject, batch_size, micro):
    start(subject)
    batch = next(subject.batches(batch_size, 2))
    before = frame.weights().copy()
    small, large = subject.sqr_norms(batch, micro)
    np.testing.assert_array_equal(frame.weights(), before)
    pieces = [frame.gradient(batch, i, i + micro) for i in range(0, batch_size, micro)]
    whole = frame.gradient(batch, 0, batch_size)
    assert small == pytest.approx(np.mean([piece @ piece for piece in pieces]), rel=1e-4)
    assert large == pytest.approx(whole @ whole, rel=1e-4)


def test_squared_norms_leave_nothing_behind_for_the_next_step(frame, subject):
    start(subject)
    batch = next(subject.batches(8, 2))
    subject.step(batch, 8)
    expected = frame.weights().copy()
    start(subject)
    subject.sqr_norms(batch, 2)
    subject.step(batch, 8)
    np.testing.assert_allclose(frame.weights(), expected, rtol=1e-6)


def test_evaluation_changes_no_weight_and_goes_back_to_training_mode(frame, subject):
    start(subject)
    before = frame.weights().copy()
    metric = subject.evaluate()
    assert metric * VALID == pytest.approx(round(metric * VALID))
    assert subject.evaluate() == metric
    np.testing.assert_array_equal(frame.weights(), before)
    assert frame.in_training_mode()


def test_training_teaches_the_model(subject):
    start(subject, learning_rate=1.0)
    before = subject.evaluate()
    for batch in islice(subject.batches(10, 0), 60):
        subject.step(batch, 10)
    assert subject.evaluate() > before + 0.3


def test_plain_facts(frame, subject):
    facts = subject.facts()
    assert (facts.title, facts.framework) == ("mine", frame.name)
    assert (facts.train_examples, facts.valid_examples) == (EXAMPLES, VALID)
    assert subject.train_examples == EXAMPLES
    assert facts.batch_size == 8
    assert facts.parameters == frame.parameters
    assert facts.batch_dependent_layers == ()
    assert str(facts.goal) == frame.goal
    assert facts.optimizers[0].learning_rate == 0.1
    assert facts.optimizers[0].rule == "linear"
    assert frame.name in dict(subject.versions())
    assert subject.threads >= 1


def test_another_goal_replaces_the_workloads(frame):
    assert frame.subject("best accuracy within 3 epochs").goal.within_epochs == 3
    with pytest.raises(GoalError):
        frame.subject("as good as it gets")


def test_floating_point_operations_grow_with_the_batch(subject):
    start(subject)
    small, large = (subject.flops(next(subject.batches(size, 0))) for size in (8, 16))
    if small is not None:
        products = 64 * 16 + 16 * 10
        assert large == pytest.approx(2 * small, rel=0.01)  # some count sums over the batch too
        assert 2 * 2 * products <= small / 8 <= 2 * 3 * products
    subject.synchronize()


def test_every_spelling_of_out_of_memory_is_recognised(frame, subject):
    for error in frame.out_of_memory_errors():
        assert subject.is_out_of_memory(error), error


def test_the_frameworks_own_out_of_memory_error_is_recognised(frame, subject):
    with pytest.raises(Exception) as caught:
        frame.real_out_of_memory()
    assert subject.is_out_of_memory(caught.value)


@pytest.mark.parametrize(
    "error",
    [
        ValueError("CUDA out of memory"),
        ValueError("the replay buffer is out of memory"),
        RuntimeError("the replay buffer ran out of memory slots"),
        RuntimeError("out of memory"),
        KeyError("DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("mat1 and mat2 shapes cannot be multiplied (8x64 and 32x10)"),
    ],
)
def test_a_users_own_error_is_not_taken_for_out_of_memory(subject, error):
    """A user's RuntimeError in a framework's very words cannot be told from the framework's."""
    assert not subject.is_out_of_memory(error)
