"""Robust z of every feature: which single number left its usual range?

The plainest judge there is, and the one that people can check with a ruler: the distance from the median in robust
standard deviations, the largest of a channel counts. Assumes features that scatter around one centre; it does not see a
combination that never occurs (`mahalanobis` and `t2_q` do), and with many features its largest value grows, which the
held-out threshold takes into account.

Source: Iglewicz and Hoaglin (1993), How to detect and handle outliers (the modified z-score).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final, Self

import numpy as np

from models.detectors.calibration import held_out_distances, thresholds
from models.detectors.errors import DetectorError
from models.detectors.scaling import LOG_SCALE_FLOOR, Scaling, fit_scaling
from models.state_bytes import pack, unpack

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

MARGIN: Final = 3.0
"""Half as much again as for a distance over all features: the largest of many has the heavier tail."""
_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class RobustZ:
    """Fitted ranges; score 1.0 = threshold.

    Attributes:
        scaling: centre and scale, (d,).
        limits: z that scores 1.0, (groups,).
        typical: median score of windows that the fit had not seen.
    """

    name: ClassVar[str] = "robust_z"

    scaling: Scaling
    limits: NDArray[np.float32]
    typical: float

    @classmethod
    def suits(cls, feature_names: tuple[str, ...]) -> bool:
        """Return True for any features at all."""
        return bool(feature_names)

    @classmethod
    def fit(cls, vectors: NDArray[np.float32], *, groups: int = 1, scale_floor: float = LOG_SCALE_FLOOR) -> Self:
        """Return a detector of single features that leave their range.

        >>> healthy = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
        >>> detector = RobustZ.fit(healthy)
        >>> detector.score(np.float32([[0, 0, 0, 0], [0, 12, 0, 0]])) > 1.0
        array([False,  True])

        Args:
            vectors: (n, d) of a healthy machine in one operating state, in the order of time.
            groups: the d features are so many equal groups, usually channels.
            scale_floor: no feature's scale is smaller, in its own unit (default for logarithms).

        Raises:
            DetectorError: too few vectors, values that are not finite, or d is no multiple of groups.
        """
        if vectors.ndim != 2 or groups < 1 or vectors.shape[1] % groups:
            raise DetectorError(f"vectors of shape {vectors.shape} cannot be cut into {groups} equal groups")

        def fit_distances(some: NDArray[np.float32]) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
            scaling = fit_scaling(some, scale_floor)
            return lambda vectors: _distances(vectors, scaling, groups)

        held_out = held_out_distances(fit_distances, vectors)
        limits = thresholds(held_out, MARGIN)
        return cls(fit_scaling(vectors, scale_floor), limits, float(np.median((held_out / limits).max(axis=1))))

    def group_scores(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the score of each group, (n, groups); 1.0 = threshold."""
        return np.asarray(_distances(vectors, self.scaling, self.limits.size) / self.limits)

    def score(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the score of each vector, (n,): that of its most unusual feature."""
        return np.asarray(self.group_scores(vectors).max(axis=1))

    def to_bytes(self) -> bytes:
        """Return the fitted detector as bytes."""
        arrays = {"centre": self.scaling.centre, "scale": self.scaling.scale, "limits": self.limits}
        return pack(self.name, _VERSION, {"typical": self.typical}, arrays)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Return the detector that was written by `to_bytes`.

        Raises:
            StateError: the bytes are damaged or something else.
        """
        fields = unpack(data, cls.name, _VERSION)
        scaling = Scaling(fields.array("centre"), fields.array("scale"))
        return cls(scaling, fields.array("limits"), fields.value("typical"))


def _distances(vectors: NDArray[np.float32], scaling: Scaling, groups: int) -> NDArray[np.float32]:
    z = np.abs(scaling.standardise(vectors)).reshape(len(vectors), groups, -1)
    return np.asarray(z.max(axis=2))
