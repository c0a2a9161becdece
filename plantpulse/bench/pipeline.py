"""What the gateway's agent costs: the real agent, from samples as a driver hands them over to records on disk and wire.

A broker and then the agent run in processes of their own, for each part:

- paced, in real time at the given channels. First the machine is healthy: CPU, and the time from samples to the fsync
  of their records. Then a bearing fault sets in: what an alarm with diagnosis and evidence costs on top,
- unpaced, as fast as possible, from samples in memory: how many channels one core could watch in real time, with the
  given channels and with full machines of sixteen,
- paced with a full machine of sixteen and with four of them: memory, what one more channel takes of it, and how late
  records come when four machines end their windows in the same instant.

Learning and fingerprint are over before CPU and times are counted. Memory is the most there ever was, from the start
of the process over learning, fingerprint, alarm and diagnosis to the end.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
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
    from collections.abc import Iterator, Sequence

SEED: Final = 13373
LEARNING_WINDOWS: Final = 12
WARM_UP_S: Final = 9.0
"""Twelve windows of half a second each, then the fit, the fingerprint and the first spectrum."""
WARM_UP_PER_CHANNEL_S: Final = 0.1
"""Fingerprints and first spectra of many channels come all at once here, on plants they do not."""
UNPACED_WARM_UP_S: Final = 3.0
UNPACED_S: Final = 6.0
FULL_CHANNELS: Final = 16
"""A machine with a sensor in each direction at every bearing of motor, gearbox and pump; more channels are more
machines."""
CROWDED_CHANNELS: Final = 64
"""Four full machines, which end their windows together."""
NEVER_S: Final = 1e12
RECORDING_S: Final = 10.0
SHAFT_HZ: Final = 24.5
"""A whole number of turns in a recording, so that it goes on without a jump when it begins again."""
BEARING: Final = "SKF 6205"
FAULTY_S: Final = 6.0
"""Four of five windows raise the alarm; then it is looked at again, twice."""
FAULTY_PER_CHANNEL_S: Final = 0.1
"""As the warm-up: here the fault is in every bearing at once."""

_CONFIG: Final = """
[gateway]
group = "bench"
name = "gateway"
asset_id = "7a0e3d0e-6d0c-4c57-9d0c-6f7f5a0a0001"
data_dir = "./data"
[mqtt]
port = {port}
"""
_MACHINE: Final = """
[[machine]]
name = "machine-{number}"
asset_id = "7a0e3d0e-6d0c-4c57-9d0c-6f7f5a0b{number:04d}"
speed_rpm = {speed_rpm}
sample_rate_hz = {rate_hz}
machine_group = 2
support = "rigid"
summary_interval_s = {summary_interval_s}
[machine.source]
kind = "{kind}"
healthy = "healthy-{channels}.raw"
faulty = "faulty-{channels}.raw"
fault_from_s = {fault_from_s}
speed = {speed}
start = "{start}"
{more_of_source}
[machine.learning]
windows = {learning_windows}
"""


class PipelineBenchmarkError(PlantpulseError):
    """The agent or the broker did not run, or the fault was not noticed."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("--channels", type=int, default=4, metavar="N", help="channels of the machine (default 4)")
    parser.add_argument("--rate", type=float, default=25600.0, metavar="HZ", help="sample rate (default 25600)")
    parser.add_argument("--seconds", type=float, default=20.0, metavar="S", help="paced seconds counted (default 20)")


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the numbers of `plantpulse bench pipeline`.

    Returns:
        `realtime_channels_per_core` (unpaced: channel-seconds of data per second of CPU, on machines of sixteen
        channels) and `realtime_by_channels` (with so many channels in all); `p50_ms` and `p99_ms` (from the end of a
        window by the wall clock to fsync, blocks that caused records) and `cpu_percent` of one core, paced, while the
        machine is healthy; `alarm_ms` (the same of the slowest block with the fault: alarm, diagnosis and
        evidence) and `alarm_cpu_s` (what the alarm and the looks after it took beyond `cpu_percent`); `rss_mb` (the
        most that was resident during the whole paced run) and `rss_at_rest_mb` (at its end); `rss_mb_by_channels` and
        `p99_ms_by_channels` with so many channels in all, of which `full_rss_mb` and `crowded_p99_ms` are those of 16
        and 64; `mb_per_channel` beyond sixteen; and what they were measured with.

    Raises:
        PipelineBenchmarkError: the agent did not run, or made no alarm of the fault.
    """
    channels, rate_hz, seconds = arguments.channels, arguments.rate, arguments.seconds
    with broker() as port:
        by_channels = {
            width: _agent(port, width, rate_hz, seconds, paced=True)
            for width in sorted({channels, FULL_CHANNELS, max(CROWDED_CHANNELS, channels)})
        }
        unpaced = {
            width: _agent(port, width, rate_hz, min(seconds, UNPACED_S), paced=False)
            for width in sorted({channels, max(channels, FULL_CHANNELS)})
        }
    paced, full, crowded = by_channels[channels], by_channels[FULL_CHANNELS], by_channels[max(by_channels)]
    realtime = {width: one["data_s"] * width / max(one["cpu_s"], 1e-9) for width, one in unpaced.items()}
    return {
        "realtime_channels_per_core": realtime[max(realtime)],
        "realtime_by_channels": {str(width): value for width, value in realtime.items()},
        "p50_ms": paced["p50_ms"],
        "p99_ms": paced["p99_ms"],
        "alarm_ms": paced["alarm_ms"],
        "alarm_cpu_s": paced["faulty_cpu_s"] - paced["cpu_s"] * paced["faulty_wall_s"] / paced["wall_s"],
        "rss_mb": paced["rss_mb"],
        "rss_at_rest_mb": paced["rss_at_rest_mb"],
        "full_rss_mb": full["rss_mb"],
        "crowded_p99_ms": crowded["p99_ms"],
        "rss_mb_by_channels": {str(width): one["rss_mb"] for width, one in by_channels.items()},
        "p99_ms_by_channels": {str(width): one["p99_ms"] for width, one in by_channels.items()},
        "mb_per_channel": (crowded["rss_mb"] - full["rss_mb"]) / (max(by_channels) - FULL_CHANNELS),
        "cpu_percent": 100.0 * paced["cpu_s"] / paced["wall_s"],
        "channels": channels,
        "rate_hz": rate_hz,
        "seconds": seconds,
        "windows": paced["windows"],
        "alarm_reports": paced["alarm_reports"],
    }


@contextlib.contextmanager
def broker() -> Iterator[int]:
    """Run the demo's broker in a process of its own and give its port."""
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
    warm_up_s = WARM_UP_S + WARM_UP_PER_CHANNEL_S * channels if paced else UNPACED_WARM_UP_S
    with tempfile.TemporaryDirectory(prefix="plantpulse-bench-") as name:
        folder = Path(name)
        fault_from_s = warm_up_s + seconds if paced else NEVER_S
        widths = _widths(channels)
        # Paced there is a summary every second, so that each is timed; unpaced a minute passes in no time.
        config = write_agent(
            folder,
            port,
            widths,
            rate_hz,
            fault_from_s=[fault_from_s] * len(widths),
            paced=paced,
            summary_interval_s=1.0 if paced else 60.0,
        )
        finished = subprocess.run(
            [sys.executable, "-m", "plantpulse.bench.pipeline", str(config), str(warm_up_s), str(seconds)],
            capture_output=True,
            text=True,
            check=False,
        )
    if finished.returncode != 0:
        raise PipelineBenchmarkError(f"the agent did not run: {finished.stderr.strip()[-300:]}")
    document: dict[str, Any] = json.loads(finished.stdout)
    if paced and not document["alarm_reports"]:
        raise PipelineBenchmarkError("the agent made no alarm of the fault, so its cost is not part of the numbers")
    return document


