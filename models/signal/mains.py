"""Take out what is not vibration: the mean, and the lines that the mains leave in cables.

In this order: find which grid (50 or 60 Hz) fits, with one frequency for all its harmonics; keep the harmonics that
stand out of their neighbourhood; fit the frequency and their sines by least squares; subtract; report what went.
Subtracting a fitted sine is a notch as narrow as the record is long, so that a shaft line beside it stays.

An induction motor without load turns within a per mille of a whole fraction of the mains, and its own harmonics look
like them. Where lines stand at halves, thirds or quarters of the mains too, they are a shaft's, and nothing is removed.
A line exactly at twice the mains can be real as well, the magnetic pull of a motor: hence the report.

One case stays open: the shaft of a motor with two poles turns at the mains itself less its slip, so it has no lines at
fractions, and a record shorter than one over the slip frequency shows one line for both. Removing it would take an
imbalance away. So samples are judged as they are unless somebody asks for this (`plantpulse analyze --remove-mains`):
the search for bearings whitens lines anyway, and orders are compared with a baseline that hums the same.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from models.signal.admission import admitted
from models.signal.errors import ResolutionError
from models.signal.spectra import power_spectrum

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

GRIDS_HZ: Final = (50.0, 60.0)

GRID_TOLERANCE_HZ: Final = 0.2
"""Largest steady deviation of a synchronous area. Source: Regulation (EU) 2017/1485, annex III."""

SHORTEST_S: Final = 1.0
"""Below, the lobe of a line is wider than 4 Hz, and a motor's shaft cannot be told from its mains."""

HARMONICS: Final = 10

FALSE_LINES: Final = 1e-3
"""Chance of finding any line in noise."""

POLE_PAIRS: Final = (2, 3, 4)
"""Of the motors whose shaft turns at a fraction of the mains."""

SHAFT_LINES: Final = 2
"""Lines at fractions of the mains that make them a shaft's; one alone can be anything."""

FALSE_DOUBT: Final = 0.05
"""Chance of a line at a fraction in noise: leaving lines in is the smaller error, so doubt needs less evidence."""

_NEIGHBOURS: Final = 20
"""Bins on either side that tell the background; few enough that it follows resonances."""

_FREQUENCY_STEPS: Final = 4
"""Gauss-Newton converges quadratically from a quarter of a bin at the highest harmonic."""


@dataclass(frozen=True, slots=True)
class MainsLine:
    """One line that was removed from one channel: its frequency in Hz, and its RMS in the unit of the samples."""

    channel: int
    harmonic: int
    frequency_hz: float
    rms: float


@dataclass(frozen=True, slots=True)
class Cleaned:
    """Samples without mean and mains.

    Attributes:
        samples: (channels, n) in the unit they had.
        means: (channels,) what was taken away as mean.
        mains_hz: frequency of the grid as fitted, or None where no line was found.
        lines: what was taken away as mains.
        doubtful_hz: frequency of lines that look like mains but are a shaft's, or cannot be told apart in a record of
            this length; they were left. None: no such lines.
    """

    samples: NDArray[Any]
    means: NDArray[Any]
    mains_hz: float | None
    lines: tuple[MainsLine, ...]
    doubtful_hz: float | None = None


def without_mean_and_mains(
    samples: NDArray[Any], sample_rate_hz: float, *, grids_hz: Sequence[float] = GRIDS_HZ, harmonics: int = HARMONICS
) -> Cleaned:
    """Return the samples without their mean and without mains lines, and what was removed.

    Args:
        samples: (channels, n), any unit; float32 stays float32.
        sample_rate_hz: of all channels.
        grids_hz: nominal frequencies to try; the one with the clearer lines is taken.
        harmonics: how many multiples are looked at, as far as Nyquist allows.

    Raises:
        SampleError, RateError: see `admission.admitted`.
        ResolutionError: shorter than 1 s, or sampled too slowly for any of the grids.

    Source: ISO 13373-2, electrical interference at line frequency; Kay, Fundamentals of Statistical Signal
        Processing I (1993), sinusoidal parameter estimation, for the least-squares sines.
    """
    real = admitted(samples, sample_rate_hz)
    n = real.shape[1]
    if n / sample_rate_hz < SHORTEST_S:
        raise ResolutionError(f"{n / sample_rate_hz:.3g} s cannot tell mains from shaft: use at least {SHORTEST_S:g} s")
    means = real.mean(axis=1, dtype=np.float64)
    centred = real - means[:, None].astype(real.dtype)
    ratio, step_hz = _line_ratios(centred, sample_rate_hz)
    found = [
        _search(ratio, step_hz, grid_hz, min(harmonics, int((ratio.shape[1] - 2) * step_hz / (grid_hz + 1.0))))
        for grid_hz in grids_hz
        if ratio.shape[1] * step_hz > grid_hz + 2.0
    ]
    if not found:
        raise ResolutionError(
            f"a rate of {sample_rate_hz:g} Hz cannot show {min(grids_hz):g} Hz: leave the mains alone"
        )
    best = max(found, key=lambda candidate: candidate.evidence)
    if not best.present.any():
        return Cleaned(centred, means, None, ())
    if _is_of_a_shaft(ratio, step_hz, best):
        return Cleaned(centred, means, None, (), best.mains_hz)
    cleaned = _subtracted(centred, means, sample_rate_hz, best)
    if cleaned.mains_hz is None or abs(cleaned.mains_hz - best.grid_hz) > GRID_TOLERANCE_HZ:
        return Cleaned(centred, means, None, (), cleaned.mains_hz)
    return cleaned


