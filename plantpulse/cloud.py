"""`plantpulse cloud`: serve, check, migrate."""

from __future__ import annotations

import argparse
import asyncio
import gc
import importlib
import json
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sqlalchemy import URL

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
where pages and messages show the plant's clock (else each browser shows its own):
  [plant]
  time_zone = "Europe/Berlin"

where trends are in an InfluxDB (else they are a file in data_dir):
  [influx]
  url = "http://127.0.0.1:8086"
  org = "plant"
  token_file = "influx.token"

where the book is on a PostgreSQL server (else it is a file in data_dir):
  [book]
  url = "postgresql://plantpulse@db.example:5432/plantpulse"
  password_file = "book.password"       # or the environment: PLANTPULSE_BOOK_PASSWORD
"""

GARBAGE_AFTER: Final = 20_000
"""New objects after which Python looks for cycles among them; by itself 700."""

GROUPS: Final = {
    "trends": ("plantpulse.cloud_commands.trends", "move trends from one store to another"),
    "users": ("plantpulse.cloud_commands.users", "who may sign in, and what they may do"),
    "audit": ("plantpulse.cloud_commands.audit", "look whether the audit log is as it was written"),
    "keys": ("plantpulse.cloud_commands.keys", "who may sign what gateways take: models, firmware, configurations"),
    "grafana": ("plantpulse.cloud_commands.grafana", "dashboards and alert rules for Grafana: as files, or pushed"),
    "notify": ("plantpulse.cloud_commands.notify", "messages to people: try a target"),
    "models": ("plantpulse.cloud_commands.models", "versions of models, and what may be released"),
    "release": ("plantpulse.cloud_commands.release", "sign and publish a model, so that gateways can get it"),
    "rollout": ("plantpulse.cloud_commands.rollout", "bring a version to the gateways in stages, or take it back"),
}
"""Sub-commands with sub-commands of their own: module with `configure(parser)` and `run(settings, arguments)`, and
what they are about."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the sub-commands."""
    parser.epilog = EXAMPLE
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, text in (
        ("serve", "run ingest, API and console in one process until Ctrl-C"),
        ("check", "read the configuration, look at data directory, book and broker, and say what is wrong"),
        ("migrate", "bring the tables of the book up to date"),
    ):
        action = actions.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        action.add_argument("--config", type=Path, required=True, metavar="TOML", help="the cloud's configuration")
        action.add_argument("--json", action="store_true", help="one JSON document on standard output")
    for name, (module, text) in GROUPS.items():
        group = actions.add_parser(
            name,
            help=text,
            description=text[0].upper() + text[1:] + ".",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        importlib.import_module(module).configure(group)


def run(arguments: argparse.Namespace) -> int:
    """Run one sub-command and return its exit code."""
    from cloud.configuration import read_configuration

    if arguments.config is None:
        # Only a group may go without, where its parser says so.
        return int(importlib.import_module(GROUPS[arguments.action][0]).run(None, arguments))
    settings = read_configuration(arguments.config)
    if arguments.action in GROUPS:
        return int(importlib.import_module(GROUPS[arguments.action][0]).run(settings, arguments))
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

    _look_for_garbage_rarely()

    async def until_stopped() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        await serve(
            settings, stop, started, lambda line: print(f"plantpulse cloud: {line}", file=sys.stderr, flush=True)
        )

    try:
        asyncio.run(until_stopped())
    except* PlantpulseError as group:
        # Tasks fail in groups; a person gets the first reason.
        raise _first(group) from group
    return 0


def _look_for_garbage_rarely() -> None:
    """Leave what is loaded now alone, and look through the rest less often than Python would by itself.

    An answer about a thousand machines is a hundred thousand objects without a single cycle; by itself Python goes
    through all of them, and all modules, again and again while they are made: half of the time of the answer.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_AFTER, 10, 10)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the first error inside nested groups."""
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first


def _check(settings: CloudSettings, *, as_json: bool) -> int:
    from cloud.book.settings import book_address, shown
    from cloud.data_directory import held_data_directory

    if settings.notify is not None:
        from cloud.notifying.targets import open_targets

        open_targets(settings.notify)
    with held_data_directory(settings.cloud.data_dir) as directory:
        address = book_address(settings.book, directory)
        problems = [
            found for found in (_book_problem(address), _trends_problem(settings), _broker_problem(settings)) if found
        ]
    broker = f"{settings.mqtt.host}:{settings.mqtt.port}"
    problem = "; ".join(problems) or None
    if as_json:
        found = {"ok": not problems, "problem": problem, "data_dir": str(settings.cloud.data_dir)}
        print(json.dumps(found | {"book": shown(address), "trends": _trends_of(settings)}))
    elif not problems:
        print(f"configuration, data directory {settings.cloud.data_dir}, book and broker {broker} are fine")
    for one in problems:
        print(f"plantpulse cloud: {one}", file=sys.stderr)
    return 1 if problems else 0


def _book_problem(address: URL) -> str | None:
    """Return what is wrong with the server of the book; a file is made and migrated when a cloud starts."""
    from cloud.book.opening import book_engine, check_book
    from models.contract.errors import PlantpulseError

    if address.get_backend_name() == "sqlite":
        return None
    engine = book_engine(address)
    try:
        check_book(engine)
    except PlantpulseError as error:
        return str(error)
    finally:
        engine.dispose()
    return None


def _trends_of(settings: CloudSettings) -> str:
    return "trends.sqlite" if settings.influx is None else settings.influx.url


def _trends_problem(settings: CloudSettings) -> str | None:
    from cloud.trends.opening import influx_problem

    return influx_problem(settings)


def _broker_problem(settings: CloudSettings) -> str | None:
    import socket

    broker = f"{settings.mqtt.host}:{settings.mqtt.port}"
    try:
        socket.create_connection((settings.mqtt.host, settings.mqtt.port), timeout=3.0).close()
    except OSError as error:
        return f"broker {broker} does not answer ({error.strerror or error}): start it, or set mqtt.host and mqtt.port"
    return None


def _migrate(settings: CloudSettings, *, as_json: bool) -> int:
    from cloud.book.opening import open_book
    from cloud.book.settings import book_address, shown
    from cloud.data_directory import held_data_directory

    with held_data_directory(settings.cloud.data_dir) as directory:
        address = book_address(settings.book, directory)
        open_book(address).dispose()
    book = address.database if address.get_backend_name() == "sqlite" else shown(address)
    if as_json:
        print(json.dumps({"book": book}))
    else:
        print(f"{book} is up to date")
    return 0
