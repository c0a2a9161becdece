"""Starts broker, cloud and agent, keeps them alive, shows what the cloud says, and knows when it is over."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from models.contract.errors import PlantpulseError
from plantpulse.demo.gateway_account import read_account
from plantpulse.demo.ports import LOOPBACK
from plantpulse.demo.screen import Account
from plantpulse.demo.supervisor import Supervisor

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Sequence

    from plantpulse.demo.cloud_reader import AlarmView, CloudReader
    from plantpulse.demo.files import DemoFiles
    from plantpulse.demo.screen import Screen
    from plantpulse.demo.story import Replay

LOOK_EVERY_S: Final = 0.5
START_TIMEOUT_S: Final = 60.0
"""What broker and cloud may take to answer on a slow machine."""

NAMING_TIME_S: Final = 30.0
"""How long `--until-alarm` waits for an alarm that says only `changed` to say which fault it is."""


class Ending(StrEnum):
    """Why a demo ended."""

    ALARM = "alarm"
    TIMEOUT = "timeout"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a demo came to.

    Attributes:
        ending: why it ended.
        alarms: as last read from the cloud.
        account: as the gateway counted itself.
        seconds: wall time from the start of the processes.
    """

    ending: Ending
    alarms: tuple[AlarmView, ...]
    account: Account | None
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """Return the keys of the demo's JSON line that belong to the run."""
        account = asdict(self.account or Account(0, 0, 0))
        alarms = [
            {
                "machine": alarm.machine,
                "label": alarm.label,
                "sentence": alarm.sentence,
                "severity": alarm.severity,
                "since": alarm.since,
            }
            for alarm in self.alarms
        ]
        return {"alarms": alarms, **account, "seconds": round(self.seconds, 1)}


def fault_to_end_with(alarms: Sequence[AlarmView], seconds_since_first: float) -> AlarmView | None:
    """Return the fault alarm that ends the demo: one that names its fault, or after some time any.

    Args:
        alarms: as read from the cloud.
        seconds_since_first: since the first fault alarm was seen.
    """
    faults = [alarm for alarm in alarms if alarm.is_fault]
    named = [alarm for alarm in faults if alarm.is_named]
    if named:
        return named[0]
    return faults[0] if faults and seconds_since_first >= NAMING_TIME_S else None


class Watch:
    """One run of the demo.

    Args:
        files: configurations and where logs go.
        reader: of the cloud.
        screen: where to report.
        mqtt_port: of the broker.
        replay: what the story plays again.
    """

    def __init__(
        self, files: DemoFiles, reader: CloudReader, screen: Screen, mqtt_port: int, replay: Replay | None = None
    ) -> None:
        self._files = files
        self._reader = reader
        self._screen = screen
        self._mqtt_port = mqtt_port
        self._replay = replay
        self._supervisor = Supervisor(files.logs)
        self._alarms: tuple[AlarmView, ...] = ()
        self._started_s = 0.0

    def run(self, stop: threading.Event, *, until_alarm: bool, timeout_s: float | None) -> Outcome:
        """Run until a stop is asked for, the first fault alarm, or the time is over.

        Raises:
            ChildError: a process cannot be kept alive.
        """
        self._started_s = time.monotonic()
        try:
            with self._screen:
                self._start(stop)
                ending = self._watch(stop, until_alarm=until_alarm, timeout_s=timeout_s)
        finally:
            self._supervisor.stop()
        account = read_account(self._files.gateway_dir, self._replay)
        if account is not None:
            self._screen.say(account.text)
        return Outcome(ending, self._alarms, account, self._elapsed_s())

    def _elapsed_s(self) -> float:
        return time.monotonic() - self._started_s

    def _start(self, stop: threading.Event) -> None:
        """Start the processes, each once what it needs is there: people should not read of failed connections."""
        self._supervisor.start("broker", ["broker", "--port", str(self._mqtt_port)])
        self._wait("broker", stop, lambda: _listens(self._mqtt_port))
        self._supervisor.start("cloud", ["cloud", "serve", "--config", str(self._files.cloud_toml)])
        self._wait("cloud", stop, self._reader.is_ready)
        self._supervisor.start("agent", ["agent", "run", "--config", str(self._files.gateway_toml)])

    def _wait(self, name: str, stop: threading.Event, is_there: Callable[[], bool]) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not stop.is_set() and not is_there():
            self._supervisor.check()
            if time.monotonic() > deadline:
                child = next(child for child in self._supervisor.children if child.name == name)
                raise PlantpulseError(
                    f"{name} did not start in {START_TIMEOUT_S:.0f} s: {self._supervisor.last_words(child)}"
                )
            stop.wait(0.1)

    def _watch(self, stop: threading.Event, *, until_alarm: bool, timeout_s: float | None) -> Ending:
        first_fault_s: float | None = None
        while not stop.is_set():
            for name in self._supervisor.check():
                self._screen.say(f"{name} has died; starting it again")
            plant = self._reader.plant()
            if plant is not None:
                self._alarms = plant.alarms
            self._screen.show(plant, read_account(self._files.gateway_dir, self._replay), self._elapsed_s())
            if any(alarm.is_fault for alarm in self._alarms) and first_fault_s is None:
                first_fault_s = self._elapsed_s()
            if until_alarm and first_fault_s is not None:
                ends_with = fault_to_end_with(self._alarms, self._elapsed_s() - first_fault_s)
                if ends_with is not None:
                    return Ending.ALARM
            if timeout_s is not None and self._elapsed_s() >= timeout_s:
                return Ending.TIMEOUT
            stop.wait(LOOK_EVERY_S)
        return Ending.STOPPED


def _listens(port: int) -> bool:
    import socket

    try:
        socket.create_connection((LOOPBACK, port), timeout=1.0).close()
    except OSError:
        return False
    return True
