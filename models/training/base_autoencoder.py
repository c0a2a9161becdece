"""Make `models/detectors/base_autoencoder.tflite`: run `python -m models.training.base_autoencoder`.

In order:

1. simulate healthy machines (`healthy_signals`), compute their features, take logarithms, and standardise each machine
   by its first windows, as a gateway does; what is left is how healthy features move together,
2. fit a small dense autoencoder with scikit-learn (14-12-5-12-14, ReLU),
3. write it as TFLite (`tflite_writer`) and quantise it to static int8 with ai-edge-quantizer, calibrated with one large
   batch (batch by batch its ranges would follow the latest samples),
4. write the file and, beside it, a TOML that says what goes in: feature names and the range of standardised values.

Everything follows from the seed: the same versions on the same processor give the same bytes; another processor may
round a training step differently, which changes scores by no more than two networks of different seeds differ.
"""

from __future__ import annotations

import hashlib
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from models import learning
from models.detectors import autoencoder
from models.detectors.scaling import fit_scaling
from models.signal.features import FeatureExtractor, default_names
from models.training.healthy_signals import draw_machine, simulate
from models.training.tflite_writer import SIGNATURE, DenseLayer, TrainingExtraMissingError, write_dense

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

SEED: Final = 20816
MACHINES: Final = 160
BASELINE_WINDOWS: Final = 40
TRAINING_WINDOWS: Final = 40
HIDDEN: Final = (12, 5, 12)
"""Five numbers tell what a healthy channel is doing: loudness, tilt, modulation and two shapes."""
ITERATIONS: Final = 150


@dataclass(frozen=True, slots=True)
class BaseAutoencoder:
    """What was made.

    Attributes:
        network: the TFLite file, int8.
        description: the TOML beside it.
        float_network: before quantisation, to state what that costs.
        explained: share of the variance of unseen machines that the network reproduces.
    """

    network: bytes
    description: str
    float_network: bytes
    explained: float


