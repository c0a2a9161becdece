"""Bringing rates down: the passband stays, what would fold is gone, any ratio works, never upwards."""

from __future__ import annotations

import numpy as np
import pytest

from models.signal.errors import SignalError
from models.signal.resampling import PASSBAND, resample_down


def _tone(frequency_hz, rate_hz, seconds=1.0):
    t = np.arange(int(rate_hz * seconds)) / rate_hz
    return np.sin(2 * np.pi * frequency_hz * t).astype(np.float32)[None]


@pytest.mark.parametrize(("rate_hz", "wanted_hz"), [(48_000.0, 12_000.0), (48_828.0, 12_000.0), (25_600.0, 20_480.0)])
@pytest.mark.parametrize("share", [0.01, 0.4, PASSBAND])
def test_what_lies_in_the_passband_is_unchanged_and_stays_at_its_time(rate_hz, wanted_hz, share):
    frequency_hz = share * wanted_hz / 2
    got = resample_down(_tone(frequency_hz, rate_hz), rate_hz, wanted_hz)[0]
    expected = np.sin(2 * np.pi * frequency_hz * np.arange(got.size) / wanted_hz)
    # The reflected edges disturb some filter lengths at both ends; 1e-3 is 60 dB, phases are rounded to 1/4096.
    inner = slice(100, -100)
    np.testing.assert_allclose(got[inner], expected[inner], atol=1e-3)


@pytest.mark.parametrize("share", [1.0, 1.3, 1.9])
def test_what_would_fold_back_is_eighty_decibels_down(share):
    got = resample_down(_tone(share * 6_000.0, 48_000.0), 48_000.0, 12_000.0)[0]
    assert np.abs(got[100:-100]).max() < 2e-4


def test_a_constant_stays_what_it_is():
    got = resample_down(np.full((2, 5_000), 3.5, np.float32), 5_000.0, 1_234.5)
    np.testing.assert_allclose(got, 3.5, rtol=1e-5)


def test_the_same_rate_changes_nothing():
    samples = _tone(10.0, 1_000.0)
    assert resample_down(samples, 1_000.0, 1_000.0) is samples


def test_never_upwards():
    with pytest.raises(SignalError, match="brought down, never up"):
        resample_down(_tone(10.0, 1_000.0), 1_000.0, 1_001.0)


def test_a_stretch_shorter_than_the_filter_is_refused():
    with pytest.raises(SignalError, match="too few"):
        resample_down(np.ones((1, 50), np.float32), 48_000.0, 1_000.0)
