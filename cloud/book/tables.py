"""The tables of the book: everything that is not a trend. SQLite today, PostgreSQL later, through the same models.

Times are ``…_ms``: milliseconds UTC since 1970, as Sparkplug has them, so that both databases mean the same.
UInt64 numbers of the wire are kept in signed columns (`models.contract` bounds sequences to 2^63; record ids are
mapped by `cloud.integers.signed`). A change here needs a migration beside it; a test compares the two.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Text,
    UniqueConstraint,
    false,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

if TYPE_CHECKING:
    from sqlalchemy.types import TypeEngine

# SQLite gives automatic keys to INTEGER columns only; PostgreSQL should have 64 bits.
AUTO_KEY = BigInteger().with_variant(Integer, "sqlite")


class Base(DeclarativeBase):
    """Root of all tables; constraints get names so that later migrations can speak of them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_N_label)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, TypeEngine[Any]]] = {
        int: BigInteger(),
        str: Text(),
        float: Float(),
        bytes: LargeBinary(),
        bool: Boolean(),
        dict[str, Any]: JSON(),
        list[Any]: JSON(),
    }


class Gateway(Base):
    """An edge node, ours or foreign, and where our conversation with it stands."""

    __tablename__ = "gateway"

    id: Mapped[str] = mapped_column(String(600), primary_key=True)
    group_name: Mapped[str] = mapped_column(String(128))
    name: Mapped[str] = mapped_column(String(128))
    foreign_node: Mapped[bool]
    online: Mapped[bool]
    bd_seq: Mapped[int | None]
    seq: Mapped[int | None]
    incarnation: Mapped[str | None] = mapped_column(String(64))
    first_seen_ms: Mapped[int]
    last_seen_ms: Mapped[int]
    agent_version: Mapped[str | None]
    config_hash: Mapped[str | None]
    health: Mapped[dict[str, Any] | None]
    records_stored: Mapped[int] = mapped_column(default=0)
    records_duplicate: Mapped[int] = mapped_column(default=0)
    quarantined: Mapped[int] = mapped_column(default=0)
    sequence_gaps: Mapped[int] = mapped_column(default=0)
    rebirths: Mapped[int] = mapped_column(default=0)

    __table_args__ = (UniqueConstraint("group_name", "name"),)


class Birth(Base):
    """The last birth of an edge node and of each of its devices, as it came: it holds the alias table."""

    __tablename__ = "birth"

    gateway_id: Mapped[str] = mapped_column(ForeignKey("gateway.id"), primary_key=True)
    device: Mapped[str] = mapped_column(String(128), primary_key=True)
    bd_seq: Mapped[int]
    received_ms: Mapped[int]
    alive: Mapped[bool]
    payload: Mapped[bytes]


class Machine(Base):
    """A machine: measurement facts from its gateway's births, names and place from people.

    Attributes:
        edition: counts what people changed.
        suppressed_in: operating states in which its alarms are suppressed by design.
        design: why they are just now.
    """

    __tablename__ = "machine"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    gateway_id: Mapped[str] = mapped_column(ForeignKey("gateway.id"), index=True)
    device: Mapped[str] = mapped_column(String(128))
    alive: Mapped[bool]
    display_name: Mapped[str | None]
    path: Mapped[str | None]
    machine_class: Mapped[str | None]
    criticality: Mapped[str] = mapped_column(String(16), default="medium")
    channels: Mapped[list[Any]]
    features: Mapped[list[Any]]
    facts: Mapped[dict[str, Any]]
    first_seen_ms: Mapped[int]
    maintenance: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    maintained_until_ms: Mapped[int | None] = mapped_column(index=True)
    edition: Mapped[int] = mapped_column(server_default="0", default=0)
    suppressed_in: Mapped[list[Any] | None] = mapped_column(JSON(none_as_null=True))
    design: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))


class Received(Base):
    """Closed ranges of outbox numbers that are stored: the transport half of idempotency."""

    __tablename__ = "received"

    gateway_id: Mapped[str] = mapped_column(ForeignKey("gateway.id"), primary_key=True)
    incarnation: Mapped[str] = mapped_column(String(64), primary_key=True)
    first: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    last: Mapped[int]


class Alarm(Base):
    """An alarm: the condition as its gateway owns it, beside what people did with it."""

    __tablename__ = "alarm"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    machine_id: Mapped[str] = mapped_column(ForeignKey("machine.id"))
    component: Mapped[str] = mapped_column(String(128))
    family: Mapped[str] = mapped_column(String(32))
    edge_id: Mapped[str] = mapped_column(String(64))
    revision: Mapped[int]
    state: Mapped[str] = mapped_column(String(32), index=True)
    condition: Mapped[str] = mapped_column(String(16))
    severity: Mapped[str] = mapped_column(String(16))
    priority: Mapped[str] = mapped_column(String(16))
    label: Mapped[str] = mapped_column(String(32))
    sentence: Mapped[str]
    next_step: Mapped[str]
    confidence: Mapped[float]
    channel: Mapped[str | None]
    lines: Mapped[list[Any]]
    score: Mapped[float]
    operating_state: Mapped[str]
    model: Mapped[str]
    clock_quality: Mapped[str] = mapped_column(String(32))
    since_ms: Mapped[int]
    changed_ms: Mapped[int] = mapped_column(index=True)
    occurrence: Mapped[int]
    occurrences: Mapped[int]
    late: Mapped[bool]
    acknowledged_by: Mapped[str | None]
    acknowledged_ms: Mapped[int | None]
    acknowledged_comment: Mapped[str | None]
    acknowledged_severity: Mapped[str | None] = mapped_column(String(16))
    latched: Mapped[bool] = mapped_column(server_default=false())
    shelving: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    shelved_until_ms: Mapped[int | None] = mapped_column(index=True)
    service: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    suppression: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))

    __table_args__ = (UniqueConstraint("machine_id", "component", "family"),)


