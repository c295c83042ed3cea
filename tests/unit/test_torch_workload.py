"""A PyTorch user's data, metric, optimizers and options, as a Workload takes them."""

import collections
import functools
from collections import UserDict
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import Dataset, IterableDataset, TensorDataset

from rightbatch.errors import UsageError
from rightbatch.measure.devices.cpu import CpuDevice
from rightbatch.measure.frameworks.torch import data, optimizers
from rightbatch.measure.frameworks.torch.subject import TorchSubject
from rightbatch.torch import Workload

N = 30
X = torch.linspace(-1, 1, N * 4).reshape(N, 4)
Y = X @ torch.tensor([[1.0], [-2.0], [0.5], [3.0]])
Pair = collections.namedtuple("Pair", "x y")


class Rows(Dataset):
    """Examples made one at a time, in whatever structure is asked for."""

    def __init__(self, example):
        self.example = example

    def __len__(self):
        return N

    def __getitem__(self, index):
        return self.example(index)


class Endless(IterableDataset):
    def __iter__(self):
        yield from zip(X, Y, strict=True)


def mse(net, batch):
    x, y = batch
    return nn.functional.mse_loss(net(x), y)


def mean_error(net, batches):
    errors = [float((net(x) - y).detach().square().sum()) for x, y in batches]
    return sum(errors) / sum(len(y) for _, y in batches)


def workload(**changes):
    plain = {
        "model": lambda: nn.Linear(4, 1),
        "train_data": (X, Y),
        "valid_data": (X[:8], Y[:8]),
        "loss": mse,
        "metric": mean_error,
        "goal": "error <= 0.01",
        "optimizer": torch.optim.SGD,
        "batch_size": 10,
        "learning_rate": 0.1,
    }
    return Workload(**(plain | changes))


def subject(seed=0, **changes):
    made = TorchSubject(workload(**changes), "mine", "cpu", 1, "", CpuDevice())
    made.start(next(iter(made._catalog)), None, seed)
    return made


def weights(made):
    return torch.cat([p.detach().flatten().clone() for p in made.model.parameters()])


def learning_rates(made, steps, batch_size=10):
    batches, seen = made.batches(batch_size, 0), []
    for batch in islice(batches, steps):
        seen.append(made.optimizer.param_groups[0]["lr"])
        made.step(batch, batch_size)
    return seen


STRUCTURES = {
    "tuples": (lambda i: (X[i], Y[i]), lambda b: (b[0], b[1])),
    "dicts": (lambda i: {"x": X[i], "y": Y[i]}, lambda b: (b["x"], b["y"])),
    "namedtuples": (lambda i: Pair(X[i], Y[i]), lambda b: (b.x, b.y)),
    "nested": (lambda i: ((X[i, :2], X[i, 2:]), Y[i]), lambda b: (torch.cat([*b[0]], 1), b[1])),
    "names first": (lambda i: (f"row {i}", X[i], Y[i]), lambda b: (b[1], b[2])),
}


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("workers", [0, 1])
def test_examples_of_any_structure_train_whole_and_in_micro_batches(structure, workers):
    example, fields = STRUCTURES[structure]
    made = subject(
        train_data=Rows(example),
        loss=lambda net, batch: mse(net, fields(batch)),
        num_workers=workers,
    )
    batches = list(islice(made.batches(16, 0), 2))
    assert [made.size(batch) for batch in batches] == [16, 14]
    assert sorted(torch.cat([fields(b)[0] for b in batches])[:, 0]) == sorted(X[:, 0])
    made.step(batches[0], 16)
    whole = weights(made)
    made.start("SGD", None, 0)
    before = weights(made)
    made.step(batches[0], 5)
    torch.testing.assert_close(weights(made), whole)
    assert not torch.equal(before, whole)


def test_a_namedtuple_batch_stays_one_when_divided():
    piece = data.part(Pair(X, Y), 2, 5)
    assert type(piece) is Pair
    assert torch.equal(piece.y, Y[2:5])
    assert type(data.to_device(piece, torch.device("cpu"))) is Pair


def test_mappings_that_are_no_dicts_are_divided_in_their_own_type():
    piece = data.part(UserDict(x=X, y=Y), 2, 5)
    assert type(piece) is UserDict
    assert torch.equal(piece["x"], X[2:5])
    assert data.size(UserDict(x=X)) == N
    assert type(data.to_device(piece, torch.device("cpu"))) is UserDict


