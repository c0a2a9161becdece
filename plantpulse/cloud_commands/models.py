"""`plantpulse cloud models`: the registry, from the machine that the cloud runs on.

Works on the book beside a running cloud. In the audit log it is the operating system's user who did it. Versions are
named as people name them, by machine class and version.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.contract.errors import InputError
from plantpulse.cloud_commands.opened_book import doing, opened_book

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from cloud.book.model_tables import ModelVersion
    from cloud.configuration import CloudSettings

EXAMPLE = """example:
  plantpulse cloud models list --config cloud.toml
  plantpulse cloud models approve pump 1.4.0 --config cloud.toml
"""

LISTED = 1_000
"""Versions that are listed; whoever has more asks the API for pages."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the sub-commands."""
    parser.epilog = EXAMPLE
    actions = parser.add_subparsers(dest="models_action", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="versions and what they are", description="Versions and what they are.")
    listing.add_argument("--class", dest="machine_class", metavar="CLASS", help="of this machine class only")
    approving = actions.add_parser(
        "approve", help="say that a candidate may be released", description="Say that a candidate may be released."
    )
    add_version_words(approving)
    for action in (listing, approving):
        action.add_argument("--config", type=Path, required=True, metavar="TOML", help="the cloud's configuration")
        action.add_argument("--json", action="store_true", help="one JSON document on standard output")


def add_version_words(parser: argparse.ArgumentParser) -> None:
    """Add the two words by which people name a version."""
    parser.add_argument("machine_class", metavar="CLASS", help="machine class")
    parser.add_argument("version", metavar="VERSION", help="such as 1.4.0")


def run(settings: CloudSettings, arguments: argparse.Namespace) -> int:
    """Run one sub-command and return its exit code."""
    from cloud.book.model_registry import change_version, versions
    from cloud.registry import Step, version_id

    with opened_book(settings) as engine:
        if arguments.models_action == "list":
            rows = versions(engine, LISTED, machine_class=arguments.machine_class)
            print(json.dumps({"versions": [_document(row) for row in rows]}) if arguments.json else _table(rows))
            return 0
        identifier = version_id(arguments.machine_class, arguments.version)
        check_registered(engine, arguments)
        row = change_version(engine, identifier, Step.APPROVE, doing())
    print(json.dumps(_document(row)) if arguments.json else f"{row.machine_class} {row.version}: approved")
    return 0


def check_registered(engine: Any, arguments: argparse.Namespace) -> None:
    """Refuse a version that nobody knows, by the words that were typed.

    Raises:
        InputError: it is not registered; names those that are.
    """
    from cloud.book.model_registry import versions

    of_class = [row.version for row in versions(engine, LISTED, machine_class=arguments.machine_class)]
    if arguments.version not in of_class:
        known = ", ".join(of_class[:5]) or "none of that class"
        raise InputError(f"{arguments.machine_class} {arguments.version} is not registered; there is: {known}")


def _document(row: ModelVersion) -> dict[str, Any]:
    return {
        "id": row.id,
        "machine_class": row.machine_class,
        "version": row.version,
        "name": row.name,
        "state": row.state,
        "sha256": row.sha256,
        "metrics": row.metrics,
        "parents": row.parents,
        "approved_by": row.approved_by,
        "registered_ms": row.registered_ms,
    }


def _table(rows: Sequence[ModelVersion]) -> str:
    if not rows:
        return "no versions yet"
    widths = [max(len(row.machine_class) for row in rows), max(len(row.version) for row in rows)]
    return "\n".join(
        f"{row.machine_class:<{widths[0]}}  {row.version:<{widths[1]}}  {row.state:<9}  {_false_alarms(row)}"
        for row in rows
    )


def _false_alarms(row: ModelVersion) -> str:
    from cloud.registry import FALSE_ALARMS

    return ", ".join(f"{name} {value:g}" for name, value in row.metrics.items() if name.startswith(FALSE_ALARMS))
