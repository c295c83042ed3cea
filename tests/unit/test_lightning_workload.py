"""What a LightningModule, its data and its Trainer mean to a workload."""

import gc
import weakref
from itertools import islice

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, IterableDataset, TensorDataset, WeightedRandomSampler

import needs
import rightbatch.lightning
from rightbatch.errors import UsageError
from rightbatch.measure.devices.cpu import CpuDevice
from rightbatch.measure.frameworks.torch.subject import TorchSubject

lightning = needs.library("lightning")
torchmetrics = needs.library("torchmetrics")

N = 30
X = torch.linspace(-1, 1, N * 4).reshape(N, 4)
Y = X @ torch.tensor([[1.0], [-2.0], [0.5], [3.0]])
TRAIN = TensorDataset(X, Y)
VALID = TensorDataset(X[:8], Y[:8])
LOADER = DataLoader(TRAIN, batch_size=10, shuffle=True)


class Linear(lightning.LightningModule):
    """A regression whose optimizer is whatever `configure` makes of it."""

    configure = staticmethod(lambda module: torch.optim.SGD(module.parameters(), lr=0.1))

    def __init__(self):
        super().__init__()
        self.net = nn.Linear(4, 1)
        self.error = torchmetrics.MeanSquaredError()
        self.seen = torchmetrics.SumMetric()

    def training_step(self, batch, batch_idx):
        x, y = batch
        return nn.functional.mse_loss(self.net(x), y)

    def validation_step(self, batch, batch_idx):
        x, y = batch
        predicted = self.net(x)
        self.error(predicted, y)
        self.seen.update(len(x))
        self.log("error", self.error)
        self.log_dict({"mean": nn.functional.mse_loss(predicted, y), "seen": self.seen})
        self.log("examples", len(x), reduce_fx="sum")
        self.log("largest", predicted.max(), reduce_fx=torch.max)

    def on_validation_epoch_end(self):
        self.log("at_the_end", 7.0)

    def configure_optimizers(self):
        return self.configure(self)


def given(configure):
    """The module with another `configure_optimizers`."""
    return type("Given", (Linear,), {"configure": staticmethod(configure)})


def trainer(**options):
    return lightning.Trainer(accelerator="cpu", logger=False, enable_checkpointing=False, **options)


def workload(model=Linear, loader=None, **options):
    return rightbatch.lightning.workload(
        model,
        train_dataloaders=LOADER if loader is None else loader,
        val_dataloaders=DataLoader(VALID, batch_size=3),
        **({"goal": "error <= 0.01"} | options),
    )


def subject(goal="", **options):
    made = TorchSubject(workload(**options), "mine", "cpu", 1, goal, CpuDevice())
    made.start(made.facts().optimizers[0].name, None, 0)
    return made


def learning_rates(made, steps, batch_size=10):
    seen = []
    for batch in islice(made.batches(batch_size, 0), steps):
        seen.append(made.optimizer.param_groups[0]["lr"])
        made.step(batch, batch_size)
    return seen


def expected_error(made):
    with torch.no_grad():
        return float(nn.functional.mse_loss(made.model.net(X[:8]), Y[:8]))


@pytest.mark.parametrize("metric", ["error", "mean"])
def test_a_logged_metric_is_the_goals_over_all_validation_batches(metric):
    made = subject(f"{metric} <= 0.01")
    assert made.evaluate() == pytest.approx(expected_error(made), rel=1e-5)
    made.step(next(made.batches(10, 0)), 10)
    assert made.evaluate() == pytest.approx(expected_error(made), rel=1e-5)


@pytest.mark.parametrize(("metric", "value"), [("examples", 8), ("seen", 8), ("at_the_end", 7)])
def test_sums_and_what_is_logged_at_the_end(metric, value):
    made = subject(f"{metric} >= 1")
    assert made.evaluate() == value
    assert made.evaluate() == value


def test_the_greatest_of_all_batches():
    made = subject("largest >= 1")
    with torch.no_grad():
        assert made.evaluate() == pytest.approx(float(made.model.net(X[:8]).max()))


def test_a_goal_that_nothing_logs_names_what_is_logged():
    with pytest.raises(UsageError, match=r"names 'val_acc'.* returns at_the_end, error, example"):
        subject(goal="val_acc >= 0.9").evaluate()


