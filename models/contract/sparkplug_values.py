"""What a Sparkplug payload says, as plain values: payload, metric, property, data set, template.

Every metric keeps which protobuf field carried its value (`wire_field`), because a data message leaves the datatype
out: only together with the birth's datatype does an integer get its sign back (`typed_value`).

Source: Sparkplug B 3.0.0, section 6.4, *Sparkplug B payload*.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

from models.contract.vocabulary import Quality


class DataType(IntEnum):
    """Datatypes and their numbers. Source: Sparkplug B 3.0.0, section 6.4.16, *Data Types*."""

    INT8 = 1
    INT16 = 2
    INT32 = 3
    INT64 = 4
    UINT8 = 5
    UINT16 = 6
    UINT32 = 7
    UINT64 = 8
    FLOAT = 9
    DOUBLE = 10
    BOOLEAN = 11
    STRING = 12
    DATETIME = 13
    TEXT = 14
    UUID = 15
    DATASET = 16
    BYTES = 17
    FILE = 18
    TEMPLATE = 19
    PROPERTY_SET = 20
    PROPERTY_SET_LIST = 21
    INT8_ARRAY = 22
    INT16_ARRAY = 23
    INT32_ARRAY = 24
    INT64_ARRAY = 25
    UINT8_ARRAY = 26
    UINT16_ARRAY = 27
    UINT32_ARRAY = 28
    UINT64_ARRAY = 29
    FLOAT_ARRAY = 30
    DOUBLE_ARRAY = 31
    BOOLEAN_ARRAY = 32
    STRING_ARRAY = 33
    DATETIME_ARRAY = 34


WireField = Literal[
    "int_value",
    "long_value",
    "float_value",
    "double_value",
    "boolean_value",
    "string_value",
    "bytes_value",
    "dataset_value",
    "template_value",
    "propertyset_value",
    "propertysets_value",
]
"""The member of the protobuf oneof `value` that carries a value."""

_STRINGS: Final = (DataType.STRING, DataType.TEXT, DataType.UUID)
_INTS: Final = (DataType.INT8, DataType.INT16, DataType.INT32, DataType.UINT8, DataType.UINT16)
_LONGS: Final = (DataType.INT64, DataType.UINT32, DataType.UINT64, DataType.DATETIME)

WIRE_FIELDS: Final[Mapping[DataType, WireField]] = {
    **dict.fromkeys(_INTS, "int_value"),
    **dict.fromkeys(_LONGS, "long_value"),
    DataType.FLOAT: "float_value",
    DataType.DOUBLE: "double_value",
    DataType.BOOLEAN: "boolean_value",
    **dict.fromkeys(_STRINGS, "string_value"),
    DataType.DATASET: "dataset_value",
    DataType.BYTES: "bytes_value",
    DataType.FILE: "bytes_value",
    DataType.TEMPLATE: "template_value",
    DataType.PROPERTY_SET: "propertyset_value",
    DataType.PROPERTY_SET_LIST: "propertysets_value",
    **{t: "bytes_value" for t in DataType if t >= DataType.INT8_ARRAY},
}
"""Which field carries which datatype; UInt32 goes into the 64-bit field, as every Tahu library does."""

BIT_WIDTHS: Final[Mapping[DataType, int]] = {
    DataType.INT8: 8,
    DataType.INT16: 16,
    DataType.INT32: 32,
    DataType.INT64: 64,
    DataType.UINT8: 8,
    DataType.UINT16: 16,
    DataType.UINT32: 32,
    DataType.UINT64: 64,
    DataType.DATETIME: 64,
}
SIGNED: Final = frozenset({DataType.INT8, DataType.INT16, DataType.INT32, DataType.INT64})


@dataclass(frozen=True, slots=True)
class Unsupported:
    """A value that is well formed but not of a kind we know; kept, so that it can be counted and shown.

    Attributes:
        datatype: the number on the wire, or None where it was left out.
        wire_field: where the value stood, or None where there was none.
    """

    datatype: int | None
    wire_field: str | None


@dataclass(frozen=True, slots=True)
class DataSet:
    """A table. `types` are the numbers on the wire, one per column; a cell without a value is None."""

    columns: tuple[str, ...]
    types: tuple[int, ...]
    rows: tuple[tuple[Scalar, ...], ...]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a template."""

    name: str
    datatype: DataType | None
    value: Scalar


@dataclass(frozen=True, slots=True)
class Template:
    """A definition of a user-defined type (`is_definition`), or an instance of the one named by `template_ref`."""

    version: str | None
    template_ref: str | None
    is_definition: bool | None
    metrics: tuple[Metric, ...]
    parameters: tuple[Parameter, ...]


@dataclass(frozen=True, slots=True)
class Property:
    """One property of a metric."""

    datatype: DataType | None
    value: PropertyContent


@dataclass(frozen=True, slots=True)
class MetaData:
    """What a file or a multi-part value is."""

    is_multi_part: bool | None = None
    content_type: str | None = None
    size: int | None = None
    seq: int | None = None
    file_name: str | None = None
    file_type: str | None = None
    md5: str | None = None
    description: str | None = None


Scalar = int | float | bool | str | bytes | Unsupported | None
PropertyContent = Scalar | Mapping[str, Property] | tuple[Mapping[str, Property], ...]
MetricContent = Scalar | DataSet | Template


