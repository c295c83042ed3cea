"""What a Transformers Trainer means to a workload, and what advice means to its arguments."""

import dataclasses
import gc
import weakref
from itertools import islice

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import IterableDataset

import needs
import rightbatch.transformers
from rightbatch.errors import UsageError
from rightbatch.measure.devices.cpu import CpuDevice
from rightbatch.measure.frameworks.torch.subject import TorchSubject
from rightbatch.measure.frameworks.transformers.arguments import precision
from rightbatch.records import Advice, Choice, Fits, Remark, Remarks

transformers = needs.library("transformers")

SENTENCES = [
    "no such file or directory", "permission denied", "the file exists", "out of memory",
    "is a directory", "not a directory", "too many open files", "the file is too large",
    "no space left on this device", "broken pipe", "result too large", "resource busy",
]  # fmt: skip
WORDS = sorted({word for sentence in SENTENCES for word in sentence.split()})


def row(sentence):
    ids = [1 + WORDS.index(word) for word in sentence.split()]
    return {"input_ids": ids, "labels": int("file" in sentence)}


ROWS = [row(sentence) for sentence in SENTENCES]


def collate(rows):
    """Sentences padded to the longest in the batch, as a tokenizer would."""
    longest = max(len(row["input_ids"]) for row in rows)
    ids = [row["input_ids"] + [0] * (longest - len(row["input_ids"])) for row in rows]
    return {
        "input_ids": torch.tensor(ids),
        "attention_mask": (torch.tensor(ids) > 0).long(),
        "labels": torch.tensor([row["labels"] for row in rows]),
    }


def classifier():
    config = transformers.BertConfig(
        vocab_size=len(WORDS) + 1, hidden_size=8, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=16, max_position_embeddings=16, num_labels=2,
    )  # fmt: skip
    return transformers.BertForSequenceClassification(config)


def writer():
    """A causal language model without dropout."""
    config = transformers.GPT2Config(
        vocab_size=len(WORDS) + 1, n_positions=16, n_embd=8, n_layer=1, n_head=2,
        resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, bos_token_id=0, eos_token_id=0,
    )  # fmt: skip
    return transformers.GPT2LMHeadModel(config)


def write(rows):
    batch = collate(rows)
    batch["labels"] = batch["input_ids"].where(batch["attention_mask"] == 1, -100)
    return batch


def accuracy(prediction):
    return {"accuracy": (prediction.predictions.argmax(-1) == prediction.label_ids).mean()}


@pytest.fixture
def arguments(tmp_path):
    def make(**options):
        plain = {
            "output_dir": str(tmp_path), "use_cpu": True, "report_to": "none",
            "per_device_train_batch_size": 4, "learning_rate": 1e-2,
            "per_device_eval_batch_size": 5,
        }  # fmt: skip
        return transformers.TrainingArguments(**(plain | options))

    return make


@pytest.fixture
def workload(arguments):
    def make(kind=None, trainer=None, goal="eval_accuracy >= 0.9", **options):
        plain = {
            "model_init": classifier, "train_dataset": ROWS, "eval_dataset": ROWS,
            "data_collator": collate, "compute_metrics": accuracy,
        }  # fmt: skip
        made = (kind or transformers.Trainer)(
            args=arguments(**options), **(plain | (trainer or {}))
        )
        return rightbatch.transformers.workload(made, goal=goal)

    return make


@pytest.fixture
def subject(workload):
    def make(goal="", **options):
        made = TorchSubject(workload(**options), "mine", "cpu", 1, goal, CpuDevice())
        made.start(made.facts().optimizers[0].name, None, 0)
        return made

    return make


def test_the_reference_is_what_the_arguments_train_with(workload):
    made = workload(gradient_accumulation_steps=3, num_train_epochs=5, max_grad_norm=0.5)
    assert (made.batch_size, made.learning_rate, made.epochs) == (12, 1e-2, 5)
    assert (made.clip_norm, made.precision, made.valid_batch_size) == (0.5, "fp32", 5)
    assert made.notes == ()
    assert [name for name, _ in made.names] == [
        "per_device_train_batch_size", "gradient_accumulation_steps", "learning_rate",
    ]  # fmt: skip
    steps = workload(max_steps=6, bf16=True, max_grad_norm=0.0)
    assert (steps.epochs, steps.clip_norm, steps.precision) == (2, None, "bf16")
    short_last = workload(max_steps=6, per_device_train_batch_size=8)
    assert short_last.epochs == 3


