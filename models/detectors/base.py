"""What a detector is: fitted once on healthy data, then a pure function from data to scores.

There are two kinds, one file and one row in a table of `models.detectors.table` each; a shared conformance test picks
up every row:

- A `Scorer` measures one vector of features by itself (windows of vibration); with a threshold it is a
  `models.detectors.detector.Detector`. Persistence is up to `models.alarming`.
- `StreamDetector` judges slow series row by row and remembers what came before (levels, discords). Its state is small,
  of bounded size, and goes to disk with everything else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol, Self, TypeVar

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.runtimes.base import Network
    from models.state_bytes import Fields, Scalar


class Scorer(Protocol):
    """What was learnt of healthy vectors, and how far others are from it; frozen. `Detector` adds the threshold."""

    name: ClassVar[str]
    version: ClassVar[int]
    """Of what `contents` holds."""
    needs_network: ClassVar[bool]
    margin: ClassVar[float]
    """Of its threshold over the highest distance that lasted on healthy windows it had not seen."""

    @classmethod
    def suits(cls, feature_names: tuple[str, ...]) -> bool:
        """Return whether it can judge channels with these features."""
        ...

    @classmethod
    def learnt_from(cls, vectors: NDArray[np.float32], *, groups: int = 1, scale_floor: float = ...) -> Self:
        """Return what is to be known of these healthy vectors (n, d), in the order of time.

        Some kinds take more options.

        Raises:
            DetectorError: vectors that it cannot learn from.
        """
        ...

    def distances(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return how far each group of features of each vector (n, d) is from normal, (n, parts · groups), at least 0.

        A scorer that asks several questions has a distance for each, all groups of the first part first.
        """
        ...

    def contents(self) -> tuple[dict[str, Scalar], dict[str, NDArray[Any]]]:
        """Return the values and arrays that make it up."""
        ...

    @classmethod
    def from_contents(cls, fields: Fields, network: Network | None = None) -> Self:
        """Return the scorer whose `contents` these are; more may be in the fields.

        Args:
            fields: as they were unpacked.
            network: of the kinds that need one; None: the one that comes with the program.

        Raises:
            StateError: something is missing.
        """
        ...


@dataclass(frozen=True, slots=True)
class StreamScores:
    """What a stream detector says about some rows; NaN where it cannot judge yet or anew.

    Attributes:
        level: score of each time scale, (n, scales), fastest first; 1.0 = threshold, at least 0.
        unrest: how far the level is from where it has lately been, (n,); 1.0 = as far as a threshold.
        newest: score of the newest part of what the level looks back at, (n,): whether it still is so
            (`models.alarming`, 9); NaN where each row is judged by itself, or where it is not known.
        channels: of each channel, (n, channels); 0 for one that has no say.
        now, usual: what was compared in the channels' units, (n, channels): what is there, and what would be usual.
    """

    level: NDArray[np.float64]
    unrest: NDArray[np.float64]
    newest: NDArray[np.float64]
    channels: NDArray[np.float64]
    now: NDArray[np.float64]
    usual: NDArray[np.float64]

    @classmethod
    def unjudged(cls, rows: int, scales: int, channels: int) -> Self:
        """Return scores to be filled in."""
        shapes = ((rows, scales), (rows,), (rows,), *[(rows, channels)] * 3)
        return cls(*(np.full(shape, np.nan) for shape in shapes))


class Persistence(NamedTuple):
    """How many rows in a row make and end an alarm (`models.alarming.AlarmSettings`).

    Attributes:
        on: (k, n): active when k of the last n rows are at the threshold.
        off: returned after so many quiet ones, at most n.
    """

    on: tuple[int, int]
    off: int


class LearningRows(NamedTuple):
    """How many rows a stream detector learns from.

    Attributes:
        least: it needs so many.
        most: older ones would say nothing more.
    """

    least: int
    most: int


class StreamState(Protocol):
    """What a stream detector remembers between rows; frozen."""

    def to_bytes(self) -> bytes:
        """Return the state as bytes; the detector's `state_from_bytes` reads them."""
        ...


State = TypeVar("State", bound=StreamState)


class StreamDetector(Protocol[State]):
    """Fitted on learning rows, frozen and serialisable; the state is handed in and out."""

    name: ClassVar[str]
    least_row_s: ClassVar[float]
    """A row stands for so many seconds at least; 0: as often as the series is judged."""
    per_phase: ClassVar[bool]
    """Whether each phase of a process has a normal of its own, or all of them together are the pattern."""
    persistence: ClassVar[Persistence | None]
    """Of its alarms; None: that of any other score of the machine."""

    @classmethod
    def learning_rows(cls, settings: Any = None) -> LearningRows:
        """Return how many rows it learns from."""
        ...

    @classmethod
    def fit(cls, rows: NDArray[np.floating], *, settings: Any = None) -> Self:
        """Return a detector of what differs from these healthy rows (n, channels), in the order of time.

        Args:
            rows: evenly spaced.
            settings: of its kind; None for the defaults.

        Raises:
            DetectorError: rows that it cannot learn from.
        """
        ...

    def start(self) -> State:
        """Return the state before the first row."""
        ...

    def typical(self, state: State) -> float:
        """Return the median score of normal rows."""
        ...

    def interrupted(self, state: State, lost_rows: int) -> State:
        """Return the state after so many rows were lost."""
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