def test_what_is_logged_on_steps_and_epochs_has_lightnings_name_for_epochs_too():
    class Both(Linear):
        def on_validation_epoch_end(self):
            pass

        def validation_step(self, batch, batch_idx):
            x, y = batch
            predicted = self.net(x)
            self.error(predicted, y)
            self.log("error", self.error, on_step=True, on_epoch=True)
            self.log("mean", nn.functional.mse_loss(predicted, y), on_step=True, on_epoch=True)
            self.log("alone", 1.0, on_epoch=True)

    for goal in ("error", "error_epoch", "mean", "mean_epoch"):
        made = subject(f"{goal} <= 0.01", model=Both)
        assert made.evaluate() == pytest.approx(expected_error(made), rel=1e-5)
    with pytest.raises(UsageError, match="returns alone, error, error_epoch, mean, mean_epoch"):
        subject("alone_epoch <= 1", model=Both).evaluate()


def test_a_module_that_logs_nothing_is_told_what_to_call():
    class Silent(Linear):
        def validation_step(self, batch, batch_idx):
            return self.training_step(batch, batch_idx)

        def on_validation_epoch_end(self):
            pass

    with pytest.raises(UsageError, match=r"Silent logs nothing in validation; .*self\.log\("):
        subject(model=Silent).evaluate()


def test_logging_while_training_costs_and_changes_nothing():
    class Talkative(Linear):
        def training_step(self, batch, batch_idx):
            loss = super().training_step(batch, batch_idx)
            self.seen.update(len(batch[0]))
            self.log("train_loss", loss, prog_bar=True)
            self.log("train_seen", self.seen)
            self.logger.log_metrics({"loss": loss.item()})
            self.logger.experiment.add_scalar("loss", loss)
            return loss

    made = subject("seen >= 1", model=Talkative)
    for batch in islice(made.batches(10, 0), 3):
        made.step(batch, 10)
    assert made.evaluate() == 8


def test_the_reference_is_what_loader_and_trainer_train_with():
    made = workload(trainer=trainer(accumulate_grad_batches=2, max_epochs=7))
    assert (made.batch_size, made.learning_rate, made.epochs) == (20, 0.1, 7)
    assert workload(trainer=trainer(max_steps=6)).epochs == 2
    short_last = DataLoader(TRAIN, batch_size=8, shuffle=True)
    assert workload(trainer=trainer(max_steps=6), loader=short_last).epochs == 1.5
    assert workload().epochs is None


def test_the_trainers_clipping_and_precision_are_taken_over():
    made = workload(trainer=trainer(gradient_clip_val=0.5, precision="bf16-mixed", max_epochs=1))
    assert (made.clip_norm, made.precision) == (0.5, "bf16")
    assert (workload().clip_norm, workload().precision) == (None, "fp32")


def test_the_optimizer_is_the_modules_own_at_any_learning_rate():
    def groups(module):
        return torch.optim.AdamW(
            [
                {"params": [module.net.weight], "lr": 0.2},
                {"params": [module.net.bias], "lr": 0.02, "weight_decay": 0.0},
            ],
            weight_decay=0.5,
        )

    made = subject(model=given(groups))
    (own, *_) = made.facts().optimizers
    assert (own.name, own.learning_rate, own.rule) == ("adamw", 0.2, "square_root")
    made.start("adamw", 0.4, 0)
    first, second = made.optimizer.param_groups
    assert (first["lr"], second["lr"]) == pytest.approx((0.4, 0.04))
    assert (first["weight_decay"], second["weight_decay"]) == (0.5, 0.0)


def scheduled(scheduler, **options):
    """The module with a scheduler, in the dict that Lightning takes."""

    def configure(module):
        optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
        told = {"scheduler": scheduler(optimizer, module), **options}
        return {"optimizer": optimizer, "lr_scheduler": told}

    return given(configure)


def halving(optimizer, module):
    return torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.5)


def one_cycle(optimizer, module):
    return torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=0.1, total_steps=module.trainer.estimated_stepping_batches
    )


def test_a_scheduler_of_epochs_keeps_to_them_at_any_batch_size():
    made = subject(model=scheduled(halving), trainer=trainer(max_epochs=3))
    expected = [0.1, 0.05, 0.025, 0.025]
    assert learning_rates(made, 10)[::3] == pytest.approx(expected)
    made.start("sgd", None, 0)
    assert learning_rates(made, 4, batch_size=30) == pytest.approx(expected)


def one_cycle_rates(steps):
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    reference = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, total_steps=steps)
    rates = [optimizer.param_groups[0]["lr"]]
    for _ in range(steps - 1):
        optimizer.step()
        reference.step()
        rates.append(optimizer.param_groups[0]["lr"])
    return rates


def test_a_scheduler_of_steps_is_stretched_over_the_same_epochs():
    model = scheduled(one_cycle, interval="step")
    made = subject(model=model, trainer=trainer(max_epochs=4))
    expected = one_cycle_rates(12)
    assert learning_rates(made, 12) == pytest.approx(expected)
    made.start("sgd", None, 0)
    assert learning_rates(made, 4, batch_size=30) == pytest.approx(expected[::3])


