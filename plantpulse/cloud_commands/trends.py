"""`plantpulse cloud trends copy`: the embedded trends into the InfluxDB of the configuration."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

    from cloud.configuration import CloudSettings
    from cloud.trends.copying import Copied
    from cloud.trends.store import MachinePlace

EXAMPLE = """example, with the cloud stopped and [influx] in its configuration:
  plantpulse cloud trends copy --config cloud.toml

Broken off, start it again: what is there is not copied twice. The same moves in what InfluxDB was not given:
  plantpulse cloud trends copy --config cloud.toml --source DATA_DIR/trends-aside.sqlite
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the sub-commands."""
    parser.epilog = EXAMPLE
    actions = parser.add_subparsers(dest="trends_action", metavar="ACTION", required=True)
    text = "copy the embedded trends into InfluxDB, and count both sides; exit code 1 where something is missing"
    copy = actions.add_parser("copy", help=text, description=text[0].upper() + text[1:] + ".")
    copy.add_argument("--config", type=Path, required=True, metavar="TOML", help="the cloud's configuration")
    copy.add_argument("--source", type=Path, metavar="FILE", help="default: trends.sqlite in the data directory")
    copy.add_argument("--from", dest="first", metavar="TIME", help="only what begins then or later, ISO 8601")
    copy.add_argument("--to", dest="last", metavar="TIME", help="only what begins before")
    copy.add_argument("--json", action="store_true", help="one JSON document on standard output")


def run(settings: CloudSettings, arguments: argparse.Namespace) -> int:
    """Copy and return the exit code."""
    from cloud.app import wall_clock_ms
    from cloud.data_directory import held_data_directory
    from cloud.trends.copying import copy_trends
    from cloud.trends.embedded_export import EmbeddedExport
    from cloud.trends.opening import EMBEDDED, open_influx

    first_ms, last_ms = _time("--from", arguments.first, 0), _time("--to", arguments.last, 2**63 // 1_000_000 - 1)
    # One process writes a machine: a cloud that runs on this directory has to be stopped first.
    with held_data_directory(settings.cloud.data_dir) as directory:
        export = EmbeddedExport(arguments.source or directory / EMBEDDED, first_ms, last_ms)
        store = open_influx(settings, directory, wall_clock_ms)
        try:
            with _progress() as progress:
                copied = copy_trends(export, store, _places(settings), progress)
        finally:
            store.close()
            export.close()
    if arguments.json:
        print(json.dumps(asdict(copied) | {"complete": copied.complete}))
    else:
        print("\n".join(_lines(copied)))
    if not copied.complete:
        print("plantpulse cloud: InfluxDB has less than the file: start it again, or look at its log", file=sys.stderr)
    return 0 if copied.complete else 1


def _lines(copied: Copied) -> list[str]:
    lines = [
        f"{name:<10} {sides.source:>10,} in the file  {sides.copied:>10,} copied  {sides.target:>10,} in InfluxDB"
        for name, sides in (
            ("summaries", copied.summaries),
            ("hours", copied.hours),
            ("days", copied.days),
            ("readings", copied.readings),
        )
    ]
    if copied.beyond_retention:
        lines.append(f"{copied.beyond_retention:,} are older than InfluxDB keeps; their hours and days are copied")
    if copied.set_aside:
        lines.append(f"{copied.set_aside:,} were set aside: they go beyond influx.max_series")
    return lines


def _places(settings: CloudSettings) -> dict[str, MachinePlace]:
    """Return where machines are, as the book says; empty where there is no book."""
    from cloud.book.opening import book_engine, prepare_book
    from cloud.book.settings import book_address
    from cloud.trends.places import known_places

    if settings.book.url is None and not (settings.cloud.data_dir / "book.sqlite").is_file():
        return {}
    engine = book_engine(book_address(settings.book, settings.cloud.data_dir))
    try:
        prepare_book(engine)
        return {place.asset_id: place for place in known_places(engine)}
    finally:
        engine.dispose()


def _time(name: str, text: str | None, otherwise_ms: int) -> int:
    from cloud.api.context import parse_time
    from cloud.errors import RequestError
    from models.contract.errors import InputError

    try:
        found = parse_time(name, text)
    except RequestError as error:
        raise InputError(str(error)) from error
    return otherwise_ms if found is None else found


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """Yield what shows how far a copy is: a bar on a terminal, nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda _what, _done, _all: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task("copying", total=None)
        yield lambda what, done, total: bar.update(task, description=what, completed=done, total=total)
