"""On which line of a TOML file a key stands: tomllib does not say, and a person who mistyped it wants to know.

`key_lines` runs once over the text after tomllib has accepted it, so it may assume that the syntax is right. Arrays
of tables are numbered in the path: `("machine", 0, "window", "length_s")`.
"""

from __future__ import annotations

import re
from typing import Final

KeyPath = tuple[str | int, ...]

_HEADER: Final = re.compile(r"^\s*(\[\[?)\s*(.+?)\s*\]\]?\s*(#.*)?$")
_ASSIGNMENT: Final = re.compile(
    r"""^\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*="""
)
_INLINE_KEY: Final = re.compile(r"""[{,]\s*([A-Za-z0-9_-]+|"[^"]*"|'[^']*')\s*=""")
_STRING: Final = re.compile(r'"(?:\\.|[^"\\])*"|\'[^\']*\'')


def key_lines(text: str) -> dict[KeyPath, int]:
    r"""Return the line of every table, key and key of an inline table.

    >>> lines = key_lines('[gateway]\nname = "a"\n[[machine]]\nname = "p"\n  [machine.window]\n  length_s = 1.0')
    >>> lines["machine", 0, "window", "length_s"]
    6
    """
    lines: dict[KeyPath, int] = {}
    counts: dict[KeyPath, int] = {}
    table: KeyPath = ()
    open_brackets = 0
    closing: str | None = None
    for number, line in enumerate(text.splitlines(), start=1):
        if closing is not None:
            if closing in line:
                closing = None
            continue
        if open_brackets > 0:
            open_brackets += _bracket_balance(line)
            continue
        header = _HEADER.match(line)
        if header is not None and "=" not in _STRING.sub("", header.group(2)):
            table = _table_path(_split(header.group(2)), counts, is_array=header.group(1) == "[[")
            lines.setdefault(table, number)
            continue
        assignment = _ASSIGNMENT.match(line)
        if assignment is None:
            continue
        key = (*table, *_split(assignment.group(1)))
        lines.setdefault(key, number)
        value = line[assignment.end() :]
        for inline in _INLINE_KEY.finditer(_STRING.sub('""', value)):
            lines.setdefault((*key, inline.group(1).strip("\"'")), number)
        closing = _unclosed_string(value)
        open_brackets = 0 if closing else _bracket_balance(value)
    return lines


def _split(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in re.findall(r""""[^"]*"|'[^']*'|[^.\s]+""", dotted))


def _table_path(parts: tuple[str, ...], counts: dict[KeyPath, int], *, is_array: bool) -> KeyPath:
    """Return the path of a table with the number of each array of tables it lies in."""
    path: KeyPath = ()
    for position, part in enumerate(parts):
        path = (*path, part)
        if is_array and position == len(parts) - 1:
            counts[path] = counts.get(path, -1) + 1
        if path in counts:
            path = (*path, counts[path])
    return path


def _bracket_balance(line: str) -> int:
    bare = _STRING.sub("", line).split("#", 1)[0]
    return bare.count("[") + bare.count("{") - bare.count("]") - bare.count("}")


def _unclosed_string(value: str) -> str | None:
    for quotes in ('"""', "'''"):
        if value.count(quotes) == 1:
            return quotes
    return None
