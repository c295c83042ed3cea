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
    name, rate, rate_notes = _optimizer(trainer)
    schedule, unscheduled = _schedule(trainer, epochs, len(train.dataset))
    steps = Steps(trainer)
    steps.forget_model()
    own_fields: dict[str, Any] = {
        "batch_size": arguments.batch_size(args),
        "learning_rate": rate,
        "optimizer": rates.factory(name, steps.optimizer),
        "schedule": schedule,
        "epochs": epochs,
        "clip_norm": args.max_grad_norm or None,
        "precision": arguments.precision(args),
        "collate": train.collate,
        "num_workers": train.num_workers,
        "valid_batch_size": valid.batch_size,
        "length": _length(train.dataset),
        "items": steps.items,
        "names": arguments.names(args, rate_among_them=not rate_notes),
        "notes": (*train.notes, *rate_notes, *unscheduled, *_ignored(trainer)),
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
    """The model, optimizer, loss and metrics of a Trainer, from its own methods."""

    def __init__(self, trainer: Any) -> None:
        self._trainer = trainer
        self._shifts = type(trainer.model).__name__ in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.values()

    def forget_model(self) -> None:
        """Release the Trainer's own model."""
        trainer = self._trainer
        trainer.model = trainer.model_wrapped = trainer.optimizer = None
        trainer.callback_handler.model = None

    def model(self) -> torch.nn.Module:
        """A fresh model, as the Trainer would train it."""
        args = self._trainer.args
        self.forget_model()
        model: Any = self._trainer.call_model_init()
        if args.gradient_checkpointing:
            model.gradient_checkpointing_enable(args.gradient_checkpointing_kwargs)
        if getattr(model, "config", None) is not None:
            model.config.use_cache = args.use_cache
        self._trainer.model = self._trainer.model_wrapped = model
        return model  # type: ignore[no-any-return]

    def optimizer(self, model: torch.nn.Module) -> torch.optim.Optimizer:
        """The Trainer's optimizer for a model."""
        self._trainer.model, self._trainer.optimizer = model, None
        return self._trainer.create_optimizer()  # type: ignore[no-any-return]

    def loss(self, model: torch.nn.Module, batch: Mapping[str, Any]) -> torch.Tensor:
        """The mean loss over a batch."""
        return self._trainer.compute_loss(model, dict(batch))  # type: ignore[no-any-return]

    def items(self, batch: Mapping[str, Any]) -> int:
        """Number of labels that the loss averages over; a causal model skips the first of each."""
        labels = batch.get("labels")
        if not isinstance(labels, torch.Tensor):
            return data.size(batch)
        return int((labels[..., 1:] if self._shifts else labels).ne(-100).sum())

    def metrics(self, model: torch.nn.Module, batches: list[Any]) -> dict[str, float]:
        """The metrics of the Trainer's evaluation by name: eval_loss, eval_..."""
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
        values = {"loss": total / count} if count else {}
        predictions, label_ids = kept.get_arrays(), labels.get_arrays()
        if compute is not None and predictions is not None and label_ids is not None:
            values |= compute(EvalPrediction(predictions=predictions, label_ids=label_ids))
        return {f"eval_{name.removeprefix('eval_')}": value for name, value in values.items()}


def _check(trainer: Any) -> None:
    """Refuse a Trainer that cannot be measured.

    Raises:
        UsageError: It is no Trainer, or one that cannot start afresh or evaluate in batches.
    """
    if not isinstance(trainer, Trainer):
        raise UsageError(f"trainer must be a transformers.Trainer, not {type(trainer).__name__}.")
    name, args = type(trainer).__name__, trainer.args
    if trainer.model_init is None:
        raise UsageError(
            f"The {name} was made with a model; give it model_init=..., a function that makes one, "
            "so that every run starts from a fresh model."
        )
    if trainer.train_dataset is None or trainer.eval_dataset is None:
        raise UsageError(f"The {name} lacks a data set; give it train_dataset and eval_dataset.")
    if isinstance(trainer.eval_dataset, dict):
        raise UsageError(f"The {name} has several eval_datasets; give it only the goal's.")
    if args.batch_eval_metrics or args.include_for_metrics:
        raise UsageError(
            "TrainingArguments set batch_eval_metrics or include_for_metrics, but rightbatch calls "
            "compute_metrics once, with predictions and labels; leave them out."
        )
    if args.deepspeed or args.fsdp:
        raise UsageError(
            "TrainingArguments set DeepSpeed or FSDP, which shard a model over devices, but "
            "rightbatch measures on one; leave them out."
        )


def _optimizer(trainer: Any) -> tuple[str, float, tuple[str, ...]]:
    """Name and learning rate of the Trainer's optimizer; a note where no argument holds them."""
    args = trainer.args
    from_arguments = arguments.optimizer_name(args), args.learning_rate, ()
    own = type(trainer).create_optimizer is not Trainer.create_optimizer
    if trainer.optimizer_cls_and_kwargs is None and not own:
        return from_arguments
    made = trainer.create_optimizer()
    trainer.optimizer = None
    rate = rates.learning_rate(made)
    if own and rate == args.learning_rate:  # the user's parameter groups, at the arguments' rate
        return from_arguments
    place = f"{type(trainer).__name__}.create_optimizer" if own else "optimizer_cls_and_kwargs"
    note = f"Set the learning rate in {place}, not in the TrainingArguments."
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
        return None, (f"{type(scheduler).__name__} is ignored: it depends on training results.",)
    return rates.stretched(rates.Factors(scheduler, optimizer, steps), steps), ()


def _length(dataset: Any) -> Callable[[Any], int] | None:
    """(example) -> number of tokens; None where examples have none."""
    example = dataset[0]
    if isinstance(example, Mapping) and "input_ids" in example:
        return lambda example: len(example["input_ids"])
    return None


def _ignored(trainer: Any) -> tuple[str, ...]:
    """Settings of the Trainer that are ignored, one sentence each."""
    notes = []
    if others := [
        type(callback).__name__
        for callback in trainer.callback_handler.callbacks
        if not type(callback).__module__.startswith("transformers.")
    ]:
        notes.append(f"The Trainer's callbacks are ignored: {', '.join(others)}.")
    if type(trainer).training_step is not Trainer.training_step:
        notes.append(f"{type(trainer).__name__}'s training_step is ignored, except compute_loss.")
    notes += [
        f"The TrainingArguments' {name} is ignored."
        for name in ("torch_compile", "neftune_noise_alpha")
        if getattr(trainer.args, name)
    ]
    return tuple(notes)
