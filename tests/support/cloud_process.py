"""A real cloud in a process of its own, and a gateway on a real broker that sends until it is acknowledged."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import httpx
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion
from support.simulated_gateway import Sent, SimulatedGateway

from models.contract import metrics
from models.contract.acknowledgement import Ranges, parse_acknowledged
from models.contract.sparkplug import decode_payload


def wait_until(condition: Callable[[], Any], timeout_s: float = 20.0) -> Any:
    """Return what a condition returns once it is true."""
    deadline_s = time.monotonic() + timeout_s
    while time.monotonic() < deadline_s:
        if value := condition():
            return value
        time.sleep(0.02)
    raise TimeoutError(f"not within {timeout_s} s")


class CloudProcess:
    """`plantpulse cloud serve`, to be killed and started again."""

    def __init__(self, directory: Path, mqtt_port: int, http_port: int, mqtt_more: str = "") -> None:
        """Write the configuration, with more lines about the broker; `start` runs it."""
        self.directory = directory
        self.address = f"http://127.0.0.1:{http_port}"
        self.configuration = directory / "cloud.toml"
        self.configuration.write_text(
            f'[cloud]\ndata_dir = "data"\n[mqtt]\nport = {mqtt_port}\n{mqtt_more}[http]\nport = {http_port}\n'
            'signed_in_as = "operator"\n',
            encoding="utf-8",
        )
        self.log = directory / "cloud.log"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start, and wait for the first answer."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Make sure that nothing is left."""
        if self._process is not None:
            self.end(signal.SIGKILL)

    def start(self) -> None:
        """Start, and wait until requests are answered."""
        command = [sys.executable, "-m", "plantpulse", "cloud", "serve", "--config", str(self.configuration)]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | {"PYTHONWARNINGS": ""})
        wait_until(lambda: self.status("/healthz") == 200 or self._process.poll() is not None, 60.0)  # type: ignore[union-attr]  # started above
        if self._process.poll() is not None:
            raise RuntimeError(self.log.read_text())

    def end(self, how: signal.Signals) -> int:
        """End with a signal; return the exit code."""
        process, self._process = self._process, None
        if process is None:
            raise RuntimeError("not running")
        process.send_signal(how)
        return process.wait(timeout=20)

    def status(self, path: str) -> int:
        """Return the status of an answer, 0 where there is none."""
        try:
            return httpx.get(self.address + path, timeout=5.0).status_code
        except httpx.TransportError:
            return 0

    def get(self, path: str) -> Any:
        """Return the JSON of a resource of the API."""
        answer = httpx.get(f"{self.address}/api/v1{path}", timeout=10.0)
        answer.raise_for_status()
        return answer.json()

    def post(self, path: str, document: dict[str, Any]) -> Any:
        """Return the JSON that a change through the API answers with."""
        headers = {"Origin": self.address}
        answer = httpx.post(f"{self.address}/api/v1{path}", json=document, headers=headers, timeout=10.0)
        answer.raise_for_status()
        return answer.json()

    def is_ready(self) -> bool:
        """Return whether records can be taken."""
        return self.status("/readyz") == 200


class LiveGateway:
    """A simulated gateway with a real connection; answers rebirths, collects acknowledgements."""

    def __init__(self, gateway: SimulatedGateway, mqtt_port: int) -> None:
        """Remember who and where."""
        self.gateway = gateway
        self._port = mqtt_port
        self._lock = threading.Lock()
        self.acknowledged = Ranges()
        self.rebirths = 0
        self.states: list[bytes] = []
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.on_connect = self._on_connect
        self._client.on_message = self._on_message

    def __enter__(self) -> Self:
        """Connect and be born."""
        self._client.connect("127.0.0.1", self._port)
        self._client.loop_start()
        wait_until(lambda: self.gateway.aliases)
        return self

    def __exit__(self, *_: object) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._client.loop_stop()

    def send(self, make: Callable[[SimulatedGateway], Sent]) -> None:
        """Publish what the gateway makes; its numbers follow the order of publishing."""
        with self._lock:
            sent = make(self.gateway)
            self._client.publish(sent.topic, sent.payload)

    def _on_connect(self, client: Client, *_: Any) -> None:
        topic = f"spBv1.0/{self.gateway.group}/NCMD/{self.gateway.name}"
        client.subscribe([(topic, 1), ("spBv1.0/STATE/plantpulse", 1)])
        self._bear()

    def _bear(self) -> None:
        with self._lock:
            for sent in self.gateway.births(time.time_ns() // 1_000_000):
                self._client.publish(sent.topic, sent.payload)

    def _on_message(self, _client: Client, _data: Any, message: Any) -> None:
        if message.topic.startswith("spBv1.0/STATE"):
            self.states.append(message.payload)
            return
        alias = self.gateway.aliases[None, metrics.OUTBOX_ACKNOWLEDGED][0]
        for metric in decode_payload(message.payload).metrics:
            if metric.name == metrics.REBIRTH:
                self.rebirths += 1
                self._bear()
            elif metric.alias == alias:
                incarnation, ranges = parse_acknowledged(str(metric.value))
                assert incarnation == self.gateway.incarnation
                self.acknowledged = self.acknowledged.union(ranges)
