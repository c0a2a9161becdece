"""How fast the shaft really turns: the stated speed, corrected by the comb of its own harmonics.

Nameplates and controllers are a per cent off, and a per cent is enough to look for a bearing's lines in the wrong
place. Every shaft leaves a comb of lines at whole multiples of its speed. The comb is moved around the stated speed;
where it collects clearly more lines than noise could, and more than at other speeds, that is the speed. Otherwise the
stated one stands. A measured speed is hardly moved: the lines of an inner race near five orders, with the shaft's
sidebands around them, make a comb of their own a per cent beside the shaft's.

Where nobody stated a speed one is suggested, never used, and only when nothing speaks for another one: the comb must
stand far above noise and above every other comb, have most of its teeth, and turn often enough in the record that its
halves and thirds were tried as well. It may still be the comb of another shaft than the bearing's, as of a gearbox, and
there a fault would get a wrong name.

A bad gear wheel leaves a comb of its own around the mesh. Where some of its turns take nearly as long as one of the
shaft, every so-many-th tooth of that comb is taken for the shaft's. Teeth that are counted decide: at the true speed
the mesh itself lies where it is expected, at the other one a sideband does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from models.diagnosis.envelope_lines import FloatArray, local_background
from models.signal.fourier import pairs_of, prev_fast_len, rfft
from models.signal.spectra import hann

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from models.diagnosis.mesh import Gear

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
BLIND_LOWEST_HZ: Final = 5.0
BLIND_HIGHEST_HZ: Final = 65.0
"""Speeds that are looked for when none is stated: what mains of 50 or 60 Hz drive, with or without a gear or a belt."""
BLIND_MAX_S: Final = 5.0
"""So much of a record is searched for them; more costs time and tells little more."""
BLIND_DEVIATIONS: Final = 3 * CLEAR_DEVIATIONS
BLIND_BETTER: Final = 1.2
"""A comb must beat every other one by so much; twice the speed, which has every second tooth, comes nearest."""
BLIND_FLANK: Final = 0.005
"""Speeds as near as this share a comb's lowest teeth and are no other one."""
BLIND_FILLED: Final = 0.6
"""Share of the teeth that must stand out: a multiple of the true speed's half or third fills a half or a third."""
LEAST_FILLED: Final = 0.3
"""The same near a stated speed: a comb that is not the shaft's and meets every fourth tooth or fewer fills a quarter,
and noise a twentieth; every second or third tooth alone is no comb by its strength."""
FILLED_TOOTH: Final = 1.386
"""ln(1 + 3): noise has a tooth of three times its background once in twenty."""
BLIND_TEETH: Final = 20
"""Fewer teeth than this below the Nyquist frequency do not make a comb that is told from others."""
MAINS_HZ: Final = (50.0, 60.0)
MAINS_REACH: Final = 0.003
"""A comb this near to the mains is theirs: an induction motor lags by more."""
SETTLED_TURNS: Final = 1 / WIDE_RANGE
"""In fewer turns a comb's first tooth cannot tell one end of the wide range from the other."""
SAME_TURN: Final = 0.001
"""Speeds no farther apart are one: the highest tooth pins a speed down so well."""
MESH_HARMONICS: Final = 3
COMB_BLOCK: Final = 4096
"""Speeds that are tried at once: a megabyte per quantity on a small gateway."""
MIN_TURNS: Final = 8.0
"""Below, neighbouring orders are not separate lines."""


@dataclass(frozen=True, slots=True)
class SpeedEstimate:
    """What is known of the shaft's speed, in turns per minute.

    Attributes:
        stated: by the file, the configuration, the person or a tachometer; None if nobody said.
        estimated: from the comb; None where it was not clear.
        used: by the diagnosis; None when nobody stated one.
        in_doubt: the comb speaks against the stated speed and the record is too short to settle it, or nobody stated
            one.
        uncertainty: how far the true speed may lie from the used one, relative; 0 when a tachometer or the strongest
            comb far and wide says it.
    """

    stated: float | None
    estimated: float | None
    used: float | None
    in_doubt: bool = False
    uncertainty: float = 0.0

    @property
    def looked_at(self) -> float | None:
        """Return the speed at which to look for lines: the used one, or one that is only suggested, to name nothing."""
        return self.estimated if self.used is None else self.used


