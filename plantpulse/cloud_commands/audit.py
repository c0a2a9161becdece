"""`plantpulse cloud audit verify`: has anybody changed, removed, moved or cut off what the audit log says?

It prints the head of the log: who writes that down elsewhere and gives it back with `--known` will also notice a log
that was made anew as a whole by somebody who may write the whole database.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from models.contract.errors import InputError

if TYPE_CHECKING:
    import argparse

    from cloud.book.audit_chain import Head
    from cloud.configuration import CloudSettings

EXAMPLE = """example:
  plantpulse cloud audit verify --config cloud.toml
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the sub-commands."""
    parser.epilog = EXAMPLE
    actions = parser.add_subparsers(dest="audit_action", metavar="ACTION", required=True)
    text = "look at every row of the audit log; exit code 1 where it does not hold"
    verify = actions.add_parser("verify", help=text, description=text[0].upper() + text[1:] + ".")
    verify.add_argument("--known", metavar="COUNT:HASH", help="a head that an earlier run printed")
    verify.add_argument("--config", type=Path, required=True, metavar="TOML", help="the cloud's configuration")
    verify.add_argument("--json", action="store_true", help="one JSON document on standard output")


def run(settings: CloudSettings, arguments: argparse.Namespace) -> int:
    """Look at the log and return the exit code."""
    from cloud.book.audit_log import verify
    from cloud.book.opening import open_book
    from cloud.book.settings import book_address

    known = _known(arguments.known)
    if settings.book.url is None and not (settings.cloud.data_dir / "book.sqlite").is_file():
        raise InputError(f"{settings.cloud.data_dir}: has no book, so there is no audit log: check cloud.data_dir")
    engine = open_book(book_address(settings.book, settings.cloud.data_dir))
    try:
        head, found = verify(engine, known)
    finally:
        engine.dispose()
    if arguments.json:
        document = {
            "ok": found is None,
            "rows": 0 if head is None else head.count,
            "head": None if head is None else f"{head.count}:{head.hash}",
            "first_broken_row": None if found is None else found.number,
            "why": None if found is None else found.why,
        }
        print(json.dumps(document))
    elif found is None and head is not None:
        print(f"the audit log holds: {head.count} rows, head {head.count}:{head.hash}")
    if found is not None:
        print(f"plantpulse cloud: the audit log does not hold: row {found.number} {found.why}", file=sys.stderr)
    return 0 if found is None else 1


def _known(text: str | None) -> Head | None:
    from cloud.book.audit_chain import Head

    if text is None:
        return None
    parts = re.fullmatch(r"(\d{1,18}):([0-9a-f]{64})", text)
    if parts is None:
        raise InputError(f"--known {text[:100]!r}: give COUNT:HASH as an earlier run printed it")
    return Head(int(parts[1]), parts[2])
