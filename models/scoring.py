"""A bundle on a recording: one row per window, or per row of a table. What `plantpulse models score` prints."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from models.bundle.archive import DETECTOR
from models.bundle.errors import UnsuitableBundleError
from models.bundle.manifest import Kind
from models.contract.vocabulary import OFF, UNKNOWN, steady
from models.detectors.fitted import FittedModel, check_golden, fitted_of, network_of
from models.detectors.fitted_stream import FittedStream
from models.recorded_windows import WindowMeasurer, stretches_of
from models.runtimes.table import BEST
from models.signal.errors import SignalError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from models.bundle.archive import Bundle
    from models.recordings.recording import Recording

THRESHOLD: Final = 1.0


@dataclass(frozen=True, slots=True)
class Scored:
    """One window, or one row of a table.

    Attributes:
        end_s: after the first sample; rows without a time are counted.
        score: 1.0 = threshold; None where nothing was judged.
        p_value: share of healthy windows that score as high.
        anomalous: beyond the threshold; of a table, in alarm.
        state: of the machine.
    """

    end_s: float
    score: float | None
    p_value: float | None
    anomalous: bool
    state: str


class BundleScorer:
    """A fitted bundle, ready to judge recordings.

    Args:
        bundle: with fitted detectors.
        runtime: of its network.

    Raises:
        UnsuitableBundleError: a bundle without fitted detectors, or one that answers otherwise here.
        NetworkError, RuntimeMissingError: its network cannot be run.
    """

    def __init__(self, bundle: Bundle, runtime: str = BEST) -> None:
        self._bundle = bundle
        manifest = bundle.manifest
        if DETECTOR not in bundle.parts:
            raise UnsuitableBundleError(
                f"bundle {manifest.label}: each gateway fits its own detectors with it, so it cannot score files by"
                " itself: fit one with plantpulse models fit"
            )
        network = network_of(bundle, runtime)
        self._fitted = fitted_of(bundle, network)
        check_golden(bundle, network, self._fitted)

    def __call__(self, recording: Recording) -> Iterator[Scored]:
        """Yield a row per window, or per row of a table.

        Raises:
            UnsuitableBundleError: other channels than it was fitted on, or a rate below the bundle's.
        """
        found = tuple((one.name, one.unit) for one in recording.channels)
        wanted = tuple((one.name, one.unit) for one in self._bundle.manifest.channels)
        if found != wanted:
            raise UnsuitableBundleError(
                f"{recording.path}: has the channels {_listed(found)}, bundle {self._bundle.manifest.label} was fitted"
                f" on {_listed(wanted)}"
            )
        return self._windows(recording) if self._bundle.manifest.kind is Kind.VIBRATION else self._rows(recording)

    def _windows(self, recording: Recording) -> Iterator[Scored]:
        features = self._bundle.manifest.features
        assert features.sample_rate_hz is not None  # noqa: S101 - every fit of windows states it
        units = [channel.unit for channel in recording.channels]
        measure = WindowMeasurer(units, features.sample_rate_hz, features.window_samples)
        if measure.extractor.hash != features.hash:
            raise UnsuitableBundleError(
                f"bundle {self._bundle.manifest.label}: was fitted on features {features.hash}, this version computes"
                f" {measure.extractor.hash}: fit it anew"
            )
        try:
            stretches = stretches_of(recording, features.sample_rate_hz)
        except SignalError as error:
            raise UnsuitableBundleError(f"{recording.path}: {error}") from None
        for window in measure(stretches):
            if window.vector is None:
                yield Scored(window.end_s, None, None, anomalous=False, state=UNKNOWN)
            elif not window.is_running:
                yield Scored(window.end_s, None, None, anomalous=False, state=OFF)
            else:
                yield self._scored(window.end_s, window.vector[None])

    def _rows(self, recording: Recording) -> Iterator[Scored]:
        step_s = 1.0 / (recording.sample_rate_hz or 1.0)
        for segment in recording.segments:
            rows = segment.samples.T
            ends_s = segment.start_s + step_s * np.arange(1, len(rows) + 1)
            if not isinstance(self._fitted, FittedStream):
                for end_s, row in zip(ends_s.tolist(), rows, strict=True):
                    finite = bool(np.isfinite(row).all())
                    yield self._scored(end_s, row[None]) if finite else _unjudged(end_s)
                continue
            scores, alarms = self._fitted.judge(rows)
            for end_s, score, alarm in zip(ends_s.tolist(), scores.tolist(), alarms.tolist(), strict=True):
                if math.isnan(score):
                    yield Scored(end_s, None, None, anomalous=alarm, state=steady("default"))
                else:
                    p_value = self._fitted.p_value(score)
                    yield Scored(end_s, score, p_value, anomalous=alarm, state=steady("default"))

    def _scored(self, end_s: float, vector: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> Scored:
        assert isinstance(self._fitted, FittedModel)  # noqa: S101 - a stream is judged row by row
        scores = self._fitted.score(vector)
        score, p_value = float(scores[0]), float(self._fitted.p_values(scores)[0])
        return Scored(end_s, score, p_value, anomalous=score >= THRESHOLD, state=steady("default"))


def _unjudged(end_s: float) -> Scored:
    return Scored(end_s, None, None, anomalous=False, state=UNKNOWN)


def _listed(channels: tuple[tuple[str, str | None], ...]) -> str:
    return ", ".join(name if unit is None else f"{name} ({unit})" for name, unit in channels)
