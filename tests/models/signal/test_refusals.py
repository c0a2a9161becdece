"""Every analysis of a record refuses the same bad input by the same names, and takes what is merely dull.

A channel of zeros and one of integers are no errors: their result is finite, or openly nothing.
"""

from __future__ import annotations

import numpy as np
import pytest

from models.signal.averaging import averaged_spectrum
from models.signal.cepstrum import liftered, real_cepstrum
from models.signal.cyclostationarity import cyclic_modulation
from models.signal.errors import RateError, ResolutionError, SampleError
from models.signal.integration import displacement, velocity
from models.signal.kurtogram import envelope_in_best_band, fast_kurtogram, spectral_kurtosis
from models.signal.mains import without_mean_and_mains
from models.signal.order_tracking import resampled_to_angle
from models.signal.speed_track import estimated_speed
from models.signal.tacho import ShaftAngle
from models.signal.waterfall import frequency_waterfall, order_waterfall

RATE_HZ = 5120.0
SECONDS = np.linspace(0, 2, 50)
ANGLE = ShaftAngle(SECONDS, 25 * SECONDS)
GOOD = np.random.default_rng(0).standard_normal((2, 10240)).astype(np.float32)

ANALYSES = {
    "mains": without_mean_and_mains,
    "velocity": velocity,
    "displacement": displacement,
    "average": lambda x, rate: averaged_spectrum(x, rate, resolution_hz=2.0),
    "cepstrum": real_cepstrum,
    "liftered": liftered,
    "kurtogram": fast_kurtogram,
    "envelope": lambda x, rate: envelope_in_best_band(x, rate, highest_hz=300.0),
    "kurtosis": lambda x, rate: spectral_kurtosis(x, rate, resolution_hz=100.0),
    "modulation": lambda x, rate: cyclic_modulation(x, rate, carrier_resolution_hz=100.0, highest_hz=50.0),
    "orders": lambda x, rate: resampled_to_angle(x, rate, ANGLE, samples_per_turn=32),
    "speed": lambda x, rate: estimated_speed(x, rate, low_rpm=600, high_rpm=3000),
    "waterfall": lambda x, rate: frequency_waterfall(x, rate, resolution_hz=5.0, highest_hz=100.0),
    "order waterfall": lambda x, rate: order_waterfall(x, rate, ANGLE, turns_per_window=5, highest_order=5.0),
}


@pytest.fixture(params=ANALYSES.values(), ids=ANALYSES.keys())
def analysis(request):
    return request.param


@pytest.mark.parametrize("rate_hz", [None, 0.0, -5120.0, float("nan"), 1e15])
def test_a_rate_that_is_missing_or_absurd(analysis, rate_hz):
    with pytest.raises(RateError):
        analysis(GOOD, rate_hz)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_one_sample_that_is_no_number(analysis, bad):
    samples = GOOD.copy()
    samples[1, 777] = bad
    with pytest.raises(SampleError, match="index 777"):
        analysis(samples, RATE_HZ)


def test_a_channel_without_its_axis(analysis):
    with pytest.raises(SampleError, match="channels, samples"):
        analysis(GOOD[0], RATE_HZ)


def test_seven_samples(analysis):
    with pytest.raises(ResolutionError):
        analysis(GOOD[:, :7], RATE_HZ)


def test_zeros_and_integers_are_taken(analysis):
    analysis(np.zeros_like(GOOD), RATE_HZ)
    analysis((1000 * GOOD).astype(np.int16), RATE_HZ)
