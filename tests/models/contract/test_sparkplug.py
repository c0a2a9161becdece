"""The Sparkplug codec: what the specification says about payloads, and bytes that mean harm.

Tests named tck_id_… follow the assertion of that id in the specification 3.0.0, chapter 6.4.
"""

from __future__ import annotations

import contextlib
import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from models.contract import limits
from models.contract.errors import PayloadError
from models.contract.sparkplug import (
    DataSet,
    DataType,
    MetaData,
    Metric,
    Parameter,
    Payload,
    Property,
    Template,
    Unsupported,
    data_metric,
    decode_payload,
    encode_payload,
    metric_cause,
    metric_eng_unit,
    metric_properties,
    metric_quality,
    typed_value,
)
from models.contract.sparkplug_schema import PayloadMessage
from models.contract.vocabulary import Quality

NOW_MS = 1_760_000_000_000


def round_trip(metric: Metric) -> Metric:
    """Return the metric after it has been sent."""
    payload = decode_payload(encode_payload(Payload(NOW_MS, 0, (metric,))))
    return payload.metrics[0]


INTEGERS = [
    (DataType.INT8, -(2**7), 2**7 - 1, "int_value"),
    (DataType.INT16, -(2**15), 2**15 - 1, "int_value"),
    (DataType.INT32, -(2**31), 2**31 - 1, "int_value"),
    (DataType.INT64, -(2**63), 2**63 - 1, "long_value"),
    (DataType.UINT8, 0, 2**8 - 1, "int_value"),
    (DataType.UINT16, 0, 2**16 - 1, "int_value"),
    (DataType.UINT32, 0, 2**32 - 1, "long_value"),
    (DataType.UINT64, 0, 2**64 - 1, "long_value"),
    (DataType.DATETIME, 0, 2**64 - 1, "long_value"),
]


@pytest.mark.parametrize(("datatype", "low", "high", "field"), INTEGERS, ids=str)
def test_tck_id_payloads_metric_datatype_value_integers(datatype: DataType, low: int, high: int, field: str) -> None:
    """Both ends of the range come back; one further is refused before anything is sent."""
    for value in (low, -1 if low else 1, 0, high):
        sent = Metric(name="m", datatype=datatype, value=value, timestamp_ms=NOW_MS)
        assert round_trip(sent) == sent
        message = PayloadMessage.FromString(encode_payload(Payload(NOW_MS, 0, (sent,))))
        assert message.metrics[0].WhichOneof("value") == field
    for value in (low - 1, high + 1):
        with pytest.raises(PayloadError, match="m"):
            encode_payload(Payload(NOW_MS, 0, (Metric(name="m", datatype=datatype, value=value),)))


def test_tck_id_payloads_metric_datatype_int8_is_twos_complement_of_32_bits() -> None:
    message = PayloadMessage.FromString(
        encode_payload(Payload(metrics=(Metric(name="m", datatype=DataType.INT8, value=-5),)))
    )
    assert message.metrics[0].int_value == 2**32 - 5


def test_an_int8_of_a_sender_that_uses_eight_bits_is_read_as_meant() -> None:
    assert typed_value(251, DataType.INT8) == -5


@pytest.mark.parametrize(
    ("datatype", "value"),
    [
        (DataType.FLOAT, 2.5),
        (DataType.FLOAT, math.inf),
        (DataType.DOUBLE, 0.1),
        (DataType.BOOLEAN, True),
        (DataType.BOOLEAN, False),
        (DataType.STRING, "Lagerschaden 泵"),
        (DataType.STRING, ""),
        (DataType.TEXT, "long"),
        (DataType.UUID, "6f1c7a52-94a7-4f5f-8a0e-0d7a2f3c1b11"),
        (DataType.BYTES, bytes(range(256))),
        (DataType.BYTES, b""),
        (DataType.FILE, b"\x00"),
        (DataType.INT32_ARRAY, b"\x01\x00\x00\x00"),
        (DataType.DATASET, DataSet(("a", "b", "c"), (3, 12, 10), ((-1, "x", 0.5), (None, None, None)))),
        (
            DataType.TEMPLATE,
            Template(
                "1",
                "motor",
                is_definition=False,
                metrics=(
                    Metric(name="rpm", datatype=DataType.INT16, value=-1480),
                    Metric(name="inner", datatype=DataType.TEMPLATE, value=Template(None, None, None, (), ())),
                ),
                parameters=(Parameter("pole pairs", DataType.UINT8, 2), Parameter("none", DataType.STRING, None)),
            ),
        ),
    ],
    ids=lambda value: getattr(value, "name", None) or str(type(value).__name__),
)
def test_every_other_datatype_comes_back(datatype: DataType, value: object) -> None:
    sent = Metric(name="m", alias=3, datatype=datatype, value=value, timestamp_ms=NOW_MS)
    assert round_trip(sent) == sent


