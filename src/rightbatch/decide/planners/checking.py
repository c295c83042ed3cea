"""Check the settings against what the first probe found."""

from rightbatch.errors import UsageError
from rightbatch.records import DescribeResult, Settings


def check(settings: Settings, described: DescribeResult) -> None:
    """Refuse settings that contradict a workload or a machine.

    Raises:
        UsageError: An unknown optimizer, a goal without the level that is needed, energy without a
            counter, or batch sizes or multiples larger than the training set.
    """
    facts, hardware = described.facts, described.hardware
    known = [optimizer.name for optimizer in facts.optimizers]
    for name in settings.optimizers:
        if name not in known:
            raise UsageError(
                f"There is no optimizer {name!r}; this workload has {', '.join(known)}."
            )
    if settings.one_off and facts.goal.target is None:
        raise UsageError(
            f"The goal {str(facts.goal)!r} has no level at which one model would be done; give one "
            "that has, such as 'accuracy >= 0.9', or do not ask for a one-off."
        )
    if settings.learning_rates == "rule" and facts.goal.target is None:
        raise UsageError(
            f"The goal {str(facts.goal)!r} has no level to race for; give one that has, such as "
            "'accuracy >= 0.9', or let learning rates be searched."
        )
    if settings.objective == "energy" and not hardware.counts_energy:
        raise UsageError(
            f"Nothing counts the energy of {hardware.device_name} here, so that it cannot be "
            "minimised; `rightbatch doctor` shows what power is measured, or choose another "
            "objective."
        )
    if any(size > facts.train_examples for size in settings.batch_sizes):
        raise UsageError(
            f"`batch_sizes` has {max(settings.batch_sizes):,}, and there are "
            f"{facts.train_examples:,} training examples; write full for all of them."
        )
    if settings.multiple_of > facts.train_examples:
        raise UsageError(
            f"No multiple of {settings.multiple_of} is at most the {facts.train_examples} "
            "training examples; ask for multiples of a smaller number."
        )
