"""Features of slow channels: level, slope, spread and last value of each, in the units that the plant reads.

A slow signal has no spectrum worth looking at; what people ask is where it is, which way it goes, how restless it is,
and where it stands now. Missing samples (NaN) are left out as long as half of a channel's window is there.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

import numpy as np

from models.contract.vocabulary import QualityCause
from models.process.errors import ProcessError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

MEAN, SLOPE, SPREAD, LAST = range(4)
"""Columns of the features of a channel."""
NAMES: Final = ("mean", "slope", "spread", "last")
SPECIFICATION_VERSION: Final = 1
"""Counted up when a feature of the same name gets another meaning; part of the hash."""
SMALLEST_SHARE: Final = 0.5
"""With fewer of its samples a channel's slope and spread say more about the gaps than about the process."""
SECONDS_PER_MINUTE: Final = 60.0


class ProcessExtractor:
    """Computes the features of windows of one rate, length and list of channels.

    Args:
        sample_rate_hz: of every window.
        window_samples: length of every window, at least 3: two points have a slope and no spread about it.
        units: engUnit of each channel.

    Attributes:
        names: of the features of a channel.
        units: engUnit of every feature, (channels · features).
        hash: 16 hex digits that change with anything that changes the meaning of a column.

    Raises:
        ProcessError: a window that is too short.
    """

    def __init__(self, sample_rate_hz: float, window_samples: int, units: Sequence[str]) -> None:
        if window_samples < 3:
            raise ProcessError(
                f"windows of {window_samples} samples at {sample_rate_hz:g} Hz are too short for a slope: "
                f"set [machine.window] length_s to at least {3 / sample_rate_hz:g}"
            )
        self.names: Final = NAMES
        self.units: Final = tuple(
            unit for one in units for unit in (one, "1/min" if one == "1" else f"{one}/min", one, one)
        )
        self._minutes = np.arange(window_samples) / (sample_rate_hz * SECONDS_PER_MINUTE)
        centred = self._minutes - self._minutes.mean()
        self._to_slope = centred / (centred @ centred)
        told = (SPECIFICATION_VERSION, NAMES, float(sample_rate_hz), window_samples, tuple(units))
        self.hash: Final = hashlib.sha256(repr(told).encode()).hexdigest()[:16]

    def __call__(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the features of one window.

        >>> extractor = ProcessExtractor(1.0, 5, ["°C"])
        >>> extractor(np.float32([[1.0, 2.0, np.nan, 4.0, 5.0]])).round(1).tolist()
        [[3.0, 60.0, 1.600000023841858, 5.0]]

        Args:
            samples: (channels, window_samples); NaN where a value is missing.

        Returns:
            float32 (channels, features): mean and last value in the channel's unit, slope of the least-squares line in
            the unit per minute, and standard deviation. NaN for a channel with too few samples (`missing`).
        """
        there = np.isfinite(samples)
        if there.all():
            return self._whole(samples.astype(np.float64))
        count = np.maximum(there.sum(axis=1), 1)
        # float64: a slope of 0.01 K/min on a pressure of 1e5 Pa is lost in float32.
        values = np.where(there, samples, 0.0).astype(np.float64)
        mean = values.sum(axis=1) / count
        away = np.where(there, values - mean[:, None], 0.0)
        mean_minutes = (there * self._minutes).sum(axis=1) / count
        minutes = np.where(there, self._minutes - mean_minutes[:, None], 0.0)
        weight = (minutes * minutes).sum(axis=1)
        slope = (minutes * away).sum(axis=1) / np.maximum(weight, 1e-12)
        spread = np.sqrt((away * away).sum(axis=1) / count)
        latest = samples.shape[1] - 1 - np.argmax(there[:, ::-1], axis=1)
        last = np.take_along_axis(values, latest[:, None], axis=1)[:, 0]
        features = np.stack([mean, slope, spread, last], axis=1).astype(np.float32)
        features[there.mean(axis=1) < SMALLEST_SHARE] = np.nan
        return features

    def _whole(self, values: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return the same for a window without a gap, as nearly all are, in a third of the time."""
        mean = values.sum(axis=1) / values.shape[1]
        away = values - mean[:, None]
        slope = away @ self._to_slope
        spread = np.sqrt(np.vecdot(away, away) / values.shape[1])
        return np.stack([mean, slope, spread, values[:, -1]], axis=1).astype(np.float32)


def missing(samples: NDArray[np.float32]) -> tuple[tuple[QualityCause, ...], ...]:
    """Return what is wrong with each channel of a window; an empty tuple for one that can be judged.

    A slow signal may well stand still for a minute, so a constant one is no finding here (`StaleRule`).

    >>> missing(np.float32([[1, 1, 1], [np.nan, np.nan, 2], [np.nan] * 3]))
    ((), (<QualityCause.NOT_FINITE: 'not_finite'>,), (<QualityCause.NO_DATA: 'no_data'>,))

    Args:
        samples: (channels, n).
    """
    share = np.isfinite(samples).mean(axis=1)
    return tuple(
        (QualityCause.NO_DATA,) if one == 0.0 else (QualityCause.NOT_FINITE,) if one < SMALLEST_SHARE else ()
        for one in share
    )
