"""Bands that people agreed on: fractional octaves of base ten, and bands of one's own.

Levels come from a narrow-band spectrum: a bin is a strip half a step wide to either side, and a band takes the share
of each strip that lies inside it, so that bands that touch add up to the whole.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from models.signal.acoustics import REFERENCE_PA
from models.signal.errors import BandError, ResolutionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from models.signal.spectra import Spectrum

OCTAVE_RATIO: Final = 10.0**0.3
"""Source: IEC 61260-1:2014, clause 5, octave frequency ratio of base ten."""

REFERENCE_HZ: Final = 1000.0
"""Source: IEC 61260-1:2014, clause 5, reference frequency."""

_THIRD_NAMES: Final = (1.0, 1.25, 1.6, 2.0, 2.5, 3.15, 4.0, 5.0, 6.3, 8.0)
"""Source: IEC 61260-1:2014, annex E, table E.1: one decade of nominal mid-band frequencies."""

FEWEST_BINS: Final = 4.0
"""Width of a band in bins: the main lobe of a Hann window, below which a line in the band is mostly outside it."""

LEVEL_REFERENCES: Final = {"m/s2": 1e-6, "m/s": 1e-9, "mm/s": 1e-6, "m": 1e-12, "um": 1e-6, "Pa": REFERENCE_PA}
"""Reference of levels in the unit named: 1 µm/s², 1 nm/s, 1 pm, and 20 µPa of sound.