def test_numpy_numbers_are_numbers() -> None:
    assert round_trip(Metric(name="m", datatype=DataType.FLOAT, value=np.float32(1.5))).value == 1.5
    assert round_trip(Metric(name="m", datatype=DataType.UINT64, value=np.uint64(2**63))).value == 2**63


def test_tck_id_payloads_metric_is_null() -> None:
    sent = Metric(name="m", datatype=DataType.FLOAT, is_null=True, timestamp_ms=NOW_MS)
    assert round_trip(sent) == sent
    assert round_trip(data_metric(4, DataType.FLOAT, None, NOW_MS)).is_null


def test_tck_id_payloads_seq_and_timestamp_are_absent_or_kept() -> None:
    assert decode_payload(encode_payload(Payload())) == Payload()
    assert decode_payload(encode_payload(Payload(0, 0))) == Payload(0, 0)
    assert decode_payload(encode_payload(Payload(NOW_MS, 255))) == Payload(NOW_MS, 255)


def test_tck_id_payloads_propertyset_quality_value() -> None:
    """Unit, quality and our own cause go out as properties of the types that the specification names."""
    properties = metric_properties(eng_unit="mm/s", quality=Quality.STALE, cause="gap")
    back = round_trip(Metric(name="m", datatype=DataType.FLOAT, value=1.0, properties=properties))
    assert back.properties == properties
    assert back.properties["engUnit"].datatype is DataType.STRING
    assert back.properties["Quality"].datatype is DataType.INT32
    assert (metric_eng_unit(back), metric_quality(back), metric_cause(back)) == ("mm/s", Quality.STALE, "gap")


def test_quality_that_is_not_stated_is_good_and_one_that_does_not_exist_is_bad() -> None:
    assert metric_quality(Metric()) is Quality.GOOD
    assert metric_quality(Metric(properties={"Quality": Property(DataType.INT32, 200)})) is Quality.BAD
    assert metric_quality(Metric(properties={"Quality": Property(DataType.STRING, "good")})) is Quality.BAD


def test_nested_properties_come_back() -> None:
    inner = {"low": Property(DataType.DOUBLE, 0.5), "none": Property(DataType.INT8, None)}
    properties = {
        "range": Property(DataType.PROPERTY_SET, inner),
        "history": Property(DataType.PROPERTY_SET_LIST, (inner, {})),
        "n": Property(DataType.INT16, -3),
    }
    assert round_trip(Metric(name="m", datatype=DataType.FLOAT, value=1.0, properties=properties)).properties == (
        properties
    )


def test_what_foreign_nodes_send_beside_is_kept() -> None:
    sent = Metric(
        name="m", datatype=DataType.FILE, value=b"x", is_transient=True, metadata=MetaData(file_name="a.bin", size=1)
    )
    assert round_trip(sent) == sent
    payload = Payload(NOW_MS, 1, (), uuid="SPBV1.0_COMPRESSED", body=b"\x78\x9c")
    assert decode_payload(encode_payload(payload)) == payload


# Data messages: alias, value, own time.


