"""The clock of the alarm desk: shelving and maintenance end at their time, also if no cloud was running then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cloud.book.answering import end_what_is_over
from cloud.errors import StoreError

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable

    from sqlalchemy import Engine

    from cloud.event_hub import Change

TICK_S: Final = 1.0
"""People see an end when the clock says so; two look-ups by index a second cost nothing."""


def run_desk_clock(
    engine: Engine,
    tell: Callable[[Iterable[Change]], None],
    now_ms: Callable[[], int],
    stop: threading.Event,
) -> None:
    """End what is over until told to stop; what could not be written is tried again at the next tick."""
    while not stop.wait(TICK_S):
        try:
            changes = end_what_is_over(engine, now_ms())
        except StoreError:
            # Ingest meets the same store and says so; an end is written late, never lost.
            continue
        if changes:
            tell(changes)
