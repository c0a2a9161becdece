"""What is normal in one phase of a process: learnt over a day and more, judged by the detectors, followed slowly.

Vibration multiplies and rises with damage; a process adds and may err to either side. So, unlike `models.learning`, the
vectors are features in their own units, on a linear scale, and a fall counts as much as a rise. In order:

1. `Collected`: windows of one phase, thinned evenly so that their number is bounded and the whole time is in them.
2. `Normal`: each feature in units of its scatter (not below what sensors of plants are certain of), all channels in one
   group, so that what moves together is part of normal; every detector with its own threshold. `t2_q` judges each
   window together with the two before it (`LAGS`), so that what follows too late is told as well.
3. It follows the process while that is normal: 1/τ of the distance per window, at most 3 σ, and never further from
   what was learnt than 3 scatters: what creeps further is a change that people should see.

Source: Kourti and MacGregor (1995), Process analysis, monitoring and diagnosis (T² and residual statistics); Ku, Storer
and Georgakis (1995), Disturbance detection and isolation by dynamic principal component analysis (lags).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Final, Self

import numpy as np

from models.detectors.detector import Detector
from models.detectors.scaling import LOG_SCALE_FLOOR, Scaling, fit_scaling
from models.detectors.t2_q import T2Q
from models.detectors.table import DETECTORS
from models.process.features import LAST, NAMES, SLOPE
from models.state_bytes import pack, unpack

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


UNCERTAINTY: Final = 0.005
"""Of the largest value seen: class 0.5 instruments (IEC 60051-1). A smaller scatter says nothing about the process."""
TEMPERATURE_UNCERTAINTY_K: Final = 0.15
"""IEC 60751, class A at 0 °C: the zero of °C and °F is no zero of anything."""
LARGEST_SCORE: Final = 100.0
"""Beyond, nothing more is told; a channel that never moved while learning would give any number."""
ONE_SCATTER: Final = LOG_SCALE_FLOOR
"""What detectors are given for one scatter: the least that they take for one, so that theirs is never below ours."""
LAGS: Final = {T2Q.name: 2}
"""By detector, so many windows before belong to each. In two of them dynamics of first and second order are linear,
which covers heating, filling and most loops."""
CLIP_SIGMA: Final = 3.0
LARGEST_DRIFT_SIGMA: Final = 3.0
NOT_JUDGED: Final = 1e6
"""Scatter of what has none and is no measurement: whatever a contact says, it is nowhere near one scatter away."""
_VERSION: Final = 1


@dataclass(frozen=True)
class Collected:
    """Windows of one phase so far.

    Attributes:
        vectors: (n, (1 + lags) · d) features in their units, oldest first, each followed by those of the windows before
            it; n below twice what is needed.
        every: one in so many windows is kept.
        windows: seen.
        first_ns: end of the first.
    """

    vectors: NDArray[np.float32]
    every: int
    windows: int
    first_ns: int

    def to_bytes(self) -> bytes:
        """Return the collected windows as bytes."""
        values = {"every": self.every, "windows": self.windows, "first_ns": self.first_ns}
        return pack("collected", _VERSION, values, {"vectors": self.vectors})

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Return what was written by `to_bytes`.

        Raises:
            StateError: the bytes are damaged or something else.
        """
        fields = unpack(data, "collected", _VERSION)
        return cls(fields.array("vectors"), **fields.values)


