"""Read a dense network out of a TFLite file, without the schema classes and without trusting the file.

The numpy runtime is the fallback where no TFLite library can be installed, so it must not need one to read the file;
a second file with the same weights could drift away from the first. A FlatBuffer is a tree of offsets: a table begins
with a signed offset back to its vtable, which says where each field lies. Every access is checked against the length.

Source: FlatBuffers internals, "Tables"; TensorFlow Lite schema version 3 (field numbers below).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from models.runtimes.errors import NetworkError

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_LAYERS: Final = 64
FULLY_CONNECTED: Final = 9
RELU: Final = 1
TYPES: Final[dict[int, np.dtype[Any]]] = {0: np.dtype("<f4"), 2: np.dtype("<i4"), 9: np.dtype("i1")}
"""TensorType: FLOAT32, INT32, INT8."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor of the file; `values` is None for what is computed."""

    shape: tuple[int, ...]
    values: NDArray[Any] | None
    scales: NDArray[np.float32]
    zero_point: int


@dataclass(frozen=True, slots=True)
class Layer:
    """One fully connected layer with the tensors it goes from and to."""

    source: Tensor
    weights: Tensor
    bias: Tensor
    result: Tensor
    relu: bool


@dataclass(frozen=True, slots=True)
class _Table:
    """A table of the FlatBuffer: field numbers to values."""

    data: bytes
    at: int

    def _field(self, number: int) -> int | None:
        vtable = self.at - self._read("<i", self.at)
        if 4 + 2 * number >= self._read("<H", vtable):
            return None
        offset = self._read("<H", vtable + 4 + 2 * number)
        return self.at + offset if offset else None

    def _read(self, form: str, at: int) -> int:
        if at < 0:
            raise NetworkError("an offset points in front of the file")
        return int(struct.unpack_from(form, self.data, at)[0])

    def number(self, number: int, form: str) -> int:
        """Return a scalar field, 0 when it is left out."""
        at = self._field(number)
        return 0 if at is None else self._read(form, at)

    def table(self, number: int) -> _Table | None:
        """Return a table field."""
        at = self._field(number)
        return None if at is None else _Table(self.data, at + self._read("<I", at))

    def vector(self, number: int, dtype: str) -> NDArray[Any]:
        """Return a vector of scalars, empty when it is left out."""
        at = self._field(number)
        if at is None:
            return np.empty(0, dtype)
        at += self._read("<I", at)
        return np.frombuffer(self.data, dtype, self._read("<I", at), at + 4)

    def tables(self, number: int) -> list[_Table]:
        """Return a vector of tables."""
        at = self._field(number)
        if at is None:
            return []
        at += self._read("<I", at)
        offsets = np.frombuffer(self.data, "<u4", self._read("<I", at), at + 4)
        return [_Table(self.data, at + 4 + 4 * place + int(offset)) for place, offset in enumerate(offsets)]


def read_dense(data: bytes) -> tuple[Layer, ...]:
    """Return the layers of a TFLite file that is a chain of fully connected layers.

    Raises:
        NetworkError: the bytes are no such file.
    """
    try:
        return _read(data)
    except (struct.error, ValueError, IndexError, OverflowError) as error:
        raise NetworkError(f"{len(data)} bytes are no TFLite file that can be read: {error}") from error


def _read(data: bytes) -> tuple[Layer, ...]:
    if data[4:8] != b"TFL3":
        raise NetworkError(f"{len(data)} bytes are no TFLite file: the identifier TFL3 is missing")
    model = _Table(data, struct.unpack_from("<I", data)[0])
    codes = [max(code.number(0, "<b"), code.number(3, "<i")) for code in model.tables(1)]
    graphs, buffers = model.tables(2), model.tables(4)
    if len(graphs) != 1:
        raise NetworkError(f"{len(graphs)} graphs in one file: the numpy runtime runs one")
    tensors = [_tensor(table, buffers) for table in graphs[0].tables(0)]
    operators = graphs[0].tables(3)
    if not 1 <= len(operators) <= MAX_LAYERS:
        raise NetworkError(f"a network of {len(operators)} layers: the numpy runtime runs 1 to {MAX_LAYERS}")
    at = int(graphs[0].vector(1, "<i4")[0])
    layers = []
    for operator in operators:
        inputs, outputs = operator.vector(1, "<i4"), operator.vector(2, "<i4")
        options = operator.table(4)
        activation = options.number(0, "<b") if options else 0
        chained = inputs.size == 3 and outputs.size == 1 and int(inputs[0]) == at
        if codes[operator.number(0, "<I")] != FULLY_CONNECTED or activation not in {0, RELU} or not chained:
            raise NetworkError("the numpy runtime runs chains of fully connected layers only; use the runtime litert")
        source, weights, bias = (tensors[int(number)] for number in inputs)
        at = int(outputs[0])
        layers.append(_checked(Layer(source, weights, bias, tensors[at], activation == RELU)))
    return tuple(layers)


def _tensor(table: _Table, buffers: list[_Table]) -> Tensor:
    kind = table.number(1, "<b")
    if kind not in TYPES:
        raise NetworkError(f"a tensor of type {kind}: the numpy runtime knows float32, int32 and int8")
    shape = tuple(int(side) for side in table.vector(0, "<i4"))
    raw = buffers[table.number(2, "<I")].vector(0, "|u1").tobytes()
    quantisation = table.table(4)
    scales, zero_point = np.empty(0, np.float32), 0
    if quantisation is not None:
        scales = quantisation.vector(2, "<f4").astype(np.float32)
        zero_points = quantisation.vector(3, "<i8")
        zero_point = int(zero_points[0]) if zero_points.size else 0
    return Tensor(shape, np.frombuffer(raw, TYPES[kind]).reshape(shape) if raw else None, scales, zero_point)


def _checked(layer: Layer) -> Layer:
    weights, bias = layer.weights.values, layer.bias.values
    if weights is None or bias is None or weights.ndim != 2 or bias.shape != weights.shape[:1]:
        raise NetworkError("a layer without weights or with a bias that does not fit them")
    if layer.source.shape[-1:] != weights.shape[1:] or layer.result.shape[-1:] != weights.shape[:1]:
        raise NetworkError("a layer whose weights do not fit what goes in and out")
    quantised = weights.dtype == np.int8
    scales = (layer.source.scales, layer.result.scales)
    if quantised and (any(scale.size != 1 for scale in scales) or layer.weights.scales.size not in {1, len(weights)}):
        raise NetworkError("an int8 layer without its scales")
    return layer