class AlarmName(Base):
    """Every id that gateways gave to an alarm; a gateway that lost its disk mints a new one for the same cause."""

    __tablename__ = "alarm_name"

    edge_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    alarm_id: Mapped[str] = mapped_column(ForeignKey("alarm.id"), index=True)


class AlarmOccurrence(Base):
    """One time that an alarm was active."""

    __tablename__ = "alarm_occurrence"

    edge_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    occurrence: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    alarm_id: Mapped[str] = mapped_column(ForeignKey("alarm.id"), index=True)
    since_ms: Mapped[int] = mapped_column(index=True)
    returned_ms: Mapped[int | None]
    severity: Mapped[str] = mapped_column(String(16))


class AlarmReportRow(Base):
    """Every report of a gateway on an alarm, also those that came too late to change anything."""

    __tablename__ = "alarm_report"

    machine_id: Mapped[str] = mapped_column(ForeignKey("machine.id"), primary_key=True)
    record_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    alarm_id: Mapped[str] = mapped_column(ForeignKey("alarm.id"), index=True)
    edge_id: Mapped[str] = mapped_column(String(64))
    revision: Mapped[int]
    end_ms: Mapped[int]
    received_ms: Mapped[int]
    late: Mapped[bool]
    document: Mapped[dict[str, Any]]

    __table_args__ = (Index("ix_alarm_report_machine_id_end_ms", "machine_id", "end_ms"),)


class AlarmEvent(Base):
    """One line of an alarm's timeline."""

    __tablename__ = "alarm_event"

    key: Mapped[int] = mapped_column(AUTO_KEY, primary_key=True)
    alarm_id: Mapped[str] = mapped_column(ForeignKey("alarm.id"))
    at_ms: Mapped[int]
    who: Mapped[str]
    what: Mapped[str] = mapped_column(String(32))
    detail: Mapped[str]

    __table_args__ = (Index("ix_alarm_event_alarm_id_at_ms", "alarm_id", "at_ms"),)


class Evidence(Base):
    """A picture of a machine at one moment; the package is there once all its parts are."""

    __tablename__ = "evidence"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    machine_id: Mapped[str] = mapped_column(ForeignKey("machine.id"))
    subject: Mapped[str] = mapped_column(String(64), index=True)
    end_ms: Mapped[int]
    digest: Mapped[str] = mapped_column(String(64))
    total: Mapped[int]
    state: Mapped[str] = mapped_column(String(16))
    channels: Mapped[list[Any]]
    is_moment: Mapped[bool] = mapped_column(server_default=false(), default=False)
    package: Mapped[bytes | None]

    __table_args__ = (Index("ix_evidence_machine_id_end_ms", "machine_id", "end_ms"),)


class EvidencePartRow(Base):
    """A part that waits for the others; gone once the package is whole."""

    __tablename__ = "evidence_part"

    evidence_id: Mapped[str] = mapped_column(ForeignKey("evidence.id"), primary_key=True)
    part: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    data: Mapped[bytes]


class Label(Base):
    """What people found: at an alarm, or in a stretch of a machine's time in which nothing told them.

    Rows are never changed; of those of one alarm the last one counts.
    """

    __tablename__ = "label"

    key: Mapped[int] = mapped_column(AUTO_KEY, primary_key=True)
    machine_id: Mapped[str] = mapped_column(ForeignKey("machine.id"), index=True)
    alarm_id: Mapped[str | None] = mapped_column(ForeignKey("alarm.id"), index=True)
    evidence_id: Mapped[str | None] = mapped_column(ForeignKey("evidence.id"))
    from_ms: Mapped[int]
    to_ms: Mapped[int]
    finding: Mapped[str] = mapped_column(String(32))
    told: Mapped[str | None] = mapped_column(String(32))
    model: Mapped[str | None]
    severity: Mapped[str | None] = mapped_column(String(16))
    action: Mapped[str]
    part: Mapped[str]
    comment: Mapped[str]
    by: Mapped[str]
    at_ms: Mapped[int]


class Quarantined(Base):
    """A message that could not be used: kept with its reason, bounded, never a crash."""

    __tablename__ = "quarantine"

    key: Mapped[int] = mapped_column(AUTO_KEY, primary_key=True)
    at_ms: Mapped[int]
    topic: Mapped[str]
    gateway_id: Mapped[str | None] = mapped_column(String(600), index=True)
    reason: Mapped[str] = mapped_column(String(32))
    detail: Mapped[str]
    sequence: Mapped[int | None]
    size: Mapped[int]
    payload: Mapped[bytes]


class Audit(Base):
    """Who did what, when; only ever appended, by `cloud.book.audit_log`, numbered from 1 and chained by hash."""

    __tablename__ = "audit"

    key: Mapped[int] = mapped_column(AUTO_KEY, primary_key=True)
    at_ms: Mapped[int] = mapped_column(index=True)
    who: Mapped[str]
    what: Mapped[str] = mapped_column(String(64))
    subject: Mapped[str]
    detail: Mapped[dict[str, Any]]
    hash: Mapped[str] = mapped_column(String(64), server_default="")


QUARANTINE_DROPPED: Final = "quarantine_dropped"
"""Name of the counter of messages that left the quarantine because it was full."""


class Counter(Base):
    """A count that must survive a restart and belongs to no gateway, such as garbage on unknown topics."""

    __tablename__ = "counter"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[int]
