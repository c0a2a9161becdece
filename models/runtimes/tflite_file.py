"""Read a dense network out of a TFLite file, without the schema classes and without trusting the file.

Every runtime for TFLite files reads the file here first: the interpreters follow its offsets unchecked and some crash
on a damaged one. The numpy runtime needs nothing else, so there is no second file with the same weights that could
drift away from the first. In order: the whole FlatBuffer is decoded along `SCHEMA` (`flatbuffer`), the tables are held
against one another here, and the layers against what can be computed (`layers`). A network with other operators than
fully connected layers is refused by all runtimes: what cannot be checked is not handed on.

Source: TensorFlow Lite schema version 3.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from models.runtimes.errors import NetworkError
from models.runtimes.flatbuffer import Schema, Table, decode
from models.runtimes.layers import MAX_FILE_BYTES, Layer, Tensor, check_layers

if TYPE_CHECKING:
    from collections.abc import Sequence

IDENTIFIER: Final = b"TFL3"
VERSION: Final = 3
FULLY_CONNECTED: Final = 9
FULLY_CONNECTED_OPTIONS: Final = 8
RELU: Final = 1
INT32: Final = 2
TYPES: Final[dict[int, np.dtype[Any]]] = {0: np.dtype("<f4"), INT32: np.dtype("<i4"), 9: np.dtype("i1")}
"""TensorType: FLOAT32, INT32, INT8."""
MAX_ELEMENTS: Final = 1 << 24

_NAMED: Final = ("name string",)
SCHEMA: Final[Schema] = {
    "Model": (
        *("version u4", "operator_codes [OperatorCode]", "subgraphs [SubGraph]", "description string"),
        *("buffers [Buffer]", "metadata_buffer [i4]", "metadata [Metadata]", "signature_defs [SignatureDef]"),
    ),
    "OperatorCode": ("deprecated_builtin_code i1", "-", "version i4", "builtin_code i4"),
    "SubGraph": ("tensors [Tensor]", "inputs [i4]", "outputs [i4]", "operators [Operator]", "name string"),
    "Tensor": (
        *("shape [i4]", "type i1", "buffer u4", "name string", "quantization Quantization", "is_variable u1", "-"),
        *("shape_signature [i4]", "has_rank u1"),
    ),
    "Quantization": ("min [f4]", "max [f4]", "scale [f4]", "zero_point [i8]", "-", "-", "quantized_dimension i4"),
    "Operator": (
        *("opcode_index u4", "inputs [i4]", "outputs [i4]", "options_type u1", "options Options"),
        *("-", "-", "mutating [u1]", "intermediates [i4]"),
    ),
    "Options": ("activation i1", "weights_format i1", "keep_dims u1", "asymmetric u1", "bias_type i1"),
    "Buffer": ("data [u1]",),
    "Metadata": (*_NAMED, "buffer u4"),
    "SignatureDef": ("inputs [TensorMap]", "outputs [TensorMap]", "key string", "-", "subgraph u4"),
    "TensorMap": (*_NAMED, "tensor u4"),
}


def read_dense(data: bytes) -> tuple[Layer, ...]:
    """Return the layers of a TFLite file that is a chain of fully connected layers.

    Raises:
        NetworkError: the bytes are no such file, or one that a runtime would crash on or compute wrongly.
    """
    if data[4:8] != IDENTIFIER:
        raise NetworkError(f"{len(data)} bytes are no TFLite file: the identifier TFL3 is missing")
    if len(data) > MAX_FILE_BYTES:
        raise NetworkError(f"a network of {len(data)} bytes: at most {MAX_FILE_BYTES}")
    model = decode(data, SCHEMA, "Model")
    graphs, buffers = model.tables("subgraphs"), model.tables("buffers")
    if model.number("version") != VERSION or len(graphs) != 1:
        raise NetworkError(f"version {model.number('version')} with {len(graphs)} graphs: {VERSION} with one is read")
    tensors = tuple(_tensor(table, buffers) for table in graphs[0].tables("tensors"))
    _check_names(model, len(tensors), len(buffers))
    _check_operator_codes(model.tables("operator_codes"))
    layers = _chain(graphs[0], tensors, len(model.tables("operator_codes")))
    check_layers(layers)
    return layers


def _tensor(table: Table, buffers: Sequence[Table]) -> Tensor:
    kind, shape = table.number("type"), tuple(table.few("shape"))
    if kind not in TYPES:
        raise NetworkError(f"a tensor of type {kind}: float32, int32 and int8 are known")
    elements = 1
    for side in shape:
        elements *= max(side, 0)
    if not 1 <= elements <= MAX_ELEMENTS or len(shape) > 2:
        raise NetworkError(f"a tensor of shape {shape}")
    signature = table.few("shape_signature")
    if signature and not (
        len(signature) == len(shape)
        and all(asked in {-1, side} for asked, side in zip(signature, shape, strict=True))
        and -1 not in signature[1:]
    ):
        raise NetworkError(f"a tensor of shape {shape} that may be {tuple(signature)}")
    if table.number("is_variable"):
        raise NetworkError("a tensor that the network remembers from row to row")
    number = table.number("buffer")
    if number >= len(buffers):
        raise NetworkError(f"buffer {number} of {len(buffers)}")
    raw = buffers[number].vector("data")
    if raw.size not in {0, elements * TYPES[kind].itemsize}:
        raise NetworkError(f"{raw.size} bytes for a tensor of shape {shape}")
    values = raw.view(TYPES[kind]).reshape(shape) if raw.size else None
    quantisation = table.table("quantization") or Table("Quantization", {})
    if quantisation.number("quantized_dimension"):
        raise NetworkError("a tensor with scales along its inputs: one per output is known")
    scales, zero_points = quantisation.vector("scale"), quantisation.vector("zero_point")
    return Tensor(shape, TYPES[kind], values, np.asarray(scales, np.float32), np.asarray(zero_points, np.int64))


def _check_names(model: Table, tensors: int, buffers: int) -> None:
    """Look at what names the inputs and outputs and at what else the file carries: it is read by libraries, too."""
    for signature in model.tables("signature_defs"):
        named = (*signature.tables("inputs"), *signature.tables("outputs"))
        if signature.number("subgraph") or any(
            entry.number("tensor") >= tensors or "name" not in entry.values for entry in named
        ):
            raise NetworkError("a signature of tensors that are not there")
        if "key" not in signature.values:
            raise NetworkError("a signature without a name")
    carried = [entry.number("buffer") for entry in model.tables("metadata")] + model.few("metadata_buffer")
    if any(not 0 <= number < buffers for number in carried) or any(
        "name" not in entry.values for entry in model.tables("metadata")
    ):
        raise NetworkError("metadata that are not there")


def _check_operator_codes(codes: Sequence[Table]) -> None:
    for code in codes:
        number = max(code.number("deprecated_builtin_code"), code.number("builtin_code"))
        if number != FULLY_CONNECTED:
            raise NetworkError(f"operator {number}: only chains of fully connected layers are run")


def _chain(graph: Table, tensors: Sequence[Tensor], codes: int) -> tuple[Layer, ...]:
    """Return the layers in order; each takes what the one before gives, from the one input to the one output."""
    inputs, outputs = graph.few("inputs"), graph.few("outputs")
    if len(inputs) != 1 or len(outputs) != 1:
        raise NetworkError(f"{len(inputs)} inputs and {len(outputs)} outputs: a network has one each")
    at, seen, layers = inputs[0], {inputs[0]}, []
    for operator in graph.tables("operators"):
        sources, results = operator.few("inputs"), operator.few("outputs")
        chained = len(sources) == 3 and len(results) == 1 and sources[0] == at and results[0] not in seen
        if operator.number("opcode_index") >= codes or not chained:
            raise NetworkError("operators that are no chain of fully connected layers")
        if not all(0 <= number < len(tensors) for number in itertools.chain(sources, results)):
            raise NetworkError("an operator on tensors that are not there")
        at = results[0]
        seen.add(at)
        source, weights, bias = (tensors[number] for number in sources)
        layers.append(Layer(source, weights, bias, tensors[at], relu=_has_relu(operator)))
    if at != outputs[0]:
        raise NetworkError("the last layer is not the network's output")
    return tuple(layers)


def _has_relu(operator: Table) -> bool:
    options = operator.table("options")
    if operator.number("options_type") != FULLY_CONNECTED_OPTIONS or options is None:
        raise NetworkError("a fully connected layer without its options")
    if operator.vector("mutating").size or operator.vector("intermediates").size:
        raise NetworkError("a fully connected layer that keeps something")
    activation = options.number("activation")
    plain = not options.number("weights_format") and options.number("bias_type") in {0, INT32}
    if activation not in {0, RELU} or not plain:
        raise NetworkError(f"a fully connected layer with activation {activation}, or with shuffled weights")
    return activation == RELU
