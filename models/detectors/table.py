"""The detectors there are: one row each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from models.detectors.autoencoder import Autoencoder
from models.detectors.mahalanobis import Mahalanobis

if TYPE_CHECKING:
    from collections.abc import Mapping

    from models.detectors.base import Detector

DETECTORS: Final[Mapping[str, type[Detector]]] = {
    Mahalanobis.name: Mahalanobis,
    Autoencoder.name: Autoencoder,
}
