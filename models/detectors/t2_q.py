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
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self, TypeVar

import numpy as np

from models.detectors.calibration import MARGIN
from models.detectors.errors import DetectorError
from models.detectors.mahalanobis import MIN_VARIANCE, WINSORISE_SIGMA, shrunk_covariance
from models.detectors.scaling import LOG_SCALE_FLOOR, Scaling, fit_scaling

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.runtimes.base import Network
    from models.state_bytes import Fields, Scalar

Real = TypeVar("Real", np.float32, np.float64)
KEPT_VARIANCE: Final = 0.9
"""Share of the variance that the principal directions carry; the usual choice of process monitoring."""


@dataclass(frozen=True, slots=True)
class T2Q:
    """Principal component model of each group: the roots of T² and of Q per direction; 1 is usual.

    Attributes:
        scaling: centre and scale, (d,).
        whitening: (groups, g, g), rows turn standardised values, lags appended, into independent ones.
        principal: whether a row of it is a principal direction (T²) or a residual one (Q), as 0 or 1, (groups, g).
        lags: so many vectors before are appended to each.
    """

    name: ClassVar[str] = "t2_q"
    version: ClassVar[int] = 2
    needs_network: ClassVar[bool] = False
    margin: ClassVar[float] = 1.75 * MARGIN
    """A mean over a few directions has a heavier tail than one over all."""

    scaling: Scaling
    whitening: NDArray[np.float32]
    principal: NDArray[np.float32]
    lags: int

    @classmethod
    def suits(cls, feature_names: tuple[str, ...]) -> bool:
        """Return True for any features at all."""
        return bool(feature_names)

    @classmethod
    def learnt_from(
        cls,
        vectors: NDArray[np.float32],
        *,
        groups: int = 1,
        scale_floor: float = LOG_SCALE_FLOOR,
        lags: int = 0,
    ) -> Self:
        """Return the model of these vectors.

        >>> rng = np.random.default_rng(0)
        >>> load = rng.normal(size=(200, 1)) * np.ones(3)
        >>> scorer = T2Q.learnt_from((load + 0.1 * rng.normal(size=(200, 3))).astype(np.float32))
        >>> scorer.distances(np.float32([[1, 1, 1], [9, 9, 9], [1, -1, 1]])) > 4.0
        array([[False, False],
               [ True, False],
               [False,  True]])

        Args:
            vectors: (n, d) of a healthy machine in one operating state, in the order of time.
            groups: the d features are so many equal groups, usually channels.
            scale_floor: no feature's scale is smaller, in its own unit (default for logarithms).
            lags: 0 judges each vector by itself; otherwise vectors must come in the order of time, and the first ones
                of a batch are taken to have been preceded by their like.

        Raises:
            DetectorError: fewer vectors than lags.
        """
        if not 0 <= lags < max(len(vectors), 1):
            raise DetectorError(f"{lags} lags cannot be learnt from {len(vectors)} vectors")
        scaling = fit_scaling(vectors, scale_floor)
        return cls(scaling, *_model(scaling.standardise(vectors), groups, lags), lags)

    def distances(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return T² and then Q of each group of each vector, as roots per direction, (n, 2 · groups)."""
        standardised = self.scaling.standardise(vectors).reshape(len(vectors), len(self.whitening), -1)
        grouped = with_lags(standardised, self.lags)
        squares = np.matmul(self.whitening, grouped[..., None])[..., 0] ** 2
        parts = [
            np.sqrt((squares * which).sum(axis=2) / np.maximum(which.sum(axis=1), 1.0))
            for which in (self.principal, 1.0 - self.principal)
        ]
        return np.concatenate(parts, axis=1)

    def contents(self) -> tuple[dict[str, Scalar], dict[str, NDArray[Any]]]:
        """Return the values and arrays that make it up."""
        arrays = {**self.scaling.contents(), "whitening": self.whitening, "principal": self.principal}
        return {"lags": self.lags}, arrays

    @classmethod
    def from_contents(cls, fields: Fields, network: Network | None = None) -> Self:  # noqa: ARG003 - it has none
        """Return the scorer whose contents these are."""
        whitening, principal = fields.array("whitening"), fields.array("principal")
        return cls(Scaling.from_contents(fields), whitening, principal, fields.value("lags"))


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
