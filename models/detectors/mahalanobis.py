"""Mahalanobis distance from a robust baseline: is this combination of features usual?

Assumes vectors that scatter around one centre, roughly elliptically: logarithms of vibration features at one operating
state do. The vector of a machine is cut into equal groups, one per channel, each with its own covariance: with 60
windows a 14×14 matrix can be estimated where a 56×56 one cannot, the state of a machine grows with its channels and
not with their square, and the largest group says on which channel it shows.

Source: Ledoit and Wolf (2004), A well-conditioned estimator for large-dimensional covariance matrices, section 3.3.
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

WINSORISE_SIGMA: Final = 4.0
"""Learning values beyond are pulled in before the covariance: one bump must not become a direction of normal."""
DEPENDENCE: Final = 2.0
"""Windows with 50 % overlap carry about half the information the closed form assumes: shrink twice as much."""
MIN_VARIANCE: Final = 0.05
"""Smallest variance of a direction of standardised values: what is more alike than this is so by chance."""
_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Mahalanobis:
    """Fitted distances; score 1.0 = threshold.

    Attributes:
        scaling: centre and scale, (d,).
        whitening: (groups, g, g), rows turn standardised values into independent ones.
        limits: distance that scores 1.0, (groups,).
        typical: median score of windows that the fit had not seen.
    """

    name: ClassVar[str] = "mahalanobis"

    scaling: Scaling
    whitening: NDArray[np.float32]
    limits: NDArray[np.float32]
    typical: float

    @classmethod
    def suits(cls, feature_names: tuple[str, ...]) -> bool:
        """Return True for any features at all."""
        return bool(feature_names)

    @classmethod
    def fit(cls, vectors: NDArray[np.float32], *, groups: int = 1, scale_floor: float = LOG_SCALE_FLOOR) -> Self:
        """Return a detector of what differs from these vectors.

        >>> rng = np.random.default_rng(0)
        >>> healthy = rng.normal(size=(60, 4)).astype(np.float32)
        >>> detector = Mahalanobis.fit(healthy)
        >>> detector.score(np.float32([[0, 0, 0, 0], [12, 12, 0, 0]])) > 1.0
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
            whitening = _whitening(scaling.standardise(some), groups)
            return lambda vectors: _distances(vectors, scaling, whitening)

        held_out = held_out_distances(fit_distances, vectors)
        limits = thresholds(held_out)
        scaling = fit_scaling(vectors, scale_floor)
        whitening = _whitening(scaling.standardise(vectors), groups)
        return cls(scaling, whitening, limits, float(np.median((held_out / limits).max(axis=1))))

    def group_scores(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the score of each group, (n, groups); 1.0 = threshold."""
        return np.asarray(_distances(vectors, self.scaling, self.whitening) / self.limits)

    def score(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the score of each vector, (n,): that of its most unusual group."""
        return np.asarray(self.group_scores(vectors).max(axis=1))

    def to_bytes(self) -> bytes:
        """Return the fitted detector as bytes."""
        arrays = {
            "centre": self.scaling.centre,
            "scale": self.scaling.scale,
            "whitening": self.whitening,
            "limits": self.limits,
        }
        return pack(self.name, _VERSION, {"typical": self.typical}, arrays)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Return the detector that was written by `to_bytes`.

        Raises:
            StateError: the bytes are damaged or something else.
        """
        fields = unpack(data, cls.name, _VERSION)
        scaling = Scaling(fields.array("centre"), fields.array("scale"))
        return cls(scaling, fields.array("whitening"), fields.array("limits"), fields.value("typical"))


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


def _distances(vectors: NDArray[np.float32], scaling: Scaling, whitening: NDArray[np.float32]) -> NDArray[np.float32]:
    groups, g, _ = whitening.shape
    standardised = scaling.standardise(vectors).reshape(len(vectors), groups, g, 1)
    whitened = np.matmul(whitening, standardised)[..., 0]
    return np.asarray(np.sqrt((whitened * whitened).sum(axis=2) / g))
