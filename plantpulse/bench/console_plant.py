"""A plant of years for the benchmark of the console: machines with 30 days of history, and their alarms.

Everything that has a decision in it goes the way that ingest goes (alarms, evidence, labels, summaries); what is only
more of the same is written in bulk, the same rows: occurrences, lines of timelines, hours and days of health.
"""

from __future__ import annotations

import sqlite3
import uuid
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from cloud.batch import StoredAlarm, StoredPart
from cloud.book.alarm_writing import write_alarm
from cloud.book.evidence_writing import write_part
from cloud.book.labelling import Said, label_stretch
from cloud.book.tables import Alarm, AlarmEvent, AlarmName, AlarmOccurrence, Gateway, Machine
from cloud.book.transactions import taking_in, writing
from cloud.sparkplug_outcomes import NodeId
from cloud.trends.sqlite import SqliteTrendStore
from cloud.trends.store import StoredSummary
from models.contract.evidence import pack_evidence, split_evidence
from models.contract.records import (
    AlarmReport,
    Diagnosis,
    Evidence,
    EvidenceChannel,
    EvidenceLine,
    FeatureStatistics,
    Summary,
)
from models.contract.vocabulary import AlarmState, ClockQuality, DiagnosisLabel, FailureFamily, Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import Engine

    from cloud.configuration import RetentionSettings

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
NS_PER_MS: Final = 1_000_000
DAYS: Final = 30
MACHINES_PER_GATEWAY: Final = 20
CHANNELS: Final = 4
FEATURES_PER_CHANNEL: Final = 17
ALARMS_PER_MACHINE: Final = 2
OPEN_ONE_IN: Final = 20
"""One alarm in twenty still wants something from somebody: 100 of 2,000, more than a team keeps up with."""
CHATTERING: Final = 20
"""Alarms that share a third of all occurrences between them: what is long is long in a few places."""
PICTURES: Final = 60
LABELS: Final = 300
ROWS_AT_ONCE: Final = 5_000
SEED: Final = 20816


@dataclass(frozen=True, slots=True)
class Plant:
    """What was made, for those who ask for it.

    Attributes:
        machine: the one with pictures, features and the alarm with the longest timeline.
        alarm: that alarm.
    """

    machine: str
    alarm: str
    gateway: str
    occurrences: int


