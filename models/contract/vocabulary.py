"""The words both sides share, with the values they have on the wire.

An enum's value is what stands in metrics, JSON and the database. Values are only ever added, never renamed:
a cloud reads the records of gateways that are a version older.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import Final


class RecordKind(StrEnum):
    """What a record in the outbox is; the order of the members is the order of sending."""

    ALARM = "alarm"
    EVIDENCE = "evidence"
    SUMMARY = "summary"
    HEALTH = "health"

    @property
    def rank(self) -> int:
        """Return the sending rank, 0 first (wire.md 2: alarm > evidence > summary > health)."""
        return list(RecordKind).index(self)


class Severity(StrEnum):
    """How far a machine is from its normal, as the gateway sees it."""

    WATCH = "watch"
    ALERT = "alert"
    DANGER = "danger"


class Criticality(StrEnum):
    """How much the plant depends on a machine; set by people."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class Priority(StrEnum):
    """In which order people should look: severity times criticality."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    URGENT = "urgent"


def alarm_priority(severity: Severity, criticality: Criticality) -> Priority:
    """Return the priority of an alarm: severity steps up with criticality, one step each.

    >>> alarm_priority(Severity.DANGER, Criticality.MEDIUM)
    <Priority.URGENT: 'urgent'>
    """
    step = list(Severity).index(severity) + list(Criticality).index(criticality)
    return list(Priority)[min(step, len(Priority) - 1)]


class AlarmState(StrEnum):
    """The alarm condition, owned by the gateway (wire.md 6)."""

    ACTIVE = "active"
    RETURNED = "returned"


class FailureFamily(StrEnum):
    """Which judge raised the alarm; together with asset and component it is the alarm's identity.

    The diagnosis is an attribute below it, so that `changed` may be revised to `outer_race` in the same alarm.
    """

    MECHANICAL = "mechanical"
    SENSOR = "sensor"
    PROCESS = "process"


class DiagnosisLabel(StrEnum):
    """What a diagnosis may say (interfaces.md, `plantpulse analyze`)."""

    NO_FAULT_FOUND = "no_fault_found"
    HEALTHY = "healthy"
    CHANGED = "changed"
    PROCESS_CHANGED = "process_changed"
    INNER_RACE = "inner_race"
    OUTER_RACE = "outer_race"
    BALL = "ball"
    CAGE = "cage"
    IMBALANCE = "imbalance"
    MISALIGNMENT = "misalignment"
    LOOSENESS = "looseness"
    GEAR = "gear"
    SENSOR_FAULT = "sensor_fault"
    MACHINE_OFF = "machine_off"
    UNCERTAIN = "uncertain"


class Finding(StrEnum):
    """What people found at a machine: the truth that an alarm, or its absence, is measured against."""

    NOTHING = "nothing"
    INNER_RACE = "inner_race"
    OUTER_RACE = "outer_race"
    BALL = "ball"
    CAGE = "cage"
    IMBALANCE = "imbalance"
    MISALIGNMENT = "misalignment"
    LOOSENESS = "looseness"
    GEAR = "gear"
    LUBRICATION = "lubrication"
    ELECTRICAL = "electrical"
    PROCESS = "process"
    SENSOR_FAULT = "sensor_fault"
    OTHER = "other"


class ClockQuality(StrEnum):
    """How far the gateway's wall clock can be trusted."""

    SYNCHRONISED = "synchronised"
    HOLDOVER = "holdover"
    UNSYNCHRONISED = "unsynchronised"


class DropReason(StrEnum):
    """Why a record left the outbox without being stored in the cloud. Every one is counted."""

    BUDGET_SUMMARY_MERGED = "budget_summary_merged"
    BUDGET_EVIDENCE = "budget_evidence"
    BUDGET_SUMMARY = "budget_summary"
    BUDGET_HEALTH = "budget_health"
    BUDGET_ALARM = "budget_alarm"
    CORRUPT = "corrupt"
    OVERSIZED = "oversized"


class RejectReason(StrEnum):
    """Why the cloud put a record into quarantine instead of a store (it is acknowledged all the same)."""

    SCHEMA_TOO_NEW = "schema_too_new"
    OUT_OF_BOUNDS = "out_of_bounds"
    UNKNOWN_MACHINE = "unknown_machine"
    UNKNOWN_METRIC = "unknown_metric"
    MALFORMED = "malformed"


class Quality(IntEnum):
    """Sparkplug B property `Quality` (specification 6.4.9): the only three values allowed."""

    BAD = 0
    GOOD = 192
    STALE = 500


class QualityCause(StrEnum):
    """Why a window or a value is not good; goes under our own property `cause`."""

    GAP = "gap"
    CLOCK_JUMP = "clock_jump"
    NOT_FINITE = "not_finite"
    CONSTANT = "constant"
    CLIPPED = "clipped"
    TOO_SHORT = "too_short"
    NO_DATA = "no_data"


OFF: Final = "off"
STARTING: Final = "starting"
TRANSIENT: Final = "transient"
UNKNOWN: Final = "unknown"
STEADY_PREFIX: Final = "steady/"


def steady(name: str) -> str:
    """Return the operating state of steady running under one named condition.

    >>> steady("default")
    'steady/default'
    """
    return f"{STEADY_PREFIX}{name}"


def is_steady(operating_state: str) -> bool:
    """Return whether windows of this state may be judged against a baseline."""
    return operating_state.startswith(STEADY_PREFIX)
