"""Smaller autoencoders: what contributes nothing goes without a trace, and what the rest costs is stated truly."""

from __future__ import annotations

import numpy as np
import pytest
from support.networks import shipped

from models.runtimes.errors import NetworkError
from models.runtimes.table import load_network
from models.runtimes.tflite_file import read_dense
from models.training.base_autoencoder import healthy_vectors
from models.training.compression import activations, compress, contributions, prune
from models.training.tflite_writer import DenseLayer, float_twin, write_dense


@pytest.fixture(scope="module")
def vectors():
    """Give vectors of machines for the decisions, and of others to look at the outcome."""
    return healthy_vectors(6, seed=20816), healthy_vectors(5, seed=4712)


@pytest.fixture(scope="module")
def twin():
    return float_twin(shipped())


@pytest.fixture(scope="module")
def made(twin, vectors):
    return compress(twin, *vectors)


def layer(weights, bias, *, relu):
    return DenseLayer(np.asarray(weights, np.float32), np.asarray(bias, np.float32), relu)


def redundant():
    """Return an autoencoder of four inputs whose six hidden units say three things; and vectors for it."""
    rng = np.random.default_rng(0)
    first = rng.standard_normal((3, 4))
    # A copy, one that is always on and never moves, and one that is never on.
    hidden = np.vstack([first, 2.0 * first[1], np.zeros(4), np.zeros(4)])
    bias = [0.1, 0.2, 0.3, 0.4, 0.7, -0.5]
    outgoing = rng.standard_normal((4, 6))
    layers = (layer(hidden, bias, relu=True), layer(outgoing, np.zeros(4), relu=False))
    return layers, rng.standard_normal((500, 4)).astype(np.float32)


def test_copies_and_units_that_never_move_go_without_a_trace():
    layers, rows = redundant()
    pruned = prune(layers, rows, least_correlation=0.999999)
    assert [one.weights.shape for one in pruned] == [(3, 4), (4, 3)]
    # float32 weights in the place of exact ones.
    np.testing.assert_allclose(activations(pruned, rows)[-1], activations(layers, rows)[-1], atol=1e-4)


def test_a_contribution_is_what_least_squares_cannot_replace():
    (first, following), rows = redundant()
    # Only the three that say something: least squares has no unique answer to copies.
    first = layer(first.weights[:3], first.bias[:3], relu=True)
    following = layer(following.weights[:, :3], following.bias, relu=False)
    given = activations([first], rows)[0]
    shares, stand_ins = contributions(given, following)
    arriving = np.var(given @ following.weights.T, axis=0, ddof=1).sum()
    for unit in range(3):
        others = np.delete(given, unit, axis=1)
        with_constant = np.column_stack([others, np.ones(len(others))])
        found, *_ = np.linalg.lstsq(with_constant, given[:, unit], rcond=None)
        rest = given[:, unit] - with_constant @ found
        lost = np.var(rest, ddof=1) * np.square(following.weights[:, unit]).sum()
        assert shares[unit] == pytest.approx(lost / arriving, rel=1e-5)
        np.testing.assert_allclose(np.delete(stand_ins[unit], unit), found[:-1], atol=1e-6)


def test_the_shipped_network_loses_a_quarter_of_its_products_and_scores_hardly_change(made):
    assert made.before.hidden == (12, 5, 12)
    assert made.before.multiply_accumulates == 14 * 12 + 12 * 5 + 5 * 12 + 12 * 14
    assert made.after.multiply_accumulates < 0.75 * made.before.multiply_accumulates
    # Two of its units were switched off by training: they go first.
    assert made.after.hidden[2] <= 10
    assert made.after.bytes < made.before.bytes
    assert made.int8_correlation > 0.995
    # On machines that decided nothing; 0.99 on those that did.
    assert made.correlation > 0.97


def test_the_report_says_what_is_in_the_files(made, twin, vectors):
    layers = read_dense(made.network)
    assert tuple(one.weights.shape[0] for one in layers[:-1]) == made.after.hidden
    assert sum(one.weights.values.size for one in layers) == made.after.multiply_accumulates
    assert len(made.network) == made.after.bytes
    exact, smaller = (
        np.sqrt(np.mean((vectors[1] - load_network(one, "numpy").run(vectors[1])) ** 2, axis=1))
        for one in (twin, made.network)
    )
    # The numpy runtime is within a step of what was measured.
    assert np.corrcoef(exact, smaller)[0, 1] == pytest.approx(made.correlation, abs=2e-3)


def test_pruning_ends_where_scores_would_change_too_much(twin, vectors):
    layers = tuple(DenseLayer(one.stored_weights(), one.stored_bias(), one.relu) for one in read_dense(twin))
    rows = vectors[0]
    widths = [
        sum(one.weights.shape[0] for one in prune(layers, rows, least)[:-1]) for least in (1.1, 0.999, 0.99, 0.9, -1.0)
    ]
    assert widths[0] == 29
    assert widths == sorted(widths, reverse=True)
    # One unit per layer is the least there is.
    assert widths[-1] == 3


def test_what_cannot_be_compressed_is_refused(vectors):
    with pytest.raises(NetworkError, match="only a float32 network"):
        compress(shipped(), *vectors)
    narrow = write_dense([layer(np.ones((2, 14)), np.zeros(2), relu=False)], "narrow")
    with pytest.raises(NetworkError, match="as many outputs as inputs"):
        compress(narrow, *vectors)
