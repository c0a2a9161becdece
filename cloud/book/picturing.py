"""Periodic pictures of a machine from the book, spread over a stretch of time, with their bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from cloud.book.tables import Evidence

if TYPE_CHECKING:
    from sqlalchemy import Engine

PERIODIC: Final = "spectrum"
"""Subject of a picture that no alarm asked for."""


def pictures_between(
    engine: Engine,
    machine_id: str,
    span_ms: tuple[int | None, int | None],
    count: int,
    *,
    oldest: bool = False,
) -> list[Evidence]:
    """Return at most so many whole periodic pictures of a machine, oldest first.

    Args:
        engine: the book.
        machine_id: whose.
        span_ms: from and to, ms UTC; None is no bound.
        count: where there are more, they are spread evenly over the list, the last one among them.
        oldest: take the oldest instead of spreading.
    """
    query = select(Evidence.id).where(
        Evidence.machine_id == machine_id, Evidence.state == "complete", Evidence.subject == PERIODIC
    )
    from_ms, to_ms = span_ms
    if from_ms is not None:
        query = query.where(Evidence.end_ms >= from_ms)
    if to_ms is not None:
        query = query.where(Evidence.end_ms < to_ms)
    with Session(engine) as session:
        ids = session.scalars(query.order_by(Evidence.end_ms, Evidence.id)).all()
        if oldest:
            ids = ids[:count]
        elif len(ids) > count:
            ids = [ids[round((place + 1) * len(ids) / count) - 1] for place in range(count)]
        rows = session.scalars(select(Evidence).where(Evidence.id.in_(ids))).all()
        return sorted(rows, key=lambda row: (row.end_ms, row.id))
