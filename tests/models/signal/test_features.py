"""Features against closed forms, against the plain reference, and as a contract with those who store them.

Tolerances: 1e-5 relative where float32 sums of 25,600 samples are compared with closed forms or float64 (measured
below 1e-6); wider ones say why.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.contract.units import parse_unit
from models.signal.bands import band_layout
from models.signal.errors import SignalError
from models.signal.features import FEATURES, FeatureExtractor, default_names
from models.signal.reference import reference_features
from models.signal.scratch import CHANNELS_AT_ONCE, carrier_runs
from models.signal.spectra import hann

RATE_HZ = 25600.0
N = 25600
ALL = [definition.name for definition in FEATURES]
SHAPES = [(25600.0, 25600), (12000.0, 3000), (48000.0, 48000), (25600.0, 2560), (25600.0, 256), (48828.0, 12207),
          (20000.0, 20480), (100.0, 1000), (8000.0, 40000),
          # Carriers that can be transformed together in another way each.
          (25600.0, 259), (25600.0, 262), (25600.0, 263)]  # fmt: skip


def features_of(x, rate=RATE_HZ, names=None):
    samples = np.atleast_2d(x).astype(np.float32)
    extractor = FeatureExtractor(rate, samples.shape[1], names or ALL)
    return dict(zip(extractor.names, extractor(samples)[0].tolist(), strict=True))


def sine(amplitude, frequency_hz, rate=RATE_HZ, n=N, offset=0.0):
    return offset + amplitude * np.sin(2 * np.pi * frequency_hz * np.arange(n) / rate)


def machine(rate, n, channels=5, seed=7):
    """Shaft lines, noise and impacts on a sensor that sees gravity."""
    rng = np.random.default_rng(seed)
    t = np.arange(n) / rate
    x = 9.81 + rng.standard_normal((channels, n))
    x += 2.0 * np.sin(2 * np.pi * 0.001 * rate * t)
    x[:, :: max(1, n // 37)] += 20.0
    return x.astype(np.float32)


def test_a_sine_has_the_rms_peak_crest_and_kurtosis_of_a_sine():
    found = features_of(sine(3.0, 100.0))
    assert found["acceleration_rms"] == pytest.approx(3 / np.sqrt(2), rel=1e-5)
    assert found["acceleration_peak"] == pytest.approx(3.0, rel=1e-5)
    assert found["crest_factor"] == pytest.approx(np.sqrt(2), rel=1e-5)
    assert found["kurtosis"] == pytest.approx(1.5, rel=1e-5)
    assert found["skewness"] == pytest.approx(0.0, abs=1e-5)


@pytest.mark.parametrize(("frequency_hz", "tolerance"), [(16.0, 0.01), (100.0, 2e-4), (900.0, 1e-5)])
def test_the_velocity_of_a_sine_is_its_acceleration_over_omega(frequency_hz, tolerance):
    """A Hann line is three bins wide and 1/ω² is curved over them, the more the lower the line."""
    expected = 1000 * 3.0 / np.sqrt(2) / (2 * np.pi * frequency_hz)
    assert features_of(sine(3.0, frequency_hz))["velocity_rms"] == pytest.approx(expected, rel=tolerance)


@pytest.mark.parametrize("frequency_hz", [4.0, 1200.0])
def test_velocity_hears_nothing_outside_10_to_1000_hz(frequency_hz):
    assert features_of(sine(3.0, frequency_hz))["velocity_rms"] < 1e-4


@pytest.mark.parametrize("number", range(1, 9))
def test_a_line_is_found_in_its_own_band_and_in_no_other(number):
    low_hz, high_hz = band_layout(RATE_HZ, N).band_hz(number)
    found = features_of(sine(3.0, round((low_hz + high_hz) / 2)))
    for other in range(1, 9):
        expected = 3 / np.sqrt(2) if other == number else 0.0
        assert found[f"band_{other}"] == pytest.approx(expected, rel=1e-5, abs=1e-4)


def test_bands_together_hold_the_power_between_their_outer_edges():
    """White noise of variance 1 at 25.6 kHz: 10 Hz to 11,520 Hz is 0.899 of it; 2 % is three standard deviations."""
    found = features_of(np.random.default_rng(3).standard_normal(N))
    together = np.sqrt(sum(found[f"band_{number}"] ** 2 for number in range(1, 9)))
    assert together == pytest.approx(np.sqrt((11520 - 10) / 12800), rel=0.02)


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_an_unmodulated_carrier_has_no_envelope_feature(number):
    """Zero but for the rounding of float32, whose fourth root is what remains."""
    low_hz, high_hz = band_layout(RATE_HZ, N).carrier_hz(number)
    found = features_of(sine(3.0, round((low_hz + high_hz) / 2)))
    assert found[f"envelope_{number}"] < 0.1


@pytest.mark.parametrize("depth", [0.1, 0.5, 1.0])
@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_a_modulated_carrier_shows_the_modulation_of_its_squared_envelope(number, depth):
    """A(1 + m cos Ωt): squared envelope A²(1 + 2m cos + m² cos²), whose variance is A⁴(2m² + m⁴/8)."""
    low_hz, high_hz = band_layout(RATE_HZ, N).carrier_hz(number)
    t = np.arange(N) / RATE_HZ
    x = 3.0 * (1 + depth * np.cos(2 * np.pi * 90 * t)) * np.cos(2 * np.pi * round((low_hz + high_hz) / 2) * t)
    found = features_of(x)
    expected = 3.0 * (2 * depth**2 + depth**4 / 8) ** 0.25
    assert found[f"envelope_{number}"] == pytest.approx(expected, rel=1e-3)
    others = {1, 2, 3, 4} - {number}
    assert all(found[f"envelope_{other}"] < 0.01 * expected for other in others)


def test_impacts_raise_the_envelope_above_noise_of_the_same_power():
    """Of Gaussian noise the feature is √2 σ of the band (10 %: one window); impacts of equal power give more."""
    rng = np.random.default_rng(5)
    noise = rng.standard_normal(N)
    impacts = np.zeros(N)
    impacts[::256] = 16.0
    in_noise, in_impacts = features_of(noise), features_of(impacts)
    sigma = np.sqrt(2560 / 12800)
    assert in_noise["envelope_2"] == pytest.approx(np.sqrt(2) * sigma, rel=0.1)
    assert in_impacts["envelope_2"] > 1.8 * in_noise["envelope_2"]


@pytest.mark.parametrize(("rate", "n"), SHAPES)
def test_features_equal_the_plain_float64_reference(rate, n):
    """1e-4 on skewness, which is a small difference of large sums; envelopes have a test of their own."""
    names = [name for name in ALL if not name.startswith("envelope")]
    x = machine(rate, n)
    found = FeatureExtractor(rate, n, names)(x)
    expected = reference_features(x, rate, names)
    tight = [column for column, name in enumerate(names) if name != "skewness"]
    assert np.allclose(found[:, tight], expected[:, tight], rtol=1e-5, atol=1e-6)
    assert np.allclose(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("rate", "n"), SHAPES)
def test_envelopes_equal_float64_sampled_at_the_rate_of_the_band(rate, n):
    x = machine(rate, n)
    names = [name for name in ALL if name.startswith("envelope")]
    found = FeatureExtractor(rate, n, names)(x)
    centred = x.astype(np.float64) - x.mean(axis=1, dtype=np.float64, keepdims=True)
    transform = np.fft.rfft(centred * hann(n)) * 2 / n
    for column, (first, bins) in enumerate(band_layout(rate, n).carriers):
        s = np.abs(np.fft.ifft(transform[:, first : first + bins]) * bins) ** 2
        weights = hann(bins) ** 2
        norm = np.sum(weights**2)
        variance = np.sum(s**2, axis=1) / norm - (s @ weights / norm) ** 2
        assert np.allclose(found[:, column], variance**0.25, rtol=2e-4)


def test_envelopes_of_one_second_equal_the_full_rate_reference_within_sampling():
    """The band is sampled at its own width, so its fourth moment is an estimate: measured 2.3 % at most on noise."""
    names = [name for name in ALL if name.startswith("envelope")]
    x = machine(RATE_HZ, N, channels=8)
    found = FeatureExtractor(RATE_HZ, N, names)(x)
    assert np.allclose(found, reference_features(x, RATE_HZ, names), rtol=0.05)


def test_a_faint_line_beside_gravity_keeps_its_band():
    """80 dB below 9.81 m/s²: float32 resolves it, because the mean goes before the transform. 1 % is its noise."""
    faint = 9.81e-4
    assert features_of(sine(faint, 3000.0, offset=9.81))["band_7"] == pytest.approx(faint / np.sqrt(2), rel=0.01)


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 9, 16])
def test_a_channel_has_the_same_features_alone_and_among_others(channels):
    """Not to the last bit: the FFT takes four rows in one vector and a single one in another order."""
    x = machine(RATE_HZ, 2560, channels)
    extractor = FeatureExtractor(RATE_HZ, 2560, ALL)
    together = extractor(x)
    alone = np.concatenate([extractor(row[None]) for row in x])
    assert together.shape == (channels, len(ALL))
    assert np.allclose(together, alone, rtol=2e-5, atol=1e-6)


def test_a_second_call_gives_the_same_bits_and_leaves_samples_and_results_alone():
    """Scratch memory is used again; nothing of it may leak into what was handed out."""
    x = machine(RATE_HZ, 2560, CHANNELS_AT_ONCE + 1)
    before = x.copy()
    extractor = FeatureExtractor(RATE_HZ, 2560)
    first = extractor(x)
    kept = first.copy()
    extractor(machine(RATE_HZ, 2560, seed=8))
    assert np.array_equal(first, kept)
    assert np.array_equal(extractor(x), kept)
    assert np.array_equal(x, before)


def test_a_view_into_a_longer_stream_is_as_good_as_a_copy():
    stream = machine(RATE_HZ, 6000)
    extractor = FeatureExtractor(RATE_HZ, 2560)
    assert np.allclose(extractor(stream[:, 100:2660]), extractor(stream[:, 100:2660].copy()), rtol=2e-5)


def test_a_broken_channel_does_not_touch_its_neighbours():
    x = machine(RATE_HZ, 2560, 4)
    good = FeatureExtractor(RATE_HZ, 2560)(x)
    x[1, 77] = np.nan
    x[2, 5] = np.inf
    found = FeatureExtractor(RATE_HZ, 2560)(x)
    assert np.allclose(found[[0, 3]], good[[0, 3]], rtol=2e-5)
    assert not np.any(np.isfinite(found[1]))


@pytest.mark.parametrize("level", [0.0, 9.81, -1e4])
def test_a_constant_channel_gives_zeros_not_errors(level):
    """Zero within the rounding of a float32 sum of equal numbers: 2e-5 of the level, far below any sensor's noise."""
    found = features_of(np.full(N, level))
    noise = 2e-5 * abs(level)
    assert all(found[name] <= noise for name in ("acceleration_rms", "acceleration_peak", "band_8", "envelope_4"))
    assert all(np.isfinite(value) for value in found.values())


