"""What a machine's normal is in one operating state: learnt from its first good windows, then followed slowly.

In order:

1. `Learning` collects the logarithms of the features of good, steady windows.
2. When there are enough, it looks whether they tell one story: if the second half lies elsewhere than the first, as
   with a machine warming up, the older half is dropped and learning goes on; a few times, then it is taken as it is.
3. `Baseline` is fitted: every detector on the same windows, each with its own threshold. The score of a window is the
   largest of its detectors, for what rose above normal and for what has another shape than normal.
4. The baseline follows the machine slowly while it is normal, at most 3 σ of a window's distance, never while an alarm
   stands, and never further from what was learnt than a factor of two. It follows time and not windows: its time
   constant is its own age, up to so many decisions (minutes). What was learnt in half a minute has seen little of what
   is normal and must give way soon; what has stood for hours hardly moves. Towards windows beyond the threshold even
   a young baseline moves as slowly as the oldest: ten minutes of a fault are told before they are learnt.
5. The slow trend: a channel that has been followed as a whole to twice its learnt level scores 1.0 for that alone.
   Wear that would be followed window by window still raises the score in the end.
6. When another model takes over, detectors that fit go on (`migrated`), the others join once the machine has shown
   enough normal windows (`join`): no window is left without a score.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Final, Self

import numpy as np

from models.detectors.calibration import USUAL_WINDOWS
from models.detectors.detector import Detector
from models.detectors.scaling import Scaling, fit_scaling, row_medians
from models.detectors.table import DETECTORS
from models.state_bytes import pack, unpack

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from models.machine_model import MachineModel
    from models.runtimes.base import Network


SMALLEST_FEATURE: Final = 1e-6
"""Logarithms start here: below any feature's noise (1 µm/s² RMS, 1 nm/s velocity)."""
NOT_JUDGED: Final = frozenset({"acceleration_peak", "crest_factor", "kurtosis", "acceleration_mean", "skewness"})
"""Trended, but no part of the baseline. Peak, crest and kurtosis answer a single knock with tens of decibels: on the
FEMTO runs no setting with them is free of early alarms, and impacts that repeat show in the envelope bands. Mean and
skewness may be negative and speak of the sensor."""
UNSTEADY_SIGMA: Final = 2.0
"""Halves of the learning windows whose centres are further apart (RMS over the features) are two stories."""
MAX_EXTENSIONS: Final = 4
CLIP_SIGMA: Final = 3.0
THRESHOLD: Final = 1.0
LARGEST_GAIN: Final = 1.0 / USUAL_WINDOWS
"""No single window moves the centre further than it would have as one of the usual number of learning windows."""
LARGEST_DRIFT: Final = float(np.log(2.0))
"""A factor of two (6 dB) is a change worth a look, however slowly it came (ISO 13373-1, trending)."""
_LEARNING_VERSION: Final = 2
_FIT_VERSION: Final = 1
_BASELINE_VERSION: Final = 2


def judged(feature_names: Sequence[str]) -> tuple[str, ...]:
    """Return those features of a channel that the baseline is made of, in their order.

    >>> judged(["acceleration_rms", "kurtosis", "band_1"])
    ('acceleration_rms', 'band_1')
    """
    return tuple(name for name in feature_names if name not in NOT_JUDGED)


