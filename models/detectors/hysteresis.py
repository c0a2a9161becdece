"""When a stream is in alarm: in at the threshold, out relative to the worst it has been.

A process that went wrong rarely comes back to where it was. A fixed lower threshold therefore either drops the alarm
while the fault lasts or never drops it; that most of the deviation has gone is what says that a fault is over. In
order:

1. Not in alarm: any time scale at 1.0 puts it in alarm.
2. In alarm: the peak of every time scale is kept. The fastest scale that saw the change clearly judges its end, because
   longer means stay high for as long as they are long; a change that only the slowest saw is judged there.
3. It leaves when that scale stays below a share of its peak and the level has come to rest, for some rows in a row.
4. It also leaves when it has lasted as long as a baseline remembers: whoever was to be told has been told, and a level
   that stood that long is how the process runs now. Without this a single step would be an alarm for ever.

A score that is NaN (nothing could be judged) changes nothing. This is the judge of single rows of slow series;
`models.alarming` judges windows and what people are told.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from models.detectors.errors import DetectorError

if TYPE_CHECKING:
    from collections.abc import Sequence

ON_SCORE: Final = 1.0
CLEARLY: Final = 2.0
"""Twice the threshold: noise at half the threshold cannot hide that a scale came down to a third of its peak."""
AT_REST: Final = 1.0
"""A level that still moves by a threshold's worth has not arrived yet."""


@dataclass(frozen=True, slots=True)
class Hysteresis:
    """How an alarm ends.

    Attributes:
        leave_share: of the peak; below, the deviation counts as gone.
        leave_rows: for so many rows in a row.
        longest_rows: no alarm lasts longer; the memory of the tracking baseline.

    Raises:
        DetectorError: a share outside 0 to 1, or no rows.
    """

    leave_share: float = 0.3
    leave_rows: int = 3
    longest_rows: int = 1000

    def __post_init__(self) -> None:
        if not 0.0 < self.leave_share < 1.0 or not 1 <= self.leave_rows <= self.longest_rows:
            raise DetectorError(f"{self}: give a share between 0 and 1, and rows from 1 to the longest alarm")


@dataclass(frozen=True, slots=True)
class Latch:
    """What has to be remembered between rows.

    Attributes:
        in_alarm: whether the stream is in alarm.
        peaks: worst score of each time scale since it is, fastest first.
        low_rows: rows in a row that looked like the end.
        rows: since it is.
    """

    in_alarm: bool = False
    peaks: tuple[float, ...] = ()
    low_rows: int = 0
    rows: int = 0


def step(latch: Latch, hysteresis: Hysteresis, scores: Sequence[float], unrest: float) -> Latch:
    """Return the latch after one row.

    >>> latch, seen = Latch(), ""
    >>> for score in [0.4, 1.2, 6.0, 5.0, 3.0, 2.0, 2.0, 2.0, 0.9]:
    ...     latch = step(latch, Hysteresis(leave_share=0.5), [score], unrest=0.0)
    ...     seen += "x" if latch.in_alarm else "."
    >>> seen
    '.xxxxxx..'

    Args:
        latch: after the row before.
        hysteresis: how an alarm ends.
        scores: of each time scale, fastest first; 1.0 = threshold.
        unrest: how far the level is from its own recent past; 1.0 = as far as a threshold.
    """
    if any(math.isnan(score) for score in scores):
        return latch
    if not latch.in_alarm:
        return Latch(in_alarm=True, peaks=tuple(scores)) if max(scores) >= ON_SCORE else latch
    peaks = tuple(max(pair) for pair in zip(latch.peaks, scores, strict=True))
    judge = next((scale for scale, peak in enumerate(peaks) if peak >= CLEARLY), len(peaks) - 1)
    over = scores[judge] < hysteresis.leave_share * peaks[judge] and unrest < AT_REST
    low_rows, rows = latch.low_rows + 1 if over else 0, latch.rows + 1
    if low_rows >= hysteresis.leave_rows or rows >= hysteresis.longest_rows:
        return Latch()
    return Latch(in_alarm=True, peaks=peaks, low_rows=low_rows, rows=rows)