def build(*, machines: int = MACHINES, iterations: int = ITERATIONS, seed: int = SEED) -> BaseAutoencoder:
    """Return the base autoencoder, trained anew.

    Args:
        machines: so many are simulated; a quarter as many again check the result.
        iterations: passes over their windows.
        seed: of everything.

    Raises:
        TrainingExtraMissingError: the extra `train` is not installed.
    """
    training = healthy_vectors(machines, seed)
    unseen = healthy_vectors(max(machines // 4, 2), seed + 1)
    layers = train_layers(training, iterations, seed)
    float_network = write_dense(layers, "plantpulse base autoencoder")
    network = quantise_network(float_network, training)
    residual = unseen - _forward(layers, unseen)
    explained = 1.0 - float(np.mean(residual**2) / np.mean(unseen**2))
    description = "\n".join(
        [
            "# Written by python -m models.training.base_autoencoder; do not edit.",
            f'sha256 = "{hashlib.sha256(network).hexdigest()}"',
            "# Input and output: one row per channel, (log feature - centre) / scale of that channel's own baseline,",
            "# clipped to plus and minus input_range; int8 with the scales in the file.",
            f"input_range = {autoencoder.INPUT_RANGE}",
            "features = [",
            *(f'    "{name}",' for name in learning.judged(default_names())),
            "]",
            "",
            "[training]",
            f"seed = {seed}",
            f"machines = {machines}",
            f"windows = {len(training)}",
            f"iterations = {iterations}",
            f"explained_variance_unseen_machines = {explained:.2f}",
            "",
        ]
    )
    return BaseAutoencoder(network, description, float_network, explained)


def healthy_vectors(machines: int, seed: int) -> NDArray[np.float32]:
    """Return standardised log features of windows after the baseline's, float32 (machines · windows, features)."""
    vectors = []
    names = learning.judged(default_names())
    for number in range(machines):
        rng = np.random.default_rng([seed, number])
        machine = draw_machine(rng)
        extractor = FeatureExtractor(machine.sample_rate_hz, machine.window_samples, names)
        windows = simulate(machine, BASELINE_WINDOWS + TRAINING_WINDOWS, rng)
        logarithms = np.stack([learning.to_vector(extractor(window[None])) for window in windows])
        scaling = fit_scaling(logarithms[:BASELINE_WINDOWS])
        vectors.append(scaling.standardise(logarithms[BASELINE_WINDOWS:]))
    return np.clip(np.concatenate(vectors), -autoencoder.INPUT_RANGE, autoencoder.INPUT_RANGE)


def quantise_network(float_network: bytes, calibration: NDArray[np.float32]) -> bytes:
    """Return the network with static int8 weights and activations.

    Args:
        float_network: a float32 TFLite file with the signature `serving_default`.
        calibration: rows (n, inputs) that span the range of every activation.

    Raises:
        TrainingExtraMissingError: the extra `train` is not installed.
    """
    try:
        from ai_edge_quantizer import quantizer, recipe  # type: ignore[import-untyped] # ships no types
    except ImportError as error:
        raise TrainingExtraMissingError(
            f"quantising needs {error.name}; install the extra: pip install 'plantpulse[train]'"
        ) from error
    # The range that rows are clipped to belongs to the input's scale even if no healthy row reaches it.
    edges = np.array([[-1.0], [1.0]], np.float32) * np.float32(autoencoder.INPUT_RANGE)
    rows = np.concatenate([calibration, np.repeat(edges, calibration.shape[1], axis=1)])
    with warnings.catch_warnings():
        # LiteRT warns that keeping all tensors costs memory, which is what calibration is.
        warnings.simplefilter("ignore", UserWarning)
        work = quantizer.Quantizer(bytearray(float_network), recipe.static_wi8_ai8())
        ranges = work.calibrate({SIGNATURE: [{"input": rows}]}, num_threads=1)
        result = work.quantize(ranges, enable_progress_report=False)
    return bytes(result.quantized_model)


def train_layers(vectors: NDArray[np.float32], iterations: int, seed: int) -> list[DenseLayer]:
    """Return the layers of an autoencoder of these rows (n, features).

    Raises:
        TrainingExtraMissingError: the extra `train` is not installed.
    """
    try:
        from sklearn.exceptions import ConvergenceWarning  # type: ignore[import-untyped] # ships no types
        from sklearn.neural_network import MLPRegressor  # type: ignore[import-untyped] # ships no types
    except ImportError as error:
        raise TrainingExtraMissingError(
            f"training needs {error.name}; install the extra: pip install 'plantpulse[train]'"
        ) from error
    network = MLPRegressor(
        hidden_layer_sizes=HIDDEN, alpha=1e-3, batch_size=256, max_iter=iterations, random_state=seed, tol=0.0
    )
    with warnings.catch_warnings():
        # It is stopped after a fixed number of passes on purpose, so that the result does not hang on a tolerance.
        warnings.simplefilter("ignore", ConvergenceWarning)
        network.fit(vectors, vectors)
    last = len(network.coefs_) - 1
    return [
        DenseLayer(np.ascontiguousarray(weights.T, np.float32), np.asarray(bias, np.float32), relu=number < last)
        for number, (weights, bias) in enumerate(zip(network.coefs_, network.intercepts_, strict=True))
    ]


def _forward(layers: Sequence[DenseLayer], rows: NDArray[np.float32]) -> NDArray[np.float32]:
    for layer in layers:
        rows = rows @ layer.weights.T + layer.bias
        rows = np.maximum(rows, 0.0) if layer.relu else rows
    return rows


def main(folder: Path = autoencoder.BASE_NETWORK.parent) -> None:
    """Write the network and its description into a folder."""
    made = build()
    (folder / autoencoder.BASE_NETWORK.name).write_bytes(made.network)
    (folder / autoencoder.BASE_DESCRIPTION.name).write_text(made.description, encoding="utf-8")
    print(  # noqa: T201 - this is a command
        f"{autoencoder.BASE_NETWORK.name}: {len(made.network)} bytes, float32 {len(made.float_network)}, "
        f"explains {made.explained:.0%} of the variance of machines it has not seen"
    )


if __name__ == "__main__":
    main()
