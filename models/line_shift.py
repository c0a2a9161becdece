"""Whether a machine runs at another speed than the one it was learnt at, seen from its lines alone.

What turns with the shaft makes lines, and when the shaft slows down all of them move by one ratio. No fault does that:
it adds lines or raises some, and those of the healthy machine stay where they are. In order:

1. `line_spectrum`: power of all channels on a logarithmic axis of frequency, so that one ratio is one shift; divided by
   its local background and cut off on both sides, so that lines count alike and noise not at all.
2. `Lines.added`: the mean over the windows of learning.
3. `Lines.shift`: where a window fits the learnt lines best; `None` where it fits them as well unshifted, or nowhere.
4. `is_moving`: whether the shifts of some windows go one way: the shaft runs up or down.

Source: shift estimation by correlation on a logarithmic frequency axis, as in tacho-less order tracking (Combet and
Zimroz, A new method for the estimation of the instantaneous speed relative fluctuation in a vibration signal based on
the short time scale transform, MSSP 23, 2009).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from models.signal.spectra import power_spectrum

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

POINTS: Final = 768
"""On the axis, two decades and a bit: 0.7 % each, finer than the smallest ratio that matters."""
LOWEST_LINES: Final = 12
"""The axis begins at so many bins of the window's spectrum: below, two points fall into one bin."""
OCTAVES: Final = 7.5
"""Twelve bins to two thousand: at a resolution of one hertz, half the speed of a slow machine to its tooth meshes."""
LARGEST_RATIO: Final = 1.35
"""Beyond, orders begin to fit each other: the third on the fourth."""
SMALLEST_SHIFT: Final = 2
"""Points: beyond 1.4 % it is another speed, which is what slip and load do not reach."""
BACKGROUND_POINTS: Final = 49
"""Of the running median: about a third, wider than a line and narrower than a resonance."""
LINE_DB: Final = 6.0
"""Below this over its background a point is noise (a mean over some channels and bins scatters by 2 to 4 dB)."""
LARGEST_DB: Final = 20.0
"""Above, lines count alike: the loudest alone must not decide."""
FIT: Final = 0.6
"""Cosine between the learnt lines and the shifted ones from which they are the same lines; healthy windows reach 0.95,
and damaged bearings whose lines stand among those of the shaft still 0.6 without any shift."""
BETTER: Final = 0.1
"""And so much better than unshifted; what a fault adds makes no shift better."""
MOST_CHANNELS: Final = 4
"""One shaft makes the lines of all channels; some of them say as much as all, in less time."""
REMEMBERED: Final = 8
"""Shifts that are remembered: four seconds of half-overlapped ones."""
MOVED: Final = 2
"""Points between the shifts remembered from which the shaft is moving: the error of one shift is one point."""


def line_spectrum(samples: NDArray[np.float32], sample_rate_hz: float) -> NDArray[np.float32]:
    """Return how far each point of a logarithmic axis stands above its background, (POINTS,), 0 to 1.

    Zero beyond Nyquist, and everywhere when the window is too short to show lines.

    Args:
        samples: (channels, n) in any unit.
        sample_rate_hz: of all channels.
    """
    some = samples[:: -(-len(samples) // MOST_CHANNELS)]
    power = power_spectrum(some, sample_rate_hz).power
    log_power = np.log10(np.maximum(power, 1e-20)).mean(axis=0)
    axis = LOWEST_LINES * 2.0 ** (np.arange(POINTS) * OCTAVES / (POINTS - 1))
    count = int(np.searchsorted(axis, len(log_power) - 1.0))
    if count <= BACKGROUND_POINTS:
        return np.zeros(POINTS, np.float32)
    on_axis = _largest(log_power, axis[:count])
    half = BACKGROUND_POINTS // 2
    padded = np.pad(on_axis, half, mode="edge")
    background = np.median(np.lib.stride_tricks.sliding_window_view(padded, BACKGROUND_POINTS), axis=1)
    above_db = 10.0 * (on_axis - background)
    lines = np.zeros(POINTS, np.float32)
    lines[:count] = np.clip(above_db - LINE_DB, 0.0, LARGEST_DB - LINE_DB) / (LARGEST_DB - LINE_DB)
    return lines


def _largest(log_power: NDArray[np.floating], axis: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the value at each point, and where several bins fall to one point the largest of them."""
    interpolated = np.interp(axis, np.arange(len(log_power)), log_power)
    edges = np.sqrt(axis[:-1] * axis[1:])
    owner = np.searchsorted(edges, np.arange(len(log_power)))
    first, last = math.ceil(axis[0]), math.floor(axis[-1])
    np.maximum.at(interpolated, owner[first : last + 1], log_power[first : last + 1])
    return np.asarray(interpolated, np.float64)


@dataclass(frozen=True, slots=True)
class Lines:
    """The lines that were learnt.

    Attributes:
        mean: of the line spectra, (POINTS,).
        windows: so many.
    """

    mean: NDArray[np.float32]
    windows: int

    @classmethod
    def none(cls) -> Lines:
        """Return what is known before the first window."""
        return cls(np.zeros(POINTS, np.float32), 0)

    def added(self, spectrum: NDArray[np.float32]) -> Lines:
        """Return the lines with one more window."""
        count = self.windows + 1
        return Lines((self.mean + (spectrum - self.mean) / np.float32(count)).astype(np.float32), count)

    def shift(self, spectrum: NDArray[np.float32]) -> int | None:
        """Return by how many points the lines of a window are shifted, None where they are not or are not the same.

        Args:
            spectrum: (POINTS,) from `line_spectrum`, of windows of the same length and rate.
        """
        reach = round(math.log2(LARGEST_RATIO) * (POINTS - 1) / OCTAVES)
        found = [_cosine(self.mean, spectrum, shift) for shift in range(-reach, reach + 1)]
        best = int(np.argmax(found))
        unshifted = max(found[reach - SMALLEST_SHIFT + 1 : reach + SMALLEST_SHIFT])
        return best - reach if found[best] >= FIT and found[best] >= unshifted + BETTER else None


def ratio(shift: int) -> float:
    """Return the ratio of speeds that a shift stands for.

    >>> ratio(0), round(ratio(-5), 3)
    (1.0, 0.967)
    """
    return float(2.0 ** (shift * OCTAVES / (POINTS - 1)))


def is_moving(shifts: Sequence[int]) -> bool:
    """Return whether these shifts, oldest first, go one way.

    >>> is_moving([-3]), is_moving([-3, -4, -5]), is_moving([-5, -5, -4, -5])
    (False, True, False)
    """
    return len(shifts) > 1 and abs(shifts[-1] - shifts[0]) >= MOVED


def _cosine(learnt: NDArray[np.float32], now: NDArray[np.float32], shift: int) -> float:
    """Return the agreement of two line spectra when the second is read `shift` points higher."""
    a = learnt[max(0, -shift) : len(learnt) - max(0, shift)]
    b = now[max(0, shift) : len(now) - max(0, -shift)]
    size = math.sqrt(float(a @ a) * float(b @ b))
    return float(a @ b) / size if size > 0.0 else 0.0
