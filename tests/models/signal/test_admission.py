"""What an analysis refuses before it begins."""

from __future__ import annotations

import numpy as np
import pytest

from models.signal.admission import admitted, stacked
from models.signal.errors import RateError, ResolutionError, SampleError


def test_float32_passes_untouched_and_integers_become_float64():
    samples = np.zeros((2, 16), np.float32)
    assert admitted(samples, 100.0) is samples
    assert admitted(np.zeros((2, 16), np.int32), 100.0).dtype == np.float64


@pytest.mark.parametrize("rate_hz", [None, 0.0, -1.0, float("nan"), float("inf"), 1e12, 1e-9])
def test_a_rate_that_is_missing_or_absurd_is_refused(rate_hz):
    with pytest.raises(RateError, match="sample"):
        admitted(np.zeros((1, 16)), rate_hz)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_the_first_sample_that_is_no_number_is_named(bad):
    samples = np.zeros((3, 16), np.float32)
    samples[1, 5:7] = bad
    with pytest.raises(SampleError, match=r"channel 1 has 2 samples .* index 5"):
        admitted(samples, 100.0)


@pytest.mark.parametrize("samples", [np.zeros(16), np.zeros((0, 16)), np.zeros((1, 2, 16)), np.zeros((1, 16), complex)])
def test_other_shapes_and_types_are_refused(samples):
    with pytest.raises(SampleError, match="channels, samples"):
        admitted(samples, 100.0)


def test_too_few_samples_say_how_many_are_needed():
    with pytest.raises(ResolutionError, match="at least 32"):
        admitted(np.zeros((1, 16)), 100.0, at_least=32)


def test_channels_of_unequal_length_are_named_with_their_lengths():
    with pytest.raises(SampleError, match="channel 0: 3, channel 1: 4"):
        stacked([np.zeros(3), np.zeros(4)])
    with pytest.raises(SampleError):
        stacked([])
    assert stacked([np.zeros(3), np.ones(3)])[1].tolist() == [1.0, 1.0, 1.0]
