"""Whether a stretch of signal may be judged at all: a bad sensor must never look like a bad machine.

Checked in this order: values that are no numbers, a signal that does not move, peaks cut off by the measuring range
(these three by `models.signal.quality`, as everywhere), a slope towards zero frequency that no machine makes (the
"ski slope" of a shaken cable or an overloaded amplifier), and a level so low that the machine stands still or the
sensor hangs free.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import numpy as np

from models.contract.vocabulary import QualityCause
from models.signal.fourier import prev_fast_len, rfft
from models.signal.quality import sample_quality

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.diagnosis.envelope_lines import FloatArray

HELD_SHARE: Final = 0.25
"""One value held for a quarter of the record: a loose cable or a stuck converter."""
CLIP_HEAVY_SHARE: Final = 0.005
"""Impacts that touch the range now and then may still be judged; with more the waveform is not the machine's."""
SKI_LOW_HZ: Final = (2.0, 6.0)
SKI_HIGH_HZ: Final = (15.0, 60.0)
SKI_SLOPE_DB: Final = 15.0
SKI_SHARE: Final = 0.5
"""A floor that falls this steeply between the two ranges and holds half of all energy is no machine's: machines show
lines there, and most of their energy higher up."""
SKI_MIN_BINS: Final = 4
OFF_RMS_M_S2: Final = 0.03
"""Accelerometers of plants have a noise of this order; a running machine is well above it."""
OFF_RATIO: Final = 0.3
"""Below this share of its healthy level a machine stands still (IMS rig: every stop is below, no run is)."""


class SensorCause(StrEnum):
    """Why a channel cannot be judged."""

    NOT_FINITE = "not_finite"
    CONSTANT = "constant"
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
    if is_ski_slope(level, sample_rate_hz):
        causes.append(SensorCause.SKI_SLOPE)
        details.append(f"most of the signal lies below {SKI_LOW_HZ[1]:.0f} Hz and falls off steeply")
    return SensorCheck(tuple(causes), "; ".join(details), rms, resting > CLIP_HEAVY_SHARE * signal.size)


def resting_samples(signal: FloatArray) -> int:
    """Return how many samples of a clipped signal rest at the ends of its range."""
    return int(np.count_nonzero((signal == signal.max()) | (signal == signal.min())))


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
    first = max(SKI_MIN_BINS - 1, round(SKI_LOW_HZ[0] / step_hz))
    low = power[first : round(SKI_LOW_HZ[1] / step_hz) + 1]
    high = power[round(SKI_HIGH_HZ[0] / step_hz) : round(SKI_HIGH_HZ[1] / step_hz) + 1]
    if low.size < SKI_MIN_BINS or high.size < SKI_MIN_BINS:
        return False
    steep = float(np.median(low)) > 10 ** (SKI_SLOPE_DB / 10) * float(np.median(high))
    return bool(steep and low.sum() > SKI_SHARE * power[first:].sum())
