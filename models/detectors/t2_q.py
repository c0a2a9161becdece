"""T² and the residual Q of a principal component model: too far along a usual direction, or off all of them?

The classic of process monitoring (temperatures, pressures, flows together): a few directions carry what a process does
when it works, such as load. T² says that it does more of it than ever, Q that it does something else, and the two are
judged each by its own threshold. Assumes roughly elliptical scatter in one operating state, as `mahalanobis` does,
which mixes the two in one number. With lags, the vectors before are appended to each, so that a broken *dynamic*
relation shows as well (a valve that follows its command too late).

The covariance is shrunk before its directions are taken: with as many lags and features as windows the smallest
variances would otherwise be chance, and Q divides by them.

Source: Jackson and Mudholkar (1979), Control procedures for residuals associated with principal component analysis; Ku,
Storer and Georgakis (1995), Disturbance detection and isolation by dynamic principal component analysis.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final, Self, TypeVar

import numpy as np

from models.detectors.calibration import held_out_distances, thresholds
from models.detectors.errors import DetectorError
from models.detectors.mahalanobis import MIN_VARIANCE, WINSORISE_SIGMA, shrunk_covariance
from models.detectors.scaling import LOG_SCALE_FLOOR, Scaling, fit_scaling
from models.state_bytes import pack, unpack

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

Real = TypeVar("Real", np.float32, np.float64)
KEPT_VARIANCE: Final = 0.9
"""Share of the variance that the principal directions carry; the usual choice of process monitoring."""
MARGIN: Final = 3.5
"""Three quarters more than for a distance over all directions: a mean over a few has the heavier tail."""
_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class T2Q:
    """Fitted principal component model; score 1.0 = threshold.

    Attributes:
        scaling: centre and scale, (d,).
        whitening: (groups, g, g), rows turn standardised values, lags appended, into independent ones.
        principal: whether a row of it is a principal direction (T²) or a residual one (Q), as 0 or 1, (groups, g).
        limits: distances that score 1.0, (2 · groups,): T² of all groups, then Q.
        typical: median score of windows that the fit had not seen.
        lags: so many vectors before are appended to each.
    """

    name: ClassVar[str] = "t2_q"

    scaling: Scaling
    whitening: NDArray[np.float32]
    principal: NDArray[np.float32]
    limits: NDArray[np.float32]
    typical: float
    lags: int

    @classmethod
    def suits(cls, feature_names: tuple[str, ...]) -> bool:
        """Return True for any features at all."""
        return bool(feature_names)

    @classmethod
    def fit(
        cls,
        vectors: NDArray[np.float32],
        *,
        groups: int = 1,
        scale_floor: float = LOG_SCALE_FLOOR,
        lags: int = 0,
    ) -> Self:
        """Return a detector of what differs from these vectors.

        >>> rng = np.random.default_rng(0)
        >>> load = rng.normal(size=(200, 1)) * np.ones(3)
        >>> detector = T2Q.fit((load + 0.1 * rng.normal(size=(200, 3))).astype(np.float32))
        >>> detector.score(np.float32([[1, 1, 1], [9, 9, 9], [1, -1, 1]])) > 1.0
        array([False,  True,  True])

        Args:
            vectors: (n, d) of a healthy machine in one operating state, in the order of time.
            groups: the d features are so many equal groups, usually channels.
            scale_floor: no feature's scale is smaller, in its own unit (default for logarithms).
            lags: 0 judges each vector by itself; otherwise vectors must come in the order of time, and the first ones
                of a batch are taken to have been preceded by their like.

        Raises:
            DetectorError: too few vectors, values that are not finite, or d is no multiple of groups.
        """
        if vectors.ndim != 2 or groups < 1 or vectors.shape[1] % groups:
            raise DetectorError(f"vectors of shape {vectors.shape} cannot be cut into {groups} equal groups")
        if not 0 <= lags < max(len(vectors), 1):
            raise DetectorError(f"{lags} lags cannot be learnt from {len(vectors)} vectors")

        def fit_distances(some: NDArray[np.float32]) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
            scaling = fit_scaling(some, scale_floor)
            whitening, principal = _model(scaling.standardise(some), groups, lags)
            return lambda vectors: _distances(scaling.standardise(vectors), whitening, principal, lags)

        held_out = held_out_distances(fit_distances, vectors)
        limits = thresholds(held_out, MARGIN)
        scaling = fit_scaling(vectors, scale_floor)
        whitening, principal = _model(scaling.standardise(vectors), groups, lags)
        return cls(scaling, whitening, principal, limits, float(np.median((held_out / limits).max(axis=1))), lags)

    def t2_and_q_scores(self, vectors: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the scores of T² and of Q, (n, groups) each; 1.0 = threshold."""
        standardised = self.scaling.standardise(vectors)
        distances = _distances(standardised, self.whitening, self.principal, self.lags) / self.limits
        t2, q = np.split(distances, 2, axis=1)
        return t2, q

    def group_scores(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the score of each group, (n, groups): the larger of T² and Q; 1.0 = threshold."""
        return np.asarray(np.maximum(*self.t2_and_q_scores(vectors)))

    def score(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the score of each vector, (n,): that of its most unusual group."""
        return np.asarray(self.group_scores(vectors).max(axis=1))

    def to_bytes(self) -> bytes:
        """Return the fitted detector as bytes."""
        arrays = {
            "centre": self.scaling.centre,
            "scale": self.scaling.scale,
            "whitening": self.whitening,
            "principal": self.principal,
            "limits": self.limits,
        }
        return pack(self.name, _VERSION, {"typical": self.typical, "lags": self.lags}, arrays)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Return the detector that was written by `to_bytes`.

        Raises:
            StateError: the bytes are damaged or something else.
        """
        fields = unpack(data, cls.name, _VERSION)
        scaling = Scaling(fields.array("centre"), fields.array("scale"))
        return cls(
            scaling,
            fields.array("whitening"),
            fields.array("principal"),
            fields.array("limits"),
            fields.value("typical"),
            fields.value("lags"),
        )


def with_lags(grouped: NDArray[Real], lags: int) -> NDArray[Real]:
    """Return vectors with those before appended, (n, groups, g · (lags + 1)), the newest first.

    >>> with_lags(np.float32([1, 2, 3]).reshape(3, 1, 1), 1)[:, 0].tolist()
    [[1.0, 1.0], [2.0, 1.0], [3.0, 2.0]]

    Args:
        grouped: (n, groups, g), in the order of time.
        lags: 0 returns them as they are.
    """
    rows = np.arange(len(grouped))
    return np.concatenate([grouped[np.maximum(rows - lag, 0)] for lag in range(lags + 1)], axis=2)


def _model(
    standardised: NDArray[np.float32], groups: int, lags: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return whitening and which of its rows are principal."""
    clipped = np.clip(standardised, -WINSORISE_SIGMA, WINSORISE_SIGMA).astype(np.float64)
    grouped = with_lags(clipped.reshape(len(clipped), groups, -1), lags)
    whitening, principal = [], []
    for group in range(groups):
        variances, directions = np.linalg.eigh(shrunk_covariance(grouped[:, group]))
        # Ascending: a direction is residual as long as those up to it carry no more than what may be left out.
        left_out = np.cumsum(variances) / variances.sum()
        principal.append(left_out > 1.0 - KEPT_VARIANCE)
        whitening.append(directions.T / np.sqrt(np.maximum(variances, MIN_VARIANCE))[:, None])
    return np.asarray(whitening, np.float32), np.asarray(principal, np.float32)


def _distances(
    standardised: NDArray[np.float32], whitening: NDArray[np.float32], principal: NDArray[np.float32], lags: int
) -> NDArray[np.float32]:
    """Return the roots of T² and of Q per direction, (n, 2 · groups)."""
    grouped = with_lags(standardised.reshape(len(standardised), len(whitening), -1), lags)
    squares = np.matmul(whitening, grouped[..., None])[..., 0] ** 2
    parts = [
        np.sqrt((squares * which).sum(axis=2) / np.maximum(which.sum(axis=1), 1.0))
        for which in (principal, 1.0 - principal)
    ]
    return np.concatenate(parts, axis=1)
