"""Facts that every bundle states in the same way: who made it, from which data, and where unusual begins."""

from __future__ import annotations

import hashlib
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from models.bundle.manifest import Thresholds, TrainingData

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.detectors.detector import Detector
    from models.recordings.recording import Recording


def made_by() -> str:
    """Return which program makes a bundle here."""
    try:
        return f"plantpulse {version('plantpulse')}"
    except PackageNotFoundError:
        return "plantpulse"


def training_data(recordings: Sequence[Recording], windows: Sequence[int]) -> tuple[TrainingData, ...]:
    """Return the fingerprint of each recording: of its file as it lies on the disk."""
    return tuple(
        TrainingData(
            name=recording.path.name, sha256=hashlib.sha256(recording.path.read_bytes()).hexdigest(), windows=count
        )
        for recording, count in zip(recordings, windows, strict=True)
    )


def thresholds_of(detectors: Sequence[Detector], windows: int) -> Thresholds:
    """Return where unusual begins, readable."""
    return Thresholds(
        limits=tuple(round(float(limit), 5) for detector in detectors for limit in detector.limits),
        margin=max(detector.scorer.margin for detector in detectors),
        typical=max(detector.typical for detector in detectors),
        windows=windows,
        method="a margin over the highest held-out distance that lasted (three of five windows in a row)",
    )