def test_what_belongs_to_the_whole_batch_is_kept_when_it_is_divided():
    names = [f"row {i}" for i in range(N)]
    x, name, weight, factor, none = data.part((X, names, torch.tensor(2.0), 3.0, None), 4, 6)
    assert torch.equal(x, X[4:6])
    assert name == names[4:6]
    assert (float(weight), factor, none) == (2.0, 3.0, None)


def test_a_tensor_that_does_not_count_examples_cannot_be_divided():
    packed = (Y, torch.arange(77))
    assert data.size(packed) == N
    with pytest.raises(UsageError, match="a tensor of 77 rows, so it cannot be divided"):
        data.part(packed, 0, 5)


@pytest.mark.parametrize("batch", [3, None, {}, (), torch.tensor(1.0), "text"])
def test_a_batch_must_count_its_examples(batch):
    with pytest.raises(UsageError, match=r"must be a tensor, .* with one row per example, not"):
        data.size(batch)


def test_collate_is_the_users_own():
    def collate(examples):
        x, y = zip(*examples, strict=True)
        return {"x": torch.stack(x) * 2, "y": torch.stack(y)}

    made = subject(train_data=TensorDataset(X, Y), collate=collate)
    batch = next(made.batches(N, 0))
    assert float(batch["x"].abs().max()) == 2.0


def test_a_collate_that_puts_time_first_is_refused_before_anything_is_trained():
    made = subject(
        train_data=TensorDataset(X, Y),
        collate=lambda examples: torch.stack([x for x, _ in examples], dim=1),
    )
    with pytest.raises(UsageError, match="A batch of 10 examples seems to hold 4"):
        next(made.batches(10, 0))


def test_a_dataset_smaller_than_the_batch_gives_itself_whole():
    made = subject(train_data=TensorDataset(X, Y))
    assert made.size(next(made.batches(64, 0))) == N


def test_a_metric_function_sees_every_validation_example_without_gradients():
    seen = {}

    def metric(net, batches):
        seen["rows"] = [len(x) for x, _ in batches]
        seen["training"] = net.training
        seen["gradients"] = net(batches[0][0]).requires_grad
        return 0.5

    assert subject(metric=metric, valid_batch_size=3).evaluate() == 0.5
    assert seen == {"rows": [3, 3, 2], "training": False, "gradients": False}


def test_the_goal_names_one_of_several_metrics():
    made = subject(metric=lambda net, batches: {"loss": 1.5, "error": 0.25}, goal="loss <= 1")
    assert made.evaluate() == 1.5
    with pytest.raises(UsageError, match=r"names 'f1', but validation returns error, lo"):
        subject(metric=lambda net, batches: {"loss": 1, "error": 2}, goal="f1 >= 1").evaluate()
    with pytest.raises(UsageError, match="names 'f1', but validation returns nothing"):
        subject(metric=lambda net, batches: {}, goal="f1 >= 1").evaluate()


class MeanSquaredError:
    """The three methods of a torchmetrics metric, and its way to another device."""

    def __init__(self):
        self.reset()
        self.place = None

    def to(self, place):
        self.place = place
        return self

    def reset(self):
        self.sum, self.count = torch.tensor(0.0), 0

    def update(self, predictions, targets):
        self.sum += (predictions - targets).square().sum()
        self.count += len(targets)

    def compute(self):
        return self.sum / self.count


@pytest.mark.parametrize("dataset", [(X, Y), TensorDataset(X, Y)])
def test_a_metric_object_gives_the_same_as_a_function_every_time(dataset):
    metric = MeanSquaredError()
    made = subject(metric=metric, valid_data=dataset, valid_batch_size=7)
    expected = mean_error(made.model, [(X, Y)])
    assert made.evaluate() == pytest.approx(expected, rel=1e-5)
    assert made.evaluate() == pytest.approx(expected, rel=1e-5)
    assert metric.place == torch.device("cpu")


def test_a_metric_object_needs_pairs():
    rows = Rows(STRUCTURES["dicts"][0])
    with pytest.raises(UsageError, match=r"MeanSquaredError needs .* \(inputs, targets\)"):
        subject(metric=MeanSquaredError(), valid_data=rows).evaluate()


