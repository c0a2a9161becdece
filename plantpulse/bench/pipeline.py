"""What the gateway's agent costs: the real agent, from samples in memory to records on disk and on the wire.

A broker and then the agent run in processes of their own. Recorded noise with shaft lines is replayed from memory:

- paced, in real time at the given channels: CPU, memory, and the time from samples to the fsync of their records,
- unpaced, as fast as possible: how many channels one core could watch in real time,
- paced with four times the channels: what one more channel takes of memory.

Learning is over before anything is counted.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from models.contract.errors import PlantpulseError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

SEED: Final = 13373
LEARNING_WINDOWS: Final = 12
WARM_UP_S: Final = 12.0
"""Twelve windows of half a second each, then the fit, the fingerprint and the first spectrum."""
UNPACED_WARM_UP_S: Final = 3.0
RECORDING_S: Final = 10.0

_CONFIG: Final = """
[gateway]
group = "bench"
name = "gateway"
asset_id = "7a0e3d0e-6d0c-4c57-9d0c-6f7f5a0a0001"
data_dir = "./data"
[mqtt]
port = {port}
[[machine]]
name = "machine"
asset_id = "7a0e3d0e-6d0c-4c57-9d0c-6f7f5a0a0002"
speed_rpm = 1480.0
summary_interval_s = {summary_interval_s}
[machine.source]
kind = "replay"
files = ["samples.npz"]
loop = true
speed = {speed}
start = "{start}"
[machine.learning]
windows = {learning_windows}
"""


class PipelineBenchmarkError(PlantpulseError):
    """The agent or the broker did not run."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("--channels", type=int, default=4, metavar="N", help="channels of the machine (default 4)")
    parser.add_argument("--rate", type=float, default=25600.0, metavar="HZ", help="sample rate (default 25600)")
    parser.add_argument("--seconds", type=float, default=20.0, metavar="S", help="paced seconds counted (default 20)")


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the numbers of `plantpulse bench pipeline`.

    Returns:
        `realtime_channels_per_core` (unpaced: channel-seconds of data per second of CPU), `p50_ms` and `p99_ms` (from
        samples to fsync, blocks that caused records), `rss_mb`, `rss_peak_mb` and `cpu_percent` of one core
        (paced), `mb_per_channel`, and what they were measured with.
    """
    channels, rate_hz, seconds = arguments.channels, arguments.rate, arguments.seconds
    with _broker() as port:
        paced = _agent(port, channels, rate_hz, seconds, paced=True)
        unpaced = _agent(port, channels, rate_hz, min(seconds, 6.0), paced=False)
        wide = _agent(port, 4 * channels, rate_hz, 2.0, paced=True)
    return {
        "realtime_channels_per_core": unpaced["data_s"] * channels / max(unpaced["cpu_s"], 1e-9),
        "p50_ms": paced["p50_ms"],
        "p99_ms": paced["p99_ms"],
        "rss_mb": paced["rss_mb"],
        "rss_peak_mb": paced["rss_peak_mb"],
        "mb_per_channel": (wide["rss_mb"] - paced["rss_mb"]) / (3 * channels),
        "cpu_percent": 100.0 * paced["cpu_s"] / paced["wall_s"],
        "channels": channels,
        "rate_hz": rate_hz,
        "seconds": seconds,
        "windows": paced["windows"],
    }


@contextlib.contextmanager
def _broker() -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    process = subprocess.Popen(
        [sys.executable, "-m", "plantpulse.demo.broker", "--port", str(port)], stderr=subprocess.DEVNULL
    )
    try:
        yield port
    finally:
        process.terminate()
        process.wait(timeout=10)


def _agent(port: int, channels: int, rate_hz: float, seconds: float, *, paced: bool) -> dict[str, Any]:
    """Run the agent in a process of its own and return what it measured of itself."""
    with tempfile.TemporaryDirectory(prefix="plantpulse-bench-") as name:
        folder = Path(name)
        config = _write(folder, port, channels, rate_hz, paced=paced)
        warm_up_s = WARM_UP_S if paced else UNPACED_WARM_UP_S
        finished = subprocess.run(
            [sys.executable, "-m", "plantpulse.bench.pipeline", str(config), str(warm_up_s), str(seconds)],
            capture_output=True,
            text=True,
            check=False,
        )
    if finished.returncode != 0:
        raise PipelineBenchmarkError(f"the agent did not run: {finished.stderr.strip()[-300:]}")
    document: dict[str, Any] = json.loads(finished.stdout)
    return document


def _write(folder: Path, port: int, channels: int, rate_hz: float, *, paced: bool) -> Path:
    """Write the configuration and the samples it replays; return the configuration's path."""
    import numpy as np

    count = round(RECORDING_S * rate_hz)
    t = np.arange(count) / rate_hz
    rng = np.random.default_rng(SEED)
    shaft = sum(np.sin(2.0 * np.pi * order * 1480.0 / 60.0 * t) / order for order in (1, 2, 3))
    samples = (0.05 * shaft + 0.1 * rng.standard_normal((channels, count))).astype(np.float32)
    names = [f"P{row}.H" for row in range(channels)]
    np.savez(
        folder / "samples.npz",
        fs_hz=rate_hz,
        **{f"{name.replace('.', '')}_g": samples[row] for row, name in enumerate(names)},
    )
    text = _CONFIG.format(
        port=port,
        # Unpaced, a minute passes in no time; the paced run has a summary every second, so that each is timed.
        summary_interval_s=1.0 if paced else 60.0,
        speed="1.0" if paced else "inf",
        start="now" if paced else "2000-01-01T00:00:00Z",
        learning_windows=LEARNING_WINDOWS,
    )
    text += "".join(
        f'[[machine.channel]]\nname = "{name}"\nunit = "g"\nsource_channel = "{name.replace(".", "")}_g"\n'
        for name in names
    )
    path = folder / "agent.toml"
    path.write_text(text, encoding="utf-8")
    return path


