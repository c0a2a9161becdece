"""The catalogue: every metric that will ever be sent, by its fixed name (wire.md 3).

A birth declares all of it, so nothing that happens later, not even an alarm, needs a rebirth. The constants are what
the code writes; `node_metrics` and `machine_metrics` are what a birth declares.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from models.contract.errors import RecordError
from models.contract.sparkplug_values import DataType
from models.contract.vocabulary import DropReason

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# Sparkplug's own, addressed by name, without alias.
BDSEQ: Final = "bdSeq"
"""Int64, 0 to 255, one higher with every CONNECT, then 0 again; the same in will and NBIRTH."""
REBIRTH: Final = "Node Control/Rebirth"

# In every record.
ASSET_ID: Final = "Asset/Id"
OUTBOX_SEQUENCE: Final = "Outbox/Sequence"
RECORD_ID: Final = "Record/Id"
RECORD_KIND: Final = "Record/Kind"

# Of the gateway.
OUTBOX_INCARNATION: Final = "Outbox/Incarnation"
OUTBOX_SCHEMA_MAX: Final = "Outbox/SchemaMax"
OUTBOX_PENDING: Final = "Outbox/Pending"
OUTBOX_ACKNOWLEDGED: Final = "Outbox/Acknowledged"
"""Written by the host: `models.contract.acknowledgement.format_acknowledged`."""
OUTBOX_REJECTED: Final = "Outbox/Rejected"
"""Written by the host: `models.contract.acknowledgement.format_rejected`."""
OUTBOX_DROPPED: Final = "Outbox/Dropped"
AGENT_VERSION: Final = "Agent/Version"
CONFIG_HASH: Final = "Config/Hash"
CONFIG_TARGET: Final = "Config/Target"
CLOCK_QUALITY: Final = "Clock/Quality"
CLOCK_OFFSET: Final = "Clock/Offset"
EVIDENCE_REQUEST: Final = "Evidence/Request"
"""Written by the host: the alarm whose moment it wants, `models.contract.kept_moment.MomentRequest`."""
HEALTH_GATEWAY: Final = "Health/Gateway"
HEALTH_OUTBOX_BYTES: Final = "Health/OutboxBytes"
HEALTH_CPU_PERCENT: Final = "Health/CpuPercent"
HEALTH_RSS_MB: Final = "Health/RssMb"
HEALTH_RAW_BYTES: Final = "Health/RawBytes"
HEALTH_SENT_BYTES: Final = "Health/SentBytes"
HEALTH_WINDOWS: Final = "Health/Windows"
HEALTH_CERTIFICATE_DAYS: Final = "Health/CertificateDays"

# Of a machine.
ASSET_FACTS: Final = "Asset/Facts"
"""Only in births: `models.contract.facts`."""
SUMMARY_VECTOR: Final = "Summary/Vector"
OPERATING_STATE: Final = "OperatingState"
HEALTH_INDEX: Final = "HealthIndex"
SCORE: Final = "Score"
ZONE: Final = "Zone"
LEARNING_PROGRESS: Final = "Learning/Progress"
ALARM_RECORD: Final = "Alarm/Record"
EVIDENCE_CHUNK: Final = "Evidence/Chunk"
LEARNING_SINCE: Final = "Learning/Since"
"""Only in births, and written by the host: what is normal is learnt from data after this time, ms UTC; 0: from the
first."""
MAX_SUFFIX: Final = "/Max"


@dataclass(frozen=True, slots=True)
class MetricDefinition:
    """What a birth declares about one metric; `eng_unit` goes into the property `engUnit`."""

    name: str
    datatype: DataType
    eng_unit: str | None = None


RECORD_METRICS: Final = (
    MetricDefinition(ASSET_ID, DataType.UUID),
    MetricDefinition(OUTBOX_SEQUENCE, DataType.UINT64),
    MetricDefinition(RECORD_ID, DataType.UINT64),
    MetricDefinition(RECORD_KIND, DataType.STRING),
)
"""What every record carries beside its content."""

_NODE: Final = (
    MetricDefinition(OUTBOX_INCARNATION, DataType.STRING),
    MetricDefinition(OUTBOX_SCHEMA_MAX, DataType.UINT32),
    MetricDefinition(OUTBOX_PENDING, DataType.UINT64),
    MetricDefinition(OUTBOX_ACKNOWLEDGED, DataType.STRING),
    MetricDefinition(OUTBOX_REJECTED, DataType.STRING),
    MetricDefinition(AGENT_VERSION, DataType.STRING),
    MetricDefinition(CONFIG_HASH, DataType.STRING),
    MetricDefinition(CONFIG_TARGET, DataType.STRING),
    MetricDefinition(CLOCK_QUALITY, DataType.STRING),
    MetricDefinition(CLOCK_OFFSET, DataType.DOUBLE, "s"),
    MetricDefinition(EVIDENCE_REQUEST, DataType.STRING),
    MetricDefinition(HEALTH_GATEWAY, DataType.STRING),
    MetricDefinition(HEALTH_OUTBOX_BYTES, DataType.UINT64, "B"),
    MetricDefinition(HEALTH_CPU_PERCENT, DataType.FLOAT, "%"),
    MetricDefinition(HEALTH_RSS_MB, DataType.FLOAT, "MB"),
    MetricDefinition(HEALTH_RAW_BYTES, DataType.UINT64, "B"),
    MetricDefinition(HEALTH_SENT_BYTES, DataType.UINT64, "B"),
    MetricDefinition(HEALTH_WINDOWS, DataType.UINT64),
    MetricDefinition(HEALTH_CERTIFICATE_DAYS, DataType.FLOAT, "d"),
)

_MACHINE: Final = (
    MetricDefinition(ASSET_FACTS, DataType.STRING),
    MetricDefinition(SUMMARY_VECTOR, DataType.BYTES),
    MetricDefinition(OPERATING_STATE, DataType.STRING),
    MetricDefinition(HEALTH_INDEX, DataType.FLOAT),
    MetricDefinition(SCORE, DataType.FLOAT),
    MetricDefinition(ZONE, DataType.STRING),
    MetricDefinition(LEARNING_PROGRESS, DataType.FLOAT),
    MetricDefinition(ALARM_RECORD, DataType.STRING),
    MetricDefinition(EVIDENCE_CHUNK, DataType.BYTES),
    MetricDefinition(LEARNING_SINCE, DataType.INT64),
)

UNALIASED_METRICS: Final = (MetricDefinition(BDSEQ, DataType.INT64), MetricDefinition(REBIRTH, DataType.BOOLEAN))
"""Sparkplug's own metrics of a node birth, which never get an alias."""