def test_a_schedule_multiplies_the_learning_rate_over_the_users_epochs():
    told = set()

    def schedule(step, total):
        told.add(total)
        return 1 - step / total

    made = subject(schedule=schedule, epochs=2)
    assert learning_rates(made, 8) == pytest.approx(
        [0.1, 0.1 * 5 / 6, 0.1 * 4 / 6, 0.05, 0.1 * 2 / 6, 0.1 / 6, 0.0, 0.0]
    )
    assert told == {6}


def test_a_schedule_has_as_many_steps_as_the_run_has_even_while_others_are_sampled():
    made = subject(schedule=lambda step, total: 1 / total, epochs=1)
    training = made.batches(10, 0)
    made.batches(30, 1)
    batch = next(training)
    made.step(batch, 10)
    assert made.optimizer.param_groups[0]["lr"] == pytest.approx(0.1 / 3)
    made.start("SGD", None, 0)
    assert learning_rates(made, 1, batch_size=15) == pytest.approx([0.05])


def test_without_a_schedule_the_learning_rate_stays():
    assert learning_rates(subject(epochs=1), 5) == [0.1] * 5


@pytest.mark.parametrize("micro", [10, 4])
def test_clipping_limits_the_norm_of_the_whole_update(micro):
    made = subject(clip_norm=0.25)
    before = weights(made)
    made.step((X[:10] * 100, Y[:10]), micro)
    assert float((weights(made) - before).norm()) == pytest.approx(0.1 * 0.25, rel=1e-4)


def test_bfloat16_trains_on_a_cpu():
    dtypes = []

    def loss(net, batch):
        predictions = net(batch[0])
        dtypes.append(predictions.dtype)
        return nn.functional.mse_loss(predictions.float(), batch[1])

    made = subject(precision="bf16", loss=loss)
    before = made.evaluate()
    for batch in islice(made.batches(10, 0), 60):
        made.step(batch, 10)
    assert set(dtypes) == {torch.bfloat16}
    assert next(made.model.parameters()).dtype == torch.float32
    assert made.evaluate() < before / 4


def test_single_precision_is_the_default():
    made = subject()
    batch = next(made.batches(10, 0))
    assert made.step(batch, 10).dtype == torch.float32


def facts(**changes):
    return optimizers.facts(workload(**changes), nn.Linear(4, 1))


def adamw(parameters, learning_rate):
    return torch.optim.AdamW(parameters, lr=learning_rate)


def momentum(parameters, learning_rate):
    return torch.optim.SGD(parameters, lr=learning_rate, momentum=0.9)


def test_the_users_optimizer_comes_first_and_the_fields_three_are_untuned():
    found = facts(optimizer=adamw, learning_rate=3e-4)
    assert [o.name for o in found] == ["adamw", "sgd", "adam", "rmsprop"]
    assert [o.tuned for o in found] == [True, False, False, False]
    assert [o.learning_rate for o in found] == [3e-4, 0.05, 1e-3, 1e-3]
    assert [o.rule for o in found] == ["square_root", "linear", "square_root", "square_root"]


def test_named_optimizers_keep_their_names_and_rates():
    found = {
        o.name: o
        for o in facts(
            optimizer=momentum,
            optimizers={
                "adam": (torch.optim.Adam, 5e-4), "mine": momentum, "rmsprop": torch.optim.RMSprop,
            },
        )
    }  # fmt: skip
    assert list(found) == ["mine", "adam", "rmsprop", "sgd"]
    assert (found["mine"].learning_rate, found["mine"].tuned) == (0.1, True)
    assert (found["adam"].learning_rate, found["adam"].tuned) == (5e-4, True)
    assert (found["rmsprop"].learning_rate, found["rmsprop"].tuned) == (1e-3, False)


def test_the_users_own_optimizer_given_again_with_a_rate_is_not_doubled():
    found = facts(optimizer=momentum, optimizers={"mine": (momentum, 0.1)})
    assert [o.name for o in found] == ["mine", "sgd", "adam", "rmsprop"]


def test_the_users_own_optimizer_given_again_with_another_rate_is_refused():
    with pytest.raises(
        UsageError, match=r"'mine' has the learning rate 0\.4 in .* and 0\.1 in .*; set the same"
    ):
        facts(optimizer=momentum, optimizers={"mine": (momentum, 0.4)})


def test_two_optimizers_of_one_name_are_refused():
    with pytest.raises(UsageError, match="both named 'adamw'; rename the entry"):
        facts(optimizer=adamw, optimizers={"adamw": (torch.optim.AdamW, 1e-3)})


