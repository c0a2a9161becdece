"""A real Mosquitto on loopback that tests may kill and start again on the same port."""

from __future__ import annotations

import contextlib
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Self


class Mosquitto:
    """One broker process; nothing is persisted, so a restart forgets everything but what clients keep themselves."""

    def __init__(self, directory: Path, port: int) -> None:
        """Write the configuration; `start()` runs it."""
        self.port = port
        self._configuration = directory / "mosquitto.conf"
        self._configuration.write_text(
            f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\nmax_packet_size 200000\n"
        )
        self._log = directory / "mosquitto.log"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start the broker."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the broker."""
        self.stop()

    def start(self) -> None:
        """Start and wait until connections are accepted."""
        program = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        with self._log.open("ab") as log:
            self._process = subprocess.Popen([program, "-c", str(self._configuration)], stdout=log, stderr=log)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return
            time.sleep(0.02)
        raise TimeoutError(self._log.read_text())

    def kill(self) -> None:
        """End the broker without giving it a chance to say anything."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End the broker in the ordinary way."""
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(timeout=10)
            self._process = None
