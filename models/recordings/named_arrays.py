"""Sort the named arrays of a .mat or .npz file into signals and facts.

In this order: single numbers that are rates or speeds; the one array of snapshots, if there is one (samples in the
middle, one column per axis last); otherwise every vector and every column of a matrix is a signal, except where some
names have the form `X118_DE_time`, which then alone are the signals.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from models.recordings.contents import Contents, Series
from models.recordings.names import is_numbered, is_rate, is_time, short_name, speed_factor, unit_of
from models.recordings.recording import ASSUMED_WORD_BYTES, RecordingError
from models.recordings.timebase import timebase

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

MAX_CHANNELS: Final = 4096
SHORTEST_SIGNAL: Final = 16
"""Vectors below this many numbers are settings (gains, geometry), not signals."""


def contents_of(path: Path, arrays: Mapping[str, NDArray[np.generic]]) -> Contents:
    """Return the signals and facts among named arrays.

    Args:
        path: for messages only.
        arrays: real numeric arrays by name; nested names are joined by dots.

    Raises:
        RecordingError: no array can be a signal.
    """
    numbers = {name: float(array.reshape(-1)[0]) for name, array in arrays.items() if array.size == 1}
    rate = next((value for name, value in numbers.items() if is_rate(name)), None)
    factors = {name: speed_factor(name, beside_a_rate=rate is not None) for name in numbers}
    speed = next((numbers[name] * factor for name, factor in factors.items() if factor is not None), None)
    snapshots = [name for name, array in arrays.items() if array.ndim == 3]
    if snapshots:
        return _of_snapshots(path, arrays, snapshots, rate, speed)
    vectors = {
        name: array for name, array in arrays.items() if array.ndim in (1, 2) and max(array.shape) >= SHORTEST_SIGNAL
    }
    numbered = {name: array for name, array in vectors.items() if is_numbered(name)}
    vectors = numbered or vectors
    times = next((a.reshape(-1) for n, a in vectors.items() if is_time(n) and a.size == max(a.shape)), None)
    signals = {name: array for name, array in vectors.items() if not is_time(name)}
    if not signals:
        names = ", ".join(sorted(arrays)[:12]) or "nothing"
        raise RecordingError(f"{path}: holds no signal of at least {SHORTEST_SIGNAL} samples (found: {names})")
    series = [one for name, array in signals.items() for one in _series_of(path, name, array, signals)]
    known = timebase(times) if times is not None and times.size == series[0].values.shape[-1] else None
    return Contents(
        tuple(series),
        rate if rate is not None or known is None else known.sample_rate_hz,
        speed,
        start_ns=None if known is None else known.start_ns,
        word_bytes=_word_bytes(list(signals.values())),
        notes=() if known is None else known.notes,
        times_s=None if known is None else known.times_s,
    )


def _series_of(
    path: Path, name: str, array: NDArray[np.generic], among: Mapping[str, NDArray[np.generic]]
) -> list[Series]:
    """Return one series per vector, and one per column of a matrix (the longer side is time)."""
    leaves = [short_name(other) for other in among]
    label = short_name(name) if leaves.count(short_name(name)) == 1 else name
    unit = unit_of(name.rsplit(".", 1)[-1])[1]
    if array.size == max(array.shape):
        return [Series(name, label, unit, array.reshape(-1))]
    columns = array.T if array.shape[0] >= array.shape[1] else array
    if len(columns) > MAX_CHANNELS:
        raise RecordingError(f"{path}: {name} has {len(columns)} columns, more than {MAX_CHANNELS} channels")
    return [Series(f"{name}.{i}", f"{label}.{i}", unit, column) for i, column in enumerate(columns, start=1)]


def _of_snapshots(
    path: Path,
    arrays: Mapping[str, NDArray[np.generic]],
    snapshots: list[str],
    rate: float | None,
    speed: float | None,
) -> Contents:
    if len(snapshots) > 1:
        raise RecordingError(f"{path}: several sets of snapshots ({', '.join(snapshots)}): keep one per file")
    name = snapshots[0]
    array = arrays[name]
    unit = unit_of(name)[1]
    series = tuple(
        Series(f"{name}.{axis + 1}", f"{short_name(name)}.{axis + 1}", unit, array[:, :, axis])
        for axis in range(array.shape[2])
    )
    starts = next(
        (array for other, array in arrays.items() if is_time(other) and array.shape == (len(arrays[name]),)), None
    )
    if starts is not None:
        start_s = tuple(float(start) for start in np.asarray(starts, np.float64) - float(starts[0]))
    elif rate:
        start_s = tuple(index * array.shape[1] / rate for index in range(len(array)))
    else:
        start_s = tuple(0.0 for _ in range(len(array)))
    return Contents(series, rate, speed, segment_start_s=start_s, word_bytes=_word_bytes([array]))


def _word_bytes(arrays: list[NDArray[np.generic]]) -> int:
    """Return the sensor's word size: an array's width is how it was kept, so it never counts as more than usual."""
    return min(ASSUMED_WORD_BYTES, max(array.dtype.itemsize for array in arrays))
