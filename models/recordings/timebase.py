"""From a column of times to a rate, a start and a word about how regular the sampling was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from models.recordings.recording import RecordingError

if TYPE_CHECKING:
    from numpy.typing import NDArray

REGULAR_WITHIN: Final = 0.5
"""Steps that differ from the median by less than this part of it are rounding of the time stamps, not sampling."""

JITTER_SHARE: Final = 0.25
"""Up to this share of odd steps there are gaps in a regular stream, and the median is its step; beyond it every step
jitters, and only the mean says how many samples a second held."""

_EPOCHS: Final = ((1e17, 1e-9), (1e14, 1e-6), (1e11, 1e-3), (1e8, 1.0))
"""From which size on a number can only be ns, µs, ms or s since 1970 (1e8 s is the year 1973)."""


@dataclass(frozen=True, slots=True)
class Timebase:
    """What a time column says.

    Attributes:
        times_s: seconds after the first row, float64 (n,).
        sample_rate_hz: None where the column does not move.
        start_ns: wall time UTC of the first row, or None for relative seconds.
        notes: how irregular the sampling is, empty where it is regular.
    """

    times_s: NDArray[np.float64]
    sample_rate_hz: float | None
    start_ns: int | None
    notes: tuple[str, ...]


def timebase(column: NDArray[Any]) -> Timebase:
    """Return rate, start and regularity of a column of times.

    A regular column gives the mean rate, which averages out the rounding of its stamps; one with gaps gives the
    inverse of the median step, one that jitters throughout the mean again, both with a note.

    >>> timebase(np.array([0.0, 0.01, 0.02, 0.03])).sample_rate_hz
    100.0

    Args:
        column: datetime64, or numbers: seconds, or s, ms, µs, ns since 1970.

    Raises:
        RecordingError: a column that is not finite.
    """
    start_ns: int | None = None
    if column.dtype.kind == "M":
        if np.any(np.isnat(column)):
            row = int(np.flatnonzero(np.isnat(column))[0])
            raise RecordingError(f"the time column has no time in sample {row + 1}: repair it, or leave it out")
        stamps = column.astype("datetime64[ns]").astype(np.int64)
        start_ns = int(stamps[0])
        times_s = (stamps - start_ns) * 1e-9
    else:
        numbers = np.asarray(column, np.float64)
        if not np.all(np.isfinite(numbers)):
            row = int(np.flatnonzero(~np.isfinite(numbers))[0])
            raise RecordingError(f"the time column has no number in sample {row + 1}: repair it, or leave it out")
        scale = next((scale for limit, scale in _EPOCHS if abs(numbers[0]) >= limit), None)
        start_ns = None if scale is None else _nanoseconds(float(numbers[0]), round(scale * 1e9))
        times_s = (numbers - numbers[0]) * (scale or 1.0)
    seconds = np.asarray(times_s, np.float64)
    return Timebase(seconds, *_regularity(seconds, start_ns))


def _regularity(times_s: NDArray[np.float64], start_ns: int | None) -> tuple[float | None, int | None, tuple[str, ...]]:
    steps = np.diff(times_s)
    if not steps.size:
        return None, start_ns, ()
    median = float(np.median(steps))
    if median <= 0:
        forward = steps[steps > 0]
        if not forward.size:
            return None, start_ns, ("the time column does not move forward",)
        median = float(np.median(forward))
    irregular = np.abs(steps - median) > REGULAR_WITHIN * median
    if not np.any(irregular):
        return _tidy(len(steps) / float(times_s[-1] - times_s[0])), start_ns, ()
    count = int(np.count_nonzero(irregular))
    note = (
        f"irregular sampling: {count} of {steps.size} steps are off the median of {median:.6g} s "
        f"(from {steps.min():.6g} to {steps.max():.6g} s)"
    )
    if count > JITTER_SHARE * steps.size and times_s[-1] > times_s[0]:
        mean_hz = _tidy(steps.size / float(times_s[-1] - times_s[0]))
        return mean_hz, start_ns, (f"{note}; the rate of {mean_hz:.6g} Hz is their mean",)
    return _tidy(1.0 / median), start_ns, (note,)


def _nanoseconds(stamp: float, unit_ns: int) -> int:
    """Return a stamp in ns; whole units are multiplied as integers, because a float64 ends at about 100 ns today."""
    whole = int(stamp)
    return whole * unit_ns + round((stamp - whole) * unit_ns)


def _tidy(rate_hz: float) -> float:
    """Return the rate without the dust of floating point: 99.99999999 becomes 100."""
    return float(f"{rate_hz:.9g}")