@dataclass(frozen=True, slots=True)
class _Candidate:
    """One grid: nominal and found frequency, evidence for it, and which lines are there (channels, harmonics)."""

    grid_hz: float
    mains_hz: float
    evidence: float
    threshold: float
    present: NDArray[np.bool_]


def _line_ratios(centred: NDArray[Any], sample_rate_hz: float) -> tuple[NDArray[np.float64], float]:
    """Return power over local background, (channels, bins), Exp(1) where there is only noise; and the bin width."""
    spectrum = power_spectrum(centred, sample_rate_hz)
    padded = np.pad(spectrum.power.astype(np.float64), ((0, 0), (_NEIGHBOURS, _NEIGHBOURS)), mode="reflect")
    around = np.lib.stride_tricks.sliding_window_view(padded, 2 * _NEIGHBOURS + 1, axis=1)
    background = np.median(around, axis=2) / math.log(2.0)
    return spectrum.power / np.maximum(background, np.finfo(np.float64).tiny), spectrum.step_hz


def _search(ratio: NDArray[np.float64], step_hz: float, grid_hz: float, harmonics: int) -> _Candidate:
    """Return the best frequency for one grid, with the lines that stand out there."""
    numbers = np.arange(1, harmonics + 1)
    reach = math.ceil(GRID_TOLERANCE_HZ / step_hz * 4 * harmonics)
    candidates = grid_hz + GRID_TOLERANCE_HZ * np.arange(-reach, reach + 1) / reach
    bins = np.rint(numbers * candidates[:, None] / step_hz).astype(int)
    evidence = np.log1p(ratio[:, bins]).sum(axis=(0, 2))
    best = int(np.argmax(evidence))
    # The frequency was chosen to be the best of all, so every place it could have been counts as a try.
    tries = 3 * ratio.shape[0] * harmonics * max(1.0, 2 * GRID_TOLERANCE_HZ / step_hz)
    threshold = math.log(tries / FALSE_LINES)
    present = _highest_near(ratio, bins[best]) > threshold
    return _Candidate(grid_hz, float(candidates[best]), float(evidence[best]), threshold, present)


def _is_of_a_shaft(ratio: NDArray[np.float64], step_hz: float, found: _Candidate) -> bool:
    """Return whether lines stand at whole fractions of the mains as well, in any channel."""
    for pairs in POLE_PAIRS:
        orders = np.array([k for k in range(1, pairs * found.present.shape[1] + 1) if k % pairs])
        bins = np.rint(orders * found.mains_hz / pairs / step_hz).astype(int)
        lines = _highest_near(ratio, bins[bins > 1]) > found.threshold - math.log(FALSE_DOUBT / FALSE_LINES)
        if int(lines.sum(axis=1).max()) >= SHAFT_LINES:
            return True
    return False


def _highest_near(ratio: NDArray[np.float64], bins: NDArray[np.int_]) -> NDArray[np.float64]:
    """Return the highest ratio within a bin of each place, (channels, places)."""
    lobe = np.clip(bins + np.array([[-1], [0], [1]]), 0, ratio.shape[1] - 1)
    return np.asarray(ratio[:, lobe].max(axis=1), np.float64)


def _subtracted(centred: NDArray[Any], means: NDArray[Any], sample_rate_hz: float, found: _Candidate) -> Cleaned:
    """Return the samples without the sines that fit best at multiples of a frequency near the one found."""
    mains_hz, present = found.mains_hz, found.present
    n = centred.shape[1]
    # Time from the middle of the record makes frequency and phase independent.
    time_s = (np.arange(n) - (n - 1) / 2) / sample_rate_hz
    numbers = np.flatnonzero(present.any(axis=0)) + 1
    wanted = present[:, numbers - 1]
    residual = centred
    for _ in range(_FREQUENCY_STEPS):
        phases = 2 * np.pi * mains_hz * numbers[:, None] * time_s
        cosines, sines = np.cos(phases), np.sin(phases)
        basis = np.concatenate([cosines, sines])
        weights = np.linalg.solve(basis @ basis.T, basis @ centred.T.astype(np.float64)).T
        weights *= np.tile(wanted, 2)
        residual = centred - weights @ basis
        in_phase, quadrature = np.split(weights, 2, axis=1)
        # How each channel's sines would change with the common frequency.
        slope = ((quadrature * numbers) @ cosines - (in_phase * numbers) @ sines) * (2 * np.pi * time_s)
        mains_hz += float((residual * slope).sum() / (slope * slope).sum())
    rms = np.hypot(*np.split(weights, 2, axis=1)) / math.sqrt(2.0)
    lines = tuple(
        MainsLine(int(channel), int(numbers[place]), mains_hz * float(numbers[place]), float(rms[channel, place]))
        for channel, place in np.argwhere(wanted)
    )
    return Cleaned(residual.astype(centred.dtype), means, mains_hz, lines)
