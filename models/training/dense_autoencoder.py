"""Fit the gateway's dense autoencoder: rows → scikit-learn → TFLite → static int8, with what that cost.

In order: fit on standardised rows, write as float32, quantise with one large batch of the same rows, and compare both
on rows that neither has seen. Everything follows from the seed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from models.runtimes.table import load_network
from models.runtimes.tflite_file import read_dense
from models.training.base_autoencoder import quantise_network, train_layers
from models.training.tflite_writer import write_dense

if TYPE_CHECKING:
    from numpy.typing import NDArray

ITERATIONS: Final = 120
HELD_OUT_SHARE: Final = 0.2


@dataclass(frozen=True, slots=True)
class DenseAutoencoder:
    """A fitted network in both precisions.

    Attributes:
        network, float_network: TFLite files, int8 and float32.
        weight_bytes, float_weight_bytes: of the weight matrices alone.
        explained: share of the variance of held-out rows that the int8 network reproduces.
        correlation: of its distances with the float network's, on held-out rows.
    """

    network: bytes
    float_network: bytes
    weight_bytes: int
    float_weight_bytes: int
    explained: float
    correlation: float


def fit_autoencoder(rows: NDArray[np.float32], seed: int, iterations: int = ITERATIONS) -> DenseAutoencoder:
    """Return an autoencoder of these rows.

    Args:
        rows: standardised and clipped to the network's input range, (n, features), of healthy machines.
        seed: of everything.
        iterations: passes over the rows.

    Raises:
        TrainingExtraMissingError: the extra `train` is not installed.
    """
    shuffled = rows[np.random.default_rng(seed).permutation(len(rows))]
    held_out = max(round(HELD_OUT_SHARE * len(rows)), 1)
    training, unseen = shuffled[held_out:], shuffled[:held_out]
    layers = train_layers(training, iterations, seed)
    float_network = write_dense(layers, "plantpulse autoencoder")
    network = quantise_network(float_network, training)
    answers = [load_network(data, "litert").run(unseen) for data in (network, float_network)]
    distances = [np.sqrt(np.mean((unseen - answer) ** 2, axis=1)) for answer in answers]
    return DenseAutoencoder(
        network,
        float_network,
        _weight_bytes(network),
        _weight_bytes(float_network),
        explained=1.0 - float(np.mean((unseen - answers[0]) ** 2) / np.mean(unseen**2)),
        correlation=float(np.corrcoef(*distances)[0, 1]),
    )


def _weight_bytes(data: bytes) -> int:
    """Return the bytes of the weight matrices in a TFLite file."""
    return sum(layer.weights.values.nbytes for layer in read_dense(data) if layer.weights.values is not None)
