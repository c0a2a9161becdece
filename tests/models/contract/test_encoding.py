"""Records: what the agent decided is what the cloud reads, by way of the journal and by way of the wire."""

from __future__ import annotations

import contextlib
import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import contract_examples as examples

from models.contract import limits, metrics
from models.contract.encoding import (
    Content,
    from_record,
    record_from_bytes,
    record_from_metrics,
    record_to_bytes,
    to_record,
    wire_metrics,
)
from models.contract.errors import ContractError, RecordError, SchemaTooNewError
from models.contract.records import EvidenceLine, FeatureStatistics, MetricValue, Record
from models.contract.sparkplug import Payload, data_metric, decode_payload, encode_payload, typed_value
from models.contract.vocabulary import RecordKind

CONTENTS: dict[str, Content] = {
    "summary": examples.summary(),
    "learning": examples.summary(score=None, health_index=None, zone=None, learning_progress=0.25, bad_windows={}),
    "alarm": examples.alarm(),
    "evidence": examples.evidence_part(),
    "health": examples.health(),
    "fresh gateway": examples.health(dropped={}),
}
RECORD_ID = 2**64 - 7
SEQUENCE = 2**63 + 5


def plain(value: Any) -> Any:
    """Return the content with arrays as lists, so that == compares it."""
    if isinstance(value, np.ndarray):
        return (str(value.dtype), value.tolist())
    if dataclasses.is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    return value


def over_the_wire(record: Record) -> tuple[int, Record]:
    """Return what the host makes of a record that was sent under the aliases of its birth."""
    declared = metrics.node_metrics(["pump"]) if record.machine is None else metrics.machine_metrics(examples.FEATURES)
    by_name = {definition.name: (alias, definition) for alias, definition in enumerate(declared)}
    sent = tuple(
        data_metric(by_name[metric.name][0], by_name[metric.name][1].datatype, metric.value, metric.timestamp_ms)
        for metric in wire_metrics(record, SEQUENCE)
    )
    received = decode_payload(encode_payload(Payload(1, 0, sent)))
    return record_from_metrics(
        record.machine,
        [
            MetricValue(
                declared[metric.alias].name,
                typed_value(metric.value, declared[metric.alias].datatype),
                metric.timestamp_ms,
            )
            for metric in received.metrics
        ],
    )


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS.keys())
def test_the_journal_gives_back_what_was_decided(content: Content) -> None:
    record = to_record(content, record_id=RECORD_ID)
    kept = record_from_bytes(record_to_bytes(record))
    assert kept == record
    assert plain(from_record(kept)) == plain(content)


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS.keys())
def test_the_cloud_reads_what_was_decided(content: Content) -> None:
    record = to_record(content, record_id=RECORD_ID)
    sequence, received = over_the_wire(record)
    assert sequence == SEQUENCE
    assert (received.record_id, received.kind, received.asset_id) == (RECORD_ID, record.kind, content.asset_id)
    assert received.end_ns == content.end_ns
    assert plain(from_record(received)) == plain(content)


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS.keys())
def test_every_metric_of_a_record_is_in_the_birth(content: Content) -> None:
    """Nothing is ever sent that its birth has not declared."""
    record = to_record(content, record_id=RECORD_ID)
    declared = metrics.machine_metrics(examples.FEATURES) if record.machine else metrics.node_metrics([])
    assert {metric.name for metric in wire_metrics(record, 1)} <= {definition.name for definition in declared}


def test_tck_id_payloads_metrics_are_chronological() -> None:
    for content in CONTENTS.values():
        times = [metric.timestamp_ms for metric in wire_metrics(to_record(content, record_id=1), 1)]
        assert times == sorted(times)


def test_unknown_metrics_are_ignored() -> None:
    record = to_record(examples.summary(), record_id=1)
    extra = dataclasses.replace(
        record, metrics=(MetricValue("Later/Invention", 3, 5), *record.metrics, MetricValue("x", None, 5))
    )
    assert plain(from_record(extra)) == plain(examples.summary())


def test_numbers_that_do_not_exist_go_as_null() -> None:
    """A score that could not be computed is no score; the rest of the summary is still worth having."""
    summary = from_record(to_record(examples.summary(score=float("nan"), health_index=float("inf")), record_id=1))
    assert (summary.score, summary.health_index) == (None, None)


