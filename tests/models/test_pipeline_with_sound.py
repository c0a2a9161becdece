"""A pipeline with microphones among its channels: who says what the machine does, and what is compared with what."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.contract.vocabulary import OFF
from models.pipeline import Pipeline, PipelineSettings, PipelineSettingsError
from models.signal.windows import Window

RATE_HZ = 6_400.0
SAMPLES = 1_600
NS = 1_000_000_000
SETTINGS = PipelineSettings(
    asset_id="0b1d6b8e-0000-4000-8000-000000000001",
    machine="fan-1",
    channel_names=("MIC.A", "DE.H", "NDE.H"),
    sample_rate_hz=RATE_HZ,
    window_samples=SAMPLES,
    machine_group=2,
    support="rigid",
    learning_windows=30,
    sound_channels=("MIC.A",),
)


def windows(count, *, level=1.0, sound=0.02, order=(0, 1, 2), first=0):
    for index in range(first, first + count):
        rng = np.random.default_rng([5, index])
        samples = rng.standard_normal((3, SAMPLES)) * np.array([[sound], [level], [level]])
        rows = samples[list(order)].astype(np.float32)
        yield Window(rows, RATE_HZ, index, 0, NS + index * NS // 8, None, ())


def through(pipeline, stream, state=None):
    state, outcomes = state or pipeline.start(), []
    for one in stream:
        state, outcome = pipeline.step(state, one)
        outcomes.append(outcome)
    return state, outcomes


def test_the_order_of_the_channels_changes_no_score():
    """Detectors add up over channels in their order: 1e-3 of a score."""
    _, told = through(Pipeline(SETTINGS), windows(60))
    turned = replace(SETTINGS, channel_names=("NDE.H", "MIC.A", "DE.H"))
    _, also = through(Pipeline(turned), windows(60, order=(2, 0, 1)))
    assert [one.operating_state for one in told] == [one.operating_state for one in also]
    scores = [[one.score for one in outcomes if one.score is not None] for outcomes in (told, also)]
    assert len(scores[0]) == 30
    assert np.allclose(*scores, atol=1e-3)
    assert np.allclose(told[-1].baseline[0], also[-1].baseline[1], rtol=1e-3, equal_nan=True)


def test_a_baseline_of_a_level_is_a_level():
    pipeline = Pipeline(SETTINGS)
    _, outcomes = through(pipeline, windows(60))
    baseline, features = outcomes[-1].baseline, outcomes[-1].features
    column = pipeline.facts.feature_names.index("MIC.A/sound_level")
    assert pipeline.feature_units[column] == "dB re 20 µPa"
    assert baseline.ravel()[column] == pytest.approx(60.0, abs=0.3)
    assert features.ravel()[column] == pytest.approx(60.0, abs=0.5)


def test_a_sound_that_doubles_scores_like_a_vibration_that_doubles():
    """Levels are judged as the pressures they stand for: 6 dB are a factor of two in either."""
    pipeline = Pipeline(SETTINGS)
    state, _ = through(pipeline, windows(60))
    _, heard = through(pipeline, windows(5, sound=0.04, first=60), state)
    usual = through(pipeline, windows(5, first=60), state)[1]
    assert min(one.score for one in heard) > 1.5
    assert max(one.score for one in usual) < 1.0
    alone = Pipeline(replace(SETTINGS, sound_channels=()))
    state, _ = through(alone, windows(60))
    _, felt = through(alone, windows(5, sound=0.04, first=60), state)
    # Twelve of the fourteen judged features of the channel are the same numbers in another unit.
    assert np.mean([one.score for one in heard]) == pytest.approx(np.mean([one.score for one in felt]), rel=0.5)


def test_whether_it_runs_is_told_by_what_touches_it():
    pipeline = Pipeline(SETTINGS)
    state, _ = through(pipeline, windows(60))
    _, stopped = through(pipeline, windows(5, level=0.01, sound=0.05, first=60), state)
    assert {one.operating_state for one in stopped} == {OFF}
    _, silent = through(pipeline, windows(5, sound=1e-4, first=60), state)
    assert OFF not in {one.operating_state for one in silent}


def test_microphones_alone_tell_it_against_their_learnt_level_only():
    pipeline = Pipeline(replace(SETTINGS, sound_channels=SETTINGS.channel_names))
    state, outcomes = through(pipeline, windows(60, level=0.002, sound=0.002))
    assert OFF not in {one.operating_state for one in outcomes}
    assert {one.zone for one in outcomes} == {None}
    _, stopped = through(pipeline, windows(5, level=0.0004, sound=0.0004, first=60), state)
    assert stopped[-1].operating_state == OFF


def test_another_kind_of_channel_is_learnt_anew():
    state, _ = through(Pipeline(SETTINGS), windows(60))
    same = Pipeline(SETTINGS).resume(state.to_bytes())
    other = Pipeline(replace(SETTINGS, sound_channels=())).resume(state.to_bytes())
    assert same.learnt
    assert not other.learnt


def test_a_microphone_that_is_no_channel_is_refused_with_those_there_are():
    with pytest.raises(PipelineSettingsError, match=r"'MIC.B'.*MIC.A, DE.H, NDE.H"):
        Pipeline(replace(SETTINGS, sound_channels=("MIC.B",)))
