"""The envelope's lines have a known chance under noise and a depth that means something."""

from __future__ import annotations

import numpy as np
import pytest
from support.bearing_signals import noise, shaft_lines

from models.diagnosis.bearing_lines import Part, search
from models.diagnosis.bearings import find_bearing
from models.diagnosis.envelope_lines import MAX_BANDS, envelope_lines, gamma_surprise

RATE_HZ = 12_000.0


@pytest.mark.parametrize("shape", [1, 4, 8])
def test_the_tail_of_the_gamma_distribution_is_exact(shape: int) -> None:
    drawn = np.random.default_rng(shape).gamma(shape, size=200_000)
    surprise = gamma_surprise(drawn, shape)
    # −ln of a chance is Exp(1), whatever the shape; 1 % is four standard errors of the mean of 200,000.
    assert surprise.mean() == pytest.approx(1.0, rel=0.01)
    assert float(np.mean(surprise > 5)) == pytest.approx(np.exp(-5), rel=0.1)


def test_noise_surprises_as_often_as_it_should() -> None:
    surprise = np.concatenate(
        [envelope_lines(noise(5, RATE_HZ, seed), RATE_HZ, 1000).surprise[3:] for seed in range(6)]
    )
    # The background is estimated from medians of 100 bins, which scatters by a tenth: tails are that far off.
    assert float(np.mean(surprise > 3)) == pytest.approx(np.exp(-3), rel=0.25)
    assert float(np.mean(surprise > 6)) < 3 * np.exp(-6)


def test_noise_is_no_evidence() -> None:
    bearing = find_bearing("6205")
    evidence = []
    for seed in range(60):
        lines = envelope_lines(noise(2, RATE_HZ, seed), RATE_HZ, 700)
        found = [search(lines, 29.9, bearing, part) for part in Part]
        evidence += [candidate.evidence for candidate in found if candidate is not None]
    # Evidence 1 is a chance of 10 % by construction, with the search paid for; 240 searches, so below 15 %.
    assert float(np.mean(np.array(evidence) > 1)) < 0.15
    assert max(evidence) < 4


@pytest.mark.parametrize("depth", [0.2, 0.5, 0.8])
def test_depth_is_that_of_the_modulation(depth: float) -> None:
    time_s = np.arange(round(10 * RATE_HZ)) / RATE_HZ
    carrier = noise(10, RATE_HZ, 1)
    modulated = carrier * np.sqrt(1 + depth * np.cos(2 * np.pi * 107.3 * time_s))
    lines = envelope_lines(modulated, RATE_HZ, 700)
    around = slice(round(107.3 / lines.step_hz) - 1, round(107.3 / lines.step_hz) + 2)
    # 10 s leave 0.02 of scatter; a line between two bins loses up to a third of its amplitude.
    assert np.sqrt(lines.depth_squared[around].max()) == pytest.approx(depth, rel=0.35, abs=0.03)


def test_shaft_and_mains_lines_do_not_modulate() -> None:
    tones = shaft_lines(5, RATE_HZ, 30, dict.fromkeys(range(1, 30), 5.0))
    lines = envelope_lines(noise(5, RATE_HZ, 2, level=0.5) + tones, RATE_HZ, 700)
    assert float(np.sqrt(lines.depth_squared.max())) < 0.15


def test_level_and_unit_do_not_matter() -> None:
    signal = noise(2, RATE_HZ, 3)
    ours, scaled = envelope_lines(signal, RATE_HZ, 500), envelope_lines(signal * 9.80665e3, RATE_HZ, 500)
    # As near as single precision is; a factor of two changes nothing at all.
    np.testing.assert_allclose(ours.surprise, scaled.surprise, rtol=1e-4, atol=1e-6)
    assert np.array_equal(ours.surprise, envelope_lines(signal * 2.0**-40, RATE_HZ, 500).surprise)


@pytest.mark.parametrize(("rate_hz", "bands"), [(2_560.0, 1), (12_000.0, 4), (25_600.0, 8), (97_656.0, 8)])
def test_bands_stay_wide_enough_for_harmonics(rate_hz: float, bands: int) -> None:
    assert envelope_lines(noise(1, rate_hz, 4), rate_hz, 300).bands == bands <= MAX_BANDS
