"""Run a dense network in the ONNX format with ONNX Runtime, for plants whose own tools write that format.

The library is given what our own reader understood and nothing else (`onnx_file`), one thread that does not spin while
it waits, and no arena that would keep memory for networks larger than these.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from models.runtimes.base import check_rows
from models.runtimes.errors import NetworkError, RuntimeMissingError

if TYPE_CHECKING:
    from numpy.typing import NDArray

QUIET = 4
"""Severity from which ONNX Runtime writes to standard error: fatal. What fails is raised as well."""


class OnnxNetwork:
    """A network loaded into ONNX Runtime.

    Args:
        data: an ONNX file, float32 or int8 in the form that quantisers write (QDQ).

    Raises:
        NetworkError: the bytes are no network that can be run.
        RuntimeMissingError: onnxruntime is not installed.
    """

    def __init__(self, data: bytes) -> None:
        try:
            import onnxruntime  # type: ignore[import-untyped] # ships no types
        except ImportError as error:
            raise RuntimeMissingError(
                "the runtime onnx needs onnxruntime; install the extra: pip install 'plantpulse[onnx]'"
            ) from error
        # Only now: it needs protobuf, which somebody who runs TFLite files alone need not have.
        from models.runtimes.onnx_file import read_dense

        layers, understood = read_dense(data)
        self.inputs, self.outputs = layers[0].source.shape[1], layers[-1].result.shape[1]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = options.enable_mem_pattern = False
        options.log_severity_level = QUIET
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # Its errors have no common ancestor but Exception.
        try:
            self._session: Any = onnxruntime.InferenceSession(understood, options, ["CPUExecutionProvider"])
        except Exception as error:
            raise NetworkError(f"{len(data)} bytes are no network that onnxruntime can run: {error}") from error
        self._input = self._session.get_inputs()[0].name

    def run(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the network's answer to each row; see `models.runtimes.base.Network`."""
        check_rows(rows, self.inputs)
        if rows.dtype != np.float32:
            rows = rows.astype(np.float32)
        try:
            answer: NDArray[np.float32] = self._session.run(None, {self._input: rows})[0]
        except Exception as error:
            raise NetworkError(f"onnxruntime could not run the network: {error}") from error
        return answer