@pytest.mark.parametrize("scale", [1e-6, 1e5])
def test_features_scale_with_the_signal_far_beyond_any_sensor(scale):
    """No sum over- or underflows float32."""
    x = machine(RATE_HZ, N, 1)[0] - 9.81
    found, scaled = features_of(x), features_of(x * np.float32(scale))
    units = {definition.name: definition.eng_unit for definition in FEATURES}
    for name in set(ALL) - {"acceleration_mean", "skewness"}:
        factor = 1.0 if units[name] == "1" else scale
        assert scaled[name] == pytest.approx(found[name] * factor, rel=1e-3), name


def test_the_default_set_is_what_is_trended():
    assert default_names() == (
        "acceleration_rms", "acceleration_peak", "crest_factor", "kurtosis", "velocity_rms",
        *(f"band_{number}" for number in range(1, 9)),
        *(f"envelope_{number}" for number in range(1, 5)),
    )  # fmt: skip


def test_every_feature_has_a_unit_that_the_wire_knows_and_a_sentence():
    for definition in FEATURES:
        assert parse_unit(definition.eng_unit).eng_unit == definition.eng_unit
        assert definition.description.endswith(".")
    extractor = FeatureExtractor(RATE_HZ, N, ALL)
    assert extractor.describe("band_8").endswith("4773 Hz to 1.152e+04 Hz.")
    assert extractor.describe("envelope_1").endswith("1280 Hz to 2560 Hz.")
    assert extractor.describe("kurtosis") == FEATURES[3].description


