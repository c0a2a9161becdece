"""Write a small dense network as a TFLite file, with nothing but the official schema classes.

TensorFlow is 600 MB to turn three matrices into a file of a few kilobytes; the schema that comes with ai-edge-litert
describes that file completely. The network is a chain of fully connected layers, each with an optional ReLU; the same
layers always give the same bytes.

Source: TensorFlow Lite schema version 3, tables Model, SubGraph, Operator, FullyConnectedOptions.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from models.contract.errors import PlantpulseError
from models.runtimes.tflite_file import read_dense

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

SCHEMA_VERSION: Final = 3
FILE_IDENTIFIER: Final = b"TFL3"
SIGNATURE: Final = "serving_default"


class TrainingExtraMissingError(PlantpulseError):
    """A library of the extra `train` is not installed."""


@dataclass(frozen=True, slots=True)
class DenseLayer:
    """One fully connected layer.

    Attributes:
        weights: float32 (outputs, inputs), as TFLite lays them out.
        bias: float32 (outputs,).
        relu: whether negative outputs become zero.
    """

    weights: NDArray[np.float32]
    bias: NDArray[np.float32]
    relu: bool


def write_dense(layers: Sequence[DenseLayer], description: str) -> bytes:
    """Return a float32 TFLite model of these layers, for inputs (batch, inputs) of any batch.

    Args:
        layers: in order; each takes what the one before gives.
        description: goes into the file.

    Raises:
        TrainingExtraMissingError: the extra `train` is not installed.
        ValueError: no layer, or layers that do not fit together.
    """
    for before, after in itertools.pairwise(layers):
        if before.weights.shape[0] != after.weights.shape[1]:
            raise ValueError(f"a layer with {before.weights.shape[0]} outputs before one with {after.weights.shape[1]}")
    if not layers:
        raise ValueError("a network needs at least one layer")
    schema, flatbuffers = _schema()
    model = _Model(schema)
    at = model.add_tensor("input", (1, layers[0].weights.shape[1]), batched=True)
    graph_input = at
    operators = []
    for number, layer in enumerate(layers, start=1):
        weights = model.add_tensor(f"weights_{number}", layer.weights.shape, layer.weights)
        bias = model.add_tensor(f"bias_{number}", layer.bias.shape, layer.bias)
        result = model.add_tensor(f"layer_{number}", (1, layer.weights.shape[0]), batched=True)
        operators.append(_fully_connected(schema, [at, weights, bias], result, relu=layer.relu))
        at = result
    graph = schema.SubGraphT()
    graph.name = "main"
    graph.tensors = model.tensors
    graph.inputs, graph.outputs = [graph_input], [at]
    graph.operators = operators
    root = schema.ModelT()
    root.version = SCHEMA_VERSION
    root.description = description
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.FULLY_CONNECTED
    code.version = 1
    root.operatorCodes = [code]
    root.subgraphs = [graph]
    root.signatureDefs = [_signature(schema, graph_input, at)]
    root.buffers = model.buffers
    builder = flatbuffers.Builder(4096)
    builder.Finish(root.Pack(builder), file_identifier=FILE_IDENTIFIER)
    return bytes(builder.Output())


def float_twin(network: bytes) -> bytes:
    """Return an int8 network with the same weights in float32: what it would answer if activations were not rounded.

    Raises:
        NetworkError: the bytes are no dense int8 network.
        TrainingExtraMissingError: the extra `train` is not installed.
    """
    layers = []
    for layer in read_dense(network):
        weights, bias = layer.weights.scales[:, None] * layer.stored_weights(), layer.bias.scales * layer.stored_bias()
        layers.append(DenseLayer(weights.astype(np.float32), bias.astype(np.float32), layer.relu))
    return write_dense(layers, "float32 twin")


class _Model:
    """Tensors and the buffers they refer to, while a file is put together."""

    def __init__(self, schema: Any) -> None:
        self._schema = schema
        self.tensors: list[Any] = []
        # Buffer 0 is empty by convention: tensors without stored values refer to it.
        self.buffers: list[Any] = [schema.BufferT()]

    def add_tensor(
        self, name: str, shape: tuple[int, ...], values: NDArray[np.float32] | None = None, *, batched: bool = False
    ) -> int:
        """Return the number of a new float32 tensor, with stored values or without."""
        tensor = self._schema.TensorT()
        tensor.name = name
        tensor.type = self._schema.TensorType.FLOAT32
        tensor.shape = list(shape)
        tensor.buffer = 0
        if batched:
            tensor.shapeSignature = [-1, *shape[1:]]
        if values is not None:
            buffer = self._schema.BufferT()
            buffer.data = list(values.astype("<f4").tobytes())
            tensor.buffer = len(self.buffers)
            self.buffers.append(buffer)
        self.tensors.append(tensor)
        return len(self.tensors) - 1


def _signature(schema: Any, graph_input: int, graph_output: int) -> Any:
    """Return the names of input and output, which the quantiser addresses them by."""
    maps = []
    for name, number in (("input", graph_input), ("output", graph_output)):
        entry = schema.TensorMapT()
        entry.name, entry.tensorIndex = name, number
        maps.append(entry)
    signature = schema.SignatureDefT()
    signature.signatureKey = SIGNATURE
    signature.subgraphIndex = 0
    signature.inputs, signature.outputs = maps[:1], maps[1:]
    return signature


def _fully_connected(schema: Any, inputs: list[int], output: int, *, relu: bool) -> Any:
    options = schema.FullyConnectedOptionsT()
    kinds = schema.ActivationFunctionType
    options.fusedActivationFunction = kinds.RELU if relu else kinds.NONE
    operator = schema.OperatorT()
    operator.opcodeIndex = 0
    operator.inputs, operator.outputs = inputs, [output]
    operator.builtinOptionsType = schema.BuiltinOptions.FullyConnectedOptions
    operator.builtinOptions = options
    return operator


def _schema() -> tuple[Any, Any]:
    try:
        import flatbuffers  # type: ignore[import-untyped] # ships no types
        from ai_edge_litert import schema_py_generated  # type: ignore[import-untyped] # ships no types
    except ImportError as error:
        raise TrainingExtraMissingError(
            f"writing a TFLite file needs {error.name}; install the extra: pip install 'plantpulse[train]'"
        ) from error
    return schema_py_generated, flatbuffers
