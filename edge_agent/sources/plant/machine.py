"""One simulated machine: what its sensors report, addressable by sample index.

Second by second: where the shaft is and how hard it runs (`programme`), how far each fault has come (`faults`); then
what turns (`shaft`), what strikes (`impacts`) and what rushes, each through the housing (`structure`) to every
sensor, and what the sensor makes of it (`sensor`). A second depends on the seed and its own number alone; ring-downs
reach into the next one, so the second before is made too when it is not at hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edge_agent.sources.plant.faults import Fault, FaultGrowth, SensorFailure
from edge_agent.sources.plant.impacts import BearingOrders, ImpactTrain
from edge_agent.sources.plant.sensor import failed, quantised_g
from edge_agent.sources.plant.shaft import ChannelAt, ShaftPattern, fault_pattern, phasor_powers, running_pattern
from edge_agent.sources.plant.structure import FilterGrid, Mode, Spectrum, drawn_modes, struck_modes, transfer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edge_agent.sources.plant.programme import OperatingProgramme

FloatArray = NDArray[np.float64]
Signal = NDArray[np.float32]

_BLOW_RMS_M_S2: Mapping[Fault, float] = {Fault.OUTER_RACE: 16.0, Fault.INNER_RACE: 20.0, Fault.BALL: 20.0}
"""Acceleration RMS of unit blows at severity 1 and rated speed, at the nearest horizontal sensor."""

_RATTLE = 2.5
"""How much louder the noise becomes when a loose foot opens, at severity 1."""

_SENSOR_NOISE_M_S2 = 0.02
_PINK_CORNER_HZ = 100.0
_MAINS_PICK_UP_M_S2 = 0.015
_MAGNETIC_PULL_M_S2 = 0.06
_SAMPLES_AT_ONCE = 4096
"""Of all orders of the shaft: for a whole second they would take as much memory as the rest of an agent's work."""


@dataclass(frozen=True, slots=True)
class MachinePhysics:
    """Everything that distinguishes one simulated machine from another.

    Attributes:
        seed: of all that is drawn: modes, phases, blows, noise.
        sample_rate_hz: whole number of samples per second.
        channel_names: `{point}.{axis}`, axis H, V or A.
        rated_speed_rpm: at which the levels below hold.
        programme: speed and load over time.
        bearings: by measurement point; needed where a bearing fault grows.
        passing_orders: what passes per turn when healthy: vanes, blades, teeth.
        mains_hz: of the supply; its pick-up and, at twice, the motor's magnetic pull.
        velocity_rms_mm_s: when healthy, horizontal, 10 to 1000 Hz.
        acceleration_rms_m_s2: broadband, when healthy, horizontal.
        faults: what grows in the machine.
        sensor_failures: what fails in its sensors.
    """

    seed: int
    sample_rate_hz: float
    channel_names: tuple[str, ...]
    rated_speed_rpm: float
    programme: OperatingProgramme
    bearings: Mapping[str, BearingOrders]
    passing_orders: tuple[float, ...] = ()
    mains_hz: float = 50.0
    velocity_rms_mm_s: float = 1.0
    acceleration_rms_m_s2: float = 2.0
    faults: tuple[FaultGrowth, ...] = ()
    sensor_failures: tuple[SensorFailure, ...] = ()


@dataclass(frozen=True, slots=True)
class _Striking:
    """A bearing fault ready to sound: the blows and one filter per channel, (channels, bins)."""

    growth: FaultGrowth
    train: ImpactTrain
    responses: Spectrum


@dataclass(frozen=True, slots=True)
class _Moment:
    """What a second is made of besides noise: (n,) each."""

    time_s: FloatArray
    relative_speed: FloatArray
    load: FloatArray
    turns: FloatArray
    first_turn: float
    last_turn: float


