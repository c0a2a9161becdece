"""`plantpulse bench NAME`: run one benchmark and print what it found; `bench all` runs every one and keeps the results.

A benchmark is one module with `configure(parser)` and `measure(arguments) -> Mapping` and one row in `BENCHMARKS`; it
imports what it measures inside `measure`, so that listing the benchmarks costs nothing. `all` starts each one in a
process of its own, because memory that one benchmark has touched would be counted in the next, and keeps beside it how
fast the machine was meanwhile.
"""

from __future__ import annotations

import argparse
import importlib
import json
import platform
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from models.contract.errors import PlantpulseError
from plantpulse.bench.table import MARKERS, METER, render
from plantpulse.bench.yardstick import bare_fft_ms
from plantpulse.marked_table import put_into

RESULTS: Final = Path("bench") / "results.json"


class BenchmarkError(PlantpulseError):
    """A benchmark did not run to its end."""


class Benchmark(NamedTuple):
    """One row: what people type, where it lives, what it measures."""

    name: str
    module: str
    summary: str


BENCHMARKS: Final = (
    Benchmark("features", "plantpulse.bench.features", "vibration features against a bare FFT and plain float64"),
    Benchmark("alarm", "plantpulse.bench.alarm", "the whole line: from the window that decides to the alarm over HTTP"),
    Benchmark("console", "plantpulse.bench.console", "how soon each page of the console has what it shows"),
    Benchmark("inference", "plantpulse.bench.inference", "the runtimes of networks, through the adapter and bare"),
    Benchmark("pipeline", "plantpulse.bench.pipeline", "the real agent: CPU, memory, latency, channels per core"),
    Benchmark("trends", "plantpulse.bench.trends", "one feature over a year out of a plant of a thousand machines"),
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add one sub-command per benchmark, and `all`."""
    parser.epilog = "Example: plantpulse bench features --json"
    names = parser.add_subparsers(dest="benchmark", metavar="NAME", required=True)
    for benchmark in BENCHMARKS:
        module = importlib.import_module(benchmark.module)
        subparser = names.add_parser(benchmark.name, help=benchmark.summary, description=module.__doc__)
        subparser.formatter_class = argparse.RawDescriptionHelpFormatter
        _add_json(subparser)
        module.configure(subparser)
        subparser.set_defaults(measure=module.measure)
    everything = names.add_parser("all", help=f"every benchmark, into {RESULTS}")
    _add_json(everything)
    everything.add_argument("--output", type=Path, default=RESULTS, metavar="FILE", help=f"default: {RESULTS}")
    everything.add_argument(
        "--readme", type=Path, metavar="FILE", help="put the table between the markers of this file"
    )


def run(arguments: argparse.Namespace) -> int:
    """Run the benchmark and print its numbers; return 0."""
    if arguments.benchmark == "all":
        results: Mapping[str, Any] = {benchmark.name: _run_apart(benchmark.name) for benchmark in BENCHMARKS}
        arguments.output.parent.mkdir(parents=True, exist_ok=True)
        kept = {"machine": _machine(), "results": results}
        arguments.output.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")
        if arguments.readme:
            put_into(arguments.readme, MARKERS, render(results))
    else:
        results = arguments.measure(arguments)
    if arguments.json:
        print(json.dumps(results))
    elif arguments.benchmark == "all":
        print(render(results))
    else:
        print("\n".join(_lines(results)))
    return 0


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")


def _run_apart(name: str) -> Any:
    """Return what a benchmark says, and under `bare_fft_ms` how fast the machine was before and after it."""
    print(f"bench {name} …", file=sys.stderr)
    before_ms = bare_fft_ms()
    finished = subprocess.run(
        [sys.executable, "-m", "plantpulse", "bench", name, "--json"], capture_output=True, text=True, check=False
    )
    if finished.returncode != 0:
        raise BenchmarkError(f"bench {name} ended with {finished.returncode}: {finished.stderr.strip()[-300:]}")
    return {**json.loads(finished.stdout), METER: (before_ms + bare_fft_ms()) / 2}


def _machine() -> dict[str, str]:
    """Return what the numbers were measured on, as far as it matters when they are compared."""
    return {"architecture": platform.machine(), "system": platform.system(), "python": platform.python_version()}


def _lines(results: Mapping[str, Any], indent: str = "") -> list[str]:
    """Return a plain list of names and numbers, nested ones indented.

    >>> _lines({"ratio": 2.41, "peers": {"a": 3.0}})
    ['ratio  2.41', 'peers', '  a  3']
    """
    lines = []
    for name, value in results.items():
        if isinstance(value, Mapping):
            lines.append(f"{indent}{name}")
            lines.extend(_lines(value, indent + "  "))
        elif isinstance(value, list):
            lines.append(f"{indent}{name}")
            lines.extend(f"{indent}  {json.dumps(row)}" for row in value)
        else:
            lines.append(f"{indent}{name}  {value:.4g}" if isinstance(value, float) else f"{indent}{name}  {value}")
    return lines
