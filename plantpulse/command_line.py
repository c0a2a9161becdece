"""The command `plantpulse`: parse, call one function, map errors to exit codes.

Each command is one module with `configure(parser)` and `run(arguments) -> int`; it is imported only when it is
asked for, so that `plantpulse agent` never loads what belongs to the cloud and `--help` answers at once.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from typing import TYPE_CHECKING, Final, NamedTuple, NoReturn

from models.contract.errors import InputError, PlantpulseError

if TYPE_CHECKING:
    from collections.abc import Sequence

EXIT_DONE: Final = 0
EXIT_FAILED: Final = 1
EXIT_USAGE: Final = 2


class Command(NamedTuple):
    """One row of the table below: what people type, where it lives, what it does."""

    name: str
    module: str
    summary: str


COMMANDS: Final = (
    Command("demo", "plantpulse.demo.command", "a plant, its gateway and its cloud on this machine, in one go"),
    Command("analyze", "plantpulse.analyze", "what an analyst would say about one recording"),
    Command("models", "plantpulse.model_commands.command", "what ships, judged on public recordings"),
    Command("agent", "plantpulse.agent", "the gateway's agent: run, check, status, replay"),
    Command("cloud", "plantpulse.cloud", "ingest, trends, alarms, API and console"),
    Command("bench", "plantpulse.bench.command", "measure speed, memory and bytes; the numbers in the README"),
)


class OneLineParser(argparse.ArgumentParser):
    """Complains in one line that names the command, instead of printing its whole usage."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with the arguments and end with exit code 2."""
        self.exit(EXIT_USAGE, f"{self.prog}: {message}; see {self.prog} --help\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 done, 1 failed, 2 bad usage, configuration or input."""
    words = list(sys.argv[1:] if argv is None else argv)
    asked = next((word for word in words if not word.startswith("-")), None)
    parser = OneLineParser(
        prog="plantpulse",
        description="Predictive maintenance from the gateway beside the machine to the people who repair it.",
        epilog="Example: plantpulse demo",
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    runners = {}
    for command in COMMANDS:
        subparser = commands.add_parser(
            command.name,
            help=command.summary,
            description=command.summary[0].upper() + command.summary[1:] + ".",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if command.name == asked:
            module = importlib.import_module(command.module)
            module.configure(subparser)
            runners[command.name] = module.run
    arguments = parser.parse_args(words)
    try:
        return int(runners[arguments.command](arguments))
    except InputError as error:
        print(f"plantpulse {arguments.command}: {error}", file=sys.stderr)
        return EXIT_USAGE
    except PlantpulseError as error:
        print(f"plantpulse {arguments.command}: {error}", file=sys.stderr)
        return EXIT_FAILED
    except KeyboardInterrupt:
        return EXIT_FAILED
    except BrokenPipeError:
        # The reader of a pipe has gone (head, less): nothing is left to say, and nothing went wrong.
        sys.stderr.close()
        return EXIT_DONE


if __name__ == "__main__":
    sys.exit(main())
