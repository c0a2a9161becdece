"""The threads that turn waiting messages into delivered ones.

    woken, or a second has passed → decide on what happened → wake the couriers whose messages are due
    each courier: take one → write it → hand it over → record how it ended → the next one

One thread per target, so that a target that hangs holds back nobody else. While one hangs beyond its time-out its
message says so; nothing is sent twice at the same time. Messages survive in the book; threads are daemons, because a
hand-over that never returns must not keep a cloud from ending.
"""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from cloud.book.notification_planning import LINES_AT_ONCE, begin_reading, plan_messages
from cloud.book.notification_queue import due_targets, fail_without_target, note_hanging, record, recover, take
from cloud.book.reading import BookReader
from cloud.errors import NotFoundError, StoreError
from cloud.notifying.acknowledge_links import Link, sign
from cloud.notifying.message import Ending, Outcome
from cloud.notifying.picture import draw
from cloud.notifying.plan import plan_of
from cloud.notifying.wording import Links, write
from models.contract.errors import ContractError, PlantpulseError
from models.contract.evidence import unpack_evidence

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from zoneinfo import ZoneInfo

    from sqlalchemy import Engine

    from cloud.notifying.message import AlarmNews, Waiting
    from cloud.notifying.settings import NotifySettings
    from cloud.notifying.targets import Target

TICK_S: Final = 1.0
"""An escalation is told within a second of its time; new alarms wake us at once."""

GRACE_S: Final = 3.0
"""How long hand-overs may take to end once we stop, as long as requests (`cloud.http_server`)."""

HOUR_MS: Final = 3_600_000
HANGING_S: Final = 1.0
"""Beyond its time-out by this much, a hand-over counts as hanging."""


@dataclass(slots=True)
class NotifierStatus:
    """What does not work with the notifications as a whole.

    Attributes:
        problem: why the queue cannot be read or written, or None.
        clock_back_ms: how far the clock was set back, summed over this run.
    """

    problem: str | None = None
    clock_back_ms: int = 0


@dataclass(frozen=True, slots=True)
class Office:
    """What every courier works with.

    Attributes:
        zone: the plant's.
        key: of the links that acknowledge.
        now_ms: ms UTC.
        chance: 0 to 1, for jitter.
    """

    engine: Engine
    settings: NotifySettings
    zone: ZoneInfo
    key: bytes
    now_ms: Callable[[], int]
    chance: Callable[[], float] = random.random

    def links(self, news: AlarmNews, message: Waiting) -> Links:
        """Return the addresses that a message gives for an alarm."""
        if (console := self.settings.console) is None:
            return Links()
        alarm = f"{console}/alarms/{quote(news.alarm_id, safe='')}"
        if news.acknowledged_by is not None:
            return Links(alarm)
        expires_ms = message.due_ms + round(self.settings.link_hours * HOUR_MS)
        token = sign(self.key, Link(news.alarm_id, news.occurrence, message.target, expires_ms))
        return Links(alarm, f"{console}/acknowledge/{token}")

    def picture(self, message: Waiting) -> bytes | None:
        """Return the picture for the alarm of a message, None where there is no evidence or more than one alarm."""
        if len(message.news) != 1:
            return None
        news = message.news[0]
        try:
            package = BookReader(self.engine).alarm_evidence(news.alarm_id).package
            return draw(unpack_evidence(package or b""), news.channel, news.label)
        except (NotFoundError, ContractError):
            return None


