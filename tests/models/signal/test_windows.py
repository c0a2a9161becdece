"""Cutting a stream into windows: overlap, gaps, epochs, clock jumps and restarts, each said openly."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.context import ContextChannel, ContextSample
from models.contract.vocabulary import QualityCause
from models.signal.errors import SignalError, StreamError
from models.signal.windows import CLOCK_TOLERANCE_S, NS_PER_S, Block, Windower

RATE_HZ = 1000.0
START_NS = 1_700_000_000 * NS_PER_S


def block(first, samples, *, epoch=0, late_s=0.0, channels=2, speed_rpm=None):
    """A block of a stream whose samples are their own indices and whose clock is right but for `late_s`."""
    indices = np.arange(first, first + samples, dtype=np.float32)
    end_ns = START_NS + round(((first + samples) / RATE_HZ + late_s) * NS_PER_S)
    return Block(first, epoch, np.tile(indices, (channels, 1)), end_ns, speed_rpm)


def starts(windows):
    return [int(window.samples[0, 0]) for window in windows]


def push_all(windower, blocks):
    return [window for one in blocks for window in windower.push(one)]


def test_without_overlap_every_sample_is_in_exactly_one_window():
    windows = push_all(Windower(RATE_HZ, 100, 100), [block(0, 250), block(250, 250)])
    assert starts(windows) == [0, 100, 200, 300, 400]
    assert [window.index for window in windows] == [0, 1, 2, 3, 4]
    assert all(window.samples.shape == (2, 100) and window.samples.dtype == np.float32 for window in windows)
    assert all(window.quality == () for window in windows)


def test_with_overlap_windows_start_every_hop():
    windows = push_all(Windower(RATE_HZ, 100, 50), [block(i, 30) for i in range(0, 300, 30)])
    assert starts(windows) == [0, 50, 100, 150, 200]
    assert [window.index for window in windows] == [0, 1, 2, 3, 4]
    assert np.array_equal(windows[1].samples[0], np.arange(50, 150))


def test_a_window_is_named_by_the_time_of_its_end_also_inside_a_block():
    windows = push_all(Windower(RATE_HZ, 100, 50), [block(0, 130), block(130, 130)])
    assert [window.end_ns - START_NS for window in windows] == [
        100_000_000, 150_000_000, 200_000_000, 250_000_000
    ]  # fmt: skip


def test_a_window_carries_the_speed_at_its_end():
    windows = push_all(Windower(RATE_HZ, 100, 100), [block(0, 60, speed_rpm=900.0), block(60, 60, speed_rpm=950.0)])
    assert [window.speed_rpm for window in windows] == [950.0]


@given(
    cuts=st.lists(st.integers(1, 400), min_size=1, max_size=30),
    window=st.integers(1, 120),
    overlap=st.integers(0, 119),
)
@settings(max_examples=100, deadline=None)
def test_windows_do_not_depend_on_how_the_stream_is_cut_into_blocks(cuts, window, overlap):
    hop = max(1, window - overlap)
    edges = np.cumsum([0, *cuts])
    pieces = [block(int(low), int(high - low)) for low, high in itertools.pairwise(edges)]
    whole = push_all(Windower(RATE_HZ, window, hop), [block(0, int(edges[-1]))])
    cut = push_all(Windower(RATE_HZ, window, hop), pieces)
    assert [(w.index, w.end_ns, w.quality) for w in cut] == [(w.index, w.end_ns, w.quality) for w in whole]
    assert all(np.array_equal(one.samples, other.samples) for one, other in zip(cut, whole, strict=True))


def test_a_gap_drops_the_partial_window_and_flags_only_the_next_one():
    windower = Windower(RATE_HZ, 100, 50)
    windows = push_all(windower, [block(0, 180), block(210, 300)])
    assert starts(windows) == [0, 50, 210, 260, 310, 360, 410]
    assert [window.quality for window in windows] == [(), (), (QualityCause.GAP,), (), (), (), ()]
    assert [window.index for window in windows] == [0, 1, 4, 5, 6, 7, 8]


def test_no_window_spans_a_gap():
    windows = push_all(Windower(RATE_HZ, 100, 25), [block(0, 99), block(100, 99), block(200, 130)])
    assert all(np.all(np.diff(window.samples[0]) == 1) for window in windows)
    assert starts(windows) == [200, 225]


def test_samples_that_come_twice_are_used_once():
    windows = push_all(Windower(RATE_HZ, 100, 100), [block(0, 150), block(50, 100), block(120, 100), block(0, 20)])
    assert starts(windows) == [0, 100]
    assert np.array_equal(windows[1].samples[0], np.arange(100, 200))


def test_a_new_epoch_starts_its_own_count_and_is_a_gap():
    windows = push_all(Windower(RATE_HZ, 100, 100), [block(0, 150), block(0, 250, epoch=1)])
    assert [(w.epoch, w.index, w.quality) for w in windows] == [
        (0, 0, ()),
        (1, 0, (QualityCause.GAP,)),
        (1, 1, ()),
    ]


def test_a_stream_that_begins_late_has_no_gap():
    (window,) = Windower(RATE_HZ, 100, 100).push(block(70_000, 100))
    assert (window.index, window.quality) == (700, ())


@pytest.mark.parametrize("jump_s", [3600.0, -3600.0, 0.2, -0.2])
def test_a_clock_jump_keeps_the_order_of_samples_and_flags_every_window_over_the_seam(jump_s):
    pieces = [block(0, 120), *(block(i, 60, late_s=jump_s) for i in range(120, 420, 60))]
    windows = push_all(Windower(RATE_HZ, 100, 50), pieces)
    assert starts(windows) == [0, 50, 100, 150, 200, 250, 300]
    assert [QualityCause.CLOCK_JUMP in window.quality for window in windows] == [
        False, True, True, False, False, False, False
    ]  # fmt: skip
    assert windows[2].end_ns == START_NS + round((0.2 + jump_s) * NS_PER_S)


def test_a_clock_jump_between_two_windows_flags_the_next_one():
    windows = push_all(Windower(RATE_HZ, 100, 100), [block(0, 100), block(100, 200, late_s=10.0)])
    assert [window.quality for window in windows] == [(), (QualityCause.CLOCK_JUMP,), ()]


def test_a_clock_that_is_read_a_little_late_does_not_jump():
    """Below the 128 ms of RFC 5905 a clock is slewed, not stepped."""
    within = 0.9 * CLOCK_TOLERANCE_S
    windows = push_all(Windower(RATE_HZ, 100, 100), [block(0, 100), block(100, 100, late_s=within), block(200, 100)])
    assert [window.quality for window in windows] == [(), (), ()]


def test_a_gap_during_which_the_clock_went_on_is_a_gap_only():
    windows = push_all(Windower(RATE_HZ, 100, 100), [block(0, 100), block(60_000, 100)])
    assert windows[1].quality == (QualityCause.GAP,)


def test_a_gap_and_a_jump_are_both_said():
    windows = push_all(Windower(RATE_HZ, 100, 100), [block(0, 100), block(60_000, 100, late_s=-90.0)])
    assert windows[1].quality == (QualityCause.GAP, QualityCause.CLOCK_JUMP)


@given(cut=st.integers(0, 9), repeat=st.integers(0, 80))
@settings(max_examples=60, deadline=None)
def test_a_restart_at_any_moment_gives_the_same_windows(cut, repeat):
    """The source is asked from `next_needed_index` on, or hands out a little more than that."""
    pieces = [block(i, 60, late_s=7.0 if i >= 240 else 0.0) for i in (*range(0, 360, 60), *range(400, 640, 60))]
    whole = push_all(Windower(RATE_HZ, 100, 50), pieces)
    before = Windower(RATE_HZ, 100, 50)
    windows = push_all(before, pieces[:cut])
    position = before.position
    after = Windower(RATE_HZ, 100, 50, position)
    again = position.next_needed_index - repeat
    resumed = [piece for piece in pieces if piece.end_index > again]
    windows += push_all(after, resumed)
    assert [(w.index, w.end_ns) for w in windows] == [(w.index, w.end_ns) for w in whole]
    assert [QualityCause.GAP in w.quality for w in windows] == [QualityCause.GAP in w.quality for w in whole]


def test_a_source_that_cannot_resume_leaves_a_gap():
    before = Windower(RATE_HZ, 100, 100)
    before.push(block(0, 130))
    (window,) = Windower(RATE_HZ, 100, 100, before.position).push(block(500, 100))
    assert window.quality == (QualityCause.GAP,)


def test_a_long_block_is_not_kept_for_the_sake_of_its_tail():
    windower = Windower(RATE_HZ, 100, 100)
    windower.push(block(0, 100_050))
    assert windower._buffer.held == 50
    assert windower._buffer.memory_samples < 1_000


@pytest.mark.parametrize(
    ("rate", "window", "hop"),
    [(0, 10, 10), (-1, 10, 10), (float("nan"), 10, 10), (10, 0, 1), (10, 10, 0), (10, 10, 11)],
)
def test_settings_that_cannot_work_are_refused(rate, window, hop):
    with pytest.raises(SignalError):
        Windower(rate, window, hop)


@pytest.mark.parametrize(
    "bad",
    [
        block(100, 10, epoch=-1),
        block(100, 10, channels=3),
        Block(100, 0, np.zeros(10, np.float32), START_NS),
    ],
)
def test_a_source_that_breaks_its_promise_is_named(bad):
    windower = Windower(RATE_HZ, 100, 100)
    windower.push(block(0, 90))
    with pytest.raises(StreamError):
        windower.push(bad)


def at(name, seconds, value):
    return ContextSample(name, START_NS + round(seconds * NS_PER_S), value)


def test_context_of_a_slow_channel_is_joined_to_each_window_and_a_stale_one_is_not_known():
    windower = Windower(RATE_HZ, 100, 100, channels=(ContextChannel("load", "%", tolerance_s=0.15),))
    blocks = [replace(block(i, 100), context=(at("load", 0.04, 40.0), at("other", 0.05, 1.0))) for i in (0, 100, 200)]
    windows = push_all(windower, blocks)
    assert [[(value.name, value.value) for value in window.context] for window in windows] == [
        [("load", 40.0)], [("load", 40.0)], [("load", None)]
    ]  # fmt: skip


def test_a_speed_from_the_controller_is_the_windows_speed_before_the_one_that_a_file_states():
    windower = Windower(RATE_HZ, 100, 100, channels=(ContextChannel("speed", "Hz", tolerance_s=0.1),))
    first = replace(block(0, 100, speed_rpm=1500.0), context=(at("speed", 0.05, 24.0),))
    windows = push_all(windower, [first, block(100, 200, speed_rpm=1500.0)])
    assert [window.speed_rpm for window in windows] == [1440.0, 1440.0, 1500.0]


def test_context_survives_a_restart_and_not_a_jump_of_the_clock():
    channels = (ContextChannel("load", "%", tolerance_s=1.0),)
    windower = Windower(RATE_HZ, 100, 50, channels=channels)
    windower.push(replace(block(0, 130), context=(at("load", 0.02, 40.0),)))
    resumed = Windower(RATE_HZ, 100, 50, windower.position, channels)
    for one in (windower, resumed):
        [window] = one.push(
            block(one.position.next_needed_index if one is resumed else 130, 100 if one is resumed else 20)
        )
        assert [value.value for value in window.context] == [40.0]
    [window, *_] = windower.push(block(150, 100, late_s=2 * CLOCK_TOLERANCE_S))
    assert [value.value for value in window.context] == [None]
