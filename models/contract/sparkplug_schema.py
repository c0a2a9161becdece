"""The protobuf messages of Sparkplug B, built from one table instead of generated code.

The table below repeats field numbers and types of the specification; `PayloadMessage` is the class the protobuf
runtime makes of them. The descriptors live in a pool of their own, so that another Sparkplug library in the same
process cannot collide with them.

Source: Sparkplug B 3.0.0, section 6.4.1, *Google Protocol Buffer Schema*.
"""

from __future__ import annotations

from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_PACKAGE: Final = "org.eclipse.tahu.protobuf"
_FieldType: Final = descriptor_pb2.FieldDescriptorProto
_SCALARS: Final = {
    "uint32": _FieldType.TYPE_UINT32,
    "uint64": _FieldType.TYPE_UINT64,
    "float": _FieldType.TYPE_FLOAT,
    "double": _FieldType.TYPE_DOUBLE,
    "bool": _FieldType.TYPE_BOOL,
    "string": _FieldType.TYPE_STRING,
    "bytes": _FieldType.TYPE_BYTES,
}

# One line per field: number, name, type; `*` repeated, `|` member of the oneof `value`, a dot a message.
_MESSAGES: Final = {
    "Payload": "1 timestamp uint64, 2 metrics *.Payload.Metric, 3 seq uint64, 4 uuid string, 5 body bytes",
    "Payload.Metric": (
        "1 name string, 2 alias uint64, 3 timestamp uint64, 4 datatype uint32, 5 is_historical bool, "
        "6 is_transient bool, 7 is_null bool, 8 metadata .Payload.MetaData, 9 properties .Payload.PropertySet, "
        "10 int_value |uint32, 11 long_value |uint64, 12 float_value |float, 13 double_value |double, "
        "14 boolean_value |bool, 15 string_value |string, 16 bytes_value |bytes, "
        "17 dataset_value |.Payload.DataSet, 18 template_value |.Payload.Template, "
        "19 extension_value |.Payload.Metric.MetricValueExtension"
    ),
    "Payload.Metric.MetricValueExtension": "",
    "Payload.MetaData": (
        "1 is_multi_part bool, 2 content_type string, 3 size uint64, 4 seq uint64, 5 file_name string, "
        "6 file_type string, 7 md5 string, 8 description string"
    ),
    "Payload.PropertySet": "1 keys *string, 2 values *.Payload.PropertyValue",
    "Payload.PropertySetList": "1 propertyset *.Payload.PropertySet",
    "Payload.PropertyValue": (
        "1 type uint32, 2 is_null bool, 3 int_value |uint32, 4 long_value |uint64, 5 float_value |float, "
        "6 double_value |double, 7 boolean_value |bool, 8 string_value |string, "
        "9 propertyset_value |.Payload.PropertySet, 10 propertysets_value |.Payload.PropertySetList, "
        "11 extension_value |.Payload.PropertyValue.PropertyValueExtension"
    ),
    "Payload.PropertyValue.PropertyValueExtension": "",
    "Payload.DataSet": ("1 num_of_columns uint64, 2 columns *string, 3 types *uint32, 4 rows *.Payload.DataSet.Row"),
    "Payload.DataSet.Row": "1 elements *.Payload.DataSet.DataSetValue",
    "Payload.DataSet.DataSetValue": (
        "1 int_value |uint32, 2 long_value |uint64, 3 float_value |float, 4 double_value |double, "
        "5 boolean_value |bool, 6 string_value |string, "
        "7 extension_value |.Payload.DataSet.DataSetValue.DataSetValueExtension"
    ),
    "Payload.DataSet.DataSetValue.DataSetValueExtension": "",
    "Payload.Template": (
        "1 version string, 2 metrics *.Payload.Metric, 3 parameters *.Payload.Template.Parameter, "
        "4 template_ref string, 5 is_definition bool"
    ),
    "Payload.Template.Parameter": (
        "1 name string, 2 type uint32, 3 int_value |uint32, 4 long_value |uint64, 5 float_value |float, "
        "6 double_value |double, 7 boolean_value |bool, 8 string_value |string, "
        "9 extension_value |.Payload.Template.Parameter.ParameterValueExtension"
    ),
    "Payload.Template.Parameter.ParameterValueExtension": "",
}


def _add_fields(message: descriptor_pb2.DescriptorProto, fields: str) -> None:
    if "|" in fields:
        message.oneof_decl.add(name="value")
    for line in filter(None, fields.split(", ")):
        number, name, kind = line.split()
        field = message.field.add(name=name, number=int(number))
        field.label = _FieldType.LABEL_REPEATED if kind.startswith("*") else _FieldType.LABEL_OPTIONAL
        if kind.startswith("|"):
            field.oneof_index = 0
        kind = kind.lstrip("*|")
        if kind.startswith("."):
            field.type = _FieldType.TYPE_MESSAGE
            field.type_name = f".{_PACKAGE}{kind}"
        else:
            field.type = _SCALARS[kind]


def _build() -> Any:
    file = descriptor_pb2.FileDescriptorProto(name="sparkplug_b.proto", package=_PACKAGE, syntax="proto2")
    built: dict[str, descriptor_pb2.DescriptorProto] = {}
    for path, fields in _MESSAGES.items():
        parent, _, name = path.rpartition(".")
        message = built[parent].nested_type.add(name=name) if parent else file.message_type.add(name=name)
        _add_fields(message, fields)
        built[path] = message
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.Payload"))


PayloadMessage: Final = _build()
"""Class of `org.eclipse.tahu.protobuf.Payload`; made at run time, so untyped."""
