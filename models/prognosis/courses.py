"""The courses that growth may take: straight, slowing, accelerating; in the values or in their logarithm.

Each has one form and an unknown amount, over the share of the rise that has passed, so that amounts are found by linear
algebra and the time of any level by an inverse.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Curve = Callable[["NDArray[np.float64]"], "NDArray[np.float64]"]
BEND: Final = 2.0
"""Of the bent courses: by the last point, growth is e to the so many times as fast as at the onset."""


class Course(NamedTuple):
    """One course of growth, over the share of the rise that has passed: 0 at the onset, 1 at both for the last point.

    Attributes:
        name: what people read.
        in_logarithms: grows in the logarithm of the values, with noise in proportion to the level.
        curve: amount by share.
        inverse: share by amount.
        slope: of the curve by share.
    """

    name: str
    in_logarithms: bool
    curve: Curve
    inverse: Curve
    slope: Curve


def _one(share: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.ones_like(share)


def _same(share: NDArray[np.float64]) -> NDArray[np.float64]:
    return share


def _square(share: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.square(share)


def _twice(share: NDArray[np.float64]) -> NDArray[np.float64]:
    return 2.0 * share


def _half_over_root(share: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(0.5 / np.sqrt(np.maximum(share, 1e-9)))


def _root(amount: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.sqrt(np.maximum(amount, 0.0))


def _grow(share: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.expm1(BEND * share) / np.expm1(BEND))


def _grow_back(amount: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.log1p(np.maximum(amount, 0.0) * np.expm1(BEND)) / BEND)


def _grow_slope(share: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(BEND * np.exp(BEND * share) / np.expm1(BEND))


def _ease(share: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.log1p(BEND * share) / np.log1p(BEND))


def _ease_back(amount: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.expm1(np.minimum(amount * np.log1p(BEND), 700.0)) / BEND)


def _ease_slope(share: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(BEND / (1.0 + BEND * share) / np.log1p(BEND))


COURSES: Final = (
    Course("linear", in_logarithms=False, curve=_same, inverse=_same, slope=_one),
    Course("slowing", in_logarithms=False, curve=_root, inverse=_square, slope=_half_over_root),
    Course("accelerating", in_logarithms=False, curve=_square, inverse=_root, slope=_twice),
    Course("exponential", in_logarithms=False, curve=_grow, inverse=_grow_back, slope=_grow_slope),
    Course("linear", in_logarithms=True, curve=_ease, inverse=_ease_back, slope=_ease_slope),
    Course("exponential", in_logarithms=True, curve=_same, inverse=_same, slope=_one),
    Course("accelerating", in_logarithms=True, curve=_square, inverse=_root, slope=_twice),
)
"""In logarithms a straight line is exponential growth, and the one that eases off is straight growth."""
