"""What every reader hands over: named series of one length, and the facts that stood beside them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from models.recordings.recording import ASSUMED_WORD_BYTES

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Series:
    """One channel as a file holds it.

    Attributes:
        source_name: what the file calls it.
        name: what we call it.
        unit: stated by the file, or None.
        values: real numbers, (n,) or (segments, n).
    """

    source_name: str
    name: str
    unit: str | None
    values: NDArray[np.generic]


@dataclass(frozen=True, slots=True)
class Contents:
    """A file as its reader found it; nothing is chosen or converted yet.

    Attributes:
        series: in the order of the file; may still differ in length.
        sample_rate_hz, speed_rpm, start_ns: stated by the file, or None.
        segment_start_s: seconds of each segment, or None where there is one only.
        word_bytes: width of one sample.
        notes: what a person should know.
        times_s: seconds after the first sample, (n,), where there was a time column.
    """

    series: tuple[Series, ...]
    sample_rate_hz: float | None = None
    speed_rpm: float | None = None
    start_ns: int | None = None
    segment_start_s: tuple[float, ...] | None = None
    word_bytes: int = ASSUMED_WORD_BYTES
    notes: tuple[str, ...] = ()
    times_s: NDArray[np.float64] | None = field(default=None, compare=False)
