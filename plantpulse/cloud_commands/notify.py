"""`plantpulse cloud notify test`: one message to one target, now, past the queue; also while a cloud runs."""

from __future__ import annotations

import getpass
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from models.contract.errors import InputError
from models.contract.strict_toml import nearest

if TYPE_CHECKING:
    import argparse
    from zoneinfo import ZoneInfo

    from cloud.configuration import CloudSettings
    from cloud.notifying.wording import Written

EXAMPLE = """example:
  plantpulse cloud notify test --config cloud.toml --target maintenance
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the sub-commands."""
    parser.epilog = EXAMPLE
    actions = parser.add_subparsers(dest="notify_action", metavar="ACTION", required=True)
    text = "send a test message to a target; exit code 1 where it is not taken"
    test = actions.add_parser("test", help=text, description=text[0].upper() + text[1:] + ".")
    test.add_argument("--target", required=True, metavar="NAME", help="name of a [[notify.target]]")
    test.add_argument("--config", type=Path, required=True, metavar="TOML", help="the cloud's configuration")
    test.add_argument("--json", action="store_true", help="one JSON document on standard output")


def run(settings: CloudSettings, arguments: argparse.Namespace) -> int:
    """Send a test and return the exit code."""
    from cloud.notifying.message import Ending
    from cloud.notifying.targets import open_target_of

    if settings.notify is None:
        raise InputError(f"{arguments.config}: there is no [notify], so there is no target to test")
    known = {target.name: target for target in settings.notify.target}
    if arguments.target not in known:
        raise InputError(f"--target {arguments.target!r}: there is no such target{nearest(arguments.target, known)}")
    target = open_target_of(known[arguments.target])
    begun_s = time.monotonic()
    outcome = target.hand_over(_message(arguments.target, settings.plant.zone), None)
    took_s = time.monotonic() - begun_s
    is_delivered = outcome.ending is Ending.DELIVERED
    if arguments.json:
        found = {"ok": is_delivered, "target": arguments.target, "outcome": outcome.ending.value}
        print(json.dumps(found | {"problem": outcome.problem or None, "took_s": round(took_s, 3)}))
    elif is_delivered:
        print(f"{arguments.target} took the test message in {took_s:.1f} s")
    if not is_delivered:
        print(f"plantpulse cloud: {arguments.target} did not take the message: {outcome.problem}", file=sys.stderr)
    return 0 if is_delivered else 1


def _message(target: str, zone: ZoneInfo) -> Written:
    from cloud.notifying.message import Kind, Waiting
    from cloud.notifying.wording import write

    now_ms = time.time_ns() // 1_000_000
    message = Waiting(
        key=0,
        id=str(uuid4()),
        target=target,
        kind=Kind.TEST,
        why="",
        step=0,
        urgent=True,
        due_ms=now_ms,
        tries=1,
        by=f"{getpass.getuser()} on the command line",
        news=(),
    )
    return write(message, {}, zone, now_ms)