def dropped(reason: str) -> str:
    """Return the name of the counter of records dropped for one reason.

    >>> dropped("corrupt")
    'Outbox/Dropped/corrupt'
    """
    return f"{OUTBOX_DROPPED}/{reason}"


def model_metric(machine_class: str, what: str) -> str:
    """Return the name of a metric about the model of one machine class; what is Version, Target or State.

    >>> model_metric("pump", "Version")
    'Model/pump/Version'
    """
    return f"Model/{machine_class}/{what}"


def node_metrics(machine_classes: Iterable[str]) -> tuple[MetricDefinition, ...]:
    """Return everything a gateway declares in its NBIRTH, without `UNALIASED_METRICS`.

    Args:
        machine_classes: of the machines it watches; doubles do not matter.
    """
    counters = tuple(MetricDefinition(dropped(reason), DataType.UINT64) for reason in DropReason)
    models = tuple(
        MetricDefinition(model_metric(machine_class, what), DataType.STRING)
        for machine_class in sorted(set(machine_classes))
        for what in ("Version", "Target", "State")
    )
    return RECORD_METRICS + _NODE + counters + models


def machine_metrics(features: Sequence[tuple[str, str]]) -> tuple[MetricDefinition, ...]:
    """Return everything a machine declares in its DBIRTH.

    Args:
        features: full name `{channel}/{feature}` and engUnit of each, in the order of the specification.

    Raises:
        RecordError: two features of one name, or a name that is another metric's.
    """
    fixed = RECORD_METRICS + _MACHINE
    trended = tuple(
        MetricDefinition(name + suffix, DataType.FLOAT, eng_unit)
        for name, eng_unit in features
        for suffix in ("", MAX_SUFFIX)
    )
    seen: set[str] = set()
    for definition in fixed + trended:
        if definition.name in seen:
            raise RecordError(f"two metrics are called {definition.name!r}: rename the channel")
        seen.add(definition.name)
    return fixed + trended
