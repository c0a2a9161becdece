"""Whether what strikes once per turn is soft, as a foot that falls back, or hard metal, as teeth and rollers.

Both leave a comb of lines at the orders of the shaft. What falls back upon its foot touches for about a millisecond:
its comb has died away above a kilohertz or two, however slowly the shaft turns. Hard metal touches for a tenth of that,
and its comb goes on. What rattles meanwhile is noise and has no lines, so it counts for neither.

The comb is what lies near whole orders above what lies between them, and only so far as the level there grew: teeth
mesh at whole orders of their shaft as well, healthy ones always have.

Source: R. B. Randall, Vibration-based Condition Monitoring, section 2.2 (spectrum of a pulse ends at the inverse of its
length); H. Hertz, J. reine angew. Math. 92 (1882) 156-171 (how long steel on steel touches).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from models.diagnosis.band_change import common_bands
from models.signal.fourier import prev_fast_len
from models.signal.spectra import power_spectrum

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from models.diagnosis.envelope_lines import FloatArray
    from models.diagnosis.fingerprint import Fingerprint

HARD_HZ: Final = 1500.0
"""What falls back upon its foot touches for about a millisecond: half a sine of that length has its first zero here,
and nothing of note above. Teeth meet for a tenth of it."""
HIGHEST_SHARE: Final = 0.8
"""Of half the sampling rate: above it the anti-aliasing filter decides."""
NEAR: Final = 0.125
"""A quarter of all places counts as near a whole order: a speed that wanders smears the higher ones."""
BETWEEN: Final = (0.1875, 0.3125)
"""As many lie around a quarter before and behind; halves are left out, which a foot that misses turns has as well."""
CLEAR: Final = 1.2
"""Power near whole orders over that between them: of noise they are the same within a few per cent."""


@dataclass(frozen=True, slots=True)
class Comb:
    """How much of what grew are lines at whole orders, mean squares over all channels in (m/s²)².

    Attributes:
        soft: below `HARD_HZ`.
        hard: above.
        grown: of everything that grew, lines or not.
    """

    soft: float
    hard: float
    grown: float


def grown_comb(
    samples: NDArray[np.floating],
    now: Fingerprint,
    healthy: Fingerprint,
    rows: Sequence[int],
    shaft_hz: float,
) -> Comb:
    """Return how much of what grew lies at whole orders of the shaft, below and above where soft blows end.

    Args:
        samples: acceleration (channels, samples) in m/s², finite.
        now: fingerprint of the samples.
        healthy: the baseline.
        rows: channels that count.
        shaft_hz: turns per second.
    """
    here, there = common_bands(now, healthy)
    band_hz = now.band_hz[here]
    soft = hard = grown = 0.0
    for row in rows:
        levels = 10.0 ** (now.band_db[row, here] / 10), 10.0 ** (healthy.band_db[row, there] / 10)
        rise = _rise(*levels)
        grown += max(float(now.acceleration_m_s2[row] ** 2 - healthy.acceleration_m_s2[row] ** 2), 0.0)
        below, above = _combs(samples[row], now.sample_rate_hz, shaft_hz)
        soft += min(below, float(rise[band_hz < HARD_HZ].sum()))
        hard += min(above, float(rise[band_hz >= HARD_HZ].sum()))
    return Comb(soft, hard, grown)


def _rise(now: FloatArray, before: FloatArray) -> FloatArray:
    """Return by how much each band grew, and both pairs with a neighbour: a line that moves over an edge does not grow.

    >>> _rise(np.array([1.0, 9.0, 1.0]), np.array([9.0, 1.0, 1.0])).tolist()
    [0.0, 0.0, 0.0]
    """
    growth = now - before
    pairs = growth[:-1] + growth[1:]
    lesser = np.minimum(np.append(pairs, np.inf), np.insert(pairs, 0, np.inf))
    rise: FloatArray = np.maximum(np.minimum(growth, lesser), 0.0)
    return rise


def _combs(channel: NDArray[np.floating], sample_rate_hz: float, shaft_hz: float) -> tuple[float, float]:
    """Return the mean square of the lines near whole orders of one channel, below and above `HARD_HZ`."""
    length = prev_fast_len(channel.size)
    step_hz = sample_rate_hz / length
    spectrum = power_spectrum(channel[None, :length], sample_rate_hz)
    power = np.asarray(spectrum.power[0], np.float64) / spectrum.noise_bandwidth_bins
    first, last = math.ceil(0.5 * shaft_hz / step_hz), round(HIGHEST_SHARE * power.size)
    middle = min(max(round(HARD_HZ / step_hz), first), last)
    return _comb(power, first, middle, shaft_hz / step_hz), _comb(power, middle, last, shaft_hz / step_hz)


def _comb(power: FloatArray, first: int, last: int, shaft_bins: float) -> float:
    order = np.arange(first, last) / shaft_bins
    apart = np.abs(order - np.rint(order))
    near = float(power[first:last][apart < NEAR].sum())
    between = float(power[first:last][(apart >= BETWEEN[0]) & (apart < BETWEEN[1])].sum())
    return near - between if near > CLEAR * between else 0.0
