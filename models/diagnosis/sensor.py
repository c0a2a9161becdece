"""Whether a stretch of signal may be judged at all: a bad sensor must never look like a bad machine.

Checked in this order, from the samples alone: values that are no numbers, a signal that does not move, peaks cut off by
the measuring range (these three by `models.signal.quality`, as everywhere) or squeezed by an amplifier, a contact that
breaks, spikes that no mass can follow, and a slope towards zero frequency that no machine makes (the "ski slope" of a
shaken cable or an overloaded amplifier).

Of a microphone less is asked: air swings slowly in every wind, falls silent and cracks without any fault of the sensor,
so gaps, spikes and slopes are no reason to distrust it.

Two more need something to compare with and are decided by the caller: a level so low that the machine stands still or
the sensor is dead, and one that is off by the ratio of two units.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import numpy as np

from models.contract.vocabulary import QualityCause
from models.diagnosis.envelope_lines import FIRST_BIN
from models.signal.fourier import prev_fast_len, rfft
from models.signal.quality import sample_quality
from models.signal.spectra import hann

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from models.diagnosis.envelope_lines import FloatArray

HELD_SHARE: Final = 0.25
"""One value held for a quarter of the record: a loose cable or a stuck converter."""
DROPOUT_RUN: Final = 8
"""A vibration never stands still for so many samples, unless it is of the size of the converter's step."""
DROPOUT_SHARE: Final = 0.01
CLIP_HEAVY_SHARE: Final = 0.005
"""Impacts that touch the range now and then may still be judged; with more the waveform is not the machine's."""
SKI_EDGES_HZ: Final = (2.0, 3.5, 6.0, 10.0)
SKI_REFERENCE_HZ: Final = (20.0, 80.0)
SKI_SLOPE_DB: Final = 10.0
SKI_SHARE: Final = 0.5
SKI_GLANCE: Final = 0.25
"""Every part of the low range this far above the floor of the reference, and half of all energy in it: a slow shaft has
lines there, but not everywhere, and machines have most of their acceleration higher up. An amplifier that swings back
falls with the square of frequency, 16 dB from the highest of these parts to the middle of the reference. Where means of
short stretches hold less than a quarter of the energy, half of it cannot be so slow, and no spectrum is needed."""

STUCK_OFFSET_STEPS: Final = 10.0
"""A signal of two values only, one step of the converter apart, is stuck when it lies so many steps beside zero; about
zero a sensor of a machine at rest looks the same."""
GLANCE_SAMPLES: Final = 4096
FEW_STEPS: Final = 200.0
"""A range of fewer steps of the converter (a machine at rest) has no form that could be judged."""

PILE_WIDTH: Final = 0.01
PILE_UP: Final = 3.0
"""Samples in the outermost hundredth of the range against the next one: a sine has 2.4 times as many there, noise and
blows fewer; an amplifier that runs into its supply has many times more."""
PILE_SHARE: Final = 0.01
SMOOTH_CORRELATION: Final = 0.95
"""A signal whose neighbouring samples are so alike is a few slow lines, whose tops may be flat by chance; then the
tops must be smoother as well."""
SMOOTH_TOP: Final = 0.1

GAP_BLOCK_S: Final = 0.004
GAP_MIN_SAMPLES: Final = 32
GAP_RATIO: Final = 0.1
"""Blocks with less than a tenth of the usual motion are gaps: between the blows of a machine there is still its noise,
which is most of the record and therefore the usual."""
GAPS: Final = 2
GAP_SHARE: Final = 0.01

SPIKE_SLOWEST_HZ: Final = 5000.0
"""Below, one sample lasts as long as a housing rings, and a knock is a single sample too."""
SPIKE_RATIO: Final = 15.0
SPIKE_CORE: Final = 3
SPIKE_REACH: Final = 9
SPIKE_ALONE: Final = 0.2
"""A spike is over within three samples: beyond, to nine, less than a fifth of it is left. A blow rings the structure,
and no structure of metal and grease is damped so much."""
SPIKES_MIN: Final = 3
SPIKES_SHARE: Final = 0.8
"""Of all that is so sharp: where much of it rings, the rest is of the same machine."""
REGULAR_MIN: Final = 12
REGULAR_SHARE: Final = 0.6
REGULAR_WITHIN: Final = 0.03
REGULAR_MULTIPLES: Final = 4
REGULAR_TRIED: Final = 200
"""From so many spikes on, most of them at multiples of one interval are blows of a machine, however short."""

