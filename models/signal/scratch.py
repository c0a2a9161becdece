"""Memory that the features of one group of channels are computed in: taken once, aligned, used twice.

A window of four channels passes through here many times a second, so nothing is allocated then. What lies where is
decided once per rate and length: `carrier_runs` puts carriers together that can be transformed in one go, `workspaces`
cuts one piece of memory into views for groups of 1, 2, … channels.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.signal.bands import BandLayout

CHANNELS_AT_ONCE: Final = 4
"""What pocketfft transforms in one go of vector instructions, and small enough for a cache of 2 MB at 25,600 points."""

CACHE_LINE_BYTES: Final = 64


@dataclass(frozen=True, slots=True)
class CarrierRun:
    """Carriers of one width at one distance from each other.

    Attributes:
        first_bin, bins, step, carriers: so many of so many bins, `step` bins from start to start.
        rows: which carriers these are.
    """

    first_bin: int
    bins: int
    step: int
    carriers: int
    rows: slice


def carrier_runs(layout: BandLayout) -> tuple[CarrierRun, ...]:
    """Return the carriers in as few runs as their places allow."""
    groups: list[list[tuple[int, int]]] = []
    for first, bins in layout.carriers:
        run = groups[-1] if groups else []
        # Two of one width fit together wherever the second begins, a third only at the same distance.
        fits = bool(run) and run[-1][1] == bins and (len(run) < 2 or first - run[-1][0] == run[1][0] - run[0][0])
        if fits:
            run.append((first, bins))
        else:
            groups.append([(first, bins)])
    runs, done = [], 0
    for run in groups:
        first, bins = run[0]
        rows = slice(done, done + len(run))
        step = run[1][0] - first if len(run) > 1 else bins
        runs.append(CarrierRun(first, bins, step, len(run), rows))
        done += len(run)
    return tuple(runs)


@dataclass(frozen=True, slots=True)
class CarrierSpace:
    """Views for one run of carriers: their bins, their analytic signals, and the squares of these, in the same place.

    `squares` sees the analytic signals as real and imaginary parts side by side.
    """

    spectrum: NDArray[np.complex64]
    analytic: NDArray[np.complex64]
    squares: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Workspace:
    """Scratch for a group of channels; groups of any size share one piece of memory.

    Memory is used twice where its first content is done with, so that a group stays inside the cache: the spectrum of
    each row takes the place of its samples (`models.signal.fourier.rfft` allows that), the analytic signals of the
    carriers that of the squares. `velocity` and `bands` see complex numbers as real and imaginary parts side by side;
    `bands` are those beyond the ones in the low weights.
    """

    centred: NDArray[np.float32]
    squares: NDArray[np.float32]
    spectrum: NDArray[np.complex64]
    velocity: NDArray[np.float32]
    velocity_squares: NDArray[np.float32]
    bands: tuple[NDArray[np.float32], ...]
    carriers: tuple[CarrierSpace, ...]


def workspaces(layout: BandLayout, window_samples: int, low_bands: int) -> tuple[Workspace, ...]:
    """Return the scratch for groups of 1, 2, … `CHANNELS_AT_ONCE` channels.

    Args:
        layout: of the bands.
        window_samples: per channel.
        low_bands: so many of the lowest bands are summed up together with the velocity and need no view.
    """
    spectrum = _aligned(CHANNELS_AT_ONCE, window_samples // 2 + 1, np.complex64)
    products = _aligned(CHANNELS_AT_ONCE, window_samples, np.float32)
    velocity = _aligned(CHANNELS_AT_ONCE, 2 * (layout.velocity[1] - layout.velocity[0]), np.float32)
    return tuple(
        _workspace(layout, window_samples, spectrum[:rows], products[:rows], velocity[:rows], low_bands=low_bands)
        for rows in range(1, CHANNELS_AT_ONCE + 1)
    )


def _workspace(
    layout: BandLayout,
    window_samples: int,
    spectrum: NDArray[np.complex64],
    products: NDArray[np.float32],
    velocity: NDArray[np.float32],
    *,
    low_bands: int,
) -> Workspace:
    parts = spectrum.view(np.float32)
    low, high = layout.velocity
    bands = list(itertools.pairwise(layout.bands))[low_bands:]
    return Workspace(
        centred=parts[:, :window_samples],
        squares=products[:, :window_samples],
        spectrum=spectrum[:, : window_samples // 2 + 1],
        velocity=parts[:, 2 * low : 2 * high],
        velocity_squares=velocity[:, : 2 * (high - low)],
        bands=tuple(parts[:, 2 * first : 2 * end] for first, end in bands),
        carriers=tuple(_carrier_space(run, spectrum, products) for run in carrier_runs(layout)),
    )


def _carrier_space(run: CarrierRun, spectrum: NDArray[np.complex64], products: NDArray[np.float32]) -> CarrierSpace:
    shape = (len(products), run.carriers, run.bins)
    # All carriers together hold a third as many bins as there are samples, so they fit into their rows.
    place = products[:, : 2 * run.carriers * run.bins]
    bins = np.lib.stride_tricks.as_strided(
        spectrum[:, run.first_bin :], shape, (spectrum.strides[0], run.step * spectrum.itemsize, spectrum.itemsize)
    )
    analytic = place.view(np.complex64).reshape(shape)
    return CarrierSpace(bins, analytic, place.reshape(*shape[:2], 2 * run.bins))


def _aligned(rows: int, columns: int, dtype: type[Any]) -> NDArray[Any]:
    """Return zeros of at least `columns` columns whose rows begin on cache lines.

    Products of such rows take half the time of rows that begin anywhere.
    """
    stride = -(-columns * np.dtype(dtype).itemsize // CACHE_LINE_BYTES) * CACHE_LINE_BYTES
    memory = np.zeros(rows * stride + CACHE_LINE_BYTES, np.uint8)
    start = -memory.ctypes.data % CACHE_LINE_BYTES
    grid: NDArray[Any] = memory[start : start + rows * stride].view(dtype).reshape(rows, -1)
    return grid


def aligned_row(values: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the values as float32 that begin on a cache line."""
    row: NDArray[np.float32] = _aligned(1, values.size, np.float32)[0, : values.size]
    row[:] = values
    return row
