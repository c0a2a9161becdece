"""Make an autoencoder smaller: whole hidden units go, then what is left becomes int8.

Single zero weights save nothing on a gateway or a microcontroller; a unit that is gone saves a row and a column. In
order, one unit at a time:

1. each hidden unit's *contribution* is what the next layer would lose: the variance of its activation that the other
   units of its layer cannot stand in for (linearly, least squares), times its squared outgoing weights, as a share of
   the variance that arrives at the next layer; so units of different layers can be compared,
2. the unit with the smallest contribution goes; the others take over what they can of it, in closed form: no training,
3. if scores then no longer go with those of the original network, the unit stays and pruning ends,
4. the pruned network is quantised like any other, and the outcome is measured on vectors that were never used.

Source: Hassibi, Stork (1993), Second order derivatives for network pruning: Optimal Brain Surgeon; here for units, with
the covariance of a layer's activations in the place of the Hessian.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from models.runtimes.errors import NetworkError
from models.runtimes.table import load_network
from models.runtimes.tflite_file import read_dense
from models.training.base_autoencoder import quantise_network
from models.training.tflite_writer import DenseLayer, write_dense

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

LEAST_CORRELATION: Final = 0.99
"""Of scores with those of the original on the calibration vectors. On the network that ships: 285 products instead of
456 per row, and 0.992 on machines that were never used (0.999 for int8 alone)."""
RIDGE: Final = 1e-9
"""Of a layer's mean variance; keeps its covariance invertible where units never move or move as one."""


@dataclass(frozen=True, slots=True)
class NetworkSize:
    """What a network costs: `bytes` of its int8 file, `multiply_accumulates` per row, `hidden` units per layer."""

    bytes: int
    multiply_accumulates: int
    hidden: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Compression:
    """A smaller network, and what became of it.

    Attributes:
        network: the pruned network, int8.
        float_network: the same before it was quantised.
        before, after: the original in int8, and the pruned one in int8.
        int8_correlation: of the original's scores in int8 with those in float32, on held-out vectors.
        correlation: of the pruned int8 network's scores with the original's in float32, on held-out vectors.
    """

    network: bytes
    float_network: bytes
    before: NetworkSize
    after: NetworkSize
    int8_correlation: float
    correlation: float


def compress(
    float_network: bytes,
    calibration: NDArray[np.float32],
    held_out: NDArray[np.float32],
    *,
    least_correlation: float = LEAST_CORRELATION,
) -> Compression:
    """Return an autoencoder without the units that contribute least, in int8, with what that cost.

    Args:
        float_network: a float32 TFLite file with as many outputs as inputs.
        calibration: healthy standardised vectors (n, inputs) that decide which units go and set the int8 ranges.
        held_out: others (m, inputs), on which the outcome is measured.
        least_correlation: pruning ends before scores on the calibration vectors correlate less with the original's.

    Raises:
        NetworkError: the file is none that can be read, is int8 already, or is no autoencoder.
        TrainingExtraMissingError: the extra `train` is not installed.
    """
    stored = read_dense(float_network)
    if stored[0].is_int8 or stored[0].source.shape[1] != stored[-1].result.shape[1]:
        raise NetworkError("only a float32 network with as many outputs as inputs is compressed")
    layers = tuple(DenseLayer(one.stored_weights(), one.stored_bias(), one.relu) for one in stored)
    pruned = prune(layers, calibration, least_correlation)
    smaller = write_dense(pruned, "pruned")
    network, original = (quantise_network(one, calibration) for one in (smaller, float_network))
    exact = scores(float_network, held_out)
    return Compression(
        network=network,
        float_network=smaller,
        before=_size(layers, original),
        after=_size(pruned, network),
        int8_correlation=_correlation(scores(original, held_out), exact),
        correlation=_correlation(scores(network, held_out), exact),
    )


