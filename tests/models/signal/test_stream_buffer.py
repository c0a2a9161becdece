"""A queue of samples: whatever was handed out stays what it was, and memory is used again when nobody holds it."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from models.signal.stream_buffer import StreamBuffer

CHANNELS = 2
ROOM = 100


def samples(first, count):
    """Samples that say which they are: the index in the first channel, its negative in the second."""
    numbers = np.arange(first, first + count, dtype=np.float32)
    return np.stack([numbers, -numbers])


@settings(max_examples=100, deadline=None)
@given(steps=st.lists(st.tuples(st.integers(1, 250), st.integers(0, 300)), min_size=1, max_size=40), keep=st.booleans())
def test_it_holds_what_was_added_less_what_was_dropped(steps, keep):
    buffer, first, end, kept = StreamBuffer(ROOM), 0, 0, []
    for count, wish in steps:
        buffer.append(samples(end, count))
        end += count
        found = buffer.view(0, buffer.held)
        assert np.array_equal(found, samples(first, end - first))
        if keep:
            kept.append((found, first, end))
        dropped = min(wish, buffer.held)
        buffer.drop(dropped)
        first += dropped
    assert buffer.held == end - first
    for found, begun, ended in kept:
        assert np.array_equal(found, samples(begun, ended - begun))


@settings(max_examples=200, deadline=None)
@given(
    steps=st.lists(st.tuples(st.integers(1, 250), st.integers(0, 300), st.booleans()), min_size=1, max_size=40),
    keep=st.integers(0, ROOM),
)
def test_the_latest_samples_are_kept_whether_they_are_still_held_or_not(steps, keep):
    buffer, end = StreamBuffer(ROOM, keep), 0
    for count, wish, is_asked in steps:
        buffer.append(samples(end, count))
        end += count
        buffer.drop(min(wish, buffer.held))
        if is_asked:
            expected = min(end, keep)
            assert np.array_equal(buffer.latest(), samples(end - expected, expected))
        assert np.array_equal(buffer.view(0, buffer.held), samples(end - buffer.held, buffer.held))


def test_the_latest_samples_are_no_copy_while_nobody_looks():
    buffer = StreamBuffer(ROOM, ROOM)
    buffer.append(samples(0, ROOM))
    buffer.drop(ROOM)
    buffer.append(samples(ROOM, 30))
    found = buffer.latest()
    assert np.shares_memory(found, buffer._memory)
    assert np.array_equal(found, samples(30, ROOM))
    buffer.append(samples(ROOM + 30, 30))
    assert np.array_equal(found, samples(30, ROOM))


def test_memory_is_used_again_once_nobody_holds_a_view():
    buffer = StreamBuffer(ROOM)
    buffer.append(samples(0, 60))
    address = buffer._memory.ctypes.data
    for first in range(60, 6_000, 30):
        buffer.append(samples(first, 30))
        buffer.drop(30)
    assert buffer._memory.ctypes.data == address


def test_memory_with_a_view_is_left_to_the_view():
    buffer = StreamBuffer(ROOM)
    buffer.append(samples(0, 80))
    held = buffer.view(0, 80)
    buffer.drop(70)
    buffer.append(samples(80, 80))
    assert np.array_equal(held, samples(0, 80))
    assert np.array_equal(buffer.view(0, 90), samples(70, 90))
    assert not np.shares_memory(held, buffer.view(0, buffer.held))


def test_a_long_block_is_cut_where_it_lies_and_not_kept_for_its_tail():
    buffer, block = StreamBuffer(ROOM), samples(0, 10_000)
    buffer.append(block)
    assert np.shares_memory(buffer.view(0, 500), block)
    buffer.drop(9_990)
    assert not np.shares_memory(buffer.view(0, 10), block)
    assert buffer.memory_samples == ROOM
    buffer.append(samples(10_000, 10))
    assert np.array_equal(buffer.view(0, 20), samples(9_990, 20))
    assert np.array_equal(block, samples(0, 10_000))


def test_after_clearing_it_takes_other_channels():
    buffer = StreamBuffer(ROOM)
    buffer.append(samples(0, 10))
    buffer.clear()
    buffer.append(samples(5, 10)[:1])
    assert buffer.channels == 1
    assert np.array_equal(buffer.view(0, 10), samples(5, 10)[:1])