UNIT_FACTORS: Final = {
    9.80665: "m/s² instead of g",
    1 / 9.80665: "g instead of m/s²",
    1000.0: "mm/s² instead of m/s²",
    1e-3: "km/s² instead of m/s², a thousandth",
    9806.65: "mm/s² instead of g",
    1 / 9806.65: "g instead of mm/s²",
}
"""Level over the healthy one, and what it looks like; factors a thousand also come from milli-units."""
UNIT_TOLERANCE_DB: Final = 1.5
"""Load and speed move a level by less within one operating state."""
UNIT_SHAPE_DB: Final = 3.0
UNIT_SHAPE_SHARE: Final = 0.6
"""So many of the third-octave bands keep the spectrum's shape that well: what changes in a machine changes its
shape. The others hold lines of the shaft, which move from band to band with the speed."""
UNIT_MIN_BANDS: Final = 8
UNIT_NEIGHBOUR_DB: Final = 12.0
"""Sensors of one machine mostly differ by less than four times; so a thousand shows against a neighbour, 9.81 not."""
LOUDEST_RMS_M_S2: Final = 500.0
"""50 g RMS: machines that run do not reach it, accelerometers of plants neither."""

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
    SATURATED = "saturated"
    LOOSE_CABLE = "loose_cable"
    SPIKES = "spikes"
    DEAD = "dead"
    WRONG_UNIT = "wrong_unit"


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


def check_sensor(samples: NDArray[np.floating], sample_rate_hz: float, *, is_sound: bool = False) -> SensorCheck:
    """Return whether one channel may be judged.

    Args:
        samples: one channel (samples,), any unit.
        sample_rate_hz: of the samples.
        is_sound: of a microphone.
    """
    quality = sample_quality(samples[None, :])[0]
    if QualityCause.NO_DATA in quality or QualityCause.NOT_FINITE in quality:
        finite = np.isfinite(samples)
        rms = float(samples[finite].std(dtype=np.float64)) if finite.any() else 0.0
        bad = samples.size - int(np.count_nonzero(finite))
        return SensorCheck((SensorCause.NOT_FINITE,), f"{bad} of {samples.size} samples are no numbers", rms)
    signal = samples
    level = signal - signal.dtype.type(signal.mean(dtype=np.float64))
    rms = math.sqrt(float(np.dot(level, level)) / signal.size)
    if QualityCause.CONSTANT in quality:
        return SensorCheck((SensorCause.CONSTANT,), f"the signal stays at {float(signal[0]):g}", 0.0)
    if is_stuck(signal):
        return SensorCheck(
            (SensorCause.CONSTANT,), f"the signal stays at {float(signal[0]):.4g} but for its last bit", rms
        )
    held = longest_hold(signal)
    if held > HELD_SHARE * signal.size:
        return SensorCheck((SensorCause.CONSTANT,), f"one value is held for {held / sample_rate_hz:.2g} s", rms)
    found: list[tuple[SensorCause, str]] = []
    resting = resting_samples(signal) if QualityCause.CLIPPED in quality else 0
    if resting:
        found.append((SensorCause.CLIPPED, f"{resting} samples rest at the end of the measuring range"))
    elif not is_coarse(signal):
        found.extend(filter(None, [_bad_waveform(signal, level, sample_rate_hz, is_sound=is_sound)]))
    if not is_sound and is_ski_slope(level, sample_rate_hz):
        words = f"most of the signal lies below {SKI_EDGES_HZ[-1]:.0f} Hz and falls off steeply"
        found.append((SensorCause.SKI_SLOPE, words))
    causes, details = tuple(cause for cause, _ in found), "; ".join(detail for _, detail in found)
    return SensorCheck(causes, details, rms, resting > CLIP_HEAVY_SHARE * signal.size)


