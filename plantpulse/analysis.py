"""One stretch of a recording: which it is, its features, and what an analyst would say about it.

In order: the longest uninterrupted stretch of the vibration channels is chosen, brought to m/s², and given to the
features and to the diagnosis.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from models.contract.errors import InputError
from models.contract.units import parse_unit
from models.diagnosis.diagnose import diagnose
from models.signal.bands import SHORTEST_WINDOW
from models.signal.errors import SignalError
from models.signal.features import FeatureExtractor
from models.signal.fourier import irfft, prev_fast_len, rfft
from models.signal.integration import displacement, velocity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from models.diagnosis.diagnose import BearingAt, Fingerprint, Report
    from models.diagnosis.gear_faults import Gear
    from models.recordings.recording import Channel, Recording

VIBRATION: Final = frozenset({"acceleration", "velocity"})
SLOWEST_HZ: Final = 50.0
"""Half of it must hold the slowest shafts of ISO 20816-3 with a few harmonics."""


class AnalysisError(InputError):
    """A recording that was read, but cannot be analysed as asked."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """The samples that are looked at.

    Attributes:
        recording: where they come from.
        channels: of vibration, in the order of the rows.
        samples: acceleration in m/s² (channels, samples), float32; in the file's own numbers if the unit is unknown.
        sample_rate_hz: of all channels.
        unit_known: whether `samples` really are m/s².
        notes: what a person should know about the choice.
    """

    recording: Recording
    channels: tuple[Channel, ...]
    samples: NDArray[np.float32]
    sample_rate_hz: float
    unit_known: bool
    notes: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Return the channels' names."""
        return tuple(channel.name for channel in self.channels)

    @property
    def duration_s(self) -> float:
        """Return the seconds that are looked at."""
        return float(self.samples.shape[1]) / self.sample_rate_hz


@dataclass(frozen=True, slots=True)
class Analysis:
    """Everything that is known about a stretch: features as {name: (value | None, unit | None)} per channel."""

    stretch: Stretch
    features: tuple[dict[str, tuple[float | None, str | None]], ...]
    report: Report
    baseline: Fingerprint | None


def analyse(
    stretch: Stretch,
    bearings: Sequence[BearingAt],
    *,
    gears: Sequence[Gear] = (),
    baseline: Fingerprint | None = None,
    machine_group: int | None = None,
    support: str | None = None,
) -> Analysis:
    """Return features and diagnosis of a stretch."""
    report = diagnose(
        stretch.samples,
        stretch.sample_rate_hz,
        stretch.names,
        speed_rpm=stretch.recording.speed_rpm,
        bearings=bearings,
        gears=gears,
        baseline=baseline,
        machine_group=machine_group,
        support=support,
        levels_known=stretch.unit_known,
    )
    return Analysis(stretch, _features(stretch), report, baseline)


def choose_stretch(recording: Recording) -> Stretch:
    """Return the longest uninterrupted stretch of the vibration channels, the last of equally long ones.

    Raises:
        AnalysisError: no rate, no channel of vibration, or a stretch too short for a spectrum.
    """
    rate = recording.sample_rate_hz
    if rate is None:
        raise AnalysisError(f"{recording.path}: the sampling rate is not stated: give it with --rate HZ")
    if rate < SLOWEST_HZ:
        raise AnalysisError(
            f"{recording.path}: {rate:g} samples a second are too slow for vibration (at least {SLOWEST_HZ:g}): "
            "slow process data belong to plantpulse models fit"
        )
    units = [None if channel.unit is None else parse_unit(channel.unit) for channel in recording.channels]
    rows = [row for row, unit in enumerate(units) if unit is None or unit.quantity in VIBRATION]
    if not rows:
        raise AnalysisError(
            f"{recording.path}: no channel is acceleration or velocity: choose one with --channel, --unit"
        )
    notes = list(recording.notes)
    left_out = [channel.name for row, channel in enumerate(recording.channels) if row not in rows]
    if left_out:
        notes.append(f"left out, not vibration: {', '.join(left_out)}")
    segments = recording.segments
    segment = max(reversed(segments), key=lambda one: one.samples.shape[1])
    if len(segments) > 1:
        notes.append(
            f"{len(segments)} stretches with pauses; the one at {segment.start_s:g} s is analysed "
            f"({segment.samples.shape[1] / rate:g} s, the last of the longest)"
        )
    if segment.samples.shape[1] < SHORTEST_WINDOW:
        raise AnalysisError(
            f"{recording.path}: {segment.samples.shape[1]} samples are too few for a spectrum: give {SHORTEST_WINDOW}"
        )
    unit_known = all(units[row] is not None for row in rows)
    if not unit_known:
        notes.append("the unit is not stated (--unit g, m/s2 or mm/s): levels, velocity and zones are not judged")
    samples = segment.samples[rows]
    for index, row in enumerate(rows):
        samples[index] = _as_acceleration(samples[index], units[row], rate)
    channels = tuple(recording.channels[row] for row in rows)
    return Stretch(recording, channels, samples, rate, unit_known, tuple(notes))


def _features(stretch: Stretch) -> tuple[dict[str, tuple[float | None, str | None]], ...]:
    length = prev_fast_len(stretch.samples.shape[1])
    extract = FeatureExtractor(stretch.sample_rate_hz, length)
    values = extract(np.ascontiguousarray(stretch.samples[:, :length]))
    features: tuple[dict[str, tuple[float | None, str | None]], ...] = tuple(
        {
            name: _feature(float(value), unit, unit_known=stretch.unit_known)
            for name, unit, value in zip(extract.names, extract.units, row, strict=True)
        }
        for row in values
    )
    if stretch.unit_known:
        for row_features, peak, swing in zip(features, *_motion(stretch), strict=True):
            row_features["velocity_peak"] = _feature(peak, "mm/s", unit_known=True)
            row_features["displacement_peak_to_peak"] = _feature(swing, "µm", unit_known=True)
    return features


def _motion(stretch: Stretch) -> tuple[list[float], list[float]]:
    """Return peak velocity in mm/s and peak-to-peak displacement in µm, per channel; NaN where it cannot be told."""
    unknown = [math.nan] * len(stretch.channels)
    try:
        moving = velocity(stretch.samples, stretch.sample_rate_hz)
        moved = displacement(stretch.samples, stretch.sample_rate_hz)
    except SignalError:
        # A record too short for 10 Hz, or samples that are no numbers: the other features still stand.
        return unknown, unknown
    return moving.peak.tolist(), moved.peak_to_peak.tolist()


def _feature(value: float, unit: str, *, unit_known: bool) -> tuple[float | None, str | None]:
    """Return a feature with its unit; a velocity cannot be computed from samples of an unknown unit."""
    if not math.isfinite(value) or (not unit_known and unit == "mm/s"):
        return None, unit
    return float(f"{value:.6g}"), unit if unit_known or unit == "1" else None


def _as_acceleration(samples: NDArray[np.float32], unit: Any, rate_hz: float) -> NDArray[np.float32]:
    """Return samples as m/s²; velocity is differentiated in the spectrum."""
    if unit is None:
        return samples
    scaled = samples * np.float32(unit.to_si)
    if unit.quantity == "acceleration":
        return scaled
    spectrum = rfft(np.nan_to_num(scaled.astype(np.float64)))
    spectrum *= 2j * np.pi * np.fft.rfftfreq(samples.size, 1 / rate_hz)
    acceleration = irfft(spectrum, samples.size).astype(np.float32)
    acceleration[~np.isfinite(scaled)] = np.nan
    return acceleration
