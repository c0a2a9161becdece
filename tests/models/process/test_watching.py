"""All rules of a process in step: faster samples are averaged, a gap begins delays anew, cuts change nothing."""

from __future__ import annotations

import numpy as np
import pytest

from models.process.phases import Phase, phase_numbers
from models.process.rules import DoorRule, LimitRule, StaleRule
from models.process.watching import Watch, interrupted

CHANNELS = ("ROOM.T", "DOOR.S")
PHASES = (Phase("open", "DOOR.S", above=0.5),)
RULES = (
    LimitRule("ROOM.T", high=8.0, delay_s=30.0, not_in=("open",)),
    DoorRule("ROOM.T", contact="DOOR.S", after_s=20.0),
    DoorRule("ROOM.T"),
    StaleRule("ROOM.T", after_s=60.0),
)


def _run(rate_hz, samples, cuts=1, watched=None):
    watch = Watch(RULES, PHASES, CHANNELS, rate_hz)
    watched = watched or watch.start()
    for piece in np.split(samples, cuts, axis=1):
        watched = watch.step(watched, piece, phase_numbers(PHASES, CHANNELS, piece))
    return watched


def _active(watched):
    return [memory.active for memory in watched.rules]


@pytest.mark.parametrize("rate_hz", [0.1, 1.0, 10.0, 100.0])
def test_a_delay_is_the_same_time_at_any_rate(rate_hz):
    def seconds(count, room, door):
        rng = np.random.default_rng(1)
        n = round(count * rate_hz)
        return np.stack([room + rng.normal(0.0, 0.01, n), np.full(n, door)]).astype(np.float32)

    assert _active(_run(rate_hz, seconds(20, 9.0, 0.0))) == [False, False, False, False]
    assert _active(_run(rate_hz, seconds(40, 9.0, 0.0))) == [True, False, False, False]
    assert _active(_run(rate_hz, seconds(10, 3.0, 1.0))) == [False, False, False, False]
    assert _active(_run(rate_hz, seconds(20, 3.0, 1.0))) == [False, True, False, False]
    assert _active(_run(rate_hz, seconds(40, 9.0, 1.0))) == [False, True, False, False], "a limit rests in a phase"


def test_where_the_stream_is_cut_changes_nothing():
    rng = np.random.default_rng(2)
    samples = np.stack([rng.normal(3.0, 1.0, 900), np.zeros(900)]).astype(np.float32)
    whole, cut = _run(1.0, samples), _run(1.0, samples, cuts=36)
    assert cut.rules == whole.rules
    assert cut.partial == whole.partial
    assert cut.doors[0].to_bytes() == whole.doors[0].to_bytes()


def test_after_a_gap_delays_begin_anew_and_an_alarm_stands():
    warm = np.float32([[9.0] * 20, [0.0] * 20]) + np.float32(0.01) * np.arange(20)
    before = _run(1.0, warm)
    assert _active(_run(1.0, warm, watched=before))[0]
    assert not _active(_run(1.0, warm, watched=interrupted(before)))[0]
    standing = _run(1.0, np.tile(warm, 2))
    assert _active(interrupted(standing))[0]


def test_a_missing_value_is_neither_outside_nor_inside():
    rng = np.random.default_rng(3)
    warm = np.stack([9.0 + rng.normal(0.0, 0.01, 25), np.zeros(25)]).astype(np.float32)
    nothing = np.float32([[np.nan] * 30, [0.0] * 30])
    assert not _active(_run(1.0, np.concatenate([warm, nothing], axis=1)))[0]
    assert _active(_run(1.0, np.concatenate([warm, nothing, warm[:, :10]], axis=1)))[0]