class Metric(NamedTuple):
    """One metric of a payload; a named tuple, because a summary has hundreds: a dataclass takes five times as long.

    Attributes:
        name: in births and where there is no alias, else None.
        alias: stands for the name after the birth.
        datatype: None where the message leaves it out (data messages) or where its number is unknown.
        value: integers have their sign where the datatype is given; without it they are as on the wire, unsigned.
        timestamp_ms: UTC, milliseconds since 1970.
        is_historical: made before the current birth.
        is_null: there is no value.
        properties: `engUnit`, `Quality`, `cause` and what others send.
        wire_field: which protobuf field carries the value; None means the one that belongs to the datatype.
        is_transient, metadata: of foreign nodes; ours do not send them.
    """

    name: str | None = None
    alias: int | None = None
    datatype: DataType | None = None
    value: MetricContent = None
    timestamp_ms: int | None = None
    is_historical: bool = False
    is_null: bool = False
    properties: Mapping[str, Property] = MappingProxyType({})
    wire_field: WireField | None = None
    is_transient: bool = False
    metadata: MetaData | None = None


@dataclass(frozen=True, slots=True)
class Payload:
    """One Sparkplug message. `uuid` and `body` are used by foreign nodes only; `seq` is absent in a death."""

    timestamp_ms: int | None = None
    seq: int | None = None
    metrics: tuple[Metric, ...] = ()
    uuid: str | None = None
    body: bytes | None = None

    @property
    def unsupported(self) -> int:
        """Return how many of the metrics have a value of a kind that we do not know."""
        return sum(isinstance(metric.value, Unsupported) for metric in self.metrics)


def data_metric(
    alias: int, datatype: DataType, value: MetricContent, timestamp_ms: int, *, is_historical: bool = False
) -> Metric:
    """Return a metric as a data message sends it: alias, value, its own time, datatype left out.

    Args:
        alias: as declared in the birth.
        datatype: as declared in the birth; decides which field carries the value.
        value: None for a null.
        timestamp_ms: UTC, milliseconds since 1970.
        is_historical: made before the current birth.
    """
    if isinstance(value, int) and datatype in SIGNED and value < 0:
        value += 1 << max(BIT_WIDTHS[datatype], 32)
    return Metric(
        alias=alias,
        value=value,
        timestamp_ms=timestamp_ms,
        is_historical=is_historical,
        is_null=value is None,
        wire_field=None if value is None else WIRE_FIELDS[datatype],
    )


def typed_value(value: MetricContent, datatype: DataType) -> MetricContent:
    """Return a value of a data message as the datatype of the birth means it.

    >>> typed_value(4294967291, DataType.INT8)
    -5

    Args:
        value: as decoded without a datatype; integers unsigned.
        datatype: as declared in the birth.

    Returns:
        The value with its sign; `Unsupported` where it does not fit the datatype at all.
    """
    if value is None or isinstance(value, Unsupported):
        return value
    fits: bool
    if datatype in BIT_WIDTHS:
        if isinstance(value, bool) or not isinstance(value, int):
            return Unsupported(int(datatype), None)
        if datatype not in SIGNED:
            return value
        width = BIT_WIDTHS[datatype]
        value &= (1 << width) - 1
        return value - (1 << width) if value >> (width - 1) else value
    if datatype in (DataType.FLOAT, DataType.DOUBLE):
        fits = isinstance(value, float)
    elif datatype is DataType.BOOLEAN:
        fits = isinstance(value, bool)
    elif datatype in _STRINGS:
        fits = isinstance(value, str)
    elif datatype is DataType.DATASET:
        fits = isinstance(value, DataSet)
    elif datatype is DataType.TEMPLATE:
        fits = isinstance(value, Template)
    else:
        fits = isinstance(value, bytes)
    return value if fits else Unsupported(int(datatype), None)


ENG_UNIT: Final = "engUnit"
QUALITY: Final = "Quality"
CAUSE: Final = "cause"


def metric_properties(
    *, eng_unit: str | None = None, quality: Quality | None = None, cause: str | None = None
) -> dict[str, Property]:
    """Return the properties that ours carry: unit, quality (0, 192 or 500 only) and, under our own key, its cause.

    Source: tck-id-payloads-propertyset-quality-value-type and -value-value.
    """
    properties: dict[str, Property] = {}
    if eng_unit is not None:
        properties[ENG_UNIT] = Property(DataType.STRING, eng_unit)
    if quality is not None:
        properties[QUALITY] = Property(DataType.INT32, int(quality))
    if cause is not None:
        properties[CAUSE] = Property(DataType.STRING, cause)
    return properties


def metric_eng_unit(metric: Metric) -> str | None:
    """Return the unit a metric's properties state, or None."""
    return _text(metric, ENG_UNIT)


def metric_cause(metric: Metric) -> str | None:
    """Return why a metric's quality is not good, or None."""
    return _text(metric, CAUSE)


def metric_quality(metric: Metric) -> Quality:
    """Return a metric's quality: good where nothing is stated, bad for numbers the specification does not have."""
    stated = metric.properties.get(QUALITY)
    if stated is None or stated.value is None:
        return Quality.GOOD
    try:
        return Quality(stated.value)  # type: ignore[arg-type]  # whatever is no member raises ValueError
    except ValueError:
        return Quality.BAD


def _text(metric: Metric, key: str) -> str | None:
    stated = metric.properties.get(key)
    return stated.value if stated is not None and isinstance(stated.value, str) else None
