"""`/machines`: the fleet, one machine, and its trends."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Final

from fastapi import APIRouter, Query

from cloud.alarm_desk import Withholding
from cloud.api.context import ApiContext, Context, iso, parse_time
from cloud.api.cursors import decode_cursor, encode_cursor
from cloud.api.documents import (
    Channel,
    FeatureName,
    HealthTrend,
    MachineDocument,
    MachineFacts,
    MachineItem,
    MachineList,
    NothingRequest,
    OpenAlarms,
    Series,
    ShelveRequest,
    States,
    TrendDocument,
    Verdict,
    Withheld,
)
from cloud.api.guard import Who, permission
from cloud.api.prognoses import prognosis_items
from cloud.book.answering import end_maintenance, maintain, withholding
from cloud.book.tables import Alarm, Gateway, Machine
from cloud.errors import RequestError
from cloud.permissions import Action
from cloud.trends.store import HEALTH_INDEX, MAX_POINTS, MIN_POINTS, SCORE, MachineLatest
from models.contract.vocabulary import AlarmState, Priority, Severity

router = APIRouter(prefix="/machines", tags=["machines"])

DAY_MS: Final = 86_400_000
MINUTE_MS: Final = 60_000
STALE_AFTER_MS: Final = 5 * 60_000
"""A machine is summarised every minute; five missed ones are worth a word."""

HEALTH_DAYS: Final = 30
HEALTH_POINTS: Final = 60
COARSE_POINTS: Final = 12
"""Hours of data after which they are fine enough for a line as small as the fleet's."""

LOOKED_AT_ONE_BY_ONE: Final = 100
"""Each takes a few questions of its own; a list of a thousand new machines would wait for seconds."""

DEFAULT_SPAN_DAYS: Final = 7


@router.get("")
@permission(Action.VIEW)
def list_machines(
    context: Context,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 500,
    gateway: Annotated[str | None, Query(description="id of a gateway: its machines only")] = None,
) -> MachineList:
    """Return the fleet in the order of ids, or the machines of one gateway."""
    after = str(decode_cursor(cursor, str)[0]) if cursor else ""
    rows = _rows(context, after, limit + 1, gateway)
    latest = context.trends.latest_machines()
    alarms = context.book.open_alarms()
    gateways = {gateway.id: gateway for gateway in context.book.gateways()}
    health = _health_trends(context, [row.id for row in rows[:limit]], latest)
    items = [
        _item(context, row, gateways[row.gateway_id], latest.get(row.id), alarms.get(row.id, ()), health[row.id])
        for row in rows[:limit]
    ]
    return MachineList(items=items, next=encode_cursor(items[-1].id) if len(rows) > limit else None)


@router.get("/{machine_id}")
@permission(Action.VIEW)
def read_machine(context: Context, machine_id: str) -> MachineDocument:
    """Return one machine with its channels, features and facts."""
    row = context.book.machine(machine_id)
    latest = context.trends.latest_machines().get(row.id)
    item = _item(
        context,
        row,
        context.book.gateway(row.gateway_id),
        latest,
        context.book.open_alarms(row.id).get(row.id, ()),
        _health_trend(context, row.id, latest),
    )
    prognoses = prognosis_items(context, row)
    return MachineDocument(
        **item.model_dump(),
        prognosis=prognoses[0] if prognoses else None,
        prognoses=prognoses,
        channels=[
            Channel(
                name=channel["name"],
                unit=channel.get("unit"),
                sample_rate_hz=channel.get("sample_rate_hz"),
                bearing=channel.get("bearing"),
            )
            for channel in row.channels
        ],
        features=[FeatureName(name=feature["name"], unit=feature.get("unit")) for feature in row.features],
        facts=MachineFacts(
            speed_rpm=row.facts.get("speed_rpm"),
            machine_group=row.facts.get("machine_group"),
            support=row.facts.get("support"),
        ),
    )


@router.post("/{machine_id}/maintain")
@permission(Action.MAINTAIN_MACHINES)
def maintain_machine(context: Context, person: Who, machine_id: str, request: ShelveRequest) -> MachineDocument:
    """Say that people work on the machine until a time: its alarms are suppressed, and still written down."""
    now_ms = context.now_ms()
    why = Withholding(person.name, now_ms, request.reason, now_ms + request.minutes * MINUTE_MS)
    context.hub.tell(maintain(context.engine, machine_id, why))
    return read_machine(context, machine_id)


@router.post("/{machine_id}/end-maintenance")
@permission(Action.MAINTAIN_MACHINES)
def end_machine_maintenance(
    context: Context, person: Who, machine_id: str, _request: NothingRequest | None = None
) -> MachineDocument:
    """Say that nobody works on the machine any more: what is active wants to be seen."""
    context.hub.tell(end_maintenance(context.engine, machine_id, person.name, context.now_ms()))
    return read_machine(context, machine_id)


