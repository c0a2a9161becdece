"""One update in a process of its own: arguments in, one JSON line out, then the memory is free again.

    python -m edge_agent.update_process --source https://cloud.plant.example:8443/updates --root root.json \
        --trusted trusted --into updates --allow 'gateway-models/pump/*' --target gateway-models/pump/base-7

{"ok": true, "source": …, "targets": [{"name", "path", "sha256", "length", "custom"}], "versions": {…}, "refused": […]}
{"ok": false, "error": {"code", "message"}, "refused": [{"source", "code", "message"}]}

Exit codes: 0 verified, 1 refused or failed (the code says why), 2 arguments that cannot be used.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

from edge_agent.update_client import fetch_update
from edge_agent.update_errors import MaliciousMirrorError, OutOfTimeError, SourceError, UpdateError
from edge_agent.update_request import Update, UpdateRequest
from edge_agent.update_transfer import Limits
from models.contract.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

EXIT_DONE: Final = 0
EXIT_REFUSED: Final = 1
EXIT_USAGE: Final = 2


class _Parser(argparse.ArgumentParser):
    """Complains as JSON like everything else here."""

    def error(self, message: str) -> NoReturn:
        _say({"ok": False, "error": {"code": "bad_arguments", "message": message}, "refused": []})
        self.exit(EXIT_USAGE)


def main(argv: Sequence[str] | None = None) -> int:
    """Fetch what the arguments name and return the exit code."""
    arguments = _parser().parse_args(argv)
    request = UpdateRequest(
        sources=tuple(arguments.source),
        root=arguments.root,
        trusted=arguments.trusted,
        into=arguments.into,
        targets=tuple(arguments.target),
        allowed=tuple(arguments.allow),
        max_bytes=arguments.max_bytes,
        limits=Limits(arguments.least_rate, arguments.window_s, arguments.ca_file),
    )
    _end_after(arguments.limit_s)
    try:
        update = fetch_update(request, datetime.now(UTC))
    except InputError as error:
        _say({"ok": False, "error": {"code": "bad_arguments", "message": str(error)}, "refused": []})
        return EXIT_USAGE
    except UpdateError as error:
        refused = error.refused if isinstance(error, MaliciousMirrorError) else ()
        told = {"ok": False, "error": {"code": error.code, "message": str(error)}, "refused": _refused(refused)}
        _say(told)
        return EXIT_REFUSED
    _say(_document(update))
    return EXIT_DONE


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="edge_agent.update_process", description="Fetch and verify what the cloud has signed.")
    add = parser.add_argument
    add("--source", action="append", required=True, help="address or folder; may repeat: the first that will do")
    add("--root", type=Path, required=True, help="the root that was installed with the gateway")
    add("--trusted", type=Path, required=True, help="directory of the metadata that is trusted")
    add("--into", type=Path, required=True, help="directory for verified files")
    add("--target", action="append", required=True, help="name; may repeat: all of them or none")
    add("--allow", action="append", required=True, help="pattern of names this gateway may ask for; may repeat")
    add("--max-bytes", type=int, default=64 * 2**20, help="the most of one target")
    add("--least-rate", type=float, default=512.0, help="bytes/s; slower is refused")
    add("--window-s", type=float, default=20.0, help="over how long the rate is looked at")
    add("--limit-s", type=float, default=3600.0, help="how long all of it may take")
    add("--ca-file", type=Path, help="the plant's authority for https, PEM")
    return parser


def _end_after(limit_s: float) -> None:
    """Give up after so long, whatever is being waited for; what arrived is kept for the next time."""

    def give_up(*_: object) -> NoReturn:
        raise OutOfTimeError(f"not done within {limit_s:g} s: what arrived is kept for the next time")

    signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, limit_s)


def _document(update: Update) -> dict[str, Any]:
    return {
        "ok": True,
        "source": update.source,
        "targets": [
            {
                "name": one.name,
                "path": str(one.path),
                "sha256": one.sha256,
                "length": one.length,
                "custom": one.custom,
            }
            for one in update.targets
        ],
        "versions": update.versions,
        "refused": _refused(update.refused),
    }


def _refused(refused: Iterable[tuple[str, SourceError]]) -> list[dict[str, str]]:
    return [{"source": source, "code": error.code, "message": str(error)} for source, error in refused]


def _say(document: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
