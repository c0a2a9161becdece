"""Keeps the demo's processes alive: start in order, start again what dies, stop in the opposite order.

Killing any of them must lose nothing, so dying is normal here; only a process that dies again and again right after
its start ends the demo, with the last thing it said.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from models.contract.errors import PlantpulseError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

RESTART_AFTER_S: Final = 0.5
"""Pause before a dead process is started again."""

SHORT_LIFE_S: Final = 5.0
MAX_SHORT_LIVES: Final = 4
"""So many lives below five seconds in a row, and the process is given up."""

STOP_TIMEOUT_S: Final = 6.0
"""What a process may take to finish after SIGTERM."""

_LOG_BYTES: Final = 5_000_000
"""A log larger than this is begun anew when its process starts."""


class ChildError(PlantpulseError):
    """A process of the demo cannot be kept alive."""


@dataclass(slots=True)
class Child:
    """One supervised process.

    Attributes:
        name: shown to people, and the name of its log.
        words: what follows `python -m plantpulse.demo.child PARENT`.
        process: the running one, or None between two lives.
        restarts: how often it was started again.
        started_s, died_s: of the last life, monotonic seconds.
        short_lives: how many lives in a row ended right after their start.
    """

    name: str
    words: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    restarts: int = 0
    started_s: float = 0.0
    died_s: float = 0.0
    short_lives: int = 0


class Supervisor:
    """Starts, watches and stops children; asked regularly, it does not run by itself.

    Args:
        logs: directory of the processes' outputs, one file each.
    """

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self.children: list[Child] = []

    def start(self, name: str, words: Sequence[str]) -> Child:
        """Start one more child."""
        child = Child(name, words)
        self.children.append(child)
        self._launch(child)
        return child

    def check(self) -> list[str]:
        """Start again what has died; return the names of those that died since the last call.

        Raises:
            ChildError: one of them dies again and again.
        """
        died = []
        for child in self.children:
            if child.process is not None and child.process.poll() is not None:
                died.append(child.name)
                self._bury(child)
            if child.process is None and time.monotonic() - child.died_s >= RESTART_AFTER_S:
                child.restarts += 1
                self._launch(child)
        return died

    def stop(self) -> None:
        """Stop all children, the last started first; what does not finish in time is killed."""
        for child in reversed(self.children):
            process = child.process
            if process is None:
                continue
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            child.process = None

    def last_words(self, child: Child) -> str:
        """Return the last line that a child wrote."""
        try:
            lines = self._log(child).read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return ""
        return next((line.strip() for line in reversed(lines) if line.strip()), "")

    def _bury(self, child: Child) -> None:
        code = child.process.returncode if child.process else None
        child.process = None
        child.died_s = time.monotonic()
        lived_s = child.died_s - child.started_s
        child.short_lives = child.short_lives + 1 if lived_s < SHORT_LIFE_S else 0
        # A negative code is a signal: somebody killed it on purpose, and may do so as often as they like.
        if code is not None and code >= 0 and child.short_lives >= MAX_SHORT_LIVES:
            raise ChildError(f"{child.name} does not stay alive (exit code {code}): {self.last_words(child)}")

    def _launch(self, child: Child) -> None:
        path = self._log(child)
        if path.exists() and path.stat().st_size > _LOG_BYTES:
            path.unlink()
        command = [sys.executable, "-m", "plantpulse.demo.child", str(os.getpid()), *child.words]
        with path.open("ab") as log:
            # A session of its own: Ctrl-C in the terminal reaches the demo alone, which then stops in order.
            child.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        child.started_s = time.monotonic()

    def _log(self, child: Child) -> Path:
        return self._logs / f"{child.name}.log"
