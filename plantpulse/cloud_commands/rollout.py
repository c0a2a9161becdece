"""`plantpulse cloud rollout`: versions brought to gateways in stages, from the machine that the cloud runs on.

Works on the book beside a running cloud, which goes on from there. A rollout is named by its id, or by as much of its
beginning as tells it apart. In the audit log it is the operating system's user who did it.
"""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.contract.errors import InputError
from plantpulse.cloud_commands.models import add_version_words, check_registered
from plantpulse.cloud_commands.opened_book import doing, opened_book

if TYPE_CHECKING:
    import argparse

    from sqlalchemy import Engine

    from cloud.configuration import CloudSettings
    from cloud.rollout_state import Plan, Rollout

EXAMPLE = """example:
  plantpulse cloud rollout start pump 1.4.0 --config cloud.toml
  plantpulse cloud rollout status --config cloud.toml
  plantpulse cloud rollout rollback 5b1f7c52 --why "noisy at night" --config cloud.toml

a plan of its own, as TOML; without one it goes as docs/rollouts.md says:
  [[stages]]
  share = 0.1            # of the gateways that are there; the last stage has 1.0
  soak_h = 24
  limit_h = 168
  machine_hours = 100
  error_budget = 0.0     # share of gateways that may fail
  [gate]
  false_halt = 0.05      # how often at most an equally good version is rolled back
  tolerated_ratio = 1.0  # of the alarm rates
"""

COMMANDS = {
    "pause": "let nobody else have the version for now",
    "resume": "go on after a pause",
    "halt": "end it where it is; who has the version keeps it",
    "rollback": "have every gateway go back to the version before",
}
LISTED = 100
"""Rollouts that are listed, and looked for by the beginning of an id."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the sub-commands."""
    parser.epilog = EXAMPLE
    actions = parser.add_subparsers(dest="rollout_action", metavar="ACTION", required=True)
    starting = actions.add_parser(
        "start",
        help="begin to bring a released version to the gateways of its class",
        description="Begin to bring a released version to the gateways of its class.",
    )
    add_version_words(starting)
    starting.add_argument("--plan", type=Path, metavar="TOML", help="stages and gate; see the example of rollout")
    status = actions.add_parser("status", help="rollouts and why they are where they are", description="Rollouts.")
    status.add_argument("rollout", nargs="?", metavar="ID", help="one rollout, with its gateways")
    for name, text in COMMANDS.items():
        action = actions.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        action.add_argument("rollout", metavar="ID", help="its id, or the beginning of it")
        action.add_argument("--why", default="", metavar="TEXT", help="for the audit log, and for whoever looks at it")
    for action in actions.choices.values():
        action.add_argument("--config", type=Path, required=True, metavar="TOML", help="the cloud's configuration")
        action.add_argument("--json", action="store_true", help="one JSON document on standard output")


def run(settings: CloudSettings, arguments: argparse.Namespace) -> int:
    """Run one sub-command and return its exit code."""
    from cloud.errors import RequestError

    try:
        with opened_book(settings) as engine:
            document, text = _run(engine, arguments)
    except RequestError as error:
        raise InputError(str(error)) from error
    print(json.dumps(document) if arguments.json else text)
    return 0


def _run(engine: Engine, arguments: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from cloud.book.rollouts import list_rollouts, read_rollout

    if arguments.rollout_action == "start":
        rollout = _start(engine, arguments)
    elif arguments.rollout_action != "status":
        rollout = _command(engine, arguments)
    elif arguments.rollout is None:
        known = [rollout for _, rollout in list_rollouts(engine, LISTED)]
        text = "\n".join(map(_line, known)) or "no rollouts yet"
        return {"rollouts": [_document(one) for one in known]}, text
    else:
        rollout = read_rollout(engine, _identifier(engine, arguments.rollout))[1]
        return _document(rollout), "\n".join([_line(rollout), *_gateway_lines(rollout)])
    return _document(rollout), _line(rollout)


def _start(engine: Engine, arguments: argparse.Namespace) -> Rollout:
    from cloud.book.rollouts import start_rollout
    from cloud.registry import version_id

    # Read before anything is opened for writing: nobody waits for a mistake in a file.
    plan = _plan(arguments.plan)
    check_registered(engine, arguments)
    identifier = version_id(arguments.machine_class, arguments.version)
    return start_rollout(engine, str(uuid.uuid4()), identifier, plan, doing())


def _plan(path: Path | None) -> Plan:
    """Return the plan in a file, or the one that is followed without.

    Raises:
        ConfigurationError: the file cannot be used.
    """
    from cloud.api.rollout_documents import PlanFields, plan_of
    from cloud.rollout_state import DEFAULT_PLAN
    from models.contract.strict_toml import parse, read_text

    if path is None:
        return DEFAULT_PLAN
    fields, _ = parse(read_text(path), str(path), PlanFields)
    return plan_of(fields)


def _command(engine: Engine, arguments: argparse.Namespace) -> Rollout:
    from cloud.book.rollouts import command_rollout, read_rollout
    from cloud.rollout_state import Command, Verb

    identifier = _identifier(engine, arguments.rollout)
    who = doing()
    looked_at = read_rollout(engine, identifier)[1]
    command = Command(Verb(arguments.rollout_action), who.who, looked_at.edition, arguments.why)
    return command_rollout(engine, identifier, command, who.at_ms)


def _identifier(engine: Engine, beginning: str) -> str:
    """Return the id that begins so.

    Raises:
        InputError: none does, or several do.
    """
    from cloud.book.rollouts import list_rollouts

    found = [rollout.id for _, rollout in list_rollouts(engine, LISTED) if rollout.id.startswith(beginning)]
    if len(found) != 1:
        problem = "several rollouts begin so: give more of the id" if found else "no rollout begins so"
        raise InputError(f"{beginning!r}: {problem}; see plantpulse cloud rollout status")
    return found[0]


def _line(rollout: Rollout) -> str:
    phase = rollout.phase.value.replace("_", " ")
    return f"{rollout.id[:8]}  {rollout.machine_class} {rollout.version}  {phase}: {rollout.sentence}"


def _gateway_lines(rollout: Rollout) -> list[str]:
    return [
        f"  {one.gateway_id}  runs {one.running or 'unknown'}, to run {one.target or 'what it runs'}, {one.state}"
        + ("" if one.online else ", away")
        + (f", failed: {one.error}" if one.has_failed else "")
        for _, one in sorted(rollout.gateways.items())
    ]


def _document(rollout: Rollout) -> dict[str, Any]:
    return {
        "id": rollout.id,
        "machine_class": rollout.machine_class,
        "version": rollout.version,
        "previous": rollout.previous,
        "phase": rollout.phase.value,
        "stage": rollout.stage + 1,
        "stages": len(rollout.plan.stages),
        "sentence": rollout.sentence,
        "superseded_by": rollout.superseded_by,
        "gateways": [
            {
                "id": one.gateway_id,
                "online": one.online,
                "running": one.running,
                "target": one.target,
                "state": one.state.value,
                "failed": one.has_failed,
                "error": one.error,
            }
            for _, one in sorted(rollout.gateways.items())
        ],
    }