def _bad_waveform(
    signal: NDArray[np.floating], level: NDArray[np.floating], sample_rate_hz: float, *, is_sound: bool
) -> tuple[SensorCause, str] | None:
    """Return the first thing in a waveform that no machine makes, and the words for it."""
    lost = standing_samples(signal)
    if lost > DROPOUT_SHARE * signal.size:
        words = f"the signal stands still again and again, {lost / sample_rate_hz * 1000:.0f} ms in all"
        return SensorCause.DROPOUT, words
    if is_saturated(level):
        return SensorCause.SATURATED, "its tops are squeezed flat, as by an amplifier that runs into its supply"
    if is_sound:
        return None
    gaps, gap_s = broken_contact(level, sample_rate_hz)
    if gaps:
        words = f"the vibration is gone {gaps} times, {gap_s * 1000:.0f} ms in all, and comes back"
        return SensorCause.LOOSE_CABLE, words
    spikes = count_spikes(level, sample_rate_hz)
    if spikes >= SPIKES_MIN:
        return SensorCause.SPIKES, f"{spikes} spikes of one or two samples, too short for any mass"
    return None


def resting_samples(signal: NDArray[np.floating]) -> int:
    """Return how many samples of a clipped signal rest at the ends of its range."""
    return int(np.count_nonzero((signal == signal.max()) | (signal == signal.min())))


def standing_samples(signal: NDArray[np.floating]) -> int:
    """Return how many samples lie in runs of equal values.

    >>> noise = np.random.default_rng(0).standard_normal(1000)
    >>> noise[100:150] = 0.0
    >>> standing_samples(noise)
    50
    """
    runs = _runs(signal)
    return int(runs[runs >= DROPOUT_RUN].sum())


def longest_hold(signal: NDArray[np.floating]) -> int:
    """Return the length of the longest run of equal samples.

    >>> longest_hold(np.array([1.0, 2.0, 2.0, 2.0, 3.0]))
    3
    """
    return int(_runs(signal).max())


def _runs(signal: NDArray[np.floating]) -> NDArray[np.intp]:
    """Return the lengths of all runs of equal samples; of single samples alone, one length of 1 stands for all."""
    is_held = signal[1:] == signal[:-1]
    if not is_held.any():
        return np.ones(1, np.intp)
    edges = np.concatenate([[-1], np.flatnonzero(~is_held), [signal.size - 1]])
    return np.diff(edges)


