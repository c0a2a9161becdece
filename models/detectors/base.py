"""What a detector is: fitted once on healthy data, then a pure function from data to scores.

There are two kinds, one file and one row in a table of `models.detectors.table` each; a shared conformance test picks
up every row:

- `Detector` judges one vector of features by itself (windows of vibration). Persistence is up to `models.alarming`.
- `StreamDetector` judges slow series row by row and remembers what came before (levels, discords). Its state is small,
  of bounded size, and goes to disk with everything else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol, Self, TypeVar

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


@dataclass(frozen=True, slots=True)
class StreamScores:
    """What a stream detector says about some rows; NaN where it cannot judge yet or anew.

    Attributes:
        level: score of each time scale, (n, scales), fastest first; 1.0 = threshold, at least 0.
        unrest: how far the level is from where it has lately been, (n,); 1.0 = as far as a threshold.
    """

    level: NDArray[np.float64]
    unrest: NDArray[np.float64]


class StreamState(Protocol):
    """What a stream detector remembers between rows; frozen."""

    def to_bytes(self) -> bytes:
        """Return the state as bytes; the detector's `state_from_bytes` reads them."""
        ...


State = TypeVar("State", bound=StreamState)


class StreamDetector(Protocol[State]):
    """Fitted on learning rows, frozen and serialisable; the state is handed in and out."""

    name: ClassVar[str]

    @classmethod
    def fit(cls, rows: NDArray[np.floating]) -> Self:
        """Return a detector of what differs from these healthy rows (n, channels), in the order of time.

        Raises:
            DetectorError: rows that it cannot learn from.
        """
        ...

    def start(self) -> State:
        """Return the state before the first row."""
        ...

    def step(self, state: State, rows: NDArray[np.floating], *, in_alarm: bool) -> tuple[State, StreamScores]:
        """Return the state after these rows (n, channels), and their scores.

        Rows may come one by one or many at once; where the flag does not change, the scores are the same.

        Args:
            state: after the rows before.
            rows: (n, channels).
            in_alarm: whether an alarm stood before these rows: nothing is learnt from them then.

        Raises:
            DetectorError: another number of channels.
        """
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

    def state_from_bytes(self, data: bytes) -> State:
        """Return the state that was written by its `to_bytes`.

        Raises:
            StateError: the bytes are damaged or something else.
        """
        ...
