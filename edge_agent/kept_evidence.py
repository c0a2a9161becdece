"""The moments around alarms that are too large to send: on the gateway's disk, for whoever asks within some days.

`keep` writes one beside, fsyncs and renames, then drops what is too old or beyond the budget. `take` gives the bytes
of one if what was sent within the last day leaves room for it. A file's name says whose and when it is; one that was
sent has the time of sending as its time of change, so that nothing else has to be remembered.
"""

from __future__ import annotations

import os
import re
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DAY_S: Final = 86_400.0
_NAME: Final = re.compile(r"([0-9a-f-]{36})\.([0-9a-f-]{36})\.(\d+)\.(kept|sent)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Budget:
    """How much is kept, for how long, and how much of it may leave in a day."""

    max_bytes: int
    days: float
    sent_bytes_per_day: int


@dataclass(frozen=True, slots=True)
class Moment:
    """One moment around an alarm; `package` is from `models.contract.evidence`."""

    asset_id: str
    alarm_id: str
    end_ns: int
    package: bytes


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a moment cannot be had: one sentence for the person who asked."""

    reason: str


@dataclass(frozen=True, slots=True)
class _Kept:
    path: Path
    asset_id: str
    alarm_id: str
    end_ns: int
    was_sent: bool
    bytes: int
    changed_s: float


class KeptEvidence:
    """A folder of moments; may be used from any thread."""

    def __init__(self, folder: Path, budget: Budget) -> None:
        self._folder = folder
        self._budget = budget
        self._lock = threading.Lock()

    def keep(self, moment: Moment, now_s: float) -> None:
        """Write a moment; again under the same name changes nothing.

        Raises:
            OSError: the disk does not take it.
        """
        name = f"{moment.asset_id}.{moment.alarm_id}.{moment.end_ns}"
        with self._lock:
            self._folder.mkdir(parents=True, exist_ok=True)
            beside = self._folder / f"{name}.new"
            with beside.open("wb") as file:
                file.write(moment.package)
                file.flush()
                os.fsync(file.fileno())
            os.utime(beside, (now_s, now_s))
            beside.replace(self._folder / f"{name}.kept")
            self._drop_old(now_s)

    def take(self, asset_id: str, alarm_id: str, now_s: float) -> Moment | Refused:
        """Return the newest moment of an alarm, counted as sent now, or why it cannot be had.

        Raises:
            OSError: the disk cannot be read.
        """
        with self._lock:
            self._drop_old(now_s)
            return self._taken(asset_id, alarm_id, now_s)

    def _taken(self, asset_id: str, alarm_id: str, now_s: float) -> Moment | Refused:
        kept = list(self._kept())
        wanted = [one for one in kept if (one.asset_id, one.alarm_id) == (asset_id, alarm_id)]
        if not wanted:
            return Refused(
                "the gateway does not have it (any more): it keeps such moments for"
                f" {self._budget.days:g} days and within {self._budget.max_bytes / 1e6:.0f} MB"
            )
        newest = max(wanted, key=lambda one: one.end_ns)
        lately = sum(one.bytes for one in kept if one.was_sent and now_s - one.changed_s < DAY_S)
        if lately + newest.bytes > self._budget.sent_bytes_per_day:
            return Refused(
                f"the gateway has sent {lately / 1e6:.1f} MB of such moments within a day and may send"
                f" {self._budget.sent_bytes_per_day / 1e6:.1f} MB: ask again tomorrow, or raise"
                " kept_evidence.sent_bytes_per_day"
            )
        package = newest.path.read_bytes()
        sent = newest.path.with_suffix(".sent")
        newest.path.rename(sent)
        os.utime(sent, (now_s, now_s))
        return Moment(newest.asset_id, newest.alarm_id, newest.end_ns, package)

    def _kept(self) -> Iterator[_Kept]:
        if not self._folder.is_dir():
            return
        for path in self._folder.iterdir():
            if (name := _NAME.fullmatch(path.name)) is None:
                continue
            stat = path.stat()
            yield _Kept(path, name[1], name[2], int(name[3]), name[4] == "sent", stat.st_size, stat.st_mtime)

    def _drop_old(self, now_s: float) -> None:
        """Drop what was neither kept nor asked for lately, and the oldest beyond the budget."""
        room = self._budget.max_bytes
        for one in sorted(self._kept(), key=lambda one: one.changed_s, reverse=True):
            room -= one.bytes
            if room < 0 or now_s - one.changed_s > self._budget.days * DAY_S:
                one.path.unlink(missing_ok=True)
