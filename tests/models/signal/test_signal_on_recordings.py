"""The chain on real bearings: the band that the kurtogram chooses, and speeds that are claimed without a tacho."""

from __future__ import annotations

import numpy as np
import pytest

from models.recordings.reading import read_recording
from models.signal.kurtogram import envelope_in_best_band
from models.signal.mains import without_mean_and_mains
from models.signal.speed_track import estimated_speed

MFPT_SHAFT_HZ, MFPT_OUTER_HZ = 25.0, 81.125


def first_channel(path, sample_rate_hz=None):
    recording = read_recording(path, sample_rate_hz=sample_rate_hz)
    return recording.segments[0].samples[:1], recording.sample_rate_hz


@pytest.mark.needs("recordings/mfpt")
def test_the_chosen_band_shows_the_rate_of_an_outer_race_at_every_load(recordings):
    """Slip sets the line 0 to 2 % below its nominal place."""
    files = sorted((recordings / "mfpt").rglob("OuterRaceFault*.mat"))
    assert files
    for path in files:
        samples, rate_hz = first_channel(path)
        (found,) = envelope_in_best_band(samples, rate_hz, highest_hz=600.0)
        assert found is not None, path.name
        _, spectrum = found
        first = int(8 / spectrum.step_hz)
        line_hz = (first + int(spectrum.power[0, first:].argmax())) * spectrum.step_hz
        assert 0.98 < line_hz / MFPT_OUTER_HZ < 1.005, path.name


@pytest.mark.needs("recordings/mfpt")
@pytest.mark.needs("recordings/cwru")
def test_a_speed_that_is_claimed_without_a_tacho_is_right(recordings):
    """Faulty bearings make combs of their own: most records get no claim, and none a wrong one.

    Both rigs turn at their nominal speed within 2 %.
    """
    claims = []
    for path in sorted((recordings / "mfpt").rglob("*.mat")):
        track = estimated_speed(*first_channel(path), low_rpm=1000, high_rpm=3000)
        claims += [] if track is None else [track.rpm / 60 / MFPT_SHAFT_HZ]
    for path in sorted((recordings / "cwru").rglob("12k*.mat")):
        track = estimated_speed(*first_channel(path, 12000.0), low_rpm=1000, high_rpm=3000)
        claims += [] if track is None else [track.rpm / 1797]
    assert claims
    for claim in claims:
        assert claim.mean() == pytest.approx(1.0, abs=0.02)


@pytest.mark.needs("recordings/cwru")
def test_the_shaft_of_an_idling_motor_is_not_removed_as_mains(recordings):
    """Twice 29.93 Hz lies within the tolerance of a 60 Hz grid."""
    for path in sorted((recordings / "cwru").rglob("12k*.mat")):
        samples, rate_hz = first_channel(path, 12000.0)
        cleaned = without_mean_and_mains(samples, rate_hz)
        assert cleaned.lines == (), path.name
        assert cleaned.doubtful_hz == pytest.approx(59.9, abs=0.15)
        assert np.allclose(cleaned.samples, samples - samples.mean(), atol=1e-5)
