"""Robust z of every feature: which single number left its usual range?

The plainest judge there is, and the one that people can check with a ruler: the distance from the median in robust
standard deviations, the largest of a channel counts. Assumes features that scatter around one centre; it does not see a
combination that never occurs (`mahalanobis` and `t2_q` do), and with many features its largest value grows, which the
held-out threshold takes into account.

Source: Iglewicz and Hoaglin (1993), How to detect and handle outliers (the modified z-score).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from models.detectors.calibration import MARGIN
from models.detectors.scaling import LOG_SCALE_FLOOR, Scaling, fit_scaling

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.runtimes.base import Network
    from models.state_bytes import Fields, Scalar


@dataclass(frozen=True, slots=True)
class RobustZ:
    """Distance of the farthest feature of each group from its median, in robust standard deviations.

    Attributes:
        scaling: centre and scale, (d,).
        groups: the d features are so many equal groups.
    """

    name: ClassVar[str] = "robust_z"
    version: ClassVar[int] = 2
    needs_network: ClassVar[bool] = False
    margin: ClassVar[float] = 1.5 * MARGIN
    """The largest of many has a heavier tail than a distance over all features."""

    scaling: Scaling
    groups: int

    @classmethod
    def suits(cls, feature_names: tuple[str, ...]) -> bool:
        """Return True for any features at all."""
        return bool(feature_names)

    @classmethod
    def learnt_from(
        cls, vectors: NDArray[np.float32], *, groups: int = 1, scale_floor: float = LOG_SCALE_FLOOR
    ) -> Self:
        """Return centre and scale of these vectors.

        >>> healthy = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
        >>> scorer = RobustZ.learnt_from(healthy)
        >>> scorer.distances(np.float32([[0, 0, 0, 0], [0, 12, 0, 0]]))[:, 0] > 4.0
        array([False,  True])

        Args:
            vectors: (n, d) of a healthy machine in one operating state.
            groups: the d features are so many equal groups, usually channels.
            scale_floor: no feature's scale is smaller, in its own unit (default for logarithms).
        """
        return cls(fit_scaling(vectors, scale_floor), groups)

    def distances(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the distance of each group of each vector, (n, groups)."""
        z = np.abs(self.scaling.standardise(vectors)).reshape(len(vectors), self.groups, -1)
        return np.asarray(z.max(axis=2))

    def contents(self) -> tuple[dict[str, Scalar], dict[str, NDArray[Any]]]:
        """Return the values and arrays that make it up."""
        return {"groups": self.groups}, self.scaling.contents()

    @classmethod
    def from_contents(cls, fields: Fields, network: Network | None = None) -> Self:  # noqa: ARG003 - it has none
        """Return the scorer whose contents these are."""
        return cls(Scaling.from_contents(fields), fields.value("groups"))
