"""How fast the shaft really turns: the stated speed, corrected by the comb of its own harmonics.

Nameplates and controllers are a per cent off, and a per cent is enough to look for a bearing's lines in the wrong
place. Every shaft leaves a comb of lines at whole multiples of its speed. The comb is moved around the stated speed;
where it collects clearly more lines than noise could, and more than at other speeds, that is the speed. Otherwise the
stated one stands. A speed is never guessed without a stated one: when a fault's lines dominate, the best comb is
theirs. For the same reason a measured speed is hardly moved: the lines of an inner race near five orders, with the
shaft's sidebands around them, make a comb of their own a per cent beside the shaft's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from models.diagnosis.envelope_lines import FloatArray, local_background
from models.signal.fourier import prev_fast_len, rfft

if TYPE_CHECKING:
    from numpy.typing import NDArray

HARMONICS: Final = 40
"""Teeth of the comb: many, because the highest ones pin the speed down best."""
FREE_RANGE: Final = 0.015
"""How far a stated speed is corrected without further questions: load slip of an induction motor."""
MEASURED_RANGE: Final = 0.003
"""How far a measured speed is corrected: a tachometer is exact, but it averages over other moments than the record."""
WIDE_RANGE: Final = 0.05
"""How far at all; beyond, the stated speed is of another machine."""
WIDE_TURNS: Final = 60.0
"""Turns of the shaft that a record must hold before the wide range is searched: below, the teeth overlap."""
TOOTH_CAP: Final = 8.0
"""ln of the ratio to the background at which a tooth counts no more, so that no single line decides."""
NOISE_TOOTH: Final = 0.596
NOISE_TOOTH_DEVIATION: Final = 0.42
"""Mean and standard deviation of ln(1 + Exp(1)), a tooth that holds noise."""
CLEAR_DEVIATIONS: Final = 4.5
"""A comb is a comb when it stands this many standard deviations above noise; the search tries some 10³ speeds."""
CLEARLY_BETTER: Final = 1.35
"""By how much a speed outside the free range must beat the best one inside it to be taken."""
DOUBTFULLY_BETTER: Final = 1.15
"""By how much it must beat it, in a record long enough to tell, to put the stated speed in doubt."""
MIN_TURNS: Final = 8.0
"""Below, neighbouring orders are not separate lines."""


@dataclass(frozen=True, slots=True)
class SpeedEstimate:
    """What is known of the shaft's speed, in turns per minute.

    Attributes:
        stated: by the file, the configuration, the person or a tachometer; None if nobody said.
        estimated: from the comb; None where it was not clear.
        used: by the diagnosis; None when nothing is known.
        in_doubt: the comb speaks against the stated speed and the record is too short to settle it.
        uncertainty: how far the true speed may lie from the used one, relative; 0 when a tachometer or the strongest
            comb far and wide says it.
    """

    stated: float | None
    estimated: float | None
    used: float | None
    in_doubt: bool = False
    uncertainty: float = 0.0


@dataclass(frozen=True, slots=True)
class _Comb:
    """Candidate speeds in Hz and how much each collects above noise, in standard deviations.

    The strength is the least of all teeth, of the odd ones, and of those that are no multiple of three: a comb that
    lives from every second or third tooth alone belongs to another line, such as a fault's, not to a shaft.
    """

    speeds_hz: FloatArray
    strength: FloatArray

    def best(self, stated_hz: float, reach: float) -> tuple[float, float]:
        """Return the best speed within a relative reach of the stated one, and its strength."""
        near = np.abs(self.speeds_hz / stated_hz - 1.0) <= reach
        index = int(np.argmax(np.where(near, self.strength, -np.inf)))
        return float(self.speeds_hz[index]), float(self.strength[index])


def estimate_speed(
    samples: NDArray[np.floating], sample_rate_hz: float, stated_rpm: float | None, *, measured: bool = False
) -> SpeedEstimate:
    """Return the shaft speed that the vibration itself shows, near the stated one.

    Args:
        samples: acceleration (channels, samples), any unit; the channels' combs are added.
        sample_rate_hz: of the samples.
        stated_rpm: what is said to be the speed; without it nothing is estimated.
        measured: a tachometer said it while the samples were taken; otherwise it is a nameplate's or a person's word.
    """
    if stated_rpm is None:
        return SpeedEstimate(None, None, None)
    stated_hz = stated_rpm / 60.0
    turns = samples.shape[-1] / sample_rate_hz * stated_hz
    if turns < MIN_TURNS or stated_hz * 6 * (1 + WIDE_RANGE) > sample_rate_hz / 2:
        return SpeedEstimate(stated_rpm, None, stated_rpm, uncertainty=0.0 if measured else WIDE_RANGE)
    comb = _comb(samples, sample_rate_hz, stated_hz)
    near_hz, near = comb.best(stated_hz, MEASURED_RANGE if measured else FREE_RANGE)
    if measured:
        found_rpm = 60.0 * near_hz if near >= CLEAR_DEVIATIONS else None
        return SpeedEstimate(stated_rpm, found_rpm, found_rpm or stated_rpm)
    far_hz, far = comb.best(stated_hz, WIDE_RANGE)
    better = far / max(near, CLEAR_DEVIATIONS / CLEARLY_BETTER)
    if far >= CLEAR_DEVIATIONS and better >= CLEARLY_BETTER and turns >= WIDE_TURNS:
        return SpeedEstimate(stated_rpm, 60.0 * far_hz, 60.0 * far_hz)
    in_doubt = far >= CLEAR_DEVIATIONS and better >= (DOUBTFULLY_BETTER if turns >= WIDE_TURNS else CLEARLY_BETTER)
    if near >= CLEAR_DEVIATIONS and not in_doubt:
        uncertainty = 0.0 if near >= far else WIDE_RANGE
        return SpeedEstimate(stated_rpm, 60.0 * near_hz, 60.0 * near_hz, uncertainty=uncertainty)
    return SpeedEstimate(stated_rpm, None, stated_rpm, in_doubt, WIDE_RANGE)


def _comb(samples: NDArray[np.floating], sample_rate_hz: float, stated_hz: float) -> _Comb:
    """Return the comb strength on a grid fine enough for its highest tooth."""
    length = prev_fast_len(samples.shape[-1])
    step_hz = sample_rate_hz / length
    teeth = int(min(HARMONICS, sample_rate_hz / 2 / (stated_hz * (1 + WIDE_RANGE)) - 1))
    bins = int(stated_hz * (1 + WIDE_RANGE) * teeth / step_hz) + 3
    log_ratio = np.zeros(bins)
    window = np.hanning(length)
    for channel in np.atleast_2d(samples):
        power = np.abs(rfft((channel[:length] - channel[:length].mean()) * window)[:bins]) ** 2
        ratio = power / np.maximum(local_background(power, step_hz), np.finfo(float).tiny)
        log_ratio += np.minimum(np.log1p(ratio), TOOTH_CAP)
    log_ratio /= np.atleast_2d(samples).shape[0]
    grid_hz = step_hz / (2 * teeth)
    reach = int(stated_hz * WIDE_RANGE / grid_hz)
    speeds: FloatArray = stated_hz + grid_hz * np.arange(-reach, reach + 1, dtype=np.float64)
    position = np.arange(1, teeth + 1)[:, None] * speeds / step_hz
    lower = position.astype(int)
    part = position - lower
    held = log_ratio[lower] * (1 - part) + log_ratio[lower + 1] * part
    return _Comb(speeds, np.minimum.reduce([_strength(held), _strength(held[0::2]), _strength(_not_thirds(held))]))


def _strength(teeth: FloatArray) -> FloatArray:
    """Return how far a set of teeth (teeth, speeds) stands above noise, in standard deviations (speeds,)."""
    count = teeth.shape[0]
    strength: FloatArray = (teeth.sum(axis=0) - count * NOISE_TOOTH) / (NOISE_TOOTH_DEVIATION * count**0.5)
    return strength


def _not_thirds(teeth: FloatArray) -> FloatArray:
    """Return the teeth whose number is no multiple of three: a bearing's lines often fall near 3 or 5 orders."""
    kept: FloatArray = teeth[np.arange(1, teeth.shape[0] + 1) % 3 != 0]
    return kept
