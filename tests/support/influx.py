"""A real InfluxDB for tests: influxd as deploy/influxdb/build.sh built it, on loopback, in a directory of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPResponse
from pathlib import Path

from conftest import influxd_path

from cloud.trends.influx_settings import InfluxAccess

ORG = "plant"
TOKEN = "a-token-for-tests"  # noqa: S105 - of a server that lives as long as a test
START_S = 60.0
"""On a machine that builds something else at the same time, the first start takes ten seconds and more."""


@dataclass(slots=True)
class InfluxDaemon:
    """One server and its directory; what it stored survives stopping and killing it."""

    directory: Path
    port: int = 0
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        """Return the address of its API."""
        return f"http://127.0.0.1:{self.port}"

    def access(self, prefix: str = "plantpulse", **changes: object) -> InfluxAccess:
        """Return how to open it."""
        fields: dict[str, object] = {"url": self.url, "org": ORG, "token": TOKEN, "bucket_prefix": prefix}
        return InfluxAccess(**(fields | changes))  # type: ignore[arg-type]  # changes fit

    def start(self) -> None:
        """Start it, on the same port as before, and wait until it answers."""
        if not self.port:
            with socket.create_server(("127.0.0.1", 0)) as probe:
                self.port = int(probe.getsockname()[1])
        self.directory.mkdir(parents=True, exist_ok=True)
        places = {"bolt": "influx.bolt", "sqlite": "influx.sqlite", "engine": "engine"}
        command = [
            str(influxd_path() or "influxd"),
            f"--http-bind-address=127.0.0.1:{self.port}",
            *(f"--{name}-path={self.directory / place}" for name, place in places.items()),
            "--reporting-disabled",
            "--log-level=error",
        ]
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        until_s = time.monotonic() + START_S
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > until_s:
                self.kill()
                raise RuntimeError(f"influxd does not start: {(self.directory / 'log').read_text()[-500:]}")
            time.sleep(0.05)

    def set_up(self) -> None:
        """Make the first user, organisation and token."""
        content = {"username": "test", "password": "long enough", "org": ORG, "bucket": "unused", "token": TOKEN}
        self._post("/api/v2/setup", json.dumps(content).encode())

    def write(self, bucket: str, lines: str) -> None:
        """Write lines as somebody else would."""
        self._post(f"/api/v2/write?org={ORG}&bucket={bucket}&precision=ns", lines.encode())

    def flux(self, query: str) -> list[dict[str, str]]:
        """Return the rows of a Flux query, as Grafana would get them."""
        request = _request(
            f"{self.url}/api/v2/query?org={ORG}",
            query.encode(),
            {"Authorization": f"Token {TOKEN}", "Content-Type": "application/vnd.flux", "Accept": "application/csv"},
        )
        with _open(request, timeout=30) as answer:
            return _rows(answer.read().decode())

    def pause(self) -> None:
        """Let it hang, as an overloaded one does."""
        self._process().send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it work again."""
        self._process().send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it as a power cut would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def stop(self) -> None:
        """End it properly."""
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()
            self.process = None

    def _process(self) -> subprocess.Popen[bytes]:
        assert self.process is not None
        return self.process

    def _answers(self) -> bool:
        try:
            with _open(f"{self.url}/health", timeout=2) as answer:
                return bool(json.load(answer)["status"] == "pass")
        except (OSError, ValueError):
            return False

    def _post(self, path: str, body: bytes) -> None:
        request = _request(f"{self.url}{path}", body, {"Authorization": f"Token {TOKEN}"})
        with _open(request, timeout=30):
            pass


def _request(address: str, body: bytes, headers: dict[str, str]) -> urllib.request.Request:
    return urllib.request.Request(address, body, headers)  # noqa: S310 - our own server on loopback


def _open(what: str | urllib.request.Request, timeout: float) -> HTTPResponse:
    answer: HTTPResponse = urllib.request.urlopen(what, timeout=timeout)  # noqa: S310 - our own server on loopback
    return answer


def _rows(text: str) -> list[dict[str, str]]:
    """Return the rows of annotated CSV without its annotations; each table brings its own header."""
    rows: list[dict[str, str]] = []
    header: list[str] | None = None
    for line in text.replace("\r\n", "\n").split("\n"):
        cells = line.split(",")
        if not line.strip():
            header = None
        elif header is None:
            header = cells
        else:
            rows.append(dict(zip(header, cells, strict=False)))
    return rows


@contextmanager
def running_influx(directory: Path) -> Iterator[InfluxDaemon]:
    """Run a server that is set up, and leave nothing running."""
    daemon = InfluxDaemon(directory)
    daemon.start()
    try:
        daemon.set_up()
        yield daemon
    finally:
        if daemon.process is not None:
            os.kill(daemon.process.pid, signal.SIGCONT)
        daemon.stop()
