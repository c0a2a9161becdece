"""The one thread that touches the journal, so that a slow disk never stops the event loop.

Commits that arrive while the disk is busy are written together in one transaction: with one flash write per group
instead of one per machine, many machines cost little more than one.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, ParamSpec, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge_agent.journal import Change, Journal

P = ParamSpec("P")
T = TypeVar("T")

_GROUP: Final = 64
"""Changes written at once at most: bounds how long the first of them waits."""


@dataclass(frozen=True, slots=True)
class _Job:
    """Something to do on the thread; `change` is set for a commit, `call` for everything else."""

    future: asyncio.Future[Any]
    change: Change | None = None
    call: Callable[[], Any] | None = None


class JournalThread:
    """Runs the journal's methods on one thread; use as an async context manager.

    Args:
        journal: opened; closed by this object at the end.
    """

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._work, name="journal", daemon=True)

    async def __aenter__(self) -> Self:
        self._thread.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)
        self.journal.close()

    async def commit(self, change: Change) -> int:
        """Return once the change is on disk: the wall time in ns at which it was.

        The event loop may be busy with other machines then, so its own clock would tell later.

        Raises:
            JournalFullError: the disk is full; nothing of it is written.
            JournalError: the journal cannot be written.
        """
        future: asyncio.Future[int] = self._loop.create_future()
        self._jobs.put(_Job(future, change=change))
        return await future

    async def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what the function returns when it is called on the journal's thread."""
        future: asyncio.Future[T] = self._loop.create_future()
        self._jobs.put(_Job(future, call=lambda: function(*args, **kwargs)))
        return await future

    def _work(self) -> None:
        ahead: list[_Job | None] = []
        while True:
            job = ahead.pop(0) if ahead else self._jobs.get()
            if job is None:
                return
            if job.call is not None:
                self._answer([job], job.call)
                continue
            group = [job]
            while len(group) < _GROUP and not ahead and not self._jobs.empty():
                following = self._jobs.get()
                if following is None or following.change is None:
                    ahead.append(following)
                else:
                    group.append(following)
            changes = [one.change for one in group if one.change is not None]
            self._answer(group, partial(self._committed, changes))

    def _committed(self, changes: list[Change]) -> int:
        self.journal.commit(changes)
        return time.time_ns()

    def _answer(self, jobs: list[_Job], call: Callable[[], Any]) -> None:
        try:
            result = call()
        except Exception as error:  # noqa: BLE001 - it is raised again where the result is awaited
            self._tell(jobs, None, error)
        else:
            self._tell(jobs, result, None)

    def _tell(self, jobs: list[_Job], result: Any, error: Exception | None) -> None:
        def settle() -> None:
            for job in jobs:
                if job.future.done():
                    continue
                if error is None:
                    job.future.set_result(result)
                else:
                    job.future.set_exception(error)

        self._loop.call_soon_threadsafe(settle)