@dataclass(frozen=True, slots=True)
class _Comb:
    """Candidate speeds in Hz, how much each collects above noise, in standard deviations, and its share of full teeth.

    The strength is the least of all teeth, of the odd ones, and of those that are no multiple of three: a comb that
    lives from every second or third tooth alone belongs to another line, such as a fault's, not to a shaft. It is none
    where so few teeth stand out that they may be every so-many-th of another comb.
    """

    speeds_hz: FloatArray
    strength: FloatArray
    filled: FloatArray

    def best(self, stated_hz: float, reach: float) -> tuple[float, float]:
        """Return the best speed within a relative reach of the stated one, and its strength."""
        near = np.abs(self.speeds_hz / stated_hz - 1.0) <= reach
        index = int(np.argmax(np.where(near, self.strength, -np.inf)))
        return float(self.speeds_hz[index]), float(self.strength[index])


def estimate_speed(
    samples: NDArray[np.floating],
    sample_rate_hz: float,
    stated_rpm: float | None,
    *,
    measured: bool = False,
    gears: Sequence[Gear] = (),
) -> SpeedEstimate:
    """Return the shaft speed that the vibration itself shows, near the stated one.

    Args:
        samples: acceleration (channels, samples), any unit; the channels' combs are added.
        sample_rate_hz: of the samples.
        stated_rpm: what is said to be the speed; without it one is suggested at best.
        measured: a tachometer said it while the samples were taken; otherwise it is a nameplate's or a person's word.
        gears: wheels whose teeth are counted; their mesh decides between the shaft's comb and a wheel's.
    """
    if stated_rpm is None:
        return _blind(samples, sample_rate_hz)
    stated_hz = stated_rpm / 60.0
    turns = samples.shape[-1] / sample_rate_hz * stated_hz
    if turns < MIN_TURNS or stated_hz * 6 * (1 + WIDE_RANGE) > sample_rate_hz / 2:
        return SpeedEstimate(stated_rpm, None, stated_rpm, uncertainty=0.0 if measured else WIDE_RANGE)
    comb = _near(samples, sample_rate_hz, stated_hz)
    near_hz, near = comb.best(stated_hz, MEASURED_RANGE if measured else FREE_RANGE)
    if measured:
        found_rpm = 60.0 * near_hz if near >= CLEAR_DEVIATIONS else None
        return SpeedEstimate(stated_rpm, found_rpm, found_rpm or stated_rpm)
    far_hz, far = comb.best(stated_hz, WIDE_RANGE)
    by_mesh_hz = _by_mesh(samples, sample_rate_hz, comb, (near_hz, far_hz), gears)
    better = far / max(near, CLEAR_DEVIATIONS / CLEARLY_BETTER)
    if by_mesh_hz is not None or (far >= CLEAR_DEVIATIONS and better >= CLEARLY_BETTER and turns >= WIDE_TURNS):
        found_rpm = 60.0 * (by_mesh_hz or far_hz)
        return SpeedEstimate(stated_rpm, found_rpm, found_rpm)
    in_doubt = far >= CLEAR_DEVIATIONS and better >= (DOUBTFULLY_BETTER if turns >= WIDE_TURNS else CLEARLY_BETTER)
    if near >= CLEAR_DEVIATIONS and not in_doubt:
        uncertainty = 0.0 if near >= far and turns >= SETTLED_TURNS else WIDE_RANGE
        return SpeedEstimate(stated_rpm, 60.0 * near_hz, 60.0 * near_hz, uncertainty=uncertainty)
    return SpeedEstimate(stated_rpm, None, stated_rpm, in_doubt, WIDE_RANGE)


