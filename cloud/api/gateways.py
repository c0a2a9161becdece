"""`/gateways`: is anything of ours broken? Foreign edge nodes stand in the same list."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query

from cloud.api.context import Context, iso
from cloud.api.cursors import decode_cursor, encode_cursor
from cloud.api.documents import GatewayDocument, GatewayItem, GatewayList, MetricItem
from cloud.api.guard import permission
from cloud.book.tables import Gateway
from cloud.permissions import Action
from models.contract.vocabulary import Quality

router = APIRouter(prefix="/gateways", tags=["gateways"])

QUALITY_WORDS: Final[Mapping[int, str]] = {Quality.BAD: "bad", Quality.GOOD: "good", Quality.STALE: "stale"}


@router.get("")
@permission(Action.VIEW)
def list_gateways(
    context: Context, cursor: str | None = None, limit: Annotated[int, Query(ge=1, le=1000)] = 500
) -> GatewayList:
    """Return gateways in the order of ids."""
    after = str(decode_cursor(cursor, str)[0]) if cursor else ""
    rows = context.book.gateways(after, limit + 1)
    machines: dict[str, list[str]] = {}
    for machine in context.book.machines():
        machines.setdefault(machine.gateway_id, []).append(machine.id)
    items = [_item(row, machines.get(row.id, [])) for row in rows[:limit]]
    return GatewayList(items=items, next=encode_cursor(items[-1].id) if len(rows) > limit else None)


@router.get("/{gateway_id}")
@permission(Action.VIEW)
def read_gateway(context: Context, gateway_id: str) -> GatewayDocument:
    """Return one gateway with the latest value of each of its metrics."""
    row = context.book.gateway(gateway_id)
    item = _item(row, [machine.id for machine in context.book.machines_of(gateway_id)])
    # The specification: what a node last said is stale once it has died, and all of it while we cannot hear it.
    is_heard = row.online and context.status.broker_connected
    metrics = [
        MetricItem(
            name=one.name,
            # A boolean is trended as 0 and 1 and shown as what it is.
            value=one.text if one.value is None or one.text in {"true", "false"} else one.value,
            unit=one.unit,
            at=iso(one.time_ms),
            quality=QUALITY_WORDS.get(one.quality, "bad") if is_heard else "stale",
        )
        for one in context.trends.latest_readings(gateway_id)
    ]
    return GatewayDocument(**item.model_dump(), metrics=metrics)


def _item(row: Gateway, machines: Sequence[str]) -> GatewayItem:
    health: Mapping[str, Any] = row.health or {}
    return GatewayItem(
        id=row.id,
        group=row.group_name,
        name=row.name,
        foreign=row.foreign_node,
        online=row.online,
        last_seen=iso(row.last_seen_ms),
        agent_version=row.agent_version,
        config_hash=row.config_hash,
        incarnation=row.incarnation,
        pending=health.get("pending_records"),
        dropped=health.get("dropped", {}),
        clock_quality=health.get("clock_quality"),
        clock_offset_s=health.get("clock_offset_s"),
        certificate_days=health.get("certificate_days"),
        cpu_percent=health.get("cpu_percent"),
        rss_mb=health.get("rss_mb"),
        raw_bytes=health.get("raw_bytes"),
        sent_bytes=health.get("sent_bytes"),
        records_stored=row.records_stored,
        records_duplicate=row.records_duplicate,
        quarantined=row.quarantined,
        sequence_gaps=row.sequence_gaps,
        rebirths=row.rebirths,
        machines=list(machines),
    )
