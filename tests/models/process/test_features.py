"""What windows of slow signals say, in the plant's units; missing values are left out as long as half is there."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.contract.vocabulary import QualityCause
from models.process.errors import ProcessError
from models.process.features import LAST, MEAN, SLOPE, SPREAD, ProcessExtractor, missing


def test_a_ramp_has_its_slope_per_minute_whatever_the_rate():
    for rate in (0.1, 1.0, 10.0):
        n = max(6, round(60 * rate))
        minutes = np.arange(n) / rate / 60.0
        features = ProcessExtractor(rate, n, ["°C"])(np.float32([3.0 + 0.5 * minutes]))
        assert features[0, SLOPE] == pytest.approx(0.5, rel=1e-3)
        assert features[0, LAST] == pytest.approx(3.0 + 0.5 * minutes[-1], rel=1e-5)


def test_a_small_slope_on_a_large_pressure_is_not_lost():
    samples = np.float32([101_325.0 + 8.0 * np.arange(60) / 60.0])
    assert ProcessExtractor(1.0, 60, ["Pa"])(samples)[0, SLOPE] == pytest.approx(8.0, rel=0.01)


@given(st.floats(-50, 50), st.floats(0.1, 10), st.integers(0, 2**32 - 1))
def test_scaling_and_shift_do_to_features_what_they_do_to_signals(shift, scale, seed):
    samples = np.random.default_rng(seed).normal(size=(1, 60)).astype(np.float32)
    extractor = ProcessExtractor(1.0, 60, ["bar"])
    plain, moved = extractor(samples)[0], extractor(np.float32(shift + scale * samples))[0]
    expected = np.array([shift + scale * plain[0], scale * plain[1], scale * plain[2], shift + scale * plain[3]])
    # Single precision of samples up to 100.
    assert np.allclose(moved, expected, rtol=1e-4, atol=1e-3)


def test_missing_values_are_left_out_and_too_many_make_a_channel_unusable():
    samples = np.tile(np.arange(10, dtype=np.float32), (3, 1))
    samples[1, [2, 9]] = np.nan
    samples[2, :6] = np.nan
    features = ProcessExtractor(1.0, 10, ["A", "A", "A"])(samples)
    assert features[1, SLOPE] == pytest.approx(60.0)
    assert features[1, LAST] == 8.0
    assert np.isnan(features[2]).all()
    assert missing(samples) == ((), (), (QualityCause.NOT_FINITE,))


def test_a_signal_that_stands_still_for_a_window_is_no_finding():
    samples = np.full((1, 60), 4.0, np.float32)
    assert missing(samples) == ((),)
    assert ProcessExtractor(1.0, 60, ["°C"])(samples)[0].tolist() == [4.0, 0.0, 0.0, 4.0]


def test_units_follow_the_channels_and_the_hash_follows_the_meaning():
    one = ProcessExtractor(1.0, 60, ["°C", "1"])
    assert one.units[SLOPE] == "°C/min"
    assert one.units[4 + SLOPE] == "1/min"
    assert (one.units[MEAN], one.units[SPREAD]) == ("°C", "°C")
    assert one.hash != ProcessExtractor(1.0, 60, ["bar", "1"]).hash
    assert one.hash == ProcessExtractor(1.0, 60, ["°C", "1"]).hash


def test_a_window_of_two_samples_is_refused_with_the_remedy():
    with pytest.raises(ProcessError, match="length_s to at least 30"):
        ProcessExtractor(0.1, 2, ["°C"])


def test_a_window_with_a_gap_and_one_without_are_computed_alike():
    samples = np.random.default_rng(0).normal(5.0, 2.0, (3, 60)).astype(np.float32)
    extractor = ProcessExtractor(1.0, 60, ["bar"] * 3)
    gapped = np.concatenate([samples, [np.full(60, np.nan)]]).astype(np.float32)
    # The fourth channel takes the slow way for all; single precision at the end of both.
    assert np.allclose(ProcessExtractor(1.0, 60, ["bar"] * 4)(gapped)[:3], extractor(samples), rtol=1e-5, atol=1e-6)
