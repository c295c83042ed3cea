"""When training runs are evaluated: after the same numbers of examples at every batch size."""

import math
from collections.abc import Iterator

_FIRST_SHARE = 1 / 32
"""Share of an epoch before the first evaluation."""
_SPACING = 1.07
"""Each evaluation comes after 7% more examples than the previous one: steps to goal are resolved to
a few percent at every batch size, at little total cost."""


def evaluation_examples(train_examples: int) -> Iterator[int]:
    """Numbers of examples after which runs are evaluated, the same for every batch size."""
    due = max(1.0, _FIRST_SHARE * train_examples)
    while True:
        yield math.ceil(due)
        due = max(due * _SPACING, due + 1)


def evaluated_step(step: int, batch_size: int, train_examples: int) -> int:
    """The first step, at or after `step`, at which a run is evaluated.

    Args:
        step: Updates.
        batch_size: Examples per update; the last update of an epoch has the remainder.
        train_examples: Examples in an epoch.
    """
    steps_per_epoch = math.ceil(train_examples / batch_size)
    due = (divmod(examples, train_examples) for examples in evaluation_examples(train_examples))
    steps = (epochs * steps_per_epoch + math.ceil(rest / batch_size) for epochs, rest in due)
    return next(at for at in steps if at >= step)
