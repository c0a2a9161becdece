"""Run a TFLite network with LiteRT (`ai-edge-litert`), the maintained continuation of tflite-runtime.

The plain kernels are used and not XNNPACK: for networks of a few kilobytes the delegate costs memory, a line on
standard error and no less time. Tensors are allocated once per number of rows, which is a machine's channels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from models.runtimes.base import dequantise, quantise
from models.runtimes.errors import NetworkError, RuntimeMissingError

if TYPE_CHECKING:
    from numpy.typing import NDArray


class LitertNetwork:
    """A network loaded into LiteRT.

    Args:
        data: a TFLite file, float32 or fully int8.

    Raises:
        NetworkError: the bytes are no network with one input and one output of rows.
        RuntimeMissingError: ai-edge-litert is not installed.
    """

    def __init__(self, data: bytes) -> None:
        try:
            from ai_edge_litert.interpreter import (  # type: ignore[import-untyped] # ships no types
                Interpreter,
                OpResolverType,
            )
        except ImportError as error:
            raise RuntimeMissingError(
                "the runtime litert needs ai-edge-litert; install the extra: pip install 'plantpulse[edge]'"
            ) from error
        try:
            self._interpreter: Any = Interpreter(
                model_content=data,
                num_threads=1,
                experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
            )
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise NetworkError(f"{len(data)} bytes are no network that litert can run: {error}") from error
        inputs, outputs = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        if [len(detail["shape"]) for detail in (*inputs, *outputs)] != [2, 2]:
            raise NetworkError("the network must have one input and one output of rows (n, width)")
        self._input, self._output = inputs[0], outputs[0]
        self.inputs = int(self._input["shape"][1])
        self.outputs = int(self._output["shape"][1])
        self._rows = int(self._input["shape"][0])

    def run(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the network's answer to each row; see `models.runtimes.base.Network`."""
        if rows.ndim != 2 or rows.shape[1] != self.inputs:
            raise NetworkError(f"rows of shape {rows.shape}: the network takes (n, {self.inputs})")
        if len(rows) != self._rows:
            self._interpreter.resize_tensor_input(self._input["index"], rows.shape)
            self._interpreter.allocate_tensors()
            self._rows = len(rows)
        self._interpreter.set_tensor(self._input["index"], _into(rows, self._input))
        self._interpreter.invoke()
        answer = self._interpreter.get_tensor(self._output["index"])
        if answer.dtype != np.int8:
            return np.asarray(answer, np.float32)
        return dequantise(answer, *self._output["quantization"])


def _into(rows: NDArray[np.float32], detail: dict[str, Any]) -> NDArray[np.float32] | NDArray[np.int8]:
    if detail["dtype"] != np.int8:
        return rows.astype(np.float32, copy=False)
    return quantise(rows, *detail["quantization"])