def test_the_optimizer_is_the_trainers_with_its_groups_at_any_learning_rate(subject):
    made = subject(weight_decay=0.1)
    (own, *_) = made.facts().optimizers
    assert (own.name, own.learning_rate, own.rule) == ("adamw_torch_fused", 1e-2, "square_root")
    made.start(own.name, 0.5, 0)
    assert isinstance(made.optimizer, torch.optim.AdamW)
    decayed, others = made.optimizer.param_groups
    assert (decayed["lr"], others["lr"]) == (0.5, 0.5)
    assert (decayed["weight_decay"], others["weight_decay"]) == (0.1, 0.0)
    own_parameters = dict(made.model.named_parameters())
    assert any(p is own_parameters["classifier.weight"] for p in decayed["params"])
    assert any(p is own_parameters["classifier.bias"] for p in others["params"])


def test_an_optimizer_that_no_argument_tells_goes_by_its_class_and_its_own_rate(subject):
    class Own(transformers.Trainer):
        def create_optimizer(self, model=None):
            self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.3)
            return self.optimizer

    given = {"optimizer_cls_and_kwargs": (torch.optim.SGD, {"lr": 0.3})}
    for options, place in (
        ({"trainer": given}, "optimizer_cls_and_kwargs"),
        ({"kind": Own}, "Own.create_optimizer"),
    ):
        made = subject(**options, max_grad_norm=0.0, lr_scheduler_type="constant")
        (own, *_) = made.facts().optimizers
        assert (own.name, own.learning_rate, own.rule) == ("sgd", 0.3, "linear")
        made.start("sgd", 0.6, 0)
        assert {group["lr"] for group in made.optimizer.param_groups} == {0.6}
        assert made.workload.notes == (
            f"Set the learning rate in {place}, not in the TrainingArguments.",
        )
        assert "learning_rate" not in dict(made.workload.names)


def test_groups_of_the_users_own_at_the_arguments_rate_are_the_arguments_optimizer(workload):
    class Own(transformers.Trainer):
        def create_optimizer(self, model=None):
            self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=self.args.learning_rate)
            return self.optimizer

    made = workload(kind=Own)
    assert (made.optimizer.__name__, made.learning_rate) == ("adamw_torch_fused", 1e-2)
    assert made.notes == ()


def test_the_schedule_is_the_trainers_over_the_same_epochs(subject):
    made = subject(num_train_epochs=4, warmup_steps=0.25, max_grad_norm=0.0)

    def rates(batch_size, steps):
        made.start("adamw_torch_fused", None, 0)
        seen = []
        for batch in islice(made.batches(batch_size, 0), steps):
            seen.append(made.optimizer.param_groups[0]["lr"])
            made.step(batch, batch_size)
        return seen

    reference = [0, 1 / 3, 2 / 3, 1, *(1 - i / 9 for i in range(1, 9))]
    assert rates(4, 12) == pytest.approx([1e-2 * factor for factor in reference])
    assert rates(12, 4) == pytest.approx([1e-2 * factor for factor in reference[::3]])


def test_a_constant_schedule_is_none(workload):
    assert workload(lr_scheduler_type="constant").schedule is None


def test_a_scheduler_that_watches_evaluation_is_left_out_and_said(workload):
    made = workload(
        lr_scheduler_type="reduce_lr_on_plateau", eval_strategy="epoch", save_strategy="no"
    )
    assert made.schedule is None
    assert made.notes == ("ReduceLROnPlateau is ignored: it depends on training results.",)


