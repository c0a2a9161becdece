"""Whether a stretch of signal may be judged at all: a bad sensor must never look like a bad machine.

Checked in this order: values that are no numbers, a signal that does not move, peaks cut off by the measuring range
(these three by `models.signal.quality`, as everywhere), a contact that breaks, a slope towards zero frequency that no
machine makes (the "ski slope" of a shaken cable or an overloaded amplifier), and a level so low that the machine
stands still or the sensor hangs free.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import numpy as np

from models.contract.vocabulary import QualityCause
from models.diagnosis.envelope_lines import FIRST_BIN
from models.signal.fourier import prev_fast_len, rfft
from models.signal.quality import sample_quality

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.diagnosis.envelope_lines import FloatArray

HELD_SHARE: Final = 0.25
"""One value held for a quarter of the record: a loose cable or a stuck converter."""
DROPOUT_RUN: Final = 8
"""A vibration never stands still for so many samples, unless it is of the size of the converter's step."""
DROPOUT_SHARE: Final = 0.01
DROPOUT_MIN_LEVELS: Final = 200
CLIP_HEAVY_SHARE: Final = 0.005
"""Impacts that touch the range now and then may still be judged; with more the waveform is not the machine's."""
SKI_EDGES_HZ: Final = (2.0, 3.5, 6.0, 10.0)
SKI_REFERENCE_HZ: Final = (20.0, 80.0)
SKI_SLOPE_DB: Final = 15.0
SKI_SHARE: Final = 0.5
"""Every part of the low range this far above the reference, and half of all energy in it: a slow shaft has lines
there, but not everywhere, and machines have most of their acceleration higher up."""

OFF_RMS_M_S2: Final = 0.03
"""Accelerometers of plants have a noise of this order; a running machine is well above it."""
OFF_RATIO: Final = 0.3
"""Below this share of its healthy level a machine stands still (IMS rig: every stop is below, no run is)."""
DEAD_RATIO: Final = 0.1
"""Below this share of its healthy level, or of the other channels, a sensor is dead though the machine turns."""


class SensorCause(StrEnum):
    """Why a channel cannot be judged."""

    NOT_FINITE = "not_finite"
    CONSTANT = "constant"
    DROPOUT = "dropout"
    CLIPPED = "clipped"
    SKI_SLOPE = "ski_slope"


@dataclass(frozen=True, slots=True)
class SensorCheck:
    """What was found on one channel.

    Attributes:
        causes: empty when the signal may be judged.
        detail: the causes in words with numbers, for the sentence.
        rms: without its mean, of the finite samples; 0 if there are none.
        clipped_heavily: so much is cut off that the waveform is the range's, not the machine's.
    """

    causes: tuple[SensorCause, ...]
    detail: str
    rms: float
    clipped_heavily: bool = False


def check_sensor(samples: NDArray[np.floating], sample_rate_hz: float) -> SensorCheck:
    """Return whether one channel may be judged.

    Args:
        samples: one channel (samples,), any unit.
        sample_rate_hz: of the samples.
    """
    quality = sample_quality(samples[None, :])[0]
    if QualityCause.NO_DATA in quality or QualityCause.NOT_FINITE in quality:
        finite = np.isfinite(samples)
        rms = float(samples[finite].std(dtype=np.float64)) if finite.any() else 0.0
        bad = samples.size - int(np.count_nonzero(finite))
        return SensorCheck((SensorCause.NOT_FINITE,), f"{bad} of {samples.size} samples are no numbers", rms)
    signal = samples.astype(np.float64)
    level = signal - signal.mean()
    rms = float(np.sqrt(np.mean(level**2)))
    if QualityCause.CONSTANT in quality:
        return SensorCheck((SensorCause.CONSTANT,), f"the signal stays at {float(signal[0]):g}", 0.0)
    held = longest_hold(signal)
    if held > HELD_SHARE * signal.size:
        return SensorCheck((SensorCause.CONSTANT,), f"one value is held for {held / sample_rate_hz:.2g} s", rms)
    causes, details = [], []
    resting = resting_samples(signal) if QualityCause.CLIPPED in quality else 0
    if resting:
        causes.append(SensorCause.CLIPPED)
        details.append(f"{resting} samples rest at the end of the measuring range")
    else:
        lost = standing_samples(signal)
        if lost > DROPOUT_SHARE * signal.size:
            causes.append(SensorCause.DROPOUT)
            details.append(f"the signal stands still again and again, {lost / sample_rate_hz * 1000:.0f} ms in all")
    if is_ski_slope(level, sample_rate_hz):
        causes.append(SensorCause.SKI_SLOPE)
        details.append(f"most of the signal lies below {SKI_EDGES_HZ[-1]:.0f} Hz and falls off steeply")
    return SensorCheck(tuple(causes), "; ".join(details), rms, resting > CLIP_HEAVY_SHARE * signal.size)


def resting_samples(signal: FloatArray) -> int:
    """Return how many samples of a clipped signal rest at the ends of its range."""
    return int(np.count_nonzero((signal == signal.max()) | (signal == signal.min())))


def standing_samples(signal: FloatArray) -> int:
    """Return how many samples lie in runs of equal values; 0 for a signal so small that steps alone make runs.

    >>> noise = np.random.default_rng(0).standard_normal(1000)
    >>> noise[100:150] = 0.0
    >>> standing_samples(noise)
    50
    """
    steps = np.abs(np.diff(signal))
    moving = steps[steps > 0]
    if not moving.size or float(np.ptp(signal)) < DROPOUT_MIN_LEVELS * float(moving.min()):
        return 0
    edges = np.concatenate([[-1], np.flatnonzero(steps), [signal.size - 1]])
    runs = np.diff(edges)
    return int(runs[runs >= DROPOUT_RUN].sum())


def longest_hold(signal: FloatArray) -> int:
    """Return the length of the longest run of equal samples.

    >>> longest_hold(np.array([1.0, 2.0, 2.0, 2.0, 3.0]))
    3
    """
    changes = np.flatnonzero(np.diff(signal) != 0.0)
    edges = np.concatenate([[-1], changes, [signal.size - 1]])
    return int(np.diff(edges).max())


def is_ski_slope(level: FloatArray, sample_rate_hz: float) -> bool:
    """Return whether the spectrum is a slope towards zero frequency; False when the record is too short to tell."""
    length = prev_fast_len(level.size)
    step_hz = sample_rate_hz / length
    power = np.abs(rfft(level[:length] * np.hanning(length))) ** 2
    edges = [max(FIRST_BIN, round(edge / step_hz)) for edge in SKI_EDGES_HZ]
    first, last = (round(edge / step_hz) for edge in SKI_REFERENCE_HZ)
    if edges[0] == edges[1] or last >= power.size:
        return False
    floor = 10 ** (SKI_SLOPE_DB / 10) * float(power[first:last].mean())
    everywhere = all(float(power[low:high].mean()) > floor for low, high in itertools.pairwise(edges))
    return bool(everywhere and power[1 : edges[-1]].sum() > SKI_SHARE * power[1:].sum())
