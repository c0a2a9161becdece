"""A real Mosquitto on loopback that tests may kill and start again on the same port."""

from __future__ import annotations

import contextlib
import getpass
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from support.authority import Pair


@dataclass(frozen=True)
class Guard:
    """A listener for those who show a certificate."""

    port: int
    authority: Path
    own: Pair

    @property
    def text(self) -> str:
        """Return the lines of the configuration."""
        return (
            f"listener {self.port} 127.0.0.1\ncafile {self.authority}\ncertfile {self.own.certificate}\n"
            f"keyfile {self.own.key}\nrequire_certificate true\nuse_identity_as_username true\n"
        )


class Mosquitto:
    """One broker process; nothing is persisted, so a restart forgets everything but what clients keep themselves."""

    def __init__(self, directory: Path, port: int, guard: Guard | None = None) -> None:
        """Write the configuration; `start()` runs it. With a guard there is a second listener that speaks TLS."""
        self.port = port
        self._configuration = directory / "mosquitto.conf"
        self._configuration.write_text(
            f"user {getpass.getuser()}\nlistener {port} 127.0.0.1\nallow_anonymous true\n"
            "persistence false\nmax_packet_size 200000\n" + ("" if guard is None else guard.text)
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