def to_vector(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the logarithms of the features of one window, (channels · features,).

    Vibration multiplies: a fault adds decibels, load and temperature scale, and logarithms of levels scatter
    symmetrically where levels do not.

    Args:
        features: (channels, features), all of them positive quantities.
    """
    return np.log(np.maximum(features, SMALLEST_FEATURE)).ravel().astype(np.float32, copy=False)


@dataclass(frozen=True)
class Learning:
    """Windows collected so far for the baseline of one operating state.

    Attributes:
        vectors: (n, d) logarithms of features, oldest first.
        extensions: how often the older half was dropped.
        decisions: how long it has been learning, in decisions (`elapsed_decisions`).
        last_ns: end of the newest window.
    """

    vectors: NDArray[np.float32]
    extensions: int = 0
    decisions: float = 0.0
    last_ns: int | None = None

    def to_bytes(self) -> bytes:
        """Return the collected windows as bytes."""
        values = {"extensions": self.extensions, "decisions": self.decisions, "last_ns": self.last_ns}
        return pack("learning", _LEARNING_VERSION, values, {"vectors": self.vectors})

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Return what was written by `to_bytes`.

        Raises:
            StateError: the bytes are damaged or something else.
        """
        fields = unpack(data, "learning", _LEARNING_VERSION)
        return cls(
            fields.array("vectors"), fields.value("extensions"), fields.value("decisions"), fields.value("last_ns")
        )


@dataclass(frozen=True)
class Fit:
    """What was learnt; does not change until it is learnt anew.

    Attributes:
        scaling: centre and scale of the logarithms, (d,).
        detectors: fitted on the same windows.
        channels: the vector holds so many channels, one after the other.
    """

    scaling: Scaling
    detectors: tuple[Detector, ...]
    channels: int

    @cached_property
    def encoded(self) -> bytes:
        """The fit as bytes; made once, because the state is written with every window."""
        arrays = {"centre": self.scaling.centre, "scale": self.scaling.scale}
        parts = {detector.name: detector.to_bytes() for detector in self.detectors}
        values = {"detectors": list(parts), "channels": self.channels}
        return pack("fit", _FIT_VERSION, values, {**arrays, **parts})

    @classmethod
    def from_bytes(cls, data: bytes, network: Network | None = None) -> Self:
        """Return what was written by `encoded`, on this network.

        Raises:
            StateError: the bytes are damaged or something else.
        """
        fields = unpack(data, "fit", _FIT_VERSION)
        detectors = tuple(
            Detector.from_bytes(DETECTORS[name], fields.nested(name), network) for name in fields.value("detectors")
        )
        return cls(Scaling(fields.array("centre"), fields.array("scale")), detectors, fields.value("channels"))


@dataclass(frozen=True)
class Baseline:
    """A fit, and how far the machine has been followed since.

    Attributes:
        fit: what was learnt.
        drift: (d,) distance of the present centre from the learnt one, in logarithms.
        decisions: how old it is, learning included, in decisions (`elapsed_decisions`).
        last_ns: end of the last window that it was learnt from or followed.
    """

    fit: Fit
    drift: NDArray[np.float32]
    decisions: float = 0.0
    last_ns: int | None = None

    @property
    def centre(self) -> NDArray[np.float32]:
        """Return the present normal value of every feature in its own unit, (d,)."""
        return np.asarray(np.exp(self.fit.scaling.centre + self.drift), np.float32)

    @property
    def typical_score(self) -> float:
        """Return the median score of healthy windows."""
        return max(detector.typical for detector in self.fit.detectors)

    def trend(self, vector: NDArray[np.float32]) -> float:
        """Return how far the loudest channel has been followed as a whole and still is, 1.0 = twice its learnt level.

        Args:
            vector: (d,) from `to_vector`.
        """
        followed = row_medians(self.drift.reshape(self.fit.channels, -1))
        present = row_medians((vector - self.fit.scaling.centre).reshape(self.fit.channels, -1))
        return max(float(np.minimum(followed, present).max()) / LARGEST_DRIFT, 0.0)

    def score(self, vector: NDArray[np.float32]) -> float:
        """Return how unusual one window is, 1.0 = threshold: the largest of the detectors and of the slow trend.

        What a channel has lost as a whole does not count: what does nothing but take away is a process that asks for
        less, a machine that coasts, or a stop. Given back what most of its features have lost, it counts in both
        directions what differs: a gearbox with a broken tooth may be quieter than a whole one, and of another shape.

        Args:
            vector: (d,) from `to_vector`.
        """
        centre = self.fit.scaling.centre
        deviations = (vector - self.drift - centre).reshape(self.fit.channels, -1)
        common_fall = np.minimum(row_medians(deviations), 0.0)[:, None]
        judged_vector = (centre + (deviations - common_fall).ravel()).astype(np.float32, copy=False)[None]
        return max(self.trend(vector), *(float(detector.score(judged_vector)[0]) for detector in self.fit.detectors))

    def followed(
        self, vector: NDArray[np.float32], end_ns: int, *, score: float, tracking_decisions: float, decision_ns: int
    ) -> Baseline:
        """Return the baseline moved towards one window.

        Args:
            vector: (d,) from `to_vector`.
            end_ns: end of its window.
            score: of the window.
            tracking_decisions: time constant of a baseline that is at least as old; a younger one's is its age.
            decision_ns: see `elapsed_decisions`.
        """
        elapsed = elapsed_decisions(self.last_ns, end_ns, decision_ns)
        decisions = self.decisions + elapsed
        slowness = tracking_decisions if score >= THRESHOLD else min(tracking_decisions, decisions)
        gain = min(elapsed / slowness, LARGEST_GAIN) if elapsed else 0.0
        scaling = self.fit.scaling
        distance = _within(scaling.standardise(vector - self.drift), CLIP_SIGMA) * scaling.scale
        drift = _within(self.drift + gain * distance, LARGEST_DRIFT)
        return replace(self, drift=drift.astype(np.float32, copy=False), decisions=decisions, last_ns=end_ns)

    def to_bytes(self) -> bytes:
        """Return the baseline as bytes."""
        values = {"decisions": self.decisions, "last_ns": self.last_ns}
        return pack("baseline", _BASELINE_VERSION, values, {"drift": self.drift, "fit": self.fit.encoded})

    @classmethod
    def from_bytes(cls, data: bytes, network: Network | None = None) -> Self:
        """Return what was written by `to_bytes`, on this network.

        Raises:
            StateError: the bytes are damaged or something else.
        """
        fields = unpack(data, "baseline", _BASELINE_VERSION)
        fit = Fit.from_bytes(fields.nested("fit"), network)
        return cls(fit, fields.array("drift"), fields.value("decisions"), fields.value("last_ns"))


def _within(values: NDArray[np.float32], limit: float) -> NDArray[np.float32]:
    """Return the values, none further from 0 than the limit; `np.clip` takes three times as long for so few."""
    return np.minimum(np.maximum(values, -limit), limit)


def begin(width: int) -> Learning:
    """Return an empty collection for vectors of this width."""
    return Learning(np.empty((0, width), np.float32))


def elapsed_decisions(last_ns: int | None, end_ns: int, decision_ns: int) -> float:
    """Return how much of a decision has passed between two windows, 0 to 1.

    Windows that are rarer than decisions are one decision each, however long the machine or the sensor slept. Of a
    first window nothing is known, and a clock that went back has not taken time away.

    >>> [elapsed_decisions(last, 90, decision_ns=60) for last in (None, 60, 0, 100)]
    [0.0, 0.5, 1.0, 0.0]

    Args:
        last_ns: end of the window before, None before the first.
        end_ns: end of this one.
        decision_ns: length of a decision, 0 where every window is one.
    """
    if last_ns is None:
        return 0.0
    if decision_ns == 0:
        return 1.0
    return min(max(end_ns - last_ns, 0) / decision_ns, 1.0)


def learn(
    learning: Learning,
    vector: NDArray[np.float32],
    end_ns: int,
    *,
    windows: int,
    model: MachineModel,
    channels: int,
    decision_ns: int,
) -> Learning | Baseline:
    """Return the collection with one more window, or the baseline when that was the last one needed.

    Args:
        learning: so far.
        vector: (d,) from `to_vector`, of a good window in steady running.
        end_ns: end of its window.
        windows: so many are needed.
        model: what is to judge the machine.
        channels: the vector holds so many channels, one after the other.
        decision_ns: see `elapsed_decisions`.
    """
    vectors = np.concatenate([learning.vectors, vector[None]])
    decisions = learning.decisions + elapsed_decisions(learning.last_ns, end_ns, decision_ns)
    if len(vectors) < windows:
        return Learning(vectors, learning.extensions, decisions, end_ns)
    if learning.extensions < MAX_EXTENSIONS and halves_apart(vectors) > UNSTEADY_SIGMA:
        # The half that stays is as old as half of the windows.
        return Learning(vectors[len(vectors) // 2 :], learning.extensions + 1, decisions / 2.0, end_ns)
    fit = Fit(fit_scaling(vectors), model.fit(model.detectors, vectors, channels), channels)
    return Baseline(fit, np.zeros(vectors.shape[1], np.float32), decisions, end_ns)


def migrated(baseline: Baseline, model: MachineModel, *, same_network: bool) -> Baseline | None:
    """Return as much of a baseline as goes on under another model; None where it must be learnt anew.

    Args:
        baseline: learnt on the same features.
        model: that takes over.
        same_network: whether its network is the one that the baseline's detectors were fitted with.
    """
    kept = tuple(
        detector
        for detector in baseline.fit.detectors
        if detector.name in model.detectors and (same_network or not detector.scorer.needs_network)
    )
    return replace(baseline, fit=replace(baseline.fit, detectors=kept)) if kept else None


def missing(baseline: Baseline, model: MachineModel) -> tuple[str, ...]:
    """Return the detectors of a model that a baseline has none of yet."""
    there = {detector.name for detector in baseline.fit.detectors}
    return tuple(name for name in model.detectors if name not in there)


def join(
    baseline: Baseline,
    joining: Learning,
    vector: NDArray[np.float32],
    end_ns: int,
    *,
    windows: int,
    model: MachineModel,
) -> tuple[Baseline, Learning | None]:
    """Return the baseline, and what is being collected for the detectors that it lacks; None once it has them all.

    They are fitted on windows that the others call normal, with what the machine has drifted since taken out.

    Args:
        baseline: of the operating state.
        joining: collected so far.
        vector: (d,) from `to_vector`, of a window that scored below the threshold.
        end_ns: end of its window.
        windows: so many are needed.
        model: what is to judge the machine.
    """
    vectors = np.concatenate([joining.vectors, (vector - baseline.drift)[None]])
    if len(vectors) < windows:
        return baseline, replace(joining, vectors=vectors, last_ns=end_ns)
    fit = baseline.fit
    fitted = (*fit.detectors, *model.fit(missing(baseline, model), vectors, fit.channels))
    ordered = tuple(sorted(fitted, key=lambda detector: model.detectors.index(detector.name)))
    return replace(baseline, fit=replace(fit, detectors=ordered)), None


def halves_apart(vectors: NDArray[np.float32]) -> float:
    """Return how far the centres of the two halves are apart, in scales of a half, RMS over the features.

    >>> steady = np.float32([[0.0], [0.1], [0.2], [0.0], [0.1], [0.2]])
    >>> stepped = steady + np.float32([[0], [0], [0], [1], [1], [1]])
    >>> halves_apart(steady) < 1, halves_apart(stepped) > UNSTEADY_SIGMA
    (True, True)
    """
    halves = np.array_split(vectors, 2)
    scalings = [fit_scaling(half) for half in halves]
    scale = np.maximum(scalings[0].scale, scalings[1].scale)
    return float(np.sqrt(np.mean(((scalings[1].centre - scalings[0].centre) / scale) ** 2)))
