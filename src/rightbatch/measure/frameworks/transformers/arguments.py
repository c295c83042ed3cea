"""TrainingArguments: read their settings, and apply a recommendation to them."""

import copy
import math
from typing import Any, Literal

from rightbatch.errors import UsageError
from rightbatch.records import Advice


def devices(args: Any) -> int:
    """Number of devices that share a batch."""
    return int(args.world_size) * max(1, int(args.n_gpu))


def batch_size(args: Any) -> int:
    """Examples per update, over all devices."""
    return int(args.per_device_train_batch_size * args.gradient_accumulation_steps * devices(args))


def optimizer_name(args: Any) -> str:
    """Name of the optimizer in the arguments."""
    return str(getattr(args.optim, "value", args.optim))


def names(args: Any, rate_among_them: bool) -> tuple[tuple[str, str], ...]:
    """Names of the recommended settings in the arguments; none where devices share a batch."""
    if devices(args) > 1:
        return ()
    sizes = (
        ("per_device_train_batch_size", "micro_batch_size"),
        ("gradient_accumulation_steps", "accumulation_steps"),
    )
    return (*sizes, ("learning_rate", "learning_rate")) if rate_among_them else sizes


def precision(args: Any) -> Literal["fp32", "bf16"]:
    """The precision set in the arguments.

    Raises:
        UsageError: It is not supported.
    """
    if args.fp16:
        raise UsageError("TrainingArguments set fp16, which is not supported; set bf16 instead.")
    return "bf16" if args.bf16 else "fp32"


def epochs(args: Any, examples: int) -> float:
    """Total passes over the training data."""
    if args.max_steps > 0:
        steps_per_epoch = -(-examples // batch_size(args))
        return float(args.max_steps / steps_per_epoch)
    return float(args.num_train_epochs)


def recommended(advice: Advice, args: Any) -> Any:
    """A copy of TrainingArguments with the recommended settings.

    Raises:
        UsageError: There is no recommendation, or it is for another optimizer.
    """
    best = advice.recommended
    if best is None:
        raise UsageError(
            f"Study {advice.study} has no recommendation yet; give it a larger budget or an "
            "easier goal."
        )
    if best.optimizer != optimizer_name(args):
        raise UsageError(
            f"The recommended optimizer is {best.optimizer}, but the TrainingArguments set "
            f"{optimizer_name(args)}; set optim={best.optimizer!r} or its name there, or, where "
            "the Trainer makes it from optimizer_cls_and_kwargs, set learning rate "
            f"{best.learning_rate:.3g}, micro-batch {best.micro_batch_size} and "
            f"{best.accumulation_steps} accumulation steps yourself."
        )
    share = math.ceil(best.batch_size / devices(args))
    accumulation = math.ceil(share / best.micro_batch_size)
    new = copy.copy(args)
    new.per_device_train_batch_size = math.ceil(share / accumulation)
    new.gradient_accumulation_steps = accumulation
    new.learning_rate = best.learning_rate
    fewer = batch_size(args) / batch_size(new)
    if args.max_steps > 0:
        new.max_steps = math.ceil(args.max_steps * fewer)
    if args.warmup_steps >= 1:
        new.warmup_steps = max(1, round(args.warmup_steps * fewer))
    return new
