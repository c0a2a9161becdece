"""A cold room that does not exist, as a source: for tests, and for trying limits, rates and the door rule.

Heat balances of five bodies, in steps of five seconds: the air, the surfaces around it (walls, shelves, packaging), the
goods' core, the evaporator, and the lag of the probe that a thermostat switches the compressor by. People open the door
for seconds to a minute in working hours, warm goods come in the morning, a heater melts the ice every few hours with
the compressor and the fans off, and the weather has days. What the door lets in follows the temperature difference
across it to the power of 1.5, which is why an open door at first warms the air fast and then holds it.

The day is the unit of chance: openings, deliveries and noise of a day are drawn from the seed and the day's number.
Going on after a restart means computing the room from its beginning: about a second for ten days.

Source: Gosney and Olama (1975), Heat and enthalpy gains through cold room doorways (exchange through a doorway).
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from edge_agent.sources.base import Pace, SourceError, SourceFacts, first_sample_ns
from models.signal.windows import Block

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from numpy.typing import NDArray

    from edge_agent.sources.base import SourcePosition, SourceRequest

STEP_S: Final = 5.0
"""A tenth of the fastest time constant (the probe's)."""
DAY_S: Final = 86_400.0
AIR_J_M3_K: Final = 1.25e3
"""Heat capacity of a cubic metre of cold air."""
STILL_AIR: Final = 0.12
"""Share of the evaporator's heat transfer that is left without its fans."""
WORD_BYTES: Final = 2
"""A logger's converter."""
CHANNELS: Final = {
    "air": "degC",
    "product": "degC",
    "evaporator": "degC",
    "ambient": "degC",
    "compressor": "A",
    "heater": "A",
    "humidity": "%",
    "door": "1",
}
"""What can be measured, and in which unit it is delivered."""


SWITCHED: Final = frozenset({"compressor", "heater", "door"})
"""What has no values in between."""
NOISE: Final = {"compressor": 0.05, "heater": 0.02, "humidity": 0.5, "door": 0.0}
"""Standard deviations where it is not that of the temperature probes."""


@dataclass(frozen=True, slots=True)
class RoomPhysics:
    """One room.

    Attributes:
        seed: the same seed gives the same days.
        volume_m3: of the air.
        surface_w_k: heat that passes between air and surfaces per kelvin.
        surface_j_k, core_j_k: heat capacities of surfaces and of the goods' cores.
        core_w_k: between surfaces and cores.
        wall_w_k: through the insulation.
        door_w_k15: what an open door lets in, per kelvin to the power of 1.5.
        evaporator_w_k, evaporator_j_k: between evaporator and air with the fans on; its heat capacity.
        fans_always: they run between two coolings too, as in most rooms, and rest in defrosts only.
        cooling_w, fans_w: of the compressor at an evaporator of -10 °C; heat of fans and lamps.
        on_c, off_c: the thermostat's levels.
        probe_s: time constant of the air probe.
        defrost_every_h: hours from one defrost to the next.
        ice_j_k: what the ice adds to the evaporator's heat capacity while it melts.
        heater_w, heater_end_c, heater_longest_s: a defrost ends at this evaporator temperature or after this time.
        ambient_c, ambient_swing_c: mean and daily amplitude around the room.
        openings_per_hour, opening_s: in working hours; an opening lasts between these.
        pause_s: the shortest time between two openings.
        working_hours: from, until.
        delivery_w_h: heat that the morning's delivery brings, on average.
        noise_k: of the temperature probes, standard deviation.
    """

    seed: int = 1
    volume_m3: float = 60.0
    surface_w_k: float = 700.0
    surface_j_k: float = 1.5e6
    core_j_k: float = 6.0e6
    core_w_k: float = 250.0
    wall_w_k: float = 45.0
    door_w_k15: float = 75.0
    evaporator_w_k: float = 500.0
    evaporator_j_k: float = 4.0e4
    fans_always: bool = True
    cooling_w: float = 3_000.0
    fans_w: float = 250.0
    on_c: float = 4.0
    off_c: float = 2.0
    probe_s: float = 40.0
    defrost_every_h: float = 7.0
    ice_j_k: float = 1.8e5
    heater_w: float = 2_000.0
    heater_end_c: float = 12.0
    heater_longest_s: float = 1_800.0
    ambient_c: float = 22.0
    ambient_swing_c: float = 4.0
    openings_per_hour: float = 5.0
    opening_s: tuple[float, float] = (8.0, 60.0)
    pause_s: float = 60.0
    working_hours: tuple[float, float] = (6.0, 18.0)
    delivery_w_h: float = 1_500.0
    noise_k: float = 0.05


@dataclass(slots=True)
class _Room:
    """The room's state between two steps; temperatures in °C."""

    air: float
    surface: float
    core: float
    evaporator: float
    probe: float
    cooling: bool = False
    defrosting: bool = False
    switched_s: float = -1e9
    defrost_s: float = 0.0
    dripping_until_s: float = -1e9


def door_is_open(physics: RoomPhysics, day: int) -> NDArray[np.bool_]:
    """Return for each step of a day whether people hold the door open, (steps,)."""
    rng = np.random.default_rng((physics.seed, day, 1))
    is_open = np.zeros(round(DAY_S / STEP_S), bool)
    begin_s, end_s = (3_600.0 * hour for hour in physics.working_hours)
    at_s = begin_s
    while True:
        at_s += physics.pause_s + rng.exponential(3_600.0 / physics.openings_per_hour)
        lasts_s = rng.uniform(*physics.opening_s)
        if at_s + lasts_s >= end_s:
            return is_open
        is_open[round(at_s / STEP_S) : round((at_s + lasts_s) / STEP_S)] = True
        at_s += lasts_s


class ColdRoom:
    """Computes a room day by day.

    Args:
        physics: of the room.
        left_open: (from, until) in seconds from the beginning, when the door stands open beside people's own openings.
    """

    def __init__(self, physics: RoomPhysics, left_open: tuple[tuple[float, float], ...] = ()) -> None:
        self.physics = physics
        self._left_open = left_open

    def days(self) -> Iterator[dict[str, NDArray[np.float64]]]:
        """Yield the days one after the other: values by channel, one every `STEP_S`, (steps,)."""
        physics = self.physics
        room = _Room(physics.off_c, physics.off_c + 1.0, physics.off_c + 1.0, physics.off_c, physics.off_c)
        room.defrost_s = 3_600.0 * physics.defrost_every_h
        day = 0
        while True:
            yield self._day(room, day)
            day += 1

    def _day(self, room: _Room, day: int) -> dict[str, NDArray[np.float64]]:
        physics = self.physics
        rng = np.random.default_rng((physics.seed, day, 2))
        steps = round(DAY_S / STEP_S)
        seconds: NDArray[np.float64] = np.asarray(day * DAY_S + STEP_S * np.arange(steps), np.float64)
        is_open = door_is_open(physics, day)
        for begin_s, end_s in self._left_open:
            is_open |= (seconds >= begin_s) & (seconds < end_s)
        weather = physics.ambient_c + rng.normal(0.0, 1.0)
        ambient = weather + physics.ambient_swing_c * np.sin(2.0 * np.pi * (seconds / DAY_S - 0.4))
        goods_w = np.zeros(steps)
        delivery = round((physics.working_hours[0] + rng.uniform(0.5, 3.0)) * 3_600.0 / STEP_S)
        hours = round(2.0 * 3_600.0 / STEP_S)
        goods_w[delivery : delivery + hours] = physics.delivery_w_h * rng.uniform(0.5, 1.5) / 2.0
        states = self._run(room, seconds, is_open, np.asarray(ambient, np.float64), goods_w)
        probe, core, evaporator, compressor, heater = states.T
        wet = np.convolve(is_open, np.exp(-np.arange(120) / 40.0), "full")[:steps]
        return {
            "air": probe,
            "product": core,
            "evaporator": evaporator,
            "ambient": ambient,
            "compressor": compressor * (8.0 + 0.04 * (ambient - 20.0)),
            "heater": heater * (physics.heater_w / 230.0),
            "humidity": np.clip(82.0 + 0.6 * wet - 6.0 * compressor, 0.0, 100.0),
            "door": is_open.astype(np.float64),
        }

    def measured(
        self, values: dict[str, NDArray[np.float64]], channels: tuple[str, ...], at_s: NDArray[np.float64], day: int
    ) -> NDArray[np.float32]:
        """Return what the sensors say at some times of a day, (channels, n), each with its noise.

        Args:
            values: of the day, from `days`.
            channels: names of `CHANNELS`.
            at_s: times from the beginning of the day.
            day: its number.
        """
        rng = np.random.default_rng((self.physics.seed, day, 3))
        end_s = STEP_S * np.arange(1, len(values["air"]) + 1)
        rows = []
        for name in channels:
            if name in SWITCHED:
                row = values[name][np.minimum((at_s / STEP_S).astype(int), len(end_s) - 1)]
            else:
                row = np.interp(at_s, end_s, values[name])
            rows.append(row + rng.normal(0.0, 1.0, len(at_s)) * NOISE.get(name, self.physics.noise_k))
        return np.stack(rows).astype(np.float32)

    def _run(
        self,
        room: _Room,
        seconds: NDArray[np.float64],
        is_open: NDArray[np.bool_],
        ambient: NDArray[np.float64],
        goods_w: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Return probe, core, evaporator, compressor and heater after each step, (steps, 5); the room goes on."""
        p = self.physics
        air_j_k = AIR_J_M3_K * p.volume_m3
        result = np.empty((len(seconds), 5))
        for step, (at_s, opened, outside, load_w) in enumerate(
            zip(seconds.tolist(), is_open.tolist(), ambient.tolist(), goods_w.tolist(), strict=True)
        ):
            self._switch(room, at_s)
            dripping = at_s < room.dripping_until_s
            fans_run = (p.fans_always or room.cooling) and not (room.defrosting or dripping)
            fan_w_k = p.evaporator_w_k * (1.0 if fans_run else STILL_AIR)
            to_surface = p.surface_w_k * (room.air - room.surface)
            to_core = p.core_w_k * (room.surface - room.core)
            to_evaporator = fan_w_k * (room.air - room.evaporator)
            through_door = p.door_w_k15 * max(outside - room.air, 0.0) ** 1.5 if opened else 0.0
            cold_w = p.cooling_w * (1.0 + 0.03 * (room.evaporator + 10.0)) if room.cooling else 0.0
            heat_w = p.heater_w if room.defrosting else 0.0
            fans_w = p.fans_w if fans_run else 0.0
            melting_j_k = p.ice_j_k if room.defrosting else 0.0
            room.air += STEP_S / air_j_k * (through_door + fans_w - to_surface - to_evaporator)
            room.surface += STEP_S / p.surface_j_k * (to_surface - to_core + p.wall_w_k * (outside - room.surface))
            room.core += STEP_S / p.core_j_k * (to_core + load_w)
            room.evaporator += STEP_S / (p.evaporator_j_k + melting_j_k) * (to_evaporator + heat_w - max(cold_w, 0.0))
            room.probe += STEP_S / (p.probe_s + STEP_S) * (room.air - room.probe)
            result[step] = (room.probe, room.core, room.evaporator, room.cooling, room.defrosting)
        return result

    def _switch(self, room: _Room, at_s: float) -> None:
        """Let thermostat and defrost clock switch; a compressor rests and runs for at least three minutes."""
        p = self.physics
        if room.defrosting:
            if room.evaporator >= p.heater_end_c or at_s - room.switched_s >= p.heater_longest_s:
                room.defrosting = False
                # Water drips off before the fans may blow it into the room.
                room.dripping_until_s = at_s + 240.0
                room.switched_s = at_s - 60.0
            return
        if at_s >= room.defrost_s:
            room.defrost_s += 3_600.0 * p.defrost_every_h
            room.defrosting, room.cooling, room.switched_s = True, False, at_s
            return
        if at_s - room.switched_s < 180.0:
            return
        wanted = room.probe > p.on_c or (room.cooling and room.probe > p.off_c)
        if wanted != room.cooling:
            room.cooling, room.switched_s = wanted, at_s


WITH_VOLUME: Final = (
    *("volume_m3", "surface_w_k", "surface_j_k", "core_j_k", "core_w_k", "wall_w_k", "evaporator_w_k"),
    *("evaporator_j_k", "ice_j_k", "cooling_w", "fans_w", "heater_w", "delivery_w_h"),
)
"""What a larger room has more of; its door is the same."""


class LeftOpen(BaseModel):
    """The door stands open from here for so long, in seconds from the beginning."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    from_s: float = Field(ge=0.0)
    for_s: float = Field(gt=0.0)


class Options(BaseModel):
    """Keys of `[machine.source]` with `kind = "cold_room"`, beside those that every source has; see `RoomPhysics`.

    Attributes:
        seed: the same seed gives the same days.
        duration_s: of the time-lapse when `speed` is above 1 and no `start` is given.
        volume_m3, on_c, off_c, ambient_c, defrost_every_h, openings_per_hour, fans_always: of the room.
        left_open: when somebody forgets the door.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int = Field(default=1, ge=0, lt=2**53)
    duration_s: float = Field(default=86_400.0, gt=0.0)
    volume_m3: float = Field(default=60.0, ge=5.0, le=10_000.0)
    on_c: float = 4.0
    off_c: float = 2.0
    ambient_c: float = 22.0
    defrost_every_h: float = Field(default=7.0, ge=1.0)
    openings_per_hour: float = Field(default=5.0, gt=0.0, le=30.0)
    fans_always: bool = True
    left_open: tuple[LeftOpen, ...] = ()


LARGEST_RATE_HZ: Final = 10.0
"""Between the steps of the balances values are interpolated; faster is only more noise."""
DEFAULT_RATE_HZ: Final = 1.0
BLOCK_S: Final = 10.0
"""In a time-lapse; at real time a second, or one sample where they are rarer."""


class ColdRoomSource:
    """Samples of one simulated cold room; implements `Source`.

    Args:
        room: what is simulated.
        request: what the configuration says beside it: channels, rate, pace, start.
        duration_s: of a time-lapse.
        clock_ns: the wall clock.
    """

    def __init__(
        self, room: ColdRoom, request: SourceRequest, duration_s: float, clock_ns: Callable[[], int] = time.time_ns
    ) -> None:
        self._room = room
        self._request = request
        self._duration_s = duration_s
        self._clock_ns = clock_ns
        self._start_ns = 0
        self._measured = tuple(channel.source_channel or channel.name for channel in request.channels)

    @property
    def facts(self) -> SourceFacts:
        """Return channels, rate and word of the simulated loggers."""
        rate = self._request.sample_rate_hz or DEFAULT_RATE_HZ
        return SourceFacts(tuple(channel.name for channel in self._request.channels), rate, WORD_BYTES, rate)

    @property
    def detail(self) -> str:
        """Return the time of the very first sample in ns UTC."""
        return str(self._start_ns)

    def day_samples(self) -> Iterator[NDArray[np.float32]]:
        """Yield the days one after the other, (channels, samples of a day)."""
        rate = self.facts.sample_rate_hz
        for number, day in enumerate(self._room.days()):
            first = round(number * DAY_S * rate)
            at_s = (np.arange(first, round((number + 1) * DAY_S * rate))) / rate - number * DAY_S
            yield self._room.measured(day, self._measured, at_s, number)

    async def blocks(self, start: SourcePosition) -> AsyncIterator[Block]:
        """Yield blocks from `start.next_index` on, for ever; see `Source.blocks`."""
        self._start_ns = self._first_sample_ns(start.detail)
        rate = self.facts.sample_rate_hz
        pace = Pace(self._time_ns(start.next_index), self._clock_ns(), self._request.speed)
        count = max(1, round((BLOCK_S if self._request.speed > 1.0 else 1.0) * rate))
        days = self.day_samples()
        first = 0
        while True:
            samples = await asyncio.to_thread(next, days)
            end = first + samples.shape[1]
            at = max(first, start.next_index)
            while at < end:
                until = min(at + count, end)
                end_ns = self._time_ns(until)
                await pace.wait(end_ns, self._clock_ns)
                piece = np.ascontiguousarray(samples[:, at - first : until - first])
                yield Block(at, start.epoch, piece, end_ns, None, WORD_BYTES)
                at = until
            first = end

    def _first_sample_ns(self, detail: str) -> int:
        if detail:
            return int(detail)
        if self._request.start_ns is not None:
            return self._request.start_ns
        return first_sample_ns(self._clock_ns(), self._duration_s, self._request.speed)

    def _time_ns(self, index: int) -> int:
        return self._start_ns + round(index * 1_000_000_000 / self.facts.sample_rate_hz)


def open_source(request: SourceRequest, options: Options) -> ColdRoomSource:
    """Return the simulated room that a configuration describes.

    Raises:
        SourceError: a channel that no such room has, in another unit, or a rate that makes no sense.
    """
    where = f"machine {request.machine}"
    for channel in request.channels:
        measured = channel.source_channel or channel.name
        if measured not in CHANNELS:
            raise SourceError(
                f"{where}, channel {channel.name}: a cold room has no {measured!r}; "
                f"set source_channel to one of {', '.join(CHANNELS)}"
            )
        if channel.unit.name != CHANNELS[measured]:
            raise SourceError(
                f"{where}, channel {channel.name}: {measured} is measured in {CHANNELS[measured]}; "
                f'set unit = "{CHANNELS[measured]}" instead of "{channel.unit.name}"'
            )
    if request.sample_rate_hz is not None and request.sample_rate_hz > LARGEST_RATE_HZ:
        raise SourceError(f"{where}: a cold room is simulated at no more than {LARGEST_RATE_HZ:g} Hz")
    usual = RoomPhysics()
    scale = options.volume_m3 / usual.volume_m3
    physics = replace(
        usual,
        **{name: getattr(usual, name) * scale for name in WITH_VOLUME},
        seed=options.seed,
        on_c=options.on_c,
        off_c=options.off_c,
        ambient_c=options.ambient_c,
        defrost_every_h=options.defrost_every_h,
        openings_per_hour=options.openings_per_hour,
        fans_always=options.fans_always,
    )
    left_open = tuple((one.from_s, one.from_s + one.for_s) for one in options.left_open)
    return ColdRoomSource(ColdRoom(physics, left_open), request, options.duration_s)
