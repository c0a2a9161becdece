"""Try a bundle in a process of its own, with limits: what it does to that process, it cannot do to the agent.

`check` starts the child and waits; the child reads the file, loads the network on the runtime of this gateway,
reproduces the known answers, times itself, and prints one line of JSON. A child that hangs is killed, one that takes
too much memory or processor time is ended by the kernel; each is an answer with a name.
"""

from __future__ import annotations

import asyncio
import json
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from models.bundle.archive import Bundle

MAX_MEMORY_BYTES: Final = 1 << 30
"""Of address space, which libraries map generously; a network of kilobytes needs a hundredth of it."""
MAX_PROCESSOR_S: Final = 30
MAX_S: Final = 60.0
"""A small gateway starts Python and LiteRT in a few seconds."""
TIMED_RUNS: Final = 200


class Verdict(StrEnum):
    """What the check found."""

    GOOD = "good"
    UNSUITABLE = "unsuitable"
    """Damaged, too new, other answers, or operators that this runtime lacks."""
    HUNG = "hung"
    CRASHED = "crashed"
    """The process died: too much memory or processor time, or the runtime brought it down."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check found.

    Attributes:
        verdict: see there.
        detail: in words; of a good one empty.
        median_us: of one run of the network on one row; None without a network.
    """

    verdict: Verdict
    detail: str = ""
    median_us: float | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """What the child may take."""

    memory_bytes: int = MAX_MEMORY_BYTES
    processor_s: int = MAX_PROCESSOR_S
    wall_s: float = MAX_S


async def check(path: Path, sha256: str, limits: Limits | None = None) -> Checked:
    """Return whether the bundle in a file can judge windows here.

    Args:
        path: of a file that has been verified.
        sha256: of its bytes, hex: what is loaded is what was verified.
        limits: of the child.
    """
    return await asyncio.to_thread(_check, path, sha256, limits or Limits())


def _check(path: Path, sha256: str, limits: Limits) -> Checked:
    command = [
        sys.executable,
        "-m",
        "edge_agent.model_check",
        str(path),
        sha256,
        str(limits.memory_bytes),
        str(limits.processor_s),
    ]
    try:
        done = subprocess.run(
            command, capture_output=True, check=False, timeout=limits.wall_s, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired:
        return Checked(Verdict.HUNG, f"no answer within {limits.wall_s:g} s")
    except OSError as error:
        return Checked(Verdict.CRASHED, f"the process could not be started ({error.strerror})")
    try:
        answer = json.loads(done.stdout.splitlines()[-1])
        return Checked(Verdict(answer["verdict"]), str(answer["detail"]), answer["median_us"])
    except (ValueError, IndexError, KeyError, TypeError):
        said = done.stderr.decode(errors="replace").strip().splitlines()
        why = f"signal {-done.returncode}" if done.returncode < 0 else f"exit code {done.returncode}"
        return Checked(Verdict.CRASHED, f"the process ended by {why}{f': {said[-1][:200]}' if said else ''}")


def main(arguments: list[str]) -> int:
    """Check the file and print what was found."""
    path, sha256, memory_bytes, processor_s = Path(arguments[0]), arguments[1], int(arguments[2]), int(arguments[3])
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (processor_s, processor_s))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    from models.contract.errors import PlantpulseError

    try:
        found: dict[str, Any] = {"verdict": Verdict.GOOD, "detail": "", "median_us": _judge(path, sha256)}
    except (PlantpulseError, OSError) as error:
        found = {"verdict": Verdict.UNSUITABLE, "detail": str(error), "median_us": None}
    sys.stdout.write(json.dumps(found) + "\n")
    return 0


def _judge(path: Path, sha256: str) -> float | None:
    """Return the median time of one run, µs; None without a network.

    Raises:
        PlantpulseError: the bundle cannot be used here.
        OSError: the file cannot be read.
    """
    from models.bundle.archive import read_bundle
    from models.bundle.errors import DamagedBundleError
    from models.detectors.fitted import check_golden, fitted_of
    from models.machine_model import MachineModel

    bundle: Bundle = read_bundle(path.read_bytes())
    if bundle.sha256 != sha256:
        raise DamagedBundleError(f"{path.name}: is {bundle.sha256[:16]}…, {sha256[:16]}… was verified")
    model = MachineModel.of_bundle(bundle)
    check_golden(bundle, model.network, fitted_of(bundle, model.network))
    rows = bundle.golden().rows
    if model.network is None or rows is None:
        return None
    times_s = []
    for _ in range(TIMED_RUNS):
        begun_s = time.perf_counter()
        model.network.run(rows[:1])
        times_s.append(time.perf_counter() - begun_s)
    return round(1e6 * sorted(times_s)[TIMED_RUNS // 2], 2)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
