"""The speed of a shaft over time, estimated from its own vibration where there is no tacho.

Every shaft leaves lines at whole multiples of its speed, and they move together. In this order: short spectra, each
divided by its local background; for every speed in the stated range, how far the teeth of its comb stand out; the
path through all spectra that collects most, without jumps no machine makes; and the question whether that is evidence.

It is, when the same search with the teeth set at random (same lines, no comb) finds clearly less, and when no other
path far from the first finds nearly as much. Otherwise the answer is None: a fault's lines, or mains, make combs too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from models.signal.admission import admitted
from models.signal.errors import ResolutionError, SpeedError
from models.signal.fourier import next_fast_len, rfft
from models.signal.spectra import hann
from models.signal.tacho import ShaftAngle

if TYPE_CHECKING:
    from numpy.typing import NDArray

HARMONICS: Final = 8
"""Teeth: beyond, a shaft that changes speed smears its lines over several bins."""

TURNS_PER_WINDOW: Final = 12.0
"""Of the slowest speed: teeth are 12 bins apart, places halfway between them 6, a Hann lobe reaches 2."""

TOOTH_CAP: Final = 3.0
"""ln(1 + ratio to the background) at which a tooth counts no more (13 dB), so that few lines make no comb."""

NOISE_TOOTH: Final = 0.596
NOISE_TOOTH_DEVIATION: Final = 0.42
"""Mean and standard deviation of ln(1 + Exp(1)), a tooth that holds noise."""

BACKGROUND_QUANTILE: Final = 0.3
"""Below the median, because lines may fill a third of the bins."""

BACKGROUND_BINS: Final = 32
RANDOM_COMBS: Final = 12
"""The highest but one counts: a random comb can happen to meet the lines of the true one."""

CLEAR: Final = 1.0 / 3.0
"""Least confidence: the comb collects half as much again as the best random one and the best rival."""

CHANGE_COST: Final = 1.0
"""Standard deviations of evidence that the largest change from one window to the next must be worth."""

RIVAL_DISTANCE: Final = 0.05
"""Paths that are at least this far apart on average are another speed, not the same one again."""


@dataclass(frozen=True, slots=True)
class SpeedTrack:
    """Speed over time.

    Attributes:
        time_s: (windows,) middle of each window, from the first sample.
        rpm: (windows,) turns per minute.
        confidence: from 1/3 to 1: how much of the evidence neither chance nor another speed explains.
        strength: (windows,) how far the comb stands out in each window, in standard deviations of noise; around 0
            the speed is only carried over from the neighbours, as where it left the stated range.
    """

    time_s: NDArray[np.float64]
    rpm: NDArray[np.float64]
    confidence: float
    strength: NDArray[np.float64]

    def angle(self) -> ShaftAngle:
        """Return the shaft's angle from the middle of the first window to that of the last.

        It drifts by the integral of the speed's error: good for order spectra, not for synchronous averages.

        Raises:
            ResolutionError: fewer than 3 windows.
        """
        if self.time_s.size < 3:
            raise ResolutionError(f"{self.time_s.size} windows of speed give no angle: at least 3 are needed")
        speed_hz = self.rpm / 60.0
        steps = np.diff(self.time_s) * (speed_hz[1:] + speed_hz[:-1]) / 2
        return ShaftAngle(self.time_s, np.concatenate([[0.0], np.cumsum(steps)]))


def estimated_speed(
    samples: NDArray[Any], sample_rate_hz: float, *, low_rpm: float, high_rpm: float, window_s: float | None = None
) -> SpeedTrack | None:
    """Return the speed of the shaft over time, or None where the vibration gives no evidence of one.

    Args:
        samples: (channels, n), any unit; the channels' evidence is averaged.
        sample_rate_hz: of all channels.
        low_rpm: slowest speed to consider, above 0.
        high_rpm: fastest; the narrower the range, the surer the answer. Half the true speed has no lines of its own
            and is told apart; a multiple of it is told apart as long as the range holds the true one.
        window_s: length of each spectrum; None: 12 turns at the slowest speed, and at least half of that. The speed
            is followed by up to one bin, 1/window_s, from one window to the next (half a window later): a run-up of
            1 Hz per s needs windows well below 1.4 s.

    Raises:
        SampleError, RateError: see `admission.admitted`.
        SpeedError: a speed of 0, a range that is reversed, or lines beyond Nyquist.
        ResolutionError: the record is shorter than one window.

    Source: Peeters et al., Review and comparison of tacholess instantaneous speed estimation methods, Mech. Syst.
        Signal Process. 129 (2019), harmonic combs over a spectrogram (multi-order methods).
    """
    real = admitted(samples, sample_rate_hz)
    if not (0 < low_rpm < high_rpm < math.inf):
        raise SpeedError(f"there is no speed from {low_rpm:g} to {high_rpm:g} rpm: give a rising range above 0")
    harmonics = min(HARMONICS, int(0.45 * sample_rate_hz / (high_rpm / 60.0)))
    if harmonics < 3:
        raise SpeedError(
            f"three harmonics of {high_rpm:g} rpm lie beyond a rate of {sample_rate_hz:g} Hz: sample at "
            f"{high_rpm / 60.0 * 3 / 0.45:.4g} Hz or search slower speeds"
        )
    needed = sample_rate_hz * (TURNS_PER_WINDOW * 60.0 / low_rpm if window_s is None else window_s)
    length = min(next_fast_len(math.ceil(needed)), max(real.shape[1], math.ceil(needed)))
    if length > real.shape[1]:
        raise ResolutionError(
            f"{real.shape[1] / sample_rate_hz:.3g} s are shorter than a window of {needed / sample_rate_hz:.3g} s: "
            "record longer, raise the slowest speed, or shorten the window"
        )
    if length / sample_rate_hz * low_rpm / 60.0 < TURNS_PER_WINDOW / 2:
        raise ResolutionError(
            f"a window of {length / sample_rate_hz:.3g} s does not separate the lines of {low_rpm:g} rpm: "
            f"use at least {TURNS_PER_WINDOW * 30.0 / low_rpm:.3g} s"
        )
    step_hz = sample_rate_hz / length
    highest_bin = int(high_rpm / 60.0 * (harmonics + 1) / step_hz) + 2
    contrast, time_s = _contrast(real, sample_rate_hz, length, highest_bin)
    grid_hz = step_hz / (2 * harmonics)
    speeds_hz = np.arange(low_rpm / 60.0, high_rpm / 60.0 + grid_hz / 2, grid_hz)
    return _tracked(contrast, time_s, speeds_hz, step_hz, harmonics)


def _tracked(
    contrast: NDArray[np.float64],
    time_s: NDArray[np.float64],
    speeds_hz: NDArray[np.float64],
    step_hz: float,
    harmonics: int,
) -> SpeedTrack | None:
    capped = np.minimum(contrast, TOOTH_CAP)
    evidence = _comb_evidence(capped, speeds_hz / step_hz, np.zeros(harmonics, np.intp))
    path, score = _best_path(evidence, harmonics)
    # Seeded: the same record gives the same answer.
    chance = np.random.default_rng(harmonics)
    scores = []
    for _ in range(RANDOM_COMBS):
        shifts = chance.integers(0, contrast.shape[1], harmonics)
        scores.append(_best_path(_comb_evidence(capped, speeds_hz / step_hz, shifts), harmonics)[1])
    by_chance = sorted(scores)[-2]
    found_hz = speeds_hz[path]
    near = np.abs(speeds_hz / found_hz[:, None] - 1.0) < RIVAL_DISTANCE
    _, rival = _best_path(np.where(near, np.minimum(evidence, 0.0), evidence), harmonics)
    confidence = 1.0 - max(by_chance, rival, 0.0) / score if score > 0 else 0.0
    if confidence < CLEAR:
        return None
    refined_hz = _refined(contrast, found_hz / step_hz, harmonics) * step_hz
    return SpeedTrack(time_s, 60.0 * refined_hz, confidence, evidence[np.arange(path.size), path])


def _contrast(
    real: NDArray[Any], sample_rate_hz: float, length: int, highest_bin: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return ln(1 + power over background), (windows, bins), and the middle of each window in s."""
    hop = max(1, length // 2)
    starts = range(0, real.shape[1] - length + 1, hop)
    window = hann(length).astype(real.dtype)
    bins = min(highest_bin, length // 2) + 1
    total = np.zeros((len(starts), bins))
    for row, start in enumerate(starts):
        piece = real[:, start : start + length]
        parts = rfft((piece - piece.mean(axis=1, keepdims=True)) * window)[:, :bins]
        power = (parts.real**2 + parts.imag**2).astype(np.float64)
        ratio = power / np.maximum(_background(power), np.finfo(np.float64).tiny)
        total[row] = np.log1p(ratio).mean(axis=0)
    # The first bins hold what the window leaves of the mean.
    total[:, :2] = NOISE_TOOTH
    return total, (np.asarray(starts, np.float64) + length / 2) / sample_rate_hz


def _background(power: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean of the noise around every bin, (channels, bins), from a low quantile of its neighbours."""
    stride = BACKGROUND_BINS // 4
    padded = np.pad(power, ((0, 0), (BACKGROUND_BINS, BACKGROUND_BINS)), mode="symmetric")
    around = np.lib.stride_tricks.sliding_window_view(padded, 2 * BACKGROUND_BINS + 1, axis=1)[:, ::stride]
    quantile = np.quantile(around, BACKGROUND_QUANTILE, axis=2) / -math.log(1.0 - BACKGROUND_QUANTILE)
    places = np.arange(0, power.shape[1], stride)
    return np.asarray([np.interp(np.arange(power.shape[1]), places, row) for row in quantile], np.float64)


def _comb_evidence(
    contrast: NDArray[np.float64], speeds_bins: NDArray[np.float64], shifts: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Return how far each speed's comb stands out, (windows, speeds), in standard deviations of noise.

    The least of all teeth, of the odd ones, and of those that are no multiple of three: half or a third of the true
    speed has nothing there. Less what stands halfway and at thirds between the teeth: a multiple of it has lines there.
    """
    numbers = np.arange(1, shifts.size + 1)

    def comb(part: float) -> NDArray[np.float64]:
        rolled = (np.roll(contrast, shift, axis=1) for shift in shifts)
        return np.stack([_read(one, (k - part) * speeds_bins) for k, one in zip(numbers, rolled, strict=True)])

    teeth = comb(0.0)
    strength = np.minimum.reduce([_strength(teeth), _strength(teeth[0::2]), _strength(teeth[numbers % 3 != 0])])
    between = np.maximum(_strength(comb(1 / 2)), _strength(comb(1 / 3)))
    return np.asarray(strength - np.maximum(between, 0.0))


def _read(contrast: NDArray[np.float64], position: NDArray[np.float64]) -> NDArray[np.float64]:
    lower = np.minimum(position.astype(np.intp), contrast.shape[1] - 2)
    share = position - lower
    return np.asarray(contrast[:, lower] * (1.0 - share) + contrast[:, lower + 1] * share)


def _strength(teeth: NDArray[np.float64]) -> NDArray[np.float64]:
    count = teeth.shape[0]
    return np.asarray((teeth.sum(axis=0) - count * NOISE_TOOTH) / (NOISE_TOOTH_DEVIATION * math.sqrt(count)))


def _best_path(evidence: NDArray[np.float64], harmonics: int) -> tuple[NDArray[np.intp], float]:
    """Return the path (windows,) through the speeds with the most evidence, and its mean per window."""
    windows, speeds = evidence.shape
    # One bin, in steps of the grid.
    reach = 2 * harmonics
    bend = CHANGE_COST * (np.arange(-reach, reach + 1) / reach) ** 2
    total = evidence[0]
    origins = np.empty((windows, speeds), np.intp)
    for row in range(1, windows):
        padded = np.pad(total, reach, constant_values=-np.inf)
        choices = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1)
        best = (choices - bend).argmax(axis=1)
        origins[row] = np.arange(speeds) + best - reach
        total = total[origins[row]] - bend[best] + evidence[row]
    path = np.empty(windows, np.intp)
    path[-1] = int(np.argmax(total))
    for row in range(windows - 1, 0, -1):
        path[row - 1] = origins[row, path[row]]
    return path, float(total.max()) / windows


def _refined(contrast: NDArray[np.float64], found_bins: NDArray[np.float64], harmonics: int) -> NDArray[np.float64]:
    """Return the speeds (windows,) in bins where the teeth, no longer capped, are highest.

    The cap that keeps one line from deciding also flattens the tops of lines. Between bins the logarithm of a Hann
    lobe is nearly a parabola.
    """
    steps = np.arange(-2 * harmonics, 2 * harmonics + 1) / (4 * harmonics)
    candidates = found_bins[:, None] + steps
    rows = np.arange(contrast.shape[0])[:, None]
    total = np.zeros_like(candidates)
    for number in range(1, harmonics + 1):
        centre = np.clip(np.rint(number * candidates).astype(np.intp), 1, contrast.shape[1] - 2)
        offset = number * candidates - centre
        left, middle, right = (contrast[rows, centre + beside] for beside in (-1, 0, 1))
        total += middle + offset * ((right - left) / 2 + offset * ((left + right) / 2 - middle))
    best = np.clip(total.argmax(axis=1), 1, steps.size - 2)
    left, middle, right = (total[rows[:, 0], best + beside] for beside in (-1, 0, 1))
    curvature = np.minimum(left - 2 * middle + right, -np.finfo(np.float64).tiny)
    shift = np.clip(0.5 * (left - right) / curvature, -0.5, 0.5)
    return np.asarray(found_bins + steps[best] + shift * (steps[1] - steps[0]))