def write_agent(
    folder: Path,
    port: int,
    widths: Sequence[int],
    rate_hz: float,
    *,
    fault_from_s: Sequence[float],
    paced: bool,
    summary_interval_s: float,
    more_of_source: str = "",
) -> Path:
    """Write the configuration and the samples; return the configuration's path.

    Args:
        folder: where.
        port: of the broker.
        widths: channels of each machine.
        rate_hz: of the samples.
        fault_from_s: when the fault begins, for each machine.
        paced: in real time, or as fast as possible.
        summary_interval_s: see `[[machine]]`.
        more_of_source: lines for `[machine.source]` and what stands below it.
    """
    from plantpulse.bench import sensor

    text = _CONFIG.format(port=port)
    for width in set(widths):
        _write_samples(folder, width, rate_hz)
    for number, (width, from_s) in enumerate(zip(widths, fault_from_s, strict=True)):
        text += _MACHINE.format(
            number=number,
            channels=width,
            summary_interval_s=summary_interval_s,
            speed="1.0" if paced else "inf",
            start="now" if paced else "2000-01-01T00:00:00Z",
            learning_windows=LEARNING_WINDOWS,
            speed_rpm=60.0 * SHAFT_HZ,
            rate_hz=rate_hz,
            kind=sensor.KIND,
            fault_from_s=from_s,
            more_of_source=more_of_source,
        )
        # Two sensors at each bearing, as usual.
        text += "".join(
            f'[[machine.channel]]\nname = "P{row // 2}.{"HV"[row % 2]}"\nunit = "g"\nbearing = "{BEARING}"\n'
            for row in range(width)
        )
    path = folder / "agent.toml"
    path.write_text(text, encoding="utf-8")
    return path


def _widths(channels: int) -> list[int]:
    """Return how many channels each machine has: full ones, and the rest.

    >>> _widths(4), _widths(40)
    ([4], [16, 16, 8])
    """
    full, rest = divmod(channels, FULL_CHANNELS)
    return [FULL_CHANNELS] * full + ([rest] if rest else [])


