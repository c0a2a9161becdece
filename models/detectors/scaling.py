"""Robust centre and scale of feature vectors: what *normal* is, before any distance is measured.

Median and MAD, because learning windows contain the odd bump (a passing forklift, a valve) that must neither move the
centre nor widen the scale.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.state_bytes import Fields

MAD_TO_SIGMA: Final = 1.4826
"""Makes the MAD of a normal distribution its standard deviation."""
LOG_SCALE_FLOOR: Final = 0.05
"""For logarithms of features: changes below 5 % (0.4 dB) are within an accelerometer's calibration, never a finding."""


@dataclass(frozen=True, slots=True)
class Scaling:
    """Centre and scale of each feature, float32 (features,)."""

    centre: NDArray[np.float32]
    scale: NDArray[np.float32]

    def standardise(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return (vectors − centre) / scale, float32 of the same shape (…, features)."""
        return ((vectors - self.centre) / self.scale).astype(np.float32, copy=False)

    def contents(self) -> dict[str, NDArray[np.float32]]:
        """Return its arrays by name, for a state."""
        return {"centre": self.centre, "scale": self.scale}

    @classmethod
    def from_contents(cls, fields: Fields) -> Self:
        """Return the scaling whose `contents` are among these.

        Raises:
            StateError: they are not.
        """
        return cls(fields.array("centre"), fields.array("scale"))


def fit_scaling(vectors: NDArray[np.float32], scale_floor: float = LOG_SCALE_FLOOR) -> Scaling:
    """Return median and MAD scale of each column.

    >>> scaling = fit_scaling(np.float32([[1.0], [1.1], [0.9], [1.0], [9.0]]))
    >>> float(scaling.centre[0]), round(float(scaling.scale[0]), 3)
    (1.0, 0.148)

    Args:
        vectors: (n, features).
        scale_floor: no scale is smaller.
    """
    centre = np.median(vectors, axis=0)
    scale = MAD_TO_SIGMA * np.median(np.abs(vectors - centre), axis=0)
    return Scaling(centre.astype(np.float32), np.maximum(scale, scale_floor).astype(np.float32))


def row_medians(values: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return the median of each row; for the few numbers of one window, `np.median` takes ten times as long.

    >>> row_medians(np.float32([[3.0, 1.0, 2.0], [9.0, 7.0, 7.0]]))
    array([2., 7.], dtype=float32)
    >>> row_medians(np.float32([[1.0, 4.0, 2.0, 9.0]]))
    array([3.], dtype=float32)

    Args:
        values: (rows, n), n at least 1, all of them numbers.

    Returns:
        (rows,), of the type of the values.
    """
    ordered = np.sort(values, axis=1)
    middle = ordered.shape[1] // 2
    if ordered.shape[1] % 2:
        return np.asarray(ordered[:, middle])
    return np.asarray((ordered[:, middle - 1] + ordered[:, middle]) / ordered.dtype.type(2))
