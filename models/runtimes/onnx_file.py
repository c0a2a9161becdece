"""Read a dense network out of an ONNX file, and give back the bytes that were understood.

ONNX can hold functions, loops, training state and paths to other files; a dense network needs nodes in a row and the
numbers they use. In order:

1. the bytes are parsed along `_MESSAGES`, the part of ONNX that a dense network needs; a field beyond it is refused,
2. the nodes are followed from the input: Gemm and Relu for float32; for int8 the form that quantisers write (QDQ),
   QuantizeLinear and DequantizeLinear around every tensor,
3. the layers are held against what can be computed (`layers`), as those of a TFLite file are,
4. what was parsed is written anew for the library, without remarks, so that it is given nothing that was not looked
   at.

Source: ONNX, onnx.proto (field numbers below); Operators: Gemm, Relu, QuantizeLinear, DequantizeLinear.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message, message_factory, unknown_fields

from models.runtimes.errors import NetworkError
from models.runtimes.layers import MAX_FILE_BYTES, MAX_LAYERS, MAX_STORED_ROWS, Layer, Tensor, check_layers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_FieldType: Final = descriptor_pb2.FieldDescriptorProto
_SCALARS: Final = {
    "float": _FieldType.TYPE_FLOAT,
    "int32": _FieldType.TYPE_INT32,
    "int64": _FieldType.TYPE_INT64,
    "string": _FieldType.TYPE_STRING,
    "bytes": _FieldType.TYPE_BYTES,
}
# One line per message: number, name, type of each field; `*` repeated, an upper-case type a message.
_MESSAGES: Final = {
    "Model": (
        "1 ir_version int64, 2 producer_name string, 3 producer_version string, 4 domain string, "
        "5 model_version int64, 6 doc_string string, 7 graph Graph, 8 opset_import *OperatorSet, "
        "14 metadata_props *Remark"
    ),
    "Remark": "1 key string, 2 value string",
    "OperatorSet": "1 domain string, 2 version int64",
    "Graph": (
        "1 node *Node, 2 name string, 5 initializer *Stored, 10 doc_string string, 11 input *Value, 12 output *Value, "
        "13 value_info *Value"
    ),
    "Node": (
        "1 input *string, 2 output *string, 3 name string, 4 op_type string, 5 attribute *Attribute, "
        "6 doc_string string"
    ),
    "Attribute": "1 name string, 2 f float, 3 i int64, 20 type int32",
    "Stored": "1 dims *int64, 2 data_type int32, 8 name string, 9 raw_data bytes",
    "Value": "1 name string, 2 type Type",
    "Type": "1 tensor_type TensorType",
    "TensorType": "1 elem_type int32, 2 shape Shape",
    "Shape": "1 dim *Dimension",
    "Dimension": "1 dim_value int64, 2 dim_param string",
}
TYPES: Final[dict[int, np.dtype[Any]]] = {1: np.dtype("<f4"), 3: np.dtype("i1"), 6: np.dtype("<i4")}
"""TensorProto.DataType: FLOAT, INT8, INT32."""
REMARKS: Final = ("doc_string", "metadata_props", "value_info")
"""What tools write for people and for one another; it is dropped."""
LEAST_OPSET: Final = 13
"""The first in which QuantizeLinear has a scale per output."""
GEMM: Final = {"alpha": 1.0, "beta": 1.0, "transA": 0, "transB": 1}
"""The only Gemm that is a fully connected layer with weights (outputs, inputs)."""
ATTRIBUTES: Final[Mapping[str, frozenset[str]]] = {
    "Gemm": frozenset(GEMM),
    "Relu": frozenset(),
    "QuantizeLinear": frozenset({"axis"}),
    "DequantizeLinear": frozenset({"axis"}),
}
_NOTHING: Final = np.empty(0, np.float32)


def read_dense(data: bytes) -> tuple[tuple[Layer, ...], bytes]:
    """Return the layers of an ONNX file that is a chain of fully connected layers, and the file written anew.

    Raises:
        NetworkError: the bytes are no such file, or one that a runtime would crash on or compute wrongly.
    """
    if len(data) > MAX_FILE_BYTES:
        raise NetworkError(f"a network of {len(data)} bytes: at most {MAX_FILE_BYTES}")
    model = _Model()
    try:
        model.ParseFromString(data)
    except message.DecodeError as error:
        raise NetworkError(f"{len(data)} bytes are no ONNX file: {error}") from error
    _check_known(model)
    versions = [entry.version for entry in model.opset_import if not entry.domain]
    if len(model.opset_import) != 1 or len(versions) != 1 or versions[0] < LEAST_OPSET:
        raise NetworkError(f"{len(data)} bytes are no ONNX file of ONNX's own operators from version {LEAST_OPSET} on")
    layers = _Graph(model.graph).layers()
    check_layers(layers)
    for part in (model, model.graph, *model.graph.node):
        for name in REMARKS:
            if name in part.DESCRIPTOR.fields_by_name:
                part.ClearField(name)
    return layers, bytes(model.SerializeToString(deterministic=True))


def _check_known(parsed: Any) -> None:
    if len(unknown_fields.UnknownFieldSet(parsed)):
        raise NetworkError(f"a {parsed.DESCRIPTOR.name} in the ONNX file holds what a dense network does not need")
    for field, value in parsed.ListFields():
        if field.message_type:
            for inner in [value] if isinstance(value, message.Message) else value:
                _check_known(inner)


class _Graph:
    """The nodes, followed from the input to the output."""

    def __init__(self, graph: Any) -> None:
        # Two nodes for each stored tensor, five for each layer.
        if len(graph.node) > 16 * MAX_LAYERS or len(graph.input) != 1 or len(graph.output) != 1:
            raise NetworkError("an ONNX graph with too many nodes, or without one input and one output")
        self._stored = {entry.name: _stored(entry) for entry in graph.initializer}
        self._nodes = list(graph.node)
        self._input, self._output = graph.input[0], graph.output[0]
        named = [self._input.name, *self._stored, *(name for node in self._nodes for name in node.output)]
        if len(set(named)) != len(named) or len(self._stored) != len(graph.initializer):
            raise NetworkError("two things of one name in an ONNX graph")

    def layers(self) -> tuple[Layer, ...]:
        """Return the layers in order.

        Raises:
            NetworkError: the nodes are no chain of fully connected layers.
        """
        # First what is stored in int8 becomes numbers again, then what is computed is one row of nodes.
        weights: dict[str, Tensor] = dict(self._stored)
        row = []
        for node in self._nodes:
            _check_node(node)
            if node.op_type == "DequantizeLinear" and node.input[0] in self._stored:
                weights[node.output[0]] = self._scaled(node)
            else:
                row.append(node)
        return tuple(self._along(row, weights))

    def _along(self, row: Sequence[Any], weights: Mapping[str, Tensor]) -> Iterator[Layer]:
        at, rows = self._input.name, 1
        width = _width(self._input)
        steps = iter([*row, None])
        node = next(steps)

        def quantised() -> tuple[Tensor | None, Any]:
            """Return the scale that the row passes through here, if it does, and the node after it."""
            nonlocal at
            if node is None or node.op_type != "QuantizeLinear":
                return None, node
            back = next(steps)
            follows = back is not None and back.op_type == "DequantizeLinear" and back.input[0] == node.output[0]
            if not follows or node.input[0] != at or list(node.input[1:]) != list(back.input[1:]):
                raise NetworkError("an ONNX graph that quantises and does not take it back")
            at = back.output[0]
            return self._scaled(back), next(steps)

        source, node = quantised()
        while node is not None:
            if node.op_type != "Gemm" or node.input[0] != at or any(name not in weights for name in node.input[1:]):
                raise NetworkError("an ONNX graph that is no chain of fully connected layers")
            matrix, bias = (weights[name] for name in node.input[1:])
            at, before, outputs = node.output[0], width, matrix.shape[0] if matrix.shape else 0
            node = next(steps)
            relu = node is not None and node.op_type == "Relu" and node.input[0] == at
            if relu:
                at, node = node.output[0], next(steps)
            result, node = quantised()
            yield Layer(
                _computed(source, (rows, before)), matrix, bias, _computed(result, (rows, outputs)), relu=bool(relu)
            )
            source, width = result, outputs
        if at != self._output.name or _width(self._output) != width:
            raise NetworkError("the last layer of the ONNX graph is not its output")

    def _scaled(self, node: Any) -> Tensor:
        """Return the stored tensor, or an empty one, with the scales and zero points of a node."""
        scale, zero_point = (self._stored.get(name) for name in node.input[1:])
        base = self._stored.get(node.input[0])
        if scale is None or zero_point is None or scale.values is None or zero_point.values is None:
            raise NetworkError("a node of an ONNX graph without its scale or its zero point")
        axes = [attribute.i for attribute in node.attribute]
        kind = zero_point.dtype
        if scale.dtype != np.float32 or scale.shape != zero_point.shape or (base is not None and base.dtype != kind):
            raise NetworkError("a node of an ONNX graph whose scale does not fit its zero point")
        if (scale.shape and axes != [0]) or (base is None and (scale.shape or kind != np.int8)):
            raise NetworkError("scales of an ONNX graph: one, or one per output of the stored weights")
        scales, zero_points = scale.values.reshape(-1), zero_point.values.reshape(-1).astype(np.int64)
        if base is None:
            return Tensor((), np.dtype(np.int8), None, scales, zero_points)
        return Tensor(base.shape, base.dtype, base.values, scales, zero_points)


def _check_node(node: Any) -> None:
    given = {attribute.name: attribute for attribute in node.attribute}
    known = ATTRIBUTES.get(node.op_type)
    if known is None:
        raise NetworkError(f"operator {node.op_type[:32]!r}: only chains of fully connected layers are run")
    arguments = 1 if node.op_type == "Relu" else 3
    if len(node.input) != arguments or len(node.output) != 1 or not given.keys() <= known:
        raise NetworkError(f"a {node.op_type} with {len(node.input)} inputs or with attributes of its own")
    if len(given) != len(node.attribute):
        raise NetworkError(f"a {node.op_type} with one attribute twice")
    if node.op_type == "Gemm":
        for name, wanted in GEMM.items():
            attribute = given.get(name)
            # Left out, alpha and beta are 1, and nothing is transposed.
            default = float(name in {"alpha", "beta"})
            found = default if attribute is None else attribute.f if isinstance(wanted, float) else attribute.i
            if found != wanted:
                raise NetworkError(f"a Gemm with {name} {found}: {wanted} is a fully connected layer")


def _stored(entry: Any) -> Tensor:
    shape = tuple(entry.dims)
    if entry.data_type not in TYPES or len(shape) > 2 or not all(1 <= side <= MAX_FILE_BYTES for side in shape):
        raise NetworkError(f"a stored tensor of type {entry.data_type} and shape {shape}")
    dtype = TYPES[entry.data_type]
    if len(entry.raw_data) != int(np.prod(shape, dtype=np.int64)) * dtype.itemsize:
        raise NetworkError(f"{len(entry.raw_data)} bytes for a tensor of shape {shape}")
    return Tensor(shape, dtype, np.frombuffer(entry.raw_data, dtype).reshape(shape), _NOTHING, np.empty(0, np.int64))


def _computed(scaled: Tensor | None, shape: tuple[int, int]) -> Tensor:
    if scaled is None:
        return Tensor(shape, np.dtype(np.float32), None, _NOTHING, np.empty(0, np.int64))
    return Tensor(shape, scaled.dtype, None, scaled.scales, scaled.zero_points)


def _width(value: Any) -> int:
    """Return how many numbers a row of the graph's input or output has."""
    described = value.type.tensor_type
    sides = list(described.shape.dim)
    if (
        TYPES.get(described.elem_type) != np.float32
        or len(sides) != 2
        or not 0 <= sides[0].dim_value <= MAX_STORED_ROWS
    ):
        raise NetworkError("an ONNX graph whose input and output are not float32 rows")
    # A fixed number of rows would refuse every other one.
    if sides[0].dim_value or not sides[0].dim_param or sides[1].dim_value < 1:
        raise NetworkError("an ONNX graph for a fixed number of rows, or of rows of no width")
    return int(sides[1].dim_value)


def _messages() -> Any:
    """Return the class of `Model`, in a pool of its own, so that the ONNX library may live in the same process."""
    file = descriptor_pb2.FileDescriptorProto(name="dense_onnx.proto", package="dense_onnx", syntax="proto2")
    for name, fields in _MESSAGES.items():
        described = file.message_type.add(name=name)
        for line in fields.split(", "):
            number, field_name, kind = line.split()
            field = described.field.add(name=field_name, number=int(number))
            field.label = _FieldType.LABEL_REPEATED if kind.startswith("*") else _FieldType.LABEL_OPTIONAL
            kind = kind.removeprefix("*")
            if kind in _SCALARS:
                field.type = _SCALARS[kind]
            else:
                field.type, field.type_name = _FieldType.TYPE_MESSAGE, f".dense_onnx.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("dense_onnx.Model"))


_Model: Final = _messages()
