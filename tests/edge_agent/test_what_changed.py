"""What is said of a machine that differs from its baseline and has no fault with a name yet."""

from __future__ import annotations

import numpy as np
import pytest

from edge_agent.what_changed import largest_change
from models.signal.machine_features import MachineFeatures

EXTRACTOR = MachineFeatures(25_600.0, 25_600, (False, False))
CHANNELS = ("DE.H", "NDE.H")
HEALTHY = {
    "acceleration_rms": 2.0,
    "acceleration_peak": 9.0,
    "crest_factor": 4.5,
    "kurtosis": 3.0,
    "velocity_rms": 0.9,
    **dict(zip([f"band_{n}" for n in range(1, 9)], [0.002, 0.1, 0.1, 0.2, 0.5, 0.8, 1.2, 1.3], strict=True)),
    **{f"envelope_{n}": 0.7 for n in range(1, 5)},
}


def change(**times: float):
    """Return the change when features of DE.H are some times their baseline."""
    baseline = np.tile([HEALTHY[name] for name in EXTRACTOR.names], (2, 1)).astype(np.float32)
    features = baseline.copy()
    for name, factor in times.items():
        features[0, EXTRACTOR.names.index(name)] *= factor
    return largest_change(features, baseline, CHANNELS, EXTRACTOR)


def test_it_says_what_where_and_from_how_much_to_how_much():
    assert change(velocity_rms=2.5).sentence == (
        "Vibration differs from its baseline, most in vibration velocity from 10 to 1000 Hz at DE.H: "
        "it rose from 0.9 to 2.25 mm/s (2.5 times). The cause cannot be named yet."
    )


def test_bands_are_said_in_hertz_and_numbers_in_three_digits():
    sentence = change(band_5=1.2345).sentence
    assert "acceleration from 339 to 819 Hz at DE.H: it rose from 0.5 to 0.617 m/s² (+23%)" in sentence


def test_a_band_that_nobody_hears_is_not_told_however_much_it_grew():
    assert change(band_1=10.0, kurtosis=1.3).what.startswith("the kurtosis")


def test_a_bare_number_has_no_unit():
    assert "from 3 to 4.5 (+50%)" in change(kurtosis=1.5).sentence


def test_what_rose_is_told_before_what_fell_by_more():
    assert change(velocity_rms=1.2, band_8=0.4).what == "vibration velocity from 10 to 1000 Hz"
    assert "it fell from 1.3 to 0.52 m/s² (−60%)" in change(band_8=0.4).sentence


def test_many_small_differences_are_called_that():
    assert "a little in many values at once" in change(band_8=1.05, band_7=1.04).sentence


@pytest.mark.parametrize("broken", [np.nan, 0.0])
def test_nothing_is_said_where_nothing_can_be_compared(broken):
    baseline = np.full((2, len(EXTRACTOR.names)), broken, np.float32)
    assert largest_change(np.ones_like(baseline), baseline, CHANNELS, EXTRACTOR) is None


def heard(**times: float):
    """Return the change when features of a microphone beside an accelerometer are some times their baseline."""
    extractor = MachineFeatures(25_600.0, 25_600, (False, True))
    healthy = [HEALTHY[name] for name in extractor.names]
    baseline = extractor.shown(np.array([healthy, healthy], np.float32))
    pressures = np.array([healthy, healthy], np.float32)
    for name, factor in times.items():
        pressures[1, extractor.names_of(1).index(name)] *= factor
    return largest_change(extractor.shown(pressures), baseline, ("DE.H", "MIC.A"), extractor)


def test_a_level_is_said_in_decibels_and_compared_as_the_pressure_it_stands_for():
    """2 Pa RMS are 100 dB; ten times as much is 20 dB more and ranks before a peak of six times."""
    assert heard(sound_level=10.0, sound_pressure_peak=6.0).sentence == (
        "Sound differs from its baseline, most in the sound level at MIC.A: "
        "it rose from 100 to 120 dB re 20 µPa (+20.0 dB). The cause cannot be named yet."
    )


def test_a_band_of_sound_is_said_in_pascal():
    assert (
        "sound pressure from 339 to 819 Hz at MIC.A: it rose from 0.5 to 1 Pa (2.0 times)" in heard(band_5=2.0).sentence
    )
