"""What a recording is once it is read: channels with units, stretches of samples, and what the file knew about itself.

Samples stay in the recording's own unit until `in_si()` is asked for, so that a reader never guesses: a unit, a rate
or a speed that neither the file nor the person stated is None.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from models.contract.errors import InputError
from models.contract.units import convert_factor, is_sound, parse_unit

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

ASSUMED_WORD_BYTES: Final = 2
"""Text and floating point files do not say how wide the sensor's words were; 16 bits is the narrowest in use, so
that savings against the raw stream are never overstated."""

_INSIDE: Final = {"acceleration": "m/s2", "velocity": "mm/s", "displacement": "um"}
"""What vibration is kept in inside, by quantity."""


class RecordingError(InputError):
    """A file that cannot be used as a recording; says what, where and what to do."""


@dataclass(frozen=True, slots=True)
class Channel:
    """One column of samples.

    Attributes:
        name: short and equal over files of one set (`DE`, not `X118_DE_time`).
        unit: as `models.contract.units` spells it, or None where neither file nor person said.
        source_name: what the file calls it.
    """

    name: str
    unit: str | None = None
    source_name: str = ""


@dataclass(frozen=True, slots=True)
class Segment:
    """One uninterrupted stretch.

    Attributes:
        start_s: seconds after the first sample of the recording.
        samples: float32 (channels, n).
    """

    start_s: float
    samples: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Recording:
    """Channels and their samples.

    Attributes:
        path: where it was read from.
        channels: in the order of the rows of every segment.
        sample_rate_hz: of all channels, or None.
        segments: at least one; several for snapshot sets.
        speed_rpm: shaft speed, or None.
        start_ns: wall time UTC of the first sample, or None.
        word_bytes: width of one sample as the sensor delivered it.
        notes: what a person should know about the reading (irregular sampling, columns left out).
        times_s: float64 (n,) seconds after the first sample where a single segment came with a time column.
    """

    path: Path
    channels: tuple[Channel, ...]
    sample_rate_hz: float | None
    segments: tuple[Segment, ...]
    speed_rpm: float | None = None
    start_ns: int | None = None
    word_bytes: int = ASSUMED_WORD_BYTES
    notes: tuple[str, ...] = ()
    times_s: NDArray[np.float64] | None = field(default=None, compare=False)

    @property
    def samples_per_channel(self) -> int:
        """Return the samples of one channel over all segments."""
        return sum(int(segment.samples.shape[1]) for segment in self.segments)

    @property
    def duration_s(self) -> float | None:
        """Return the recorded seconds, pauses between segments left out; None without a rate."""
        return None if self.sample_rate_hz is None else self.samples_per_channel / self.sample_rate_hz

    def in_si(self) -> Recording:
        """Return the same recording with vibration in the units that the mathematics works in.

        Acceleration becomes m/s², velocity mm/s, displacement µm, sound Pa; temperatures and other process values
        stay as they are, because a plant reads °C and bar.

        Raises:
            RecordingError: a channel whose unit is not known.
            UnitError: a unit that is not in the table.
        """
        factors, channels = [], []
        for channel in self.channels:
            if channel.unit is None:
                raise RecordingError(
                    f"{self.path}: the unit of channel {channel.name} is not stated: say it (--unit g, m/s2, mm/s, Pa)"
                )
            unit = parse_unit(channel.unit)
            inside = "Pa" if is_sound(unit) else _INSIDE.get(unit.quantity, unit.name)
            factors.append(convert_factor(unit, inside))
            channels.append(replace(channel, unit=inside))
        if all(factor == 1.0 for factor in factors):
            return replace(self, channels=tuple(channels))
        scale = np.array(factors, np.float32)[:, None]
        segments = tuple(Segment(segment.start_s, segment.samples * scale) for segment in self.segments)
        return replace(self, channels=tuple(channels), segments=segments)