def test_chosen_features_come_in_the_order_they_were_chosen():
    names = ("velocity_rms", "skewness", "band_2", "acceleration_rms")
    x = machine(RATE_HZ, 2560, 2)
    extractor = FeatureExtractor(RATE_HZ, 2560, names)
    everything = FeatureExtractor(RATE_HZ, 2560, ALL)
    assert extractor.names == names
    assert extractor.units == ("mm/s", "1", "m/s²", "m/s²")
    assert np.array_equal(extractor(x), everything(x)[:, [ALL.index(name) for name in names]])


def test_the_hash_changes_with_whatever_changes_the_meaning_of_a_column():
    one = FeatureExtractor(RATE_HZ, N)
    assert one.hash == FeatureExtractor(RATE_HZ, N).hash
    others = [
        FeatureExtractor(RATE_HZ, 2560),
        FeatureExtractor(12000.0, N),
        FeatureExtractor(RATE_HZ, N, one.names[::-1]),
        FeatureExtractor(RATE_HZ, N, one.names[:-1]),
    ]
    assert len({one.hash, *(other.hash for other in others)}) == 5
    assert len(one.hash) == 16
    assert int(one.hash, 16) >= 0


@pytest.mark.parametrize(
    ("rate", "n", "names", "says"),
    [
        (25600.0, 255, None, "at least 256"),
        (0.0, 2560, None, "rate"),
        (float("nan"), 2560, None, "rate"),
        (1.0, 3600, None, "higher rate"),
        (25600.0, 2560, ["rms"], "acceleration_rms"),
        (25600.0, 2560, [], "empty"),
        (25600.0, 2560, ["kurtosis", "kurtosis"], "repeated"),
    ],
)
def test_what_cannot_be_computed_is_refused_with_what_would_do(rate, n, names, says):
    with pytest.raises(SignalError, match=says):
        FeatureExtractor(rate, n, names)


