"""Sound levels and the weighting A, against the standard's table and closed forms.

Tolerances: the standard rounds its table to 0.1 dB, so closed form and table agree within 0.05 dB. Levels of lines are
exact to float32 (0.001 dB) where the weighting is flat; where it is steep, a line of a one-second Hann spectrum is
four bins wide and its mean weight a little above that of its middle. Levels of noise scatter by chance:
4.34 dB / √(bandwidth × time) (see each test).
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.contract.units import parse_unit
from models.signal.acoustics import QUIETEST_PA, REFERENCE_PA, a_weighting, check_sound_rate, level_db, pressure_pa
from models.signal.errors import SignalError
from models.signal.features import FEATURES, SOUND_FEATURES, FeatureExtractor, sound_names
from models.signal.sound_levels import sound_levels

RATE_HZ = 51200.0
N = 51200
TABLE_3 = {
    10: -70.4, 12.5: -63.4, 16: -56.7, 20: -50.5, 25: -44.7, 31.5: -39.4, 40: -34.6, 50: -30.2, 63: -26.2, 80: -22.5,
    100: -19.1, 125: -16.1, 160: -13.4, 200: -10.9, 250: -8.6, 315: -6.6, 400: -4.8, 500: -3.2, 630: -1.9, 800: -0.8,
    1000: 0.0, 1250: 0.6, 1600: 1.0, 2000: 1.2, 2500: 1.3, 3150: 1.2, 4000: 1.0, 5000: 0.5, 6300: -0.1, 8000: -1.1,
    10000: -2.5, 12500: -4.3, 16000: -6.6, 20000: -9.3,
}  # fmt: skip
"""IEC 61672-1:2013, Table 3: A by the nominal frequencies of third-octave bands."""
ALL = [definition.name for definition in SOUND_FEATURES]


def sound_of(pascals, rate=RATE_HZ, names=None):
    samples = np.atleast_2d(pascals).astype(np.float32)
    extractor = FeatureExtractor(rate, samples.shape[1], names or ALL, is_sound=True)
    return dict(zip(extractor.names, extractor(samples)[0].tolist(), strict=True))


def tone(rms_pa, frequency_hz, rate=RATE_HZ, n=N):
    return rms_pa * np.sqrt(2.0) * np.sin(2 * np.pi * frequency_hz * np.arange(n) / rate)


def coloured(slope, seed, n=N):
    """Noise of one pascal RMS from 20 Hz to 20 kHz, its power falling with this power of frequency."""
    frequency_hz = np.fft.rfftfreq(n, 1.0 / RATE_HZ)
    inside = (frequency_hz >= 20.0) & (frequency_hz <= 20_000.0)
    rng = np.random.default_rng(seed)
    spectrum = np.zeros(frequency_hz.size, complex)
    spectrum[inside] = rng.standard_normal(inside.sum()) + 1j * rng.standard_normal(inside.sum())
    spectrum[inside] *= frequency_hz[inside] ** (-slope / 2.0)
    noise = np.fft.irfft(spectrum, n)
    return noise / noise.std()


def test_the_closed_form_of_a_gives_the_table_of_the_standard():
    """The table's weights belong to the exact middles of the bands, powers of ten."""
    exact_hz = 1000.0 * 10.0 ** (np.arange(-20, 14) / 10.0)
    found = 20.0 * np.log10(a_weighting(exact_hz))
    assert np.abs(found - np.array(list(TABLE_3.values()))).max() <= 0.05


def test_one_pascal_at_one_kilohertz_is_94_decibels_in_both_levels():
    found = sound_of(tone(1.0, 1000.0))
    assert found["sound_level"] == pytest.approx(93.979, abs=1e-3)
    assert found["sound_level_a"] == pytest.approx(93.979, abs=1e-3)
    assert found["sound_pressure_peak"] == pytest.approx(np.sqrt(2.0), rel=1e-5)
    assert found["crest_factor"] == pytest.approx(np.sqrt(2.0), rel=1e-5)
    assert found["kurtosis"] == pytest.approx(1.5, rel=1e-5)


@pytest.mark.parametrize("nominal_hz", [31.5, 63, 125, 250, 500, 1000, 2000, 4000, 8000, 16000])
def test_a_tone_has_the_a_level_of_the_table(nominal_hz):
    """0.05 dB of the table's rounding, and at 31.5 Hz 0.05 dB more for the width of the line."""
    exact_hz = 1000.0 * 10.0 ** (round(10.0 * np.log10(nominal_hz / 1000.0)) / 10.0)
    found = sound_of(tone(1.0, exact_hz))
    assert found["sound_level_a"] - 93.979 == pytest.approx(TABLE_3[nominal_hz], abs=0.1 if nominal_hz < 50 else 0.06)
    # Between two bins no number of turns fits the window, which the level of the samples themselves shows a little.
    assert found["sound_level"] == pytest.approx(93.979, abs=0.1)


@pytest.mark.parametrize("slope", [0.0, 1.0])
def test_white_and_pink_noise_have_the_levels_that_their_spectra_add_up_to(slope):
    """White noise weighs the octaves by their width, pink noise all alike: A takes 2.0 and 2.9 dB away.

    Pink noise has half of its power in 5 octaves of some hundred independent bins each; of ten windows of one second
    the mean scatters by 0.05 dB, four times that is allowed.
    """
    at_hz = np.arange(20.0, 20_001.0)
    power = at_hz**-slope
    expected = 10.0 * np.log10(np.sum(power * a_weighting(at_hz) ** 2) / np.sum(power))
    found = [sound_of(coloured(slope, seed)) for seed in range(10)]
    assert found[0]["sound_level"] == pytest.approx(93.979, abs=1e-3)
    assert np.mean([one["sound_level_a"] for one in found]) - 93.979 == pytest.approx(expected, abs=0.2)


