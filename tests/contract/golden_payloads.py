"""Golden payloads: what ours look like on the wire, message type by message type, and what foreign ones say.

    NODE_PATH=~/.cache/plantpulse/npm/node_modules node tests/contract/npm/make_foreign.cjs   (foreign: bytes, `sent`)
    PYTHONPATH=.:tests python tests/contract/golden_payloads.py                               (ours; `read` of all)

A change in these files is a change of the contract: every gateway in the field writes what stands here.
"""

from __future__ import annotations

import dataclasses
import json
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

from support import contract_examples as examples

from models.contract import metrics
from models.contract.acknowledgement import Ranges, format_acknowledged, format_rejected
from models.contract.encoding import Content, to_record, wire_metrics
from models.contract.facts import ChannelFacts, MachineFacts, format_facts
from models.contract.host_state import HostState, format_state
from models.contract.identity import record_id
from models.contract.sparkplug import (
    DataType,
    Metric,
    Payload,
    data_metric,
    decode_payload,
    encode_payload,
    metric_properties,
)
from models.contract.topics import MessageType, Topic, state_topic
from models.contract.vocabulary import Quality, RecordKind, RejectReason

GOLDEN = Path(__file__).resolve().parent / "golden"
NOW_MS = examples.END_NS // 1_000_000
BDSEQ = 7
MACHINE = "pump-1"
NODE_METRICS = metrics.node_metrics(["pump"])
MACHINE_METRICS = metrics.machine_metrics(examples.FEATURES)
NODE_ALIASES = {definition.name: alias for alias, definition in enumerate(NODE_METRICS, start=1)}
MACHINE_ALIASES = {
    definition.name: alias for alias, definition in enumerate(MACHINE_METRICS, start=len(NODE_METRICS) + 1)
}
FACTS = MachineFacts(
    machine_class="pump",
    speed_rpm=1480.0,
    machine_group=2,
    support="rigid",
    feature_hash=examples.FEATURE_HASH,
    window_s=1.0,
    summary_interval_s=60.0,
    channels=(ChannelFacts("DE.H", "g", 25_600.0, 2, "SKF 6205"),),
)
NODE_VALUES: dict[str, Any] = {
    metrics.ASSET_ID: examples.GATEWAY_ASSET,
    metrics.OUTBOX_INCARNATION: examples.INCARNATION,
    metrics.OUTBOX_SCHEMA_MAX: 1,
    metrics.OUTBOX_PENDING: 3,
    metrics.AGENT_VERSION: "0.1.0",
    metrics.CONFIG_HASH: "5d41402abc4b2a76",
    metrics.CLOCK_QUALITY: "synchronised",
    metrics.CLOCK_OFFSET: -0.0125,
}
MACHINE_VALUES: dict[str, Any] = {
    metrics.ASSET_ID: examples.ASSET,
    metrics.ASSET_FACTS: format_facts(FACTS),
    metrics.OPERATING_STATE: "steady/default",
    "DE.H/velocity_rms": 1.75,
}


@dataclass(frozen=True)
class Golden:
    """One message: where it goes, what it is, its bytes."""

    topic: str
    about: str
    data: bytes


def _declare(
    definitions: tuple[metrics.MetricDefinition, ...], aliases: dict[str, int], values: dict[str, Any]
) -> tuple[Metric, ...]:
    def properties(name: str, eng_unit: str | None) -> dict[str, Any]:
        if eng_unit is None or name in values:
            return metric_properties(eng_unit=eng_unit)
        return metric_properties(eng_unit=eng_unit, quality=Quality.STALE, cause="no_data")

    return tuple(
        Metric(
            name=definition.name,
            alias=aliases[definition.name],
            datatype=definition.datatype,
            value=values.get(definition.name),
            is_null=definition.name not in values,
            timestamp_ms=NOW_MS,
            properties=properties(definition.name, definition.eng_unit),
        )
        for definition in definitions
    )


def _record(content: Content, kind: RecordKind, sequence: int, seq: int, *, is_historical: bool = False) -> bytes:
    record = to_record(content, record_id=record_id(content.asset_id, kind, 1, 120))
    aliases, definitions = (
        (NODE_ALIASES, NODE_METRICS) if record.machine is None else (MACHINE_ALIASES, MACHINE_METRICS)
    )
    datatypes = {definition.name: definition.datatype for definition in definitions}
    sent = tuple(
        data_metric(aliases[m.name], datatypes[m.name], m.value, m.timestamp_ms, is_historical=is_historical)
        for m in wire_metrics(record, sequence)
    )
    return encode_payload(Payload(NOW_MS + 5, seq, sent))


def _command(name: str, value: str) -> bytes:
    return encode_payload(Payload(NOW_MS, None, (data_metric(NODE_ALIASES[name], DataType.STRING, value, NOW_MS),)))


def _bdseq() -> Metric:
    return Metric(name=metrics.BDSEQ, datatype=DataType.INT64, value=BDSEQ, timestamp_ms=NOW_MS)


def _topic(message_type: MessageType) -> str:
    return Topic("plant", message_type, "gateway-1", MACHINE if message_type.of_machine else None).text


