"""`plantpulse models evaluate`: one public set, or all of them into the page that states our results.

A set is judged by what ships, with the settings that ship; what a person reads is the protocol in words, the numbers
over all files, and one row per file. `all` writes `docs/results.md`, where every number has its command.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from models.contract.errors import InputError
from models.training.evaluation.table import PUBLIC_SETS
from plantpulse.marked_table import put_into
from plantpulse.model_commands.results_page import number_text, page, rows_text
from plantpulse.model_commands.results_table import MARKERS, results_table

if TYPE_CHECKING:
    import argparse

    from models.training.evaluation.result import Evaluation

ALL: Final = "all"
PAGE: Final = Path("docs") / "results.md"
EXAMPLES: Final = """examples:
  plantpulse models evaluate cwru --data ../shared/data/cwru
  plantpulse models evaluate all --data ../shared/data"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `plantpulse models evaluate`."""
    summaries = "\n".join(f"  {one.name:13} {one.summary}" for one in PUBLIC_SETS)
    parser.epilog = f"sets:\n{summaries}\n\n{EXAMPLES}"
    names = [one.name for one in PUBLIC_SETS]
    parser.add_argument("set", choices=[*names, ALL], metavar="SET", help=f"{', '.join(names)} or {ALL}")
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="the set's folder; for all, its parent")
    parser.add_argument("--output", type=Path, metavar="FILE", help=f"page written by all; default: {PAGE}")
    parser.add_argument("--readme", type=Path, metavar="FILE", help="all: put the short table between its markers")
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")


def run(arguments: argparse.Namespace) -> int:
    """Evaluate and print; 0 whatever the numbers are."""
    if not arguments.data.is_dir():
        raise InputError(f"--data {arguments.data}: is not a folder; give the one with the recordings")
    if arguments.set == ALL:
        return _run_all(arguments)
    if arguments.output is not None or arguments.readme is not None:
        raise InputError(f"--output and --readme belong to {ALL}: leave them out, or evaluate {ALL}")
    (chosen,) = (one for one in PUBLIC_SETS if one.name == arguments.set)
    evaluation = chosen.evaluate(arguments.data)
    if arguments.json:
        print(json.dumps(document(evaluation), allow_nan=False, ensure_ascii=False))
    else:
        print(shown(evaluation))
    return 0


def document(evaluation: Evaluation) -> dict[str, Any]:
    """Return what `--json` prints; the keys are a promise to other programs."""
    return {
        "protocol": evaluation.protocol,
        "pooled": dict(evaluation.pooled),
        "files": [dict(row) for row in evaluation.files],
    }


def shown(evaluation: Evaluation) -> str:
    """Return what a person reads at a terminal."""
    width = max(len(name) for name in evaluation.pooled)
    pooled = "\n".join(f"  {name:{width}}  {number_text(value)}" for name, value in evaluation.pooled.items())
    return f"{evaluation.protocol}\n\n{pooled}\n\n{rows_text(evaluation.files)}"


def _run_all(arguments: argparse.Namespace) -> int:
    if not any((arguments.data / one.name).is_dir() for one in PUBLIC_SETS):
        raise InputError(f"--data {arguments.data}: holds none of the public sets; give the folder that holds theirs")
    evaluations = {}
    for one in PUBLIC_SETS:
        folder = one.folder(arguments.data)
        if not folder.is_dir():
            print(f"{one.name}: left out, there is no {folder}", file=sys.stderr)
            continue
        print(f"{one.name} …", file=sys.stderr)
        evaluations[one.name] = one.evaluate(folder)
    output = arguments.output or PAGE
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(page(evaluations), encoding="utf-8")
    except OSError as error:
        raise InputError(f"--output {output}: cannot be written ({error.strerror}); choose another file") from error
    if arguments.readme is not None:
        put_into(arguments.readme, MARKERS, results_table(evaluations))
    if arguments.json:
        documents = {name: document(evaluation) for name, evaluation in evaluations.items()}
        print(json.dumps(documents, allow_nan=False, ensure_ascii=False))
    else:
        print(f"wrote {output}")
    return 0
