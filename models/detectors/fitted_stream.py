"""A stream detector of a bundle with the hysteresis of its alarms: rows in, scores and alarms out, in order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np

from models.detectors import hysteresis
from models.detectors.table import STREAM_DETECTORS
from models.state_bytes import StateError, pack, unpack

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.detectors.base import StreamDetector

_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class FittedStream:
    """A detector of series that was fitted.

    Attributes:
        detector: of `STREAM_DETECTORS`.
        calibration: scores of healthy rows that a fit had not seen, rising, float32 (n,).
    """

    detector: StreamDetector[Any]
    calibration: NDArray[np.float32]

    def judge(self, rows: NDArray[np.floating]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Return score and alarm of each row (n, channels), from the rows up to it alone; NaN where not judged."""
        state, latch = self.detector.start(), hysteresis.Latch()
        settings = hysteresis.Hysteresis()
        scores, alarms = np.empty(len(rows), np.float32), np.zeros(len(rows), np.bool_)
        for row in range(len(rows)):
            state, found = self.detector.step(state, rows[row : row + 1], in_alarm=latch.in_alarm)
            level = found.level[0]
            latch = hysteresis.step(latch, settings, level.tolist(), float(found.unrest[0]))
            scores[row], alarms[row] = level.max(), latch.in_alarm
        return scores, alarms

    def score(self, rows: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return the score of each row of a series that begins here, (n,); 0 where nothing is judged yet."""
        return np.nan_to_num(self.judge(rows)[0], nan=0.0)

    def p_value(self, score: float) -> float:
        """Return the share of healthy rows that score as high; never 0: so many rows say no more."""
        reaching = len(self.calibration) - int(np.searchsorted(self.calibration, score, side="left"))
        return (1.0 + reaching) / (1.0 + len(self.calibration))

    def to_bytes(self) -> bytes:
        """Return the model as bytes; the same fit gives the same bytes."""
        values = {"detector": self.detector.name}
        arrays: dict[str, NDArray[Any] | bytes] = {"fit": self.detector.to_bytes(), "calibration": self.calibration}
        return pack("fitted stream", _VERSION, values, arrays)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Return what was written by `to_bytes`.

        Raises:
            StateError: the bytes are damaged, or the detector is unknown.
        """
        fields = unpack(data, "fitted stream", _VERSION)
        name = fields.value("detector")
        if name not in STREAM_DETECTORS:
            raise StateError(f"detector {name!r}: this version knows {', '.join(STREAM_DETECTORS)}")
        return cls(STREAM_DETECTORS[name].from_bytes(fields.nested("fit")), fields.array("calibration"))
