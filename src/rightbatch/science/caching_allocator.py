"""A simulation of PyTorch's caching allocator for CUDA.

Sizes and rules follow c10/cuda/CUDACachingAllocator.cpp with its default settings, as described in
PyTorch's "CUDA semantics" notes. Sizes are rounded up to 512 bytes. Blocks of up to 1 MiB come from
2 MiB segments, blocks of less than 10 MiB from 20 MiB segments, and larger blocks from segments of
their own, rounded up to 2 MiB. The allocator takes the best-fitting free block of its pool and
splits it if at least 512 bytes (small pool) or more than 1 MiB (large pool) would remain. Adjacent
free blocks are merged. If the device has no room for a new segment, fully free segments are
released first.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable
from dataclasses import dataclass

_MIB = 2**20
_ROUND = 512
_SMALL = _MIB
_SMALL_SEGMENT = 2 * _MIB
_LARGE_SEGMENT = 20 * _MIB
_OWN_SEGMENT = 10 * _MIB
_ROUND_SEGMENT = 2 * _MIB


@dataclass(frozen=True, slots=True)
class Reserved:
    """Peaks of the simulated allocator.

    Attributes:
        allocated_bytes: Peak of blocks in use, as in `torch.cuda.max_memory_allocated`.
        reserved_bytes: Peak of segments held, as in `torch.cuda.max_memory_reserved`.
        fits: Whether every request was met within the limit.
    """

    allocated_bytes: int
    reserved_bytes: int
    fits: bool


@dataclass(slots=True, eq=False)
class _Block:
    size: int
    small: bool
    before: "_Block | None" = None
    after: "_Block | None" = None
    used: bool = False


class _Allocator:
    def __init__(self, limit_bytes: int | None) -> None:
        self.allocated = self.reserved = self.peak_allocated = self.peak_reserved = 0
        self._limit = limit_bytes
        self._free: dict[bool, list[tuple[int, int]]] = {True: [], False: []}
        self._blocks: dict[int, _Block] = {}

    def allocate(self, requested: int) -> _Block | None:
        """A block for a request; None if it does not fit."""
        size = max(_ROUND, -(-requested // _ROUND) * _ROUND)
        small = size <= _SMALL
        block = self._best_fit(size, small) or self._new_segment(size, small)
        if block is None:
            return None
        left = block.size - size
        if left >= _ROUND if small else left > _SMALL:
            rest = _Block(left, small, block, block.after)
            if block.after is not None:
                block.after.before = rest
            block.size, block.after = size, rest
            self._keep(rest)
        block.used = True
        self.allocated += block.size
        self.peak_allocated = max(self.peak_allocated, self.allocated)
        return block

    def release(self, block: _Block) -> None:
        """Free a block and merge it with free neighbours."""
        self.allocated -= block.size
        block.used = False
        for other in (block.before, block.after):
            if other is not None and not other.used:
                self._take(other)
                block.size += other.size
                if other is block.before:
                    block.before = other.before
                    if block.before is not None:
                        block.before.after = block
                else:
                    block.after = other.after
                    if block.after is not None:
                        block.after.before = block
        self._keep(block)

    def _best_fit(self, size: int, small: bool) -> _Block | None:
        free = self._free[small]
        place = bisect_left(free, (size, 0))
        if place == len(free):
            return None
        _, key = free.pop(place)
        return self._blocks.pop(key)

    def _new_segment(self, size: int, small: bool) -> _Block | None:
        if small:
            segment = _SMALL_SEGMENT
        elif size < _OWN_SEGMENT:
            segment = _LARGE_SEGMENT
        else:
            segment = -(-size // _ROUND_SEGMENT) * _ROUND_SEGMENT
        if self._limit is not None and self.reserved + segment > self._limit:
            self._give_back()
            if self.reserved + segment > self._limit:
                return None
        self.reserved += segment
        self.peak_reserved = max(self.peak_reserved, self.reserved)
        return _Block(segment, small)

    def _give_back(self) -> None:
        for block in list(self._blocks.values()):
            if block.before is None and block.after is None:
                self._take(block)
                self.reserved -= block.size

    def _keep(self, block: _Block) -> None:
        self._blocks[id(block)] = block
        insort(self._free[block.small], (block.size, id(block)))

    def _take(self, block: _Block) -> None:
        del self._blocks[id(block)]
        self._free[block.small].remove((block.size, id(block)))


def replay(events: Iterable[tuple[int, int]], limit_bytes: int | None = None) -> Reserved:
    """Simulate a sequence of allocations and releases.

    Args:
        events: (allocation number, bytes) pairs: positive to allocate, negative to release.
        limit_bytes: Limit on the memory of all segments; None for no limit.
    """
    allocator = _Allocator(limit_bytes)
    held: dict[int, _Block] = {}
    for number, change in events:
        if number in held:  # released, or resized in place: a new block
            allocator.release(held.pop(number))
            if change < 0:
                continue
        block = allocator.allocate(change)
        if block is None:
            return Reserved(allocator.peak_allocated, allocator.peak_reserved, fits=False)
        held[number] = block
    return Reserved(allocator.peak_allocated, allocator.peak_reserved, fits=True)