class PlantMachine:
    """The machine of one `MachinePhysics`; keeps only what makes the next second cheaper.

    Raises:
        ValueError: a fault names a point without a bearing or without a sensor, or the rate is not whole.
    """

    def __init__(self, physics: MachinePhysics) -> None:
        if physics.sample_rate_hz != round(physics.sample_rate_hz):
            raise ValueError(f"a simulated machine needs a whole sample rate, not {physics.sample_rate_hz} Hz")
        self.physics = physics
        self._places = [ChannelAt.named(name) for name in physics.channel_names]
        self._grid = FilterGrid.of(physics.sample_rate_hz)
        random = np.random.default_rng([physics.seed, 0])
        points = sorted({place.point for place in self._places} | {growth.point for growth in physics.faults})
        modes = {point: drawn_modes(random) for point in points}
        rated_hz = physics.rated_speed_rpm / 60.0
        self._running = running_pattern(
            self._places, rated_hz, physics.velocity_rms_mm_s, physics.passing_orders, random
        )
        self._rushing = self._flow_responses(modes, random)
        self._floor = self._grid.pink(_PINK_CORNER_HZ) * np.complex64(_SENSOR_NOISE_M_S2)
        self._turning = [
            (growth, fault_pattern(self._places, rated_hz, growth.fault, growth.point, random))
            for growth in physics.faults
            if not growth.fault.strikes
        ]
        self._striking = [
            self._ready(growth, modes[growth.point], number, random)
            for number, growth in enumerate(physics.faults)
            if growth.fault.strikes
        ]
        self._made: tuple[int, Signal, Signal] | None = None
        """Number, signal and ring-down of the second made last: the next request mostly begins there."""

    def samples(self, first_index: int, count: int) -> Signal:
        """Return what the sensors report: (channels, count) in g, in whole 16-bit steps.

        Args:
            first_index: sample index since the start of the programme, at least 0.
            count: how many samples.
        """
        size = self._grid.samples
        first_second, last_second = first_index // size, (first_index + count - 1) // size
        seconds = [self._second(number) for number in range(first_second, last_second + 1)]
        offset = first_index - first_second * size
        return np.ascontiguousarray(np.concatenate(seconds, axis=1)[:, offset : offset + count])

    def speed_rpm(self, first_index: int, count: int) -> float:
        """Return the mean shaft speed over some samples, as a tachometer would."""
        edges = np.linspace(first_index, first_index + count, 9) / self.physics.sample_rate_hz
        speed_hz, _load, _turns = self.physics.programme.at(edges)
        return float(np.mean(speed_hz) * 60.0)

    def _second(self, number: int) -> Signal:
        if self._made is not None and self._made[0] == number:
            return self._made[1]
        if self._made is not None and self._made[0] == number - 1:
            before = self._made[2]
        elif number > 0:
            before = self._through_housing(number - 1, self._moment(number - 1))[:, self._grid.samples :]
        else:
            before = np.zeros((len(self._places), self._grid.ring_down), np.float32)
        moment = self._moment(number)
        heard = self._through_housing(number, moment)
        ring_down = heard[:, self._grid.samples :]
        signal = heard[:, : self._grid.samples]
        signal[:, : self._grid.ring_down] += before
        signal += self._turning_part(moment)
        signal += self._mains(moment)
        for failure in self.physics.sensor_failures:
            row = self.physics.channel_names.index(failure.channel)
            signal[row] = failed(signal[row], failure, moment.time_s, (self.physics.seed, 6, row, number))
        self._made = (number, quantised_g(signal), ring_down)
        return self._made[1]

    def _moment(self, number: int) -> _Moment:
        size = self._grid.samples
        edges = np.arange(number * size, (number + 1) * size + 1) / self.physics.sample_rate_hz
        speed_hz, load, turns = self.physics.programme.at(edges)
        relative = speed_hz[:-1] * 60.0 / self.physics.rated_speed_rpm
        return _Moment(edges[:-1], relative, load[:-1], turns[:-1], float(turns[0]), float(turns[-1]))

    def _turning_part(self, moment: _Moment) -> Signal:
        """Return everything that turns with the shaft; forces of rotating masses grow with the speed squared."""
        patterns: list[tuple[ShaftPattern, FloatArray]] = [(self._running, moment.relative_speed**2)]
        for growth, pattern in self._turning:
            severity = growth.severity(moment.time_s)
            if severity.any():
                patterns.append((pattern, severity * moment.relative_speed**2))
        orders = sorted({order for pattern, _gain in patterns for order in pattern.half_orders})
        total = np.zeros((len(self._places), self._grid.samples), np.float32)
        for first in range(0, self._grid.samples, _SAMPLES_AT_ONCE):
            part = slice(first, first + _SAMPLES_AT_ONCE)
            powers = phasor_powers(moment.turns[part], orders)
            for pattern, gain in patterns:
                rows = powers[[orders.index(order) for order in pattern.half_orders]]
                total[:, part] += (pattern.amplitude @ rows).real * gain[part].astype(np.float32)
        return total

    def _through_housing(self, number: int, moment: _Moment) -> Signal:
        """Return noise and blows as the sensors hear them, (channels, second + ring-down)."""
        size, length = self._grid.samples, self._grid.length
        count = len(self._places)
        random = np.random.default_rng([self.physics.seed, 5, number])
        white = random.standard_normal((2, count, size), np.float32)
        white[0] *= self._rush(moment)
        spectra = np.fft.rfft(white, length)
        heard = spectra[0] * self._rushing + spectra[1] * self._floor
        for striking in self._striking:
            blows = self._blows(striking, moment)
            if blows is not None:
                heard += np.fft.rfft(blows, length) * striking.responses
        return np.asarray(np.fft.irfft(heard, length), np.float32)

    def _rush(self, moment: _Moment) -> Signal:
        """Return the strength of flow and friction noise per channel, (channels, n)."""
        strength = np.tile(moment.load * moment.relative_speed**2, (len(self._places), 1))
        for growth in self.physics.faults:
            severity = growth.severity(moment.time_s)
            if not severity.any():
                continue
            near = np.array([[1.0] if place.point == growth.point else [0.2] for place in self._places])
            if growth.fault is Fault.LOOSENESS:
                # Once per turn the foot lifts, and everything rattles while it is open.
                opening = (0.5 + 0.5 * np.cos(2.0 * np.pi * moment.turns)) ** 6
                strength *= 1.0 + near * _RATTLE * severity * opening
            elif growth.fault.strikes:
                strength *= 1.0 + near * 0.3 * severity
        return strength.astype(np.float32)

    def _blows(self, striking: _Striking, moment: _Moment) -> Signal | None:
        """Return the force of a damaged bearing over one second, (n,), or None when nothing strikes."""
        if moment.last_turn <= moment.first_turn or not striking.growth.severity(moment.time_s[-1:]).any():
            return None
        turns, strength = striking.train.between(moment.first_turn, moment.last_turn)
        size = self._grid.samples
        at = np.interp(turns, np.append(moment.turns, moment.last_turn), np.arange(size + 1))
        index = np.minimum(at.astype(int), size - 1)
        strength = (
            strength
            * striking.growth.severity(moment.time_s[index])
            * moment.load[index]
            * moment.relative_speed[index] ** 1.5
        )
        return np.bincount(index, strength, size).astype(np.float32)

    def _mains(self, moment: _Moment) -> Signal:
        """Return pick-up in the cable and, while it runs, the motor's magnetic pull, (n,)."""
        angle = 2.0 * np.pi * np.mod(moment.time_s * self.physics.mains_hz, 1.0)
        pull = _MAGNETIC_PULL_M_S2 * moment.load * (moment.relative_speed > 0.0)
        return np.asarray(_MAINS_PICK_UP_M_S2 * np.cos(angle) + pull * np.cos(2.0 * angle + 1.0), np.float32)

    def _flow_responses(self, modes: Mapping[str, tuple[Mode, ...]], random: np.random.Generator) -> Spectrum:
        rows = []
        for place in self._places:
            response = self._grid.modal(transfer(modes[place.point], place, place.point, random))
            share = {"H": 1.0, "V": 0.85, "A": 0.6}[place.axis] * float(random.uniform(0.9, 1.1))
            rows.append(self._grid.unit_noise(response) * np.float32(self.physics.acceleration_rms_m_s2 * share))
        return np.asarray(rows, np.complex64)

    def _ready(
        self, growth: FaultGrowth, modes: tuple[Mode, ...], number: int, random: np.random.Generator
    ) -> _Striking:
        if growth.point not in self.physics.bearings:
            raise ValueError(f"{growth.fault} at {growth.point}: no bearing is known there")
        seed = self.physics.seed * 1000 + number
        train = ImpactTrain.drawn(growth.fault, self.physics.bearings[growth.point], seed)
        struck = struck_modes(modes, random)
        blows_per_sample = train.blows_per_turn * self.physics.rated_speed_rpm / 60.0 / self.physics.sample_rate_hz
        here = self._grid.modal(transfer(struck, ChannelAt(growth.point, "H"), growth.point, random))
        scale = _BLOW_RMS_M_S2[growth.fault] / (self._grid.noise_gain(here) * np.sqrt(blows_per_sample))
        rows = [self._grid.modal(transfer(struck, place, growth.point, random)) for place in self._places]
        return _Striking(growth, train, np.asarray(rows, np.complex64) * np.complex64(scale))
