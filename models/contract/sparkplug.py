"""Sparkplug B payloads: what others import. Values, bytes out, bytes in, in this order.

    payload = Payload(timestamp_ms, seq, (data_metric(7, DataType.FLOAT, 2.5, timestamp_ms),))
    decode_payload(encode_payload(payload))

Births name everything: `Metric(name=…, alias=…, datatype=…, value=…, timestamp_ms=…, properties=…)`. Data uses
`data_metric`, which leaves name and datatype out; its reader gets the sign of integers back with `typed_value`.
"""

from __future__ import annotations

from models.contract.sparkplug_decode import decode_payload
from models.contract.sparkplug_encode import encode_payload
from models.contract.sparkplug_values import (
    CAUSE,
    ENG_UNIT,
    QUALITY,
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
    metric_cause,
    metric_eng_unit,
    metric_properties,
    metric_quality,
    typed_value,
)

__all__ = [
    "CAUSE",
    "ENG_UNIT",
    "QUALITY",
    "DataSet",
    "DataType",
    "MetaData",
    "Metric",
    "Parameter",
    "Payload",
    "Property",
    "Template",
    "Unsupported",
    "data_metric",
    "decode_payload",
    "encode_payload",
    "metric_cause",
    "metric_eng_unit",
    "metric_properties",
    "metric_quality",
    "typed_value",
]
