"""Live tensor storage, followed from allocation to release.

A storage is counted once however many tensors share it, so views and in-place operations add
nothing. What a kernel allocates and releases inside one operation is not visible; it can be
supplied, as measured by `inside`.
"""

import weakref
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from rightbatch.measure.frameworks.torch.data import tensors
from rightbatch.measure.frameworks.torch.following.inside import Operation, counted
from rightbatch.records import MEMORY_PARTS, MemoryPart

_AHEAD = 12
"""Operations that may be missing before an expected one."""
_FEW = 0.05
_ADD = torch.ops.aten.add.Tensor
"""Sums gradients that meet in the backward pass; without a mode, into the first of them."""


class LiveStorage(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes of live storages while it is active, and keeps their highest sum.

    Storages that an operation returns are found automatically; existing ones are added with `add`.
    Each belongs to one part at a time, which `move` changes: a gradient is known to be one only
    once it is computed. Where gradients meet, PyTorch sums into the first of them if nothing else
    holds it, but makes a new tensor while a mode is active; a sum whose first operand is released
    at once is therefore counted in its place.

    Attributes:
        peak_bytes: Highest sum of live bytes so far.
        peak_parts: Bytes of each part at that moment.
        events: (number of the storage, bytes), above 0 when it appears and below 0 when released.
        updating: Whether the optimizer is running, whose tensors no backward pass keeps.
    """

    def __init__(self, count_rises: bool = True) -> None:
        """Start empty.

        Args:
            count_rises: Whether the internal memory of expected operations is counted.
        """
        super().__init__()  # type: ignore[no-untyped-call]
        self._count_rises = count_rises
        self.peak_bytes = 0
        self.peak_parts: dict[MemoryPart, int] = {}
        self.events: list[tuple[int, int]] = []
        self.updating = False
        self._expected: tuple[Operation, ...] = ()
        self._done = self._missed = self._announced = 0
        self._summed = False
        self._live: dict[int, tuple[int, int, MemoryPart]] = {}
        self._bytes: dict[MemoryPart, int] = dict.fromkeys(MEMORY_PARTS, 0)
        self._count = 0

    @property
    def live_parts(self) -> dict[MemoryPart, int]:
        """Current bytes of each part."""
        return dict(self._bytes)

    @property
    def as_expected(self) -> bool:
        """Whether nearly all operations were those passed to `expect`."""
        return self._missed <= _FEW * self._announced

    def add(self, tensors: Iterable[torch.Tensor], part: MemoryPart, share: float = 1.0) -> None:
        """Count the storages of existing tensors, or a share of their bytes."""
        for tensor in tensors:
            self._appear(tensor, part, share)

    def move(self, tensors: Iterable[torch.Tensor], part: MemoryPart) -> None:
        """Assign the storages of tensors to another part."""
        for tensor in tensors:
            self._appear(tensor, part)
            key = tensor.untyped_storage()._cdata if tensor.layout is torch.strided else None
            if key in self._live:
                number, size, old = self._live[key]
                self._live[key] = (number, size, part)
                self._bytes[old] -= size
                self._bytes[part] += size

    def expect(self, operations: Iterable[Operation]) -> None:
        """Announce the next operations and their internal memory."""
        self._expected, self._done = tuple(operations), 0
        self._announced += len(self._expected)

    def rise(self, size: int, part: MemoryPart = "temporaries") -> None:
        """Count bytes allocated and released on top of what is live."""
        total = sum(self._bytes.values()) + size
        if total > self.peak_bytes:
            self.peak_bytes = total
            self.peak_parts = self._bytes | {part: self._bytes[part] + size}

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        if self._summed:
            self._summed = False
            self.rise(0)
        operation = self._next_expected(str(func)) if counted(func) else None
        summed = func is _ADD and _in_backward() and not torch.is_grad_enabled()
        if operation is not None and not summed:
            self.rise(operation.rise_bytes if self._count_rises else 0)
        result = func(*args, **(kwargs or {}))
        self._summed = summed
        part = self._part_of_new()
        sizes = iter(operation.output_bytes if operation else ())
        for value in tensors(result):
            self._appear(value, part, hidden=next(sizes, 0))
        return result

    def _next_expected(self, name: str) -> Operation | None:
        """The next expected operation; either side may lack a few of the other's."""
        if not self._expected:
            return None
        ahead = self._expected[self._done : self._done + _AHEAD]
        for skipped, operation in enumerate(ahead):
            if operation.name == name:
                self._done += skipped + 1
                self._missed += skipped
                return operation
        self._missed += 1
        return None

    def _part_of_new(self) -> MemoryPart:
        """The part of a new storage: one that outlives a forward pass is kept for the backward."""
        if _in_backward() or self.updating or not torch.is_grad_enabled():
            return "temporaries"
        return "activations"

    def _appear(
        self, tensor: torch.Tensor, part: MemoryPart, share: float = 1.0, hidden: int = 0
    ) -> None:
        if tensor.layout is torch.sparse_coo:
            self.add((tensor._indices(), tensor._values()), part, share)
        if tensor.layout is not torch.strided:
            return
        storage = tensor.untyped_storage()
        key, size = storage._cdata, round(share * storage.nbytes()) or hidden
        if key in self._live:
            return
        self._count += 1
        self._live[key] = (self._count, size, part)
        weakref.finalize(storage, self._vanish, key).atexit = False
        if size > 0:
            self.events.append((self._count, size))
        self._bytes[part] += size
        if not self._summed:
            self.rise(0)

    def _vanish(self, key: int) -> None:
        number, size, part = self._live.pop(key)
        if size == 0:
            return
        if self._summed and self.events[-1][1] == size:
            self.events.insert(-1, (number, -size))  # the first operand, released before the sum
        else:
            self.events.append((number, -size))
        self._bytes[part] -= size


def _in_backward() -> bool:
    return torch._C._current_graph_task_id() != -1