Source: ISO 1683:2015, preferred reference values."""


@dataclass(frozen=True, slots=True)
class Band:
    """One band: what it is called, and its lower edge, middle and upper edge in Hz."""

    name: str
    low_hz: float
    mid_hz: float
    high_hz: float


def fractional_octaves(low_hz: float, high_hz: float, fraction: int = 3) -> tuple[Band, ...]:
    """Return the bands of 1/`fraction` octave whose nominal middles lie from `low_hz` to `high_hz`.

    >>> [band.name for band in fractional_octaves(25.0, 63.0)]
    ['25', '31.5', '40', '50', '63']
    >>> [round(band.mid_hz, 3) for band in fractional_octaves(125.0, 125.0)]
    [125.893]

    Raises:
        BandError: edges that are not above 0 or reversed, no band between them, or a fraction below 1 or above 24.

    Source: IEC 61260-1:2014, clause 5 for middles and edges, annex E for the names.
    """
    if not (math.isfinite(high_hz) and 0 < low_hz <= high_hz) or not 1 <= fraction <= 24:
        raise BandError(
            f"there are no 1/{fraction} octaves from {low_hz:g} to {high_hz:g} Hz: the lower edge goes first, "
            "both are above 0, and the fraction is 1 to 24"
        )
    # Numbers of the bands around both edges, one more on each side because nominal names are rounded.
    first, last = (fraction * math.log(edge / REFERENCE_HZ, OCTAVE_RATIO) for edge in (low_hz, high_hz))
    bands = [_octave_band(number, fraction) for number in range(math.floor(first) - 1, math.ceil(last) + 2)]
    kept = tuple(band for band in bands if low_hz * (1 - 1e-9) <= float(band.name) <= high_hz * (1 + 1e-9))
    if not kept:
        raise BandError(f"no 1/{fraction} octave has its middle between {low_hz:g} and {high_hz:g} Hz: widen it")
    return kept


def bands_between(edges: Sequence[float], *, speed_hz: float | None = None) -> tuple[Band, ...]:
    """Return bands that touch, from their edges.

    >>> [band.name for band in bands_between((0.5, 1.5, 2.5), speed_hz=25.0)]
    ['0.5-1.5 orders', '1.5-2.5 orders']

    Args:
        edges: at least two, rising; in Hz, or in orders where a speed is given.
        speed_hz: turns of the shaft per second.

    Raises:
        BandError: fewer than two edges, not rising, below 0, or a speed that is not above 0.
    """
    if speed_hz is not None and not (math.isfinite(speed_hz) and speed_hz > 0):
        raise BandError(f"bands in orders of a shaft at {speed_hz:g} Hz have no width: give a speed above 0")
    pairs = list(itertools.pairwise(edges))
    if not pairs or any(not (0 <= low < high < math.inf) for low, high in pairs):
        raise BandError(f"edges {tuple(edges)} bound no bands: give at least two, rising, from 0 on")
    factor, unit = (1.0, "Hz") if speed_hz is None else (speed_hz, "orders")
    return tuple(
        Band(f"{low:g}-{high:g} {unit}", low * factor, (low + high) / 2 * factor, high * factor) for low, high in pairs
    )


def band_values(spectrum: Spectrum, bands: Sequence[Band]) -> NDArray[Any]:
    """Return the RMS in each band, (channels, bands) in the unit of the samples.

    Raises:
        BandError: a band reaches beyond Nyquist.
        ResolutionError: a band is narrower than four bins.

    Source: IEC 61260-1:2014 for the bands; ISO 13373-2, bands from narrow-band spectra. The edges are those of ideal
        filters, steeper than class 1.
    """
    power = spectrum.power
    step_hz, bins = spectrum.step_hz, power.shape[-1]
    for band in bands:
        if band.high_hz > (bins - 1) * step_hz * (1 + 1e-9):
            raise BandError(
                f"band {band.name} ends at {band.high_hz:g} Hz, beyond the highest frequency of "
                f"{(bins - 1) * step_hz:g} Hz: leave it out or sample faster"
            )
        if band.high_hz - band.low_hz < FEWEST_BINS * step_hz:
            raise ResolutionError(
                f"band {band.name} is {band.high_hz - band.low_hz:.3g} Hz wide, bins are {step_hz:.3g} Hz: windows of "
                f"at least {FEWEST_BINS / (band.high_hz - band.low_hz):.3g} s are needed"
            )
    edges = np.arange(bins + 1) - 0.5
    shares = [
        np.clip(np.minimum(edges[1:], band.high_hz / step_hz) - np.maximum(edges[:-1], band.low_hz / step_hz), 0, 1)
        for band in bands
    ]
    total = power @ np.array(shares, power.dtype).T
    return np.asarray(np.sqrt(total / spectrum.noise_bandwidth_bins))


def level_db(rms: NDArray[Any], unit: str) -> NDArray[Any]:
    """Return the level in dB of RMS values, referred to 1 µm/s², 1 nm/s, 1 pm or 20 µPa.

    >>> float(level_db(np.array(1.0), "m/s2"))
    120.0

    Args:
        rms: any shape, in `unit`, above 0; 0 gives minus infinity.
        unit: `m/s2`, `m/s`, `mm/s`, `m`, `um` or `Pa`.

    Raises:
        BandError: there is no agreed reference for the unit.

    Source: ISO 1683:2015, preferred reference values.
    """
    if unit not in LEVEL_REFERENCES:
        raise BandError(f"levels in {unit!r} have no agreed reference: use one of {', '.join(LEVEL_REFERENCES)}")
    with np.errstate(divide="ignore"):
        return np.asarray(20.0 * np.log10(np.asarray(rms) / LEVEL_REFERENCES[unit]))


def _octave_band(number: int, fraction: int) -> Band:
    # Odd fractions have a band in the middle of which 1000 Hz lies, even ones an edge there.
    exponent = number / fraction if fraction % 2 else (2 * number + 1) / (2 * fraction)
    mid_hz = REFERENCE_HZ * OCTAVE_RATIO**exponent
    half = OCTAVE_RATIO ** (1 / (2 * fraction))
    return Band(f"{_nominal(number, mid_hz, fraction):.10g}", mid_hz / half, mid_hz, mid_hz * half)


def _nominal(number: int, mid_hz: float, fraction: int) -> float:
    """Return the rounded frequency a band is called by. Source: IEC 61260-1:2014, annex E."""
    if fraction in {1, 3}:
        decade, place = divmod(number * (3 // fraction), 10)
        return _THIRD_NAMES[place] * 10.0 ** (decade + 3)
    exponent = math.floor(math.log10(mid_hz))
    leading = mid_hz / 10.0**exponent
    digits = 2 if leading < 5 else 1
    return round(leading, digits) * 10.0**exponent