def is_stuck(signal: NDArray[np.floating]) -> bool:
    """Return whether only the last bit of a converter moves, far beside zero.

    >>> is_stuck(np.array([7.0, 7.1, 7.0, 7.1])), is_stuck(np.array([0.0, 0.1, 0.0, -0.1]))
    (True, False)
    """
    # A glance at a few samples spares the sorting of all in every ordinary case.
    if np.unique(signal[:: max(1, signal.size // 64)]).size > 2:
        return False
    values = np.unique(signal)
    return values.size <= 2 and bool(abs(values[0]) > STUCK_OFFSET_STEPS * (values[-1] - values[0]))


def is_coarse(signal: NDArray[np.floating]) -> bool:
    """Return whether the whole range is a few steps of the converter."""
    fine = float(np.ptp(signal)) / FEW_STEPS
    # A glance at the first samples: one step as fine as that is all it takes.
    for part in (signal[:GLANCE_SAMPLES], signal):
        steps = np.abs(np.diff(part))
        if np.any((steps > 0.0) & (steps <= fine)):
            return False
    return True


def is_saturated(level: NDArray[np.floating]) -> bool:
    """Return whether samples pile up below the top or above the bottom of the range without resting at it."""
    width = PILE_WIDTH * float(np.ptp(level))
    curvature: FloatArray | None = None
    for side in (level, -level):
        top = float(side.max())
        outermost = int(np.count_nonzero(side > top - width))
        if outermost < PILE_SHARE * side.size:
            continue
        if outermost <= PILE_UP * int(np.count_nonzero((side > top - 2 * width) & (side <= top - width))):
            continue
        if float(np.dot(side[1:], side[:-1])) < SMOOTH_CORRELATION * float(np.dot(side, side)):
            return True
        curvature = np.diff(side, 2) ** 2 if curvature is None else curvature
        if float(curvature[side[1:-1] > top - width].mean()) < SMOOTH_TOP * float(curvature.mean()):
            return True
    return False


def broken_contact(level: NDArray[np.floating], sample_rate_hz: float) -> tuple[int, float]:
    """Return how often the vibration is gone for a moment and comes back, and for how many seconds in all; 0 if not.

    Motion is measured by first and second differences together, which a swinging zero hardly moves; a slow line has one
    of them at any time.
    """
    block = max(GAP_MIN_SAMPLES, round(GAP_BLOCK_S * sample_rate_hz))
    count = level.size // block
    if count < 10:
        return 0, 0.0
    motion = np.zeros(count * block, level.dtype)
    quiet = np.ones(count, bool)
    for order in (1, 2):
        motion[order:] = np.diff(level[: motion.size], order)
        motion[order - 1] = 0.0
        blocks = motion.reshape(count, block)
        energy = np.einsum("ij,ij->i", blocks, blocks)
        quiet &= energy < GAP_RATIO**2 * float(np.median(energy))
        if not quiet.any():
            return 0, 0.0
    edges = np.flatnonzero(np.diff(quiet.astype(np.int8)))
    # A gap begins and ends inside the record: a machine that stops or starts is no loose cable.
    gaps = int(np.count_nonzero(~quiet[edges] & (np.arange(edges.size) < edges.size - 1))) if edges.size > 1 else 0
    if gaps >= REGULAR_MIN and _is_regular(_highest_between(level, quiet, block)):
        return 0, 0.0
    share = float(quiet[edges[0] : edges[-1] + 1].sum()) / count if gaps else 0.0
    return (gaps, share * count * block / sample_rate_hz) if gaps >= GAPS and share >= GAP_SHARE else (0, 0.0)


def _highest_between(level: NDArray[np.floating], quiet: NDArray[np.bool_], block: int) -> NDArray[np.intp]:
    """Return where each stretch between gaps has its largest sample: a blow comes regularly, a contact does not."""
    edges = np.flatnonzero(np.diff(np.concatenate([[True], quiet, [True]]).astype(np.int8)))
    stretches = edges.reshape(-1, 2) * block
    return np.array([first + int(np.abs(level[first:last]).argmax()) for first, last in stretches], np.intp)


def count_spikes(level: NDArray[np.floating], sample_rate_hz: float) -> int:
    """Return how many spikes there are that last a sample or two and leave nothing behind; 0 at slow rates."""
    if sample_rate_hz < SPIKE_SLOWEST_HZ:
        return 0
    sharp = level[:-2] + level[2:]
    sharp *= -0.5
    sharp += level[1:-1]
    np.abs(sharp, out=sharp)
    usual = float(np.median(sharp[:: max(1, sharp.size // 4096)])) / 0.6745
    candidates = np.flatnonzero(sharp > SPIKE_RATIO * max(usual, np.finfo(float).tiny))
    candidates = candidates[(candidates >= SPIKE_REACH) & (candidates < sharp.size - SPIKE_REACH)]
    if not candidates.size:
        return 0
    around = np.arange(-SPIKE_REACH, SPIKE_REACH + 1)
    values = sharp[candidates[:, None] + around]
    is_top = values.argmax(axis=1) == SPIKE_REACH
    beyond = values[:, np.abs(around) > SPIKE_CORE].max(axis=1)
    places = candidates[is_top & (beyond < SPIKE_ALONE * values[:, SPIKE_REACH])]
    events = 1 + int(np.count_nonzero(np.diff(candidates) > SPIKE_REACH))
    return 0 if places.size < SPIKES_SHARE * events or _is_regular(places) else int(places.size)


def _is_regular(places: NDArray[np.intp]) -> bool:
    """Return whether most of the intervals are small multiples of one of them."""
    if places.size < REGULAR_MIN:
        return False
    intervals = np.diff(places).astype(np.float64)
    tried = intervals[:REGULAR_TRIED]
    multiple = intervals / tried[:, None]
    nearest = np.clip(np.rint(multiple), 1, REGULAR_MULTIPLES)
    return bool((np.abs(multiple / nearest - 1) <= REGULAR_WITHIN).mean(axis=1).max() >= REGULAR_SHARE)


def wrong_unit(level_db: FloatArray, healthy_db: FloatArray) -> float | None:
    """Return the ratio of two units by which every band is off its healthy level, None when it is not so.

    Args:
        level_db: levels in common third-octave bands, (bands,).
        healthy_db: the same of the healthy machine.
    """
    if level_db.size < UNIT_MIN_BANDS:
        return None
    rise = level_db - healthy_db
    middle = float(np.median(rise))
    if float(np.mean(np.abs(rise - middle) <= UNIT_SHAPE_DB)) < UNIT_SHAPE_SHARE:
        return None
    near = (factor for factor in UNIT_FACTORS if abs(20 * math.log10(factor) - middle) <= UNIT_TOLERANCE_DB)
    return next(near, None)


def is_thousandfold(rms_m_s2: Sequence[float], row: int) -> bool:
    """Return whether one channel is louder than any machine and a thousand times louder than the others.

    >>> is_thousandfold([2.0, 1800.0, 3.0], 1), is_thousandfold([2.0, 1800.0, 3.0], 0)
    (True, False)
    """
    others = [level for index, level in enumerate(rms_m_s2) if index != row and level > 0.0]
    if not others or rms_m_s2[row] < LOUDEST_RMS_M_S2:
        return False
    apart_db = 20 * math.log10(rms_m_s2[row] / float(np.median(others)))
    return abs(apart_db - 60.0) <= UNIT_NEIGHBOUR_DB


def is_ski_slope(level: NDArray[np.floating], sample_rate_hz: float) -> bool:
    """Return whether the spectrum is a slope towards zero frequency; False when the record is too short to tell."""
    length = prev_fast_len(level.size)
    if _slow_share(level[:length], sample_rate_hz) < SKI_GLANCE:
        return False
    step_hz = sample_rate_hz / length
    # The squared window falls off fast: a strong slow line must not leak into the parts below and above it.
    parts = rfft(level[:length] * (hann(length) ** 2).astype(level.dtype))
    power = parts.real**2 + parts.imag**2
    edges = [max(FIRST_BIN, round(edge / step_hz)) for edge in SKI_EDGES_HZ]
    first, last = (round(edge / step_hz) for edge in SKI_REFERENCE_HZ)
    if edges[0] == edges[1] or last >= power.size:
        return False
    # The floor, from the median: the shaft's own lines lie in the reference.
    floor = 10 ** (SKI_SLOPE_DB / 10) * float(np.median(power[first:last])) / math.log(2)
    everywhere = all(float(power[low:high].mean()) > floor for low, high in itertools.pairwise(edges))
    return bool(everywhere and power[1 : edges[-1]].sum() > SKI_SHARE * power[1:].sum())


def _slow_share(level: NDArray[np.floating], sample_rate_hz: float) -> float:
    """Return which share of a signal's energy its slow parts have, by means of short stretches; 1 for a short signal.

    A mean keeps at least 81 % of the energy of what is slower than `SKI_EDGES_HZ`, whatever else it lets through.
    """
    block = int(sample_rate_hz / SKI_EDGES_HZ[-1] / 4)
    count = level.size // max(block, 1)
    if block < 2 or count < 10:
        return 1.0
    blocks = level[: count * block].reshape(count, block)
    window = hann(count) ** 2
    energy = float(np.dot(np.einsum("ij,ij->i", blocks, blocks), window**2))
    slow = block * float(np.sum((blocks.mean(axis=1) * window) ** 2))
    return slow / energy if energy > 0.0 else 1.0
