"""Channels of both kinds in one rectangle: each gets exactly what it gets alone, whatever stands beside it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.signal.errors import SignalError
from models.signal.features import FeatureExtractor, default_names, sound_names
from models.signal.machine_features import MachineFeatures

RATE_HZ = 12_800.0
N = 3_200


def samples(channels, seed=3):
    return np.random.default_rng(seed).standard_normal((channels, N)).astype(np.float32)


def test_accelerometers_alone_are_what_they_always_were():
    alone = FeatureExtractor(RATE_HZ, N)
    machine = MachineFeatures(RATE_HZ, N, (False, False))
    x = samples(2)
    assert machine.hash == alone.hash
    assert machine.names == alone.names == machine.names_of(0)
    assert machine.units_of(1) == alone.units
    assert np.array_equal(machine(x), alone(x))
    assert machine.amplitudes(machine(x)).tobytes() == alone(x).tobytes()


@settings(max_examples=25, deadline=None)
@given(is_sound=st.lists(st.booleans(), min_size=1, max_size=9), seed=st.integers(0, 100))
def test_each_channel_gets_what_it_gets_alone_in_any_order(is_sound, seed):
    """Four channels go through at once, so sums of others may round in another order: 1e-5."""
    machine = MachineFeatures(RATE_HZ, N, is_sound)
    x = samples(len(is_sound), seed)
    found = machine(x)
    for row, hears in enumerate(is_sound):
        alone = FeatureExtractor(RATE_HZ, N, is_sound=hears)
        assert machine.names_of(row) == alone.names
        assert machine.units_of(row) == alone.units
        assert np.allclose(found[row], alone(x[row : row + 1])[0], rtol=1e-5)


def test_levels_become_pressures_and_levels_again_and_nothing_else_is_touched():
    machine = MachineFeatures(RATE_HZ, N, (True, False))
    found = machine(samples(2))
    amplitudes = machine.amplitudes(found)
    # The unweighted level of noise of one pascal stands for one pascal.
    assert amplitudes[0, 0] == pytest.approx(float(np.std(samples(2)[0])), rel=1e-4)
    assert np.array_equal(amplitudes[1], found[1])
    assert np.allclose(machine.shown(amplitudes), found, rtol=1e-6)
    nothing = np.full_like(found, np.nan)
    assert np.isnan(machine.shown(nothing)).all()


def test_columns_correspond():
    machine = MachineFeatures(RATE_HZ, N, (True,), ("kurtosis", "velocity_rms"))
    assert machine.names == ("kurtosis", "velocity_rms")
    assert machine.names_of(0) == ("kurtosis", "sound_level_a") == sound_names(machine.names)
    assert len(default_names()) == len(MachineFeatures(RATE_HZ, N, (True,)).names_of(0))


def test_what_a_channel_measures_is_part_of_the_hash():
    kinds = [(False, False), (True, False), (False, True), (True, True)]
    assert len({MachineFeatures(RATE_HZ, N, kind).hash for kind in kinds}) == 4


def test_what_cannot_be_computed_is_refused():
    with pytest.raises(SignalError, match="velocity_rms"):
        MachineFeatures(RATE_HZ, N, (True,), ("loudness",))
    with pytest.raises(SignalError, match="2560 Hz"):
        MachineFeatures(1_000.0, 1_000, (False, True))
    MachineFeatures(1_000.0, 1_000, (False, False))
