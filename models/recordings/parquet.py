"""Parquet files, through pyarrow, which is an extra: a gateway does not carry it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from models.recordings.recording import RecordingError
from models.recordings.tables import contents_of_table

if TYPE_CHECKING:
    from pathlib import Path

    from models.recordings.contents import Contents

MAX_VALUES: Final = 1 << 27
"""134 million numbers, 1 GiB of float64."""


def read(path: Path) -> Contents:
    """Return the numeric columns and the time base of a parquet file.

    Raises:
        RecordingError: pyarrow is not installed, or the file is damaged, too large or holds no numbers.
    """
    try:
        import pyarrow as pa  # type: ignore[import-untyped]  # ships no types
        import pyarrow.parquet as pq  # type: ignore[import-untyped]  # ships no types
    except ImportError as error:
        raise RecordingError(f"{path}: reading parquet needs pyarrow: pip install 'plantpulse[parquet]'") from error
    columns: dict[str, np.ndarray[Any, Any]] = {}
    left_out = []
    try:
        file = pq.ParquetFile(path)
        if file.metadata.num_rows * file.metadata.num_columns > MAX_VALUES:
            raise RecordingError(f"{path}: holds more than {MAX_VALUES} values: split it")
        table = file.read()
    except (pa.ArrowException, OSError) as error:
        raise RecordingError(
            f"{path}: is truncated or no parquet file ({_first_line(error)}): copy it again"
        ) from error
    for name, column in zip(table.column_names, table.columns, strict=True):
        if pa.types.is_timestamp(column.type):
            columns[name] = column.cast(pa.timestamp("ns")).to_numpy().astype("datetime64[ns]")
        elif pa.types.is_integer(column.type) or pa.types.is_floating(column.type) or pa.types.is_boolean(column.type):
            columns[name] = np.asarray(column.to_numpy(), np.float64)
        else:
            left_out.append(name)
    if not any(column.dtype.kind == "f" for column in columns.values()):
        raise RecordingError(f"{path}: has no column of numbers (columns: {', '.join(table.column_names[:12])})")
    notes = (f"left out, because they are no numbers: {', '.join(left_out)}",) if left_out else ()
    return contents_of_table(path, columns, notes=notes)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or ["no reason given"])[0][:120]
