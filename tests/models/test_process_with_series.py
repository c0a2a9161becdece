"""Detectors of slow series in the whole pipeline: in their phase, beside others, over a restart, told once."""

from __future__ import annotations

import numpy as np
import pytest

from models.alarming import AlarmSettings
from models.contract.vocabulary import AlarmState, DiagnosisLabel, QualityCause
from models.process.errors import ProcessError
from models.process.phases import Phase
from models.process_pipeline import ProcessPipeline, ProcessSettings
from models.signal.windows import Block, Windower

CHANNELS = {"LOOP.P": "bar", "PUMP.I": "A"}
START_NS = 10**18
RATE_HZ = 0.1


def _settings(**more):
    usual = {
        "asset_id": "6f1c7a52-94a7-4f5f-8a0e-0d7a2f3c1b12",
        "machine": "loop-1",
        "channel_names": tuple(CHANNELS),
        "units": tuple(CHANNELS.values()),
        "sample_rate_hz": RATE_HZ,
        "window_samples": 6,
        "hop_samples": 1,
        "learning_windows": 300,
        "learning_s": 0.0,
        "detectors": ("tracking",),
    }
    return ProcessSettings(**{**usual, **more})


def _loop(rows, seed=0):
    """Return pressure and current of a pump, (2, rows)."""
    noise = np.random.default_rng(seed).standard_normal((2, rows))
    return (np.array([[3.0], [8.0]]) + np.array([[0.02], [0.1]]) * noise).astype(np.float32)


def _windows(samples, settings, first=0):
    windower = Windower(RATE_HZ, settings.window_samples, settings.hop_samples)
    end = first + samples.shape[1]
    return windower.push(Block(first, 1, samples, START_NS + round(end / RATE_HZ * 1e9)))


def _run(pipeline, windows, state=None):
    state, told, outcomes = state or pipeline.start(), [], []
    for window in windows:
        state, outcome = pipeline.step(state, window)
        outcomes.append(outcome)
        if outcome.change is not None:
            told.append(outcome)
    return state, told, outcomes


def test_a_level_that_moved_is_told_in_words_and_returns_when_it_is_back():
    samples = _loop(1_400)
    samples[0, 700:1_000] += 0.3
    settings = _settings()
    _, told, outcomes = _run(ProcessPipeline(settings), _windows(samples, settings))
    assert [one.change.state for one in told] == [AlarmState.ACTIVE, AlarmState.RETURNED]
    assert told[0].diagnosis.label is DiagnosisLabel.CHANGED
    assert told[0].diagnosis.sentence.startswith("The level of LOOP.P has left where it usually wanders: 3.3")
    scores = [one.score for one in outcomes]
    assert scores[250] is None
    assert max(score for score in scores[400:690] if score is not None) < 1.0
    # Health is 100 where windows usually are, and nothing of a normal of windows is claimed.
    assert outcomes[650].health_index > 80.0
    assert outcomes[650].baseline is None
    assert outcomes[800].health_index < 50.0


def test_learning_shows_and_ends_with_the_last_of_all_judges():
    settings = _settings(detectors=("mahalanobis", "tracking"), learning_windows=500)
    _, _, outcomes = _run(ProcessPipeline(settings), _windows(_loop(700), settings))
    shares = [one.learning_progress for one in outcomes]
    assert shares == sorted(shares)
    assert shares[250] == pytest.approx(0.5, abs=0.01)
    assert shares[-1] == 1.0
    assert outcomes[-1].score is not None


def test_two_levels_are_normal_each_in_its_phase_and_a_fault_in_the_other():
    phases = (Phase("pumping", "PUMP.I", above=5.0),)
    samples = _loop(2_600, seed=1)
    for begin in range(0, 2_600, 200):
        samples[:, begin : begin + 100] -= np.float32([[1.0], [8.0]])
    samples[0, 2_000:2_100] += 1.0
    settings = _settings(phases=phases, alarm=AlarmSettings(on_windows=(20, 20)))
    state, told, outcomes = _run(ProcessPipeline(settings), _windows(samples, settings))
    places = state.streams["tracking"].places
    assert set(places) == {"steady/pumping", "steady/default"}
    assert [one.operating_state for one in told][:1] == ["steady/default"]
    assert max(one.score for one in outcomes[:1_990] if one.score is not None) < 1.0
    assert told[0].diagnosis.channel == "LOOP.P"


@pytest.mark.parametrize("detectors", [("tracking",), ("discord",), ("mahalanobis", "tracking", "discord")])
@pytest.mark.parametrize("cut", [300, 900])
def test_a_restart_goes_on_to_the_bit_and_tells_nothing_twice(detectors, cut):
    settings = _settings(detectors=detectors)
    samples = _loop(1_300, seed=2)
    samples[0, 800:] += 0.3
    windows = _windows(samples, settings)
    pipeline, again = ProcessPipeline(settings), ProcessPipeline(settings)
    state, before, _ = _run(pipeline, windows[:cut])
    resumed = again.resume(state.to_bytes())
    state, told, outcomes = _run(pipeline, windows[cut:], state)
    resumed, other_told, other = _run(again, windows[cut:], resumed)
    assert state.to_bytes() == resumed.to_bytes()
    assert [(one.score, one.change) for one in outcomes] == [(one.score, one.change) for one in other]
    assert [one.change for one in told] == [one.change for one in other_told]
    if "tracking" in detectors:
        assert len([one for one in before + other_told if one.change.revision == 1]) == 1


def test_other_detectors_are_learnt_anew_and_alarms_are_kept():
    settings = _settings()
    samples = _loop(900)
    samples[0, 700:] += 0.3
    state, told, _ = _run(ProcessPipeline(settings), _windows(samples, settings))
    assert told
    other = ProcessPipeline(_settings(detectors=("tracking", "mahalanobis"))).resume(state.to_bytes())
    assert (other.streams, other.stream_conditions, other.learnt) == ({}, {}, {})
    assert other.alarm == state.alarm


def test_a_channel_that_is_missing_is_the_sensor_and_no_change_of_the_process():
    samples = _loop(1_200)
    samples[1, 700:] = np.nan
    settings = _settings()
    _, told, outcomes = _run(ProcessPipeline(settings), _windows(samples, settings))
    assert told == []
    assert outcomes[-1].sensor_causes == (QualityCause.NO_DATA,)
    assert outcomes[-1].score is None


def test_a_detector_that_is_not_known_is_refused_by_name():
    with pytest.raises(ProcessError, match="detector 'trackin' is none of mahalanobis"):
        ProcessPipeline(_settings(detectors=("trackin",)))
