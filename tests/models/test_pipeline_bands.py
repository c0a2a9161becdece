"""Alarm and trip limits of the velocity in the pipeline: from the first day, per channel and operating state, lasting.

The machine here hums with a line at 50 Hz of a known velocity over very little noise, so that what is judged is known;
while it is learnt its velocity scatters so widely that no detector finds a rise unusual: what alarms is the limit.
"""

from __future__ import annotations

import functools
from dataclasses import replace

import numpy as np
import pytest

from models.alarming import AlarmSettings
from models.contract.vocabulary import UNKNOWN, AlarmState, Severity
from models.diagnosis.iso20816 import BandError, UserBands
from models.pipeline import Pipeline, PipelineSettings, PipelineSettingsError
from models.signal.windows import Window

RATE_HZ = 6400.0
SAMPLES = 1600
NS = 1_000_000_000
SETTINGS = PipelineSettings(
    asset_id="0b1d6b8e-0000-4000-8000-000000000001",
    machine="pump-1",
    channel_names=("DE.H", "NDE.H"),
    sample_rate_hz=RATE_HZ,
    window_samples=SAMPLES,
    learning_windows=30,
    machine_group=2,
    support="rigid",
    alarm=AlarmSettings(on_windows=(3, 5), on_decisions=(3, 5), decision_s=0.0, off_decisions=1),
)
DEFAULT = "steady/default"
LEARNT_MM_S = 1.0
"""Of DE.H; NDE.H has half of it. The alarms are 0.7 mm/s above: a quarter of 2.8, the boundary B/C."""


