"""What models need done from time to time: signatures that are renewed before they end, rollouts that move on."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from cloud.errors import KeyFileError, StoreError, UpdateRepositoryError
from cloud.rollout_driver import RolloutDriver

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable

    from sqlalchemy import Engine

    from cloud.event_hub import Change
    from cloud.status import Status
    from cloud.updates.repository import UpdateRepository

STEP_S: Final = 2.0
"""Between a report that decides about a rollout and the decision; a stage lasts hours."""
RENEW_EVERY: Final = 300
"""Steps: ten minutes. The shortest signature is good for a day and renewed after half of it."""


class ModelClock:
    """Does what is due.

    Args:
        engine: of the book.
        repository: that gateways read; there may be none yet.
        status: is told what a person must see to.
    """

    def __init__(self, engine: Engine, repository: UpdateRepository, status: Status) -> None:
        self._driver = RolloutDriver(engine)
        self._repository = repository
        self._status = status

    def run(self, tell: Callable[[Iterable[Change]], None], now_ms: Callable[[], int], stop: threading.Event) -> None:
        """Do what is due until told to stop; what could not be written is tried again at the next step."""
        steps = 0
        while not stop.wait(STEP_S):
            if steps % RENEW_EVERY == 0:
                self._status.updates_notice = _renewed(self._repository, now_ms())
            steps += 1
            try:
                changes = self._driver.step(now_ms())
            except StoreError:
                # Ingest meets the same store and says so; a decision falls late, never twice.
                continue
            if changes:
                tell(changes)


def _renewed(repository: UpdateRepository, now_ms: int) -> str | None:
    """Renew what has less than half of its life left; return what a person must see to, None where all is well."""
    if not repository.exists:
        return None
    try:
        repository.renew(datetime.fromtimestamp(now_ms / 1000.0, UTC))
    except (KeyFileError, UpdateRepositoryError) as error:
        return f"signatures of updates are not renewed: {error}"
    return None
