"""`plantpulse cloud`: serve, check, migrate."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from cloud.configuration import CloudSettings

EXAMPLE = """example:
  plantpulse cloud serve --config cloud.toml

a configuration, with what is assumed where nothing is said:
  [cloud]
  data_dir = "plantpulse-cloud"
  host_id = "plantpulse"
  groups = ["#all"]
  [mqtt]
  host = "127.0.0.1"
  port = 1883
  [http]
  host = "127.0.0.1"
  port = 8080
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the sub-commands."""
    parser.epilog = EXAMPLE
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, text in (
        ("serve", "run ingest, API and console in one process until Ctrl-C"),
        ("check", "read the configuration, look at data directory and broker, and say what is wrong"),
        ("migrate", "bring the tables of the book up to date"),
    ):
        action = actions.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        action.add_argument("--config", type=Path, required=True, metavar="TOML", help="the cloud's configuration")
        action.add_argument("--json", action="store_true", help="one JSON document on standard output")


def run(arguments: argparse.Namespace) -> int:
    """Run one sub-command and return its exit code."""
    from cloud.configuration import read_configuration

    settings = read_configuration(arguments.config)
    if arguments.action == "serve":
        return _serve(settings, as_json=arguments.json)
    if arguments.action == "check":
        return _check(settings, as_json=arguments.json)
    return _migrate(settings, as_json=arguments.json)


def _serve(settings: CloudSettings, *, as_json: bool) -> int:
    from cloud.app import serve
    from models.contract.errors import PlantpulseError

    def started(address: str) -> None:
        if as_json:
            print(json.dumps({"console": address}), flush=True)
        else:
            print(f"console and API at {address}, broker {settings.mqtt.host}:{settings.mqtt.port}", file=sys.stderr)

    async def until_stopped() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        await serve(settings, stop, started)

    try:
        asyncio.run(until_stopped())
    except* PlantpulseError as group:
        # Tasks fail in groups; a person gets the first reason.
        raise _first(group) from group
    return 0


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the first error inside nested groups."""
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first


def _check(settings: CloudSettings, *, as_json: bool) -> int:
    import socket

    from cloud.data_directory import held_data_directory

    with held_data_directory(settings.cloud.data_dir):
        pass
    broker = f"{settings.mqtt.host}:{settings.mqtt.port}"
    try:
        socket.create_connection((settings.mqtt.host, settings.mqtt.port), timeout=3.0).close()
        problem = None
    except OSError as error:
        problem = (
            f"broker {broker} does not answer ({error.strerror or error}): start it, or set mqtt.host and mqtt.port"
        )
    if as_json:
        print(json.dumps({"ok": problem is None, "problem": problem, "data_dir": str(settings.cloud.data_dir)}))
    elif problem is None:
        print(f"configuration, data directory {settings.cloud.data_dir} and broker {broker} are fine")
    if problem is not None:
        print(f"plantpulse cloud: {problem}", file=sys.stderr)
    return 0 if problem is None else 1


def _migrate(settings: CloudSettings, *, as_json: bool) -> int:
    from cloud.book.opening import book_url, open_book
    from cloud.data_directory import held_data_directory

    with held_data_directory(settings.cloud.data_dir) as directory:
        path = directory / "book.sqlite"
        open_book(book_url(path)).dispose()
    if as_json:
        print(json.dumps({"book": str(path)}))
    else:
        print(f"{path} is up to date")
    return 0