def test_evaluation_reports_what_the_trainers_own_does(subject, arguments):
    made = subject(per_device_eval_batch_size=4)
    judge = transformers.Trainer(
        made.model, arguments(per_device_eval_batch_size=4), collate, eval_dataset=ROWS,
        compute_metrics=accuracy,
    )  # fmt: skip
    expected = judge.evaluate()
    assert made.evaluate() == pytest.approx(expected["eval_accuracy"])
    loss = subject("eval_loss <= 1", per_device_eval_batch_size=4)
    assert loss.evaluate() == pytest.approx(
        transformers.Trainer(
            loss.model, arguments(per_device_eval_batch_size=4), collate, eval_dataset=ROWS
        ).evaluate()["eval_loss"]
    )


def test_a_goal_that_evaluation_does_not_report_names_what_it_does(subject):
    with pytest.raises(UsageError, match="but validation returns eval_accuracy, eval_loss"):
        subject("accuracy >= 0.9").evaluate()


def test_logits_are_preprocessed_as_the_trainer_would(subject):
    def share(prediction):
        return {"ones": prediction.predictions.mean()}

    options = {
        "compute_metrics": share,
        "preprocess_logits_for_metrics": lambda logits, labels: torch.ones(len(logits)),
    }
    assert subject("eval_ones >= 1", trainer=options).evaluate() == 1


def test_memory_is_measured_on_the_longest_sentences(subject):
    (batch, *_) = subject().hard_batches(2, 1)
    assert batch["input_ids"].shape == (2, 6)
    lengths = batch["attention_mask"].sum(1).tolist()
    assert sorted(lengths) == sorted(len(r["input_ids"]) for r in ROWS)[-2:]


def test_accumulated_micro_batches_of_a_language_model_weigh_tokens_alike(subject):
    made = subject(
        goal="eval_loss <= 1", optim="sgd", max_grad_norm=0.0, lr_scheduler_type="constant",
        trainer={"model_init": writer, "data_collator": write, "compute_metrics": None},
    )  # fmt: skip

    def trained(micro):
        made.start("sgd", 0.1, 0)
        batch = next(made.batches(12, 0))
        loss = float(made.step(batch, micro))
        return loss, torch.cat([p.detach().flatten().clone() for p in made.model.parameters()])

    whole, expected = trained(12)
    loss, weights = trained(5)
    assert loss == pytest.approx(whole, rel=1e-5)
    torch.testing.assert_close(weights, expected, rtol=1e-4, atol=1e-6)


def test_the_model_that_the_trainer_made_for_itself_takes_no_memory(workload):
    made = []

    def watched():
        model = classifier()
        made.append(weakref.ref(model))
        return model

    kept = workload(trainer={"model_init": watched})
    gc.collect()
    assert kept.schedule is not None
    assert [model() for model in made] == [None]


def test_a_trainers_own_loss_is_used(subject):
    class Doubled(transformers.Trainer):
        def compute_loss(self, *args, **kwargs):
            return 2 * super().compute_loss(*args, **kwargs)

    written = {"model_init": writer, "data_collator": write, "compute_metrics": None}
    plain, doubled = subject(trainer=written), subject(kind=Doubled, trainer=written)
    losses = [float(made.step(next(made.batches(12, 0)), 12)) for made in (plain, doubled)]
    assert losses[1] == pytest.approx(2 * losses[0])


def test_what_the_trainer_would_do_and_rightbatch_does_not_is_said(workload):
    class Own(transformers.Trainer):
        def training_step(self, *args, **kwargs):
            raise AssertionError

    class Stopper(transformers.TrainerCallback):
        pass

    made = workload(
        kind=Own, trainer={"callbacks": [Stopper()]}, neftune_noise_alpha=5.0,
        dataloader_drop_last=True, train_sampling_strategy="group_by_length",
    )  # fmt: skip
    notes = " ".join(made.notes)
    for said in (
        "callbacks are ignored: Stopper", "Own's training_step is ignored",
        "neftune_noise_alpha is ignored", "LengthGroupedSampler is ignored",
        "drop_last is ignored",
    ):  # fmt: skip
        assert said in notes


