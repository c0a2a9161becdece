"""`/healthz`, `/readyz` and `/metrics`: for those who run the cloud."""

from collections.abc import Iterator
from http import HTTPStatus

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from cloud.api.context import ApiContext, Context
from cloud.api.guard import permission
from cloud.book.notification_reading import target_counts
from cloud.book.tables import QUARANTINE_DROPPED
from cloud.permissions import Action

router = APIRouter(tags=["operations"])


@router.get("/healthz")
@permission(None)
def healthz() -> dict[str, str]:
    """Return that the process answers."""
    return {"status": "ok"}


@router.get("/readyz")
@permission(None)
def readyz(context: Context) -> JSONResponse:
    """Return whether records can be taken right now, and if not, why; warnings say what else people should see to."""
    status = context.status
    problems = []
    if not status.broker_connected:
        problems.append(f"broker {status.broker}: {status.broker_problem}")
    book_problem = context.book.problem()
    if status.store_problem is not None:
        problems.append(status.store_problem)
    elif book_problem is not None:
        problems.append(book_problem)
    notified = context.notifier.status.problem if context.notifier is not None else None
    warnings = [warning for warning in (status.trends_notice, status.updates_notice, notified) if warning]
    code = HTTPStatus.SERVICE_UNAVAILABLE if problems else HTTPStatus.OK
    return JSONResponse({"ready": not problems, "problems": problems, "warnings": warnings}, int(code))


@router.get("/metrics")
@permission(Action.VIEW)
def metrics(context: Context) -> Response:
    """Return counts for Prometheus.

    Source: Prometheus exposition formats, text-based format 0.0.4.
    """
    return Response("".join(_lines(context)), media_type="text/plain; version=0.0.4; charset=utf-8")


def _lines(context: ApiContext) -> Iterator[str]:
    """Yield the lines, a HELP and a TYPE before each metric."""
    status = context.status
    plain = (
        ("broker_connected", "gauge", "1 while the session with the broker stands", int(status.broker_connected)),
        ("broker_connections_total", "counter", "sessions with the broker", status.connections),
        ("messages_total", "counter", "MQTT messages taken", status.messages),
        ("payload_bytes_total", "counter", "bytes of their payloads", status.payload_bytes),
        ("messages_waiting", "gauge", "messages between socket and stores", status.waiting),
        ("messages_waiting_limit", "gauge", "beyond this many, reading pauses", status.waiting_limit),
        ("reading_pauses_total", "counter", "times reading paused because the stores were behind", status.pauses),
        ("batches_total", "counter", "batches stored", status.batches),
        ("batch_seconds_total", "counter", "time spent storing them", round(status.batch_s, 3)),
        ("records_stored_total", "counter", "records stored", status.records_stored),
        ("records_duplicate_total", "counter", "records that were stored before", status.records_duplicate),
        ("readings_total", "counter", "values of foreign edge nodes and of gateways", status.readings),
        ("acknowledgements_total", "counter", "acknowledgements sent", status.acknowledgements),
        ("rebirth_requests_total", "counter", "rebirths asked for", status.rebirth_requests),
        ("sequence_gaps_total", "counter", "gaps in the sequence numbers of edge nodes", status.sequence_gaps),
        (
            "quarantine_dropped_total",
            "counter",
            "messages that left the quarantine because it was full",
            context.book.counters().get(QUARANTINE_DROPPED, 0),
        ),
        ("quarantine_messages", "gauge", "messages in quarantine", context.book.quarantine_size()),
    )
    for name, kind, text, value in plain:
        yield f"# HELP plantpulse_{name} {text}\n# TYPE plantpulse_{name} {kind}\nplantpulse_{name} {value}\n"
    yield "# HELP plantpulse_quarantined_total messages put into quarantine\n"
    yield "# TYPE plantpulse_quarantined_total counter\n"
    for reason, count in sorted(status.quarantined.items()):
        yield f'plantpulse_quarantined_total{{reason="{reason}"}} {count}\n'
    yield "# HELP plantpulse_trends_aside_total summaries and readings set aside by the trend store\n"
    yield "# TYPE plantpulse_trends_aside_total counter\n"
    for reason, count in sorted(status.trends_aside.items()):
        yield f'plantpulse_trends_aside_total{{reason="{reason}"}} {count}\n'
    yield "# HELP plantpulse_notifications messages to people, by target and what became of them\n"
    yield "# TYPE plantpulse_notifications gauge\n"
    for target, counts in sorted(target_counts(context.engine).items()):
        # Source: the same, "label values": backslash, quote and line feed are escaped.
        name = target.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        for state in ("waiting", "delivered", "failed"):
            yield f'plantpulse_notifications{{target="{name}",state="{state}"}} {getattr(counts, state)}\n'
    yield "# HELP plantpulse_gateway_online 1 while a gateway is connected\n# TYPE plantpulse_gateway_online gauge\n"
    for gateway in context.book.gateways():
        identifier = gateway.id.replace("\\", "\\\\").replace('"', '\\"')
        yield f'plantpulse_gateway_online{{gateway="{identifier}"}} {int(gateway.online)}\n'
