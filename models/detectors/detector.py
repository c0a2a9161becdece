"""A detector of vectors: a scorer, and apart from it the threshold that its distances are held against.

What a scorer measures (a distance, a residual, a path) and where unusual begins are two questions. The second is
answered for all scorers in the same way, on windows that the scorer had not seen (`models.detectors.calibration`); a
scorer only says by how much its threshold is to be wider than that of a plain distance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from models.detectors.calibration import held_out_distances, thresholds
from models.detectors.errors import DetectorError
from models.state_bytes import pack, unpack

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from models.detectors.base import Scorer
    from models.runtimes.base import Network


@dataclass(frozen=True, slots=True)
class Detector:
    """Fitted, frozen and serialisable; score 1.0 = threshold.

    Attributes:
        scorer: what measures.
        groups: a vector holds so many equal groups of features, usually channels.
        limits: distances that score 1.0, (parts · groups,), those of the scorer's first part first.
        typical: median score of healthy windows that the fit had not seen.
    """

    scorer: Scorer
    groups: int
    limits: NDArray[np.float32]
    typical: float

    @property
    def name(self) -> str:
        """Return the name of its row in the table of detectors."""
        return self.scorer.name

    @classmethod
    def fit(cls, kind: type[Scorer], vectors: NDArray[np.float32], *, groups: int = 1, **options: Any) -> Self:
        """Return a detector of what differs from these vectors.

        Args:
            kind: row of `models.detectors.table.DETECTORS`.
            vectors: (n, d) of a healthy machine in one operating state, in the order of time.
            groups: the d features are so many equal groups, usually channels.
            options: what only this kind of scorer knows.

        Raises:
            DetectorError: too few vectors, values that are not finite, d is no multiple of groups, or the scorer
                cannot learn from them.
        """
        if vectors.ndim != 2 or groups < 1 or vectors.shape[1] % groups:
            raise DetectorError(f"vectors of shape {vectors.shape} cannot be cut into {groups} equal groups")

        def learnt(some: NDArray[np.float32]) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
            return kind.learnt_from(some, groups=groups, **options).distances

        held_out = held_out_distances(learnt, vectors)
        limits = thresholds(held_out, kind.margin)
        scorer = kind.learnt_from(vectors, groups=groups, **options)
        return cls(scorer, groups, limits, float(np.median((held_out / limits).max(axis=1))))

    def score(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the score of each vector (n, d), as (n,), at least 0: that of its most unusual group."""
        return np.asarray((self.scorer.distances(vectors) / self.limits).max(axis=1))

    def to_bytes(self) -> bytes:
        """Return the fitted detector as bytes; the same fit gives the same bytes."""
        values, arrays = self.scorer.contents()
        values = {**values, "groups": self.groups, "typical": self.typical}
        return pack(self.name, self.scorer.version, values, {**arrays, "limits": self.limits})

    @classmethod
    def from_bytes(cls, kind: type[Scorer], data: bytes, network: Network | None = None) -> Self:
        """Return the detector of this kind that was written by `to_bytes`.

        Args:
            kind: row of `models.detectors.table.DETECTORS`.
            data: of `to_bytes`.
            network: of the kinds that need one; None: the one that comes with the program.

        Raises:
            StateError: the bytes are damaged or something else.
        """
        fields = unpack(data, kind.name, kind.version)
        scorer = kind.from_contents(fields, network)
        return cls(scorer, fields.value("groups"), fields.array("limits"), fields.value("typical"))
