"""What changed, told to everyone who has a page open.

Ingest says which machine, alarm or gateway changed; each open page has a bounded set of what it has not been told
yet. A set, because a page fetches what changed and does not care how often: a slow page costs one entry per thing,
never a queue that grows. When even that is too much, the page is told to fetch everything.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Iterable

MAX_WAITING = 1_000


class Subject(StrEnum):
    """Kind of thing that changed; the name of the server-sent event."""

    MACHINE = "machine"
    ALARM = "alarm"
    GATEWAY = "gateway"
    MODEL = "model"
    ROLLOUT = "rollout"
    EVERYTHING = "everything"


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that changed."""

    subject: Subject
    identifier: str


EVERYTHING = Change(Subject.EVERYTHING, "")


@dataclass(slots=True, eq=False)
class Listener:
    """One open page: what it has not been told yet, in the order in which it changed first."""

    waiting: dict[Change, None] = field(default_factory=dict)
    something: asyncio.Event = field(default_factory=asyncio.Event)
    urgent: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, changes: Collection[Change]) -> None:
        """Remember changes until `take`."""
        self.waiting.update(dict.fromkeys(changes))
        if any(change.subject is Subject.ALARM for change in changes):
            self.urgent.set()
        if len(self.waiting) > MAX_WAITING:
            self.waiting = {EVERYTHING: None}
        self.something.set()

    async def gather(self, seconds: float) -> None:
        """Let changes gather for so long; an alarm ends that."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.urgent.wait()

    async def take(self) -> list[Change]:
        """Wait until something has changed and return it."""
        await self.something.wait()
        self.something.clear()
        self.urgent.clear()
        taken, self.waiting = list(self.waiting), {}
        return taken


class EventHub:
    """Passes changes from ingest's thread to the pages that listen on the event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._listeners: set[Listener] = set()
        self.closed = False

    @contextlib.asynccontextmanager
    async def listen(self) -> AsyncIterator[Listener]:
        """Yield a listener that hears everything from now on."""
        listener = Listener()
        self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)

    def tell(self, changes: Iterable[Change]) -> None:
        """Tell everyone; may be called from any thread."""
        told = tuple(changes)
        if told and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._tell, told)

    def close(self) -> None:
        """Let every stream end, so that the server can stop."""
        self.closed = True
        self._tell(())

    def _tell(self, changes: tuple[Change, ...]) -> None:
        for listener in self._listeners:
            listener.add(changes)
