"""Run a dense network with numpy alone: the last fallback, where no TFLite library can be installed.

int8 layers are computed in integers and scaled in fixed point as the reference kernels do it. Optimised kernels round
once where these round twice, so answers agree to one step of the output's scale.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from models.runtimes.base import check_rows, dequantise, quantise
from models.runtimes.layers import LEAST_EXPONENT, Layer
from models.runtimes.tflite_file import read_dense

if TYPE_CHECKING:
    from numpy.typing import NDArray


class NumpyNetwork:
    """A dense network, computed here.

    Args:
        data: a TFLite file that is a chain of fully connected layers, float32 or fully int8.

    Raises:
        NetworkError: the bytes are no such file.
    """

    def __init__(self, data: bytes) -> None:
        layers = read_dense(data)
        self.inputs, self.outputs = layers[0].source.shape[1], layers[-1].result.shape[1]
        self._chain = _QuantisedChain(layers) if layers[0].is_int8 else _FloatChain(layers)

    def run(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the network's answer to each row; see `models.runtimes.base.Network`."""
        check_rows(rows, self.inputs)
        return self._chain(rows)


class _FloatChain:
    def __init__(self, layers: tuple[Layer, ...]) -> None:
        self._layers = [
            (
                layer.stored_weights().T,
                layer.stored_bias(),
                np.float32(0.0 if layer.relu else -np.inf),
            )
            for layer in layers
        ]

    def __call__(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        values = rows.astype(np.float32, copy=False)
        for weights, bias, lowest in self._layers:
            values = np.asarray(np.maximum(values @ weights + bias, lowest), np.float32)
        return values


class _QuantisedChain:
    def __init__(self, layers: tuple[Layer, ...]) -> None:
        self._integers = IntegerChain(layers)
        self._source, self._result = layers[0].source, layers[-1].result

    def __call__(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        answers = self._integers(quantise(rows, self._source.scale, self._source.zero_point))
        return dequantise(answers, self._result.scale, self._result.zero_point)


class IntegerChain:
    """int8 layers in integers alone, as a microcontroller computes them.

    Sums are held in float64, where those of products of bytes are exact and a matrix product is fast.
    """

    def __init__(self, layers: tuple[Layer, ...]) -> None:
        self.layers = tuple(_integer_layer(layer) for layer in layers)
        self._sums = [(layer.weights.T.astype(np.float64), layer.bias.astype(np.float64)) for layer in self.layers]

    def __call__(self, rows: NDArray[np.int8]) -> NDArray[np.int8]:
        """Return the answers (n, outputs) to rows (n, inputs), both int8."""
        values = rows.astype(np.float64)
        for (weights, bias), layer in zip(self._sums, self.layers, strict=True):
            sums = (values @ weights + bias).astype(np.int64)
            values = np.clip(layer.multiplier(sums) + layer.zero_point, layer.lowest, 127).astype(np.float64)
        return values.astype(np.int8)


@dataclass(frozen=True, slots=True)
class IntegerLayer:
    """One int8 layer, ready to be computed: what it gives is (weights · x + bias) · multiplier + zero point, clipped.

    Attributes:
        weights: int8 (outputs, inputs).
        bias: int64 (outputs,), within int32; the zero point of what goes in is folded into it.
        multiplier: to the scale of what comes out.
        zero_point: of what comes out.
        lowest: of what comes out; the zero point where negative numbers become zero.
    """

    weights: NDArray[np.int8]
    bias: NDArray[np.int64]
    multiplier: FixedPoint
    zero_point: int
    lowest: int


def _integer_layer(layer: Layer) -> IntegerLayer:
    weights, bias = layer.stored_weights(), layer.stored_bias().astype(np.int64)
    multiplier = FixedPoint.of(np.broadcast_to(layer.factors(), bias.shape))
    # Units that count as zero become zero: their stored bias may lie at the edge of int32.
    alive = multiplier.fractions != 0
    weights = np.where(alive[:, None], weights, 0).astype(np.int8)
    # Σ (x − z) w + b = Σ x w + (b − z Σ w).
    bias = np.where(alive, bias - layer.source.zero_point * weights.sum(axis=1, dtype=np.int64), 0)
    zero_point = layer.result.zero_point
    return IntegerLayer(weights, bias, multiplier, zero_point, zero_point if layer.relu else -128)


@dataclass(frozen=True, slots=True)
class FixedPoint:
    """Multiply integers by real numbers as the kernels do: times a 31-bit fraction, then a rounded shift.

    Attributes:
        fractions: (outputs,) below 2³¹.
        left: (outputs,) bits to shift before, 0 or more.
        right: (outputs,) bits to shift after, 0 to 31.

    Source: gemmlowp, fixedpoint.h: SaturatingRoundingDoublingHighMul, RoundingDivideByPOT.
    """

    fractions: NDArray[np.int64]
    left: NDArray[np.int64]
    right: NDArray[np.int64]

    @classmethod
    def of(cls, factors: NDArray[np.float64]) -> Self:
        """Return the nearest fixed-point numbers to factors (outputs,)."""
        fractions, exponents = np.frexp(factors)
        # A unit that training switched off has a scale next to nothing: the kernels take it for zero, too.
        alive = exponents >= LEAST_EXPONENT
        fixed = np.where(alive, np.rint(fractions * (1 << 31)), 0.0).astype(np.int64)
        # A fraction that is rounded up to one is a half with the next exponent.
        full = fixed == 1 << 31
        fixed, exponents = np.where(full, 1 << 30, fixed), exponents + full
        return cls(
            fixed,
            np.maximum(exponents, 0).astype(np.int64),
            np.where(alive, np.maximum(-exponents, 0), 0).astype(np.int64),
        )

    def __call__(self, values: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the products, rounded to integers."""
        high = ((values << self.left) * self.fractions + (1 << 30)) >> 31
        mask = (1 << self.right) - 1
        # Halves away from zero, as the kernels round.
        threshold = (mask >> 1) + (high < 0)
        return np.asarray((high >> self.right) + ((high & mask) > threshold))
