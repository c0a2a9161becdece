"""`plantpulse models score`: a bundle on files, one JSON line per window."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from models.bundle.errors import BundleError
from models.bundle.manifest import Kind
from models.contract.errors import InputError
from plantpulse.model_commands.files import add_arguments, read_files
from plantpulse.model_commands.inspect import read_file

if TYPE_CHECKING:
    import argparse

    from models.bundle.archive import Bundle
    from models.scoring import BundleScorer, Scored


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.epilog = "Example: plantpulse models score pump.bundle today.mat --rate 48000 --unit g --json"
    parser.add_argument("bundle", metavar="BUNDLE", type=Path)
    parser.add_argument("files", nargs="+", metavar="FILE", type=Path, help="recordings, or tables")
    add_arguments(parser)
    parser.add_argument("--json", action="store_true", help="JSON lines on standard output, one per window")


def run(arguments: argparse.Namespace) -> int:
    """Score every file; 0 whatever the scores are."""
    from models.scoring import BundleScorer

    bundle = read_file(arguments.bundle)
    try:
        return _score(bundle, BundleScorer(bundle), arguments)
    except BundleError as error:
        raise InputError(str(error)) from None


def _score(bundle: Bundle, scorer: BundleScorer, arguments: argparse.Namespace) -> int:
    columns = None if arguments.ignore else [channel.name for channel in bundle.manifest.channels]
    for path in arguments.files:
        (recording,) = read_files([path], arguments, columns)
        rows = list(scorer(recording))
        if arguments.json:
            for row in rows:
                print(json.dumps({"file": str(path)} | asdict(row)))
        else:
            print(_summary(path, rows, "windows" if bundle.manifest.kind is Kind.VIBRATION else "rows"))
    return 0


def _summary(path: Path, rows: list[Scored], what: str) -> str:
    scores = [row.score for row in rows if row.score is not None]
    if not scores:
        return f"{path}: {len(rows)} {what}, none could be judged"
    anomalous = sum(row.anomalous for row in rows)
    return (
        f"{path}: {len(scores)} of {len(rows)} {what} judged, {anomalous} beyond the threshold"
        f" ({anomalous / len(rows):.1%}), highest score {max(scores):.3g} (1 = threshold)"
    )
