"""Delimited text: .csv, .tsv, .txt, gzipped or not, and files without a known ending.

Nobody writes CSV alike, so the layout is read from the first lines, in this order: comment lines are skipped; the
delimiter is the candidate that cuts those lines into the same number of fields; numbers with a decimal comma are
recognised where the comma is not the delimiter; a first line of words is a header; a column is a time (ISO text, a
column named so, or hour, minute, second, fraction without a header), a number, or text, which is left out with a note.
Then all numbers are parsed in one go, and only a file that fails there is walked line by line to say where.
"""

from __future__ import annotations

import gzip
import re
import zlib
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Final

import numpy as np

from models.recordings.recording import RecordingError
from models.recordings.tables import contents_of_table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from models.recordings.contents import Contents

MAX_TEXT_BYTES: Final = 256 * 1024 * 1024
"""About 30 million numbers; text beyond that should be .npz, .wav or .parquet."""

MAX_COLUMNS: Final = 4096
SAMPLE_LINES: Final = 20
_DELIMITERS: Final = (";", "\t", ",", "|", None)
"""In the order of trust; None is any run of spaces."""

_COMMENT: Final = ("#", "%", "//")
_NUMBER: Final = re.compile(r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$|^[+-]?(nan|inf(inity)?)$", re.IGNORECASE)
_COMMA_NUMBER: Final = re.compile(r"^[+-]?\d+,\d+([eE][+-]?\d+)?$")
_ISO_TIME: Final = re.compile(r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}([.,]\d+)?)?)?(Z|[+-]\d{2}:?\d{2})?$")


@dataclass(frozen=True, slots=True)
class Layout:
    """How one text is written.

    Attributes:
        delimiter: between fields; None is white space.
        decimal_comma: numbers are written 3,14.
        names: of all columns; `column_1` … where there is no header.
        first_row: index of the first line of data.
        has_header: whether the names were in the file.
        numbers, times, texts: indices of the columns of each kind.
    """

    delimiter: str | None
    decimal_comma: bool
    names: tuple[str, ...]
    first_row: int
    has_header: bool
    numbers: tuple[int, ...]
    times: tuple[int, ...]
    texts: tuple[int, ...]


def read(path: Path) -> Contents:
    """Return the columns of a text file.

    Raises:
        RecordingError: truncated archive, binary content, too large, ragged rows, or fields that are no numbers.
    """
    lines = _lines(path)
    layout = detect_layout(path, lines)
    rows = lines[layout.first_row :]
    columns: dict[str, np.ndarray[Any, Any]] = {}
    if layout.times:
        for index in layout.times:
            columns[layout.names[index]] = _parse_times(path, layout, rows, index)
    block = _parse_numbers(path, layout, rows)
    order = {index: position for position, index in enumerate(layout.numbers)}
    for index, name in enumerate(layout.names):
        if index in order:
            columns[name] = block[:, order[index]]
    columns = {name: columns[name] for name in layout.names if name in columns}
    left_out = [layout.names[index] for index in layout.texts]
    notes = (f"left out, because they are text: {', '.join(left_out)}",) if left_out else ()
    return contents_of_table(path, columns, notes=notes, headerless=not layout.has_header)


