"""Whether the noise of a machine comes in blows once per turn: what is loose rattles so, a bent coupling does not.

Both make harmonics of the shaft, and a resonance may lift any of them, so the orders alone cannot always tell. But a
foot that lifts and falls back shakes everything that is loose with it: the noise far above the orders swells once per
turn, for a moment. Its envelope then has many harmonics of the shaft, while load and belts make one or two.

Source: ISO 13373-3, annex A (looseness: impacts, harmonics and a raised noise floor); R. B. Randall, Vibration-based
Condition Monitoring, section 5.5 (envelope of repeated impacts).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from models.diagnosis.bearing_faults import MIN_TURNS
from models.diagnosis.envelope_lines import envelope_lines

if TYPE_CHECKING:
    from numpy.typing import NDArray

ORDERS: Final = (3, 4, 5, 6, 7, 8)
"""Not 1 and 2, with which every load modulates; a blow of a millisecond goes on well beyond at most speeds."""
RATTLE_SURPRISE: Final = 10.0
"""Noise shows a line of this surprise once in 20,000: a few of six that only just stand out may leak from elsewhere."""
RATTLE_LINES: Final = 4
"""So many of them make blows: the vanes of one wheel and the pistons of one pump make one of them, or two."""
QUIET_LINES: Final = 1
"""With one at most there are no blows, with more there may be."""


def rattles(samples: NDArray[np.floating], sample_rate_hz: float, shaft_hz: float) -> bool | None:
    """Return whether the noise comes in blows once per turn, as any channel hears it; None where it is open.

    Args:
        samples: acceleration (channels, samples), any unit, finite.
        sample_rate_hz: of the samples.
        shaft_hz: turns per second.
    """
    if samples.shape[-1] / sample_rate_hz * shaft_hz < MIN_TURNS:
        return None
    most = max((_lines_in_noise(channel, sample_rate_hz, shaft_hz) for channel in samples), default=0)
    if QUIET_LINES < most < RATTLE_LINES:
        return None
    return most >= RATTLE_LINES


def _lines_in_noise(channel: NDArray[np.floating], sample_rate_hz: float, shaft_hz: float) -> int:
    """Return how many of `ORDERS` stand out of the envelope of one channel (samples,)."""
    lines = envelope_lines(channel.astype(np.float64), sample_rate_hz, (ORDERS[-1] + 1) * shaft_hz)
    bins = np.rint(np.array(ORDERS) * shaft_hz / lines.step_hz).astype(np.intp)
    around = bins[bins + 1 < lines.surprise.size][:, None] + np.array([-1, 0, 1])
    return int(np.count_nonzero((lines.surprise[around] > RATTLE_SURPRISE).any(axis=1)))
