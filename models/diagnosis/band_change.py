"""How the levels in third-octave bands differ from those of the healthy machine: which band rose, and the noise."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.diagnosis.envelope_lines import FloatArray
    from models.diagnosis.fingerprint import Fingerprint

BAND_CHANGED_DB: Final = 6.0
BAND_CHANGED_SPREADS: Final = 4.0
"""A band has changed when it rose by both: twice the amplitude, and four times what it scatters by itself."""
BAND_MATTERS_DB: Final = 30.0
"""Bands this far below the loudest one may change without anybody caring."""
PAIR_CHANGED_DB: Final = 3.0
"""And together with either neighbour it rose by this, twice the energy: at another speed a line moves over the edge
between two bands, and one of them rises by as much as the other falls."""


@dataclass(frozen=True, slots=True)
class BandChange:
    """How a level differs from the healthy one: one band that rose, or (band None) the whole level that fell."""

    band_hz: float | None
    change_db: float


def largest_change(now: Fingerprint, healthy: Fingerprint, channel: int) -> BandChange | None:
    """Return the third-octave band that rose most beyond its scatter, or a fall of the whole level; None if neither.

    Bands are compared where both recordings have them, so a lower sampling rate compares fewer.
    """
    here, there = common_bands(now, healthy)
    if not here.any() or np.isnan(healthy.velocity_mm_s[channel]):
        return None
    level, before = now.band_db[channel, here], healthy.band_db[channel, there]
    spread = np.hypot(now.band_spread_db[channel, here], healthy.band_spread_db[channel, there])
    rise = level - before
    matters = level > level.max() - BAND_MATTERS_DB
    beyond = (rise >= BAND_CHANGED_DB) & (rise >= BAND_CHANGED_SPREADS * spread) & matters
    beyond &= _with_neighbours(level, before) >= PAIR_CHANGED_DB
    if beyond.any():
        index = int(np.argmax(np.where(beyond, rise, -np.inf)))
        return BandChange(float(now.band_hz[here][index]), float(rise[index]))
    whole = 20 * math.log10(max(now.acceleration_m_s2[channel], 1e-9) / max(healthy.acceleration_m_s2[channel], 1e-9))
    return BandChange(None, whole) if whole <= -BAND_CHANGED_DB else None


def common_bands(now: Fingerprint, healthy: Fingerprint) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which bands of each both have, (bands of now,) and (bands of healthy,)."""
    common = np.intersect1d(np.round(now.band_hz, 3), np.round(healthy.band_hz, 3))
    return np.isin(np.round(now.band_hz, 3), common), np.isin(np.round(healthy.band_hz, 3), common)


def floor_rise_db(now: Fingerprint, healthy: Fingerprint, channel: int, lowest_hz: float) -> float:
    """Return by how much most bands rose from a frequency on: the noise, whatever lines do; 0 without such bands."""
    here, there = common_bands(now, healthy)
    above = now.band_hz[here] >= lowest_hz
    if not above.any():
        return 0.0
    return float(np.median((now.band_db[channel, here] - healthy.band_db[channel, there])[above]))


def _with_neighbours(level_db: FloatArray, before_db: FloatArray) -> FloatArray:
    """Return how much each band rose together with a neighbour, the lesser of both sides, in dB (bands,).

    >>> _with_neighbours(np.array([0.0, 20.0, 0.0]), np.array([0.0, 0.0, 20.0])).round(1).tolist()
    [17.0, 0.0, 0.0]
    """
    now, before = 10.0 ** (level_db / 10), 10.0 ** (before_db / 10)
    if now.size < 2:
        return level_db - before_db
    pairs: FloatArray = 10 * np.log10((now[:-1] + now[1:]) / (before[:-1] + before[1:]))
    lesser: FloatArray = np.minimum(np.append(pairs, pairs[-1]), np.insert(pairs, 0, pairs[0]))
    return lesser
