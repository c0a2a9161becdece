"""Making the base autoencoder again."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from models.detectors.autoencoder import INPUT_RANGE, base_network
from models.runtimes.table import load_network
from models.training import base_autoencoder
from models.training.base_autoencoder import build, healthy_vectors
from models.training.tflite_writer import DenseLayer, TrainingExtraMissingError, write_dense


@pytest.fixture(scope="module")
def small():
    return build(machines=8, iterations=10, seed=1)


def test_the_same_seed_gives_the_same_bytes(small):
    again = build(machines=8, iterations=10, seed=1)
    assert (again.network, again.description) == (small.network, small.description)
    assert build(machines=8, iterations=10, seed=2).network != small.network


def test_quantising_costs_little(small):
    rows = healthy_vectors(4, seed=99)
    exact, quantised = load_network(small.float_network).run(rows), load_network(small.network).run(rows)
    errors = [np.sqrt(np.mean((rows - answer) ** 2, axis=1)) for answer in (exact, quantised)]
    # What counts is the reconstruction error of a row; evidence for int8 static: correlation 0.999.
    assert np.corrcoef(errors)[0, 1] > 0.99


def test_the_network_that_ships_reproduces_most_of_what_healthy_machines_it_never_saw_do():
    rows = healthy_vectors(6, seed=4711)
    residual = rows - base_network().run(rows)
    assert np.mean(residual**2) < 0.35 * np.mean(rows**2)


def test_training_vectors_are_standardised_and_inside_the_range():
    rows = healthy_vectors(10, seed=3)
    assert np.abs(rows).max() <= INPUT_RANGE
    # Medians of 40 correlated windows: the wander of the load is part of what is learnt.
    assert np.abs(np.median(rows, axis=0)).max() < 1.5
    assert 0.5 < rows.std() < 2.5


def test_writing_the_same_layers_gives_the_same_bytes_and_misfits_are_refused():
    layer = DenseLayer(np.ones((3, 2), np.float32), np.zeros(3, np.float32), relu=True)
    assert write_dense([layer], "x") == write_dense([layer], "x")
    with pytest.raises(ValueError, match="3 outputs before one with 2"):
        write_dense([layer, layer], "x")
    with pytest.raises(ValueError, match="at least one"):
        write_dense([], "x")


@pytest.mark.parametrize(
    ("library", "call"),
    [
        (
            "flatbuffers",
            lambda: base_autoencoder.write_dense([DenseLayer(np.ones((1, 1)), np.ones(1), relu=False)], "x"),
        ),
        ("ai_edge_quantizer", lambda: base_autoencoder.quantise_network(b"", np.zeros((1, 2), np.float32))),
        ("sklearn.neural_network", lambda: base_autoencoder.train_layers(np.zeros((4, 2), np.float32), 1, 0)),
    ],
)
def test_a_missing_library_names_the_extra(monkeypatch, library, call):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(TrainingExtraMissingError, match=r"plantpulse\[train\]"):
        call()
