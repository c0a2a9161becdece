"""The detectors there are: one row each, by kind (`models.detectors.base`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from models.detectors.autoencoder import Autoencoder
from models.detectors.discord import Discord
from models.detectors.isolation_forest import IsolationForest
from models.detectors.mahalanobis import Mahalanobis
from models.detectors.robust_z import RobustZ
from models.detectors.t2_q import T2Q
from models.detectors.tracking import Tracking

if TYPE_CHECKING:
    from collections.abc import Mapping

    from models.detectors.base import Scorer, StreamDetector

DETECTORS: Final[Mapping[str, type[Scorer]]] = {
    Mahalanobis.name: Mahalanobis,
    Autoencoder.name: Autoencoder,
    T2Q.name: T2Q,
    RobustZ.name: RobustZ,
    IsolationForest.name: IsolationForest,
}
"""Scorers of vectors, each by itself; `models.detectors.detector.Detector` fits one and its threshold."""

COARSE: Final = frozenset({IsolationForest.name})
"""Their scores rank, but some healthy windows lie above the threshold: to compare with, not to alarm by alone."""

STREAM_DETECTORS: Final[Mapping[str, type[StreamDetector[Any]]]] = {
    Tracking.name: Tracking,
    Discord.name: Discord,
}
"""Of slow series, row by row."""
