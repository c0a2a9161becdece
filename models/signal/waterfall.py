"""Run-up and coast-down: spectra over speed or time, in Hz or in orders.

In this order: cut the record into overlapping windows (of time, or of whole turns), say at which moment and speed each
was taken, take its spectrum up to the highest frequency asked for, and keep it as a row. Rows over speed gather all
windows whose speed is nearest; rows over time gather neighbours when there are more windows than rows. So the result
is as large as it was asked to be, however long the record is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from models.signal.admission import admitted
from models.signal.averaging import window_length
from models.signal.errors import BandError, ResolutionError, SpeedError
from models.signal.order_tracking import TRUE_ORDERS, resampled_to_angle, turns_shared
from models.signal.spectra import HANN_NOISE_BANDWIDTH_BINS, power_spectrum

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from models.signal.tacho import ShaftAngle

MOST_ROWS: Final = 200
"""More than a screen shows as separate lines."""


class Rows(StrEnum):
    """What the rows of a waterfall are ordered by."""

    TIME = "time"
    SPEED = "speed"


@dataclass(frozen=True, slots=True)
class Waterfall:
    """Spectra over time or speed.

    Attributes:
        power: (channels, rows, bins) in unit²; a bin holds the mean square of a line in its middle (Hann).
        step: distance of two bins, in `axis_unit`.
        axis_unit: `Hz` or `order`.
        time_s: (rows,) mean moment of the windows in a row, from the first sample.
        speed_rpm: (rows,) their mean speed; nan without a tacho.
        windows: (rows,) how many were averaged in each.
        noise_bandwidth_bins: sums over bins are divided by it.
    """

    power: NDArray[Any]
    step: float
    axis_unit: str
    time_s: NDArray[np.float64]
    speed_rpm: NDArray[np.float64]
    windows: NDArray[np.intp]
    noise_bandwidth_bins: float = HANN_NOISE_BANDWIDTH_BINS

    @property
    def axis(self) -> NDArray[np.float64]:
        """Return the frequency or order of every bin, (bins,) in `axis_unit`."""
        return np.asarray(np.arange(self.power.shape[-1]) * self.step, np.float64)

    def order_slice(self, order: float, *, half_width: float = 0.1) -> NDArray[Any]:
        """Return the RMS around one order in every row, (channels, rows) in the unit of the samples: a Bode plot.

        Args:
            order: of the shaft, above 0.
            half_width: to either side, in orders; at least a bin and a half is taken.

        Raises:
            SpeedError: an order that is not above 0, or rows in Hz without a speed.
            BandError: the order lies beyond the spectra at some speed.
        """
        scale = np.ones(self.time_s.size) if self.axis_unit == "order" else self.speed_rpm / 60.0
        if not (order > 0 and half_width > 0 and (scale > 0).all()):
            raise SpeedError(f"order {order:g} cannot be followed: give one above 0 and a tacho")
        centre = order * scale / self.step
        reach = np.maximum(half_width * scale / self.step, 1.5)
        if float((centre + reach).max()) > self.power.shape[-1] - 1:
            raise BandError(f"order {order:g} lies beyond {self.axis[-1]:g} {self.axis_unit} at the highest speed")
        bins = np.arange(self.power.shape[-1])
        inside = np.abs(bins - centre[:, None]) <= reach[:, None]
        return np.asarray(np.sqrt((self.power * inside).sum(axis=-1) / self.noise_bandwidth_bins))


@dataclass(frozen=True, slots=True)
class _Piece:
    """Samples of one window, when it was in its middle, and how fast the shaft turned then."""

    samples: NDArray[Any]
    time_s: float
    speed_rpm: float


def frequency_waterfall(
    samples: NDArray[Any],
    sample_rate_hz: float,
    angle: ShaftAngle | None = None,
    *,
    resolution_hz: float,
    highest_hz: float,
    rows: Rows = Rows.TIME,
    most_rows: int = MOST_ROWS,
) -> Waterfall:
    """Return spectra in Hz over time or speed, windows half overlapping.

    Args:
        samples: (channels, n), any unit; float32 stays float32.
        sample_rate_hz: of all channels.
        angle: of the shaft, for the speed of each row; needed for rows over speed. Windows outside it are left out.
        resolution_hz: distance of two bins. During one window the speed should change by less.
        highest_hz: bins up to here are kept.
        rows: over time or speed.
        most_rows: bound of the result, at least 1.

    Raises:
        SampleError, RateError: see `admission.admitted`.
        BandError: the highest frequency lies beyond Nyquist.
        ResolutionError: the record is shorter than one window, or shares no whole window with the tacho.
        SpeedError: rows over speed without a tacho, or no row asked for.

    Source: ISO 13373-2, waterfall and cascade plots of transient operation.
    """
    real = admitted(samples, sample_rate_hz)
    length = window_length(real.shape[1], sample_rate_hz, resolution_hz)
    if not 0 < highest_hz <= sample_rate_hz / 2:
        raise BandError(f"spectra up to {highest_hz:g} Hz need a rate of at least {2 * highest_hz:g} Hz")
    starts = np.arange(0, real.shape[1] - length + 1, max(1, length // 2))
    middles_s = (starts + length / 2) / sample_rate_hz
    speeds_rpm = np.full(starts.size, math.nan)
    if angle is not None:
        known = (middles_s >= angle.time_s[0]) & (middles_s <= angle.time_s[-1])
        starts, middles_s = starts[known], middles_s[known]
        speeds_rpm = 60.0 * angle.speed_hz_at(middles_s)
    if starts.size == 0:
        raise ResolutionError("record and tacho share no whole window: ask for a coarser resolution")
    pieces = (
        _Piece(real[:, start : start + length], float(time_s), float(rpm))
        for start, time_s, rpm in zip(starts, middles_s, speeds_rpm, strict=True)
    )
    places = _row_of(rows, speeds_rpm, starts.size, most_rows)
    step_hz = sample_rate_hz / length
    bins = int(highest_hz / step_hz + 1e-9) + 1
    return _gathered(pieces, places, real, (sample_rate_hz, step_hz, "Hz"), bins)


def order_waterfall(
    samples: NDArray[Any],
    sample_rate_hz: float,
    angle: ShaftAngle,
    *,
    turns_per_window: int,
    highest_order: float,
    rows: Rows = Rows.TIME,
    most_rows: int = MOST_ROWS,
) -> Waterfall:
    """Return spectra in orders over time or speed, windows half overlapping.

    Args:
        samples: (channels, n), any unit; float32 stays float32.
        sample_rate_hz: of all channels.
        angle: of the shaft.
        turns_per_window: whole turns in one window; bins are one over it apart.
        highest_order: bins up to here are kept.
        rows: over time or speed.
        most_rows: bound of the result, at least 1.

    Raises:
        SampleError, RateError: see `admission.admitted`.
        SpeedError: orders or rows that are not above 0, or a shaft that stands still.
        ResolutionError: record and tacho share fewer turns than one window has.

    Source: ISO 13373-2, order tracking; Fyfe and Munck (1997) for the resampling.
    """
    real = admitted(samples, sample_rate_hz)
    if not (math.isfinite(highest_order) and highest_order > 0) or turns_per_window < 1:
        raise SpeedError(f"orders up to {highest_order:g} over {turns_per_window} turns: both must be above 0")
    samples_per_turn = max(8, math.ceil(highest_order / TRUE_ORDERS))
    low, high = turns_shared(real.shape[1], sample_rate_hz, angle, samples_per_turn)
    hop = max(1, turns_per_window // 2)
    firsts = np.arange(math.ceil(low), math.floor(high) - turns_per_window + 1, hop)
    if firsts.size == 0:
        raise ResolutionError(
            f"record and tacho share {max(high - low, 0.0):.1f} turns, a window has {turns_per_window}: record longer"
        )
    middles_s = angle.times_at(np.asarray(firsts + turns_per_window / 2, np.float64))
    speeds_rpm = 60.0 * angle.speed_hz_at(middles_s)
    pieces = (
        _Piece(
            resampled_to_angle(
                real,
                sample_rate_hz,
                angle,
                samples_per_turn=samples_per_turn,
                first_turn=float(first),
                turns=turns_per_window,
            ).samples,
            float(time_s),
            float(rpm),
        )
        for first, time_s, rpm in zip(firsts, middles_s, speeds_rpm, strict=True)
    )
    places = _row_of(rows, speeds_rpm, firsts.size, most_rows)
    bins = int(highest_order * turns_per_window + 1e-9) + 1
    return _gathered(pieces, places, real, (float(samples_per_turn), 1.0 / turns_per_window, "order"), bins)


def _row_of(rows: Rows, speeds_rpm: NDArray[np.float64], windows: int, most_rows: int) -> NDArray[np.intp]:
    """Return which row each window belongs to, rows without a window left out."""
    if most_rows < 1:
        raise SpeedError(f"a waterfall of {most_rows} rows shows nothing: ask for at least 1")
    count = min(most_rows, windows)
    if rows is Rows.TIME:
        return np.asarray(np.arange(windows) * count // windows, np.intp)
    if np.isnan(speeds_rpm).any():
        raise SpeedError("rows over speed need a tacho, or the speed estimated from the signal: give an angle")
    low, high = float(speeds_rpm.min()), float(speeds_rpm.max())
    width = max((high - low) / count, np.finfo(np.float64).tiny)
    wanted = np.minimum((speeds_rpm - low) / width, count - 1).astype(np.intp)
    return np.asarray(np.unique(wanted, return_inverse=True)[1], np.intp)


def _gathered(
    pieces: Iterator[_Piece],
    places: NDArray[np.intp],
    real: NDArray[Any],
    axis: tuple[float, float, str],
    bins: int,
) -> Waterfall:
    """Return the mean of the windows of each row; only one window is held at a time."""
    rate, step, axis_unit = axis
    count = int(places.max()) + 1
    power = np.zeros((real.shape[0], count, bins), real.dtype)
    time_s, speed_rpm = np.zeros(count), np.zeros(count)
    for place, piece in zip(places, pieces, strict=True):
        power[:, place] += power_spectrum(piece.samples, rate).power[:, :bins]
        time_s[place] += piece.time_s
        speed_rpm[place] += piece.speed_rpm
    windows = np.bincount(places, minlength=count)
    power /= windows[:, None].astype(real.dtype)
    return Waterfall(power, step, axis_unit, time_s / windows, speed_rpm / windows, windows)
