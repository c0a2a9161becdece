"""What a loaded network is, whatever runs it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from models.runtimes.errors import NetworkError

if TYPE_CHECKING:
    from numpy.typing import NDArray

FEW_NUMBERS: Final = 128
"""So many are quantised sooner by looking them up, more sooner by computing."""


class Network(Protocol):
    """A network with one input and one output, rows in and rows out. Not re-entrant.

    Attributes:
        inputs, outputs: numbers per row.
    """

    inputs: int
    outputs: int

    def run(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the network's answer to each row, float32 (n, outputs).

        Args:
            rows: float32 (n, inputs); an int8 network quantises them by the scale in its file, and saturates.

        Raises:
            NetworkError: no row, or rows of another width.
        """
        ...


def check_rows(rows: NDArray[np.float32], inputs: int) -> None:
    """Raise NetworkError unless these are rows, at least one, of so many numbers each."""
    if rows.ndim != 2 or rows.shape[1] != inputs or not len(rows):
        raise NetworkError(f"rows of shape {rows.shape}: the network takes (n, {inputs}) with at least one row")


class Int8Scale:
    """One scale and zero point, ready for the few rows of one window, where each call of numpy counts.

    Args:
        scale: what one step of an int8 stands for.
        zero_point: the int8 that stands for zero.
    """

    def __init__(self, scale: float, zero_point: int) -> None:
        self.scale, self.zero_point = scale, zero_point
        codes = np.arange(-128, 128, dtype=np.int8)
        self._codes = codes
        # Where quantising steps up to each code, found by halving among all float32: looking up and computing agree.
        self._edges = _first_of_code(codes[1:], scale, zero_point)
        # Indexed by the int8 itself: the negative ones count from the end.
        self._numbers = np.roll(dequantise(codes, scale, zero_point), 128)

    def quantise(self, rows: NDArray[np.float32]) -> NDArray[np.int8]:
        """Return the same as the function `quantise`, sooner for few numbers."""
        if rows.size > FEW_NUMBERS:
            return quantise(rows, self.scale, self.zero_point)
        return self._codes.take(self._edges.searchsorted(rows, "right"))

    def dequantise(self, values: NDArray[np.int8]) -> NDArray[np.float32]:
        """Return the same as the function `dequantise`, sooner."""
        return self._numbers.take(values)


def _first_of_code(codes: NDArray[np.int8], scale: float, zero_point: int) -> NDArray[np.float32]:
    """Return the smallest float32 that is quantised to each code or a higher one."""
    largest = int(np.float32(np.finfo(np.float32).max).view(np.int32))
    below, at = np.full(codes.size, -largest - 1, np.int64), np.full(codes.size, largest, np.int64)
    while (at - below > 1).any():
        middle = (below + at) >> 1
        with np.errstate(over="ignore"):
            reached = quantise(_nth_float(middle), scale, zero_point) >= codes
        below, at = np.where(reached, below, middle), np.where(reached, middle, at)
    return _nth_float(at)


def _nth_float(numbers: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return float32 by their order: 0 is zero, 1 the smallest positive one, −1 the largest negative one."""
    bits = np.abs(numbers).astype(np.int32).view(np.float32)
    return np.asarray(np.copysign(bits, numbers), np.float32)


def quantise(rows: NDArray[np.float32], scale: float, zero_point: int) -> NDArray[np.int8]:
    """Return the rows as int8 with saturation.

    >>> quantise(np.float32([0.0, 0.6, 1000.0]), 0.5, 3)
    array([  3,   4, 127], dtype=int8)
    """
    # rint(x / s) + z in this order is what the int8 kernels' quantise does.
    steps = rows / np.float32(scale)
    np.rint(steps, out=steps)
    if zero_point:
        steps += np.float32(zero_point)
    # np.clip and np.asarray cost more than all the rest on the few rows of one window.
    np.maximum(steps, np.float32(-128), out=steps)
    np.minimum(steps, np.float32(127), out=steps)
    return steps.astype(np.int8)


def dequantise(values: NDArray[np.int8], scale: float, zero_point: int) -> NDArray[np.float32]:
    """Return the numbers that int8 values stand for."""
    numbers = values.astype(np.float32)
    if zero_point:
        numbers -= np.float32(zero_point)
    numbers *= np.float32(scale)
    return numbers
