"""rightbatch: which batch size to train with, measured on your own model, data and hardware."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rightbatch.api.prediction import predict_memory
    from rightbatch.api.verbs import memory, readvise, tune
    from rightbatch.errors import RightbatchError
    from rightbatch.records import Advice, Estimate, Goal

__version__ = "0.1.0"
__all__ = [
    "Advice",
    "Estimate",
    "Goal",
    "RightbatchError",
    "__version__",
    "memory",
    "predict_memory",
    "readvise",
    "tune",
]

_HOMES = {
    "Advice": "rightbatch.records",
    "Estimate": "rightbatch.records",
    "Goal": "rightbatch.records",
    "RightbatchError": "rightbatch.errors",
    "memory": "rightbatch.api.verbs",
    "predict_memory": "rightbatch.api.prediction",
    "readvise": "rightbatch.api.verbs",
    "tune": "rightbatch.api.verbs",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401
    """Import public names on first use, so that `import rightbatch` stays light."""
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module 'rightbatch' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
