"""What the pieces that an Accelerator prepared mean to a workload."""

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import needs
import rightbatch.accelerate
from rightbatch.errors import UsageError
from rightbatch.measure.devices.cpu import CpuDevice
from rightbatch.measure.frameworks.torch.subject import TorchSubject

accelerate = needs.library("accelerate")

N = 30
X = torch.linspace(-1, 1, N * 4).reshape(N, 4)
Y = X @ torch.tensor([[1.0], [-2.0], [0.5], [3.0]])
DATA = TensorDataset(X, Y)


@pytest.fixture(autouse=True)
def fresh_state():
    """An Accelerator keeps its precision for the whole process, as a trial has but one."""
    yield
    accelerate.state.AcceleratorState._reset_state(reset_partial_state=True)


def pieces(precision="no", accumulation=1, optimizer=torch.optim.SGD):
    accelerator = accelerate.Accelerator(
        cpu=True, mixed_precision=precision, gradient_accumulation_steps=accumulation
    )
    net = nn.Linear(4, 1)
    return accelerator, *accelerator.prepare(
        net, optimizer(net.parameters(), lr=0.1), DataLoader(DATA, batch_size=5, shuffle=True),
        DataLoader(DATA, batch_size=7),
    )  # fmt: skip


def loss(net, batch):
    return nn.functional.mse_loss(net(batch[0]), batch[1])


def error(net, batches):
    return sum(float((net(x) - y).square().sum()) for x, y in batches) / N


def workload(prepared=pieces, **options):
    return rightbatch.accelerate.workload(
        prepared, loss=loss, metric=error, goal="error <= 0.01", **options
    )


def test_the_reference_is_what_the_loop_trains_with():
    made = workload(lambda: pieces(accumulation=3, optimizer=torch.optim.AdamW), clip_norm=1.0)
    assert (made.batch_size, made.learning_rate, made.valid_batch_size) == (15, 0.1, 7)
    assert (made.optimizer.__name__, made.clip_norm, made.notes) == ("adamw", 1.0, ())


def test_one_cycle_is_told_by_its_highest_rate():
    def prepared():
        made = pieces()
        torch.optim.lr_scheduler.OneCycleLR(made[2].optimizer, max_lr=0.4, total_steps=10)
        return made

    made = workload(prepared)
    assert made.learning_rate == 0.4
    assert made.notes == (
        "OneCycleLR sets the learning rate itself; learning rates here are its max_lr.",
    )


def test_mixed_precision_is_the_accelerators_own():
    dtypes = []

    def seen(net, batch):
        with torch.no_grad():
            dtypes.append(net[0](batch[0]).dtype)
        return nn.functional.mse_loss(net(batch[0]), batch[1])

    def prepared():
        accelerator = accelerate.Accelerator(cpu=True, mixed_precision="bf16")
        net = nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 1))
        net[1].register_forward_hook(lambda module, inputs, output: dtypes.append(output.dtype))
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        loaders = (DataLoader(DATA, batch_size=5), DataLoader(DATA, batch_size=5))
        return accelerator, *accelerator.prepare(net, optimizer, *loaders)

    made = TorchSubject(
        rightbatch.accelerate.workload(prepared, loss=seen, metric=error, goal="error <= 1"),
        "mine", "cpu", 1, "", CpuDevice(),
    )  # fmt: skip
    made.start("sgd", None, 0)
    made.step(next(made.batches(5, 0)), 5)
    assert dtypes == [torch.float32, torch.bfloat16]


@pytest.mark.parametrize("prepared", [lambda: pieces()[1:], lambda: 3, lambda: (*pieces()[:2],)])
def test_other_pieces_are_refused_in_a_sentence(prepared):
    with pytest.raises(
        UsageError, match=r"does not return \(accelerator, model, optimizer, training"
    ):
        workload(prepared)


def test_the_pieces_in_place_of_their_function_are_refused():
    with pytest.raises(UsageError, match=r"must be a function that makes .*, not tuple"):
        workload(pieces())


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("mixed_precision", "fp16", "mixed_precision 'fp16' is not supported; use 'no' or 'bf16'"),
        ("distributed_type", accelerate.DistributedType.FSDP, "shards the model over devices"),
    ],
)
def test_an_accelerator_that_cannot_be_measured_is_refused(monkeypatch, name, value, said):
    made = pieces()
    monkeypatch.setattr(accelerate.Accelerator, name, value)
    with pytest.raises(UsageError, match=said):
        workload(lambda: made)
