"""`plantpulse models VERB`: every verb is a module with `configure(parser)` and `run(arguments)`, and a row below."""

from __future__ import annotations

import argparse
import importlib
from typing import Final, NamedTuple


class Verb(NamedTuple):
    """One row: what people type, where it lives, what it does."""

    name: str
    module: str
    summary: str


VERBS: Final = (
    Verb("fit", "plantpulse.model_commands.fit", "learn what is normal from healthy recordings or tables"),
    Verb("score", "plantpulse.model_commands.score", "how unusual each window of a file is"),
    Verb("inspect", "plantpulse.model_commands.inspect", "what a bundle is, and whether it answers as it should"),
    Verb("evaluate", "plantpulse.model_commands.evaluate", "how well faults are found and named on public recordings"),
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add one sub-command per verb."""
    parser.epilog = "Example: plantpulse models evaluate cwru --data ../shared/data/cwru"
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for verb in VERBS:
        module = importlib.import_module(verb.module)
        subparser = verbs.add_parser(
            verb.name,
            help=verb.summary,
            description=verb.summary[0].upper() + verb.summary[1:] + ".",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.configure(subparser)
        subparser.set_defaults(verb_run=module.run)


def run(arguments: argparse.Namespace) -> int:
    """Run the verb and return its exit code."""
    return int(arguments.verb_run(arguments))
