"""The ways in which a level may wander although nothing grows.

A trend is only one where noise cannot explain it, and noise of machines is not white: it follows the day, the load, the
weather. Three families, each in several strengths, are all kept in play:

- *white*: every point for itself;
- *passing*: a wander that is forgotten after some points (Ornstein-Uhlenbeck), beside white noise;
- *random walk*: a wander that is never forgotten (Wiener), beside white noise. What healthy machines do over weeks, and
  what the state of a wearing one does beside its drift.

Source: Si et al., Remaining useful life estimation - a review on the statistical data driven approaches, European
Journal of Operational Research 213 (2011), section 3.2 (Wiener process with drift and measurement error).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

WALKS: Final = (0.0, 0.003, 0.03, 0.3, 3.0)
"""Variance of a step of the walk from one point to the next, in variances of the white noise; 0 is white alone. Within
64 points the first wanders by half a sigma of the white noise, the last leaves nothing of it: beyond them on both sides
nothing changes. Steps of ten are as fine as so many points can tell apart."""
PASSING: Final = ((2.0, 1.0), (2.0, 10.0), (8.0, 1.0), (8.0, 10.0))
"""(points after which 1/e is left, variance of the wander in variances of the white noise)."""


@dataclass(frozen=True, slots=True)
class Noises:
    """Every kind of noise at the times of one trend; times in points: the span has as many as the trend, less one.

    Attributes:
        walk: variance of a step from point to point, in variances of the white noise, (kinds,).
        whitening: inverse of the lower triangular factor of each covariance, (kinds, n, n).
        log_determinants: of the covariances, (kinds,).
        now: covariance of the walk at the last time with every point, (kinds, n).
        spread_now: variance of the walk at the last time, (kinds,).
    """

    walk: NDArray[np.float64]
    whitening: NDArray[np.float64]
    log_determinants: NDArray[np.float64]
    now: NDArray[np.float64]
    spread_now: NDArray[np.float64]


def noises_at(points: NDArray[np.float64]) -> Noises:
    """Return every kind of noise at these times.

    Args:
        points: (n,) ascending from 0, in points.
    """
    apart = np.abs(points[:, None] - points[None, :])
    earlier = np.minimum(points[:, None], points[None, :])
    kinds = [step * earlier for step in WALKS]
    kinds += [variance * np.exp(-apart / length) for length, variance in PASSING]
    factors = np.linalg.cholesky(np.stack(kinds) + np.eye(len(points)))
    walk = np.array([*WALKS, *(0.0 for _ in PASSING)])
    return Noises(
        walk,
        np.asarray(np.linalg.inv(factors)),
        2.0 * np.log(np.diagonal(factors, axis1=1, axis2=2)).sum(axis=1),
        walk[:, None] * points[None, :],
        walk * points[-1],
    )
