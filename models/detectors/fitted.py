"""The fitted detectors of a bundle: several on the same vectors, and what their score meant on healthy windows.

The score of a vector is the largest of its detectors'. How rare a score is among healthy windows is the share of
held-out scores that reach it, which needs no shape of any distribution.

Source: Vovk, Gammerman and Shafer (2005), Algorithmic Learning in a Random World, section 2.2 (conformal p-value).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np

from models.bundle.archive import DETECTOR, NETWORK
from models.bundle.errors import DamagedBundleError, UnsuitableBundleError
from models.detectors.detector import Detector
from models.detectors.fitted_stream import FittedStream
from models.detectors.table import DETECTORS, STREAM_DETECTORS
from models.runtimes.table import BEST, load_network
from models.state_bytes import StateError, pack, unpack

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.bundle.archive import Bundle
    from models.runtimes.base import Network

_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class FittedModel:
    """Detectors that were fitted together.

    Attributes:
        detectors: at least one, on vectors of the same width.
        calibration: scores of healthy windows that the fit had not seen, rising, float32 (n,).
    """

    detectors: tuple[Detector, ...]
    calibration: NDArray[np.float32]

    def score(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the score of each vector (n, d), as (n,); 1.0 = threshold."""
        return np.asarray(np.max([detector.score(vectors) for detector in self.detectors], axis=0))

    def p_values(self, scores: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the share of healthy windows that score as high, (n,); never 0: so many windows say no more.

        >>> model = FittedModel((), np.float32([0.1, 0.2, 0.3]))
        >>> model.p_values(np.float32([0.05, 0.25, 9.0]))
        array([1.  , 0.5 , 0.25])
        """
        reaching = len(self.calibration) - np.searchsorted(self.calibration, scores, side="left")
        return np.asarray((1.0 + reaching) / (1.0 + len(self.calibration)))

    def to_bytes(self) -> bytes:
        """Return the model as bytes; the same fit gives the same bytes."""
        parts = {detector.name: detector.to_bytes() for detector in self.detectors}
        arrays: dict[str, NDArray[Any] | bytes] = {**parts, "calibration": self.calibration}
        return pack("fitted", _VERSION, {"detectors": list(parts)}, arrays)

    @classmethod
    def from_bytes(cls, data: bytes, network: Network | None = None) -> Self:
        """Return what was written by `to_bytes`, on this network.

        Raises:
            StateError: the bytes are damaged, or a detector is unknown.
        """
        fields = unpack(data, "fitted", _VERSION)
        names = fields.value("detectors")
        unknown = [name for name in names if name not in DETECTORS]
        if unknown or not names:
            raise StateError(f"detectors {unknown or names}: this version knows {', '.join(DETECTORS)}")
        detectors = tuple(Detector.from_bytes(DETECTORS[name], fields.nested(name), network) for name in names)
        return cls(detectors, fields.array("calibration"))


def network_of(bundle: Bundle, runtime: str = BEST) -> Network | None:
    """Return the network of a bundle, ready to run; None where it has none.

    Raises:
        UnsuitableBundleError: of another width than stated.
        NetworkError: bytes that are no network, or that this runtime cannot run.
        RuntimeMissingError: no such runtime here.
    """
    stated = bundle.manifest.network
    if stated is None or NETWORK not in bundle.parts:
        return None
    network = load_network(bundle.parts[NETWORK], runtime)
    if (network.inputs, network.outputs) != (stated.inputs, stated.outputs):
        raise UnsuitableBundleError(
            f"bundle {bundle.manifest.label}: its network takes {network.inputs} and gives {network.outputs} numbers,"
            f" and not {stated.inputs} and {stated.outputs} as stated"
        )
    return network


def fitted_of(bundle: Bundle, network: Network | None) -> FittedModel | FittedStream | None:
    """Return the fitted detectors of a bundle; None where a gateway fits its own.

    Raises:
        DamagedBundleError: the part cannot be read.
    """
    if DETECTOR not in bundle.parts:
        return None
    is_stream = bundle.manifest.detectors[0] in STREAM_DETECTORS
    try:
        if is_stream:
            return FittedStream.from_bytes(bundle.parts[DETECTOR])
        return FittedModel.from_bytes(bundle.parts[DETECTOR], network)
    except StateError as error:
        raise DamagedBundleError(f"bundle {bundle.manifest.label}: {error}") from None


def check_golden(bundle: Bundle, network: Network | None, fitted: FittedModel | FittedStream | None) -> None:
    """Run the golden vectors through a model as it is here.

    Raises:
        UnsuitableBundleError: it gives other answers here than where it was made, or there is nothing to compare.
    """
    golden, stated = bundle.golden(), bundle.manifest.golden
    label = bundle.manifest.label
    checked = 0
    if network is not None and golden.rows is not None and golden.answers is not None:
        furthest = float(np.abs(network.run(golden.rows) - golden.answers).max())
        checked += len(golden.rows)
        if not furthest <= (stated.network_tolerance or 0.0):
            raise UnsuitableBundleError(
                f"bundle {label}: here its network answers up to {furthest:.3g} beside the known answers, at most"
                f" {stated.network_tolerance or 0.0:.3g} is allowed"
            )
    if fitted is not None and golden.vectors is not None and golden.scores is not None:
        scores = fitted.score(golden.vectors)
        worst = float((np.abs(scores - golden.scores) / np.maximum(np.abs(golden.scores), 1e-3)).max())
        checked += len(golden.vectors)
        if not worst <= (stated.score_tolerance or 0.0):
            raise UnsuitableBundleError(
                f"bundle {label}: here its scores are up to {worst:.2%} beside the known ones, at most"
                f" {stated.score_tolerance or 0.0:.2%} is allowed"
            )
    if checked != stated.rows:
        raise UnsuitableBundleError(f"bundle {label}: {checked} golden vectors could be run of {stated.rows}")
