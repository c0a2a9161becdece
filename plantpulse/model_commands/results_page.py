"""`docs/results.md`: what we attain on public recordings, with the command for every number. Nobody types in it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from models.training.evaluation.table import PUBLIC_SETS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from models.training.evaluation.result import Evaluation, Value

LONGEST_OPEN: Final = 24
"""Rows; longer tables push the next set out of sight."""
HEAD: Final = """# Results on public recordings

Written by `plantpulse models evaluate all --data DIR`; nothing here is typed by hand. Detection stands with its false
alarms. One setting, the one that ships, serves all files of a set unless its protocol says otherwise. Only part of each
public set was at hand; what was left out is unknown to the people who chose the settings.
"""


def page(evaluations: Mapping[str, Evaluation]) -> str:
    """Return the page in Markdown, in the order of the table of sets."""
    parts = [HEAD]
    for one in PUBLIC_SETS:
        if one.name not in evaluations:
            continue
        evaluation = evaluations[one.name]
        pooled = [f"| {_words(name)} | {number_text(value)} |" for name, value in evaluation.pooled.items()]
        parts.append(
            f"## {one.name}: {one.summary}\n\n{evaluation.protocol}\n\n"
            f"    plantpulse models evaluate {one.name} --data {one.folder(Path('DIR'))}\n\n"
            + "\n".join(["| over all files | |", "|---|---|", *pooled])
            + f"\n\n{_tables(evaluation.files)}"
        )
    return "\n".join(parts)


def number_text(value: Value) -> str:
    """Return one value for people.

    >>> [number_text(value) for value in (0.83777, 12345.6, 17, True, None, "valve1/0")]
    ['0.838', '12,346', '17', 'yes', '–', 'valve1/0']
    """
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000.0 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else value


def rows_text(rows: Sequence[Mapping[str, Value]]) -> str:
    """Return rows as aligned columns for a terminal; rows of another kind begin a table of their own.

    >>> print(rows_text([{"file": "a", "tp": 12}, {"file": "bc", "tp": 3}]))
    file  tp
    a     12
    bc     3
    """
    return "\n\n".join(_aligned(alike) for alike in _alike(rows))


def _aligned(rows: Sequence[Mapping[str, Value]]) -> str:
    columns = list(rows[0])
    cells = [columns, *([number_text(row[name]) for name in columns] for row in rows)]
    widths = [max(len(line[place]) for line in cells) for place in range(len(columns))]
    is_number = [all(not isinstance(row[name], str) for row in rows) for name in columns]
    return "\n".join(
        "  ".join(
            f"{cell:>{width}}" if right else f"{cell:{width}}"
            for cell, width, right in zip(line, widths, is_number, strict=True)
        ).rstrip()
        for line in cells
    )


def _tables(rows: Sequence[Mapping[str, Value]]) -> str:
    """Return rows in Markdown, a table for each kind; a long one is folded away."""
    tables = []
    for alike in _alike(rows):
        columns = list(alike[0])
        cells = ([number_text(row[name]).replace("|", "\\|") for name in columns] for row in alike)
        body = ["| " + " | ".join(line) + " |" for line in cells]
        table = "\n".join(["| " + " | ".join(map(_words, columns)) + " |", "|" + "---|" * len(columns), *body])
        is_long = len(alike) > LONGEST_OPEN
        tables.append(f"<details><summary>{len(alike)} rows</summary>\n\n{table}\n\n</details>" if is_long else table)
    return "\n\n".join(tables) + "\n"


def _alike(rows: Sequence[Mapping[str, Value]]) -> list[list[Mapping[str, Value]]]:
    """Return the rows grouped by what they have, in their order."""
    groups: dict[tuple[str, ...], list[Mapping[str, Value]]] = {}
    for row in rows:
        groups.setdefault(tuple(row), []).append(row)
    return list(groups.values())


def _words(name: str) -> str:
    return name.replace("_", " ")
