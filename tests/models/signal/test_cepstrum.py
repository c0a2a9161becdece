"""Cepstra against the closed form of an echo, and families that come and go."""

from __future__ import annotations

import numpy as np
import pytest

from models.signal.averaging import averaged_spectrum
from models.signal.cepstrum import Cepstrum, liftered, power_cepstrum, real_cepstrum, strongest_rahmonics
from models.signal.errors import BandError, SampleError
from models.signal.spectra import power_spectrum

RATE_HZ = 8192.0
N = 8192


def echo(a, delay, seed=1):
    x = np.random.default_rng(seed).standard_normal(N)
    return x[None], (x + a * np.roll(x, delay))[None]


@pytest.mark.parametrize("a", [0.3, 0.7])
def test_an_echo_is_a_peak_of_half_its_strength_with_alternating_rahmonics(a):
    """ln|1 + a e^{-jωτ}| = Σ (-1)^(k+1) a^k/k cos kωτ, so entry kτ holds (-1)^(k+1) a^k/2k.

    The difference to the cepstrum without echo is exact but for bin 0 (the mean) and aliased rahmonics: 2/N.
    """
    alone, echoed = echo(a, 256)
    change = real_cepstrum(echoed, RATE_HZ).values - real_cepstrum(alone, RATE_HZ).values
    expected = [(-1) ** (k + 1) * a**k / (2 * k) for k in (1, 2, 3)]
    assert change[0, [256, 512, 768]] == pytest.approx(expected, abs=5e-4)
    assert np.abs(np.delete(change[0, 1:2000], np.arange(1, 8) * 256 - 1)).max() < 5e-4


def test_quefrency_of_a_family_is_one_over_its_spacing():
    """Sidebands every 32 Hz: 31.25 ms."""
    t = np.arange(N) / RATE_HZ
    pulses = sum(np.cos(2 * np.pi * 32 * k * t + k * k) for k in range(1, 100))
    x = (pulses + np.random.default_rng(2).standard_normal(N))[None]
    (family,) = strongest_rahmonics(real_cepstrum(x, RATE_HZ), 0.01, 0.06)
    assert family.spacing_hz == pytest.approx(32.0, rel=1e-3)
    assert family.prominence > 10
    assert len(family.values) == 4
    averaged = averaged_spectrum(x, RATE_HZ, resolution_hz=4.0).spectrum
    (steady,) = strongest_rahmonics(power_cepstrum(averaged), 0.01, 0.06)
    assert steady.spacing_hz == pytest.approx(32.0, rel=5e-3)


def test_noise_has_no_family():
    """The largest of 2,458 Gaussian entries is 3.6 deviations high on average, above 5.5 once in 2e4 searches."""
    x = np.random.default_rng(3).standard_normal((8, N))
    assert max(f.prominence for f in strongest_rahmonics(real_cepstrum(x, RATE_HZ), 0.02, 0.32)) < 5.5


def test_power_and_real_cepstrum_have_one_scale():
    alone, echoed = echo(0.5, 256)
    change = (
        power_cepstrum(averaged_spectrum(echoed, RATE_HZ, resolution_hz=1.0).spectrum).values
        - power_cepstrum(averaged_spectrum(alone, RATE_HZ, resolution_hz=1.0).spectrum).values
    )
    # 0.03: a Hann window over one record smooths along frequency, which weighs down quefrencies near half of it.
    assert change[0, 256] == pytest.approx(0.25, abs=0.03)


@pytest.mark.parametrize("n", [N, N - 1])
def test_liftering_nothing_returns_the_samples_without_their_mean(n):
    x = np.random.default_rng(4).standard_normal((2, n)) + 3.0
    assert liftered(x, RATE_HZ) == pytest.approx(x - x.mean(axis=1, keepdims=True), abs=1e-9)


def test_scale_only_changes_entry_0_and_liftering_keeps_it():
    x, _ = echo(0.0, 1)
    once, thrice = real_cepstrum(x, RATE_HZ).values, real_cepstrum(3 * x, RATE_HZ).values
    assert thrice[0, 0] - once[0, 0] == pytest.approx(np.log(3))
    assert thrice[0, 1:] == pytest.approx(once[0, 1:], abs=1e-12)
    assert liftered(3 * x, RATE_HZ, longest_s=0.01) == pytest.approx(3 * liftered(x, RATE_HZ, longest_s=0.01))


def test_without_any_quefrency_every_line_has_the_same_strength():
    """Cepstral prewhitening: the amplitude of each bin is the geometric mean of all."""
    t = np.arange(N) / RATE_HZ
    x = (np.random.default_rng(6).standard_normal(N) + 50 * np.sin(2 * np.pi * 440 * t))[None]
    amplitude = np.abs(np.fft.rfft(liftered(x, RATE_HZ, longest_s=0.0)))[0, 1:-1]
    assert amplitude == pytest.approx(amplitude.mean(), rel=1e-6)


def test_a_family_goes_and_the_rest_stays():
    """Lines 22 dB above the noise lose at least 15 dB on average, down into it; what lies between, nothing (0.5 dB)."""
    t = np.arange(N) / RATE_HZ
    noise = np.random.default_rng(7).standard_normal(N)
    gears = sum(0.3 * np.cos(2 * np.pi * 200 * k * t + k) for k in range(1, 20))
    x = (noise + gears)[None]
    before, after = (power_spectrum(y, RATE_HZ).power[0] for y in (x, liftered(x, RATE_HZ, families_s=(1 / 200,))))
    lines = np.arange(2, 19) * 200
    between = np.setdiff1d(np.arange(300, 3700), (lines[:, None] + np.arange(-6, 7)).ravel())
    assert 10 * np.log10(before[lines] / after[lines]).mean() > 15
    assert abs(10 * np.log10(after[between].mean() / before[between].mean())) < 0.5


def test_float32_stays():
    x = np.random.default_rng(8).standard_normal((2, N)).astype(np.float32)
    assert real_cepstrum(x, RATE_HZ).values.dtype == np.float32
    assert liftered(x, RATE_HZ, shortest_s=0.001).dtype == np.float32
    assert power_cepstrum(power_spectrum(x, RATE_HZ)).values.dtype == np.float32


def test_a_constant_channel_has_a_finite_cepstrum():
    assert np.isfinite(real_cepstrum(np.ones((1, N)), RATE_HZ).values).all()
    assert np.abs(liftered(np.ones((1, N)), RATE_HZ, longest_s=0.0)).max() == 0.0


def test_ranges_that_cannot_be_searched_are_refused():
    cepstrum = Cepstrum(np.zeros((1, 100)), 1e-3)
    assert cepstrum.quefrency_s[10] == pytest.approx(0.01)
    for low_s, high_s in ((0.05, 0.01), (0.0, 0.05), (0.01, 0.2), (0.01, 0.012)):
        with pytest.raises(BandError):
            strongest_rahmonics(cepstrum, low_s, high_s)
    for asked in ({"shortest_s": -1.0}, {"families_s": (1e-4,)}, {"families_s": (2.0,)}):
        with pytest.raises(BandError):
            liftered(np.zeros((1, N)), RATE_HZ, **asked)
    with pytest.raises(SampleError):
        real_cepstrum(np.full((1, N), np.inf), RATE_HZ)
