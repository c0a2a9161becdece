"""What the measures of the alarms are made of, from the book: when alarms became active, and which still are."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from cloud.alarm_desk import DeskState
from cloud.alarm_measures import Active, Annunciation
from cloud.book.tables import Alarm, AlarmOccurrence, AlarmReportRow
from models.contract.vocabulary import AlarmState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Engine

WITHHELD: Final = (DeskState.SHELVED, DeskState.SUPPRESSED, DeskState.OUT_OF_SERVICE)


REPORTS_LOOKED_AT: Final = 1_000
"""Of one machine: years of a usual one, and read within milliseconds."""


def annunciations(engine: Engine, from_ms: int, to_ms: int) -> Sequence[Annunciation]:
    """Return when alarms became active in [from_ms, to_ms)."""
    query = select(AlarmOccurrence.alarm_id, AlarmOccurrence.since_ms).where(
        AlarmOccurrence.since_ms >= from_ms, AlarmOccurrence.since_ms < to_ms
    )
    with Session(engine) as session:
        return [Annunciation._make(row) for row in session.execute(query)]


def active_alarms(engine: Engine) -> Sequence[Active]:
    """Return alarms that are active now and not withheld: nobody is asked for anything by those."""
    query = select(Alarm.id, Alarm.since_ms).where(
        Alarm.condition == AlarmState.ACTIVE, Alarm.state.not_in([state.value for state in WITHHELD])
    )
    with Session(engine) as session:
        return [Active(alarm_id, since_ms) for alarm_id, since_ms in session.execute(query)]


class ShownAlarm(NamedTuple):
    """What the measures show of an alarm; the last three say why it asks for nothing, if it does not."""

    id: str
    machine_id: str
    priority: str
    sentence: str
    state: str
    since_ms: int
    service: dict[str, object] | None
    suppression: dict[str, object] | None
    shelving: dict[str, object] | None


def alarms_by_id(engine: Engine) -> dict[str, ShownAlarm]:
    """Return all alarms, with what the measures show of them; there is one for each cause, however often it came."""
    query = select(*(getattr(Alarm, name) for name in ShownAlarm._fields))
    with Session(engine) as session:
        return {row[0]: ShownAlarm._make(row) for row in session.execute(query)}


def models_of_alarms(engine: Engine) -> dict[str, str]:
    """Return what raised the last alarm of each machine, by machine id."""
    query = select(Alarm.machine_id, Alarm.model).order_by(Alarm.changed_ms)
    with Session(engine) as session:
        return dict(session.execute(query).all())


def model_changes(engine: Engine, machine_id: str) -> list[tuple[int, str]]:
    """Return when the reports of a machine's alarms began to name another model, oldest first, ms UTC.

    Only the last `REPORTS_LOOKED_AT` reports are looked at.
    """
    query = (
        select(AlarmReportRow.end_ms, AlarmReportRow.document)
        .where(AlarmReportRow.machine_id == machine_id)
        .order_by(AlarmReportRow.end_ms.desc())
        .limit(REPORTS_LOOKED_AT)
    )
    with Session(engine) as session:
        told = [(end_ms, str(document.get("model", ""))) for end_ms, document in session.execute(query)]
    told.reverse()
    named = [(end_ms, model) for end_ms, model in told if model]
    return [now for before, now in pairwise(named) if now[1] != before[1]]