def window(index, velocity_mm_s, *, speed_rpm=None, other=0.5):
    """A line of so much velocity at DE.H, a share of it at NDE.H; noise of 0.04 mm/s."""
    rng = np.random.default_rng([5, index])
    angle = 2.0 * np.pi * 50.0 * np.arange(SAMPLES) / RATE_HZ
    line = 1e-3 * np.sqrt(2.0) * 2.0 * np.pi * 50.0 * np.sin(angle)
    samples = 0.05 * rng.standard_normal((2, SAMPLES)) + velocity_mm_s * np.array([[1.0], [other]]) * line
    return Window(samples.astype(np.float32), RATE_HZ, index, 0, 1_700_000_040 * NS + index * NS // 8, speed_rpm)


def through(pipeline, velocities, state=None, first=0, **more):
    state, outcomes = state or pipeline.start(), []
    for number, velocity in enumerate(velocities, start=first):
        state, outcome = pipeline.step(state, window(number, velocity, **more))
        outcomes.append(outcome)
    return state, outcomes


def wide(count, centre=LEARNT_MM_S):
    """Velocities from half to twice of one, as evenly as can be, in an order that shows no trend."""
    shares = np.exp(np.log(2.0) * np.linspace(-1.0, 1.0, count))
    return centre * shares[np.random.default_rng(3).permutation(count)]


@functools.cache
def learnt(bands=None):
    pipeline = Pipeline(replace(SETTINGS, bands=bands))
    state, outcomes = through(pipeline, wide(40))
    assert state.baseline(DEFAULT) is not None
    assert [one for one in outcomes if one.change] == []
    return pipeline, state


def changes(outcomes):
    return [(n, one.change.state, one.change.severity) for n, one in enumerate(outcomes) if one.change]


def test_a_limit_stands_a_quarter_of_the_boundary_above_what_each_channel_has_learnt():
    _, state = learnt()
    assert state.healthy_mm_s[DEFAULT] == pytest.approx((LEARNT_MM_S, LEARNT_MM_S / 2), rel=0.1)


def test_above_the_alarm_is_alert_though_the_zone_is_good_and_the_score_is_usual():
    pipeline, state = learnt()
    healthy, _ = state.healthy_mm_s[DEFAULT]
    _, below = through(pipeline, [healthy + 0.65] * 20, state, first=40)
    assert changes(below) == []
    assert {one.crossing for one in below} == {None}
    _, above = through(pipeline, [healthy + 0.8] * 20, state, first=40)
    assert {one.zone for one in above} == {"B"}
    assert max(one.score for one in above) < 1.0
    assert changes(above) == [(2, AlarmState.ACTIVE, Severity.ALERT)]
    crossing = above[2].crossing
    assert (crossing.channel, crossing.is_trip, crossing.bands.alarm_basis) == ("DE.H", False, "baseline")
    assert crossing.bands.alarm_mm_s == pytest.approx(healthy + 0.7)


def test_single_windows_never_alarm():
    pipeline, state = learnt()
    _, outcomes = through(pipeline, ([1.0] * 5 + [9.0]) * 10, state, first=40)
    assert sum(one.crossing is not None for one in outcomes) == 10
    assert changes(outcomes) == []


def test_the_other_channel_is_judged_by_its_own_baseline():
    pipeline, state = learnt()
    # NDE.H rises from 0.5 to 1.5 mm/s, which DE.H may have.
    _, outcomes = through(pipeline, [1.0] * 10, state, first=40, other=1.5)
    assert outcomes[-1].crossing.channel == "NDE.H"


def test_above_the_trip_is_danger_and_nothing_is_learnt_from_it():
    pipeline, state = learnt()
    after, outcomes = through(pipeline, [4.8] * 10, state, first=40)
    assert changes(outcomes) == [(2, AlarmState.ACTIVE, Severity.DANGER)]
    assert outcomes[2].crossing.is_trip
    assert outcomes[2].health_index <= 20.0
    assert after.baseline(DEFAULT).centre == pytest.approx(state.baseline(DEFAULT).centre)


def test_before_anything_is_learnt_the_zone_boundaries_are_the_limits():
    _, outcomes = through(Pipeline(SETTINGS), [3.0] * 5)
    assert outcomes[2].crossing.bands.alarm_basis == "initial"
    assert changes(outcomes) == [(2, AlarmState.ACTIVE, Severity.ALERT)]


def test_a_plants_own_limits_go_before_the_zones():
    pipeline = Pipeline(replace(SETTINGS, bands=UserBands(alarm_mm_s=4.0, trip_mm_s=8.0)))
    # It has always run in zone C, and the plant says that it may.
    state, outcomes = through(pipeline, [3.4, 3.6] * 20)
    assert outcomes[-1].zone == "C"
    assert changes(outcomes) == []
    assert state.baseline(DEFAULT) is not None
    _, outcomes = through(pipeline, [5.0] * 10, state, first=40)
    assert outcomes[-1].zone == "D"
    assert outcomes[-1].crossing.bands.alarm_basis == "user"
    # A danger score in a bad zone and above the plant's alarm.
    assert changes(outcomes)[0][1] is AlarmState.ACTIVE
    _, outcomes = through(pipeline, [9.0] * 10, state, first=40)
    assert changes(outcomes)[-1][2] is Severity.DANGER
    assert outcomes[-1].crossing.is_trip


@pytest.mark.parametrize(
    ("bands", "velocity_mm_s", "severity"),
    [
        (UserBands(alarm_mm_s=2.0), 9.0, Severity.ALERT),
        (UserBands(trip_mm_s=4.0), 5.0, Severity.DANGER),
        (UserBands(alarm_mm_s=2.0, trip_mm_s=4.0), 3.0, Severity.ALERT),
    ],
)
def test_a_plants_own_limits_need_no_machine_group(bands, velocity_mm_s, severity):
    pipeline = Pipeline(replace(SETTINGS, machine_group=None, support=None, bands=bands))
    _, outcomes = through(pipeline, [velocity_mm_s] * 8)
    assert {one.zone for one in outcomes} == {None}
    assert changes(outcomes) == [(2, AlarmState.ACTIVE, severity)]


def test_a_high_score_below_the_alarm_is_alert_at_most_whatever_the_zone():
    """The other channel is far from its baseline, and the velocity where the plant says that it may be."""
    alarm = replace(SETTINGS.alarm, danger_score=2.5)
    pipeline = Pipeline(replace(SETTINGS, bands=UserBands(alarm_mm_s=4.0, trip_mm_s=8.0), alarm=alarm))
    state, _ = through(pipeline, [3.0, 3.1] * 20)
    _, outcomes = through(pipeline, [3.05] * 20, state, first=40, other=1.2)
    assert {one.zone for one in outcomes} == {"C"}
    assert min(one.score for one in outcomes) > alarm.danger_score
    assert changes(outcomes) == [(2, AlarmState.ACTIVE, Severity.ALERT)]


def test_an_alarm_is_left_five_per_cent_below_its_limit():
    pipeline, state = learnt()
    healthy, _ = state.healthy_mm_s[DEFAULT]
    limit = healthy + 0.7
    state, outcomes = through(pipeline, [1.02 * limit] * 5 + [0.97 * limit] * 30, state, first=40)
    assert state.alarm.active
    assert len(changes(outcomes)) == 1
    state, outcomes = through(pipeline, [0.9 * limit] * 15, state, first=75)
    assert [kind for _, kind, _ in changes(outcomes)] == [AlarmState.RETURNED]


def test_each_operating_state_has_its_own_limit():
    pipeline = Pipeline(replace(SETTINGS, speed_rpm=1500.0))
    state, _ = through(pipeline, wide(40), speed_rpm=1500.0)
    state, _ = through(pipeline, wide(60, 0.4), state, first=40, speed_rpm=1000.0)
    slow = next(name for name in state.healthy_mm_s if name != DEFAULT)
    assert state.healthy_mm_s[slow][0] == pytest.approx(0.4, rel=0.15)
    # What is usual at full speed is far above the limit at the lower one.
    _, outcomes = through(pipeline, [1.4] * 8, state, first=100, speed_rpm=1000.0)
    assert outcomes[-1].crossing.bands.alarm_mm_s == pytest.approx(0.4 + 0.7, rel=0.1)


def test_in_a_state_that_nobody_has_learnt_the_zone_boundary_is_the_limit():
    pipeline = Pipeline(replace(SETTINGS, speed_rpm=1500.0))
    state, _ = through(pipeline, wide(40), speed_rpm=1500.0)
    _, outcomes = through(pipeline, [2.5] * 10 + [3.0] * 10, state, first=40, speed_rpm=1000.0)
    assert outcomes[-1].operating_state == UNKNOWN
    assert [one.crossing is not None for one in outcomes[-12:]] == [False] * 2 + [True] * 10
    assert outcomes[-1].crossing.bands.alarm_basis == "initial"


def test_a_limit_does_not_follow_the_machine():
    pipeline, state = learnt()
    after, _ = through(pipeline, np.linspace(1.0, 1.5, 200), state, first=40)
    assert after.baseline(DEFAULT).drift.max() > 0.0
    assert after.healthy_mm_s == state.healthy_mm_s


def test_a_machine_that_was_learnt_before_there_were_limits_gets_its_own():
    pipeline, state = learnt()
    without = Pipeline(replace(SETTINGS, machine_group=None, support=None))
    old, _ = through(without, wide(40))
    assert old.healthy_mm_s == {}
    assert pipeline.resume(old.to_bytes()).healthy_mm_s == state.healthy_mm_s
    assert pipeline.resume(state.to_bytes()).healthy_mm_s == state.healthy_mm_s


@pytest.mark.parametrize(
    ("wrong", "error", "said"),
    [
        ({"feature_names": ("acceleration_rms", "kurtosis"), "detectors": ("mahalanobis",)}, PipelineSettingsError,
         "no channel has a velocity"),
        ({"sound_channels": ("DE.H", "NDE.H")}, PipelineSettingsError, "no channel has a velocity"),
        ({"bands": UserBands(alarm_mm_s=6.0)}, BandError, "not above the alarm limit"),
    ],
)  # fmt: skip
def test_limits_that_cannot_judge_are_refused(wrong, error, said):
    with pytest.raises(error, match=said):
        Pipeline(replace(SETTINGS, **{"bands": UserBands(alarm_mm_s=2.0), **wrong}))
