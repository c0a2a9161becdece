"""A machine that does not exist, as a source: for the demo, for tests, and for trying a configuration.

The options become a `MachinePhysics`; then half seconds of it are handed out as a real sensor would, at the pace that
was asked for. The simulated machine is addressable by sample index, so going on after a restart needs nothing but the
time of the first sample.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from edge_agent.sources.base import Pace, SourceError, SourceFacts, first_sample_ns
from edge_agent.sources.plant.faults import Fault, FaultGrowth, SensorFailure, SensorFault
from edge_agent.sources.plant.impacts import BearingOrders
from edge_agent.sources.plant.machine import MachinePhysics, PlantMachine
from edge_agent.sources.plant.programme import OperatingPoint, OperatingProgramme
from edge_agent.sources.plant.sensor import STANDARD_GRAVITY_M_S2, WORD_BYTES
from models.context import SPEED, ContextSample
from models.contract.units import convert
from models.signal.windows import Block

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from edge_agent.sources.base import SourcePosition, SourceRequest

DEFAULT_SAMPLE_RATE_HZ = 25_600.0
"""What wired industrial vibration sensors commonly deliver."""


_CONTEXT_UNITS = {SPEED: "rpm", "load": "%"}
"""What the simulated controller says, and in which unit: load in percent of the rated one."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PointOptions(_Strict):
    """One set point of the programme; see `OperatingPoint`."""

    at_s: float = Field(ge=0.0)
    speed_rpm: float = Field(ge=0.0, le=60_000.0)
    load: float = Field(default=1.0, ge=0.0, le=3.0)


class FaultOptions(_Strict):
    """One fault that grows; see `FaultGrowth`."""

    fault: Fault
    point: str
    onset_s: float = Field(ge=0.0)
    time_constant_s: float = Field(gt=0.0)
    plateau: float = Field(default=1.0, gt=0.0, le=3.0)


class SensorFailureOptions(_Strict):
    """One sensor that fails; see `SensorFailure`."""

    fault: SensorFault
    channel: str
    from_s: float = Field(ge=0.0)
    until_s: float = float("inf")


class Options(_Strict):
    """Keys of `[machine.source]` with `kind = "simulated"`, beside those that every source has.

    Attributes:
        seed: the same seed gives the same samples.
        duration_s: of the time-lapse when `speed` is above 1 and no `start` is given.
        programme: set points; empty: the machine's nominal speed for ever.
        programme_period_s: the programme repeats after this time.
        speed_measured: whether a tachometer's reading comes with the samples.
        passing_orders: vanes, blades or teeth per turn.
        mains_hz: of the supply.
        velocity_rms_mm_s, acceleration_rms_m_s2: levels of the healthy machine at rated speed.
        fault: what grows in the machine.
        sensor_failure: what fails in its sensors.
    """

    seed: int = Field(default=1, ge=0, lt=2**53)
    duration_s: float = Field(default=3600.0, gt=0.0)
    programme: tuple[PointOptions, ...] = ()
    programme_period_s: float | None = Field(default=None, gt=0.0)
    speed_measured: bool = True
    passing_orders: tuple[float, ...] = ()
    mains_hz: float = Field(default=50.0, gt=0.0)
    velocity_rms_mm_s: float = Field(default=1.0, gt=0.0, le=20.0)
    acceleration_rms_m_s2: float = Field(default=2.0, gt=0.0, le=100.0)
    fault: tuple[FaultOptions, ...] = ()
    sensor_failure: tuple[SensorFailureOptions, ...] = ()


