"""A Transformers Trainer as a PyTorch workload."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau
from transformers import EvalPrediction, Trainer
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
from transformers.trainer_pt_utils import EvalLoopContainer

from rightbatch.errors import UsageError
from rightbatch.measure.frameworks.torch import data, rates
from rightbatch.measure.frameworks.torch.loaders import read_loader
from rightbatch.measure.frameworks.torch.workload import Workload
from rightbatch.measure.frameworks.transformers import arguments


def make_workload(trainer: Any, goal: str, fields: dict[str, Any]) -> Workload:
    """The workload of a Trainer; for the arguments see `rightbatch.transformers.workload`."""
    _check(trainer)
    args = trainer.args
    train = read_loader(trainer.get_train_dataloader(), "training")
    valid = read_loader(trainer.get_eval_dataloader(), "evaluation")
    epochs = arguments.epochs(args, len(train.dataset))
    name, rate, untold = _optimizer(trainer)
    schedule, unscheduled = _schedule(trainer, epochs, len(train.dataset))
    steps = Steps(trainer)
    steps.forget_model()

    def optimizer(model: torch.nn.Module, learning_rate: float) -> torch.optim.Optimizer:
        trainer.model, trainer.optimizer = model, None
        return rates.set_learning_rate(trainer.create_optimizer(), learning_rate)

    optimizer.__name__ = name
    own_fields: dict[str, Any] = {
        "batch_size": arguments.batch_size(args),
        "learning_rate": rate,
        "optimizer": optimizer,
        "schedule": schedule,
        "epochs": epochs,
        "clip_norm": args.max_grad_norm or None,
        "precision": arguments.precision(args),
        "collate": train.collate,
        "num_workers": train.num_workers,
        "valid_batch_size": valid.batch_size,
        "length": _length(train.dataset),
        "items": steps.items,
        "names": arguments.names(args, rate_among_them=not untold),
        "notes": (*train.notes, *untold, *unscheduled, *_left_out(trainer)),
    }
    return Workload(
        model=steps.model,
        train_data=train.dataset,
        valid_data=valid.dataset,
        loss=steps.loss,
        metric=steps.metrics,
        goal=goal,
        **(own_fields | fields),
    )


class Steps:
    """The model, the loss and the metrics of a Trainer, by its own methods."""

    def __init__(self, trainer: Any) -> None:
        self._trainer = trainer
        name = type(trainer.model).__name__
        self._shifts = name in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.values()

    def forget_model(self) -> None:
        """Let go of the model that the Trainer made for itself."""
        trainer = self._trainer
        trainer.model = trainer.model_wrapped = trainer.optimizer = None
        trainer.callback_handler.model = None

    def model(self) -> torch.nn.Module:
        """A fresh model, as the Trainer begins to train it."""
        args = self._trainer.args
        self.forget_model()
        model: Any = self._trainer.call_model_init()
        if args.gradient_checkpointing:
            model.gradient_checkpointing_enable(args.gradient_checkpointing_kwargs)
        if getattr(model, "config", None) is not None:
            model.config.use_cache = args.use_cache
        self._trainer.model = self._trainer.model_wrapped = model
        return model  # type: ignore[no-any-return]

    def loss(self, model: torch.nn.Module, batch: Mapping[str, Any]) -> torch.Tensor:
        """The mean loss over a batch."""
        return self._trainer.compute_loss(model, dict(batch))  # type: ignore[no-any-return]

    def items(self, batch: Mapping[str, Any]) -> int:
        """How many labels the loss is the mean over; a causal model predicts all but the first."""
        labels = batch.get("labels")
        if not isinstance(labels, torch.Tensor):
            return data.size(batch)
        return int((labels[..., 1:] if self._shifts else labels).ne(-100).sum())

    def metrics(self, model: torch.nn.Module, batches: list[Any]) -> dict[str, float]:
        """What the Trainer's evaluation reports, by its names: eval_loss, eval_..."""
        trainer, compute = self._trainer, self._trainer.compute_metrics
        kept = EvalLoopContainer(trainer.args.eval_do_concat_batches, padding_index=-100)
        labels = EvalLoopContainer(trainer.args.eval_do_concat_batches, padding_index=-100)
        total, count = 0.0, 0
        for batch in batches:
            loss, predicted, wanted = trainer.prediction_step(
                model, dict(batch), prediction_loss_only=compute is None
            )
            if loss is not None:
                total, count = total + float(loss) * data.size(batch), count + data.size(batch)
            if predicted is not None:
                if trainer.preprocess_logits_for_metrics is not None:
                    predicted = trainer.preprocess_logits_for_metrics(predicted, wanted)
                kept.add(predicted)
            if wanted is not None:
                labels.add(wanted)
        told = {"loss": total / count} if count else {}
        predictions, label_ids = kept.get_arrays(), labels.get_arrays()
        if compute is not None and predictions is not None and label_ids is not None:
            told |= compute(EvalPrediction(predictions=predictions, label_ids=label_ids))
        return {name if name.startswith("eval_") else f"eval_{name}": told[name] for name in told}


