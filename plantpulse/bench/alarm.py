"""How soon an alarm can be read: from the end of the window that decides to the answer over HTTP, on loopback.

A broker, the whole cloud and the real agent run in processes of their own. The agent watches machines of four channels
in real time; bearing faults come and go in all of them, at different times, so that every few seconds an alarm is
raised, revised or returns: with its diagnosis, its evidence, and all the summaries of the other machines beside it.

What is measured is what somebody has who keeps the page of alarms open: told by the stream of events, they ask for the
alarms, and the time on the wall when the answer holds a change, less the end of the window that the change speaks of,
is how late it is. Alarms that are raised or return are one number; those that were told already and get a better name
when the machine is looked at again are another.
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
STREAM_S: Final = 30.0
"""Longer than the stream of events is ever silent."""
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
        `p50_ms`, `p99_ms` and `max_ms` from the end of the deciding window to the first answer that holds the alarm as
        it was raised or has returned; `changes`, how many of those were seen; `revised_p99_ms` and `revisions` of
        alarms that were told before; and what they were measured with.

    Raises:
        PipelineBenchmarkError: something did not run, or no alarm was raised.
    """
    with tempfile.TemporaryDirectory(prefix="plantpulse-bench-") as name, pipeline.broker() as mqtt_port:
        folder = Path(name)
        with _cloud(folder, mqtt_port) as http_port, _agent(folder, mqtt_port, arguments.channels, arguments.rate):
            seen = list(_watched(http_port, arguments.seconds))
    told_ms = sorted(late_ms for late_ms, is_revision in seen if not is_revision)
    revised_ms = sorted(late_ms for late_ms, is_revision in seen if is_revision)
    if not told_ms:
        raise PipelineBenchmarkError("no alarm was raised, so there is nothing to measure")
    return {
        "p50_ms": told_ms[len(told_ms) // 2],
        "p99_ms": _p99(told_ms),
        "max_ms": told_ms[-1],
        "changes": len(told_ms),
        "revised_p99_ms": _p99(revised_ms) if revised_ms else None,
        "revisions": len(revised_ms),
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


def _watched(http_port: int, seconds: float) -> Iterator[tuple[float, bool]]:
    """Yield how late each change of an alarm was seen, ms, and whether it was told before; once machines are learnt."""
    seen: dict[str, tuple[str, str]] = {}
    begun_s = time.monotonic() + WARM_UP_S + PERIOD_S
    for _ in _told(http_port, begun_s + seconds):
        items = _alarms(http_port)
        seen_ms = time.time_ns() / 1e6
        for item in items:
            before, now = seen.get(item["id"]), (item["state"], item["changed"])
            seen[item["id"]] = now
            if before != now and time.monotonic() > begun_s:
                late_ms = seen_ms - datetime.fromisoformat(item["changed"]).timestamp() * 1e3
                yield late_ms, before is not None and before[0] == now[0]


def _alarms(http_port: int) -> list[dict[str, Any]]:
    """Return the alarms, over a connection of their own: alarms are rarer than servers are patient."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", http_port, timeout=STREAM_S)) as asking:
        asking.request("GET", "/api/v1/alarms?limit=100")
        answer = asking.getresponse()
        items: list[dict[str, Any]] = json.loads(answer.read())["items"] if answer.status == http.client.OK else []
    return items


def _told(http_port: int, until_s: float) -> Iterator[None]:
    """Yield whenever the stream of events speaks of an alarm, until a time of the monotonic clock."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", http_port, timeout=STREAM_S)) as stream:
        stream.request("GET", "/api/v1/events")
        answer = stream.getresponse()
        while time.monotonic() < until_s:
            line = answer.readline()
            if not line:
                raise PipelineBenchmarkError("the stream of events has ended")
            if line.startswith((b"event: alarm", b"event: everything")):
                yield


def _p99(ordered_ms: list[float]) -> float:
    return ordered_ms[min(len(ordered_ms) - 1, int(0.99 * len(ordered_ms)))]


if __name__ == "__main__":
    sys.exit(pipeline.run_agent_child(Path(sys.argv[1])))
