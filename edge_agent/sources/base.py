"""What every source of samples offers, and how fast it may hand them out.

A source is one file in this folder and one row in `SOURCES`. The configuration's `[machine.source]` table is
validated by the module's own pydantic model `Options`; then `open_source(request, options)` opens it, its `facts` say
what will come, and `blocks(start)` yields it from the stored position on. Acceleration leaves a source in m/s², sound
in Pa, slow signals in the unit of the configuration; all float32, with their channel names in the order of the
configuration.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from models.contract.errors import InputError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from models.contract.units import Unit
    from models.diagnosis.bearings import Bearing
    from models.signal.windows import Block


class SourceError(InputError):
    """A source cannot be opened or read; says which, why, and what to do."""


@dataclass(frozen=True, slots=True)
class WantedChannel:
    """One `[[machine.channel]]` of the configuration.

    Attributes:
        name: `{point}.{axis}`, e.g. `DE.H`.
        unit: of what the sensor or the recording delivers.
        source_channel: name in the recording, or None for the channel's own place in the order.
        bearing: at this point, or None.
        is_sound: a microphone's, to be brought into Pa; a slow pressure stays as it is.
    """

    name: str
    unit: Unit
    source_channel: str | None = None
    bearing: Bearing | None = None
    is_sound: bool = False


@dataclass(frozen=True, slots=True)
class WantedContext:
    """One `[[machine.context]]` of the configuration that has to be measured.

    Attributes:
        name: of the context channel.
        unit: in which its values must come.
        source_channel: name in the recording, or None for what the source has under the channel's own name.
    """

    name: str
    unit: Unit
    source_channel: str | None = None


@dataclass(frozen=True, slots=True)
class SourceRequest:
    """What the configuration says about the source of one machine.

    Attributes:
        machine: name of the machine.
        channels: in the order in which blocks must carry them.
        sample_rate_hz: rate at which the machine is judged, or None for the source's own.
        speed_rpm: nominal shaft speed, or None.
        directory: folder of the configuration file; relative paths start here.
        speed: 1.0 is real time; above, the source starts in the past and runs faster until it has caught up with
            the wall clock.
        start_ns: wall time of the very first sample in ns UTC, or None for "now" (with `speed` above 1: far enough
            in the past that everything there is has been played when the wall clock is reached).
        context: values of a controller that blocks should carry.
    """

    machine: str
    channels: tuple[WantedChannel, ...]
    sample_rate_hz: float | None
    speed_rpm: float | None
    directory: Path
    speed: float = 1.0
    start_ns: int | None = None
    context: tuple[WantedContext, ...] = ()


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """What a source will deliver.

    Attributes:
        channels: names in the order of `Block.samples`.
        sample_rate_hz: after decimation, of the blocks.
        word_bytes: bytes of one sample on the sensor's side; raw bytes = samples × channels × this.
        raw_rate_hz: rate of the sensor or recording before decimation; raw bytes are counted at this rate.
        speed_rpm: stated shaft speed, or None.
        speed_measured: the speed in its blocks is a tachometer's, not a nameplate's or a file's.
        context: names of the context channels that its blocks carry.
    """

    channels: tuple[str, ...]
    sample_rate_hz: float
    word_bytes: int
    raw_rate_hz: float
    speed_rpm: float | None = None
    speed_measured: bool = False
    context: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SourcePosition:
    """Where to go on after a restart; stored by the journal together with what was decided up to there.

    Attributes:
        epoch: names the stream; a new one whenever sample numbers start again without their place being known.
        next_index: first sample that is still needed, counted from the start of the epoch.
        detail: what this source must remember to go on, in its own words (`Source.detail`); empty at first start.
    """

    epoch: int
    next_index: int
    detail: str = ""


class Source(Protocol):
    """Samples of one machine."""

    @property
    def facts(self) -> SourceFacts:
        """Return what will come; constant once the source is open."""

    @property
    def detail(self) -> str:
        """Return what the source wants back in `SourcePosition.detail`; valid from the first block on."""

    def blocks(self, start: SourcePosition) -> AsyncIterator[Block]:
        """Yield blocks of at most about half a second from `start.next_index` on, no earlier than their own time.

        The blocks carry `start.epoch`. Ending means: there is no more data. The same start gives the same blocks.

        Raises:
            SourceError: the data cannot be read.
        """


class SourceModule(Protocol):
    """What a row of `SOURCES` points to."""

    Options: type[Any]
    """pydantic model of the source's own keys in `[machine.source]`, strict and frozen."""

    def open_source(self, request: SourceRequest, options: Any) -> Source:
        """Return the opened source.

        Raises:
            SourceError: a file is missing, a rate is too low, a channel is not there.
        """


@dataclass(frozen=True, slots=True)
class Pace:
    """When samples of a replay or simulation may be handed out.

    >>> pace = Pace(data_start_ns=0, wall_start_ns=1_000_000_000_000, speed=10.0)
    >>> pace.due_ns(100_000_000_000)  # 100 s of data after 10 s
    1010000000000
    >>> pace.due_ns(2_000_000_000_000)  # caught up: not before its own time
    2000000000000

    Attributes:
        data_start_ns: time of the first sample handed out since the (re)start.
        wall_start_ns: wall clock then.
        speed: data seconds per wall second; `inf` is as fast as possible.
    """

    data_start_ns: int
    wall_start_ns: int
    speed: float

    def due_ns(self, data_ns: int) -> int:
        """Return the wall time in ns at which samples up to `data_ns` may leave: never before their own time."""
        return max(self.wall_start_ns + int((data_ns - self.data_start_ns) / self.speed), data_ns)

    async def wait(self, data_ns: int, clock_ns: Callable[[], int]) -> None:
        """Return once samples up to `data_ns` may leave; always lets other tasks run."""
        await asyncio.sleep(max(0.0, (self.due_ns(data_ns) - clock_ns()) / 1e9))


def first_sample_ns(now_ns: int, duration_s: float, speed: float) -> int:
    """Return when the data must begin so that a time-lapse of `duration_s` ends as it reaches the wall clock.

    >>> first_sample_ns(now_ns=1_000_000_000_000, duration_s=100.0, speed=1.0)
    1000000000000
    >>> first_sample_ns(now_ns=1_000_000_000_000, duration_s=100.0, speed=10.0)
    910000000000
    """
    return now_ns - int(duration_s * (1.0 - 1.0 / speed) * 1e9)
