"""A cold room that does not exist behaves like one: it cycles, defrosts, and warms where its door stands open."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from edge_agent.sources.base import SourceError, SourcePosition, SourceRequest, WantedChannel
from edge_agent.sources.cold_room import ColdRoom, Options, RoomPhysics, door_is_open, open_source
from models.contract.units import parse_unit

START_NS = 1_772_323_200_000_000_000


def _day(number=1, **left):
    room = ColdRoom(RoomPhysics(seed=3), **left)
    return next(itertools.islice(room.days(), number, None))


def _request(tmp_path, channels=(("ROOM.T", "degC", "air"), ("DOOR.S", "1", "door")), **more):
    wanted = tuple(WantedChannel(name, parse_unit(unit), source) for name, unit, source in channels)
    usual = {"sample_rate_hz": 0.1, "speed_rpm": None, "directory": tmp_path, "speed": math.inf, "start_ns": START_NS}
    return SourceRequest(machine="room-1", channels=wanted, **{**usual, **more})


async def _blocks(source, start, count):
    blocks = []
    async for block in source.blocks(start):
        blocks.append(block)
        if len(blocks) == count:
            return blocks
    return blocks


def test_the_thermostat_holds_the_air_and_the_compressor_cycles():
    day = _day()
    assert 1.0 < np.percentile(day["air"], 5) < np.percentile(day["air"], 95) < 5.5
    running = day["compressor"] > 2.0
    assert 0.2 < running.mean() < 0.8
    assert 40 < np.count_nonzero(np.diff(running.astype(int)) == 1) < 200


def test_a_defrost_comes_every_seven_hours_and_warms_evaporator_and_air():
    day = _day()
    heating = day["heater"] > 2.0
    starts = np.flatnonzero(np.diff(heating.astype(int)) == 1) + 1
    assert np.allclose(np.diff(starts) * 5.0 / 3_600.0, 7.0, atol=0.01)
    first = starts[0]
    length = np.flatnonzero(~heating[first:])[0]
    assert 10.0 <= length * 5.0 / 60.0 <= 30.0
    assert day["evaporator"][first + length - 1] > 10.0
    assert day["air"][first : first + length].max() > day["air"][first] + 0.5
    assert not (heating & (day["compressor"] > 2.0)).any()


def test_people_open_the_door_for_seconds_to_a_minute_in_working_hours():
    is_open = door_is_open(RoomPhysics(seed=3), 5)
    edges = np.diff(is_open.astype(int), prepend=0, append=0)
    lengths = (np.flatnonzero(edges == -1) - np.flatnonzero(edges == 1)) * 5.0
    assert 20 < len(lengths) < 120
    assert lengths.max() <= 65.0
    hours = np.flatnonzero(is_open) * 5.0 / 3_600.0
    assert 6.0 <= hours.min() <= hours.max() <= 18.0


def test_a_door_left_open_warms_the_air_fast_and_then_holds_it():
    begin_s = 86_400.0 + 70_000.0
    shut, left = _day(), _day(left_open=((begin_s, begin_s + 1_200.0),))
    step = round((begin_s - 86_400.0) / 5.0)
    warmer = (left["air"] - shut["air"])[step : step + 240]
    # Means, because the compressor starts at another moment than in the room with the door shut.
    early, late = warmer[36:96].mean(), warmer[180:].mean()
    assert early > 1.5
    assert 0.5 * early < late < 2.0 * early


def test_the_balances_hold_their_energy():
    """A room without any heat from outside, without cooling: all bodies meet at one temperature."""
    physics = RoomPhysics(
        wall_w_k=0.0, cooling_w=0.0, fans_w=0.0, heater_w=0.0, openings_per_hour=1e-6, delivery_w_h=0.0, noise_k=0.0
    )
    days = list(itertools.islice(ColdRoom(physics).days(), 3))
    bodies = [days[-1][name][-1] for name in ("air", "product", "evaporator")]
    capacity = {"air": 1.25e3 * 60.0, "surface": 1.5e6, "core": 6.0e6, "evaporator": 4.0e4}
    begun = {"air": 2.0, "surface": 3.0, "core": 3.0, "evaporator": 2.0}
    mean = sum(capacity[name] * begun[name] for name in capacity) / sum(capacity.values())
    assert np.allclose(bodies, mean, atol=0.01)


async def test_the_same_seed_gives_the_same_samples_and_a_restart_goes_on(tmp_path):
    request = _request(tmp_path)
    whole = await _blocks(open_source(request, Options(seed=4)), SourcePosition(7, 0), 20)
    detail = str(START_NS)
    rest = await _blocks(open_source(request, Options(seed=4)), SourcePosition(7, 12, detail), 8)
    assert whole[0].epoch == 7
    assert rest[0].first_index == whole[12].first_index == 12
    assert np.array_equal(rest[0].samples, whole[12].samples)
    assert rest[0].end_ns == whole[12].end_ns == START_NS + 130 * 10**9
    assert all(block.samples.dtype == np.float32 for block in whole)


async def test_days_follow_each_other_without_a_gap(tmp_path):
    blocks = await _blocks(open_source(_request(tmp_path), Options()), SourcePosition(1, 8_636), 10)
    assert [block.first_index for block in blocks] == list(range(8_636, 8_646))


@pytest.mark.parametrize(
    ("channels", "more", "message"),
    [
        ((("ROOM.T", "degC", "aire"),), {}, "has no 'aire'; set source_channel to one of air, product"),
        ((("ROOM.T", "degF", "air"),), {}, 'set unit = "degC" instead of "degF"'),
        ((("ROOM.T", "degC", "air"),), {"sample_rate_hz": 100.0}, "no more than 10 Hz"),
    ],
)
def test_what_no_such_room_has_is_refused_by_name(tmp_path, channels, more, message):
    with pytest.raises(SourceError, match=message):
        open_source(_request(tmp_path, channels, **more), Options())
