"""Where the angle of the shaft comes from, and a stretch at constant angle where the speed moved.

A tacho's pulses say it best. Without one the vibration's own lines may tell how the speed went: good enough to draw
spectra in orders, not to average turns. A stretch in which the speed moved is resampled to constant angle before it is
judged: its lines would smear over frequencies, and no fault be found.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from models.signal.errors import SignalError
from models.signal.order_tracking import resampled_to_angle
from models.signal.speed_track import estimated_speed
from models.signal.tacho import pulse_times, shaft_angle
from plantpulse.analysis import AnalysisError, Stretch

if TYPE_CHECKING:
    from models.signal.tacho import ShaftAngle

MOVED: Final = 0.01
"""Relative range of the speed from which lines of the tenth order smear over more than a tenth of an order."""
SEARCHED: Final = 0.2
"""To either side of the speed in use; a drive that is said to turn at 1480 rpm turns somewhere about that."""


def tacho_angle(stretch: Stretch, pulses_per_turn: float) -> ShaftAngle:
    """Return the angle of the shaft from the stretch's tacho.

    Raises:
        AnalysisError: it has no usable pulses.
    """
    if stretch.tacho is None:
        raise AnalysisError(f"{stretch.recording.path}: no tacho among its channels: name it with --tacho")
    try:
        return shaft_angle(pulse_times(stretch.tacho, stretch.sample_rate_hz), pulses_per_turn=pulses_per_turn)
    except SignalError as error:
        raise AnalysisError(f"{stretch.recording.path}: --tacho: {error}") from error


def mean_rpm(angle: ShaftAngle) -> float:
    """Return the mean speed between the first and the last pulse."""
    return float(60.0 * (angle.turns[-1] - angle.turns[0]) / (angle.time_s[-1] - angle.time_s[0]))


def at_constant_angle(stretch: Stretch, angle: ShaftAngle) -> Stretch:
    """Return the stretch as if the shaft had turned evenly at its mean speed; as it is where it did.

    Raises:
        AnalysisError: the shaft stood still in between, or made too few turns.
    """
    speed_hz = np.diff(angle.turns) / np.diff(angle.time_s)
    mean_hz = mean_rpm(angle) / 60.0
    if np.ptp(speed_hz) <= MOVED * mean_hz:
        return stretch
    # Enough samples per turn for the record's own bandwidth at the slowest speed.
    samples_per_turn = math.ceil(stretch.sample_rate_hz / float(speed_hz.min()))
    try:
        even = resampled_to_angle(stretch.samples, stretch.sample_rate_hz, angle, samples_per_turn=samples_per_turn)
    except SignalError as error:
        raise AnalysisError(f"{stretch.recording.path}: --tacho: {error}") from error
    low, high = 60.0 * float(speed_hz.min()), 60.0 * float(speed_hz.max())
    evenly = f"judged at constant angle, as if at {60.0 * mean_hz:.4g} rpm"
    note = f"speed from {low:.4g} to {high:.4g} rpm by the tacho: {evenly}"
    rate_hz = samples_per_turn * mean_hz
    return replace(stretch, samples=even.samples, sample_rate_hz=rate_hz, notes=(*stretch.notes, note))


def lines_angle(stretch: Stretch, speed_rpm: float | None) -> ShaftAngle | None:
    """Return the angle of the shaft as its own lines tell it, None where they do not."""
    if speed_rpm is None:
        return None
    samples = np.nan_to_num(stretch.samples)
    try:
        track = estimated_speed(
            samples,
            stretch.sample_rate_hz,
            low_rpm=(1.0 - SEARCHED) * speed_rpm,
            high_rpm=(1.0 + SEARCHED) * speed_rpm,
        )
        return None if track is None else track.angle()
    except SignalError:
        return None