def ours() -> dict[str, Golden]:
    """Return our messages by name. There is no DCMD: nothing of ours is commanded at a machine."""
    rebirth = Metric(name=metrics.REBIRTH, datatype=DataType.BOOLEAN, value=False, timestamp_ms=NOW_MS)
    nbirth = Payload(NOW_MS, 0, (_bdseq(), rebirth, *_declare(NODE_METRICS, NODE_ALIASES, NODE_VALUES)))
    dbirth = Payload(NOW_MS, 1, _declare(MACHINE_METRICS, MACHINE_ALIASES, MACHINE_VALUES))
    order_rebirth = rebirth._replace(value=True)
    stored = format_acknowledged(examples.INCARNATION, Ranges.of([41, 42, 43, 45]))
    refused = format_rejected(examples.INCARNATION, {RejectReason.SCHEMA_TOO_NEW: Ranges.of([45])})
    ddata, ndata, ncmd = _topic(MessageType.DDATA), _topic(MessageType.NDATA), _topic(MessageType.NCMD)
    summary, alarm = examples.summary(), examples.alarm()
    return {
        "nbirth": Golden(_topic(MessageType.NBIRTH), "a gateway and all its metrics", encode_payload(nbirth)),
        "ndeath": Golden(_topic(MessageType.NDEATH), "the will", encode_payload(Payload(NOW_MS, None, (_bdseq(),)))),
        "dbirth": Golden(_topic(MessageType.DBIRTH), "a machine, nothing known but state", encode_payload(dbirth)),
        "ddeath": Golden(_topic(MessageType.DDEATH), "a machine is gone", encode_payload(Payload(NOW_MS, 9))),
        "ddata-summary": Golden(ddata, "a minute of running", _record(summary, RecordKind.SUMMARY, 42, 2)),
        "ddata-historical": Golden(
            ddata, "the same, sent late", _record(summary, RecordKind.SUMMARY, 42, 255, is_historical=True)
        ),
        "ddata-learning": Golden(
            ddata,
            "a minute without a verdict: score, health and zone are null",
            _record(
                examples.summary(score=None, health_index=None, zone=None, learning_progress=0.25),
                RecordKind.SUMMARY,
                43,
                3,
            ),
        ),
        "ddata-alarm": Golden(ddata, "outer-race damage", _record(alarm, RecordKind.ALARM, 44, 4)),
        "ddata-evidence": Golden(
            ddata, "part 1 of 2 of its evidence", _record(examples.evidence_part(), RecordKind.EVIDENCE, 45, 5)
        ),
        "ndata-health": Golden(ndata, "the gateway itself", _record(examples.health(), RecordKind.HEALTH, 46, 6)),
        "ncmd-acknowledged": Golden(ncmd, "records that are stored", _command(metrics.OUTBOX_ACKNOWLEDGED, stored)),
        "ncmd-rejected": Golden(ncmd, "one of them in quarantine", _command(metrics.OUTBOX_REJECTED, refused)),
        "ncmd-rebirth": Golden(ncmd, "say everything again", encode_payload(Payload(NOW_MS, None, (order_rebirth,)))),
        "state-online": Golden(
            state_topic("plantpulse"), "the host's birth", format_state(HostState(online=True, timestamp_ms=NOW_MS))
        ),
        "state-offline": Golden(
            state_topic("plantpulse"), "the host's will", format_state(HostState(online=False, timestamp_ms=NOW_MS))
        ),
    }


def plain(value: Any) -> Any:
    """Return what a payload says in JSON's types: enums by name, bytes as hex, defaults left out."""
    if isinstance(value, IntEnum):
        return value.name
    if isinstance(value, bytes):
        return {"hex": value.hex()}
    if isinstance(value, float) and not abs(value) < float("inf"):
        return {"float": repr(value)}
    if isinstance(value, Metric) or dataclasses.is_dataclass(value):
        defaults = _defaults(value)
        entries = ((name, default, getattr(value, name)) for name, default in defaults.items())
        shown = {name: plain(entry) for name, default, entry in entries if entry not in (default, {}, None)}
        return shown if isinstance(value, Metric | Payload) else {type(value).__name__: shown}
    if isinstance(value, Mapping):
        return {key: plain(entry) for key, entry in value.items()}
    return [plain(entry) for entry in value] if isinstance(value, tuple) else value


def _defaults(value: Any) -> Mapping[str, Any]:
    if isinstance(value, Metric):
        return Metric._field_defaults
    return {field.name: field.default for field in dataclasses.fields(value)}


def read_hex(path: Path) -> bytes:
    """Return the bytes of a golden file."""
    return bytes.fromhex(path.read_text())


def _write_json(path: Path, document: dict[str, Any]) -> None:
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")


def main() -> None:
    """Write our payloads, and what we read in all of them."""
    (GOLDEN / "ours").mkdir(parents=True, exist_ok=True)
    for name, golden in ours().items():
        path = GOLDEN / "ours" / name
        path.with_suffix(".hex").write_text("\n".join(textwrap.wrap(golden.data.hex(), 96)) + "\n")
        is_state = golden.topic.startswith("spBv1.0/STATE/")
        read = json.loads(golden.data) if is_state else plain(decode_payload(golden.data))
        _write_json(path.with_suffix(".json"), {"topic": golden.topic, "about": golden.about, "read": read})
    for path in sorted((GOLDEN / "foreign").glob("*.hex")):
        document = json.loads(path.with_suffix(".json").read_text())
        document["read"] = plain(decode_payload(read_hex(path)))
        _write_json(path.with_suffix(".json"), document)


if __name__ == "__main__":
    main()
