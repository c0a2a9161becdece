"""Autoencoder over the features of one channel: do they move together the way healthy features do?

A small dense network, the same for every machine, was trained to reproduce standardised log features of healthy
machines through five numbers (`models.training.base_autoencoder`). A gateway standardises by the machine's own
baseline, so only the *pattern* is shared. What the network cannot reproduce is the distance: a change of load moves all
bands together and is reproduced, a bearing that rings moves one band and its envelope apart and is not. Assumes the
judged ones of the default features, in their order. The network is static int8; values beyond its range are clipped on
the way in, but count in full in the distance, so that it keeps growing with the fault.

Source: Japkowicz, Myers, Gluck (1995), A novelty detection approach to classification.
"""

from __future__ import annotations

import functools
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, Self

import numpy as np

from models.detectors.calibration import held_out_distances, thresholds
from models.detectors.errors import DetectorError
from models.detectors.scaling import LOG_SCALE_FLOOR, Scaling, fit_scaling
from models.runtimes.table import BEST, load_network
from models.state_bytes import pack, unpack

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from models.runtimes.base import Network

BASE_NETWORK: Final = Path(__file__).with_name("base_autoencoder.tflite")
BASE_DESCRIPTION: Final = BASE_NETWORK.with_suffix(".toml")
INPUT_RANGE: Final = 6.0
"""Standardised values beyond are no longer a question of pattern; int8 then resolves 0.05."""
MARGIN: Final = 3.0
"""Half as much again as for a distance fitted to the machine itself: what the shared network cannot reproduce has the
heavier tail when something knocks (1.2 times on simulated healthy machines, 1.4 on the quiet part of FEMTO runs)."""
_VERSION: Final = 1


@functools.cache
def base_network(runtime: str = BEST) -> Network:
    """Return the base network, loaded once.

    Raises:
        RuntimeMissingError: no such runtime here.
    """
    return load_network(BASE_NETWORK.read_bytes(), runtime)


@functools.cache
def base_features() -> tuple[str, ...]:
    """Return the names of the features of a channel that the base network takes, in order."""
    return tuple(tomllib.loads(BASE_DESCRIPTION.read_text(encoding="utf-8"))["features"])


@dataclass(frozen=True, slots=True)
class Autoencoder:
    """Fitted reconstruction errors; score 1.0 = threshold.

    Attributes:
        scaling: centre and scale, (d,).
        limits: reconstruction error that scores 1.0, (channels,).
        typical: median score of windows that the fit had not seen.
        network: not part of the bytes; the same file everywhere.
    """

    name: ClassVar[str] = "autoencoder"

    scaling: Scaling
    limits: NDArray[np.float32]
    typical: float
    network: Network

    @classmethod
    def suits(cls, feature_names: tuple[str, ...]) -> bool:
        """Return whether the network knows these features of a channel."""
        return feature_names == base_features()

    @classmethod
    def fit(
        cls,
        vectors: NDArray[np.float32],
        *,
        groups: int = 1,
        scale_floor: float = LOG_SCALE_FLOOR,
        network: Network | None = None,
    ) -> Self:
        """Return a detector of patterns that differ from healthy ones.

        Args:
            vectors: logarithms of `base_features()`, (n, channels · features), in the order of time.
            groups: channels.
            scale_floor: no feature's scale is smaller.
            network: None for the base network on the best runtime.

        Raises:
            DetectorError: too few vectors, values that are not finite, or another number of features.
        """
        network = network or base_network()
        if vectors.ndim != 2 or vectors.shape[1] != groups * network.inputs:
            raise DetectorError(
                f"vectors of shape {vectors.shape}: the autoencoder takes {network.inputs} features for each of "
                f"{groups} channels"
            )

        def fit_distances(some: NDArray[np.float32]) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
            scaling = fit_scaling(some, scale_floor)
            return lambda vectors: _distances(vectors, scaling, groups, network)

        held_out = held_out_distances(fit_distances, vectors)
        limits = thresholds(held_out, MARGIN)
        typical = float(np.median((held_out / limits).max(axis=1)))
        return cls(fit_scaling(vectors, scale_floor), limits, typical, network)

    def group_scores(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the score of each channel, (n, channels); 1.0 = threshold."""
        return np.asarray(_distances(vectors, self.scaling, self.limits.size, self.network) / self.limits)

    def score(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the score of each vector, (n,): that of its most unusual channel."""
        return np.asarray(self.group_scores(vectors).max(axis=1))

    def to_bytes(self) -> bytes:
        """Return the fitted detector as bytes."""
        arrays = {"centre": self.scaling.centre, "scale": self.scaling.scale, "limits": self.limits}
        return pack(self.name, _VERSION, {"typical": self.typical}, arrays)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Return the detector that was written by `to_bytes`, on the base network.

        Raises:
            StateError: the bytes are damaged or something else.
        """
        fields = unpack(data, cls.name, _VERSION)
        scaling = Scaling(fields.array("centre"), fields.array("scale"))
        return cls(scaling, fields.array("limits"), fields.value("typical"), base_network())


def _distances(vectors: NDArray[np.float32], scaling: Scaling, groups: int, network: Network) -> NDArray[np.float32]:
    """Return the RMS of what the network cannot reproduce, (n, groups)."""
    rows = scaling.standardise(vectors).reshape(-1, network.inputs)
    # Neither np.clip nor np.mean: of the few rows of one window they take longer than the network.
    residual = rows - network.run(np.minimum(np.maximum(rows, -INPUT_RANGE), INPUT_RANGE))
    np.square(residual, out=residual)
    errors = np.add.reduce(residual, axis=1)
    errors /= network.inputs
    return np.asarray(np.sqrt(errors, out=errors)).reshape(len(vectors), groups)
