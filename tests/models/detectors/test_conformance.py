"""What every detector promises; each row of the table is picked up."""

from __future__ import annotations

import numpy as np
import pytest

from models.detectors.autoencoder import base_features
from models.detectors.detector import Detector
from models.detectors.errors import DetectorError
from models.detectors.table import COARSE, DETECTORS
from models.state_bytes import StateError

CHANNELS = 3
WIDTH = CHANNELS * len(base_features())

every_detector = pytest.mark.parametrize("detector", DETECTORS.values(), ids=DETECTORS.keys())
SHARP = {name: detector for name, detector in DETECTORS.items() if name not in COARSE}
every_sharp_detector = pytest.mark.parametrize("detector", SHARP.values(), ids=SHARP.keys())
every_coarse_detector = pytest.mark.parametrize("detector", [DETECTORS[name] for name in COARSE], ids=COARSE)


def healthy(windows, seed=0):
    """Log features of a machine: a load that moves everything, and scatter of each feature; neighbours overlap."""
    rng = np.random.default_rng(seed)
    independent = 0.08 * rng.standard_normal((windows + 1, WIDTH)) + 0.1 * rng.standard_normal((windows + 1, 1))
    overlapping = (independent[:-1] + independent[1:]) / np.sqrt(2.0)
    return (overlapping + np.linspace(-2.0, 2.0, WIDTH)).astype(np.float32)


@every_sharp_detector
@pytest.mark.parametrize("windows", [20, 30, 60])
def test_unseen_healthy_windows_stay_below_the_threshold_however_few_were_learnt(detector, windows):
    highest = 0.0
    for seed in range(10):
        fitted = Detector.fit(detector, healthy(windows, seed), groups=CHANNELS)
        highest = max(highest, float(fitted.score(healthy(1000, seed + 100)).max()))
    assert highest < 1.0


def _most_unusual_channel(fitted, vectors):
    shares = fitted.scorer.distances(vectors) / fitted.limits
    return shares.reshape(len(vectors), -1, CHANNELS).max(axis=1).argmax(axis=1)


@every_sharp_detector
def test_one_channel_that_changes_is_found_and_named(detector):
    fitted = Detector.fit(detector, healthy(60), groups=CHANNELS)
    changed = healthy(100, seed=1)
    features = WIDTH // CHANNELS
    changed[:, features + 4 : features + 8] += 2.0  # 17 dB in four features of the second channel
    assert fitted.score(changed).min() > 1.0
    assert (_most_unusual_channel(fitted, changed) == 1).all()


@every_coarse_detector
def test_a_coarse_detector_ranks_a_changed_channel_above_healthy_windows_and_names_it(detector):
    fitted = Detector.fit(detector, healthy(60), groups=CHANNELS)
    changed = healthy(100, seed=1)
    features = WIDTH // CHANNELS
    changed[:, features + 4 : features + 8] += 2.0
    usual = fitted.score(healthy(1000, seed=2))
    assert fitted.score(changed).min() > np.quantile(usual, 0.99)
    assert (_most_unusual_channel(fitted, changed) == 1).mean() > 0.9
    # Three windows of a hundred: three of five in a row by chance are then rarer than one in thirty thousand.
    assert (usual > 1.0).mean() < 0.03


@every_detector
def test_the_score_grows_with_the_change_far_beyond_what_int8_can_hold(detector):
    fitted = Detector.fit(detector, healthy(60), groups=CHANNELS)
    direction = np.zeros(WIDTH, np.float32)
    direction[5] = 1.0
    scores = fitted.score(healthy(1, seed=1) + direction * np.float32([[1], [2], [4], [8], [16]]))
    assert (np.diff(scores) > 0.0).all()


@every_detector
def test_scores_are_finite_and_never_negative_for_silence_and_for_noise_beyond_measure(detector):
    fitted = Detector.fit(detector, healthy(60), groups=CHANNELS)
    scores = fitted.score(np.float32([[-14.0] * WIDTH, [80.0] * WIDTH, [0.0] * WIDTH]))
    assert np.isfinite(scores).all()
    assert (scores >= 0.0).all()


@every_detector
def test_a_machine_without_any_scatter_can_be_learnt(detector):
    fitted = Detector.fit(detector, np.ones((60, WIDTH), np.float32), groups=CHANNELS)
    assert np.isfinite(fitted.score(np.ones((1, WIDTH), np.float32) * 2.0)).all()


@every_detector
def test_one_bump_while_learning_does_not_hide_later_faults(detector):
    bumped = healthy(60)
    bumped[30:32] += 3.0
    clean, knocked = (Detector.fit(detector, vectors, groups=CHANNELS) for vectors in (healthy(60), bumped))
    fault = healthy(100, seed=1)
    fault[:, :6] += 1.0
    assert np.median(knocked.score(fault)) > 0.5 * np.median(clean.score(fault))


@every_detector
def test_typical_is_where_healthy_scores_lie(detector):
    fitted = Detector.fit(detector, healthy(60), groups=CHANNELS)
    assert fitted.typical == pytest.approx(float(np.median(fitted.score(healthy(1000, seed=1)))), rel=0.35)


@every_detector
def test_the_same_windows_give_the_same_bytes_and_the_bytes_the_same_scores(detector):
    fitted = Detector.fit(detector, healthy(60), groups=CHANNELS)
    assert Detector.fit(detector, healthy(60), groups=CHANNELS).to_bytes() == fitted.to_bytes()
    again = Detector.from_bytes(detector, fitted.to_bytes())
    assert again.score(healthy(50, seed=1)).tobytes() == fitted.score(healthy(50, seed=1)).tobytes()
    assert again.to_bytes() == fitted.to_bytes()
    assert len(fitted.to_bytes()) < 10_000


@every_detector
def test_bytes_of_something_else_are_refused(detector):
    with pytest.raises(StateError):
        Detector.from_bytes(detector, b"not a detector")


@every_detector
def test_what_cannot_be_learnt_from_is_said_in_one_line(detector):
    gap = healthy(60)
    gap[7, 7] = np.nan
    for vectors, groups in ((healthy(7), CHANNELS), (gap, CHANNELS), (healthy(60), CHANNELS + 1), (healthy(60)[0], 1)):
        with pytest.raises(DetectorError) as refused:
            Detector.fit(detector, vectors, groups=groups)
        assert "\n" not in str(refused.value)