def _lines(path: Path) -> list[str]:
    try:
        with path.open("rb") as raw:
            zipped = raw.read(2) == b"\x1f\x8b"
        opener: Any = gzip.open if zipped else open
        with opener(path, "rb") as file:
            content = _bounded(path, file)
    except (OSError, EOFError, zlib.error) as error:
        raise RecordingError(f"{path}: is truncated or cannot be read ({error}): copy it again") from error
    if b"\0" in content[:65536]:
        raise RecordingError(
            f"{path}: is neither text nor a recording of a known ending: use .mat, .csv, .wav, .npz or .parquet"
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    return [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith(_COMMENT)]


def _bounded(path: Path, file: IO[bytes]) -> bytes:
    content = file.read(MAX_TEXT_BYTES + 1)
    if len(content) > MAX_TEXT_BYTES:
        raise RecordingError(
            f"{path}: holds more than {MAX_TEXT_BYTES >> 20} MiB of text: split it, or store it as .npz or .parquet"
        )
    return content


def detect_layout(path: Path, lines: Sequence[str]) -> Layout:
    """Return how a text is written, from its first lines.

    Raises:
        RecordingError: no line of data, or no column of numbers.
    """
    if not lines:
        raise RecordingError(f"{path}: holds no line of data: copy it again from where it was recorded")
    sample = lines[:SAMPLE_LINES]
    delimiter = _delimiter(sample)
    rows = [split(line, delimiter) for line in sample]
    decimal_comma = delimiter != "," and any(_COMMA_NUMBER.match(field) for row in rows[1:] or rows for field in row)
    has_header = not any(_kind(field, decimal_comma=decimal_comma) in {"number", "time"} for field in rows[0])
    data = rows[1:] if has_header else rows
    if not data:
        raise RecordingError(f"{path}: holds a header and no data: copy it again from where it was recorded")
    width = len(data[0])
    if width > MAX_COLUMNS:
        raise RecordingError(f"{path}: has {width} columns, more than {MAX_COLUMNS}: is the delimiter what you expect?")
    names = _names(rows[0] if has_header else [], width)
    kinds = [
        _column_kind([row[index] for row in data if index < len(row)], decimal_comma=decimal_comma)
        for index in range(width)
    ]
    numbers = tuple(index for index, kind in enumerate(kinds) if kind == "number")
    if not numbers:
        raise RecordingError(f"{path}: has no column of numbers (first line: {lines[0][:60]!r})")
    return Layout(
        delimiter,
        decimal_comma,
        names,
        int(has_header),
        has_header,
        numbers,
        tuple(index for index, kind in enumerate(kinds) if kind == "time"),
        tuple(index for index, kind in enumerate(kinds) if kind == "text"),
    )


def split(line: str, delimiter: str | None) -> list[str]:
    """Return the fields of a line without spaces and quotes around them.

    >>> split('"DE [g]"; 1,5 ;', ";")
    ['DE [g]', '1,5', '']
    """
    return [field.strip().strip('"') for field in line.split(delimiter)]


def _delimiter(sample: Sequence[str]) -> str | None:
    spaced = [line.split() for line in sample[1:] or sample]
    if all(len(row) > 1 and all(map(_COMMA_NUMBER.match, row)) for row in spaced):
        # 3,14 2,72: the comma would cut these lines evenly too.
        return None
    for delimiter in _DELIMITERS:
        widths = {len(split(line, delimiter)) for line in sample[1:] or sample}
        if len(widths) == 1 and widths.pop() > 1:
            return delimiter
    # Ragged, or a single column: the candidate that occurs most, so that the error can name the line.
    counted = {candidate: sample[-1].count(candidate) for candidate in _DELIMITERS if candidate}
    best = max(counted, key=lambda candidate: counted[candidate])
    return best if counted[best] and not _COMMA_NUMBER.match(sample[-1].strip()) else None


def _kind(field: str, *, decimal_comma: bool) -> str:
    if not field:
        return "empty"
    if _NUMBER.match(field) or (decimal_comma and _COMMA_NUMBER.match(field)):
        return "number"
    return "time" if _ISO_TIME.match(field) else "text"


def _column_kind(fields: Sequence[str], *, decimal_comma: bool) -> str:
    kinds = {_kind(field, decimal_comma=decimal_comma) for field in fields} - {"empty"}
    if kinds == {"time"}:
        return "time"
    return "number" if "number" in kinds or not kinds else "text"


def _names(header: Sequence[str], width: int) -> tuple[str, ...]:
    names = [*header[:width], *("" for _ in range(width - len(header)))]
    unique: list[str] = []
    for position, name in enumerate(names, start=1):
        wanted = name or (f"column_{position}" if not header or position > 1 else "")
        unique.append(f"{wanted}_{position}" if wanted in unique else wanted)
    return tuple(unique)


def _parse_numbers(path: Path, layout: Layout, rows: Sequence[str]) -> np.ndarray[Any, np.dtype[np.float64]]:
    if layout.decimal_comma:
        rows = [row.replace(",", ".") for row in rows]
    try:
        block = np.loadtxt(
            rows, delimiter=layout.delimiter, usecols=layout.numbers, ndmin=2, comments=None, quotechar='"'
        )
    except ValueError:
        block = _parse_slowly(path, layout, rows)
    return np.asarray(block, np.float64)


def _parse_slowly(path: Path, layout: Layout, rows: Sequence[str]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return the numbers with empty fields as NaN, or name the line and column that cannot be one."""
    width = len(layout.names)
    block = np.empty((len(rows), len(layout.numbers)))
    for number, row in enumerate(rows):
        fields = split(row, layout.delimiter)
        line = number + layout.first_row + 1
        # A delimiter at the end of the line makes one empty field more.
        if len(fields) != width and not (len(fields) == width + 1 and not fields[-1]):
            raise RecordingError(
                f"{path}: data line {line} has {len(fields)} fields instead of {width}: the file is damaged there"
            )
        for column, index in enumerate(layout.numbers):
            field = fields[index] if index < len(fields) else ""
            try:
                block[number, column] = float(field) if field else np.nan
            except ValueError:
                raise RecordingError(
                    f"{path}: data line {line}, column {layout.names[index] or index + 1}: {field[:40]!r} is no number"
                ) from None
    return block


def _parse_times(path: Path, layout: Layout, rows: Sequence[str], index: int) -> np.ndarray[Any, Any]:
    fields = []
    for number, row in enumerate(rows):
        cut = split(row, layout.delimiter)
        field = cut[index] if index < len(cut) else ""
        if not _ISO_TIME.match(field):
            raise RecordingError(
                f"{path}: data line {number + layout.first_row + 1}, column {layout.names[index] or index + 1}: "
                f"{field[:40]!r} is no time"
            )
        fields.append(field.replace(",", "."))
    try:
        return _utc(fields)
    except ValueError as error:
        raise RecordingError(f"{path}: column {layout.names[index] or index + 1}: {error}") from error


def _utc(fields: Sequence[str]) -> np.ndarray[Any, Any]:
    """Return ISO times as UTC; times without an offset are taken as UTC."""
    if not any(field.endswith("Z") or re.search(r"[+-]\d{2}:?\d{2}$", field[10:]) for field in (fields[0], fields[-1])):
        return np.array(fields, "datetime64[ns]")
    from datetime import UTC, datetime

    parsed = [datetime.fromisoformat(field) for field in fields]
    aware = [time if time.tzinfo else time.replace(tzinfo=UTC) for time in parsed]
    return np.array([time.astimezone(UTC).replace(tzinfo=None) for time in aware], "datetime64[ns]")
