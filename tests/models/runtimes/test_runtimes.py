"""Runtimes: the same file gives the same answers, and bytes that are no network give one clear line."""

from __future__ import annotations

import contextlib
import sys

import numpy as np
import pytest

from models.detectors.autoencoder import BASE_NETWORK
from models.runtimes.base import dequantise, quantise
from models.runtimes.errors import NetworkError, RuntimeMissingError
from models.runtimes.litert import LitertNetwork
from models.runtimes.plain_numpy import NumpyNetwork
from models.runtimes.table import RUNTIMES, load_network
from models.runtimes.tflite_file import read_dense
from models.training.tflite_writer import DenseLayer, write_dense

every_runtime = pytest.mark.parametrize("runtime", RUNTIMES)


@pytest.fixture(scope="module")
def quantised():
    return BASE_NETWORK.read_bytes()


@pytest.fixture(scope="module")
def layers():
    rng = np.random.default_rng(0)
    shapes = [(9, 5), (3, 9), (5, 3)]
    return [
        DenseLayer(
            rng.standard_normal(shape).astype(np.float32),
            rng.standard_normal(shape[0]).astype(np.float32),
            relu=last < 2,
        )
        for last, shape in enumerate(shapes)
    ]


@every_runtime
def test_a_float_network_computes_what_its_layers_say(runtime, layers):
    network = load_network(write_dense(layers, "test"), runtime)
    rows = np.random.default_rng(1).standard_normal((50, 5)).astype(np.float32)
    expected = rows.astype(np.float64)
    for layer in layers:
        expected = expected @ layer.weights.T + layer.bias
        expected = np.maximum(expected, 0.0) if layer.relu else expected
    assert (network.inputs, network.outputs) == (5, 5)
    # float32 sums of at most nine products
    np.testing.assert_allclose(network.run(rows), expected, rtol=1e-5, atol=1e-5)


def test_both_runtimes_give_the_same_int8_answers_but_for_one_step_of_rounding(quantised):
    rows = (3.0 * np.random.default_rng(0).standard_normal((2000, NumpyNetwork(quantised).inputs))).astype(np.float32)
    difference = np.abs(LitertNetwork(quantised).run(rows) - NumpyNetwork(quantised).run(rows))
    step = float(read_dense(quantised)[-1].result.scales[0])
    assert difference.max() <= 1.01 * step
    assert (difference > 0.0).mean() < 0.01


@every_runtime
def test_the_number_of_rows_may_change_from_call_to_call(runtime, quantised):
    network = load_network(quantised, runtime)
    rows = np.random.default_rng(0).standard_normal((7, network.inputs)).astype(np.float32)
    whole = network.run(rows)
    for count in (1, 4, 7, 2):
        np.testing.assert_array_equal(network.run(rows[:count]), whole[:count])


@every_runtime
def test_values_beyond_the_range_saturate(runtime, quantised):
    network = load_network(quantised, runtime)
    far = np.full((1, network.inputs), 1e30, np.float32)
    np.testing.assert_array_equal(network.run(far), network.run(np.full_like(far, 100.0)))


@every_runtime
def test_rows_of_another_width_are_refused(runtime, quantised):
    network = load_network(quantised, runtime)
    with pytest.raises(NetworkError, match="takes"):
        network.run(np.zeros((1, network.inputs + 1), np.float32))


@every_runtime
@pytest.mark.parametrize("data", [b"", b"x", b"\x00" * 64, b"\xff" * 5000])
def test_bytes_that_are_no_network_are_refused(runtime, data):
    with pytest.raises(NetworkError):
        load_network(data, runtime)


def test_every_truncation_of_the_file_is_refused_or_runs_but_never_crashes_the_reader(quantised):
    for end in range(0, len(quantised), 7):
        with contextlib.suppress(NetworkError):
            NumpyNetwork(quantised[:end])


def test_damaged_files_never_crash_the_reader(quantised):
    rng = np.random.default_rng(0)
    for _ in range(500):
        damaged = bytearray(quantised)
        for place in rng.integers(0, len(damaged), 3):
            damaged[place] = rng.integers(0, 256)
        with contextlib.suppress(NetworkError):
            network = NumpyNetwork(bytes(damaged))
            network.run(np.zeros((1, network.inputs), np.float32))


def test_a_missing_library_names_the_extra_and_best_falls_back(monkeypatch, quantised):
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    with pytest.raises(RuntimeMissingError, match=r"plantpulse\[edge\]"):
        load_network(quantised, "litert")
    assert isinstance(load_network(quantised, "best"), NumpyNetwork)


def test_an_unknown_runtime_is_refused_with_those_there_are(quantised):
    with pytest.raises(RuntimeMissingError, match="litert, numpy"):
        load_network(quantised, "tensorrt")


def test_int8_and_back_loses_half_a_step_at_most():
    values = np.linspace(-6.0, 6.0, 1001).astype(np.float32)
    scale = 12.0 / 255.0
    assert np.abs(dequantise(quantise(values, scale, -1), scale, -1) - values).max() <= 0.5001 * scale + 1e-6
