"""Gateway health ↔ metrics of an NDATA: one metric per number, so that any Sparkplug host can watch it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.contract import metrics
from models.contract.errors import RecordError
from models.contract.metric_values import MetricReader, as_float32
from models.contract.records import GatewayHealth
from models.contract.vocabulary import ClockQuality, DropReason

if TYPE_CHECKING:
    from models.contract.records import MetricScalar, Record


def health_metrics(health: GatewayHealth) -> list[tuple[str, MetricScalar | None]]:
    """Return name and value of every metric of a health record.

    Raises:
        RecordError: a drop reason that the vocabulary does not have, so no birth declares it.
    """
    unknown = sorted(set(health.dropped) - {reason.value for reason in DropReason})
    if unknown:
        raise RecordError(f"drop reason {unknown[0]!r} is not in the vocabulary")
    return [
        (metrics.HEALTH_GATEWAY, health.gateway),
        (metrics.AGENT_VERSION, health.agent_version),
        (metrics.OUTBOX_PENDING, int(health.pending_records)),
        (metrics.HEALTH_OUTBOX_BYTES, int(health.outbox_bytes)),
        *((metrics.dropped(reason), int(health.dropped[reason])) for reason in DropReason if reason in health.dropped),
        (metrics.CLOCK_QUALITY, health.clock_quality.value),
        (metrics.CLOCK_OFFSET, float(health.clock_offset_s)),
        (metrics.HEALTH_CPU_PERCENT, as_float32(health.cpu_percent)),
        (metrics.HEALTH_RSS_MB, as_float32(health.rss_mb)),
        (metrics.HEALTH_RAW_BYTES, int(health.raw_bytes)),
        (metrics.HEALTH_SENT_BYTES, int(health.sent_bytes)),
        (metrics.HEALTH_WINDOWS, int(health.windows)),
        *(
            ()
            if health.certificate_days is None
            else ((metrics.HEALTH_CERTIFICATE_DAYS, as_float32(health.certificate_days)),)
        ),
    ]


def health_from_metrics(record: Record, read: MetricReader) -> GatewayHealth:
    """Return the health that a record's metrics state; counters of drop reasons we do not know are kept.

    Raises:
        RecordError: a metric is missing, of another type or out of range.
    """
    prefix = metrics.dropped("")
    return GatewayHealth(
        gateway=read.text(metrics.HEALTH_GATEWAY),
        asset_id=record.asset_id,
        end_ns=record.end_ns,
        agent_version=read.text(metrics.AGENT_VERSION),
        pending_records=read.count(metrics.OUTBOX_PENDING),
        outbox_bytes=read.count(metrics.HEALTH_OUTBOX_BYTES),
        dropped={name.removeprefix(prefix): read.count(name) for name in read if name.startswith(prefix)},
        clock_quality=read.one_of(ClockQuality, metrics.CLOCK_QUALITY),
        clock_offset_s=read.number(metrics.CLOCK_OFFSET),
        cpu_percent=read.number(metrics.HEALTH_CPU_PERCENT),
        rss_mb=read.number(metrics.HEALTH_RSS_MB),
        raw_bytes=read.count(metrics.HEALTH_RAW_BYTES),
        sent_bytes=read.count(metrics.HEALTH_SENT_BYTES),
        windows=read.count(metrics.HEALTH_WINDOWS),
        certificate_days=read.optional(read.number, metrics.HEALTH_CERTIFICATE_DAYS),
    )
