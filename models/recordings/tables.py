"""Columns of a table → channels and a time base; shared by text and parquet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from models.recordings.contents import Contents, Series
from models.recordings.names import is_time, short_name, unit_of
from models.recordings.recording import RecordingError
from models.recordings.timebase import timebase

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

_INDEX_NAMES: Final = frozenset({"", "index", "unnamed: 0"})
_CLOCK_COLUMNS: Final = 4
_FRACTIONS: Final = ((9, 0.1), (999, 1e-3), (999_999, 1e-6))
"""Largest value a fraction of a second may have, and what one step of it is."""


def contents_of_table(
    path: Path, columns: Mapping[str, NDArray[Any]], *, notes: tuple[str, ...] = (), headerless: bool = False
) -> Contents:
    """Return channels and time base of a table.

    Args:
        path: for messages.
        columns: numbers or datetime64 by name, all of one length, in the order of the file.
        notes: what the reader has to say already.
        headerless: the names are made up, so a clock may hide in the first columns.

    Raises:
        RecordingError: no column is left that could be a channel.
    """
    times: NDArray[Any] | None = None
    time_name = next((name for name, column in columns.items() if column.dtype.kind == "M"), None)
    if time_name is None:
        time_name = next((name for name in columns if is_time(name)), None)
    if time_name is not None:
        times = columns[time_name]
    rest = {name: column for name, column in columns.items() if name != time_name and column.dtype.kind != "M"}
    if headerless and times is None:
        times = _clock(list(rest.values())[:_CLOCK_COLUMNS])
        if times is not None:
            rest = dict(list(rest.items())[_CLOCK_COLUMNS:])
    rest = {name: column for name, column in rest.items() if not _is_row_number(name, column)}
    if not rest:
        raise RecordingError(f"{path}: has a time column and nothing else: no channel to read")
    known = timebase(times) if times is not None else None
    return Contents(
        tuple(Series(name, short_name_of_column(name), unit_of(name)[1], column) for name, column in rest.items()),
        None if known is None else known.sample_rate_hz,
        start_ns=None if known is None else known.start_ns,
        notes=notes if known is None else (*notes, *known.notes),
        times_s=None if known is None else known.times_s,
    )


def short_name_of_column(name: str) -> str:
    """Return a column's name without its unit; dots belong to it.

    >>> short_name_of_column("DE.H [g]"), short_name_of_column("X118_DE_time")
    ('DE.H', 'DE')
    """
    return short_name(name) if "." not in name else unit_of(name)[0]


def _is_row_number(name: str, column: NDArray[Any]) -> bool:
    """Return whether this is the index that table libraries write as a nameless first column."""
    return name.lower() in _INDEX_NAMES and column.size > 1 and bool(np.all(np.diff(column) == 1))


def _clock(columns: list[NDArray[Any]]) -> NDArray[np.float64] | None:
    """Return seconds of the day if four columns are hour, minute, second and a fraction, else None.

    Source: PRONOSTIA writes its snapshots this way, without a header.
    """
    if len(columns) < _CLOCK_COLUMNS or columns[0].size < 2:
        return None
    hour, minute, second, fraction = (np.asarray(column, np.float64) for column in columns)
    limits = ((hour, 23), (minute, 59), (second, 59), (fraction, _FRACTIONS[-1][0]))
    for column, largest in limits:
        if not (np.all(np.isfinite(column)) and column.min() >= 0 and column.max() <= largest):
            return None
        if not np.all(column == np.round(column)):
            return None
    step = next(size for largest, size in _FRACTIONS if fraction.max() <= largest)
    seconds: NDArray[np.float64] = hour * 3600 + minute * 60 + second + fraction * step
    # A constant or falling column is data that happens to be small and whole, not a clock.
    return seconds if np.all(np.diff(seconds) >= 0) and seconds[-1] > seconds[0] else None
