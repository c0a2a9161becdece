"""From samples to an alarm under the default profile: seconds for what is severe, a quarter of an hour for what is not.

Every machine here goes through the whole pipeline with nothing set but its channels, rate and window.
"""

from __future__ import annotations

import functools
import itertools

import numpy as np
import pytest

from models import learning
from models.contract.vocabulary import AlarmState, Severity
from models.learning import Baseline
from models.pipeline import Pipeline, PipelineSettings
from models.signal.windows import Window

RATE_HZ = 6_400.0
SAMPLES = 1_600
NS = 1_000_000_000
START_NS = 1_700_000_040 * NS
TWICE_A_SECOND, EACH_SECOND, EACH_MINUTE, EACH_TEN_MINUTES = 0.5, 1.0, 60.0, 600.0
FAST_S, SLOW_S = 5.0, 15.0 * 60.0
DAY_S = 86_400.0


def window(index, end_s, *, impacts=0.0, level=1.0, begins=0):
    """Return two channels of noise; on the second, impacts that ring at 2 kHz forty times a second.

    Args:
        index: of the window.
        end_s: when it ends.
        impacts: their peak in m/s².
        level: RMS of the noise in m/s².
        begins: sample with which the impacts begin.
    """
    samples = level * np.random.default_rng([11, index]).standard_normal((2, SAMPLES))
    since_s = (np.arange(SAMPLES) / RATE_HZ + 0.013 * index) % (1.0 / 40.0)
    rings = impacts * np.exp(-since_s * 500.0) * np.sin(2.0 * np.pi * 2_000.0 * since_s)
    samples[1, begins:] += rings[begins:]
    return Window(samples.astype(np.float32), RATE_HZ, index, 0, START_NS + round(end_s * NS), None)


@functools.cache
def learnt(hop_s, hours):
    """Return the pipeline, its state after it was learnt and so many healthy hours, the next window and its time."""
    names = ("DE.H", "NDE.H")
    pipeline = Pipeline(PipelineSettings("0b1d6b8e-0000-4000-8000-000000000001", "pump-1", names, RATE_HZ, SAMPLES))
    state, end_s = pipeline.start(), 0.0
    steps = [hop_s] * pipeline.settings.learning_windows + [max(hop_s, EACH_MINUTE)] * round(hours * 60)
    for index, step_s in enumerate(steps):
        end_s += step_s
        state, outcome = pipeline.step(state, window(index, end_s))
        assert outcome.change is None
    return pipeline, state, len(steps), end_s


def impacts_that_score(wanted, pipeline, state, begin, end_s):
    """Return the peak of impacts whose windows have this median score; asking changes nothing."""
    low, high = 0.0, 50.0
    for _ in range(16):
        middle = (low + high) / 2.0
        some = [window(begin + n, end_s + n + 1.0, impacts=middle) for n in range(16)]
        is_less = np.median([pipeline.step(state, one)[1].score for one in some]) < wanted
        low, high = (middle, high) if is_less else (low, middle)
    return high


def told(pipeline, state, windows):
    """Return (seconds after the first window's end, change) of everything that people are told."""
    changes, first_ns = [], None
    for one in windows:
        first_ns = first_ns or one.end_ns
        state, outcome = pipeline.step(state, one)
        if outcome.change is not None:
            changes.append(((one.end_ns - first_ns) / NS, outcome.change))
    return changes


@pytest.mark.parametrize("hop_s", [TWICE_A_SECOND, EACH_SECOND])
@pytest.mark.parametrize("begins", [0, SAMPLES // 2, SAMPLES - SAMPLES // 8])
def test_a_severe_onset_is_an_alarm_within_five_seconds_of_its_first_window(hop_s, begins):
    pipeline, state, begin, end_s = learnt(hop_s, hours=0.5)
    severe = impacts_that_score(3.0, pipeline, state, begin, end_s)
    # The fault begins somewhere within its first window.
    windows = [
        window(begin + n, end_s + (n + 1) * hop_s, impacts=severe, begins=begins if n == 0 else 0) for n in range(20)
    ]
    ((delay_s, change),) = told(pipeline, state, windows)
    assert delay_s <= FAST_S
    assert (change.state, change.severity) == (AlarmState.ACTIVE, Severity.ALERT)


@pytest.mark.parametrize(
    ("hop_s", "hours"), [(TWICE_A_SECOND, 1 / 6), (TWICE_A_SECOND, 3), (10.0, 3), (EACH_MINUTE, 3)]
)
def test_a_fault_a_quarter_over_the_threshold_is_an_alarm_within_fifteen_minutes(hop_s, hours):
    pipeline, state, begin, end_s = learnt(hop_s, hours)
    slight = impacts_that_score(1.25, pipeline, state, begin, end_s)
    windows = [window(begin + n, end_s + (n + 1) * hop_s, impacts=slight) for n in range(round(SLOW_S / hop_s) + 1)]
    ((delay_s, change),) = told(pipeline, state, windows)
    assert 8 * 60.0 <= delay_s <= SLOW_S
    assert (change.state, change.severity) == (AlarmState.ACTIVE, Severity.WATCH)


def wear(begin, end_s, *, doubles_in_s):
    """Yield a window every ten minutes of a machine whose vibration grows evenly, to 2.4 times."""
    for n in itertools.count():
        level = 2.0 ** (n * EACH_TEN_MINUTES / doubles_in_s)
        if level > 2.4:
            return
        yield window(begin + n, end_s + (n + 1) * EACH_TEN_MINUTES, level=level)


def test_wear_over_weeks_that_the_baseline_follows_is_told_by_the_slow_judge_when_it_has_doubled(monkeypatch):
    pipeline, state, begin, end_s = learnt(EACH_TEN_MINUTES, hours=3)
    doubles_in_s = 14 * DAY_S
    (at_s, change), *more = told(pipeline, state, wear(begin, end_s, doubles_in_s=doubles_in_s))
    assert change.state is AlarmState.ACTIVE
    assert 2.0 ** (at_s / doubles_in_s) == pytest.approx(2.0, rel=0.2)
    # It stands: what is worn does not heal.
    assert all(one.state is AlarmState.ACTIVE for _, one in more)
    # Without the slow judge the tracking baseline would have swallowed it all.
    monkeypatch.setattr(Baseline, "trend", lambda *_: 0.0)
    monkeypatch.setattr(learning, "LARGEST_DRIFT", 10.0)
    assert told(pipeline, state, wear(begin, end_s, doubles_in_s=doubles_in_s)) == []