@pytest.mark.parametrize(
    ("datatype", "value"),
    [
        (DataType.FLOAT, 2.5),
        (DataType.DOUBLE, 0.1),
        (DataType.INT8, -5),
        (DataType.INT64, -5),
        (DataType.UINT32, 2**32 - 1),
        (DataType.UINT64, 2**64 - 1),
        (DataType.BOOLEAN, True),
        (DataType.STRING, "steady/default"),
        (DataType.BYTES, b"\x00\x01"),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_tck_id_payloads_data_metrics_leave_name_and_datatype_out(datatype: DataType, value: object) -> None:
    """With the birth's datatype the reader gets exactly the value back, sign included."""
    data = encode_payload(Payload(NOW_MS, 3, (data_metric(7, datatype, value, NOW_MS, is_historical=True),)))
    metric = decode_payload(data).metrics[0]
    assert (metric.name, metric.datatype, metric.alias, metric.timestamp_ms) == (None, None, 7, NOW_MS)
    assert metric.is_historical
    assert typed_value(metric.value, datatype) == value
    assert encode_payload(decode_payload(data)) == data


def test_a_value_that_does_not_fit_the_birth_is_unsupported() -> None:
    assert isinstance(typed_value("text", DataType.FLOAT), Unsupported)
    assert isinstance(typed_value(True, DataType.INT32), Unsupported)  # noqa: FBT003 - the value is what is tested
    assert isinstance(typed_value(1, DataType.STRING), Unsupported)


def test_a_metric_without_datatype_is_refused_instead_of_guessed() -> None:
    with pytest.raises(PayloadError, match="data_metric"):
        encode_payload(Payload(metrics=(Metric(name="m", value=1.0),)))


def test_a_data_message_of_twenty_float_metrics_is_small() -> None:
    """About 330 bytes with everything the specification asks for; 345 leaves room for larger aliases."""
    metrics = tuple(data_metric(100 + i, DataType.FLOAT, 1.5 * i, NOW_MS) for i in range(20))
    size = len(encode_payload(Payload(NOW_MS, 17, metrics)))
    print(f"20 float metrics: {size} bytes")
    assert size <= 345


# What others send.


def foreign(**fields: object) -> bytes:
    """Return a payload with one metric whose protobuf fields are set as they are."""
    message = PayloadMessage()
    metric = message.metrics.add(name="m")
    for name, value in fields.items():
        setattr(metric, name, value)
    return message.SerializeToString()


@pytest.mark.parametrize(
    "fields",
    [
        {"datatype": 99, "int_value": 1},
        {"datatype": 0, "string_value": "?"},
        {"datatype": int(DataType.FLOAT), "string_value": "1.0"},
        {"datatype": int(DataType.STRING), "long_value": 1},
    ],
)
def test_an_unknown_or_contradicting_datatype_is_counted_not_an_error(fields: dict[str, object]) -> None:
    payload = decode_payload(foreign(**fields))
    assert isinstance(payload.metrics[0].value, Unsupported)
    assert payload.unsupported == 1


def test_an_extension_value_is_counted_not_an_error() -> None:
    message = PayloadMessage()
    message.metrics.add(name="m", datatype=9).extension_value.SetInParent()
    assert decode_payload(message.SerializeToString()).unsupported == 1


def test_integers_are_read_from_either_field_and_sent_back_as_they_came() -> None:
    data = foreign(datatype=int(DataType.UINT32), int_value=7)
    assert decode_payload(data).metrics[0].value == 7
    assert encode_payload(decode_payload(data)) == data


# Bounds.


def test_a_payload_beyond_its_bytes_is_neither_sent_nor_read() -> None:
    large = Metric(name="m", datatype=DataType.BYTES, value=bytes(limits.PAYLOAD_BYTES))
    with pytest.raises(PayloadError, match="131072"):
        encode_payload(Payload(metrics=(large,)))
    with pytest.raises(PayloadError, match="131072"):
        decode_payload(bytes(limits.PAYLOAD_BYTES + 1))


def test_too_many_metrics_are_neither_sent_nor_read() -> None:
    many = (Metric(alias=1, is_null=True),) * (limits.METRICS_PER_PAYLOAD + 1)
    with pytest.raises(PayloadError, match="4096"):
        encode_payload(Payload(metrics=many))
    with pytest.raises(PayloadError, match="4096"):
        decode_payload(b"\x12\x00" * (limits.METRICS_PER_PAYLOAD + 1))


def test_metrics_hidden_in_templates_count_as_well() -> None:
    message = PayloadMessage()
    for _ in range(limits.METRICS_PER_PAYLOAD // 2):
        message.metrics.add().template_value.metrics.add()
    message.metrics.add()
    with pytest.raises(PayloadError, match="4096"):
        decode_payload(message.SerializeToString())


def test_too_long_a_text_is_neither_sent_nor_read() -> None:
    text = "x" * (limits.STRING_CHARS + 1)
    with pytest.raises(PayloadError, match="32768"):
        encode_payload(Payload(metrics=(Metric(name="m", datatype=DataType.STRING, value=text),)))
    with pytest.raises(PayloadError, match="32768"):
        decode_payload(foreign(datatype=12, string_value=text))


@pytest.mark.parametrize("depth", [limits.NESTING + 2, 90, 400])
def test_templates_nested_without_end_are_refused(depth: int) -> None:
    body = b""
    for _ in range(depth):
        inner = b"\x12" + _varint(len(body)) + body
        body = b"\x92\x01" + _varint(len(inner)) + inner
    with pytest.raises(PayloadError):
        decode_payload(b"\x12" + _varint(len(body)) + body)


def _varint(number: int) -> bytes:
    parts = bytearray()
    while number > 127:
        parts.append(number & 127 | 128)
        number >>= 7
    return bytes([*parts, number])


def test_properties_nested_without_end_are_refused() -> None:
    message = PayloadMessage()
    properties = message.metrics.add().properties
    for _ in range(limits.NESTING + 1):
        properties.keys.append("k")
        properties = properties.values.add(type=20).propertyset_value
    properties.SetInParent()
    with pytest.raises(PayloadError, match="nested"):
        decode_payload(message.SerializeToString())


@pytest.mark.parametrize(
    "data",
    [
        b"\xff",
        b"\x0a\x01",
        b"{}",
        b'{"online": true}',
        b"\x12\x03\x0a\x01\xff",
        b"\x12\x05\x7a\x03\xed\xa0\x80",
        b"\x12\x06\x92\x01\x03\x0a\x01\xff",
        b"\x12\x05\x42\x03\x3a\x01\xff",
        b"\x12\x05\x4a\x03\x0a\x01\x61",
    ],
    ids=[
        "garbage",
        "truncated",
        "json",
        "json-state",
        "name-not-utf-8",
        "half-character",
        "template-not-utf-8",
        "metadata-not-utf-8",
        "key-without-value",
    ],
)
def test_what_is_no_payload_is_a_named_error(data: bytes) -> None:
    with pytest.raises(PayloadError):
        decode_payload(data)


def test_half_characters_are_not_sent() -> None:
    with pytest.raises(PayloadError):
        encode_payload(Payload(metrics=(Metric(name="\ud800", datatype=DataType.FLOAT, value=1.0),)))


@settings(max_examples=1_500, deadline=None)
@given(st.binary(max_size=400))
@example(b"\x12\x00")
def test_any_bytes_are_a_payload_or_a_payload_error(data: bytes) -> None:
    with contextlib.suppress(PayloadError):
        assert isinstance(decode_payload(data), Payload)


SCALARS = st.one_of(
    st.tuples(st.just(DataType.INT8), st.integers(-128, 127)),
    st.tuples(st.just(DataType.INT64), st.integers(-(2**63), 2**63 - 1)),
    st.tuples(st.just(DataType.UINT32), st.integers(0, 2**32 - 1)),
    st.tuples(st.just(DataType.FLOAT), st.floats(width=32, allow_nan=False)),
    st.tuples(st.just(DataType.DOUBLE), st.floats(allow_nan=False)),
    st.tuples(st.just(DataType.BOOLEAN), st.booleans()),
    st.tuples(st.just(DataType.STRING), st.text(max_size=20)),
    st.tuples(st.just(DataType.BYTES), st.binary(max_size=20)),
)
UINT64 = st.integers(0, 2**64 - 1)
PROPERTIES = st.dictionaries(st.text(max_size=5), st.builds(lambda pair: Property(*pair), SCALARS), max_size=3).filter(
    lambda properties: all(entry.datatype is not DataType.BYTES for entry in properties.values())
)
METRICS = st.builds(
    lambda pair, name, alias, time, historical, properties: Metric(
        name, alias, pair[0], pair[1], time, is_historical=historical, properties=properties
    ),
    SCALARS,
    st.none() | st.text(max_size=20),
    st.none() | UINT64,
    st.none() | UINT64,
    st.booleans(),
    PROPERTIES,
)
PAYLOADS = st.builds(
    lambda time, seq, metrics: Payload(time, seq, tuple(metrics)),
    st.none() | UINT64,
    st.none() | st.integers(0, 255),
    st.lists(METRICS, max_size=6),
)


@settings(max_examples=300, deadline=None)
@given(PAYLOADS)
def test_any_payload_comes_back_as_it_was(payload: Payload) -> None:
    assert decode_payload(encode_payload(payload)) == payload


@settings(max_examples=600, deadline=None)
@given(PAYLOADS, st.data())
def test_a_damaged_payload_is_a_payload_or_a_payload_error(payload: Payload, data: st.DataObject) -> None:
    """One byte changed, and cut somewhere: nearer to real damage than random bytes."""
    sent = bytearray(encode_payload(payload))
    if sent:
        sent[data.draw(st.integers(0, len(sent) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(sent[: data.draw(st.integers(0, len(sent)))])
    with contextlib.suppress(PayloadError):
        assert isinstance(decode_payload(cut), Payload)
