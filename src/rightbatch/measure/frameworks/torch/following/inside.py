"""Internal memory of CPU operations, measured on small real steps.

oneDNN's convolutions, for one, reorder into a second tensor and back. PyTorch's profiler records
every allocation; matched with the operations that a dispatch mode sees, it gives the rise of each
operation above its start.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch._C._profiler import _EventType
from torch.profiler import ProfilerActivity, profile, record_function
from torch.utils._python_dispatch import TorchDispatchMode

from rightbatch.measure.frameworks.torch.data import tensors

_MARK = "rightbatch::"


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation.

    Attributes:
        name: Its name.
        rise_bytes: Peak of what it allocated less what it released.
        output_bytes: Storage of each tensor it returned; on fake tensors some have none, such as
            the workspace that a recurrent layer keeps for its backward pass.
    """

    name: str
    rise_bytes: int
    output_bytes: tuple[int, ...]


def grown(
    small: Sequence[Operation], large: Sequence[Operation], sizes: tuple[int, int], size: int
) -> tuple[Operation, ...]:
    """Operations at another batch size, each rise on a line through two sizes.

    Returns:
        The operations; none where the two runs differ.
    """
    if [operation.name for operation in small] != [operation.name for operation in large]:
        return ()
    share = (size - sizes[0]) / (sizes[1] - sizes[0])

    def line(at_small: int, at_large: int) -> int:
        return max(0, round(at_small + share * (at_large - at_small)))

    return tuple(
        Operation(
            a.name,
            line(a.rise_bytes, b.rise_bytes),
            tuple(line(*pair) for pair in zip(a.output_bytes, b.output_bytes, strict=False)),
        )
        for a, b in zip(small, large, strict=True)
    )


def counted(func: Any) -> bool:
    """Whether an operation runs both with and without data, unlike queries to a fake tensor."""
    return not str(func).startswith("prim.")


def operations(run: Callable[[], object]) -> list[Operation]:
    """Run a function for real; the operations it ran."""
    marks = _Marks()
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler, marks:
        run()
    results = profiler.profiler.kineto_results if profiler.profiler else None
    rises = [0] * len(marks.names)
    sums = [0] * len(marks.names)
    tree = results.experimental_event_tree() if results else []
    for _, index, change in sorted(_allocations(tree), key=lambda found: found[0]):
        sums[index] += change
        rises[index] = max(rises[index], sums[index])
    return [
        Operation(name, rise, outputs)
        for name, rise, outputs in zip(marks.names, rises, marks.output_bytes, strict=True)
    ]


def _allocations(tree: Sequence[Any]) -> Iterator[tuple[int, int, int]]:
    """(time, number of the operation, bytes) of every allocation inside an operation."""
    stack = [(event, -1) for event in tree]
    while stack:
        event, index = stack.pop()
        if event.name.startswith(_MARK):
            index = int(event.name.removeprefix(_MARK))
        kind, fields = event.typed
        if kind == _EventType.Allocation and index >= 0:
            yield event.start_time_ns, index, fields.alloc_size
        stack.extend((child, index) for child in event.children)


class _Marks(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Numbers each operation and labels it in the profile."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.names: list[str] = []
        self.output_bytes: list[tuple[int, ...]] = []

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        if not counted(func):
            return func(*args, **(kwargs or {}))
        self.names.append(str(func))
        with record_function(f"{_MARK}{len(self.names) - 1}"):
            result = func(*args, **(kwargs or {}))
        self.output_bytes.append(
            tuple(
                tensor.untyped_storage().nbytes() if tensor.layout is torch.strided else 0
                for tensor in tensors(result)
            )
        )
        return result