def test_a_scheduler_of_as_many_steps_as_the_trainers_ends_with_them():
    loader = DataLoader(TRAIN, batch_size=8, shuffle=True)
    model = scheduled(one_cycle, interval="step")
    made = subject(model=model, trainer=trainer(max_steps=11), loader=loader)
    assert learning_rates(made, 11, batch_size=8) == pytest.approx(one_cycle_rates(11))


def test_one_cycle_sets_the_rate_so_that_its_highest_is_what_is_told():
    def warmed(optimizer, module):
        return torch.optim.lr_scheduler.OneCycleLR(
            optimizer, max_lr=0.5, total_steps=12, pct_start=0.25
        )

    made = subject(model=scheduled(warmed, interval="step"), trainer=trainer(max_epochs=4))
    assert made.workload.learning_rate == 0.5
    (note,) = made.workload.notes
    assert note == "OneCycleLR sets the learning rate itself; learning rates here are its max_lr."
    assert max(learning_rates(made, 12)) == pytest.approx(0.5)
    made.start("sgd", 0.2, 0)
    rates = learning_rates(made, 12)
    assert (rates[0], max(rates)) == pytest.approx((0.2 / 25, 0.2))
    untold = workload(model=scheduled(warmed, interval="step"))
    assert untold.learning_rate == 0.5
    assert untold.notes[-1] == note


def test_a_cyclic_schedule_is_told_by_its_lowest_rate():
    def cyclic(optimizer, module):
        return torch.optim.lr_scheduler.CyclicLR(
            optimizer, base_lr=0.02, max_lr=0.06, step_size_up=2, cycle_momentum=False
        )

    made = subject(model=scheduled(cyclic, interval="step"), trainer=trainer(max_epochs=4))
    assert made.workload.learning_rate == 0.02
    assert made.workload.notes == (
        "CyclicLR sets the learning rate itself; learning rates here are its base_lr.",
    )
    assert learning_rates(made, 5) == pytest.approx([0.02, 0.04, 0.06, 0.04, 0.02])


def test_a_first_group_that_is_frozen_by_its_rate_is_passed_over():
    def frozen(module):
        groups = [{"params": [module.net.weight], "lr": 0.0}, {"params": [module.net.bias]}]
        return torch.optim.SGD(groups, lr=0.2)

    made = subject(model=given(frozen))
    assert made.facts().optimizers[0].learning_rate == 0.2
    made.start("sgd", 0.4, 0)
    assert [group["lr"] for group in made.optimizer.param_groups] == [0.0, 0.4]


def test_a_scheduler_that_watches_validation_is_left_out_and_said():
    def plateau(optimizer, module):
        return torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer)

    made = workload(model=scheduled(plateau, monitor="error"), trainer=trainer(max_epochs=2))
    assert made.schedule is None
    assert made.notes == ("ReduceLROnPlateau is ignored: it depends on validation results.",)


def test_a_scheduler_without_a_trainer_is_left_out_and_the_remedy_said():
    made = workload(model=scheduled(halving))
    assert made.schedule is None
    assert (
        "StepLR is ignored: its length is unknown; pass trainer=Trainer(max_epochs" in made.notes[0]
    )


def test_what_the_trainer_would_do_and_rightbatch_does_not_is_said():
    class Hooked(Linear):
        def on_train_batch_end(self, outputs, batch, batch_idx):
            raise AssertionError

        def optimizer_step(self, *args):
            raise AssertionError

    loader = DataLoader(TRAIN, batch_size=10, sampler=WeightedRandomSampler([1.0] * N, N),
                        drop_last=True)  # fmt: skip
    averaging = lightning.pytorch.callbacks.StochasticWeightAveraging(0.1)
    made = subject(
        model=Hooked, loader=loader,
        trainer=trainer(max_epochs=1, callbacks=[averaging], gradient_clip_val=1.0,
                        gradient_clip_algorithm="value"),
    )  # fmt: skip
    made.step(next(made.batches(10, 0)), 10)
    notes = " ".join(made.facts().notes)
    for said in (
        "clips them by value", "callbacks are ignored: StochasticWeightAveraging",
        "WeightedRandomSampler is ignored", "drop_last is ignored",
        "Hooked's on_train_batch_end, optimizer_step are ignored",
    ):  # fmt: skip
        assert said in notes


def test_a_plain_module_with_a_plain_trainer_needs_no_note():
    assert workload(trainer=trainer(max_epochs=1)).notes == ()


