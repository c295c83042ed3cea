"""The optimizers of a Keras workload: the compiled one, the user's others, and defaults."""

from functools import partial
from typing import Any

import keras

from rightbatch.errors import UsageError
from rightbatch.measure.frameworks.keras.workload import OptimizerFactory, Workload
from rightbatch.records import OptimizerFacts, ScalingRule

Schedule = keras.optimizers.schedules.LearningRateSchedule
_CLIPPING = ("clipnorm", "clipvalue", "global_clipnorm")


_DEFAULTS: dict[str, tuple[OptimizerFactory, float]] = {
    "sgd": (partial(keras.optimizers.SGD, momentum=0.9), 0.05),
    "adam": (keras.optimizers.Adam, 1e-3),
    "rmsprop": (keras.optimizers.RMSprop, 1e-3),
}


class Stretched(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    """The user's schedule at another batch size and learning rate.

    Attributes:
        factor: Factor on its rates.
        stretch: Steps of the user's schedule per step, so that it ends after as many examples; None
            until training begins.
    """

    def __init__(self, schedule: Any, factor: float) -> None:
        self._schedule = schedule
        self.factor = factor
        self.stretch: float | None = None

    def __call__(self, step: Any) -> Any:
        """The learning rate of a step."""
        scaled = keras.ops.cast(step, "float32") * (self.stretch or 1.0)
        return self._schedule(scaled) * self.factor

    def get_config(self) -> dict[str, Any]:
        """Its configuration, as Keras serializes it."""
        return {"schedule": self._schedule, "factor": self.factor}


def inner(optimizer: Any) -> Any:
    """The optimizer itself, without a loss-scaling wrapper."""
    return getattr(optimizer, "inner_optimizer", optimizer)


def adapts_scale(model: Any) -> bool:
    """Whether a model's optimizer lowers its loss scale when gradients overflow."""
    return inner(model.optimizer) is not model.optimizer


def own_name(model: Any) -> str:
    """Name of the optimizer that a model is compiled with, such as "adam"."""
    return type(inner(model.optimizer)).__name__.lower()


def own_rate(model: Any, workload: Workload) -> float:
    """The user's present learning rate.

    Raises:
        UsageError: It follows a schedule, and the workload names no rate.
    """
    if workload.learning_rate is not None:
        return workload.learning_rate
    if isinstance(inner(model.optimizer)._learning_rate, Schedule):
        raise UsageError(
            "The model is compiled with a learning rate schedule; set Workload.learning_rate to a "
            "rate that stands for it, such as its highest."
        )
    return float(f"{float(model.optimizer.learning_rate):.6g}")  # without float32's last digits


def others(model: Any, workload: Workload) -> dict[str, tuple[OptimizerFactory, float, bool]]:
    """All other optimizers: name -> (factory, learning rate, whether the user set that rate).

    Raises:
        UsageError: One of them has the name of the model's own.
    """
    own = own_name(model)
    given: dict[str, tuple[OptimizerFactory, float, bool]] = {}
    for name, entry in (workload.optimizers or {}).items():
        if name == own:
            raise UsageError(
                f"The model is compiled with {own!r}, which is also the name of an entry of "
                "Workload.optimizers; rename the entry."
            )
        factory, rate = entry if isinstance(entry, tuple) else (entry, None)
        known = _DEFAULTS.get(name, (factory, 1e-3))[1]
        given[name] = (factory, known if rate is None else rate, rate is not None)
    taken = {own, *given}
    return given | {name: (*e, False) for name, e in _DEFAULTS.items() if name not in taken}


def set_up(model: Any, workload: Workload, name: str, learning_rate: float | None) -> None:
    """Set a compiled model's optimizer and learning rate (None: the reference rate).

    Raises:
        UsageError: There is no optimizer of that name.
    """
    own = own_name(model)
    if name == own:
        _set_rate(inner(model.optimizer), own_rate(model, workload), learning_rate)
        return
    beside = others(model, workload)
    if name not in beside:
        raise UsageError(
            f"The workload has no optimizer {name!r}; use {', '.join([own, *beside])}."
        )
    factory, reference, _ = beside[name]
    rate = reference if learning_rate is None else float(learning_rate)
    optimizer = factory(rate)
    compiled = inner(model.optimizer)
    _schedule_like(inner(optimizer), compiled, rate, own_rate(model, workload))
    _clip_like(inner(optimizer), compiled)
    if adapts_scale(model):
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    object.__setattr__(model, "optimizer", optimizer)  # past Keras's tracking of attributes


def stretch(model: Any, factor: float) -> None:
    """Make a schedule end after as many examples as at the reference batch size.

    Only the first call for a model has an effect.
    """
    schedule = inner(model.optimizer)._learning_rate
    if isinstance(schedule, Stretched) and schedule.stretch is None:
        schedule.stretch = factor


def facts(model: Any, workload: Workload) -> tuple[OptimizerFacts, ...]:
    """Plain facts of every optimizer, the user's own first.

    Raises:
        UsageError: A factory returns no optimizer, or one that accumulates gradients itself.
    """
    own = inner(model.optimizer)
    _refuse_accumulating(own)
    described = [OptimizerFacts(own_name(model), _rule(own), own_rate(model, workload), tuned=True)]
    for name, (factory, rate, tuned) in others(model, workload).items():
        made = factory(rate)
        if not isinstance(made, keras.optimizers.Optimizer):
            raise UsageError(
                f"The optimizer {name!r} of the workload must take a learning rate and return a "
                f"keras.optimizers.Optimizer, not {type(made).__name__}."
            )
        _refuse_accumulating(inner(made))
        described.append(OptimizerFacts(name, _rule(made), rate, tuned))
    return tuple(described)


def _refuse_accumulating(optimizer: Any) -> None:
    """Refuse an optimizer whose update covers several batches."""
    if batches := getattr(optimizer, "gradient_accumulation_steps", None):
        raise UsageError(
            f"The {type(optimizer).__name__} has gradient_accumulation_steps={batches}; leave that "
            "out and set Workload.batch_size to the examples of a whole update, as rightbatch "
            "chooses the accumulation itself."
        )


def _rule(optimizer: Any) -> ScalingRule:
    return "linear" if isinstance(optimizer, keras.optimizers.SGD) else "square_root"


def _schedule_like(optimizer: Any, compiled: Any, rate: float, reference: float) -> None:
    """Give an optimizer the schedule of the compiled one, unless its factory set one."""
    given, schedule = optimizer._learning_rate, compiled._learning_rate
    if isinstance(given, Schedule):
        optimizer.learning_rate = Stretched(given, 1.0)
    elif isinstance(given, keras.Variable) and isinstance(schedule, Schedule):
        optimizer.learning_rate = Stretched(schedule, rate / reference)


def _clip_like(optimizer: Any, compiled: Any) -> None:
    """Make an optimizer clip like the compiled one, unless its factory sets clipping."""
    if all(getattr(optimizer, name) is None for name in _CLIPPING):
        for name in _CLIPPING:
            setattr(optimizer, name, getattr(compiled, name))


def _set_rate(optimizer: Any, reference: float, learning_rate: float | None) -> None:
    rate = reference if learning_rate is None else float(learning_rate)
    schedule = optimizer._learning_rate
    if isinstance(schedule, Schedule):
        optimizer._learning_rate = Stretched(schedule, rate / reference)
    else:
        optimizer.learning_rate = rate
