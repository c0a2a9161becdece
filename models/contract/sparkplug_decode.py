"""Bytes → payload: check the bounds, parse, take the values over. Whatever arrives, only PayloadError is raised.

Strict about what could hurt (sizes, counts, nesting), tolerant about the rest: a datatype of a later specification
or a value in the wrong field becomes `Unsupported`, which the caller counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from google.protobuf.message import DecodeError

from models.contract import limits
from models.contract.errors import PayloadError
from models.contract.sparkplug_schema import PayloadMessage
from models.contract.sparkplug_values import (
    WIRE_FIELDS,
    DataSet,
    DataType,
    MetaData,
    Metric,
    Parameter,
    Payload,
    Property,
    Template,
    Unsupported,
    typed_value,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from models.contract.sparkplug_values import PropertyContent, Scalar, WireField

_DATATYPES = {int(datatype): datatype for datatype in DataType}
_PLAIN = frozenset(
    ("int_value", "long_value", "float_value", "double_value", "boolean_value", "string_value", "bytes_value")
)


def decode_payload(data: bytes) -> Payload:
    """Return what a Sparkplug B payload says.

    Raises:
        PayloadError: not protobuf, text that is not UTF-8, or beyond a bound.
    """
    if len(data) > limits.PAYLOAD_BYTES:
        raise PayloadError(f"payload of {len(data)} bytes: at most {limits.PAYLOAD_BYTES} are read")
    message = PayloadMessage()
    try:
        message.ParseFromString(data)
    except DecodeError as error:
        raise PayloadError(f"not a Sparkplug payload: {error}") from None
    return _Reading().payload(message)


def _optional(message: Any, name: str) -> Any:
    return getattr(message, name) if message.HasField(name) else None


class _Reading:
    """One pass over one payload, counting what it holds."""

    def __init__(self) -> None:
        self._metrics = 0
        self._entries = 0

    def payload(self, message: Any) -> Payload:
        self._count_metrics(len(message.metrics))
        return Payload(
            timestamp_ms=_optional(message, "timestamp"),
            seq=_optional(message, "seq"),
            metrics=tuple([self._metric(entry, 0) for entry in message.metrics]),
            uuid=self._optional_text(message, "uuid"),
            body=_optional(message, "body"),
        )

    def _count_metrics(self, metrics: int) -> None:
        self._metrics += metrics
        if self._metrics > limits.METRICS_PER_PAYLOAD:
            raise PayloadError(f"more than {limits.METRICS_PER_PAYLOAD} metrics in one payload")

    def _count_entries(self, entries: int) -> None:
        self._entries += entries
        if self._entries > limits.CONTAINER_ENTRIES:
            raise PayloadError(f"more than {limits.CONTAINER_ENTRIES} properties and cells in one payload")

    def _text(self, text: str | bytes) -> str:
        if isinstance(text, bytes):  # what the runtime makes of a string that is not UTF-8
            raise PayloadError("not a Sparkplug payload: a text is not UTF-8")
        if len(text) > limits.STRING_CHARS:
            raise PayloadError(f"a text of {len(text)} characters: at most {limits.STRING_CHARS} are read")
        return text

    def _optional_text(self, message: Any, name: str) -> str | None:
        return self._text(getattr(message, name)) if message.HasField(name) else None

    def _metric(self, message: Any, depth: int) -> Metric:
        has = message.HasField
        number = message.datatype if has("datatype") else None
        datatype = _DATATYPES.get(number) if number is not None else None
        wire_field = message.WhichOneof("value")
        value: Any = None
        if message.is_null:
            wire_field = None
        elif wire_field is not None:
            value = self._value(message, number, wire_field, depth)
        if wire_field is not None and (
            isinstance(value, Unsupported) or (datatype is not None and wire_field == WIRE_FIELDS[datatype])
        ):
            wire_field = None
        return Metric(
            name=self._text(message.name) if has("name") else None,
            alias=message.alias if has("alias") else None,
            datatype=datatype,
            value=value,
            timestamp_ms=message.timestamp if has("timestamp") else None,
            is_historical=message.is_historical,
            is_null=message.is_null,
            properties=self._properties(message.properties, depth + 1) if has("properties") else {},
            wire_field=cast("WireField | None", wire_field),
            is_transient=message.is_transient,
            metadata=self._metadata(message.metadata) if has("metadata") else None,
        )

    def _value(self, message: Any, number: int | None, wire_field: str, depth: int) -> Any:
        """Return the value of any message with the oneof `value`, signed where the datatype says so."""
        if depth > limits.NESTING:
            raise PayloadError(f"templates or properties nested deeper than {limits.NESTING}")
        if wire_field == "extension_value" or (number is not None and number not in _DATATYPES):
            return Unsupported(number, wire_field)
        value = getattr(message, wire_field)
        if wire_field == "string_value":
            value = self._text(value)
        elif wire_field not in _PLAIN:
            value = self._container(value, wire_field, depth + 1)
            if wire_field.startswith("property"):
                return value
        if number is None:
            return value
        typed = typed_value(value, _DATATYPES[number])
        return Unsupported(number, wire_field) if isinstance(typed, Unsupported) else typed

    def _container(self, value: Any, wire_field: str, depth: int) -> Any:
        if wire_field == "dataset_value":
            return self._dataset(value)
        if wire_field == "template_value":
            return self._template(value, depth)
        if wire_field == "propertyset_value":
            return self._properties(value, depth)
        self._count_entries(len(value.propertyset))
        return tuple(self._properties(entry, depth) for entry in value.propertyset)

    def _properties(self, message: Any, depth: int) -> Mapping[str, Property]:
        if len(message.keys) != len(message.values):
            raise PayloadError(f"a property set with {len(message.keys)} keys and {len(message.values)} values")
        self._count_entries(len(message.keys))
        return {
            self._text(key): self._property(entry, depth)
            for key, entry in zip(message.keys, message.values, strict=True)
        }

    def _property(self, message: Any, depth: int) -> Property:
        number = _optional(message, "type")
        return Property(
            _DATATYPES.get(number) if number is not None else None,
            cast("PropertyContent", self._scalar_or_none(message, number, depth)),
        )

    def _scalar_or_none(self, message: Any, number: int | None, depth: int) -> Any:
        wire_field = message.WhichOneof("value")
        if wire_field is None or getattr(message, "is_null", False):
            return None
        return self._value(message, number, wire_field, depth)

    def _dataset(self, message: Any) -> DataSet:
        columns = tuple(self._text(name) for name in message.columns)
        types = tuple(message.types)
        self._count_entries(len(columns) + len(message.rows) + sum(len(row.elements) for row in message.rows))
        if len(columns) != len(types) or any(len(row.elements) != len(types) for row in message.rows):
            raise PayloadError("a data set whose names, types and rows do not have the same number of columns")
        rows = tuple(
            tuple(
                cast("Scalar", self._scalar_or_none(element, number, 0))
                for number, element in zip(types, row.elements, strict=True)
            )
            for row in message.rows
        )
        return DataSet(columns, types, rows)

    def _template(self, message: Any, depth: int) -> Template:
        self._count_metrics(len(message.metrics))
        self._count_entries(len(message.parameters))
        return Template(
            version=self._optional_text(message, "version"),
            template_ref=self._optional_text(message, "template_ref"),
            is_definition=_optional(message, "is_definition"),
            metrics=tuple(self._metric(entry, depth) for entry in message.metrics),
            parameters=tuple(self._parameter(entry) for entry in message.parameters),
        )

    def _parameter(self, message: Any) -> Parameter:
        number = _optional(message, "type")
        return Parameter(
            self._text(message.name),
            _DATATYPES.get(number) if number is not None else None,
            cast("Scalar", self._scalar_or_none(message, number, 0)),
        )

    def _metadata(self, message: Any) -> MetaData:
        return MetaData(
            is_multi_part=_optional(message, "is_multi_part"),
            content_type=self._optional_text(message, "content_type"),
            size=_optional(message, "size"),
            seq=_optional(message, "seq"),
            file_name=self._optional_text(message, "file_name"),
            file_type=self._optional_text(message, "file_type"),
            md5=self._optional_text(message, "md5"),
            description=self._optional_text(message, "description"),
        )
