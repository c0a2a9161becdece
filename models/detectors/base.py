"""What a detector is: fitted once on healthy vectors, then a pure function from vectors to scores.

A detector is one file and one row in the table `models.detectors.table.DETECTORS`; a shared conformance test picks up
every row. Thresholds belong to the fit, persistence to `models.alarming`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Protocol, Self

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Detector(Protocol):
    """Fitted, frozen and serialisable."""

    name: ClassVar[str]

    @property
    def typical(self) -> float:
        """Return the median score of healthy windows that the fit had not seen."""
        ...

    @classmethod
    def suits(cls, feature_names: tuple[str, ...]) -> bool:
        """Return whether it can judge channels with these features."""
        ...

    @classmethod
    def fit(cls, vectors: NDArray[np.float32], *, groups: int = 1) -> Self:
        """Return a detector of what differs from these healthy vectors (n, d), in the order of time.

        Raises:
            DetectorError: vectors that it cannot learn from.
        """
        ...

    def group_scores(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the score of each group of features, (n, groups); 1.0 = threshold."""
        ...

    def score(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the score of each vector (n, d), as (n,); 1.0 = threshold, always at least 0."""
        ...

    def to_bytes(self) -> bytes:
        """Return the fitted detector as bytes; the same fit gives the same bytes."""
        ...

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Return the detector that was written by `to_bytes`.

        Raises:
            StateError: the bytes are damaged or something else.
        """
        ...
