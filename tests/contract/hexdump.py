"""Annotated hex dump of one summary, one alarm and one acknowledgement: docs/wire-hexdump.md.

    PYTHONPATH=.:tests python tests/contract/hexdump.py          writes the page anew

The bytes are the golden ones; the names of the fields come from the descriptor that the codec uses.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from contract.golden_payloads import MACHINE_ALIASES, NODE_ALIASES, ours

from models.contract.sparkplug_schema import PayloadMessage

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "wire-hexdump.md"
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_BYTES_PER_LINE = 16
_HEAD = """# Three messages, byte by byte

What stands here is what a Sparkplug B host sees: topic, then the protobuf payload. Offsets are decimal. Each metric of
a data message is its alias, its own time and its value; names and datatypes were declared in the birth. Which metrics
there are is listed in `models/contract/metrics.py`, what is in the blocks of bytes in `summary_vector.py` and
`alarm_json.py` beside it. This page is made by `tests/contract/hexdump.py` and checked by a test.
"""
_SECTIONS = (
    ("ddata-summary", "A summary", "One minute of one machine with one channel and three features."),
    ("ddata-alarm", "An alarm", "The gateway says that it became active, and why."),
    (
        "ncmd-acknowledged",
        "An acknowledgement",
        "The host says which records are stored: 41, 42, 43 and 45. Record 44 stays in the outbox.",
    ),
)


def _varint(data: bytes, place: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = data[place]
        number |= (byte & 127) << shift
        place, shift = place + 1, shift + 7
        if byte < 128:
            return number, place


def _line(offset: int, part: bytes, meaning: str) -> Iterator[str]:
    for start in range(0, len(part), _BYTES_PER_LINE):
        shown = part[start : start + _BYTES_PER_LINE].hex(" ")
        yield f"{offset + start:5}  {shown:<47}  {meaning if start == 0 else ''}".rstrip()


def _time(milliseconds: int) -> str:
    return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _fields(data: bytes, start: int, end: int, descriptor: Any) -> Iterator[tuple[int, int, Any, Any, int]]:
    """Yield offset of the tag, offset of the content, field, value and end of every field."""
    place = start
    while place < end:
        tag, content = _varint(data, place)
        field = descriptor.fields_by_number[tag >> 3]
        kind = tag & 7
        value: Any
        if kind == _VARINT:
            value, after = _varint(data, content)
        elif kind == _BYTES:
            length, content = _varint(data, content)
            after = content + length
            value = data[content:after]
        else:
            after = content + (8 if kind == _FIXED64 else 4)
            (value,) = struct.unpack("<d" if kind == _FIXED64 else "<f", data[content:after])
        yield place, content, field, value, after
        place = after


def _metric(data: bytes, start: int, end: int, names: dict[int, str]) -> Iterator[str]:
    descriptor = PayloadMessage.DESCRIPTOR.fields_by_name["metrics"].message_type
    name = ""
    for place, content, field, value, after in _fields(data, start, end, descriptor):
        if field.name == "alias":
            name = names[value]
            yield from _line(place, data[place:after], f"  alias {value} = {name}")
        elif field.name == "timestamp":
            yield from _line(place, data[place:after], f"  timestamp {_time(value)}")
        elif field.name == "bytes_value":
            yield from _line(place, data[place:content], f"  bytes_value, {len(value)} bytes")
            yield from _vector(data, content, after)
        elif field.name == "string_value":
            yield from _line(place, data[place:content], f"  string_value, {len(value)} bytes")
            for at in range(0, len(value), _BYTES_PER_LINE):
                text = value[at : at + _BYTES_PER_LINE].decode("ascii", "replace")
                yield from _line(content + at, value[at : at + _BYTES_PER_LINE], f"    {text}")
        else:
            yield from _line(
                place,
                data[place:after],
                f"  {field.name} {value:g}" if isinstance(value, float) else f"  {field.name} {value}",
            )


def _vector(data: bytes, place: int, end: int) -> Iterator[str]:
    """Yield the lines of a Summary/Vector: header, causes, five rows of numbers."""
    _, causes, features, windows = struct.unpack_from("<BBHI", data, place)
    for size, meaning in (
        (1, "version of the record"),
        (1, f"{causes} cause(s) of bad windows"),
        (2, f"{features} features"),
        (4, f"{windows} windows"),
        (8, "start, ns since 1970"),
        (8, "end, ns since 1970"),
        (8, "hash of the feature specification"),
    ):
        yield from _line(place, data[place : place + size], f"    {meaning}")
        place += size
    for _ in range(causes):
        size = 1 + data[place] + 4
        (count,) = struct.unpack_from("<I", data, place + size - 4)
        name = data[place + 1 : place + size - 4].decode()
        yield from _line(place, data[place : place + size], f"    {count} window(s) left out for {name!r}")
        place += size
    for row in ("mean", "minimum", "maximum", "standard deviation", "one sampled window"):
        values = struct.unpack_from(f"<{features}f", data, place)
        shown = ", ".join(f"{value:g}" for value in values)
        yield from _line(place, data[place : place + 4 * features], f"    {row}: {shown}")
        place += 4 * features
    if place != end:
        raise ValueError("Summary/Vector has another layout than this page describes")


def dump(data: bytes, names: dict[int, str]) -> str:
    """Return the annotated lines of one payload; names are those of the birth by alias."""
    lines: list[str] = []
    for place, content, field, value, after in _fields(data, 0, len(data), PayloadMessage.DESCRIPTOR):
        if field.name == "metrics":
            lines += _line(place, data[place:content], f"metric, {len(value)} bytes")
            lines += _metric(data, content, after, names)
        elif field.name == "timestamp":
            lines += _line(place, data[place:after], f"timestamp {_time(value)}")
        else:
            lines += _line(place, data[place:after], f"{field.name} {value}")
    return "\n".join(lines)


def page() -> str:
    """Return the whole page."""
    goldens = ours()
    parts = [_HEAD]
    for name, title, about in _SECTIONS:
        golden = goldens[name]
        aliases = NODE_ALIASES if golden.topic.split("/")[2].startswith("N") else MACHINE_ALIASES
        names = {alias: text for text, alias in aliases.items()}
        parts.append(
            f"## {title}\n\n{about}\n\n`{golden.topic}`, {len(golden.data)} bytes\n\n"
            f"```text\n{dump(golden.data, names)}\n```\n"
        )
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page())
