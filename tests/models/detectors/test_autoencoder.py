"""The base autoencoder: a file of a few kilobytes that knows how healthy features move together."""

from __future__ import annotations

import hashlib
import tomllib

import numpy as np

from models import learning
from models.detectors.autoencoder import BASE_DESCRIPTION, BASE_NETWORK, INPUT_RANGE, base_features, base_network
from models.detectors.table import DETECTORS
from models.signal.features import default_names


def test_the_description_belongs_to_the_file_and_states_what_goes_in():
    description = tomllib.loads(BASE_DESCRIPTION.read_text(encoding="utf-8"))
    assert description["sha256"] == hashlib.sha256(BASE_NETWORK.read_bytes()).hexdigest()
    assert description["input_range"] == INPUT_RANGE
    assert base_features() == learning.judged(default_names())


def test_it_fits_where_kilobytes_count():
    assert BASE_NETWORK.stat().st_size < 8_000


def test_it_reproduces_what_a_change_of_load_does_and_not_what_a_ringing_bearing_does():
    names = list(base_features())
    louder = np.full((1, len(names)), 1.5, np.float32)
    ringing = np.zeros((1, len(names)), np.float32)
    ringing[0, names.index("band_7")] = ringing[0, names.index("envelope_3")] = 1.5 * np.sqrt(len(names) / 2)

    def lost(rows):
        return float(np.linalg.norm(rows - base_network().run(rows)) / np.linalg.norm(rows))

    assert lost(louder) < 0.5 * lost(ringing)


def test_other_features_than_its_own_do_not_suit_it():
    assert DETECTORS["autoencoder"].suits(base_features())
    assert not DETECTORS["autoencoder"].suits(base_features()[::-1])
