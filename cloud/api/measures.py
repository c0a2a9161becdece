"""`/alarms/measures`: how much the alarms ask of people, by ISA-18.2 and EEMUA 191."""

from collections.abc import Mapping
from typing import Annotated, Final

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from cloud.alarm_measures import PERIOD_MS, PRIORITY_SHARES, AlarmMeasures, measure_alarms
from cloud.api.context import Context, iso, parse_time
from cloud.api.documents import Withheld
from cloud.api.guard import permission
from cloud.api.machines import withheld
from cloud.book.answering import withholding
from cloud.book.measuring import WITHHELD, ShownAlarm, active_alarms, alarms_by_id, annunciations
from cloud.errors import RequestError
from cloud.permissions import Action

router = APIRouter(prefix="/alarms/measures", tags=["alarms"])

DAY_MS: Final = 86_400_000
DEFAULT_DAYS: Final = 7
LONGEST_DAYS: Final = 31
"""Both standards look at a month at most; it keeps the answer small, too."""


class MeasureItem(BaseModel):
    """A number beside what is acceptable; `within` is null where too little happened to say."""

    name: str
    value: float
    acceptable: float
    within: bool | None


class AlarmName(BaseModel):
    """An alarm as a list names it."""

    alarm: str
    machine: str
    machine_name: str
    sentence: str
    priority: str


class ChatteringItem(AlarmName):
    """An alarm that came and went, most often within a minute."""

    most_in_a_minute: int


class StaleItem(AlarmName):
    """An alarm that has been active for a day or more."""

    since: str


class FrequentItem(AlarmName):
    """An alarm and its share of all annunciations."""

    count: int
    share: float


class WithheldItem(AlarmName):
    """An alarm that asks for nothing just now, and why."""

    state: str
    withheld: Withheld | None


class FloodItem(BaseModel):
    """A stretch in which alarms came faster than a person can answer."""

    from_time: str = Field(serialization_alias="from")
    to_time: str = Field(serialization_alias="to")
    count: int


class PeriodCounts(BaseModel):
    """Annunciations in periods of ten minutes; periods without any are left out."""

    t_ms: list[int]
    count: list[int]


class PriorityShare(BaseModel):
    """Share of one priority in all annunciations, beside about what it should be."""

    priority: str
    share: float
    about: float


class MeasuresDocument(BaseModel):
    """The measures of a stretch of time."""

    from_time: str = Field(serialization_alias="from")
    to_time: str = Field(serialization_alias="to")
    operators: int
    annunciations: int
    measures: list[MeasureItem]
    per_10_minutes: PeriodCounts
    floods: list[FloodItem]
    chattering: list[ChatteringItem]
    stale: list[StaleItem]
    top: list[FrequentItem]
    priorities: list[PriorityShare]
    withheld: list[WithheldItem]


@router.get("")
@permission(Action.VIEW)
def read_measures(
    context: Context,
    from_time: Annotated[str | None, Query(alias="from")] = None,
    to_time: Annotated[str | None, Query(alias="to")] = None,
    operators: Annotated[int, Query(ge=1, le=1000, description="people who share the alarms")] = 1,
) -> MeasuresDocument:
    """Return the measures between two times, by default of the last seven days."""
    to_ms = parse_time("to", to_time)
    to_ms = context.now_ms() if to_ms is None else to_ms
    from_ms = parse_time("from", from_time)
    from_ms = to_ms - DEFAULT_DAYS * DAY_MS if from_ms is None else from_ms
    if not from_ms < to_ms <= from_ms + LONGEST_DAYS * DAY_MS:
        raise RequestError(f"from: must be before to, and at most {LONGEST_DAYS} days")
    names = context.book.names_of_machines()
    # Of machines that the asking person may see.
    alarms = {key: row for key, row in alarms_by_id(context.engine).items() if row.machine_id in names}
    measured = measure_alarms(
        [one for one in annunciations(context.engine, from_ms, to_ms) if one.alarm_id in alarms],
        [one for one in active_alarms(context.engine) if one.alarm_id in alarms],
        {alarm.id: alarm.priority for alarm in alarms.values()},
        (from_ms, to_ms),
        operators,
    )
    return _document(measured, alarms, names, operators)


def _document(
    measured: AlarmMeasures, alarms: dict[str, ShownAlarm], machines: Mapping[str, str], operators: int
) -> MeasuresDocument:
    names = {row.id: _name(row, machines.get(row.machine_id, row.machine_id)) for row in alarms.values()}
    busy = [(measured.from_ms + place * PERIOD_MS, count) for place, count in enumerate(measured.counts) if count]
    return MeasuresDocument(
        from_time=iso(measured.from_ms),
        to_time=iso(measured.to_ms),
        operators=operators,
        annunciations=measured.annunciations,
        measures=[
            MeasureItem(name=one.name, value=one.value, acceptable=one.acceptable, within=one.within)
            for one in measured.measures
        ],
        per_10_minutes=PeriodCounts(t_ms=[at for at, _ in busy], count=[count for _, count in busy]),
        floods=[
            FloodItem(from_time=iso(flood.from_ms), to_time=iso(flood.to_ms), count=flood.count)
            for flood in measured.floods
        ],
        chattering=[ChatteringItem(**names[one.alarm_id], most_in_a_minute=one.most) for one in measured.chattering],
        stale=[StaleItem(**names[one], since=iso(alarms[one].since_ms)) for one in measured.stale],
        top=[FrequentItem(**names[one.alarm_id], count=one.count, share=one.share) for one in measured.top],
        priorities=[
            PriorityShare(priority=priority, share=measured.priorities[priority], about=about)
            for priority, about in PRIORITY_SHARES.items()
        ],
        withheld=[
            WithheldItem(**names[row.id], state=row.state, withheld=withheld(withholding(_why(row))))
            for row in alarms.values()
            if row.state in WITHHELD
        ],
    )


def _name(row: ShownAlarm, machine: str) -> dict[str, str]:
    return {
        "alarm": row.id,
        "machine": row.machine_id,
        "machine_name": machine,
        "sentence": row.sentence,
        "priority": row.priority,
    }


def _why(row: ShownAlarm) -> dict[str, object] | None:
    """Return the column that the state tells of: out of service goes before suppressed, that before shelved."""
    return row.service or row.suppression or row.shelving
