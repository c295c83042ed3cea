"""Which batches of an epoch the memory probe trains on: the longest examples first."""

import itertools

import pytest
import torch
from torch import nn
from torch.utils.data import Dataset

from rightbatch.errors import UsageError
from rightbatch.measure.devices.cpu import CpuDevice
from rightbatch.measure.frameworks.torch.data import shares, shuffled, size
from rightbatch.measure.frameworks.torch.lengths import hard_selections, ranked
from rightbatch.measure.frameworks.torch.subject import TorchSubject
from rightbatch.measure.ports import StepPlan
from rightbatch.torch import Workload

N = 103


class Texts(Dataset):
    """Texts of 1 to 103 tokens, the length told by the number of the example."""

    def __len__(self):
        return N

    def __getitem__(self, index):
        return torch.zeros(1 + index, dtype=torch.long)


class Images(Texts):
    def __getitem__(self, index):
        return torch.zeros(3)


def padded(examples):
    return torch.nn.utils.rnn.pad_sequence(examples, batch_first=True)


def hard(data, batch_size, longest, length=None, collate=None, least=1):
    count = len(data[0]) if isinstance(data, tuple) else len(data)
    order = ranked(data, count, length, collate)
    assert sorted(order.tolist()) == list(range(count))
    return hard_selections(count, batch_size, longest, order, least)


@pytest.mark.parametrize("length", [len, [1 + i for i in range(N)]])
def test_the_longest_examples_come_first(length):
    first, second, ordinary, short = hard(Texts(), 10, 2, length, padded)
    assert first == second == list(range(N - 1, N - 11, -1))
    assert len(ordinary) == 10
    assert ordinary != first
    assert len(short) == N % 10


def test_tensors_have_lengths_too_where_they_are_told():
    marks = torch.arange(N)
    first, *_ = hard((marks,), 4, 2, lambda example: int(example[0]))
    assert first == [N - 1, N - 2, N - 3, N - 4]


def test_without_lengths_the_largest_examples_come_first_where_sizes_differ():
    first, second, ordinary, _ = hard(Texts(), 10, 2, None, padded)
    assert first == second == list(range(N - 1, N - 11, -1))
    assert ordinary != first


class RarelyLong(Texts):
    """One text of a thousand is long."""

    def __len__(self):
        return 3000

    def __getitem__(self, index):
        return torch.zeros(500 if index % 1000 == 7 else 5, dtype=torch.long)


def test_a_rare_long_example_is_found_without_lengths():
    first, *_ = hard(RarelyLong(), 10, 2, None, padded)
    assert first[:3] == [7, 1007, 2007]


class Counting(Texts):
    """Says how often it was asked, and has the size it is told."""

    def __init__(self, size):
        self.size, self.asked = size, 0

    def __len__(self):
        return 10_000

    def __getitem__(self, index):
        self.asked += 1
        return torch.zeros(self.size, dtype=torch.uint8)


@pytest.mark.parametrize(("size", "looked_at"), [(1, 4096), (2**20, 65), (2**23, 16)])
def test_only_so_many_examples_are_looked_at(monkeypatch, size, looked_at):
    monkeypatch.setattr("time.monotonic", lambda: 0.0)
    data = Counting(size)
    ranked(data, len(data), None, None)
    assert data.asked == looked_at


@pytest.mark.parametrize(("each", "looked_at"), [(0.04, 25), (0.3, 16)])
def test_slow_examples_are_looked_at_for_a_second(monkeypatch, each, looked_at):
    now = itertools.count()
    monkeypatch.setattr("time.monotonic", lambda: next(now) * each)
    data = Counting(1)
    ranked(data, len(data), None, None)
    assert data.asked == looked_at


def test_lengths_are_looked_at_once_also_where_memory_is_predicted():
    data = Counting(4)
    workload = Workload(
        name="bytes", model=lambda: nn.Linear(4, 1), train_data=data, valid_data=data,
        loss=lambda net, batch: net(batch.float()).mean(), metric=lambda net, batches: 0.0,
        goal="loss <= 0.1", batch_size=8, learning_rate=0.1, optimizer=torch.optim.SGD,
    )  # fmt: skip
    subject = TorchSubject(workload, "bytes", "cpu", 1, "", CpuDevice())
    subject.valid_batches()
    before = data.asked
    for batch_size in (8, 16):
        subject.footprint(StepPlan("SGD", batch_size, batch_size, "cpu"))
    assert data.asked - before < 4096 + 500


@pytest.mark.parametrize("data", [Images(), (torch.zeros(N, 3),)])
def test_examples_of_one_size_need_no_sample(data):
    first, second, short = hard(data, 10, 2)
    assert first == second
    assert len(set(first)) == 10
    assert len(short) == 3


def test_the_whole_training_set_has_no_short_batch():
    (first, _) = hard(Images(), N, 2)
    assert sorted(first) == list(range(N))


def test_too_few_lengths_are_refused():
    with pytest.raises(UsageError, match="has 2 numbers for 103 training examples"):
        hard(Texts(), 10, 2, [5, 6], padded)


def test_a_short_last_batch_of_fewer_than_the_least_is_left_out():
    data = (torch.arange(21),)
    assert [len(chosen) for chosen in hard(data, 10, 2, least=2)] == [10, 10]
    assert len(hard(data, 10, 2)[-1]) == 1
    for examples in (data, list(range(21))):
        stream = shuffled(examples, 10, torch.Generator(), None, 0, least=2)
        assert [size(next(stream)) for _ in range(4)] == [10, 10, 10, 10]


@pytest.mark.parametrize(
    ("count", "most", "least", "sizes"),
    [
        (12, 5, 1, [4, 4, 4]),
        (33, 32, 2, [16, 17]),
        (33, 32, 1, [16, 17]),
        (5, 2, 1, [1, 2, 2]),
        (5, 2, 2, [2, 3]),
        (3, 1, 2, [1, 1, 1]),
        (1, 4, 2, [1]),
        (4, 4, 1, [4]),
    ],
)
def test_micro_batches_of_a_batch_are_nearly_equal(count, most, least, sizes):
    ends = shares(count, most, least)
    assert [stop - start for start, stop in ends] == sizes
    assert (ends[0][0], ends[-1][1]) == (0, count)


def normalised(examples):
    data = (torch.randn(examples, 3), torch.randn(examples, 1))
    workload = Workload(
        name="normalised",
        model=lambda: nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1)),
        train_data=data, valid_data=data, goal="loss <= 0.1", batch_size=10, learning_rate=0.1,
        loss=lambda net, batch: (net(batch[0]) - batch[1]).pow(2).mean(),
        metric=lambda net, batches: 0.0,
        optimizer=lambda parameters, rate: torch.optim.SGD(parameters, lr=rate),
    )  # fmt: skip
    subject = TorchSubject(workload, "normalised", "cpu", 1, "", CpuDevice())
    subject.start("lambda", None, seed=0)
    return subject


def test_batch_normalisation_is_not_given_a_short_last_batch_of_one_example():
    subject = normalised(21)
    stream = subject.batches(10, seed=0)
    for batch in [*(next(stream) for _ in range(5)), *subject.hard_batches(10, 2)]:
        assert subject.size(batch) == 10
        subject.step(batch, 10)


def test_batch_normalisation_is_not_given_a_micro_batch_of_one_example():
    subject = normalised(53)
    *_, short = subject.hard_batches(20, 2)
    assert subject.size(short) == 13
    subject.step(short, 12)
    subject.step(short, 2)
