"""Healthy recordings become a bundle that tells healthy from changed, to the byte the same each time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.ringing import RATE_HZ, signal

from models.bundle.archive import NETWORK, read_bundle
from models.bundle.errors import UnsuitableBundleError
from models.bundle.manifest import Manifest
from models.detectors.fitted import check_golden, fitted_of, network_of
from models.recordings.recording import Channel, Recording, Segment
from models.scoring import BundleScorer
from models.training.errors import FitError
from models.training.fit_windows import WindowFit, fit_windows


def recorded(tmp_path, samples, name="healthy.npz", unit="m/s2", rate_hz=RATE_HZ):
    """Return samples as a recording; the file is there for its fingerprint."""
    path = Path(tmp_path) / name
    path.write_bytes(samples.tobytes())
    channels = tuple(Channel(f"CH{number}", unit) for number in range(len(samples)))
    return Recording(path, channels, rate_hz, (Segment(0.0, samples),))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return a folder, and the bundle of half a minute of a healthy machine."""
    folder = tmp_path_factory.mktemp("fit")
    return folder, fit_windows([recorded(folder, signal(32.0, 1))], WindowFit("motor"))


def scores(data, recording):
    return np.array([row.score for row in BundleScorer(read_bundle(data))(recording)])


def test_healthy_windows_are_quiet_and_impacts_are_found(made, tmp_path):
    _, data = made
    healthy = scores(data, recorded(tmp_path, signal(20.0, 2)))
    faulty = scores(data, recorded(tmp_path, signal(20.0, 3, impacts=40.0), "faulty.npz"))
    assert healthy.max() < 1.0
    assert faulty.min() > 1.0


def test_p_values_are_spread_evenly_over_healthy_windows_and_small_for_a_fault(made, tmp_path):
    _, data = made
    rows = list(BundleScorer(read_bundle(data))(recorded(tmp_path, signal(60.0, 4))))
    p_values = np.array([row.p_value for row in rows])
    # The windows it was calibrated on were few and overlap: a quarter of them below 0.25 is what can be asked.
    assert 0.1 < np.mean(p_values < 0.25) < 0.5
    faulty = BundleScorer(read_bundle(data))(recorded(tmp_path, signal(5.0, 5, impacts=40.0), "faulty.npz"))
    assert max(row.p_value for row in faulty) < 0.05


def test_the_same_files_give_the_same_bytes(made):
    folder, data = made
    assert fit_windows([recorded(folder, signal(32.0, 1))], WindowFit("motor")) == data


def test_another_seed_is_another_network(made):
    folder, data = made
    other = fit_windows([recorded(folder, signal(32.0, 1))], WindowFit("motor", seed=2))
    assert read_bundle(other).parts[NETWORK] != read_bundle(data).parts[NETWORK]


def test_the_network_is_small_and_int8_costs_nothing(made):
    _, data = made
    manifest = read_bundle(data).manifest
    assert len(data) < 30_000
    assert manifest.network.float_weight_bytes == 4 * manifest.network.weight_bytes
    by_name = {metric.name: metric.value for metric in manifest.metrics}
    assert by_name["int8_float_correlation"] >= 0.995
    assert by_name["false_alarm_share"] == 0.0


def test_the_manifest_says_what_it_was_learnt_from_and_what_features_mean(made):
    manifest: Manifest = read_bundle(made[1]).manifest
    (data,) = manifest.training.data
    assert (data.name, data.windows) == ("healthy.npz", 63)
    bands = {band.name: (band.low_hz, band.high_hz) for band in manifest.features.bands}
    assert set(bands) == {name for name in manifest.features.names if name.startswith(("band_", "envelope_"))}
    assert all(low_hz < high_hz <= RATE_HZ / 2 for low_hz, high_hz in bands.values())
    assert manifest.features.window_samples == 12_000


def test_the_known_answers_are_reproduced_on_every_runtime_and_others_are_refused(made):
    bundle = read_bundle(made[1])
    for runtime in ("litert", "numpy"):
        network = network_of(bundle, runtime)
        check_golden(bundle, network, fitted_of(bundle, network))
    fitted = fitted_of(bundle, network_of(bundle))
    with pytest.raises(UnsuitableBundleError, match="could be run"):
        check_golden(bundle, None, fitted)