def test_bands_of_a_sound_add_up_to_its_level():
    """The bands reach from 10 Hz to 0.45 of the rate; the noise lies from 20 Hz to 20 kHz inside."""
    found = sound_of(coloured(0.0, 3))
    together = np.sqrt(sum(found[f"band_{number}"] ** 2 for number in range(1, 9)))
    # Weighted by a Hann window, the power of one second of noise scatters by 4.34 dB / √20,000 = 0.03 dB.
    assert float(level_db(together)) == pytest.approx(found["sound_level"], abs=0.15)


def test_sound_goes_the_same_way_as_acceleration():
    """Everything but the levels is the same number in another unit, to the rounding of sums in another order."""
    rng = np.random.default_rng(1)
    samples = rng.standard_normal((5, 25600)).astype(np.float32) * 0.2
    places = [definition.name for definition in FEATURES]
    sound = FeatureExtractor(25600.0, 25600, sound_names(places), is_sound=True)(samples)
    motion = FeatureExtractor(25600.0, 25600, places)(samples)
    same = [number for number, name in enumerate(places) if name not in ("acceleration_rms", "velocity_rms")]
    assert np.allclose(sound[:, same], motion[:, same], rtol=1e-5, atol=1e-6)
    level = sound[:, places.index("acceleration_rms")]
    assert np.allclose(pressure_pa(level), motion[:, places.index("acceleration_rms")], rtol=1e-5)


@settings(max_examples=20, deadline=None)
@given(factor_db=st.floats(-60.0, 60.0), seed=st.integers(0, 1000))
def test_levels_rise_by_the_decibels_of_the_factor_and_channels_do_not_touch_each_other(factor_db, seed):
    rng = np.random.default_rng(seed)
    samples = rng.standard_normal((3, 2560)).astype(np.float32)
    extractor = FeatureExtractor(25600.0, 2560, is_sound=True)
    quiet, loud = extractor(samples), extractor(samples * np.float32(10.0 ** (factor_db / 20.0)))
    for name in ("sound_level", "sound_level_a"):
        column = extractor.names.index(name)
        assert np.allclose(loud[:, column] - quiet[:, column], factor_db, atol=1e-3)
    order = rng.permutation(3)
    assert np.allclose(extractor(np.ascontiguousarray(samples[order])), quiet[order], rtol=1e-5)


def test_silence_has_the_lowest_level_and_not_minus_infinity():
    found = sound_of(np.full(N, 0.125))
    assert found["sound_level"] == found["sound_level_a"] == pytest.approx(20 * np.log10(QUIETEST_PA / REFERENCE_PA))
    assert all(np.isfinite(value) for value in found.values())


@given(st.floats(-20.0, 200.0))
def test_a_level_and_its_pressure_are_one(level):
    assert float(level_db(pressure_pa(level))) == pytest.approx(level, abs=1e-4)


def test_no_feature_of_a_sound_speaks_of_motion():
    assert [definition.default for definition in SOUND_FEATURES] == [definition.default for definition in FEATURES]
    for definition in SOUND_FEATURES:
        assert parse_unit(definition.eng_unit).eng_unit == definition.eng_unit
        assert definition.eng_unit in {"Pa", "1", "dB re 20 µPa"}
        assert not any(word in definition.name + definition.description for word in ("elocity", "cceleration"))


def test_the_features_of_a_sound_have_a_hash_of_their_own():
    assert FeatureExtractor(25600.0, 2560).hash != FeatureExtractor(25600.0, 2560, is_sound=True).hash


@pytest.mark.parametrize("rate_hz", [100.0, 2559.0, float("nan")])
def test_a_microphone_that_is_too_slow_to_hear_is_refused(rate_hz):
    with pytest.raises(SignalError, match="2560 Hz"):
        check_sound_rate(rate_hz)
    with pytest.raises(SignalError, match=r"rate|microphone"):
        FeatureExtractor(rate_hz, 2560, is_sound=True)


def test_names_of_the_other_kind_are_refused_with_what_there_is():
    with pytest.raises(SignalError, match="sound_level_a"):
        FeatureExtractor(25600.0, 2560, ["velocity_rms"], is_sound=True)
    with pytest.raises(SignalError, match="velocity_rms"):
        FeatureExtractor(25600.0, 2560, ["sound_level"])


@pytest.mark.parametrize("n", [256, 48_000, 100_003])
def test_levels_of_recordings_of_any_length_agree_with_those_of_their_windows(n):
    rng = np.random.default_rng(n)
    samples = rng.standard_normal((2, n)) * np.array([[0.02], [2.0]])
    levels = sound_levels(samples, 48_000.0)
    assert np.allclose(levels.unweighted_db, 20 * np.log10(samples.std(axis=1) / 20e-6), atol=1e-4)
    # White noise up to 24 kHz, of which A leaves so much; the shortest record has 128 bins of chance, 0.4 dB.
    at_hz = np.arange(1.0, 24_000.0)
    left_db = 10 * np.log10(np.mean(a_weighting(at_hz) ** 2))
    assert np.allclose(levels.a_weighted_db - levels.unweighted_db, left_db, atol=1.5 if n == 256 else 0.1)


def test_silence_and_loudness_side_by_side_have_a_number_each():
    levels = sound_levels(np.stack([np.zeros(5120), np.sin(np.arange(5120.0))]), RATE_HZ)
    assert np.isfinite(levels.a_weighted_db).all()
    assert levels.a_weighted_db[0] == levels.unweighted_db[0] == level_db(0.0)
