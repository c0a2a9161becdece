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
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

import numpy as np

from models.detectors.calibration import MARGIN
from models.detectors.errors import DetectorError
from models.detectors.scaling import LOG_SCALE_FLOOR, Scaling, fit_scaling
from models.runtimes.table import BEST, load_network

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.runtimes.base import Network
    from models.state_bytes import Fields, Scalar

BASE_NETWORK: Final = Path(__file__).with_name("base_autoencoder.tflite")
BASE_DESCRIPTION: Final = BASE_NETWORK.with_suffix(".toml")
INPUT_RANGE: Final = 6.0
"""Standardised values beyond are no longer a question of pattern; int8 then resolves 0.05."""


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
    """RMS of what the network cannot reproduce of the standardised features of each channel.

    Attributes:
        scaling: centre and scale, (d,).
        network: not part of the contents: a bundle brings it, or it comes with the program.
    """

    name: ClassVar[str] = "autoencoder"
    version: ClassVar[int] = 2
    needs_network: ClassVar[bool] = True
    margin: ClassVar[float] = 1.5 * MARGIN
    """What a shared network cannot reproduce has a heavier tail when something knocks than a distance fitted to the
    machine itself (1.2 times on simulated healthy machines, 1.4 on the quiet part of FEMTO runs)."""

    scaling: Scaling
    network: Network

    @classmethod
    def suits(cls, feature_names: tuple[str, ...]) -> bool:
        """Return whether the network knows these features of a channel."""
        return feature_names == base_features()

    @classmethod
    def learnt_from(
        cls,
        vectors: NDArray[np.float32],
        *,
        groups: int = 1,
        scale_floor: float = LOG_SCALE_FLOOR,
        network: Network | None = None,
    ) -> Self:
        """Return the machine's own centre and scale, for a network on the best runtime.

        Args:
            vectors: logarithms of `base_features()`, (n, channels · features).
            groups: channels.
            scale_floor: no feature's scale is smaller.
            network: None for the one that comes with the program.

        Raises:
            DetectorError: another number of features.
        """
        network = base_network() if network is None else network
        if vectors.shape[1] != groups * network.inputs:
            raise DetectorError(
                f"vectors of shape {vectors.shape}: the autoencoder takes {network.inputs} features for each of "
                f"{groups} channels"
            )
        return cls(fit_scaling(vectors, scale_floor), network)

    def distances(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the RMS of what the network cannot reproduce, (n, channels)."""
        rows = self.scaling.standardise(vectors).reshape(-1, self.network.inputs)
        # Neither np.clip nor np.mean: of the few rows of one window they take longer than the network.
        residual = rows - self.network.run(np.minimum(np.maximum(rows, -INPUT_RANGE), INPUT_RANGE))
        np.square(residual, out=residual)
        errors = np.add.reduce(residual, axis=1)
        errors /= self.network.inputs
        return np.asarray(np.sqrt(errors, out=errors)).reshape(len(vectors), -1)

    def contents(self) -> tuple[dict[str, Scalar], dict[str, NDArray[Any]]]:
        """Return the values and arrays that make it up."""
        return {}, self.scaling.contents()

    @classmethod
    def from_contents(cls, fields: Fields, network: Network | None = None) -> Self:
        """Return the scorer whose contents these are, on this network or on the one that comes with the program."""
        return cls(Scaling.from_contents(fields), base_network() if network is None else network)