@pytest.mark.parametrize("shape", [(2560,), (2, 2559), (1, 2, 2560)])
def test_samples_of_another_shape_are_refused(shape):
    with pytest.raises(SignalError, match="2560"):
        FeatureExtractor(RATE_HZ, 2560)(np.zeros(shape, np.float32))


@pytest.mark.parametrize("n", [256, 257, 1000, 2560, 4097, 12207])
@pytest.mark.parametrize("rate", [200.0, 1000.0, 12000.0, 25600.0, 48000.0, 97656.0])
def test_any_rate_and_any_length_from_256_samples_has_bands_that_rise_and_carriers_that_fit(rate, n):
    try:
        layout = band_layout(rate, n)
    except SignalError as error:
        # 10 Hz to 90 Hz in steps of 0.78 Hz and finer always fits; nothing else may be refused.
        assert "longer window" in str(error)  # noqa: PT017 - most of the parameters do not raise
        raise
    assert list(layout.bands) == sorted(set(layout.bands))
    assert layout.bands[0] >= 2
    assert layout.bands[-1] <= 0.45 * n
    ends = [first + bins for first, bins in layout.carriers]
    assert all(end <= following for end, (following, _) in zip(ends, layout.carriers[1:], strict=False))
    assert ends[-1] <= n // 2
    assert layout.velocity[0] < layout.velocity[1]


@settings(max_examples=50, deadline=None)
@given(rate=st.floats(50.0, 1e5), n=st.integers(256, 60_000))
def test_runs_of_carriers_are_the_carriers_of_the_layout(rate, n):
    try:
        layout = band_layout(rate, n)
    except SignalError:
        return
    runs = carrier_runs(layout)
    places = [(run.first_bin + number * run.step, run.bins) for run in runs for number in range(run.carriers)]
    assert tuple(places) == layout.carriers
    assert [number for run in runs for number in range(run.rows.start, run.rows.stop)] == list(range(len(places)))
