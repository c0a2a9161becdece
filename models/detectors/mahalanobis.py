"""Mahalanobis distance from a robust baseline: is this combination of features usual?

Assumes vectors that scatter around one centre, roughly elliptically: logarithms of vibration features at one operating
state do. The vector of a machine is cut into equal groups, one per channel, each with its own covariance: with 60
windows a 14×14 matrix can be estimated where a 56×56 one cannot, the state of a machine grows with its channels and
not with their square, and the largest group says on which channel it shows.

Source: Ledoit and Wolf (2004), A well-conditioned estimator for large-dimensional covariance matrices, section 3.3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

import numpy as np

from models.detectors.calibration import MARGIN
from models.detectors.scaling import LOG_SCALE_FLOOR, Scaling, fit_scaling

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.runtimes.base import Network
    from models.state_bytes import Fields, Scalar

WINSORISE_SIGMA: Final = 4.0
"""Learning values beyond are pulled in before the covariance: one bump must not become a direction of normal."""
DEPENDENCE: Final = 2.0
"""Windows with 50 % overlap carry about half the information the closed form assumes: shrink twice as much."""
MIN_VARIANCE: Final = 0.05
"""Smallest variance of a direction of standardised values: what is more alike than this is so by chance."""


@dataclass(frozen=True, slots=True)
class Mahalanobis:
    """Distance of each group from its centre, in its own scatter; 1 is usual.

    Attributes:
        scaling: centre and scale, (d,).
        whitening: (groups, g, g), rows turn standardised values into independent ones.
    """

    name: ClassVar[str] = "mahalanobis"
    version: ClassVar[int] = 2
    needs_network: ClassVar[bool] = False
    margin: ClassVar[float] = MARGIN

    scaling: Scaling
    whitening: NDArray[np.float32]

    @classmethod
    def suits(cls, feature_names: tuple[str, ...]) -> bool:
        """Return True for any features at all."""
        return bool(feature_names)

    @classmethod
    def learnt_from(
        cls, vectors: NDArray[np.float32], *, groups: int = 1, scale_floor: float = LOG_SCALE_FLOOR
    ) -> Self:
        """Return centre, scale and scatter of these vectors.

        >>> rng = np.random.default_rng(0)
        >>> healthy = rng.normal(size=(60, 4)).astype(np.float32)
        >>> scorer = Mahalanobis.learnt_from(healthy)
        >>> scorer.distances(np.float32([[0, 0, 0, 0], [12, 12, 0, 0]]))[:, 0] > 3.0
        array([False,  True])

        Args:
            vectors: (n, d) of a healthy machine in one operating state.
            groups: the d features are so many equal groups, usually channels.
            scale_floor: no feature's scale is smaller, in its own unit (default for logarithms).
        """
        scaling = fit_scaling(vectors, scale_floor)
        return cls(scaling, _whitening(scaling.standardise(vectors), groups))

    def distances(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the distance of each group of each vector, (n, groups)."""
        groups, g, _ = self.whitening.shape
        standardised = self.scaling.standardise(vectors).reshape(len(vectors), groups, g, 1)
        whitened = np.matmul(self.whitening, standardised)[..., 0]
        return np.asarray(np.sqrt((whitened * whitened).sum(axis=2) / g))

    def contents(self) -> tuple[dict[str, Scalar], dict[str, NDArray[Any]]]:
        """Return the values and arrays that make it up."""
        return {}, {**self.scaling.contents(), "whitening": self.whitening}

    @classmethod
    def from_contents(cls, fields: Fields, network: Network | None = None) -> Self:  # noqa: ARG003 - it has none
        """Return the scorer whose contents these are."""
        return cls(Scaling.from_contents(fields), fields.array("whitening"))


def shrunk_covariance(standardised: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the covariance pulled towards a multiple of the identity, (g, g), never singular.

    Args:
        standardised: (n, g), centred.

    Source: Ledoit and Wolf (2004), section 3.3; the intensity is doubled for overlapping windows.
    """
    n, g = standardised.shape
    sample = standardised.T @ standardised / n
    mean_variance = np.trace(sample) / g
    target = mean_variance * np.eye(g)
    spread = float(((sample - target) ** 2).sum())
    noise = float(((standardised**2).T @ (standardised**2) / n - sample**2).sum()) / n
    intensity = min(1.0, DEPENDENCE * noise / spread) if spread > 0 else 1.0
    # An exactly constant group has nothing to whiten: its scale is the floor.
    floor = np.finfo(np.float32).eps * np.eye(g)
    return np.asarray((1.0 - intensity) * sample + intensity * target + floor)


def _whitening(standardised: NDArray[np.float32], groups: int) -> NDArray[np.float32]:
    clipped = np.clip(standardised, -WINSORISE_SIGMA, WINSORISE_SIGMA).astype(np.float64)
    matrices = []
    for group in np.split(clipped, groups, axis=1):
        variances, directions = np.linalg.eigh(shrunk_covariance(group))
        matrices.append(directions.T / np.sqrt(np.maximum(variances, MIN_VARIANCE))[:, None])
    return np.asarray(matrices, np.float32)
