"""Networks for the tests of runtimes and exports, and damage to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from models.detectors.autoencoder import BASE_NETWORK
from models.runtimes.layers import Layer
from models.runtimes.table import ONNX, RUNTIMES
from models.training.onnx_writer import to_onnx
from models.training.tflite_writer import DenseLayer, write_dense

EXTREMES = (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def shipped() -> bytes:
    """Return the int8 network that ships."""
    return BASE_NETWORK.read_bytes()


def small_layers() -> list[DenseLayer]:
    """Return three float32 layers, 5 to 9 to 3 to 5, the same each time."""
    rng = np.random.default_rng(0)
    return [
        DenseLayer(
            rng.standard_normal(shape).astype(np.float32),
            rng.standard_normal(shape[0]).astype(np.float32),
            relu=number < 2,
        )
        for number, shape in enumerate([(9, 5), (3, 9), (5, 3)])
    ]


def small_float() -> bytes:
    """Return them as a TFLite file."""
    return write_dense(small_layers(), "test")


def for_runtime(name: str, network: bytes) -> bytes:
    """Return a TFLite network in the format that a runtime reads."""
    return to_onnx(network) if RUNTIMES[name].file_format == ONNX else network


def changed(network: bytes, change: Callable[[Any], None]) -> bytes:
    """Return a TFLite file that is well-formed but for what `change` does to its model."""
    model = schema.ModelT.InitFromPackedBuf(network, 0)
    change(model)
    builder = flatbuffers.Builder(4096)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def damaged(network: bytes, count: int, seed: int = 0) -> Iterator[bytes]:
    """Yield files cut short, with a few bytes flipped, and with whole words replaced by extremes, in turns."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        copy = bytearray(network)
        if number % 3 == 0:
            yield bytes(copy[: int(rng.integers(0, len(copy)))])
            continue
        for _ in range(int(rng.integers(1, 4))):
            if number % 3 == 1:
                copy[int(rng.integers(0, len(copy)))] = int(rng.integers(0, 256))
            else:
                at = 4 * int(rng.integers(0, len(copy) // 4))
                word = int(rng.choice([*EXTREMES, len(copy), len(copy) - at]))
                copy[at : at + 4] = (word & 0xFFFFFFFF).to_bytes(4, "little")
        yield bytes(copy)


def rounded_once(layers: tuple[Layer, ...], rows: np.ndarray) -> np.ndarray:
    """Return the answers of an int8 network when each layer is computed exactly and rounded once, float64."""
    first, last = layers[0].source, layers[-1].result
    values = np.clip(np.rint(rows / np.float32(first.scale)) + first.zero_point, -128, 127).astype(np.int64)
    for layer in layers:
        sums = (values - layer.source.zero_point) @ layer.stored_weights().astype(np.int64).T + layer.stored_bias()
        low = layer.result.zero_point if layer.relu else -128
        values = np.clip(np.rint(sums * layer.factors()) + layer.result.zero_point, low, 127).astype(np.int64)
    return (values - last.zero_point) * last.scale
