"""`plantpulse cloud grafana`: dashboards and alert rules as files, or brought to a running Grafana."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from models.contract.errors import ConfigurationError, InputError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from cloud.configuration import CloudSettings
    from cloud.grafana.boards import Places
    from cloud.grafana.pushing import Outcome, Source

TOKEN_VARIABLE: Final = "GRAFANA_TOKEN"  # noqa: S105 - where it is found, not what it is

EXAMPLE: Final = """examples:
  plantpulse cloud grafana render -o grafana --console https://plantpulse.example
  GRAFANA_TOKEN=… plantpulse cloud grafana push --url http://127.0.0.1:3000 --config cloud.toml

Without --config, --influx says where the data is; organisation and token are INFLUX_ORG and INFLUX_TOKEN then.
A dashboard that somebody edited is left alone, and the generated one is written beside it.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the sub-commands."""
    parser.epilog = EXAMPLE
    actions = parser.add_subparsers(dest="grafana_action", metavar="ACTION", required=True)
    text = "write the files that Grafana provisions from"
    render = actions.add_parser("render", help=text, description=text[0].upper() + text[1:] + ".")
    render.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="made if it is missing")
    text = "bring everything to a running Grafana; exit code 1 where something had to be left as it is"
    push = actions.add_parser("push", help=text, description=text[0].upper() + text[1:] + ".")
    push.add_argument("--url", required=True, metavar="URL", help="of the Grafana")
    push.add_argument(
        "--token-file", type=Path, metavar="FILE", help=f"token of a service account; default: {TOKEN_VARIABLE}"
    )
    push.add_argument("--influx", metavar="URL", help="of the InfluxDB, as Grafana reaches it")
    for action in (render, push):
        action.add_argument("--config", type=Path, metavar="TOML", help="the cloud's configuration, for its [influx]")
        action.add_argument("--console", metavar="URL", help="of the console; default: notify.console")
        action.add_argument("--bucket-prefix", metavar="NAME", help="of the buckets; default: plantpulse")
        action.add_argument("--json", action="store_true", help="one JSON document on standard output")


def run(settings: CloudSettings | None, arguments: argparse.Namespace) -> int:
    """Render or push, and return the exit code."""
    places = _places(settings, arguments)
    if arguments.grafana_action == "render":
        return _render(places, arguments)
    token = grafana_token(arguments.token_file, os.environ)
    outcomes = push_everything(arguments.url, token, places, _source(settings, arguments))
    if arguments.json:
        print(json.dumps({"url": arguments.url, "outcomes": [asdict(one) for one in outcomes]}))
    else:
        for one in outcomes:
            print(f"{one.written.value:<9} {one.what} ({one.uid})")
    for text in warnings_of(outcomes):
        print(f"plantpulse cloud grafana: {text}", file=sys.stderr)
    return 1 if any(one.written.value == "left" for one in outcomes) else 0


def push_everything(url: str, token: str, places: Places, source: Source | None) -> list[Outcome]:
    """Bring everything to a Grafana; what the demo uses too.

    Raises:
        InputError: the address is none.
        GrafanaError: it does not answer, or refuses.
    """
    from cloud.grafana.client import GrafanaClient
    from cloud.grafana.pushing import push

    return push(GrafanaClient(url, token), places, source)


def warnings_of(outcomes: list[Outcome]) -> list[str]:
    """Return what a person should know, one line each."""
    return [one.warning for one in outcomes if one.warning is not None]


def grafana_token(path: Path | None, environment: Mapping[str, str]) -> str:
    """Return the token from a file, or from the environment.

    Raises:
        ConfigurationError: there is none, or the file cannot be read.
    """
    if path is None:
        token, origin = environment.get(TOKEN_VARIABLE, "").strip(), TOKEN_VARIABLE
    else:
        try:
            token, origin = path.read_text(encoding="utf-8").strip(), str(path)
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"--token-file: {path} cannot be read ({error})") from error
    if not token or not token.isascii() or not token.isprintable():
        raise ConfigurationError(f"{origin} holds no token: make a service account that may edit, and give its token")
    return token


def _render(places: Places, arguments: argparse.Namespace) -> int:
    from cloud.grafana.files import write_files

    try:
        written = write_files(arguments.output, places)
    except OSError as error:
        raise InputError(f"{arguments.output}: cannot be written ({error.strerror or error})") from error
    if arguments.json:
        print(json.dumps({"files": [str(path) for path in written]}))
    else:
        print("\n".join(str(path) for path in written))
    return 0


def _places(settings: CloudSettings | None, arguments: argparse.Namespace) -> Places:
    from cloud.grafana.boards import Places
    from cloud.grafana.flux import Buckets
    from cloud.trends.influx_settings import InfluxSettings

    influx = settings.influx if settings is not None else None
    prefix = arguments.bucket_prefix or (influx.bucket_prefix if influx is not None else Buckets().prefix)
    try:
        InfluxSettings(bucket_prefix=prefix)
    except ValueError as error:
        raise InputError(f"--bucket-prefix {prefix!r}: a letter, then letters, digits, _ and -") from error
    places = Places(Buckets(prefix))
    if arguments.console is None:
        notify = settings.notify if settings is not None else None
        said = notify.console if notify is not None else None
        return places if said is None else replace(places, console=str(said).rstrip("/"))
    if not arguments.console.startswith(("http://", "https://")) or any(mark in arguments.console for mark in '"\\ '):
        raise InputError(f"--console {arguments.console!r}: give an address such as https://plantpulse.example")
    return replace(places, console=arguments.console.rstrip("/"))


def _source(settings: CloudSettings | None, arguments: argparse.Namespace) -> Source | None:
    from pydantic import ValidationError

    from cloud.grafana.pushing import Source
    from cloud.trends.influx_settings import InfluxSettings, influx_access

    influx = settings.influx if settings is not None else None
    if influx is None and arguments.influx is None:
        return None
    try:
        asked = InfluxSettings(url=arguments.influx) if arguments.influx is not None else None
    except ValidationError as error:
        raise InputError(f"--influx {arguments.influx!r}: give an address such as http://127.0.0.1:8086") from error
    access = influx_access(influx or asked or InfluxSettings(), os.environ)
    return Source(asked.url if asked is not None else access.url, access.org, access.token)