def scores(network: bytes, vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the RMS of what an autoencoder cannot reproduce of each vector, (n,)."""
    return _distances(vectors, load_network(network).run(vectors))


def prune(
    layers: Sequence[DenseLayer], vectors: NDArray[np.float32], least_correlation: float
) -> tuple[DenseLayer, ...]:
    """Return the layers without the hidden units that scores do not need.

    Args:
        layers: an autoencoder.
        vectors: (n, inputs) on which contributions and scores are computed.
        least_correlation: of the scores with those of all units.
    """
    exact = _distances(vectors, activations(layers, vectors)[-1])
    now = tuple(layers)
    while sum(layer.weights.shape[0] for layer in now[:-1]) > len(now) - 1:
        candidate = _without_least(now, vectors)
        if _correlation(_distances(vectors, activations(candidate, vectors)[-1]), exact) < least_correlation:
            break
        now = candidate
    return now


def activations(layers: Sequence[DenseLayer], vectors: NDArray[np.float32]) -> list[NDArray[np.float64]]:
    """Return what each layer gives, (n, outputs) each, float64."""
    values, given = vectors.astype(np.float64), []
    for layer in layers:
        values = values @ layer.weights.T.astype(np.float64) + layer.bias
        values = np.maximum(values, 0.0) if layer.relu else values
        given.append(values)
    return given


def contributions(given: NDArray[np.float64], following: DenseLayer) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return what the next layer would lose without each unit, and how the others stand in for it.

    Args:
        given: activations of a layer, (n, units).
        following: the layer that takes them.

    Returns:
        Share of the variance that arrives at `following`, (units,); and the weights of the others in the place of each
        unit, (units, units), a row per unit with 0 for itself.
    """
    outgoing = following.weights.astype(np.float64)
    covariance = np.atleast_2d(np.cov(given, rowvar=False))
    arriving = float(np.trace(outgoing @ covariance @ outgoing.T))
    floor = RIDGE * max(float(np.trace(covariance)) / len(covariance), RIDGE)
    precision = np.linalg.inv(covariance + floor * np.eye(len(covariance)))
    alone = 1.0 / np.diag(precision)
    stand_ins = -precision * alone[:, None]
    np.fill_diagonal(stand_ins, 0.0)
    shares = alone * np.square(outgoing).sum(axis=0) / max(arriving, RIDGE)
    return shares, stand_ins


def _without_least(layers: tuple[DenseLayer, ...], vectors: NDArray[np.float32]) -> tuple[DenseLayer, ...]:
    """Return the layers without the one hidden unit that contributes least; each layer keeps one."""
    given = activations(layers, vectors)
    least: tuple[float, int, int, NDArray[np.float64]] | None = None
    for number, following in enumerate(layers[1:]):
        if given[number].shape[1] > 1:
            shares, stand_ins = contributions(given[number], following)
            unit = int(np.argmin(shares))
            if least is None or shares[unit] < least[0]:
                least = float(shares[unit]), number, unit, stand_ins[unit]
    if least is None:
        return layers
    _, number, unit, weights = least
    # The unit is about weights · others + offset, so its outgoing weights go to the others and to the bias.
    offset = float((given[number][:, unit] - given[number] @ weights).mean())
    layer, following = layers[number], layers[number + 1]
    gone = following.weights[:, unit].astype(np.float64)
    taken_over = following.weights + np.outer(gone, weights)
    kept = np.delete(np.arange(layer.weights.shape[0]), unit)
    smaller = DenseLayer(layer.weights[kept], layer.bias[kept], layer.relu)
    next_one = DenseLayer(
        np.ascontiguousarray(taken_over[:, kept], np.float32),
        (following.bias + offset * gone).astype(np.float32),
        following.relu,
    )
    return (*layers[:number], smaller, next_one, *layers[number + 2 :])


def _distances(vectors: NDArray[np.float32], answers: NDArray[np.float64] | NDArray[np.float32]) -> NDArray[np.float64]:
    return np.asarray(np.sqrt(np.mean(np.square(vectors.astype(np.float64) - answers), axis=1)))


def _correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    return float(np.corrcoef(one, other)[0, 1])


def _size(layers: Sequence[DenseLayer], network: bytes) -> NetworkSize:
    return NetworkSize(
        bytes=len(network),
        multiply_accumulates=sum(layer.weights.size for layer in layers),
        hidden=tuple(layer.weights.shape[0] for layer in layers[:-1]),
    )
