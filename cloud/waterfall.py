"""Spectra over time as one small picture, and what a machine was like at first. Pure.

A waterfall keeps the highest bin of each group of neighbouring bins, so that a line is never averaged away, and says
each level in half decibels below the highest of all: one byte per bin, as evidence packages have it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

STEP_DB: Final = 0.5
FLOOR: Final = 255
"""Steps below the highest level that one byte can say: 127.5 dB; everything lower is this low."""


def peak_held(amplitude: NDArray[np.float32], step_hz: float, high_hz: float, bins: int) -> NDArray[np.float32]:
    """Return a spectrum from 0 Hz to `high_hz` in so many bins, each the highest of those that it stands for.

    Args:
        amplitude: one-sided spectrum, bin k at k·step_hz.
        step_hz: distance of its bins.
        high_hz: upper edge of the answer; above the spectrum's own end there is nothing (0).
        bins: of the answer.

    Returns:
        Amplitudes (bins,), in the unit of the spectrum.
    """
    edges = np.ceil(np.arange(bins + 1) * (high_hz / bins) / step_hz - 1e-9).astype(np.int64)
    held = np.zeros(bins, np.float32)
    for place in range(bins):
        first = edges[place]
        # Where the answer is finer than the spectrum, a bin that none falls into shows the one below it.
        last = max(edges[place + 1], first + 1)
        piece = amplitude[first:last] if first < edges[place + 1] else amplitude[max(first - 1, 0) : first]
        held[place] = piece.max(initial=0.0)
    return held


def levels(rows: Sequence[NDArray[np.float32]]) -> tuple[float, NDArray[np.uint8]]:
    """Return the highest amplitude of all rows, and every amplitude in half decibels below it.

    Returns:
        Reference in the rows' unit, and steps (rows, bins); 255 is 127.5 dB below it, or lower, or nothing.
    """
    stacked = np.stack(rows).astype(np.float64)
    highest = float(stacked.max(initial=0.0))
    if highest <= 0.0:
        return 0.0, np.full(stacked.shape, FLOOR, np.uint8)
    with np.errstate(divide="ignore"):
        below = -20.0 * np.log10(stacked / highest) / STEP_DB
    return highest, np.minimum(np.nan_to_num(below, posinf=FLOOR), FLOOR).round().astype(np.uint8)


def usual(rows: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Return the median of spectra, bin by bin: one odd moment among them does not show."""
    return np.asarray(np.median(np.stack(rows), axis=0), np.float32)
