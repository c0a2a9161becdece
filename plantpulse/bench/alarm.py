"""How soon an alarm can be read: from the end of the window that decides to the answer over HTTP, on loopback.

A broker, the whole cloud and the real agent run in processes of their own. The agent watches machines of four channels
in real time; bearing faults come and go in all of them, at different times, so that every few seconds an alarm is
raised, revised or returns: with its diagnosis, its evidence, and all the summaries of the other machines beside it.

What is measured is what somebody sees who asks for the alarms again and again: the time on the wall when an answer
first holds a change, less the end of the window that the change speaks of. The pause between two questions counts
against us.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from plantpulse.bench import pipeline
from plantpulse.bench.pipeline import PipelineBenchmarkError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

CHANNELS_PER_MACHINE: Final = 4
FAULTY_S: Final = 6.0
"""Four of five windows raise the alarm, and it is looked at again."""
PERIOD_S: Final = 15.0
"""After ten quiet windows of half a second an alarm returns."""
PAUSE_S: Final = 0.01
WARM_UP_S: Final = 12.0
START_S: Final = 60.0

_CLOUD: Final = """
[cloud]
data_dir = "cloud"
[mqtt]
port = {mqtt_port}
[http]
port = {http_port}
signed_in_as = "bench"
"""
_ALARM: Final = """
fault_every_s = {period_s}
fault_for_s = {faulty_s}
[machine.alarm]
decision_s = 0.0
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("--channels", type=int, default=64, metavar="N", help="channels in all (default 64)")
    parser.add_argument("--rate", type=float, default=25600.0, metavar="HZ", help="sample rate (default 25600)")
    parser.add_argument("--seconds", type=float, default=60.0, metavar="S", help="seconds counted (default 60)")


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the numbers of `plantpulse bench alarm`.

    Returns:
        `p50_ms`, `p99_ms` and `max_ms` from the end of the deciding window to the first answer that holds the change;
        `changes` of alarms that were seen; and what they were measured with.

    Raises:
        PipelineBenchmarkError: something did not run, or no alarm was raised.
    """
    with tempfile.TemporaryDirectory(prefix="plantpulse-bench-") as name, pipeline.broker() as mqtt_port:
        folder = Path(name)
        with _cloud(folder, mqtt_port) as http_port, _agent(folder, mqtt_port, arguments.channels, arguments.rate):
            latencies_ms = sorted(_watched(http_port, arguments.seconds))
    if not latencies_ms:
        raise PipelineBenchmarkError("no alarm was raised, so there is nothing to measure")
    last = len(latencies_ms) - 1
    return {
        "p50_ms": latencies_ms[last // 2],
        "p99_ms": latencies_ms[min(last, int(0.99 * len(latencies_ms)))],
        "max_ms": latencies_ms[last],
        "changes": len(latencies_ms),
        "channels": arguments.channels,
        "rate_hz": arguments.rate,
        "seconds": arguments.seconds,
    }


@contextlib.contextmanager
def _cloud(folder: Path, mqtt_port: int) -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        http_port = int(probe.getsockname()[1])
    config = folder / "cloud.toml"
    config.write_text(_CLOUD.format(mqtt_port=mqtt_port, http_port=http_port), encoding="utf-8")
    with _running(folder, "cloud", [sys.executable, "-m", "plantpulse", "cloud", "serve", "--config", str(config)]):
        _wait_for(http_port, folder / "cloud.log")
        yield http_port


@contextlib.contextmanager
def _agent(folder: Path, mqtt_port: int, channels: int, rate_hz: float) -> Iterator[None]:
    widths = [CHANNELS_PER_MACHINE] * max(1, channels // CHANNELS_PER_MACHINE)
    config = pipeline.write_agent(
        folder,
        mqtt_port,
        widths,
        rate_hz,
        # At different times, because faults do not wait for one another.
        fault_from_s=[WARM_UP_S + PERIOD_S * number / len(widths) for number in range(len(widths))],
        paced=True,
        more_of_source=_ALARM.format(period_s=PERIOD_S, faulty_s=FAULTY_S),
        summary_interval_s=60.0,
    )
    with _running(folder, "agent", [sys.executable, "-m", "plantpulse.bench.alarm", str(config)]):
        yield


@contextlib.contextmanager
def _running(folder: Path, name: str, command: list[str]) -> Iterator[None]:
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | {"PYTHONWARNINGS": ""})
        try:
            yield
            if process.poll() is not None:
                said = (folder / f"{name}.log").read_text(encoding="utf-8", errors="replace")
                raise PipelineBenchmarkError(f"the {name} ended: {said.strip()[-300:]}")
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=30)


def _wait_for(http_port: int, log: Path) -> None:
    until_s = time.monotonic() + START_S
    while time.monotonic() < until_s:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", http_port), timeout=1.0).close()
            return
        time.sleep(0.1)
    raise PipelineBenchmarkError(f"the cloud did not start: {log.read_text(encoding='utf-8', errors='replace')[-300:]}")


def _watched(http_port: int, seconds: float) -> Iterator[float]:
    """Yield how late each change of an alarm was seen, ms, once the machines are learnt."""
    connection = http.client.HTTPConnection("127.0.0.1", http_port, timeout=30.0)
    seen: dict[str, str] = {}
    begun_s = time.monotonic() + WARM_UP_S + PERIOD_S
    while time.monotonic() < begun_s + seconds:
        connection.request("GET", "/api/v1/alarms?limit=100")
        answer = connection.getresponse()
        items = json.loads(answer.read())["items"] if answer.status == http.client.OK else []
        seen_ms = time.time_ns() / 1e6
        for item in items:
            if seen.get(item["id"]) != item["changed"]:
                seen[item["id"]] = item["changed"]
                if time.monotonic() > begun_s:
                    yield seen_ms - datetime.fromisoformat(item["changed"]).timestamp() * 1e3
        time.sleep(PAUSE_S)
    connection.close()


if __name__ == "__main__":
    sys.exit(pipeline.run_agent_child(Path(sys.argv[1])))