def _write_samples(folder: Path, channels: int, rate_hz: float) -> None:
    """Write the healthy machine (shaft lines in noise) and the same with impacts on an outer race."""
    import numpy as np

    from models.diagnosis.bearings import find_bearing
    from plantpulse.bench import sensor

    bearing = find_bearing(BEARING)
    block = round(sensor.BLOCK_S * rate_hz)
    blocks = round(RECORDING_S / sensor.BLOCK_S)
    t = np.arange(block * blocks) / rate_hz
    rng = np.random.default_rng(SEED)
    shaft = sum(np.sin(2.0 * np.pi * order * SHAFT_HZ * t) / order for order in (1, 2, 3))
    healthy = (0.5 * shaft + rng.standard_normal((channels, t.size))).astype(np.float32)
    # Rolling elements slip: without that, the impacts would be a comb of lines like the shaft's.
    period_s = 1.0 / (bearing.bpfo * SHAFT_HZ)
    at_s = np.cumsum(period_s * (1.0 + 0.01 * rng.standard_normal(round(RECORDING_S / period_s) + 100)))
    since_impact_s = t - np.concatenate([[0.0], at_s])[np.searchsorted(at_s, t, side="right")]
    impacts = 6.0 * np.exp(-since_impact_s * 800.0) * np.sin(2.0 * np.pi * 0.12 * rate_hz * since_impact_s)
    for name, samples in (("healthy", healthy), ("faulty", healthy + impacts.astype(np.float32))):
        samples.reshape(channels, blocks, block).swapaxes(0, 1).tofile(folder / f"{name}-{channels}.raw")


class _Course:
    """What the agent says of each block, sorted into the parts of the run."""

    def __init__(self) -> None:
        self.windows = 0
        self.durations_s: list[float] = []

    def observe(self, windows: int, end_ns: int, on_disk_ns: int | None) -> None:
        self.windows += windows
        if on_disk_ns is not None:
            # From the end of the block by the wall clock, so that waiting for other machines counts too.
            self.durations_s.append((on_disk_ns - end_ns) / 1e9)

    def take_ms(self) -> list[float]:
        """Return the durations since this was asked last, sorted."""
        ordered, self.durations_s = sorted(1e3 * duration for duration in self.durations_s), []
        return ordered


async def _run_measured(config: Path, warm_up_s: float, seconds: float) -> dict[str, Any]:
    from edge_agent.agent import run_agent
    from edge_agent.configuration import read_settings
    from edge_agent.memory import largest_resident_mb, resident_mb
    from edge_agent.status import read_status
    from models.contract.vocabulary import RecordKind

    settings = read_settings(config)
    machine = settings.machine[0]
    hop_s = machine.window.length_s * (1.0 - machine.window.overlap)
    stop = asyncio.Event()
    course = _Course()

    async def watch() -> dict[str, Any]:
        await asyncio.sleep(warm_up_s)
        course.take_ms()
        windows_before, begun = course.windows, (time.monotonic(), time.process_time())
        await asyncio.sleep(seconds)
        counted, faulty_from = course.windows - windows_before, (time.monotonic(), time.process_time())
        healthy_ms = course.take_ms()
        if machine.source.speed == 1.0:
            await asyncio.sleep(FAULTY_S + FAULTY_PER_CHANNEL_S * sum(len(one.channel) for one in settings.machine))
        found = {
            "wall_s": faulty_from[0] - begun[0],
            "cpu_s": faulty_from[1] - begun[1],
            "faulty_wall_s": time.monotonic() - faulty_from[0],
            "faulty_cpu_s": time.process_time() - faulty_from[1],
            "windows": counted,
            "data_s": counted * hop_s / len(settings.machine),
            "rss_mb": largest_resident_mb(),
            "rss_at_rest_mb": resident_mb(),
            "p50_ms": healthy_ms[len(healthy_ms) // 2] if healthy_ms else None,
            "p99_ms": healthy_ms[min(len(healthy_ms) - 1, int(0.99 * len(healthy_ms)))] if healthy_ms else None,
            "alarm_ms": max(course.take_ms(), default=None),
            # Nobody acknowledges here, so every report is still in the outbox.
            "alarm_reports": read_status(settings.gateway.data_dir).pending[RecordKind.ALARM.value],
        }
        stop.set()
        return found

    told: list[str] = []
    watching = asyncio.create_task(watch(), name="measurement")
    await run_agent(settings, config.parent, stop=stop, tell=told.append, observe=course.observe)
    return await watching


def know_the_sensor() -> None:
    """Make the benchmark's own process as small as the agent's, and let it know the benchmark's sensor."""
    from edge_agent.memory import prefer_little_memory

    prefer_little_memory()
    from edge_agent.sources import SOURCES
    from plantpulse.bench import sensor

    SOURCES[sensor.KIND] = sensor.__name__


def run_agent_child(config: Path) -> int:
    """Run the agent with the benchmark's sensor until the process is told to end."""
    know_the_sensor()
    from plantpulse.command_line import main

    return main(["agent", "run", "--config", str(config)])


def _child() -> int:
    config, warm_up_s, seconds = sys.argv[1:]
    know_the_sensor()
    print(json.dumps(asyncio.run(_run_measured(Path(config), float(warm_up_s), float(seconds)))))
    return 0


if __name__ == "__main__":
    sys.exit(_child())
