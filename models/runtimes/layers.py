"""A dense network as its files describe it, and what every runtime may take for granted of one.

Whatever a file's format, it is read into these layers before a library sees it, and `check_layers` refuses what a
library would crash on, compute wrongly, or spend the gateway's memory on.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from models.runtimes.errors import NetworkError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

MAX_FILE_BYTES: Final = 16 << 20
"""The networks of detectors have some kilobytes; ten thousand times that is enough for anybody's."""
MAX_LAYERS: Final = 64
MAX_WIDTH: Final = 65_536
MAX_STORED_ROWS: Final = 4096
"""A file may say for how many rows memory is set aside at first; no gateway has so many channels."""
MAX_LEFT_SHIFT: Final = 8
"""A layer that makes its input 256 times larger is no layer that anyone trained."""
LEAST_EXPONENT: Final = -31
"""A factor below 2 to this power is zero in the kernels' fixed point."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor of the file.

    Attributes:
        shape: as stored; what is computed has (rows, width).
        dtype: float32, int8 or int32.
        values: None for what is computed.
        scales: of int8 and int32; one, or one per output of a layer.
        zero_points: as many as scales, or none, which means 0.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    values: NDArray[Any] | None
    scales: NDArray[np.float32]
    zero_points: NDArray[np.int64]

    @property
    def scale(self) -> float:
        """The one scale of what is computed in int8."""
        return float(self.scales[0])

    @property
    def zero_point(self) -> int:
        """The int8 that stands for zero."""
        return int(self.zero_points[0]) if self.zero_points.size else 0


@dataclass(frozen=True, slots=True)
class Layer:
    """One fully connected layer with the tensors it goes from and to; `relu`: negative outputs become zero."""

    source: Tensor
    weights: Tensor
    bias: Tensor
    result: Tensor
    relu: bool

    @property
    def is_int8(self) -> bool:
        """Whether it is computed in integers."""
        return bool(self.weights.dtype == np.int8)

    def stored_weights(self) -> NDArray[Any]:
        """Return the weights (outputs, inputs), float32 or int8."""
        return np.asarray(self.weights.values)

    def stored_bias(self) -> NDArray[Any]:
        """Return the bias (outputs,), float32 or int32."""
        return np.asarray(self.bias.values)

    def factors(self) -> NDArray[np.float64]:
        """Return what the sums of an int8 layer are multiplied by to get to its result's scale, (1 or outputs,)."""
        return self.source.scale * self.weights.scales.astype(np.float64) / self.result.scale


def check_layers(layers: Sequence[Layer]) -> None:
    """Raise if no runtime should be given these layers.

    Raises:
        NetworkError: says which layer and what is wrong with it.
    """
    if not 1 <= len(layers) <= MAX_LAYERS:
        raise NetworkError(f"a network of {len(layers)} layers: it must have 1 to {MAX_LAYERS}")
    for number, layer in enumerate(layers, start=1):
        _check_types(number, layer)
        _check_shapes(number, layer)
    # Layers may share what is stored, and then a small file takes long.
    stored_bytes = sum(layer.stored_weights().nbytes for layer in layers)
    if stored_bytes > MAX_FILE_BYTES:
        raise NetworkError(f"weights of {stored_bytes} bytes: at most {MAX_FILE_BYTES}")
    for number, layer in enumerate(layers, start=1):
        if layer.is_int8:
            _check_scales(number, layer)
            _check_sums(number, layer)
        elif not (np.isfinite(layer.stored_weights()).all() and np.isfinite(layer.stored_bias()).all()):
            raise NetworkError(f"layer {number} has weights that are no numbers")
    for before, after in itertools.pairwise(layers):
        if before.is_int8 != after.is_int8:
            raise NetworkError("some layers are float32 and some int8; it must be all or none")


def _check_types(number: int, layer: Layer) -> None:
    kinds = tuple(str(tensor.dtype) for tensor in (layer.source, layer.weights, layer.bias, layer.result))
    if kinds == ("float32", "int8", "float32", "float32"):
        raise NetworkError(
            f"layer {number} is of dynamic range, float activations with int8 weights, which some runtimes compute "
            "wrongly without a word; quantise the network statically"
        )
    if kinds not in {("float32",) * 4, ("int8", "int8", "int32", "int8")}:
        raise NetworkError(f"layer {number} goes {' '.join(kinds)}: all float32, or int8 with an int32 bias")


def _check_shapes(number: int, layer: Layer) -> None:
    if layer.weights.values is None or layer.bias.values is None:
        raise NetworkError(f"layer {number} has no stored weights or no stored bias")
    if layer.source.values is not None or layer.result.values is not None:
        raise NetworkError(f"layer {number} computes what the file stores")
    shape = layer.weights.shape
    if len(shape) != 2 or not all(1 <= width <= MAX_WIDTH for width in shape) or layer.bias.shape != shape[:1]:
        raise NetworkError(f"layer {number} has weights {shape} and a bias {layer.bias.shape}")
    for tensor, width in ((layer.source, shape[1]), (layer.result, shape[0])):
        if len(tensor.shape) != 2 or tensor.shape[1] != width or not 1 <= tensor.shape[0] <= MAX_STORED_ROWS:
            raise NetworkError(f"layer {number} with weights {shape} goes from {layer.source.shape} to {tensor.shape}")
    if layer.source.shape[0] != layer.result.shape[0]:
        raise NetworkError(f"layer {number} makes {layer.result.shape[0]} rows of {layer.source.shape[0]}")


def _check_scales(number: int, layer: Layer) -> None:
    outputs = layer.weights.shape[0]
    counts = (layer.source.scales.size, layer.result.scales.size, layer.weights.scales.size)
    if counts not in {(1, 1, 1), (1, 1, outputs)} or layer.bias.scales.size not in {0, counts[2]}:
        raise NetworkError(f"layer {number} is int8 with {counts} scales: one each, or one per output of its weights")
    for tensor in (layer.source, layer.weights, layer.bias, layer.result):
        if not (np.isfinite(tensor.scales).all() and (tensor.scales > 0.0).all()):
            raise NetworkError(f"layer {number} has a scale that is no positive number")
        if tensor.zero_points.size not in {0, tensor.scales.size}:
            raise NetworkError(f"layer {number} has {tensor.zero_points.size} zero points for its scales")
        if tensor.values is not None and tensor.zero_points.any():
            raise NetworkError(f"layer {number} has weights whose zero is not 0")
        if tensor.zero_points.size and not -128 <= tensor.zero_point <= 127:
            raise NetworkError(f"layer {number} has a zero point beyond int8")
    factors = layer.factors()
    # An overflow of a division of floats is an infinity here and an abort in some kernels.
    if not np.isfinite(factors).all() or (np.frexp(factors)[1] > MAX_LEFT_SHIFT).any():
        raise NetworkError(f"layer {number} has scales that multiply to something absurd")


def _check_sums(number: int, layer: Layer) -> None:
    weights, bias = layer.stored_weights().astype(np.int64), layer.stored_bias().astype(np.int64)
    # The farthest an int8 can lie from the zero point, times every weight: kernels add in int32 and do not look.
    farthest = np.abs(weights).sum(axis=1) * (128 + abs(layer.source.zero_point)) + np.abs(bias)
    exponents = np.frexp(layer.factors())[1]
    shifted = farthest << np.maximum(exponents, 0)
    # A unit that training switched off gets a scale next to nothing and a bias at the edge; its sums count as zero.
    if ((shifted > np.iinfo(np.int32).max) & (exponents >= LEAST_EXPONENT)).any():
        raise NetworkError(f"layer {number} has sums that do not fit into 32 bits")