@router.get("/{machine_id}/trends")
@permission(Action.VIEW)
def read_trends(  # noqa: PLR0917 - each argument is one query parameter, FastAPI passes them by name
    context: Context,
    machine_id: str,
    feature: Annotated[list[str] | None, Query(description="may repeat; also score and health_index")] = None,
    from_time: Annotated[str | None, Query(alias="from")] = None,
    to_time: Annotated[str | None, Query(alias="to")] = None,
    points: Annotated[int, Query(ge=MIN_POINTS, le=MAX_POINTS)] = 500,
) -> TrendDocument:
    """Return trends between two times, by default the last week of data, in at most so many points each."""
    row = context.book.machine(machine_id)
    span = context.trends.span_ms(machine_id)
    last_ms = span[1] if span else context.now_ms()
    to_ms = parse_time("to", to_time)
    to_ms = last_ms + 1 if to_ms is None else to_ms
    from_ms = parse_time("from", from_time)
    if from_ms is None:
        from_ms = max(to_ms - DEFAULT_SPAN_DAYS * DAY_MS, span[0] if span and span[0] < to_ms else 0)
    if from_ms >= to_ms:
        raise RequestError("from: must be before to")
    units = {known["name"]: known.get("unit") for known in row.features} | {SCORE: "1", HEALTH_INDEX: "%"}
    trend = context.trends.trend(machine_id, feature or [HEALTH_INDEX], from_ms, to_ms, points)
    return TrendDocument(
        machine=machine_id,
        from_time=iso(from_ms),
        to_time=iso(to_ms),
        bucket_s=trend.bucket_ms / 1000,
        series=[
            Series(
                feature=series.name,
                unit=units.get(series.name),
                t_ms=series.t_ms.tolist(),
                mean=series.mean.tolist(),
                min=series.low.tolist(),
                max=series.high.tolist(),
                late=series.late.tolist(),
            )
            for series in trend.series
        ],
        states=States(t_ms=list(trend.states.t_ms), value=list(trend.states.value)),
    )


def _rows(context: ApiContext, after: str, limit: int, gateway: str | None) -> Sequence[Machine]:
    if gateway is None:
        return context.book.machines(after, limit)
    # Sorted as the cursor counts: a gateway names its machines in its own order, and has a few dozen at most.
    rows = sorted(context.book.machines_of(gateway), key=lambda row: row.id)
    return [row for row in rows if row.id > after][:limit]


def machine_name(machine: Machine) -> str:
    """Return what people call a machine."""
    return machine.display_name or machine.device


def _item(  # noqa: PLR0917 - one row of each table that a machine has something in
    context: ApiContext,
    row: Machine,
    gateway: Gateway,
    latest: MachineLatest | None,
    alarms: Sequence[Alarm],
    health: HealthTrend,
) -> MachineItem:
    silent = latest is None or context.now_ms() - latest.received_ms > STALE_AFTER_MS
    return MachineItem(
        id=row.id,
        name=machine_name(row),
        path=row.path or gateway.group_name,
        machine_class=row.machine_class,
        gateway=row.gateway_id,
        operating_state=latest.operating_state if latest else None,
        health_index=latest.health_index if latest else None,
        score=latest.score if latest else None,
        zone=latest.zone if latest else None,
        learning_progress=latest.learning_progress if latest else None,
        last_data=iso(latest.end_ms) if latest else None,
        stale=silent or not (gateway.online and row.alive and context.status.broker_connected),
        open_alarms=OpenAlarms(**_counts(alarms)),
        verdict=_verdict(alarms),
        health_trend=health,
        maintenance=withheld(withholding(row.maintenance)),
    )


def withheld(why: Withholding | None) -> Withheld | None:
    """Return why something asks for nothing just now, for the API."""
    if why is None:
        return None
    return Withheld(
        by=why.by, at=iso(why.at_ms), reason=why.reason, until=None if why.until_ms is None else iso(why.until_ms)
    )


def _counts(alarms: Sequence[Alarm]) -> Mapping[str, int]:
    return {priority.value: sum(alarm.priority == priority for alarm in alarms) for priority in Priority}


def _verdict(alarms: Sequence[Alarm]) -> Verdict | None:
    """Return the open alarm that matters most: still active, then priority, then severity, then the oldest."""
    if not alarms:
        return None
    first = max(
        alarms,
        key=lambda alarm: (
            alarm.condition == AlarmState.ACTIVE,
            list(Priority).index(Priority(alarm.priority)),
            list(Severity).index(Severity(alarm.severity)),
            -alarm.since_ms,
        ),
    )
    return Verdict(label=first.label, sentence=first.sentence, severity=first.severity, since=iso(first.since_ms))


def _health_trends(
    context: ApiContext, machines: Sequence[str], latest: Mapping[str, MachineLatest]
) -> Mapping[str, HealthTrend]:
    """Return the last 30 days of health of each machine: of all at once where hours and days are enough."""
    found = context.trends.recent_health(machines, context.now_ms())
    trends: dict[str, HealthTrend] = {}
    looked_at = 0
    for machine_id in machines:
        times, values = found.get(machine_id, ([], []))
        # A machine that is new, or silent for longer, is shown from its own last data, and finer.
        if len(times) < COARSE_POINTS and machine_id in latest and looked_at < LOOKED_AT_ONE_BY_ONE:
            looked_at += 1
            trends[machine_id] = _health_trend(context, machine_id, latest[machine_id])
        else:
            trends[machine_id] = HealthTrend(t_ms=times, value=[round(value, 1) for value in values])
    return trends


def _health_trend(context: ApiContext, machine_id: str, latest: MachineLatest | None) -> HealthTrend:
    """Return the last 30 days of data, or what there is of them."""
    span = context.trends.span_ms(machine_id) if latest else None
    if span is None:
        return HealthTrend(t_ms=[], value=[])
    from_ms = max(span[0], span[1] - HEALTH_DAYS * DAY_MS)
    trend = context.trends.trend(machine_id, (HEALTH_INDEX,), from_ms, span[1] + 1, HEALTH_POINTS)
    if not trend.series:
        return HealthTrend(t_ms=[], value=[])
    # Buckets begin at full hours, so the first may begin before the span and make one too many.
    series = trend.series[0]
    return HealthTrend(t_ms=series.t_ms[-HEALTH_POINTS:].tolist(), value=series.mean[-HEALTH_POINTS:].round(1).tolist())