def fill_book(engine: Engine, machines: int, occurrences: int, now_ms: int) -> Plant:
    """Fill an empty book; return what to ask for."""
    ids = [_id("machine", number) for number in range(machines)]
    with taking_in(engine, "the plant") as session:
        for number, machine_id in enumerate(ids):
            if number % MACHINES_PER_GATEWAY == 0:
                session.add(_gateway(number // MACHINES_PER_GATEWAY, now_ms))
                session.flush()
            session.add(_machine(number, machine_id, now_ms))
    alarms = [_id("alarm", number) for number in range(machines * ALARMS_PER_MACHINE)]
    for begin in range(0, len(alarms), 200):
        with taking_in(engine, "alarms") as session:
            for number in range(begin, min(begin + 200, len(alarms))):
                machine = number // ALARMS_PER_MACHINE
                told = _report(alarms[number], ids[machine], machine, number, now_ms)
                write_alarm(session, StoredAlarm(_node(machine), told, number, late=False, received_ms=now_ms))
    counts = _share(occurrences, len(alarms))
    _write_occurrences(engine, alarms, counts, now_ms)
    _close_most(engine, alarms)
    _write_pictures(engine, ids[0], alarms[0], now_ms)
    for number in range(LABELS):
        said = Said("M. Ruiz", Finding.IMBALANCE, None, "balanced", "", "")
        begin_ms = now_ms - number * HOUR_MS
        label_stretch(engine, ids[number % machines], (begin_ms, begin_ms + HOUR_MS), said, now_ms)
    return Plant(ids[0], alarms[0], _gateway(0, now_ms).id, sum(counts))


def fill_trends(path: Path, retention: RetentionSettings, machines: int, now_ms: int) -> None:
    """Fill an empty embedded trend store: each machine's newest summary, 30 days of health, one machine in full."""
    store = SqliteTrendStore(path, retention)
    hours = [now_ms - hour * HOUR_MS for hour in range(DAYS * 24, 24, -1)]
    minutes = [now_ms - minute * 60_000 for minute in range(24 * 60, 0, -1)]
    first = [_summary(0, start_ms) for start_ms in hours + minutes]
    newest = [_summary(number, now_ms - 60_000) for number in range(1, machines)]
    for begin in range(0, len(first) + len(newest), 500):
        store.write((first + newest)[begin : begin + 500], ())
    store.close()
    with closing(sqlite3.connect(path)) as connection:
        keys = [key for (key,) in connection.execute("SELECT key FROM asset WHERE key > 1")]
        connection.executemany(
            "INSERT OR IGNORE INTO vital VALUES (?, ?, ?, 'steady/default', 60, 0, 60, 22.5, 0.2, 0.6, 60, ?, 90, 99)",
            _health(keys, now_ms),
        )
        connection.commit()


def _health(keys: list[int], now_ms: int) -> Iterator[tuple[Any, ...]]:
    rng = np.random.default_rng(SEED)
    for key in keys:
        level = 60.0 * rng.uniform(60.0, 100.0, DAYS * 24)
        for grain, length_ms, count in (("day", DAY_MS, DAYS), ("hour", HOUR_MS, DAYS * 24)):
            last_ms = now_ms // length_ms * length_ms
            for back in range(count, -1, -1):
                yield key, grain, last_ms - back * length_ms, float(level[back % len(level)])


def _id(kind: str, number: int) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{kind}/{number}"))


def _node(machine: int) -> NodeId:
    return NodeId(f"site-{machine // MACHINES_PER_GATEWAY % 5}", f"gateway-{machine // MACHINES_PER_GATEWAY}")


def _gateway(number: int, now_ms: int) -> Gateway:
    node = _node(number * MACHINES_PER_GATEWAY)
    return Gateway(
        id=f"{node.group}:{node.gateway}",
        group_name=node.group,
        name=node.gateway,
        foreign_node=False,
        online=True,
        incarnation=_id("incarnation", number),
        first_seen_ms=now_ms - 90 * DAY_MS,
        last_seen_ms=now_ms,
    )


def _names() -> tuple[str, ...]:
    return tuple(f"C{channel}/feature_{one}" for channel in range(CHANNELS) for one in range(FEATURES_PER_CHANNEL))


def _machine(number: int, machine_id: str, now_ms: int) -> Machine:
    channels = [
        {"name": f"C{channel}", "unit": "g", "sample_rate_hz": 25_600.0, "bearing": "SKF 6205"}
        for channel in range(CHANNELS)
    ]
    return Machine(
        id=machine_id,
        gateway_id=_gateway(number // MACHINES_PER_GATEWAY, now_ms).id,
        device=f"pump-{number}",
        alive=True,
        machine_class="pump",
        path=f"site-{number % 5}/area-{number % 20}/line-{number % 100}",
        channels=channels,
        features=[{"name": name, "unit": "m/s²"} for name in _names()],
        facts={"speed_rpm": 1480.0, "machine_group": 2, "support": "rigid"},
        first_seen_ms=now_ms - 90 * DAY_MS,
    )


def _report(alarm_id: str, machine_id: str, machine: int, number: int, now_ms: int) -> AlarmReport:
    lines = tuple(
        EvidenceLine(f"{order}xBPFO", 3.5848 * order, 88.4 * order, 88.5 * order, 14.5, matched=True)
        for order in range(1, 7)
    )
    since_ms = now_ms - (number % 500) * HOUR_MS
    return AlarmReport(
        alarm_id=alarm_id,
        asset_id=machine_id,
        machine=f"pump-{machine}",
        component=("DE", "NDE")[number % 2],
        family=FailureFamily.MECHANICAL,
        state=AlarmState.ACTIVE,
        severity=list(Severity)[number % 3],
        since_ns=since_ms * NS_PER_MS,
        end_ns=(since_ms + 60_000) * NS_PER_MS,
        occurrence=1,
        revision=1,
        diagnosis=Diagnosis(
            DiagnosisLabel.OUTER_RACE,
            "C0",
            0.875,
            "Outer-race damage at the drive end is likely; 6 lines match, growing for 9 days.",
            "Check lubrication, plan a bearing change.",
            lines,
        ),
        score=2.25,
        operating_state="steady/default",
        model="pump/1",
        clock_quality=ClockQuality.SYNCHRONISED,
    )


def _share(occurrences: int, alarms: int) -> list[int]:
    """Return how often each alarm occurred: a third of all in a few of them."""
    few = min(CHATTERING, alarms)
    long, short = occurrences // 3 // few, (occurrences - occurrences // 3) // max(alarms - few, 1)
    counts = [max(1, long if number < few else short) for number in range(alarms)]
    counts[-1] += max(0, occurrences - sum(counts))
    return counts


def _write_occurrences(engine: Engine, alarms: list[str], counts: list[int], now_ms: int) -> None:
    """Write all occurrences but the first, which came with the alarm, and the lines of their timelines."""
    for model, rows in (
        (AlarmOccurrence, _occurrence_rows(alarms, counts, now_ms)),
        (AlarmEvent, _event_rows(alarms, counts, now_ms)),
    ):
        waiting: list[dict[str, Any]] = []
        for row in rows:
            waiting.append(row)
            if len(waiting) == ROWS_AT_ONCE:
                _insert(engine, model, waiting)
                waiting = []
        _insert(engine, model, waiting)
    with Session(engine) as session, session.begin():
        for alarm_id, count in zip(alarms, counts, strict=True):
            session.execute(update(Alarm).where(Alarm.id == alarm_id).values(occurrence=count, occurrences=count))


def _insert(engine: Engine, model: type[AlarmOccurrence | AlarmEvent], rows: list[dict[str, Any]]) -> None:
    """Insert many rows in one statement each thousand; a statement for each row takes minutes over a network."""
    with engine.begin() as connection:
        # SQLite takes 32,766 values in a statement, PostgreSQL 32,767.
        for begin in range(0, len(rows), 1_000):
            connection.execute(insert(model).values(rows[begin : begin + 1_000]))


def _occurrence_rows(alarms: list[str], counts: list[int], now_ms: int) -> Iterator[dict[str, Any]]:
    for alarm_id, count in zip(alarms, counts, strict=True):
        step_ms = DAYS * DAY_MS // (count + 1)
        for occurrence in range(2, count + 1):
            since_ms = now_ms - (count - occurrence + 1) * step_ms
            yield {
                "edge_id": alarm_id,
                "occurrence": occurrence,
                "alarm_id": alarm_id,
                "since_ms": since_ms,
                "returned_ms": since_ms + step_ms // 2 if occurrence < count else None,
                "severity": "alert",
            }


def _event_rows(alarms: list[str], counts: list[int], now_ms: int) -> Iterator[dict[str, Any]]:
    for row in _occurrence_rows(alarms, counts, now_ms):
        for what, at_ms in (("raised_again", row["since_ms"]), ("returned", row["returned_ms"])):
            if at_ms is not None:
                event = {"alarm_id": row["alarm_id"], "at_ms": at_ms, "who": "site-0:gateway-0", "what": what}
                yield event | {"detail": "alert, outer race"}


def _close_most(engine: Engine, alarms: list[str]) -> None:
    closed = [alarm_id for number, alarm_id in enumerate(alarms) if number % OPEN_ONE_IN]
    values = {"state": "normal", "condition": "returned", "acknowledged_by": "M. Ruiz", "acknowledged_ms": 1}
    with writing(engine, "the end of most alarms") as session:
        for alarm_id in closed:
            session.execute(update(Alarm).where(Alarm.id == alarm_id).values(**values, acknowledged_severity="danger"))


def _write_pictures(engine: Engine, machine_id: str, alarm_id: str, now_ms: int) -> None:
    rng = np.random.default_rng(SEED)
    for number in range(PICTURES):
        channels = tuple(
            EvidenceChannel(
                name=f"C{channel}",
                unit="m/s²",
                sample_rate_hz=25_600.0,
                waveform=rng.integers(-3_000, 3_000, 25_600).astype(np.int16),
                waveform_scale=1e-3,
                spectrum=rng.random(3_200).astype(np.float32),
                spectrum_step_hz=4.0,
                envelope=rng.random(1_000).astype(np.float32),
                envelope_step_hz=0.5,
            )
            for channel in range(CHANNELS if number == 0 else 1)
        )
        end_ns = (now_ms - number * HOUR_MS) * NS_PER_MS
        subject = alarm_id if number == 0 else "spectrum"
        picture = Evidence(subject, end_ns, 1_480.0, channels, (), {"operating_state": "steady/default"})
        parts = split_evidence(
            pack_evidence(picture), asset_id=machine_id, machine="pump-0", subject=subject, end_ns=end_ns
        )
        with taking_in(engine, "a picture") as session:
            for part in parts:
                write_part(session, StoredPart(_node(0), part, now_ms))


def _summary(number: int, start_ms: int) -> StoredSummary:
    names = _names()
    mean = np.linspace(1.0, 3.0, len(names), dtype=np.float32)
    summary = Summary(
        asset_id=_id("machine", number),
        machine=f"pump-{number}",
        start_ns=start_ms * NS_PER_MS,
        end_ns=(start_ms + 60_000) * NS_PER_MS,
        operating_state="steady/default",
        windows=59,
        feature_hash="00c0ffee15600d42",
        feature_names=names,
        statistics=FeatureStatistics(mean, mean - 1, mean + 1, np.full(len(names), 0.25, np.float32)),
        sample=mean,
        score=0.375,
        health_index=80.0 + number % 20,
        zone="A",
        learning_progress=1.0,
    )
    record_id = uuid.uuid5(uuid.NAMESPACE_OID, f"{number}/{start_ms}").int >> 64
    return StoredSummary(summary, record_id, start_ms % 1_000_000, late=False, received_ms=start_ms + 60_000)


def counted(engine: Engine) -> int:
    """Return how many alarms have a name, to see that all are there."""
    with Session(engine) as session:
        return len(session.scalars(select(AlarmName.edge_id)).all())
