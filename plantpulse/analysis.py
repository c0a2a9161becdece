"""One stretch of a recording: which it is, its features, and what an analyst would say about it.

In order: the longest uninterrupted stretch of the channels that hear a machine is chosen, brought to m/s² (to Pa where
a microphone hears it), and given to the features and to the diagnosis.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from models.contract.errors import InputError
from models.contract.units import is_sound, parse_unit
from models.diagnosis.diagnose import diagnose
from models.signal.acoustics import check_sound_rate
from models.signal.bands import SHORTEST_WINDOW
from models.signal.errors import SignalError
from models.signal.features import LEVEL
from models.signal.fourier import irfft, prev_fast_len, rfft
from models.signal.integration import displacement, velocity
from models.signal.machine_features import MachineFeatures
from models.signal.mains import without_mean_and_mains
from models.signal.sound_levels import sound_levels

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
        channels: of vibration and sound, in the order of the rows.
        samples: acceleration in m/s², or sound pressure in Pa, (channels, samples), float32; in the file's own numbers
            where the unit is unknown.
        sample_rate_hz: of all channels.
        unit_known: whether `samples` really are m/s², where they are no sound.
        notes: what a person should know about the choice.
        is_sound: of each channel, whether it is a microphone.
        tacho: (samples,) as recorded, of the same moments; None without one.
    """

    recording: Recording
    channels: tuple[Channel, ...]
    samples: NDArray[np.float32]
    sample_rate_hz: float
    unit_known: bool
    notes: tuple[str, ...]
    is_sound: tuple[bool, ...]
    tacho: NDArray[np.float32] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Return the channels' names."""
        return tuple(channel.name for channel in self.channels)

    @property
    def sound_channels(self) -> tuple[str, ...]:
        """Return the names of the microphones."""
        return tuple(name for name, hears in zip(self.names, self.is_sound, strict=True) if hears)

    @property
    def speed_source(self) -> str:
        """Return in words where the speed comes from that was not found in the lines."""
        return "as stated" if self.tacho is None else "by the tacho"

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
        sound_channels=stretch.sound_channels,
    )
    return Analysis(stretch, _features(stretch), report, baseline)


def choose_stretch(recording: Recording, tacho: str | None = None) -> Stretch:
    """Return the longest uninterrupted stretch of the channels of vibration and sound, the last of equally long ones.

    Args:
        recording: as it was read.
        tacho: name of the channel with the pulses of a tacho or key-phasor, None where there is none.

    Raises:
        AnalysisError: no rate, no such channel, or a stretch too short for a spectrum.
    """
    names = _names(recording, tacho)
    rate = recording.sample_rate_hz
    if rate is None:
        raise AnalysisError(f"{recording.path}: the sampling rate is not stated: give it with --rate HZ")
    if rate < SLOWEST_HZ:
        raise AnalysisError(
            f"{recording.path}: {rate:g} samples a second are too slow for vibration (at least {SLOWEST_HZ:g}): "
            "slow process data belong to plantpulse models fit"
        )
    units = [None if channel.unit is None else parse_unit(channel.unit) for channel in recording.channels]
    heard = [row for row, unit in enumerate(units) if unit is not None and is_sound(unit)]
    too_slow = _too_slow_for_sound(rate) if heard else None
    if too_slow is not None:
        heard = []
    felt = [row for row, unit in enumerate(units) if unit is None or unit.quantity in VIBRATION]
    rows = [row for row in sorted(felt + heard) if names[row] != tacho]
    if not rows:
        raise AnalysisError(
            f"{recording.path}: "
            + (too_slow or "no channel is acceleration, velocity or sound (Pa): choose one with --channel, --unit")
        )
    notes = list(recording.notes)
    left_out = [name for row, name in enumerate(names) if row not in rows and name != tacho]
    if left_out:
        notes.append(f"left out, neither vibration nor sound: {', '.join(left_out)}")
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
        notes.append("the unit is not stated (--unit g, m/s2, mm/s or Pa): levels, velocity and zones are not judged")
    samples = segment.samples[rows]
    for index, row in enumerate(rows):
        samples[index] = _in_si(samples[index], units[row], rate)
    channels = tuple(recording.channels[row] for row in rows)
    hears = tuple(row in heard for row in rows)
    pulses = None if tacho is None else segment.samples[names.index(tacho)]
    return Stretch(recording, channels, samples, rate, unit_known, tuple(notes), hears, pulses)


