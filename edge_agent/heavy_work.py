"""Diagnoses, pictures and moments of all machines of a gateway, in the order in which people wait for them.

A gateway has few cores and little memory, and machines on one clock end their windows together. So one thing of each
kind runs at a time: the diagnosis of a machine that has just changed as soon as another such is done, one that is
looked at again when there is none of the first kind, and what only adds to an alarm that has been told already when
nobody is waiting for a diagnosis. What is light waits as well while a new alarm is diagnosed: see `HeavyWork.quiet`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from enum import IntEnum
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar

from edge_agent.memory import with_room

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
T = TypeVar("T")


PATIENCE_S: Final = 0.5
"""Nobody waits longer for what is more urgent: a machine that is replayed fast may be looked at again without end."""

TELLING_S: Final = 0.02
"""What an alarm needs from its diagnosis to the disk and the broker."""


class Urgency(IntEnum):
    """Who waits for the work: the first comes first."""

    ALARM = 0
    """Nobody knows of it yet."""
    REVIEW = 1
    """An alarm that was told may get a better name."""
    PICTURE = 2
    """What goes with it."""


class HeavyWork:
    """Runs work in threads, no more of it at once than a small gateway can bear.

    Args:
        patience_s: how long something waits for what is more urgent, s.
    """

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        self._patience_s = patience_s
        self._turn = asyncio.Condition()
        self._waiting: Counter[Urgency] = Counter()
        self._running: Counter[Urgency] = Counter()

    async def run(self, urgency: Urgency, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what `work` returns, once it had its turn."""
        async with self._turn:
            self._waiting[urgency] += 1
            try:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._patience_s):
                        await self._turn.wait_for(lambda: self._may_run(urgency))
                await self._turn.wait_for(lambda: not self._running[urgency])
            finally:
                self._waiting[urgency] -= 1
                self._turn.notify_all()
            self._running[urgency] += 1
        try:
            return await asyncio.to_thread(lambda: with_room(work, *args, **kwargs))
        finally:
            async with self._turn:
                self._running[urgency] -= 1
                self._turn.notify_all()

    async def quiet(self) -> None:
        """Wait while a machine that has just changed is diagnosed and until that is told; not longer than `patience_s`.

        Threads share one interpreter, and people wait for the alarm.
        """
        if not self._is_diagnosing():
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._patience_s), self._turn:
                await self._turn.wait_for(lambda: not self._is_diagnosing())
        await asyncio.sleep(TELLING_S)

    def _is_diagnosing(self) -> bool:
        return bool(self._running[Urgency.ALARM] or self._waiting[Urgency.ALARM])

    def _may_run(self, urgency: Urgency) -> bool:
        """Return whether nothing as urgent runs, and nothing more urgent waits; what has begun holds up nobody else."""
        return not any(self._running[other] for other in Urgency if other <= urgency) and not any(
            self._waiting[other] for other in Urgency if other < urgency
        )
