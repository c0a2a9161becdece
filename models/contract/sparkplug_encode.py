"""Payload → bytes: check the bounds, fill the protobuf message, serialise.

Integers go unsigned, as the specification wants: Int8 to Int32 as two's complement of 32 bits, Int64 of 64.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from models.contract import limits
from models.contract.errors import PayloadError
from models.contract.sparkplug_schema import PayloadMessage
from models.contract.sparkplug_values import BIT_WIDTHS, SIGNED, WIRE_FIELDS, DataSet, DataType, Template

if TYPE_CHECKING:
    from collections.abc import Mapping

    from models.contract.sparkplug_values import Metric, Parameter, Payload, Property


def encode_payload(payload: Payload) -> bytes:
    """Return the bytes of a Sparkplug B payload.

    Raises:
        PayloadError: a value that does not fit its datatype, or a payload beyond a bound.
    """
    if len(payload.metrics) > limits.METRICS_PER_PAYLOAD:
        raise PayloadError(f"{len(payload.metrics)} metrics in one payload: at most {limits.METRICS_PER_PAYLOAD}")
    message = PayloadMessage()
    try:
        _set(message, "timestamp", payload.timestamp_ms)
        for metric in payload.metrics:
            _fill_metric(message.metrics.add(), metric, 0)
        _set(message, "seq", payload.seq)
        _set(message, "uuid", payload.uuid)
        _set(message, "body", payload.body)
        data: bytes = message.SerializeToString()
    except (TypeError, ValueError, OverflowError) as error:
        raise PayloadError(f"a value cannot be sent: {error}") from error
    if len(data) > limits.PAYLOAD_BYTES:
        raise PayloadError(f"payload of {len(data)} bytes: at most {limits.PAYLOAD_BYTES} are sent")
    return data


def _set(message: Any, name: str, value: object) -> None:
    if value is not None:
        setattr(message, name, value)


def _fill_head(message: Any, metric: Metric) -> None:
    # A summary of a full machine has five hundred metrics: their fields are set without a detour.
    if metric.name is not None:
        message.name = metric.name
    if metric.alias is not None:
        message.alias = metric.alias
    if metric.timestamp_ms is not None:
        message.timestamp = metric.timestamp_ms
    if metric.datatype is not None:
        message.datatype = metric.datatype
    if metric.is_historical:
        message.is_historical = True
    if metric.is_transient:
        message.is_transient = True
    if metric.is_null:
        message.is_null = True


def _fill_metric(message: Any, metric: Metric, depth: int) -> None:
    _fill_head(message, metric)
    if metric.metadata is not None:
        message.metadata.SetInParent()
        for name in type(metric.metadata).__slots__:
            _set(message.metadata, name, getattr(metric.metadata, name))
    if metric.properties:
        _fill_properties(message.properties, metric.properties, depth + 1)
    if metric.value is None or metric.is_null:
        return
    try:
        _fill_value(message, metric.datatype, metric.value, metric.wire_field, depth)
    except (TypeError, ValueError, OverflowError) as error:
        raise PayloadError(f"metric {metric.name or metric.alias}: {error}") from error


def _fill_value(message: Any, datatype: DataType | None, value: Any, wire_field: str | None, depth: int) -> None:
    """Set the member of the oneof that belongs to the datatype, or the one that is named."""
    if depth > limits.NESTING:
        raise ValueError(f"nested deeper than {limits.NESTING}")
    name = wire_field or (WIRE_FIELDS.get(datatype) if datatype is not None else None)
    if name is None:
        raise ValueError("no datatype given: use data_metric for a metric that its birth has declared")
    if datatype is not None and datatype in BIT_WIDTHS:
        value = _unsigned(datatype, value)
    elif isinstance(value, str) and len(value) > limits.STRING_CHARS:
        raise ValueError(f"text of {len(value)} characters, at most {limits.STRING_CHARS}")
    if isinstance(value, DataSet):
        _fill_dataset(message.dataset_value, value)
    elif isinstance(value, Template):
        _fill_template(message.template_value, value, depth + 1)
    elif name == "propertyset_value":
        _fill_properties(message.propertyset_value, value, depth + 1)
    elif name == "propertysets_value":
        message.propertysets_value.SetInParent()
        for properties in value:
            _fill_properties(message.propertysets_value.propertyset.add(), properties, depth + 1)
    else:
        setattr(message, name, value)


def _unsigned(datatype: DataType, value: Any) -> int:
    width = BIT_WIDTHS[datatype]
    number = int(value)
    if number != value:
        raise ValueError(f"{value!r} is no integer")
    low, high = (-(1 << (width - 1)), 1 << (width - 1)) if datatype in SIGNED else (0, 1 << width)
    if not low <= number < high:
        raise ValueError(f"{number} is outside the range of {datatype.name}")
    return number + (1 << max(width, 32)) if number < 0 else number


def _fill_properties(message: Any, properties: Mapping[str, Property], depth: int) -> None:
    message.SetInParent()
    for key, stated in properties.items():
        message.keys.append(key)
        entry = message.values.add()
        _set(entry, "type", stated.datatype)
        if stated.value is None:
            entry.is_null = True
        else:
            _fill_value(entry, stated.datatype, stated.value, None, depth)


def _fill_dataset(message: Any, table: DataSet) -> None:
    message.num_of_columns = len(table.columns)
    message.columns.extend(table.columns)
    message.types.extend(table.types)
    for cells in table.rows:
        if len(cells) != len(table.columns):
            raise ValueError(f"a row of {len(cells)} cells in a table of {len(table.columns)} columns")
        row = message.rows.add()
        for datatype, cell in zip(table.types, cells, strict=True):
            element = row.elements.add()
            if cell is not None:
                _fill_value(element, DataType(datatype), cell, None, 0)


def _fill_template(message: Any, template: Template, depth: int) -> None:
    message.SetInParent()
    _set(message, "version", template.version)
    for metric in template.metrics:
        _fill_metric(message.metrics.add(), metric, depth)
    for parameter in template.parameters:
        _fill_parameter(message.parameters.add(), parameter)
    _set(message, "template_ref", template.template_ref)
    _set(message, "is_definition", template.is_definition)


def _fill_parameter(message: Any, parameter: Parameter) -> None:
    message.name = parameter.name
    _set(message, "type", parameter.datatype)
    if parameter.value is not None:
        _fill_value(message, parameter.datatype, parameter.value, None, 0)
