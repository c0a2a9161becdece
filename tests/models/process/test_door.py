"""A door left open is known by the air within three minutes, in rooms of other sizes and habits.

The rooms differ in volume, temperatures, probe, fans, habits and noise from the one the source ships with; in each the
door is forgotten once a day at a time drawn by chance, defrosts and nights included.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from edge_agent.sources.cold_room import ColdRoom, RoomPhysics
from models.process import door

FREEZER = RoomPhysics(
    seed=11,
    fans_always=False,
    volume_m3=250.0,
    surface_w_k=2_200.0,
    surface_j_k=6e6,
    core_j_k=3e7,
    core_w_k=900.0,
    wall_w_k=90.0,
    door_w_k15=100.0,
    cooling_w=9_000.0,
    evaporator_w_k=1_500.0,
    evaporator_j_k=1e5,
    ice_j_k=3e5,
    fans_w=700.0,
    heater_w=5_000.0,
    on_c=-17.0,
    off_c=-20.0,
    heater_end_c=8.0,
    probe_s=25.0,
    defrost_every_h=6.0,
    noise_k=0.1,
)
SMALL = RoomPhysics(
    seed=12,
    fans_always=False,
    volume_m3=30.0,
    surface_w_k=400.0,
    surface_j_k=8e5,
    core_j_k=2e6,
    wall_w_k=25.0,
    door_w_k15=50.0,
    cooling_w=1_800.0,
    evaporator_w_k=300.0,
    fans_w=120.0,
    defrost_every_h=8.0,
    openings_per_hour=8.0,
    opening_s=(5.0, 45.0),
)
CHANNELS = ("air", "evaporator", "compressor", "heater")
DAY_S = 86_400.0


def _watched(physics, days, left_open, rise):
    """Return (seconds, memory) of each change of the alarm, at a value every ten seconds, and the last memory."""
    room, memory, changes, at_s = ColdRoom(physics, left_open), door.begin(3, 1), [], 0.0
    for number, day in enumerate(itertools.islice(room.days(), days)):
        values = room.measured(day, CHANNELS, np.arange(0.0, DAY_S, door.STEP_S), number)
        for air, evaporator, compressor, heater in values.T.tolist():
            at_s += door.STEP_S
            was = memory.active
            phase = 0 if heater > 2.0 else 1 if compressor > 2.0 else 2
            memory = door.step(memory, (air, evaporator), phase, rise=rise)
            if memory.active != was:
                changes.append((at_s, memory))
    return changes, memory


# A freezer is 40 K colder than what is outside, twice as much as a cold store: so is what an open door does.
@pytest.mark.parametrize(("physics", "rise"), [(FREEZER, 3.0), (SMALL, 1.5)], ids=["freezer", "small"])
def test_a_forgotten_door_is_found_within_three_minutes_and_no_opening_is_taken_for_one(physics, rise):
    days = 30
    times = np.random.default_rng(4).uniform(0.0, 80_000.0, days - 2)
    left_open = tuple((day * DAY_S + at, day * DAY_S + at + 900.0) for day, at in enumerate(times, start=2))
    changes, _ = _watched(physics, days, left_open, rise)
    began = [at_s for at_s, memory in changes if memory.active]
    found = [next((at - begin for at in began if begin <= at <= end), np.inf) for begin, end in left_open]
    false = [at for at in began if not any(begin <= at <= end + 60.0 for begin, end in left_open)]
    assert max(found) <= 180.0
    assert false == []
    returned = [at_s for at_s, memory in changes if not memory.active]
    assert all(any(end < at <= end + 600.0 for at in returned) for _, end in left_open)


def test_while_learning_nothing_is_said_and_afterwards_the_rise_is_told():
    left_open = ((40_000.0, 40_240.0), (1.5 * DAY_S, 1.5 * DAY_S + 900.0))
    changes, memory = _watched(RoomPhysics(seed=7), 2, left_open, 1.5)
    assert [memory.active for _, memory in changes] == [True, False]
    assert changes[0][0] - 1.5 * DAY_S <= 180.0
    assert changes[0][1].rise > 2.0
    assert memory.seen.size == 0


def test_the_memory_goes_on_to_the_bit_in_learning_and_after():
    changes, learnt = _watched(RoomPhysics(seed=7), 2, (), 1.5)
    assert changes == []
    _, learning = _watched(RoomPhysics(seed=7), 1, (), 1.5)
    for memory in (learnt, learning, door.interrupted(learnt)):
        again = door.DoorMemory.from_bytes(memory.to_bytes())
        assert again.to_bytes() == memory.to_bytes()
        one = door.step(memory, (3.0, -4.0), 1)
        assert door.step(again, (3.0, -4.0), 1).to_bytes() == one.to_bytes()


def test_a_gap_forgets_the_last_minutes_and_not_the_room():
    _, memory = _watched(RoomPhysics(seed=7), 2, (), 1.5)
    after = door.step(memory, (float("nan"), -4.0), 1)
    assert after.model is memory.model
    assert after.history == ()
    assert not after.active


def test_a_coarse_converter_gives_no_alarm_by_its_steps():
    """Half a kelvin per step: the least scatter is that of the converter."""
    values = np.float32(np.round(np.sin(np.arange(8_640) / 60.0)[:, None] * 4.0) / 2.0)
    model = door.fit(values, np.zeros(len(values), np.int8), 1)
    assert model.scale[0] >= 0.5 / 12.0**0.5 / door.BLOCK_STEPS
