"""Operating states in the pipeline: what is not judged, what ISO judges all the same, and what a restart keeps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.context import ContextChannel, ContextValue
from models.contract.vocabulary import STARTING, TRANSIENT, UNKNOWN, AlarmState
from models.operating_state import OperatingSettings
from models.pipeline import Pipeline, PipelineSettings
from models.signal.windows import Window

RATE_HZ = 6400.0
SAMPLES = 3200
NS = 1_000_000_000
SETTINGS = PipelineSettings(
    asset_id="0b1d6b8e-0000-4000-8000-000000000001",
    machine="pump-1",
    channel_names=("DE.H", "NDE.H"),
    sample_rate_hz=RATE_HZ,
    window_samples=SAMPLES,
    learning_windows=20,
    machine_group=2,
    support="rigid",
    context=(ContextChannel("load", "%", state_width=20.0),),
)
LEARNT = "steady/load40"


def window(index, *, load=40.0, level=1.0, velocity_mm_s=0.5):
    """Noise, and a line at 50 Hz of so much velocity."""
    rng = np.random.default_rng([3, index])
    angle = 2.0 * np.pi * 50.0 * np.arange(SAMPLES) / RATE_HZ
    line = velocity_mm_s * 1e-3 * np.sqrt(2.0) * 2.0 * np.pi * 50.0 * np.sin(angle)
    samples = (level * rng.standard_normal((2, SAMPLES)) + line).astype(np.float32)
    end_ns = 1_700_000_040 * NS + index * NS // 2
    return Window(samples, RATE_HZ, index, 0, end_ns, None, (), (ContextValue("load", load, "%"),))


def through(pipeline, windows, state=None):
    state, outcomes = state or pipeline.start(), []
    for one in windows:
        state, outcome = pipeline.step(state, one)
        outcomes.append(outcome)
    return state, outcomes


@pytest.fixture(scope="module")
def learnt():
    pipeline = Pipeline(SETTINGS)
    state, outcomes = through(pipeline, [window(n) for n in range(40)])
    assert outcomes[-1].operating_state == LEARNT
    return pipeline, state


def test_a_louder_machine_at_a_load_that_nobody_learnt_is_no_fault(learnt):
    pipeline, state = learnt
    _, outcomes = through(pipeline, [window(40 + n, load=80.0, level=2.0) for n in range(20)], state)
    assert {one.operating_state for one in outcomes} == {TRANSIENT, STARTING, UNKNOWN}
    assert all(one.score is None and one.change is None for one in outcomes)


def test_iso_judges_from_the_first_day_also_where_the_load_is_new_or_not_known(learnt):
    pipeline, state = learnt
    for load in (80.0, None):
        dangerous = [window(40 + n, load=load, velocity_mm_s=8.0) for n in range(30)]
        _, outcomes = through(pipeline, dangerous, state)
        assert outcomes[-1].operating_state == UNKNOWN
        assert outcomes[-1].zone == "D"
        assert next(one.change.state for one in outcomes if one.change) is AlarmState.ACTIVE


def test_a_quiet_unknown_window_is_no_all_clear(learnt):
    pipeline, state = learnt
    state, outcomes = through(pipeline, [window(40 + n, level=4.0) for n in range(20)], state)
    assert state.alarm.active
    state, outcomes = through(pipeline, [window(60 + n, load=None) for n in range(60)], state)
    assert all(one.change is None for one in outcomes)
    assert state.alarm.active


def test_progress_is_told_for_each_state(learnt):
    pipeline, state = learnt
    state, _ = through(pipeline, [window(40 + n, load=80.0) for n in range(14)], state)
    # One window moves, three settle; ten remain.
    assert state.learning_progress(SETTINGS.learning_windows) == {LEARNT: 1.0, "steady/load80": 0.5}


def test_new_states_are_not_learnt_where_that_is_switched_off():
    pipeline = Pipeline(replace(SETTINGS, operating=OperatingSettings(learn_new_states=False)))
    state, _ = through(pipeline, [window(n) for n in range(40)])
    state, outcomes = through(pipeline, [window(40 + n, load=80.0) for n in range(60)], state)
    assert outcomes[-1].operating_state == UNKNOWN
    assert list(state.learnt) == [LEARNT]


def test_from_its_bytes_it_goes_on_to_the_bit_also_in_a_new_state(learnt):
    pipeline, state = learnt
    windows = [window(40 + n, load=80.0) for n in range(30)]
    straight, expected = through(pipeline, windows, state)
    half, _ = through(pipeline, windows[:11], state)
    resumed, outcomes = through(pipeline, windows[11:], pipeline.resume(half.to_bytes()))
    assert resumed.to_bytes() == straight.to_bytes()
    assert [(one.operating_state, one.score) for one in outcomes] == [
        (one.operating_state, one.score) for one in expected[11:]
    ]