def test_an_optimizer_without_a_name_has_one_all_the_same():
    assert facts(optimizer=lambda p, lr: torch.optim.SGD(p, lr=lr))[0].name == "lambda"
    assert (
        facts(optimizer=functools.partial(torch.optim.SGD, nesterov=False))[0].name == "optimizer"
    )


def test_an_optimizer_must_be_one():
    with pytest.raises(
        UsageError, match=r"'broken' of the workload must .* return a torch\.optim.*, not int"
    ):
        facts(optimizers={"broken": (lambda p, lr: 3, 0.1)})


def test_an_optimizer_that_takes_matrices_only_is_tried_on_the_models_own():
    def matrices_only(parameters, learning_rate):
        parameters = list(parameters)
        if any(p.ndim < 2 for p in parameters):
            raise ValueError("matrices only")
        return torch.optim.SGD(parameters, learning_rate)

    made = subject(optimizer=matrices_only, model=lambda: nn.Linear(4, 1, bias=False))
    assert made.facts().optimizers[0].name == "matrices_only"


def test_layers_that_depend_on_the_batch_are_named():
    net = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
    assert subject(model=lambda: net).facts().batch_dependent_layers == ("BatchNorm1d",)


def test_only_trainable_parameters_are_counted_and_trained():
    def model():
        net = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 1))
        net[0].requires_grad_(False)
        return net

    made = subject(model=model)
    assert made.facts().parameters == 5
    frozen = made.model[0].weight.clone()
    batch = next(made.batches(10, 0))
    made.sqr_norms(batch, 5)
    made.step(batch, 10)
    assert torch.equal(made.model[0].weight, frozen)


def test_a_reference_batch_larger_than_the_data_is_the_whole_data():
    assert subject(batch_size=500).facts().batch_size == N


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"batch_size": 0}, "batch_size is 0; it must be at least 1"),
        ({"learning_rate": 0.0}, "learning_rate is 0.0; it must be above 0"),
        ({"learning_rate": float("nan")}, "learning_rate is nan"),
        ({"precision": "fp8"}, "precision is 'fp8'; use 'fp32' or 'bf16'"),
        ({"schedule": lambda step, total: 1.0}, "set Workload.epochs"),
        ({"epochs": 0}, "epochs is 0; it must be above 0"),
        ({"clip_norm": -1.0}, "clip_norm is -1.0; it must be above 0"),
        ({"valid_batch_size": 0}, "valid_batch_size is 0"),
        ({"num_workers": -1}, "num_workers is -1"),
        ({"batch_size": 512 / 16}, r"batch_size is 32\.0; it must be a whole number"),
        ({"valid_batch_size": "8"}, "valid_batch_size is '8'; it must be a whole number"),
        ({"num_workers": True}, "num_workers is True; it must be a whole number"),
    ],
)
def test_a_workload_that_cannot_be(changes, said):
    with pytest.raises(UsageError, match=said):
        workload(**changes)


def test_the_old_name_of_num_workers_is_taken_with_a_warning():
    said = r"workers is now num_workers.*use that name"
    with pytest.warns(FutureWarning, match=said) as told:
        made = workload(workers=2)
    assert made.num_workers == 2
    with pytest.warns(FutureWarning, match=said):
        assert replace(made, workers=1).num_workers == 1
    with pytest.raises(UsageError, match="num_workers is -1"), pytest.warns(FutureWarning):
        workload(workers=-1)
    assert len(told) == 1


def test_the_name_num_workers_is_taken_without_a_warning(recwarn):
    assert replace(workload(num_workers=2), batch_size=3).num_workers == 2
    assert not recwarn.list
    with pytest.raises(TypeError, match="unexpected keyword argument 'wrokers'"):
        workload(wrokers=2)


def test_whole_numbers_of_numpy_are_kept_as_pythons():
    made = workload(batch_size=np.int64(8), valid_batch_size=np.int32(4), num_workers=np.uint8(0))
    assert {type(n) for n in (made.batch_size, made.valid_batch_size, made.num_workers)} == {int}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"train_data": (X, Y[:5])}, r"tensors of train_data differ in length \(\[5, 30\]\)"),
        ({"valid_data": (X[:0], Y[:0])}, "valid_data is empty"),
        ({"train_data": []}, "train_data is empty"),
        ({"train_data": Endless()}, "train_data cannot be indexed; give a map-style Dataset"),
        ({"train_data": ((X[0], Y[0]), (X[1], Y[1]))}, "does not hold tensors alone"),
        ({"train_data": ()}, "does not hold tensors alone"),
        ({"goal": "good"}, "cannot be read"),
    ],
)
def test_data_or_a_goal_that_cannot_be_used(changes, said):
    with pytest.raises(UsageError, match=said):
        subject(**changes)