class SimulatedSource:
    """Samples of one simulated machine; implements `Source`.

    Args:
        physics: of the machine.
        request: what the configuration says beside the physics: pace, start, nominal speed.
        options: the rest of the source's own keys.
        clock_ns: the wall clock.
    """

    def __init__(
        self,
        physics: MachinePhysics,
        request: SourceRequest,
        options: Options,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        try:
            self._machine = PlantMachine(physics)
        except ValueError as error:
            raise SourceError(f"machine {request.machine}, [machine.source]: {error}") from error
        self._request = request
        self._options = options
        self._clock_ns = clock_ns
        self._start_ns = 0

    @property
    def facts(self) -> SourceFacts:
        """Return channels, rate and word of the simulated sensors."""
        physics = self._machine.physics
        return SourceFacts(
            channels=physics.channel_names,
            sample_rate_hz=physics.sample_rate_hz,
            word_bytes=WORD_BYTES,
            raw_rate_hz=physics.sample_rate_hz,
            speed_rpm=physics.rated_speed_rpm,
            speed_measured=self._options.speed_measured,
            context=tuple(wanted.name for wanted in self._request.context if wanted.name in _CONTEXT_UNITS),
        )

    @property
    def detail(self) -> str:
        """Return the time of the very first sample in ns UTC."""
        return str(self._start_ns)

    async def blocks(self, start: SourcePosition) -> AsyncIterator[Block]:
        """Yield half seconds from `start.next_index` on, for ever; see `Source.blocks`."""
        self._start_ns = self._first_sample_ns(start.detail)
        rate = self.facts.sample_rate_hz
        pace = Pace(self._time_ns(start.next_index), self._clock_ns(), self._request.speed)
        count = max(1, round(rate / 2.0))
        index = start.next_index
        while True:
            end_ns = self._time_ns(index + count)
            await pace.wait(end_ns, self._clock_ns)
            acceleration_g = self._machine.samples(index, count)
            yield Block(
                first_index=index,
                epoch=start.epoch,
                samples=acceleration_g * np.float32(STANDARD_GRAVITY_M_S2),
                end_ns=end_ns,
                speed_rpm=self._machine.speed_rpm(index, count) if self._options.speed_measured else None,
                word_bytes=WORD_BYTES,
                context=self._context(index, index + count),
            )
            index += count

    def _context(self, first_index: int, end_index: int) -> tuple[ContextSample, ...]:
        """Return what the machine's controller says in these samples: twice a second, wherever blocks begin."""
        wanted = [one for one in self._request.context if one.name in _CONTEXT_UNITS]
        if not wanted:
            return ()
        rate = self.facts.sample_rate_hz
        step = max(1, round(rate / 2.0))
        samples = []
        for index in range(-(-first_index // step) * step, end_index, step):
            speed_hz, load, _turns = self._machine.physics.programme.at(np.array([index / rate]))
            truth = {SPEED: float(speed_hz[0]) * 60.0, "load": float(load[0]) * 100.0}
            for one in wanted:
                value = convert(truth[one.name], _CONTEXT_UNITS[one.name], one.unit)
                samples.append(ContextSample(one.name, self._time_ns(index), value))
        return tuple(samples)

    def _first_sample_ns(self, detail: str) -> int:
        if detail:
            return int(detail)
        if self._request.start_ns is not None:
            return self._request.start_ns
        return first_sample_ns(self._clock_ns(), self._options.duration_s, self._request.speed)

    def _time_ns(self, index: int) -> int:
        # Whole numbers first: a float of nanoseconds since 1970 is only good to a quarter of a microsecond.
        return self._start_ns + index * 1_000_000_000 // round(self.facts.sample_rate_hz)


def open_source(request: SourceRequest, options: Options) -> SimulatedSource:
    """Return the simulated machine that a configuration describes.

    Raises:
        SourceError: a channel is not in g, a fault names a point without a bearing or a channel that is not there,
            the programme is out of order, or no speed is known.
    """
    where = f"machine {request.machine}, [machine.source]"
    names = tuple(channel.name for channel in request.channels)
    for channel in request.channels:
        if channel.unit.name != "g":
            raise SourceError(
                f"machine {request.machine}, channel {channel.name}: simulated sensors report in g; "
                f'set unit = "g" instead of "{channel.unit.name}"'
            )
    missing = [failure.channel for failure in options.sensor_failure if failure.channel not in names]
    if missing:
        raise SourceError(
            f"{where}: sensor_failure names {missing[0]}, which is none of the channels {', '.join(names)}"
        )
    rated_speed_rpm = request.speed_rpm or max((point.speed_rpm for point in options.programme), default=0.0)
    if rated_speed_rpm <= 0.0:
        raise SourceError(f"{where}: a simulated machine needs speed_rpm or a programme with a speed")
    try:
        programme = OperatingProgramme(
            tuple(OperatingPoint(point.at_s, point.speed_rpm, point.load) for point in options.programme)
            or (OperatingPoint(0.0, rated_speed_rpm),),
            period_s=options.programme_period_s,
            seed=options.seed,
        )
    except ValueError as error:
        raise SourceError(f"{where}: {error}") from error
    physics = MachinePhysics(
        seed=options.seed,
        sample_rate_hz=request.sample_rate_hz or DEFAULT_SAMPLE_RATE_HZ,
        channel_names=names,
        rated_speed_rpm=rated_speed_rpm,
        programme=programme,
        bearings=_bearings(request),
        passing_orders=options.passing_orders,
        mains_hz=options.mains_hz,
        velocity_rms_mm_s=options.velocity_rms_mm_s,
        acceleration_rms_m_s2=options.acceleration_rms_m_s2,
        faults=tuple(
            FaultGrowth(growth.fault, growth.point, growth.onset_s, growth.time_constant_s, growth.plateau)
            for growth in options.fault
        ),
        sensor_failures=tuple(
            SensorFailure(failure.fault, failure.channel, failure.from_s, failure.until_s)
            for failure in options.sensor_failure
        ),
    )
    return SimulatedSource(physics, request, options)


def _bearings(request: SourceRequest) -> dict[str, BearingOrders]:
    """Return the bearing at each point, as the channels there name it."""
    return {
        channel.name.partition(".")[0]: BearingOrders(
            channel.bearing.bpfo, channel.bearing.bpfi, channel.bearing.bsf, channel.bearing.ftf
        )
        for channel in request.channels
        if channel.bearing is not None
    }
