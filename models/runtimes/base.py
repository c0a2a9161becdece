"""What a loaded network is, whatever runs it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


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
            NetworkError: the rows have another width.
        """
        ...


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