def _check(trainer: Any) -> None:
    """Refuse what a batch size cannot be found for.

    Raises:
        UsageError: It is no Trainer, or one that cannot start afresh or evaluate as asked.
    """
    if not isinstance(trainer, Trainer):
        raise UsageError(f"A {type(trainer).__name__} was given; give a transformers.Trainer.")
    name, args = type(trainer).__name__, trainer.args
    if trainer.model_init is None:
        raise UsageError(
            f"The {name} has a model; give it model_init=..., the function that makes one, so that "
            "every run starts from a fresh model."
        )
    if trainer.train_dataset is None or trainer.eval_dataset is None:
        raise UsageError(f"The {name} needs a train_dataset and an eval_dataset.")
    if isinstance(trainer.eval_dataset, dict):
        raise UsageError(f"The {name} has several eval_datasets; give it the one of the goal.")
    if args.batch_eval_metrics or args.include_for_metrics:
        raise UsageError(
            "TrainingArguments ask for batch_eval_metrics or include_for_metrics; rightbatch calls "
            "compute_metrics once, with predictions and labels: leave them out."
        )
    if args.deepspeed or args.fsdp:
        raise UsageError(
            "TrainingArguments ask for DeepSpeed or FSDP, which share a model between devices; "
            "rightbatch measures on one: leave them out."
        )


def _optimizer(trainer: Any) -> tuple[str, float, tuple[str, ...]]:
    """Name and learning rate of the Trainer's optimizer; a note where no argument tells them."""
    args = trainer.args
    told = arguments.optimizer_name(args), args.learning_rate, ()
    own = type(trainer).create_optimizer is not Trainer.create_optimizer
    if trainer.optimizer_cls_and_kwargs is None and not own:
        return told
    made = trainer.create_optimizer()
    trainer.optimizer = None
    rate = rates.learning_rate(made)
    if own and rate == args.learning_rate:  # groups of the user's own, at the arguments' rate
        return told
    place = f"{type(trainer).__name__}.create_optimizer" if own else "optimizer_cls_and_kwargs"
    note = f"The learning rate is to be set in {place}, not in the TrainingArguments."
    return type(made).__name__.lower(), rate, (note,)


def _schedule(
    trainer: Any, epochs: float, examples: int
) -> tuple[Callable[[int, int], float] | None, tuple[str, ...]]:
    """The Trainer's schedule over the same epochs at any batch size, or why there is none."""
    if trainer.args.lr_scheduler_type == "constant":
        return None, ()
    steps = max(1, round(epochs * -(-examples // arguments.batch_size(trainer.args))))
    optimizer = trainer.create_optimizer()
    scheduler = trainer.create_scheduler(num_training_steps=steps, optimizer=optimizer)
    trainer.lr_scheduler = None
    if isinstance(scheduler, ReduceLROnPlateau) or not isinstance(scheduler, LRScheduler):
        name = type(scheduler).__name__
        return None, (f"{name} is left out: it depends on how training goes.",)
    return rates.stretched(rates.Factors(scheduler, optimizer, steps), steps), ()


def _length(dataset: Any) -> Callable[[Any], int] | None:
    """(example) -> number of its tokens, where examples have any."""
    example = dataset[0]
    if isinstance(example, Mapping) and "input_ids" in example:
        return lambda example: len(example["input_ids"])
    return None


def _left_out(trainer: Any) -> tuple[str, ...]:
    """What the Trainer does and rightbatch does not, one sentence each."""
    told, args = [], trainer.args
    if others := [
        type(callback).__name__
        for callback in trainer.callback_handler.callbacks
        if not type(callback).__module__.startswith("transformers.")
    ]:
        told.append(f"The Trainer's callbacks are left out: {', '.join(others)}.")
    if type(trainer).training_step is not Trainer.training_step:
        told.append(f"{type(trainer).__name__}'s training_step is left out, but for compute_loss.")
    told += [
        f"The TrainingArguments' {name} is left out."
        for name in ("torch_compile", "neftune_noise_alpha")
        if getattr(args, name)
    ]
    return tuple(told)
