"""Content ↔ record ↔ wire: what the agent decides becomes metrics, and the cloud makes the same content of them.

Going out: `to_record` when something was decided, `record_to_bytes` into the journal, `record_from_bytes` out of it,
`wire_metrics` when it is sent. Coming in: `record_from_metrics` on the metrics of a decoded payload, `from_record`
for the content. Unknown metrics are ignored; a newer schema number or a value beyond a bound is a named error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from models.contract import limits, metrics
from models.contract.alarm_json import format_alarm, parse_alarm
from models.contract.errors import PayloadError, RecordError, SchemaTooNewError
from models.contract.evidence_chunk import pack_evidence_chunk, unpack_evidence_chunk
from models.contract.gateway_health import health_from_metrics, health_metrics
from models.contract.metric_values import MetricReader, as_float32
from models.contract.records import (
    RECORD_SCHEMA,
    AlarmReport,
    EvidencePart,
    GatewayHealth,
    MetricScalar,
    MetricValue,
    Record,
    Summary,
)
from models.contract.sparkplug import DataType, Metric, Payload, decode_payload, encode_payload
from models.contract.strict_json import Reader, format_object, parse_object
from models.contract.summary_vector import pack_summary_vector, unpack_summary_vector
from models.contract.vocabulary import RecordKind

if TYPE_CHECKING:
    from collections.abc import Iterable

Content = Summary | AlarmReport | EvidencePart | GatewayHealth

_ENVELOPE: Final = frozenset(definition.name for definition in metrics.RECORD_METRICS)
_MS: Final = 1_000_000


def to_record(content: Content, *, record_id: int) -> Record:
    """Return the record of one thing that was decided.

    Args:
        content: what was decided.
        record_id: from `models.contract.identity.record_id`.

    Raises:
        RecordError: the content is beyond a bound or contradicts itself.
    """
    timestamp_ms = content.end_ns // _MS
    values: list[tuple[str, MetricScalar | None]]
    machine: str | None = None
    if isinstance(content, Summary):
        kind, machine, values = RecordKind.SUMMARY, content.machine, _summary_metrics(content)
    elif isinstance(content, AlarmReport):
        kind, machine, values = RecordKind.ALARM, content.machine, [(metrics.ALARM_RECORD, format_alarm(content))]
    elif isinstance(content, EvidencePart):
        kind, machine = RecordKind.EVIDENCE, content.machine
        values = [(metrics.EVIDENCE_CHUNK, pack_evidence_chunk(content))]
    else:
        kind, values = RecordKind.HEALTH, health_metrics(content)
    return Record(
        record_id=record_id,
        kind=kind,
        asset_id=content.asset_id,
        machine=machine,
        end_ns=content.end_ns,
        metrics=tuple(MetricValue(name, value, timestamp_ms) for name, value in values),
    )


def from_record(record: Record) -> Content:
    """Return what a record says.

    Raises:
        SchemaTooNewError: written by a newer version than this one reads.
        RecordError: a metric is missing, of another type, beyond a bound, or contradicts the record.
    """
    read = MetricReader(record.metrics)
    if record.kind is RecordKind.HEALTH:
        return health_from_metrics(record, read)
    if record.machine is None:
        raise RecordError(f"a record of kind {record.kind} needs a machine")
    if record.kind is RecordKind.SUMMARY:
        return _summary(record, record.machine, read)
    if record.kind is RecordKind.ALARM:
        report = parse_alarm(read.text(metrics.ALARM_RECORD))
        if (report.asset_id, report.machine) != (record.asset_id, record.machine):
            raise RecordError(f"alarm of {report.machine} in a record of {record.machine}")
        return report
    chunk = unpack_evidence_chunk(read.data(metrics.EVIDENCE_CHUNK))
    return EvidencePart(
        asset_id=record.asset_id,
        machine=record.machine,
        subject=chunk.subject,
        end_ns=chunk.end_ns,
        index=chunk.index,
        total=chunk.total,
        digest=chunk.digest,
        data=chunk.data,
    )


def wire_metrics(record: Record, sequence: int) -> tuple[MetricValue, ...]:
    """Return all metrics of the payload that carries a record, chronological: the four of every record, then its own.

    Args:
        record: as it comes out of the journal.
        sequence: its number in the outbox.
    """
    first_ms = min((metric.timestamp_ms for metric in record.metrics), default=record.end_ns // _MS)
    envelope: tuple[tuple[str, MetricScalar], ...] = (
        (metrics.ASSET_ID, record.asset_id),
        (metrics.OUTBOX_SEQUENCE, sequence),
        (metrics.RECORD_ID, record.record_id),
        (metrics.RECORD_KIND, record.kind.value),
    )
    return tuple(MetricValue(name, value, first_ms) for name, value in envelope) + record.metrics


def record_from_metrics(machine: str | None, received: Iterable[MetricValue]) -> tuple[int, Record]:
    """Return sequence number and record of the metrics of one payload.

    The record's end is that of the latest metric, in whole milliseconds; the contents themselves keep nanoseconds.

    Args:
        machine: Sparkplug device of the topic, None for a gateway.
        received: the payload's metrics, names instead of aliases, values with their sign.

    Raises:
        RecordError: not a record of ours: sequence, id, kind or asset is missing, of another type or out of range.
    """
    everything = tuple(received)
    read = MetricReader(everything)
    sequence, record_id = read.uint64(metrics.OUTBOX_SEQUENCE), read.uint64(metrics.RECORD_ID)
    kind = read.one_of(RecordKind, metrics.RECORD_KIND)
    asset_id = read.text(metrics.ASSET_ID)
    if not 0 < len(asset_id) <= limits.ID_CHARS:
        raise RecordError(f"{metrics.ASSET_ID} is empty or longer than {limits.ID_CHARS} characters")
    content = tuple(metric for metric in everything if metric.name not in _ENVELOPE)
    end_ms = max((metric.timestamp_ms for metric in everything), default=0)
    if end_ms > 2**63 // _MS:
        raise RecordError(f"time {end_ms} ms lies beyond the year 2262")
    return sequence, Record(record_id, kind, asset_id, machine, end_ms * _MS, content)


def record_to_bytes(record: Record) -> bytes:
    """Return a record as the journal keeps it: itself a Sparkplug payload with names, its head as JSON in the body.

    Raises:
        RecordError: longer than a payload may be.
    """
    head = {
        "schema": RECORD_SCHEMA,
        "record_id": str(record.record_id),
        "kind": record.kind.value,
        "asset_id": record.asset_id,
        "machine": record.machine,
        "end_ns": record.end_ns,
    }
    entries = tuple(
        Metric(
            name=metric.name,
            datatype=_journal_type(metric.value),
            value=metric.value,
            timestamp_ms=metric.timestamp_ms,
            is_null=metric.value is None,
        )
        for metric in record.metrics
    )
    try:
        return encode_payload(Payload(metrics=entries, body=format_object(head, "record").encode()))
    except PayloadError as error:
        raise RecordError(f"record of {record.machine or 'the gateway'}: {error}") from None


def record_from_bytes(data: bytes) -> Record:
    """Return the record that the journal kept.

    Raises:
        SchemaTooNewError: written by a newer version.
        RecordError: not what `record_to_bytes` writes.
    """
    try:
        payload = decode_payload(data)
        head = parse_object((payload.body or b"").decode(), limits.ALARM_RECORD_BYTES, "record in the journal")
    except (PayloadError, UnicodeDecodeError) as error:
        raise RecordError(f"record in the journal: {error}") from None
    read = Reader(head, "record in the journal")
    schema = read.integer("schema")
    if schema > RECORD_SCHEMA:
        raise SchemaTooNewError(f"record in the journal in schema {schema}: this version reads {RECORD_SCHEMA}")
    try:
        record_id = int(read.text("record_id", 20))
    except ValueError:
        raise RecordError("record in the journal: record_id must be a number") from None
    return Record(
        record_id=record_id,
        kind=read.one_of(RecordKind, "kind"),
        asset_id=read.text("asset_id"),
        machine=read.optional(read.text, "machine"),
        end_ns=read.integer("end_ns"),
        metrics=tuple(_journal_metric(metric) for metric in payload.metrics),
    )


def _journal_type(value: MetricScalar | None) -> DataType:
    if isinstance(value, float):  # as nearly all are
        return DataType.DOUBLE
    if isinstance(value, bool):
        return DataType.BOOLEAN
    if isinstance(value, int):
        return DataType.UINT64 if value >= 0 else DataType.INT64
    return DataType.BYTES if isinstance(value, bytes) else DataType.STRING


def _journal_metric(metric: Metric) -> MetricValue:
    if metric.name is None or metric.timestamp_ms is None:
        raise RecordError("record in the journal: a metric without name or time")
    if metric.value is not None and not isinstance(metric.value, int | float | str | bytes):
        raise RecordError(f"record in the journal: {metric.name} has a value that is not ours")
    return MetricValue(metric.name, metric.value, metric.timestamp_ms)


def _summary_metrics(summary: Summary) -> list[tuple[str, MetricScalar | None]]:
    vector = pack_summary_vector(summary)
    values: list[tuple[str, MetricScalar | None]] = []
    for name, mean, maximum in zip(
        summary.feature_names,
        summary.statistics.mean.tolist(),
        summary.statistics.maximum.tolist(),
        strict=True,
    ):
        values += ((name, mean), (name + metrics.MAX_SUFFIX, maximum))
    return [
        *values,
        (metrics.SUMMARY_VECTOR, vector),
        (metrics.OPERATING_STATE, summary.operating_state),
        (metrics.HEALTH_INDEX, as_float32(summary.health_index)),
        (metrics.SCORE, as_float32(summary.score)),
        (metrics.ZONE, summary.zone),
        (metrics.LEARNING_PROGRESS, as_float32(summary.learning_progress)),
    ]


def _summary(record: Record, machine: str, read: MetricReader) -> Summary:
    vector = unpack_summary_vector(read.data(metrics.SUMMARY_VECTOR))
    names = tuple(metric.name for metric in record.metrics if metric.name + metrics.MAX_SUFFIX in read)
    if len(names) != len(vector.sample):
        raise RecordError(f"summary of {machine}: {len(names)} trended features, {len(vector.sample)} in the vector")
    return Summary(
        asset_id=record.asset_id,
        machine=machine,
        start_ns=vector.start_ns,
        end_ns=vector.end_ns,
        operating_state=read.text(metrics.OPERATING_STATE),
        windows=vector.windows,
        feature_hash=vector.feature_hash,
        feature_names=names,
        statistics=vector.statistics,
        sample=vector.sample,
        score=read.optional(read.number, metrics.SCORE),
        health_index=read.optional(read.number, metrics.HEALTH_INDEX),
        zone=read.optional(read.text, metrics.ZONE),
        learning_progress=read.optional(read.number, metrics.LEARNING_PROGRESS) or 0.0,
        bad_windows=vector.bad_windows,
    )
