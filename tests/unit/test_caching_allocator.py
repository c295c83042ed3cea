"""The replay of PyTorch's caching allocator, by its published rules."""

import pytest

from rightbatch.science.caching_allocator import replay

KIB, MIB = 2**10, 2**20


@pytest.mark.parametrize(
    ("request_bytes", "allocated", "reserved"),
    [
        (1, 512, 2 * MIB),
        (513, 1024, 2 * MIB),
        (MIB, MIB, 2 * MIB),
        (MIB + 1, MIB + 512, 20 * MIB),
        (10 * MIB, 10 * MIB, 10 * MIB),
        (11 * MIB, 12 * MIB, 12 * MIB),
    ],
)
def test_one_request(request_bytes, allocated, reserved):
    found = replay([(1, request_bytes)])
    assert (found.allocated_bytes, found.reserved_bytes) == (allocated, reserved)


def test_a_released_block_is_used_again():
    found = replay([(1, 30 * MIB), (1, -30 * MIB), (2, 30 * MIB)])
    assert found.reserved_bytes == 30 * MIB


def test_neighbours_that_are_free_become_one():
    events = [(1, 8 * MIB), (2, 8 * MIB), (1, -8 * MIB), (2, -8 * MIB), (3, 18 * MIB)]
    assert replay(events).reserved_bytes == 20 * MIB


def test_a_block_in_use_keeps_its_segment_apart():
    events = [(1, 30 * MIB), (1, -30 * MIB), (2, 2 * MIB), (3, 30 * MIB)]
    assert replay(events).reserved_bytes == 60 * MIB


def test_free_segments_are_given_back_before_it_fails():
    events = [(1, 30 * MIB), (1, -30 * MIB), (2, 40 * MIB)]
    assert replay(events, 45 * MIB).fits
    assert replay(events).reserved_bytes == 70 * MIB
    assert not replay([(1, 30 * MIB), (2, 40 * MIB)], 45 * MIB).fits