def without_mains(stretch: Stretch) -> Stretch:
    """Return the stretch without the lines of the mains, and what was taken away among its notes.

    Raises:
        AnalysisError: too short or too slow to tell the mains from the shaft, or samples that are no numbers.
    """
    try:
        cleaned = without_mean_and_mains(stretch.samples, stretch.sample_rate_hz)
    except SignalError as error:
        raise AnalysisError(f"{stretch.recording.path}: --remove-mains: {error}") from error
    if cleaned.mains_hz is None:
        note = "no lines of the mains were found, so none were removed"
        if cleaned.doubtful_hz is not None:
            note = f"lines at multiples of {cleaned.doubtful_hz:.2f} Hz may be the shaft's: they were not removed"
        return replace(stretch, notes=(*stretch.notes, note))
    strongest = max(cleaned.lines, key=lambda line: line.rms)
    note = (
        f"mains of {cleaned.mains_hz:.2f} Hz removed, {len(cleaned.lines)} lines; the strongest at "
        f"{strongest.frequency_hz:.1f} Hz in {stretch.names[strongest.channel]}, {strongest.rms:.3g} RMS"
    )
    return replace(stretch, samples=cleaned.samples.astype(np.float32, copy=False), notes=(*stretch.notes, note))


def _names(recording: Recording, tacho: str | None) -> list[str]:
    names = [channel.name for channel in recording.channels]
    if tacho is not None and tacho not in names:
        raise AnalysisError(f"{recording.path}: --tacho {tacho}: no such channel; there are {', '.join(names)}")
    return names


def _too_slow_for_sound(rate_hz: float) -> str | None:
    """Return why microphones of this rate cannot be analysed, None where they can."""
    try:
        check_sound_rate(rate_hz)
    except SignalError as error:
        return str(error)
    return None


def _features(stretch: Stretch) -> tuple[dict[str, tuple[float | None, str | None]], ...]:
    length = prev_fast_len(stretch.samples.shape[1])
    extract = MachineFeatures(stretch.sample_rate_hz, length, stretch.is_sound)
    values = extract(np.ascontiguousarray(stretch.samples[:, :length]))
    features: tuple[dict[str, tuple[float | None, str | None]], ...] = tuple(
        {
            name: _feature(float(value), unit, unit_known=stretch.unit_known or hears)
            for name, unit, value in zip(extract.names_of(row), extract.units_of(row), of_row, strict=True)
        }
        for row, (hears, of_row) in enumerate(zip(stretch.is_sound, values, strict=True))
    )
    for row_features, hears, samples in zip(features, stretch.is_sound, stretch.samples, strict=True):
        if hears:
            row_features.update(_loudness(samples, stretch.sample_rate_hz))
    if stretch.unit_known:
        for row_features, hears, peak, swing in zip(features, stretch.is_sound, *_motion(stretch), strict=True):
            if not hears:
                row_features["velocity_peak"] = _feature(peak, "mm/s", unit_known=True)
                row_features["displacement_peak_to_peak"] = _feature(swing, "µm", unit_known=True)
    return features


def _loudness(samples: NDArray[np.float32], rate_hz: float) -> dict[str, tuple[float | None, str | None]]:
    """Return the levels of a whole stretch of sound (samples,), None where it holds what is no number."""
    if not np.isfinite(samples).all():
        return dict.fromkeys(("sound_level", "sound_level_a"), (None, LEVEL))
    levels = sound_levels(samples[None], rate_hz)
    return {
        "sound_level": _feature(float(levels.unweighted_db[0]), LEVEL, unit_known=True),
        "sound_level_a": _feature(float(levels.a_weighted_db[0]), LEVEL, unit_known=True),
    }


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


def _in_si(samples: NDArray[np.float32], unit: Any, rate_hz: float) -> NDArray[np.float32]:
    """Return samples as m/s², of sound as Pa; velocity is differentiated in the spectrum."""
    if unit is None:
        return samples
    scaled = samples * np.float32(unit.to_si)
    if unit.quantity == "acceleration" or is_sound(unit):
        return scaled
    spectrum = rfft(np.nan_to_num(scaled.astype(np.float64)))
    spectrum *= 2j * np.pi * np.fft.rfftfreq(samples.size, 1 / rate_hz)
    acceleration = irfft(spectrum, samples.size).astype(np.float32)
    acceleration[~np.isfinite(scaled)] = np.nan
    return acceleration
