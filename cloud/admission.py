"""What may enter the stores: pure checks of what a record or a birth says. The planner decides what becomes of it.

A reader of ours that meets something it did not foresee must not stop everyone else's records, so everything that can
be wrong with one record ends as a `RefusedRecordError` with the reason its gateway will be told.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from cloud.batch import gateway_id
from cloud.trends.store import Reading
from models.contract import metrics
from models.contract.encoding import from_record, record_from_metrics
from models.contract.errors import ContractError, SchemaTooNewError
from models.contract.facts import MachineFacts, parse_facts
from models.contract.limits import ID_CHARS
from models.contract.records import AlarmReport, EvidencePart, MetricValue, Summary
from models.contract.vocabulary import RejectReason

if TYPE_CHECKING:
    from cloud.sparkplug_outcomes import Heard, NamedMetric, NodeId
    from models.contract.encoding import Content
    from models.contract.sparkplug_values import MetricContent

MAX_SEQUENCE: Final = 2**63 - 1
"""Databases have signed numbers; at a thousand records a second it is reached in 292 million years."""

TEXT_CHARS: Final = 256


class RefusedRecordError(ContractError):
    """A record that cannot be used.

    Attributes:
        reason: what its gateway is told.
    """

    def __init__(self, reason: RejectReason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


def sequence_of(heard: Heard) -> int | None:
    """Return the number in the outbox that data states, or None."""
    for metric in heard.metrics:
        if metric.name == metrics.OUTBOX_SEQUENCE:
            value = metric.value
            return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**64 else None
    return None


def content_of(heard: Heard, asset_id: str | None) -> tuple[int, Content]:
    """Return record id and content of a record.

    Args:
        heard: the metrics of one payload.
        asset_id: what the machine's birth said it is; None for an unborn one, or a gateway's own record.

    Raises:
        RefusedRecordError: it cannot be used, for whatever reason.
    """
    received = [
        MetricValue(metric.name, metric.value, metric.timestamp_ms)
        for metric in heard.metrics
        if metric.value is None or isinstance(metric.value, int | float | str | bytes)
    ]
    try:
        sequence, record = record_from_metrics(heard.machine, received)
        problem = _misplaced(sequence, heard.machine, asset_id, record.asset_id)
        content = None if problem else from_record(record)
    except SchemaTooNewError as error:
        raise RefusedRecordError(RejectReason.SCHEMA_TOO_NEW, str(error)) from error
    except ContractError as error:
        raise RefusedRecordError(RejectReason.MALFORMED, str(error)) from error
    except (ValueError, TypeError, ArithmeticError, LookupError, AttributeError) as error:
        raise RefusedRecordError(RejectReason.MALFORMED, f"{type(error).__name__}: {error}") from error
    if content is not None:
        problem = _out_of_bounds(content)
    if content is None or problem is not None:
        raise RefusedRecordError(*(problem or (RejectReason.MALFORMED, "no content")))
    return record.record_id, content


def _misplaced(
    sequence: int, machine: str | None, born_as: str | None, asset_id: str
) -> tuple[RejectReason, str] | None:
    """Return why a record does not belong where it came from, or None."""
    if sequence > MAX_SEQUENCE:
        return RejectReason.OUT_OF_BOUNDS, f"sequence number {sequence}: at most {MAX_SEQUENCE}"
    if machine is not None and born_as != asset_id:
        return RejectReason.UNKNOWN_MACHINE, f"{machine} was born as {born_as}, not as {asset_id}"
    return None


def short_text(value: MetricContent, characters: int) -> str | None:
    """Return a text that fits its column, or None."""
    fits = isinstance(value, str) and 0 < len(value) <= characters and "\0" not in value
    return value if fits and isinstance(value, str) else None


def facts_of(value: MetricContent) -> tuple[MachineFacts | None, str | None]:
    """Return the measurement facts of a birth, or why they cannot be read."""
    if not isinstance(value, str):
        return None, None
    try:
        return parse_facts(value), None
    except ContractError as error:
        return None, str(error)


def _out_of_bounds(content: Content) -> tuple[RejectReason, str] | None:
    """Return why content does not fit the stores, or None."""
    texts: dict[str, tuple[str, int]] = {}
    times = {"end": content.end_ns}
    match content:
        case Summary():
            texts = {"operating state": (content.operating_state, TEXT_CHARS), "zone": (content.zone or "", 8)}
            times["start"] = content.start_ns
        case AlarmReport():
            texts = {
                "alarm id": (content.alarm_id, 64),
                "component": (content.component, ID_CHARS),
                "operating state": (content.operating_state, TEXT_CHARS),
                "model": (content.model, TEXT_CHARS),
            }
            times["since"] = content.since_ns
        case EvidencePart():
            texts = {"subject": (content.subject, 64)}
    for name, (text, characters) in texts.items():
        if len(text) > characters or "\0" in text:
            detail = f"{name} of {len(text)} characters: at most {characters} are kept, without NUL"
            return RejectReason.OUT_OF_BOUNDS, detail
    for name, time_ns in times.items():
        if not 0 <= time_ns < 2**63:
            return RejectReason.OUT_OF_BOUNDS, f"{name} lies before 1970 or beyond 2262"
    return None


def finite(value: float | None) -> float | None:
    """Return a number that a database can hold, or None."""
    return value if value is not None and math.isfinite(value) else None


def reading_of(node: NodeId, machine: str | None, metric: NamedMetric, tie: int, *, kept: bool = True) -> Reading:
    """Return one metric as the trend store keeps it."""
    value = metric.value
    number = float(value) if isinstance(value, int | float) and abs(value) < 2**63 else None
    if number is not None and not math.isfinite(number):
        number = None
    if value is None:
        text = ""
    elif isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, str | int | float):
        text = str(value)[:TEXT_CHARS]
    else:
        text = f"{len(value)} bytes" if isinstance(value, bytes) else type(value).__name__
    name = metric.name[:TEXT_CHARS] if machine is None else f"{machine}/{metric.name}"[:TEXT_CHARS]
    time_ms = min(max(metric.timestamp_ms, 0), MAX_SEQUENCE // 1_000_000)
    return Reading(gateway_id(node), name, metric.eng_unit, time_ms, tie, number, text, int(metric.quality), kept=kept)