def test_an_optimizer_that_asks_for_the_model_makes_groups_of_its_parameters():
    def sgd(model, learning_rate):
        return torch.optim.SGD(
            [{"params": [model.weight], "weight_decay": 0.1}, {"params": [model.bias]}],
            lr=learning_rate,
        )

    made = subject(optimizer=sgd)
    assert made.facts().optimizers[0].rule == "linear"
    assert [g["weight_decay"] for g in made.optimizer.param_groups] == [0.1, 0]


def test_micro_batches_are_weighted_by_the_items_their_loss_is_the_mean_over():
    def loss(net, batch):
        x, y, kept = batch
        return ((net(x) - y).square().squeeze(1) * kept).sum() / kept.sum()

    kept = (torch.arange(N) % 3 == 0).float()
    kept[:12] = 1.0
    made = subject(
        train_data=(X, Y, kept), loss=loss, items=lambda batch: int(batch[2].sum()),
        metric=lambda net, batches: 0.0,
    )  # fmt: skip
    batch = (X, Y, kept)
    before = weights(made)
    whole = float(made.step(batch, N))
    expected = weights(made)
    made.start("SGD", None, 0)
    assert float(made.step(batch, 12)) == pytest.approx(whole)
    torch.testing.assert_close(weights(made), expected)
    assert not torch.equal(before, expected)


def masked(net, batch):
    """The mean over what counts; no number where nothing does."""
    x, y, kept = batch
    return ((net(x) - y).square().squeeze(1) * kept).sum() / kept.sum()


def masked_subject(kept):
    return subject(
        train_data=(X, Y, kept), loss=masked, items=lambda batch: batch[2].sum(),
        metric=lambda net, batches: 0.0,
    )  # fmt: skip


def test_a_micro_batch_in_which_nothing_counts_weighs_nothing():
    kept = (torch.arange(N) % 3 == 0).float()
    kept[10:20] = 0.0
    steps = []
    for micro in (N, 10):
        made = masked_subject(kept)
        loss = float(made.step((X, Y, kept), micro))
        steps.append((loss, *(p.grad for p in made.model.parameters())))
    torch.testing.assert_close(steps[1], steps[0])


def test_a_divided_batch_in_which_nothing_counts_teaches_nothing():
    kept = torch.zeros(N)
    made = masked_subject(kept)
    before = weights(made)
    assert float(made.step((X, Y, kept), 10)) == 0.0
    assert torch.equal(weights(made), before)


def test_a_micro_batch_in_which_nothing_counts_has_no_gradient_norm():
    kept = torch.ones(N)
    kept[10:20] = 0.0
    made, whole = masked_subject(kept), masked_subject(kept)
    small, large = made.sqr_norms((X, Y, kept), 10)
    norms = [whole.sqr_norms((X[part], Y[part], kept[part]), 10)[0] for part in (
        slice(0, 10), slice(20, 30)
    )]  # fmt: skip
    assert small == pytest.approx(sum(norms) / 3)
    assert 0 < large < small


def test_notes_are_told_with_the_facts():
    assert subject(notes=("It snows.",)).facts().notes == ("It snows.",)


def test_a_model_must_be_a_module():
    with pytest.raises(UsageError, match=r"must return a torch\.nn\.Module, not int"):
        TorchSubject(workload(model=lambda: 3), "mine", "cpu", 1, "", CpuDevice()).facts()


@pytest.mark.parametrize(
    ("device", "said"),
    [
        ("abacus", "no device 'abacus'; use cpu or cuda"),
        *([] if torch.cuda.is_available() else [("cuda", "no CUDA device")]),
        ("meta", "'meta' is not supported; use cpu or cuda"),
    ],
)
def test_a_device_that_is_not_there(device, said):
    with pytest.raises(UsageError, match=said):
        TorchSubject(workload(), "mine", device, 1, "", CpuDevice())