def test_a_network_that_answers_otherwise_here_is_refused(made):
    bundle = read_bundle(made[1])
    network = network_of(bundle)

    class Skewed:
        inputs, outputs = network.inputs, network.outputs

        def run(self, rows):
            return network.run(rows) + np.float32(0.3)

    with pytest.raises(UnsuitableBundleError, match="beside the known answers"):
        check_golden(bundle, Skewed(), None)


def test_shorter_records_are_cut_shorter(tmp_path):
    for seconds, window_s in ((32.0, 1.0), (16.0, 0.5), (8.0, 0.25), (2.5, 0.25)):
        wanted = WindowFit("motor", detectors=("mahalanobis",))
        data = fit_windows([recorded(tmp_path, signal(seconds, 1))], wanted)
        assert read_bundle(data).manifest.features.window_samples == window_s * RATE_HZ


def test_a_faster_recording_is_brought_down_and_a_slower_one_refused(made, tmp_path):
    _, data = made
    fast = recorded(tmp_path, np.repeat(signal(8.0, 6), 2, axis=1), "fast.npz", rate_hz=2 * RATE_HZ)
    assert len(scores(data, fast)) == 15
    slow = recorded(tmp_path, signal(8.0, 6), "slow.npz", rate_hz=RATE_HZ / 2)
    with pytest.raises(UnsuitableBundleError, match=r"slow\.npz: recorded at 6000 Hz, wanted 12000 Hz"):
        scores(data, slow)


def test_a_machine_that_is_off_or_a_dead_sensor_is_not_judged(made, tmp_path):
    _, data = made
    off = recorded(tmp_path, signal(4.0, 7) * np.float32(1e-4), "off.npz")
    rows = list(BundleScorer(read_bundle(data))(off))
    assert {(row.state, row.score) for row in rows} == {("off", None)}
    dead = signal(4.0, 7)
    dead[0, :20_000] = np.nan
    rows = list(BundleScorer(read_bundle(data))(recorded(tmp_path, dead, "dead.npz")))
    assert [row.state for row in rows].count("unknown") == 4
    assert rows[-1].score is not None


def _with_a_dead_channel():
    return np.stack([signal(8.0, 1)[0], np.full(96_000, 2.5, np.float32)])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda folder: [recorded(folder, signal(0.9, 1))], "a baseline needs at least 8"),
        (lambda folder: [recorded(folder, signal(8.0, 1) * np.float32(1e-5))], "machine was off"),
        (lambda folder: [recorded(folder, _with_a_dead_channel())], "CH1 never"),
        (lambda folder: [recorded(folder, signal(8.0, 1)), recorded(folder, signal(8.0, 2)[:1], "b")], "b: has the"),
        (lambda folder: [recorded(folder, signal(8.0, 1), rate_hz=None)], "--rate HZ"),
    ],
)
def test_data_that_cannot_give_a_model_are_named(tmp_path, change, words):
    with pytest.raises(FitError, match=words) as caught:
        fit_windows(change(tmp_path), WindowFit("motor", detectors=("mahalanobis",)))
    assert "\n" not in str(caught.value)


def test_a_rate_above_the_recordings_and_an_unknown_detector_are_refused(tmp_path):
    recording = recorded(tmp_path, signal(8.0, 1))
    with pytest.raises(FitError, match="a rate is brought down"):
        fit_windows([recording], WindowFit("motor", sample_rate_hz=25_600.0))
    with pytest.raises(FitError, match="choose from mahalanobis"):
        fit_windows([recording], WindowFit("motor", detectors=("svm",)))


def test_a_bundle_for_other_channels_says_which(made, tmp_path):
    with pytest.raises(UnsuitableBundleError, match=r"CH0 \(g\).*was fitted on CH0 \(m/s2\)"):
        scores(made[1], recorded(tmp_path, signal(4.0, 1), unit="g"))
