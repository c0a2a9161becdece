"""What judges a machine: detectors and the network they share, from a bundle or as it comes with the program.

The model is the same for all machines of a class; what each of them learnt with it (centre, scale, thresholds) is its
own and is called baseline (`models.learning`). When another version of a model takes over, baselines go on as far as
they fit: what no network was needed for is kept, what the old network measured is learnt anew beside it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from models.bundle.archive import NETWORK
from models.bundle.errors import UnsuitableBundleError
from models.bundle.manifest import Kind
from models.detectors.detector import Detector
from models.detectors.fitted import network_of
from models.detectors.table import DETECTORS
from models.runtimes.table import BEST

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from models.bundle.archive import Bundle
    from models.runtimes.base import Network

BUILT_IN: Final = "built-in"


@dataclass(frozen=True, slots=True)
class MachineModel:
    """Detectors, and the network of those that need one.

    Attributes:
        label: how people call it, such as `pump/3`; `BUILT_IN` for what comes with the program.
        detectors: rows of `DETECTORS`; the score is their largest.
        network: None for the one that comes with the program.
        network_hash: names the network; empty for the one that comes with the program.
        feature_hash: of the features it was made for; None: any that suit the detectors.
    """

    label: str
    detectors: tuple[str, ...]
    network: Network | None = None
    network_hash: str = ""
    feature_hash: str | None = None

    @classmethod
    def built_in(cls, detectors: Sequence[str]) -> Self:
        """Return these detectors with what comes with the program."""
        return cls(BUILT_IN, tuple(detectors))

    @classmethod
    def of_bundle(cls, bundle: Bundle, runtime: str = BEST) -> Self:
        """Return the model of a bundle whose golden vectors have been checked.

        Raises:
            UnsuitableBundleError: it judges no windows of vibration, or by detectors that are not known here.
            NetworkError, RuntimeMissingError: its network cannot be run.
        """
        manifest = bundle.manifest
        if manifest.kind is not Kind.VIBRATION:
            raise UnsuitableBundleError(f"bundle {manifest.label}: judges a {manifest.kind}, and not windows")
        unknown = [name for name in manifest.detectors if name not in DETECTORS]
        if unknown:
            raise UnsuitableBundleError(
                f"bundle {manifest.label}: detector {unknown[0]!r} is not known here: upgrade this program first"
            )
        network = network_of(bundle, runtime)
        needing = [name for name in manifest.detectors if DETECTORS[name].needs_network]
        if needing and network is None:
            raise UnsuitableBundleError(
                f"bundle {manifest.label}: {needing[0]} needs a network, and there is none in it"
            )
        name = "" if network is None else hashlib.sha256(bundle.parts[NETWORK]).hexdigest()[:16]
        return cls(manifest.label, manifest.detectors, network, name, manifest.features.hash)

    @property
    def key(self) -> str:
        """Return what changes with anything that a baseline depends on."""
        return f"{'+'.join(self.detectors)} {self.network_hash}".rstrip()

    def fit(self, names: Sequence[str], vectors: NDArray[np.float32], channels: int) -> tuple[Detector, ...]:
        """Return some of its detectors fitted on healthy vectors (n, d).

        Raises:
            DetectorError: vectors that they cannot learn from.
        """
        fitted = []
        for name in names:
            kind = DETECTORS[name]
            options = {"network": self.network} if kind.needs_network else {}
            fitted.append(Detector.fit(kind, vectors, groups=channels, **options))
        return tuple(fitted)

    def check_features(self, feature_hash: str) -> None:
        """Refuse features that it was not made for.

        Raises:
            UnsuitableBundleError: they are others.
        """
        if self.feature_hash is not None and self.feature_hash != feature_hash:
            raise UnsuitableBundleError(
                f"model {self.label}: was made for features {self.feature_hash}, this machine has {feature_hash}: its"
                " sampling rate, window or kinds of channels differ; give it a model of its own class"
            )
