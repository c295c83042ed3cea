"""For users of Transformers: `rightbatch.transformers.workload` and `training_arguments`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import Trainer, TrainingArguments

    from rightbatch.records import Advice
    from rightbatch.torch import Workload

__all__ = ["training_arguments", "workload"]


def workload(
    trainer: Trainer,
    *,
    goal: str,
    **fields: Any,  # noqa: ANN401 - the fields of a Workload
) -> Workload:
    """Make a workload of a Trainer.

    Example:
        >>> def workload():
        ...     return rightbatch.transformers.workload(make_trainer(), goal="eval_accuracy >= 0.9")

    Args:
        trainer: A Trainer made with `model_init`, with its arguments, data sets, collator and
            compute_metrics. Its optimizer, schedule, loss and evaluation are used.
        goal: The goal in words, with a metric as evaluation names it, such as "eval_loss <= 0.3".
        **fields: Fields of `rightbatch.torch.Workload` to add or replace, such as optimizers.

    Returns:
        A PyTorch workload.

    Raises:
        UsageError: The Trainer is not supported.
    """
    from rightbatch.measure.frameworks.transformers.workload import make_workload

    return make_workload(trainer, goal, fields)


def training_arguments(advice: Advice, args: TrainingArguments) -> TrainingArguments:
    """A copy of TrainingArguments with the recommended settings.

    Sets the per-device batch size, the accumulation steps and the learning rate, and changes
    `max_steps` and `warmup_steps` so that they cover as many epochs as before.

    Args:
        advice: The advice of `rightbatch.tune` or `rightbatch.readvise`.
        args: The arguments of the workload's Trainer.

    Raises:
        UsageError: There is no recommendation, or it is for another optimizer.
    """
    from rightbatch.measure.frameworks.transformers.arguments import recommended

    return recommended(advice, args)