class Endless(IterableDataset):
    def __iter__(self):
        yield from ROWS


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"trainer": {"model_init": None, "model": nn.Linear(1, 1)}}, "give it model_init=..."),
        (
            {"trainer": {"eval_dataset": None}},
            "lacks a data set; give it train_dataset and eval_dataset",
        ),
        ({"trainer": {"eval_dataset": {"a": ROWS, "b": ROWS}}}, "several eval_datasets"),
        (
            {"trainer": {"train_dataset": Endless()}, "max_steps": 5},
            "training data set must be a map-style Dataset, .*, not Endless",
        ),
        ({"include_for_metrics": ["inputs"]}, "include_for_metrics, but rightbatch calls"),
    ],
)
def test_what_cannot_be_measured_is_said_in_a_sentence(workload, options, said):
    with pytest.raises(UsageError, match=said):
        workload(**options)


def test_half_precision_with_loss_scaling_is_refused(arguments):
    args = arguments()
    args.fp16 = True  # a machine without a GPU would not let it be asked for
    with pytest.raises(UsageError, match="fp16, which is not supported; set bf16"):
        precision(args)


def test_a_trainer_must_be_one():
    with pytest.raises(UsageError, match=r"must be a transformers\.Trainer, not list"):
        rightbatch.transformers.workload([], goal="eval_loss <= 1")


def advice(**changes):
    choice = Choice("adamw_torch_fused", 48, 3e-2, 16, 3, 1)
    given = Advice(
        study="mine-1", goal="eval_accuracy >= 0.9", objective="time", recommended=choice,
        reference=None, near_optimal=(48,), binding_constraint="none",
        remarks=Remarks(Remark.of("no_recommendation")), fits=Fits(),
    )  # fmt: skip
    return dataclasses.replace(given, **changes)


def test_a_recommendation_becomes_training_arguments(arguments):
    args = arguments(max_steps=100, warmup_steps=12, weight_decay=0.1)
    new = rightbatch.transformers.training_arguments(advice(), args)
    assert isinstance(new, transformers.TrainingArguments)
    assert (new.per_device_train_batch_size, new.gradient_accumulation_steps) == (16, 3)
    assert (new.learning_rate, new.max_steps, new.warmup_steps) == (3e-2, 9, 1)
    assert (new.weight_decay, new.output_dir) == (0.1, args.output_dir)
    assert (args.per_device_train_batch_size, args.learning_rate, args.max_steps) == (4, 1e-2, 100)


def test_epochs_and_a_share_of_warm_up_stay_as_they_are(arguments):
    args = arguments(num_train_epochs=7, warmup_steps=0.1)
    new = rightbatch.transformers.training_arguments(advice(), args)
    assert (new.num_train_epochs, new.warmup_steps, new.max_steps) == (7, 0.1, -1)


def test_a_batch_is_shared_between_devices(arguments, monkeypatch):
    monkeypatch.setattr(transformers.TrainingArguments, "world_size", 2)
    new = rightbatch.transformers.training_arguments(advice(), arguments())
    assert (new.per_device_train_batch_size, new.gradient_accumulation_steps) == (12, 2)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"recommended": None}, "mine-1 has no recommendation yet; give it a larger budget"),
        (
            {"recommended": Choice("sgd", 8, 0.1, 8, 1, 1)},
            "optimizer is sgd, but the TrainingArguments set",
        ),
        (
            {"recommended": Choice("sgd", 8, 0.1, 8, 1, 1)},
            "learning rate 0.1, micro-batch 8 and 1 ",
        ),
    ],
)
def test_advice_that_cannot_be_put_into_arguments(arguments, changes, said):
    with pytest.raises(UsageError, match=said):
        rightbatch.transformers.training_arguments(advice(**changes), arguments())


def test_advice_trains_in_a_trainer(arguments):
    args = rightbatch.transformers.training_arguments(advice(), arguments(max_steps=24))
    trainer = transformers.Trainer(
        classifier(), args, collate, train_dataset=ROWS * 4, eval_dataset=ROWS
    )
    before = trainer.evaluate()["eval_loss"]
    trainer.train()
    assert trainer.state.global_step == 2
    assert np.isfinite(before)
    assert trainer.evaluate()["eval_loss"] != before