def changed(record: Record, name: str, value: Any) -> Record:
    """Return the record with another value of one metric, or without it (value is Ellipsis)."""
    return dataclasses.replace(
        record,
        metrics=tuple(
            metric._replace(value=value) if metric.name == name else metric
            for metric in record.metrics
            if metric.name != name or value is not ...
        ),
    )


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        ("summary", metrics.SUMMARY_VECTOR, ...),
        ("summary", metrics.SUMMARY_VECTOR, "text"),
        ("summary", metrics.SUMMARY_VECTOR, b""),
        ("summary", metrics.SUMMARY_VECTOR, b"\x01" * 20),
        ("summary", metrics.SUMMARY_VECTOR, b"\x00" * 100),
        ("summary", metrics.OPERATING_STATE, ...),
        ("summary", metrics.OPERATING_STATE, 5),
        ("summary", metrics.OPERATING_STATE, "a\x00b"),
        ("summary", metrics.SCORE, "high"),
        ("summary", metrics.SCORE, float("inf")),
        ("summary", "DE.H/kurtosis", ...),
        ("alarm", metrics.ALARM_RECORD, ...),
        ("alarm", metrics.ALARM_RECORD, "{"),
        ("alarm", metrics.ALARM_RECORD, "[" * 16_000),
        ("alarm", metrics.ALARM_RECORD, "[]"),
        ("alarm", metrics.ALARM_RECORD, '{"schema":1}'),
        ("alarm", metrics.ALARM_RECORD, '{"schema":true}'),
        ("alarm", metrics.ALARM_RECORD, '{"schema":1,"x":"' + "y" * limits.ALARM_RECORD_BYTES + '"}'),
        ("evidence", metrics.EVIDENCE_CHUNK, ...),
        ("evidence", metrics.EVIDENCE_CHUNK, b""),
        ("evidence", metrics.EVIDENCE_CHUNK, b"\x01\x01" + bytes(20)),
        ("evidence", metrics.EVIDENCE_CHUNK, b"\x01\x01\x02\x00\x02\x00" + bytes(60)),
        ("health", metrics.CLOCK_QUALITY, "fine"),
        ("health", metrics.OUTBOX_PENDING, -1),
        ("health", metrics.OUTBOX_PENDING, 2**63),
        ("health", metrics.OUTBOX_PENDING, True),
        ("health", metrics.HEALTH_CPU_PERCENT, float("nan")),
        ("health", metrics.AGENT_VERSION, ...),
    ],
)
def test_a_record_that_cannot_be_used_is_a_named_error(kind: str, name: str, value: Any) -> None:
    with pytest.raises(RecordError):
        from_record(changed(to_record(CONTENTS[kind], record_id=1), name, value))


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        ("summary", metrics.SUMMARY_VECTOR, b"\x02" + bytes(100)),
        ("alarm", metrics.ALARM_RECORD, '{"schema":2}'),
        ("evidence", metrics.EVIDENCE_CHUNK, b"\x02" + bytes(100)),
        ("evidence", metrics.EVIDENCE_CHUNK, b"\x01\x02" + bytes(100)),
    ],
)
def test_a_record_of_a_newer_version_says_so(kind: str, name: str, value: Any) -> None:
    with pytest.raises(SchemaTooNewError, match="this version reads 1"):
        from_record(changed(to_record(CONTENTS[kind], record_id=1), name, value))


@pytest.mark.parametrize("name", [definition.name for definition in metrics.RECORD_METRICS])
@pytest.mark.parametrize("value", [..., None, -1, 1.5, True, b"x", ""])
def test_a_payload_without_number_id_kind_or_asset_is_no_record(name: str, value: Any) -> None:
    received = wire_metrics(to_record(examples.summary(), record_id=1), 1)
    with pytest.raises(RecordError, match=name.replace("/", "/")):
        record_from_metrics(
            "pump-1",
            [
                metric._replace(value=value) if metric.name == name else metric
                for metric in received
                if metric.name != name or value is not ...
            ],
        )


def test_an_alarm_of_another_machine_is_refused() -> None:
    record = dataclasses.replace(to_record(examples.alarm(), record_id=1), machine="pump-2")
    with pytest.raises(RecordError, match="pump-2"):
        from_record(record)