def _by_mesh(
    samples: NDArray[np.floating],
    sample_rate_hz: float,
    comb: _Comb,
    found_hz: tuple[float, ...],
    gears: Sequence[Gear],
) -> float | None:
    """Return the speed at which teeth mesh, of those that a shaft and some turns of a wheel may be; None: no question.

    Args:
        samples: (channels, samples).
        sample_rate_hz: of the samples.
        comb: around the stated speed.
        found_hz: speeds that the comb suggests.
        gears: wheels whose teeth are counted.
    """
    turns = {gear: round(1 / gear.order) * gear.order for gear in gears}
    imitators = {gear: ratio for gear, ratio in turns.items() if SAME_TURN < abs(ratio - 1) <= WIDE_RANGE}
    if not imitators:
        return None
    stated_hz = float(comb.speeds_hz[comb.speeds_hz.size // 2])
    gear = min(imitators, key=lambda one: one.mesh_order)
    candidates = []
    for hz in found_hz:
        near_by = (hz, *(other for ratio in imitators.values() for other in (hz * ratio, hz / ratio)))
        inside = [other for other in near_by if abs(other / stated_hz - 1) <= WIDE_RANGE]
        candidates += [comb.best(other, SAME_TURN) for other in inside]
    clear = sorted({hz for hz, strength in candidates if strength >= CLEAR_DEVIATIONS})
    if len(clear) < 2:
        return None
    return max(clear, key=lambda hz: _mesh_level(samples, sample_rate_hz, hz * gear.mesh_order))


def _mesh_level(samples: NDArray[np.floating], sample_rate_hz: float, mesh_hz: float) -> float:
    """Return how strong the harmonics of a mesh are together, mean of their logarithms over channels and harmonics."""
    length = prev_fast_len(samples.shape[-1])
    step_hz = sample_rate_hz / length
    top_hz = sample_rate_hz / 2 / (1 + SAME_TURN)
    harmonics = range(1, max(1, min(MESH_HARMONICS, int(top_hz / mesh_hz))) + 1)
    levels = []
    for channel in np.atleast_2d(samples):
        power = np.abs(rfft((channel[:length] - channel[:length].mean()) * hann(length))) ** 2
        for number in harmonics:
            reach = SAME_TURN * number * mesh_hz + 2 * step_hz
            around = power[int((number * mesh_hz - reach) / step_hz) : math.ceil((number * mesh_hz + reach) / step_hz)]
            levels.append(math.log(max(float(around.sum(initial=0.0)), np.finfo(float).tiny)))
    return sum(levels) / len(levels)


def _blind(samples: NDArray[np.floating], sample_rate_hz: float) -> SpeedEstimate:
    """Return the speed that the comb suggests where nobody stated one, or that nothing is known."""
    unknown = SpeedEstimate(None, None, None)
    part = np.atleast_2d(samples)[:, : round(BLIND_MAX_S * sample_rate_hz)]
    duration_s = part.shape[1] / sample_rate_hz
    lowest_hz = max(BLIND_LOWEST_HZ, WIDE_TURNS / duration_s) / 3
    teeth = int(min(HARMONICS, sample_rate_hz / 2 / BLIND_HIGHEST_HZ - 1))
    if teeth < BLIND_TEETH or 3 * lowest_hz >= BLIND_HIGHEST_HZ:
        return unknown
    log_ratio, step_hz = _log_ratio(part, sample_rate_hz, BLIND_HIGHEST_HZ * teeth)
    speeds: FloatArray = np.arange(lowest_hz, BLIND_HIGHEST_HZ, step_hz / (2 * teeth))
    comb = _comb(log_ratio, step_hz, speeds, teeth)
    best = int(np.argmax(comb.strength))
    found_hz, strength = float(speeds[best]), float(comb.strength[best])
    others = comb.strength[np.abs(speeds / found_hz - 1) > BLIND_FLANK]
    clear = strength >= max(BLIND_DEVIATIONS, BLIND_BETTER * float(others.max())) and comb.filled[best] >= BLIND_FILLED
    mains = min(abs(found_hz / mains_hz - 1) for mains_hz in MAINS_HZ) <= MAINS_REACH
    if not clear or mains or found_hz < 3 * lowest_hz:
        return unknown
    return SpeedEstimate(None, 60.0 * found_hz, None, in_doubt=True, uncertainty=WIDE_RANGE)


def _near(samples: NDArray[np.floating], sample_rate_hz: float, stated_hz: float) -> _Comb:
    """Return the comb strength around a stated speed, on a grid fine enough for its highest tooth."""
    teeth = int(min(HARMONICS, sample_rate_hz / 2 / (stated_hz * (1 + WIDE_RANGE)) - 1))
    log_ratio, step_hz = _log_ratio(samples, sample_rate_hz, stated_hz * (1 + WIDE_RANGE) * teeth)
    grid_hz = step_hz / (2 * teeth)
    reach = int(stated_hz * WIDE_RANGE / grid_hz)
    speeds: FloatArray = stated_hz + grid_hz * np.arange(-reach, reach + 1, dtype=np.float64)
    return _comb(log_ratio, step_hz, speeds, teeth)


def _log_ratio(samples: NDArray[np.floating], sample_rate_hz: float, max_hz: float) -> tuple[FloatArray, float]:
    """Return ln(1 + ratio to the background) of the spectrum, capped, mean over channels, and its bins' distance."""
    length = prev_fast_len(samples.shape[-1])
    step_hz = sample_rate_hz / length
    bins = int(max_hz / step_hz) + 3
    log_ratio = np.zeros(bins)
    window = hann(length).astype(samples.dtype)
    for pair in pairs_of(np.atleast_2d(samples)):
        level = pair[:, :length] - pair[:, :length].mean(axis=1, keepdims=True)
        level *= window
        parts = rfft(level)[:, :bins]
        power = parts.real**2 + parts.imag**2
        ratio = power / np.maximum(local_background(power, step_hz), np.finfo(power.dtype).tiny)
        log_ratio += np.minimum(np.log1p(ratio), TOOTH_CAP).sum(axis=0, dtype=np.float64)
    return log_ratio / np.atleast_2d(samples).shape[0], step_hz


def _comb(log_ratio: FloatArray, step_hz: float, speeds_hz: FloatArray, teeth: int) -> _Comb:
    strength, filled = np.empty(speeds_hz.size), np.empty(speeds_hz.size)
    for first in range(0, speeds_hz.size, COMB_BLOCK):
        block = slice(first, first + COMB_BLOCK)
        held = _teeth(log_ratio, step_hz, speeds_hz[block], teeth)
        strength[block] = np.minimum.reduce([_strength(held), _strength(held[0::2]), _strength(_not_thirds(held))])
        filled[block] = np.mean(held > FILLED_TOOTH, axis=0)
    strength[filled < LEAST_FILLED] = 0.0
    return _Comb(speeds_hz, strength, filled)


def _teeth(log_ratio: FloatArray, step_hz: float, speeds_hz: FloatArray, teeth: int) -> FloatArray:
    """Return what each tooth of the comb holds at each speed, (teeth, speeds)."""
    position = np.arange(1, teeth + 1)[:, None] * speeds_hz / step_hz
    lower = position.astype(np.intp)
    part = position - lower
    held: FloatArray = log_ratio[lower] * (1 - part) + log_ratio[lower + 1] * part
    return held


def _strength(teeth: FloatArray) -> FloatArray:
    """Return how far a set of teeth (teeth, speeds) stands above noise, in standard deviations (speeds,)."""
    count = teeth.shape[0]
    strength: FloatArray = (teeth.sum(axis=0) - count * NOISE_TOOTH) / (NOISE_TOOTH_DEVIATION * count**0.5)
    return strength


def _not_thirds(teeth: FloatArray) -> FloatArray:
    """Return the teeth whose number is no multiple of three: a bearing's lines often fall near 3 or 5 orders."""
    kept: FloatArray = teeth[np.arange(1, teeth.shape[0] + 1) % 3 != 0]
    return kept