def test_hooks_of_the_module_and_the_datamodule_are_called():
    class Data(lightning.LightningDataModule):
        def prepare_data(self):
            self.prepared = True

        def setup(self, stage):
            assert self.prepared
            assert stage == "fit"
            self.train = TRAIN

        def train_dataloader(self):
            return DataLoader(self.train, batch_size=5)

        def val_dataloader(self):
            return [DataLoader(VALID, batch_size=8)]

        def on_after_batch_transfer(self, batch, dataloader_idx):
            x, y = batch
            return (x * 0, y) if self.trainer.validating else batch

    class Module(Linear):
        def configure_model(self):
            self.net = nn.Linear(4, 1, bias=False)

    made = TorchSubject(
        rightbatch.lightning.workload(Module, Data(), goal="error <= 1"),
        "mine", "cpu", 1, "", CpuDevice(),
    )  # fmt: skip
    assert made.facts().parameters == 4
    made.start("sgd", None, 0)
    assert made.evaluate() == pytest.approx(float(Y[:8].square().mean()))
    assert float(made.step((X, Y), N)) != pytest.approx(float(Y.square().mean()))


def test_the_module_that_was_looked_at_takes_no_memory():
    made = []

    class Watched(scheduled(halving)):
        def __init__(self):
            super().__init__()
            made.append(weakref.ref(self))

    kept = workload(model=Watched, trainer=trainer(max_epochs=2))
    gc.collect()
    assert kept.schedule is not None
    assert [module() for module in made] == [None]


def test_fields_of_a_workload_can_be_added_and_replaced():
    made = workload(batch_size=8, name="mine", num_workers=1)
    assert (made.batch_size, made.name, made.num_workers) == (8, "mine", 1)


class Endless(IterableDataset):
    def __iter__(self):
        yield from zip(X, Y, strict=True)


class Manual(Linear):
    def __init__(self):
        super().__init__()
        self.automatic_optimization = False


class Mute(Linear):
    validation_step = lightning.LightningModule.validation_step


class Lossless(Linear):
    def training_step(self, batch, batch_idx):
        return None


def two(module):
    return [torch.optim.SGD([p], lr=0.1) for p in module.parameters()]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"model": Manual}, "Manual optimizes manually.*let training_step return the loss"),
        ({"model": given(two)}, "configure_optimizers returns 2 optimizers"),
        ({"model": given(lambda module: None)}, "configure_optimizers returns no optimizer"),
        (
            {"model": given(lambda module: torch.optim.SGD(module.parameters(), lr=0.0))},
            "Every learning rate of the SGD is 0",
        ),
        ({"model": Mute}, "Mute has no validation_step"),
        ({"model": Linear()}, "must be a function that makes .*, not Linear"),
        ({"model": lambda: nn.Linear(4, 1)}, "model must make a LightningModule, not Linear"),
        ({"model": scheduled(one_cycle)}, "uses 'estimated_stepping_batches' of its Trainer"),
        (
            {"loader": DataLoader(Endless(), batch_size=5)},
            "training data set must be a map-style Dataset, .*, not Endless",
        ),
        (
            {"loader": [DataLoader(TRAIN), DataLoader(TRAIN)]},
            "training loader must be a single torch DataLoader, .*, not list",
        ),
        (
            {"loader": DataLoader(TRAIN, batch_sampler=[[0, 1], [2, 3]])},
            "from list, without a batch_size",
        ),
        ({"trainer": trainer(precision="64-true")}, "precision '64-true' is not supported"),
    ],
)
def test_what_cannot_be_measured_is_said_in_a_sentence(options, said):
    with pytest.raises(UsageError, match=said):
        workload(**options)


def test_a_training_step_without_a_loss_is_told():
    made = subject(model=Lossless)
    with pytest.raises(UsageError, match=r"Lossless.training_step returns no loss"):
        made.step(next(made.batches(10, 0)), 10)


def test_a_class_of_data_is_refused():
    with pytest.raises(
        UsageError, match=r"the class LightningDataModule; give an instance: .*Module\(\)"
    ):
        rightbatch.lightning.workload(Linear, lightning.LightningDataModule, goal="error <= 1")


def test_lazy_layers_are_told():
    class Lazy(Linear):
        def __init__(self):
            super().__init__()
            self.net = nn.LazyLinear(1)

    with pytest.raises(UsageError, match=r"has lazy layers.*; run a batch through it"):
        subject(model=Lazy)


def test_data_must_come_from_somewhere():
    with pytest.raises(UsageError, match="Linear has no train_dataloader; give the workload a"):
        rightbatch.lightning.workload(Linear, goal="error <= 1")
