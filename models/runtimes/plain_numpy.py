"""Run a dense network with numpy alone: the last fallback, where no TFLite library can be installed.

int8 layers are computed in integers like the kernels do; only the final rounding differs (they multiply in fixed point,
this in float64), so answers agree to one step of the output's scale.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from models.runtimes.base import dequantise, quantise
from models.runtimes.errors import NetworkError
from models.runtimes.tflite_file import Layer, read_dense

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_LEFT_SHIFT: Final = 8
"""A layer that makes its input 256 times larger is no layer that anyone trained."""


class NumpyNetwork:
    """A dense network, computed here.

    Args:
        data: a TFLite file that is a chain of fully connected layers, float32 or fully int8.

    Raises:
        NetworkError: the bytes are no such file.
    """

    def __init__(self, data: bytes) -> None:
        layers = read_dense(data)
        self.inputs = layers[0].source.shape[-1]
        self.outputs = layers[-1].result.shape[-1]
        self._chain: _IntegerChain | _FloatChain
        kinds = {layer.weights.values.dtype for layer in layers if layer.weights.values is not None}
        if kinds == {np.dtype(np.int8)}:
            self._chain = _IntegerChain(layers)
        elif kinds == {np.dtype(np.float32)}:
            self._chain = _FloatChain(layers)
        else:
            raise NetworkError(f"weights of types {kinds}: all float32 or all int8, nothing in between")

    def run(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the network's answer to each row; see `models.runtimes.base.Network`."""
        if rows.ndim != 2 or rows.shape[1] != self.inputs:
            raise NetworkError(f"rows of shape {rows.shape}: the network takes (n, {self.inputs})")
        return self._chain(rows)


class _FloatChain:
    def __init__(self, layers: tuple[Layer, ...]) -> None:
        self._layers = [
            (
                np.asarray(layer.weights.values, np.float32).T,
                np.asarray(layer.bias.values, np.float32),
                np.float32(0.0 if layer.relu else -np.inf),
            )
            for layer in layers
        ]

    def __call__(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        values = rows.astype(np.float32, copy=False)
        for weights, bias, lowest in self._layers:
            values = np.asarray(np.maximum(values @ weights + bias, lowest), np.float32)
        return values


class _IntegerChain:
    """Integers held in float64, where sums of products of bytes are exact and a matrix product is fast."""

    def __init__(self, layers: tuple[Layer, ...]) -> None:
        self._layers = [_integer_layer(layer) for layer in layers]
        self._source, self._result = layers[0].source, layers[-1].result

    def __call__(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        values = quantise(rows, float(self._source.scales[0]), self._source.zero_point).astype(np.float64)
        for weights, bias, multiplier, zero_point, lowest in self._layers:
            sums = (values @ weights + bias).astype(np.int64)
            values = np.clip(multiplier(sums) + zero_point, lowest, 127).astype(np.float64)
        return dequantise(values.astype(np.int8), float(self._result.scales[0]), self._result.zero_point)


def _integer_layer(
    layer: Layer,
) -> tuple[NDArray[np.float64], NDArray[np.float64], _FixedPoint, int, int]:
    """Return weights, bias, multiplier to the output's scale, its zero point, and the lowest output."""
    weights = np.asarray(layer.weights.values, np.float64).T
    # The input's zero point is folded into the bias: Σ (x − z) w + b = Σ x w + (b − z Σ w).
    bias = np.asarray(layer.bias.values, np.float64) - layer.source.zero_point * weights.sum(axis=0)
    scale = float(layer.source.scales[0]) * layer.weights.scales.astype(np.float64) / float(layer.result.scales[0])
    zero_point = layer.result.zero_point
    return weights, bias, _FixedPoint(scale), zero_point, max(zero_point, -128) if layer.relu else -128


class _FixedPoint:
    """Multiply integers by real numbers as the kernels do: times a 31-bit fraction, then a rounded shift.

    Args:
        factors: (outputs,).

    Source: gemmlowp, fixedpoint.h: SaturatingRoundingDoublingHighMul, RoundingDivideByPOT.
    """

    def __init__(self, factors: NDArray[np.float64]) -> None:
        fractions, exponents = np.frexp(factors)
        if not np.isfinite(factors).all() or (exponents > MAX_LEFT_SHIFT).any():
            raise NetworkError("an int8 layer whose scales multiply to something absurd")
        # A unit that training switched off has a scale next to nothing: the kernels take it for zero, too.
        alive = exponents >= -31
        self._fractions = np.where(alive, np.rint(fractions * (1 << 31)), 0.0).astype(np.int64)
        self._left = np.maximum(exponents, 0).astype(np.int64)
        self._right = np.where(alive, np.maximum(-exponents, 0), 0).astype(np.int64)

    def __call__(self, values: NDArray[np.int64]) -> NDArray[np.int64]:
        high = ((values << self._left) * self._fractions + (1 << 30)) >> 31
        mask = (1 << self._right) - 1
        # Halves away from zero, as the kernels round.
        threshold = (mask >> 1) + (high < 0)
        return np.asarray((high >> self._right) + ((high & mask) > threshold))