class Courier:
    """One thread that hands over the messages of one target, one after the other."""

    def __init__(self, office: Office, name: str, target: Target, *, pictures: bool) -> None:
        self._office = office
        self._name = name
        self._target = target
        self._pictures = pictures
        self._zone = office.zone
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._abandoned = False
        self._busy: tuple[int, float] | None = None
        self._thread = threading.Thread(target=self._run, name=f"courier {name}", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def wake(self) -> None:
        """Say that a message may be due."""
        self._wake.set()

    def stop(self) -> None:
        """Take no further message."""
        self._stopping.set()
        self._wake.set()

    def wait(self, timeout_s: float) -> None:
        """Wait for the last hand-over; what takes longer is not recorded, and handed over again by the next start."""
        self._thread.join(timeout_s)
        self._abandoned = self._thread.is_alive()

    def say_if_hanging(self) -> None:
        """Say with the message that its target does not answer.

        Raises:
            StoreError: it could not be written.
        """
        busy = self._busy
        limit_s = self._target.timeout_s + HANGING_S
        if busy is not None and time.monotonic() - busy[1] > limit_s:
            note_hanging(self._office.engine, busy[0], f"no answer for {limit_s:.0f} s, still waiting for it")
            self._busy = None

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.wait()
            self._wake.clear()
            while not self._stopping.is_set() and self._deliver_one():
                pass

    def _deliver_one(self) -> bool:
        """Hand over the next message; return whether there was one."""
        try:
            message = take(self._office.engine, self._name, self._office.now_ms())
        except StoreError:
            return False
        if message is None:
            return False
        started_ms, self._busy = self._office.now_ms(), (message.key, time.monotonic())
        outcome = self._hand_over(message, started_ms)
        self._busy = None
        while not self._abandoned:
            try:
                give_up_ms = round(self._office.settings.give_up_hours * HOUR_MS)
                now_ms, chance = self._office.now_ms(), self._office.chance()
                record(self._office.engine, message.key, outcome, started_ms, now_ms, give_up_ms, chance)
                break
            except StoreError:
                # It was handed over: what must not happen is that nobody remembers.
                if self._stopping.wait(TICK_S):
                    break
        return True

    def _hand_over(self, message: Waiting, now_ms: int) -> Outcome:
        try:
            links = {news.alarm_id: self._office.links(news, message) for news in message.news}
            written = write(message, links, self._zone, now_ms)
            return self._target.hand_over(written, self._picture(message))
        except PlantpulseError as error:
            return Outcome(Ending.REFUSED, str(error))
        except Exception as error:  # noqa: BLE001 - a courier that dies of one message delivers no other
            return Outcome(Ending.REFUSED, f"broke off ({type(error).__name__})")

    def _picture(self, message: Waiting) -> bytes | None:
        try:
            return self._office.picture(message) if self._pictures else None
        except Exception:  # noqa: BLE001 - a message without its picture is better than none
            return None


class Notifier:
    """Decides and wakes; `run` belongs to one thread.

    Args:
        office: what couriers work with.
        targets: by name, opened.
    """

    def __init__(self, office: Office, targets: Mapping[str, Target]) -> None:
        self.status = NotifierStatus()
        self._office = office
        self._plan = plan_of(office.settings, office.zone)
        pictures = {target.name: target.pictures for target in office.settings.target}
        self._couriers = {
            name: Courier(office, name, target, pictures=pictures[name]) for name, target in targets.items()
        }
        self._woken = threading.Event()
        self._latest_ms = office.now_ms()

    @property
    def office(self) -> Office:
        """Return what couriers work with."""
        return self._office

    def take_up(self) -> None:
        """Take up the queue as the last process left it, before anything can be raised; once the book is there.

        Raises:
            StoreError: it could not be.
        """
        now_ms = self._office.now_ms()
        begin_reading(self._office.engine, now_ms)
        recover(self._office.engine, now_ms)
        fail_without_target(self._office.engine, self._couriers.keys(), now_ms)

    def wake(self) -> None:
        """Say that an alarm has changed or a message was queued; may be called from any thread."""
        self._woken.set()

    def run(self, stop: threading.Event) -> None:
        """Work until told to stop."""
        for courier in self._couriers.values():
            courier.start()
        try:
            while not stop.is_set():
                self._pass()
                self._woken.wait(TICK_S)
                self._woken.clear()
        finally:
            for courier in self._couriers.values():
                courier.stop()
            deadline_s = time.monotonic() + GRACE_S
            for courier in self._couriers.values():
                courier.wait(max(deadline_s - time.monotonic(), 0.0))

    def _pass(self) -> None:
        try:
            while True:
                now_ms = self._office.now_ms()
                planned = plan_messages(self._office.engine, self._plan, now_ms, self._latest_ms)
                self._latest_ms = now_ms if planned.clock_back_ms else max(self._latest_ms, now_ms)
                self.status.clock_back_ms += planned.clock_back_ms
                for name in due_targets(self._office.engine, now_ms):
                    if (courier := self._couriers.get(name)) is not None:
                        courier.wake()
                if planned.lines < LINES_AT_ONCE:
                    break
            for courier in self._couriers.values():
                courier.say_if_hanging()
            self.status.problem = None
        except StoreError as error:
            # Nothing is lost: what happened stands in the timeline and is read at the next pass.
            self.status.problem = str(error)
