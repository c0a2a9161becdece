"""Every runtime of the table: the same answers, the same refusals, and nothing that damage can bring down."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from support.networks import damaged, for_runtime, rounded_once, shipped, small_float, small_layers

from models.runtimes.errors import DelegateError, NetworkError, RuntimeMissingError
from models.runtimes.interpreter import Delegate
from models.runtimes.table import RUNTIMES, file_format, load_network
from models.runtimes.tflite_file import read_dense


def loadable():
    """Return every row of the table that can be loaded beside the others."""
    for name in RUNTIMES:
        with contextlib.suppress(RuntimeMissingError):
            load_network(for_runtime(name, shipped()), name)
            yield name


@pytest.fixture(params=list(loadable()))
def runtime(request):
    return request.param


def test_every_row_of_the_table_is_here_but_the_one_that_needs_another_numpy():
    """It has tests of its own, in an environment of its own: `test_tflite_runtime`."""
    assert set(RUNTIMES) - set(loadable()) == {"tflite-runtime"}


@pytest.fixture
def network(runtime):
    return load_network(for_runtime(runtime, shipped()), runtime)


def rows_of(width, count=2000):
    return (3.0 * np.random.default_rng(0).standard_normal((count, width))).astype(np.float32)


def test_a_float_network_computes_what_its_layers_say(runtime):
    network = load_network(for_runtime(runtime, small_float()), runtime)
    rows = np.random.default_rng(1).standard_normal((50, 5)).astype(np.float32)
    expected = rows.astype(np.float64)
    for layer in small_layers():
        expected = expected @ layer.weights.T + layer.bias
        expected = np.maximum(expected, 0.0) if layer.relu else expected
    assert (network.inputs, network.outputs) == (5, 5)
    # float32 sums of at most nine products
    np.testing.assert_allclose(network.run(rows), expected, rtol=1e-5, atol=1e-5)


def test_int8_answers_are_those_of_the_kernels_that_round_twice_or_of_exact_arithmetic_that_rounds_once(
    runtime, network
):
    """TFLite's kernels round twice per layer, ONNX once; a unit one step off moves what follows by up to seven."""
    layers, rows = read_dense(shipped()), rows_of(14)
    step = layers[-1].result.scale
    twice = load_network(shipped(), "numpy").run(rows)
    expected = rounded_once(layers, rows) if runtime == "onnx" else twice
    steps = np.abs(network.run(rows) - expected) / step
    # A half that falls to the other side: one row of some thousands.
    assert (steps > 1.01).mean() < 1e-4
    assert (steps > 0.5).mean() < 0.01
    apart = np.abs(network.run(rows) - twice) / step
    assert apart.max() < 7.5
    assert (apart > 1.01).mean() < 0.015


def test_what_a_detector_makes_of_the_answers_is_the_same_on_every_runtime(network):
    rows = np.clip(rows_of(14) / 2.0, -6.0, 6.0)
    scores, expected = (
        np.sqrt(np.mean((rows - net.run(rows)) ** 2, axis=1)) for net in (network, load_network(shipped(), "numpy"))
    )
    # Measured: litert 0.99999 and 0.9 %, onnx, which rounds once per layer, 0.99994 and 3.9 %.
    assert np.corrcoef(scores, expected)[0, 1] > 0.9998
    assert np.abs(scores - expected).max() < 0.06 * expected.mean()


def test_the_number_of_rows_may_change_from_call_to_call(network):
    whole = network.run(rows_of(14, 7))
    for count in (1, 4, 7, 2):
        np.testing.assert_array_equal(network.run(rows_of(14, 7)[:count]), whole[:count])


def test_rows_may_lie_anywhere_in_memory_and_be_float64(network):
    rows = rows_of(14, 6)
    for same in (np.asfortranarray(rows), np.repeat(rows, 2, axis=0)[::2], rows.astype(np.float64)):
        np.testing.assert_array_equal(network.run(same), network.run(rows))


def test_an_answer_is_kept_when_the_next_one_is_computed(network):
    rows = rows_of(14, 2)
    first = network.run(rows[:1])
    copy = first.copy()
    network.run(rows[1:])
    np.testing.assert_array_equal(first, copy)


def test_values_beyond_the_range_saturate(network):
    far = np.full((1, network.inputs), 1e30, np.float32)
    np.testing.assert_array_equal(network.run(far), network.run(np.full_like(far, 100.0)))


@pytest.mark.parametrize("shape", [(1, 15), (1, 13), (0, 14), (14,), (1, 1, 14), (0, 0)])
def test_rows_of_another_width_and_no_rows_are_refused_and_the_next_call_works(network, shape):
    with pytest.raises(NetworkError, match="takes"):
        network.run(np.zeros(shape, np.float32))
    assert network.run(np.zeros((2, 14), np.float32)).shape == (2, 14)


def test_a_network_that_had_no_memory_for_many_rows_still_runs_few(monkeypatch):
    network = load_network(shipped(), "litert")
    expected = network.run(rows_of(14, 1))

    class Full:
        """The interpreter's own object, at the moment when memory ends."""

        def resize_tensor_input(self, *_):
            raise RuntimeError("failed to allocate")

    with monkeypatch.context() as patched:
        patched.setattr(network, "_interpreter", Full())
        with pytest.raises(NetworkError, match="no memory for 4 rows"):
            network.run(rows_of(14, 4))
        # What is set aside is unknown now, so it is not believed that one row is still there.
        with pytest.raises(NetworkError, match="no memory for 1 rows"):
            network.run(rows_of(14, 1))
    np.testing.assert_array_equal(network.run(rows_of(14, 1)), expected)


@pytest.mark.parametrize("data", [b"", b"x", b"\x00" * 64, b"\xff" * 5000, b"\x1c\x00\x00\x00TFL3"])
def test_bytes_that_are_no_network_are_refused(runtime, data):
    with pytest.raises(NetworkError):
        load_network(data, runtime)


def test_a_file_of_the_other_format_is_refused(runtime):
    mine = RUNTIMES[runtime].file_format
    other = next(name for name in RUNTIMES if RUNTIMES[name].file_format != mine)
    data = for_runtime(other, shipped())
    assert file_format(data) != mine
    with pytest.raises(NetworkError):
        load_network(data, runtime)


@pytest.mark.parametrize("original", [shipped, small_float])
def test_damaged_files_are_refused_or_run_but_bring_nothing_down(runtime, original):
    data = for_runtime(runtime, original())
    refused = 0
    for damage in damaged(data, 450):
        try:
            network = load_network(damage, runtime)
        except NetworkError:
            refused += 1
            continue
        with contextlib.suppress(NetworkError), np.errstate(all="ignore"):
            assert network.run(np.ones((3, network.inputs), np.float32)).shape == (3, network.outputs)
    # What is left are flipped weights and names, which no reader can know.
    assert refused > 200


def test_a_delegate_is_refused_by_a_runtime_that_takes_none(runtime):
    if not RUNTIMES[runtime].takes_delegates:
        with pytest.raises(DelegateError, match="takes no delegate; choose from litert"):
            load_network(for_runtime(runtime, shipped()), runtime, delegate=Delegate("lib.so"))