def test_a_machine_s_record_from_a_gateway_is_refused() -> None:
    with pytest.raises(RecordError, match="needs a machine"):
        from_record(dataclasses.replace(to_record(examples.summary(), record_id=1), machine=None))


# The largest that is allowed, and one more.


def large_summary(features: int) -> Content:
    """Return a summary of so many features."""
    row = np.arange(features, dtype=np.float32)
    return examples.summary(
        feature_names=tuple(f"P{i // 20:02}.H/feature_{i:04}" for i in range(features)),
        statistics=FeatureStatistics(row, row, row, row),
        sample=row,
    )


def test_the_largest_summary_fits_into_one_payload() -> None:
    record = to_record(large_summary(limits.FEATURES_PER_SUMMARY), record_id=1)
    assert len(record_to_bytes(record)) <= limits.PAYLOAD_BYTES
    assert len(from_record(record_from_bytes(record_to_bytes(record))).sample) == limits.FEATURES_PER_SUMMARY


def test_more_features_than_allowed_are_refused_on_the_gateway() -> None:
    with pytest.raises(RecordError, match="more features"):
        to_record(large_summary(limits.FEATURES_PER_SUMMARY + 1), record_id=1)


def test_arrays_that_contradict_the_names_are_refused_on_the_gateway() -> None:
    with pytest.raises(RecordError, match="3 feature names"):
        to_record(examples.summary(sample=np.zeros(2, np.float32)), record_id=1)


def test_an_alarm_with_too_many_lines_keeps_the_ones_that_matched() -> None:
    """The alarm gets through; lines that were not found go first, then the weakest."""
    lines = tuple(
        EvidenceLine("x" * 200, 1.0, 1.0 + i, 1.0, float(i), matched=i % 3 == 0) for i in range(limits.EVIDENCE_LINES)
    )
    alarm = examples.alarm(diagnosis=dataclasses.replace(examples.alarm().diagnosis, evidence=lines * 3))
    record = to_record(alarm, record_id=1)
    text = record.metrics[0].value
    assert isinstance(text, str)
    assert len(text.encode()) <= limits.ALARM_RECORD_BYTES
    kept = from_record(record).diagnosis.evidence
    assert len(kept) >= limits.EVIDENCE_LINES // 4
    assert all(line.matched for line in kept)


def test_a_ratio_to_no_noise_at_all_does_not_stop_the_alarm() -> None:
    line = EvidenceLine("1xBPFO", 3.5, 88.0, 88.5, float("inf"), matched=True)
    diagnosis = dataclasses.replace(examples.alarm().diagnosis, evidence=(line,))
    alarm = from_record(to_record(examples.alarm(diagnosis=diagnosis), record_id=1))
    assert alarm.diagnosis.evidence == (dataclasses.replace(line, snr_db=None),)


def test_numpy_numbers_in_an_alarm_are_numbers() -> None:
    alarm = examples.alarm(score=np.float32(2.25), revision=np.int64(2))
    assert plain(from_record(to_record(alarm, record_id=1))) == plain(examples.alarm())


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(sorted(CONTENTS)), st.data())
def test_damaged_bytes_in_the_journal_are_a_named_error(kind: str, data: st.DataObject) -> None:
    """One byte changed: either nobody notices, or it is one of the contract's errors."""
    kept = bytearray(record_to_bytes(to_record(CONTENTS[kind], record_id=1)))
    kept[data.draw(st.integers(0, len(kept) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(ContractError):
        from_record(record_from_bytes(bytes(kept)))


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(list(RecordKind)), st.binary(max_size=120), st.text(max_size=60))
def test_any_metrics_are_a_record_or_a_named_error(kind: RecordKind, data: bytes, text: str) -> None:
    names = (metrics.SUMMARY_VECTOR, metrics.EVIDENCE_CHUNK)
    values = [MetricValue(name, b"\x01" + data, 1) for name in names] + [
        MetricValue(metrics.ALARM_RECORD, text, 1),
        MetricValue(metrics.OPERATING_STATE, text, 1),
    ]
    with contextlib.suppress(ContractError):
        from_record(Record(1, kind, examples.ASSET, "pump-1", 1, tuple(values)))
