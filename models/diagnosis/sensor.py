"""Whether a stretch of signal may be judged at all: a bad sensor must never look like a bad machine.

Checked in this order: values that are no numbers, a signal that does not move, peaks cut off by the measuring range,
a slope towards zero frequency that no machine makes (the "ski slope" of a shaken cable or an overloaded amplifier),
and a level so low that the machine stands still or the sensor hangs free.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import numpy as np

from models.contract.vocabulary import QualityCause
from models.signal.fourier import prev_fast_len, rfft

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.diagnosis.envelope_lines import FloatArray

CONSTANT_SHARE: Final = 1e-9
"""A spread below this share of the level is rounding, not vibration."""
HELD_SHARE: Final = 0.25
"""One value held for a quarter of the record: a loose cable or a stuck converter."""
CLIP_MIN_SAMPLES: Final = 20
CLIP_SHARE: Final = 2e-4
"""Peaks touch a range by chance; a clipped signal rests on it."""
CLIP_HEAVY_SHARE: Final = 0.005
"""Impacts that touch the range now and then may still be judged; with more the waveform is not the machine's."""
CLIP_PILE_UP: Final = 5.0
"""How many more samples lie in the outermost 1/200 of the range than in the next: a sine has 2.4."""
CLIP_BINS: Final = 200
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

    @property
    def quality(self) -> QualityCause | None:
        """Return the word of the contract, where it has one."""
        return None if self is SensorCause.SKI_SLOPE else QualityCause(self.value)


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
    finite = np.isfinite(samples)
    if not finite.all():
        bad = samples.size - int(finite.sum())
        rest = samples[finite].astype(np.float64)
        rms = float(rest.std()) if rest.size else 0.0
        return SensorCheck((SensorCause.NOT_FINITE,), f"{bad} of {samples.size} samples are no numbers", rms)
    signal = samples.astype(np.float64)
    level = signal - signal.mean()
    rms = float(np.sqrt(np.mean(level**2))) if level.size else 0.0
    if rms <= CONSTANT_SHARE * max(float(np.abs(signal).max(initial=0.0)), np.finfo(float).tiny):
        return SensorCheck(
            (SensorCause.CONSTANT,), f"the signal stays at {float(signal[0]) if signal.size else 0:g}", rms
        )
    held = longest_hold(signal)
    if held > HELD_SHARE * signal.size:
        return SensorCheck((SensorCause.CONSTANT,), f"one value is held for {held / sample_rate_hz:.2g} s", rms)
    causes, details = [], []
    clipped = clipped_samples(signal)
    if clipped:
        causes.append(SensorCause.CLIPPED)
        details.append(f"{clipped} samples rest at the end of the measuring range")
    if is_ski_slope(level, sample_rate_hz):
        causes.append(SensorCause.SKI_SLOPE)
        details.append(f"most of the signal lies below {SKI_LOW_HZ[1]:.0f} Hz and falls off steeply")
    return SensorCheck(tuple(causes), "; ".join(details), rms, clipped > CLIP_HEAVY_SHARE * signal.size)


def clipped_samples(signal: FloatArray) -> int:
    """Return how many samples rest at the ends of the range, 0 when the signal is not clipped.

    A coarse converter also puts many samples on its outermost value; what tells clipping is that far fewer lie on
    the values just inside.
    """
    low, high = float(signal.min()), float(signal.max())
    resting = 0
    for extreme, outwards in ((low, -1.0), (high, 1.0)):
        exact = int(np.count_nonzero(np.abs(signal - extreme) <= 1e-6 * (high - low)))
        if exact < max(CLIP_MIN_SAMPLES, CLIP_SHARE * signal.size):
            continue
        depth = outwards * (extreme - signal)
        inside = depth[depth > 1e-6 * (high - low)]
        width = max(1.5 * float(inside.min()), (high - low) / CLIP_BINS)
        if exact >= CLIP_PILE_UP * max(int(np.count_nonzero(inside <= width)), 1):
            resting += exact
    return resting


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