async def _run_measured(config: Path, warm_up_s: float, seconds: float) -> dict[str, Any]:
    from edge_agent.agent import run_agent
    from edge_agent.configuration import read_settings
    from edge_agent.memory import resident_mb

    settings = read_settings(config)
    machine = settings.machine[0]
    hop_s = machine.window.length_s * (1.0 - machine.window.overlap)
    stop = asyncio.Event()
    windows = 0
    durations_s: list[float] = []

    def observe(new_windows: int, recorded: bool, duration_s: float) -> None:  # noqa: FBT001 - the agent's observer
        nonlocal windows
        windows += new_windows
        if recorded:
            durations_s.append(duration_s)

    async def watch() -> dict[str, Any]:
        await asyncio.sleep(warm_up_s)
        durations_s.clear()
        windows_before, cpu_before, wall_before = windows, time.process_time(), time.monotonic()
        await asyncio.sleep(seconds)
        counted = windows - windows_before
        ordered = sorted(durations_s)
        found = {
            "wall_s": time.monotonic() - wall_before,
            "cpu_s": time.process_time() - cpu_before,
            "windows": counted,
            "data_s": counted * hop_s,
            "rss_mb": resident_mb(),
            "rss_peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
            "p50_ms": 1e3 * ordered[len(ordered) // 2] if ordered else None,
            "p99_ms": 1e3 * ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))] if ordered else None,
        }
        stop.set()
        return found

    told: list[str] = []
    watching = asyncio.create_task(watch(), name="measurement")
    await run_agent(settings, config.parent, stop=stop, tell=told.append, observe=observe)
    return await watching


def _child() -> int:
    config, warm_up_s, seconds = sys.argv[1:]
    from edge_agent.memory import prefer_little_memory

    prefer_little_memory()
    print(json.dumps(asyncio.run(_run_measured(Path(config), float(warm_up_s), float(seconds)))))
    return 0


if __name__ == "__main__":
    sys.exit(_child())
