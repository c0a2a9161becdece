"""Write a dense TFLite network as an ONNX file, for plants whose gateways run ONNX.

The TFLite file is what was trained and tested; this one is made of its layers as they are stored, float32 or int8 with
the same integers and scales, so nothing is trained, calibrated or rounded a second time. int8 is written as quantisers
write it (QDQ): QuantizeLinear and DequantizeLinear around every tensor, which runtimes fuse into integer arithmetic.
The same network always gives the same bytes.

Source: ONNX operators Gemm, Relu, QuantizeLinear, DequantizeLinear, version 13.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from models.runtimes.tflite_file import read_dense
from models.training.tflite_writer import TrainingExtraMissingError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.runtimes.layers import Layer, Tensor

OPSET: Final = 13
IR_VERSION: Final = 8
"""The oldest format that has everything used here: old runtimes read it, too."""


def to_onnx(network: bytes) -> bytes:
    """Return a dense TFLite network as an ONNX file with float32 rows in and out.

    Args:
        network: a TFLite file, float32 or fully int8.

    Raises:
        NetworkError: the bytes are no such file.
        TrainingExtraMissingError: the extra `train` is not installed.
    """
    try:
        from onnx import TensorProto, helper, numpy_helper
    except ImportError as error:
        raise TrainingExtraMissingError(
            f"writing an ONNX file needs {error.name}; install the extra: pip install 'plantpulse[train]'"
        ) from error
    layers = read_dense(network)
    graph = _Graph(helper, numpy_helper)
    at = graph.requantised("input", layers[0].source)
    for number, layer in enumerate(layers, start=1):
        last = number == len(layers)
        at = graph.layer(at, number, layer, "output" if last else f"layer_{number}")
    values = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["rows", width])
        for name, width in (("input", layers[0].source.shape[1]), ("output", layers[-1].result.shape[1]))
    ]
    made = helper.make_graph(graph.nodes, "dense", values[:1], values[1:], graph.stored)
    model = helper.make_model(
        made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="plantpulse"
    )
    return bytes(model.SerializeToString(deterministic=True))


class _Graph:
    """Nodes and stored tensors, while a file is put together."""

    def __init__(self, helper: Any, numpy_helper: Any) -> None:
        self._helper, self._numpy = helper, numpy_helper
        self.nodes: list[Any] = []
        self.stored: list[Any] = []

    def layer(self, at: str, number: int, layer: Layer, name: str) -> str:
        """Add one layer on the tensor `at`; return what it gives, which is called `name`."""
        inputs = [at, self._constant(f"weights_{number}", layer.weights), self._constant(f"bias_{number}", layer.bias)]
        steps = ["Gemm", *(["Relu"] if layer.relu else []), *(["Requantise"] if layer.is_int8 else [])]
        for place, step in enumerate(steps, start=1):
            result = name if place == len(steps) else f"{name}_{step.lower()}"
            if step == "Requantise":
                self.requantised(inputs[0], layer.result, name)
            else:
                self._add(step, inputs, result, {"transB": 1} if step == "Gemm" else {})
            inputs = [result]
        return name

    def requantised(self, at: str, tensor: Tensor, name: str = "rows") -> str:
        """Add the step through int8 and back, for a tensor that has a scale; return what comes out."""
        if not tensor.scales.size:
            return at
        scale = self._scale(name, tensor, np.dtype(np.int8))
        self._add("QuantizeLinear", [at, *scale], f"{name}_int8", {})
        self._add("DequantizeLinear", [f"{name}_int8", *scale], name, {})
        return name

    def _constant(self, name: str, tensor: Tensor) -> str:
        values = np.asarray(tensor.values)
        if values.dtype == np.float32:
            return self._store(name, values)
        scale = self._scale(name, tensor, values.dtype)
        axis = {"axis": 0} if tensor.scales.size > 1 else {}
        self._add("DequantizeLinear", [self._store(f"{name}_stored", values), *scale], name, axis)
        return name

    def _scale(self, name: str, tensor: Tensor, dtype: np.dtype[Any]) -> Sequence[str]:
        shape = () if tensor.scales.size == 1 else tensor.scales.shape
        zero_points = tensor.zero_points if tensor.zero_points.size else np.zeros(tensor.scales.size, np.int64)
        return (
            self._store(f"{name}_scale", tensor.scales.reshape(shape)),
            self._store(f"{name}_zero_point", zero_points.reshape(shape).astype(dtype)),
        )

    def _store(self, name: str, values: Any) -> str:
        self.stored.append(self._numpy.from_array(np.ascontiguousarray(values).reshape(np.shape(values)), name))
        return name

    def _add(self, kind: str, inputs: Sequence[str], output: str, attributes: dict[str, int]) -> None:
        self.nodes.append(self._helper.make_node(kind, list(inputs), [output], **attributes))
