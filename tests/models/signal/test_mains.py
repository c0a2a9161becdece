"""Mean and mains lines: found where they are, gone afterwards, everything else left alone."""

from __future__ import annotations

import numpy as np
import pytest

from models.signal.errors import ResolutionError, SampleError
from models.signal.mains import without_mean_and_mains

RATE_HZ = 2000.0
T = np.arange(20000) / RATE_HZ


def noise(seed, channels=1, n=20000):
    return np.random.default_rng(seed).standard_normal((channels, n))


def mains(frequency_hz, *amplitudes, t=T):
    return sum(a * np.sin(2 * np.pi * frequency_hz * k * t + k) for k, a in enumerate(amplitudes, 1))


@pytest.mark.parametrize("grid_hz", [49.93, 50.0, 50.11, 59.95, 60.08])
def test_frequency_and_strength_of_the_lines_are_reported(grid_hz):
    """Cramér-Rao bounds for 20,000 samples at these strengths: 3e-4 Hz, 0.007 in RMS; three to four times that."""
    result = without_mean_and_mains(noise(1) + 5.0 + mains(grid_hz, 1.0, 0.0, 0.5), RATE_HZ)
    assert result.mains_hz == pytest.approx(grid_hz, abs=1e-3)
    assert [line.harmonic for line in result.lines] == [1, 3]
    assert [line.rms for line in result.lines] == pytest.approx([1 / np.sqrt(2), 0.5 / np.sqrt(2)], abs=0.03)
    assert result.lines[1].frequency_hz == pytest.approx(3 * grid_hz, abs=3e-3)
    assert result.means[0] == pytest.approx(5.0, abs=0.03)


def test_what_is_left_is_what_was_there_without_mains():
    """Six fitted numbers per channel take 6/20,000 of the noise with them, a residual of about 0.02 of its RMS."""
    clean = noise(2, 3)
    hum = np.array([[1.0], [0.0], [3.0]]) * mains(50.03, 1.0, 0.0, 0.5)
    result = without_mean_and_mains(clean + hum, RATE_HZ)
    assert {line.channel for line in result.lines} == {0, 2}
    left = result.samples - (clean - clean.mean(axis=1, keepdims=True))
    assert np.sqrt((left**2).mean(axis=1)) == pytest.approx(0.0, abs=0.03)
    assert np.array_equal(left[1], np.zeros(20000))


def test_a_shaft_a_slip_beside_the_mains_stays():
    """A two-pole motor at 49.3 Hz is seven bins from the mains in 10 s."""
    shaft = 2.0 * np.sin(2 * np.pi * 49.3 * T)
    result = without_mean_and_mains((shaft + mains(50.0, 1.0))[None] + 0.1 * noise(3), RATE_HZ)
    left = result.samples[0]
    fitted = 2 * np.abs(np.mean(left * np.exp(-2j * np.pi * 49.3 * T)))
    assert fitted == pytest.approx(2.0, rel=0.02)


@pytest.mark.parametrize(("shaft_hz", "grid_hz"), [(29.95, 60.0), (24.97, 50.0), (16.65, 50.0)])
def test_the_harmonics_of_an_idling_motor_are_not_taken_for_mains(shaft_hz, grid_hz):
    """Slip of 1 to 2 in a thousand puts every second (third) line of the shaft within the tolerance of a grid."""
    lines = sum(np.sin(2 * np.pi * shaft_hz * k * T + k) for k in range(1, 10))
    x = noise(6) + lines
    result = without_mean_and_mains(x, RATE_HZ)
    assert result.lines == ()
    assert result.mains_hz is None
    assert result.doubtful_hz == pytest.approx(grid_hz, abs=0.2)
    assert np.allclose(result.samples, x - x.mean())


@pytest.mark.parametrize("seed", range(20))
def test_noise_and_shaft_lines_have_no_mains_in_them(seed):
    """Stated chance 1e-3 per record: of 20, one would already be rare."""
    x = noise(seed) + np.sin(2 * np.pi * 24.7 * T) + np.sin(2 * np.pi * 49.4 * T)
    result = without_mean_and_mains(x, RATE_HZ)
    assert result.mains_hz is None
    assert result.lines == ()
    assert np.allclose(result.samples, x - x.mean())


def test_float32_stays_and_a_second_pass_finds_nothing():
    x = (noise(4) + mains(50.05, 2.0, 1.0)).astype(np.float32)
    first = without_mean_and_mains(x, RATE_HZ)
    assert first.samples.dtype == np.float32
    assert len(first.lines) == 2
    assert without_mean_and_mains(first.samples, RATE_HZ).lines == ()


def test_scaling_scales_the_report():
    x = noise(5) + mains(60.0, 1.0)
    once, thrice = without_mean_and_mains(x, RATE_HZ), without_mean_and_mains(3 * x, RATE_HZ)
    assert thrice.lines[0].rms == pytest.approx(3 * once.lines[0].rms, rel=1e-9)


def test_records_that_cannot_tell_are_refused():
    with pytest.raises(ResolutionError, match="1 s"):
        without_mean_and_mains(noise(0, n=1000), RATE_HZ)
    with pytest.raises(ResolutionError, match="50 Hz"):
        without_mean_and_mains(noise(0, n=1000), 80.0)
    with pytest.raises(SampleError):
        without_mean_and_mains(np.full((1, 4000), np.nan), RATE_HZ)
