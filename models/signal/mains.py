"""Take out what is not vibration: the mean, and the lines that the mains leave in cables.

In this order: find which grid (50 or 60 Hz) fits, with one frequency for all its harmonics; keep the harmonics that
stand out of their neighbourhood; fit the frequency and their sines by least squares; subtract; report what went.
Subtracting a fitted sine is a notch as narrow as the record is long, so that a shaft line beside it stays.

A line exactly at twice the mains can be real: the magnetic pull of a motor. Hence the report, and hence the caller
decides whether to remove.
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
    """

    samples: NDArray[Any]
    means: NDArray[Any]
    mains_hz: float | None
    lines: tuple[MainsLine, ...]


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
        Processing I (1993), section 7.10 for the least-squares sines.
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
    _, mains_hz, present = max(found, key=lambda candidate: candidate[0])
    if not present.any():
        return Cleaned(centred, means, None, ())
    return _subtracted(centred, means, sample_rate_hz, mains_hz, present)


def _line_ratios(centred: NDArray[Any], sample_rate_hz: float) -> tuple[NDArray[np.float64], float]:
    """Return power over local background, (channels, bins), Exp(1) where there is only noise; and the bin width."""
    spectrum = power_spectrum(centred, sample_rate_hz)
    padded = np.pad(spectrum.power.astype(np.float64), ((0, 0), (_NEIGHBOURS, _NEIGHBOURS)), mode="reflect")
    around = np.lib.stride_tricks.sliding_window_view(padded, 2 * _NEIGHBOURS + 1, axis=1)
    background = np.median(around, axis=2) / math.log(2.0)
    return spectrum.power / np.maximum(background, np.finfo(np.float64).tiny), spectrum.step_hz


def _search(
    ratio: NDArray[np.float64], step_hz: float, grid_hz: float, harmonics: int
) -> tuple[float, float, NDArray[np.bool_]]:
    """Return the evidence for one grid, its frequency in Hz, and which lines are there (channels, harmonics)."""
    numbers = np.arange(1, harmonics + 1)
    reach = math.ceil(GRID_TOLERANCE_HZ / step_hz * 4 * harmonics)
    candidates = grid_hz + GRID_TOLERANCE_HZ * np.arange(-reach, reach + 1) / reach
    bins = np.rint(numbers * candidates[:, None] / step_hz).astype(int)
    evidence = np.log1p(ratio[:, bins]).sum(axis=(0, 2))
    best = int(np.argmax(evidence))
    lobe = bins[best] + np.array([[-1], [0], [1]])
    strongest = ratio[:, lobe].max(axis=1)
    # The frequency was chosen to be the best of all, so every place it could have been counts as a try.
    tries = 3 * ratio.shape[0] * harmonics * max(1.0, 2 * GRID_TOLERANCE_HZ / step_hz)
    return float(evidence[best]), float(candidates[best]), strongest > math.log(tries / FALSE_LINES)


def _subtracted(
    centred: NDArray[Any], means: NDArray[Any], sample_rate_hz: float, mains_hz: float, present: NDArray[np.bool_]
) -> Cleaned:
    """Return the samples without the sines that fit best at multiples of a frequency near `mains_hz`."""
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