@dataclass(frozen=True)
class Normal:
    """A fitted normal and how far the process has been followed since.

    Attributes:
        scaling: centre and scatter of the features in their units, (d,).
        detectors: fitted on the standardised windows.
        drift: (d,) of the present centre from the learnt one, in scatters.
    """

    scaling: Scaling
    detectors: tuple[Detector, ...]
    drift: NDArray[np.float32]

    @property
    def centre(self) -> NDArray[np.float32]:
        """Return the present normal value of every feature in its unit, (d,)."""
        return np.asarray(self.scaling.centre + self.drift * self.scaling.scale, np.float32)

    @property
    def typical_score(self) -> float:
        """Return the median score of windows that are normal."""
        return max(detector.typical for detector in self.detectors)

    def away(self, vector: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return how far each feature is from its normal, in scatters, (d,)."""
        return self.scaling.standardise(vector) - self.drift

    def score(self, vectors: NDArray[np.float32]) -> float | None:
        """Return how unusual a window is, 1.0 = threshold: the largest of the detectors.

        Args:
            vectors: (d,) of the window, or (1 + n, d) with those of the n windows before it, the newest first.

        Returns:
            The score, None where every detector needs more windows before.
        """
        away = self.away(np.atleast_2d(vectors)) * np.float32(ONE_SCATTER)
        scores = [
            float(detector.score(away[: 1 + lags].reshape(1, -1))[0])
            for detector in self.detectors
            if (lags := LAGS.get(detector.name, 0)) < len(away)
        ]
        return min(max(scores), LARGEST_SCORE) if scores else None

    def followed(self, vector: NDArray[np.float32], tracking_windows: int) -> Normal:
        """Return the normal moved towards one normal window."""
        moved = self.drift + np.clip(self.away(vector), -CLIP_SIGMA, CLIP_SIGMA) / tracking_windows
        drift = np.clip(moved, -LARGEST_DRIFT_SIGMA, LARGEST_DRIFT_SIGMA)
        return replace(self, drift=drift.astype(np.float32, copy=False))

    @cached_property
    def _fit(self) -> bytes:
        arrays = {"centre": self.scaling.centre, "scale": self.scaling.scale}
        parts = {detector.name: detector.to_bytes() for detector in self.detectors}
        return pack("process_fit", _VERSION, {"detectors": list(parts)}, {**arrays, **parts})

    def to_bytes(self) -> bytes:
        """Return the normal as bytes."""
        return pack("normal", _VERSION, {}, {"drift": self.drift, "fit": self._fit})

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Return what was written by `to_bytes`.

        Raises:
            StateError: the bytes are damaged or something else.
        """
        fields = unpack(data, "normal", _VERSION)
        fit = unpack(fields.nested("fit"), "process_fit", _VERSION)
        detectors = tuple(Detector.from_bytes(DETECTORS[name], fit.nested(name)) for name in fit.value("detectors"))
        return cls(Scaling(fit.array("centre"), fit.array("scale")), detectors, fields.array("drift"))


def collect(known: Collected | None, vector: NDArray[np.float32], end_ns: int, windows: int) -> Collected:
    """Return what has been collected with one window more: at least `windows` spread over all the time, once seen."""
    if known is None:
        return Collected(vector[None].astype(np.float32), 1, 1, end_ns)
    vectors = known.vectors
    if known.windows % known.every == 0:
        vectors = np.concatenate([vectors, vector[None]])
    every = known.every
    if len(vectors) >= 2 * windows:
        vectors, every = vectors[::2].copy(), 2 * every
    return replace(known, vectors=vectors, every=every, windows=known.windows + 1)


def fit_normal(
    vectors: NDArray[np.float32], units: Sequence[str], window_minutes: float, detectors: Sequence[str]
) -> Normal:
    """Return what is normal.

    Args:
        vectors: (n, (1 + lags) · channels · features) in their units, in the order of time, each window followed by
            those before it.
        units: engUnit of each channel.
        window_minutes: length of a window.
        detectors: names of rows of `DETECTORS`.

    Raises:
        DetectorError: too few vectors, or values that are not finite.
    """
    features = len(units) * len(NAMES)
    now = vectors[:, :features]
    scaling = fit_scaling(now, 0.0)
    scale = np.maximum(scaling.scale, smallest_scatter(now, units, window_minutes))
    scaling = Scaling(scaling.centre, scale.astype(np.float32))
    standardised = scaling.standardise(vectors.reshape(len(vectors), -1, features)) * np.float32(ONE_SCATTER)
    fitted = tuple(
        Detector.fit(DETECTORS[name], standardised[:, : 1 + LAGS.get(name, 0)].reshape(len(vectors), -1), groups=1)
        for name in detectors
    )
    return Normal(scaling, fitted, np.zeros(features, np.float32))


def smallest_scatter(vectors: NDArray[np.float32], units: Sequence[str], window_minutes: float) -> NDArray[np.float32]:
    """Return the least scatter that means anything, for each feature in its unit, (d,)."""
    of_channel = np.abs(vectors.reshape(len(vectors), len(units), len(NAMES))[..., 0]).max(axis=0) * UNCERTAINTY
    for row, unit in enumerate(units):
        if unit in {"K", "°C"}:
            of_channel[row] = TEMPERATURE_UNCERTAINTY_K
        elif unit == "°F":
            of_channel[row] = TEMPERATURE_UNCERTAINTY_K * 1.8
    floors = np.repeat(np.maximum(of_channel, np.finfo(np.float32).tiny * 1e6)[:, None], len(NAMES), axis=1)
    floors[:, SLOPE] /= window_minutes
    latest = vectors.reshape(len(vectors), len(units), len(NAMES))[..., LAST]
    # A contact opens and closes as people like: rules and phases know what it may do, a scatter does not.
    is_contact = np.array([unit == "1" for unit in units]) & np.isin(latest, (0.0, 1.0)).all(axis=0)
    floors[is_contact] = NOT_JUDGED
    return np.asarray(floors.ravel(), np.float32)
