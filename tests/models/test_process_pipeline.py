"""A cold room for a month: nothing is said but what happened, and a restart goes on to the bit.

The room is the one that the source `cold_room` simulates: people open its door all day, it defrosts, goods come.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from edge_agent.sources.cold_room import ColdRoom, RoomPhysics
from models.alarming import AlarmSettings
from models.contract.vocabulary import AlarmState, DiagnosisLabel, QualityCause, Severity
from models.process.errors import ProcessError
from models.process.phases import Phase
from models.process.rules import DoorRule, LimitRule, RateRule, StaleRule
from models.process_pipeline import ProcessPipeline, ProcessSettings
from models.signal.windows import Block, Windower

CHANNELS = {
    "ROOM.T": ("air", "°C"),
    "EVAP.T": ("evaporator", "°C"),
    "COMP.I": ("compressor", "A"),
    "HEAT.I": ("heater", "A"),
}
RATE_HZ = 0.1
WINDOW = 6
DAY_S = 86_400.0
START_NS = 10**18


def _settings(**more):
    usual = {
        "asset_id": "6f1c7a52-94a7-4f5f-8a0e-0d7a2f3c1b12",
        "machine": "room-1",
        "channel_names": tuple(CHANNELS),
        "units": tuple(unit for _, unit in CHANNELS.values()),
        "sample_rate_hz": RATE_HZ,
        "window_samples": WINDOW,
        "hop_samples": WINDOW,
        "learning_windows": 480,
        "summary_interval_s": 3_600.0,
        "phases": (Phase("defrost", "HEAT.I", above=2.0), Phase("cooling", "COMP.I", above=2.0)),
        "rules": (
            DoorRule("ROOM.T", explained_by=("EVAP.T",)),
            LimitRule("ROOM.T", high=8.0, delay_s=1_200.0, hysteresis=0.5, severity=Severity.DANGER),
            RateRule("ROOM.T", rise_per_min=0.5, over_s=900.0, not_in=("defrost",)),
            StaleRule("ROOM.T"),
        ),
        "alarm": AlarmSettings(on_windows=(10, 10)),
    }
    return ProcessSettings(**{**usual, **more})


def _days(room, days):
    times = np.arange(0.0, DAY_S, 1.0 / RATE_HZ)
    names = tuple(name for name, _ in CHANNELS.values())
    return [room.measured(day, names, times, number) for number, day in enumerate(itertools.islice(room.days(), days))]


def _windows(days, hop=WINDOW, first=0):
    windower, index = Windower(RATE_HZ, WINDOW, hop), first
    for samples in days:
        end = index + samples.shape[1]
        yield from windower.push(Block(index, 1, samples, START_NS + round(end / RATE_HZ * 1e9)))
        index = end


def _run(pipeline, windows, state=None):
    state, told, outcomes = state or pipeline.start(), [], []
    for window in windows:
        state, outcome = pipeline.step(state, window)
        outcomes.append(outcome)
        if outcome.change is not None or outcome.sensor_change is not None:
            told.append(((window.end_ns - START_NS) / 1e9, outcome))
    return state, told, outcomes


@pytest.fixture(scope="module")
def learnt():
    """Return the state after two days of the room, and the physics they were of."""
    physics = RoomPhysics(seed=21)
    state, told, _ = _run(ProcessPipeline(_settings()), _windows(_days(ColdRoom(physics), 2)))
    assert told == []
    return state, physics


def test_thirty_days_of_openings_defrosts_and_deliveries_raise_no_alarm_of_any_kind():
    state, told, outcomes = _run(ProcessPipeline(_settings()), _windows(_days(ColdRoom(RoomPhysics()), 30)))
    assert told == []
    assert {name for name, _ in state.learnt.items()} == {"steady/default", "steady/cooling", "steady/defrost"}
    scored = [outcome.score for outcome in outcomes if outcome.score is not None]
    assert len(scored) > 0.7 * len(outcomes)
    assert np.mean(np.array(scored) > 1.0) < 0.01


def test_a_week_of_them_is_nothing_new_for_detectors_of_slow_series_either():
    """Levels in phases of minutes, and a pattern over all phases that takes four and a half days to learn."""
    settings = _settings(detectors=("tracking", "discord"), rules=())
    state, told, outcomes = _run(ProcessPipeline(settings), _windows(_days(ColdRoom(RoomPhysics(seed=25)), 7)))
    assert told == []
    assert outcomes[-1].learning_progress == 1.0
    assert state.streams["tracking"].places.keys() == {"steady/default", "steady/cooling", "steady/defrost"}
    late = outcomes[5 * 1_440 :]
    assert sum(one.score is not None for one in late) > 0.9 * len(late)
    assert len(state.to_bytes()) < 30_000


@pytest.mark.parametrize(
    ("hour", "when"), [(2.05, "night"), (15.05, "in a defrost"), (15.5, "after a defrost"), (9.0, "busy morning")]
)
def test_a_door_left_open_is_told_within_three_minutes_in_words(learnt, hour, when):
    state, physics = learnt
    begin_s = 2 * DAY_S + hour * 3_600.0
    room = ColdRoom(physics, ((begin_s, begin_s + 600.0),))
    day = _days(room, 3)[2]
    first, last = round((hour - 0.5) * 360), round((hour + 0.5) * 360)
    windows = _windows([day[:, first:last]], hop=1, first=round(2 * DAY_S * RATE_HZ) + first)
    _, told, _ = _run(ProcessPipeline(_settings(hop_samples=1)), windows, state)
    assert [outcome.change.state for _, outcome in told] == [AlarmState.ACTIVE, AlarmState.RETURNED]
    at_s, outcome = told[0]
    assert 0.0 < at_s - begin_s <= 180.0
    diagnosis = outcome.diagnosis
    assert diagnosis.label is DiagnosisLabel.PROCESS_CHANGED
    assert diagnosis.channel == "ROOM.T"
    assert diagnosis.sentence.startswith("Door left open: ROOM.T is ")
    assert "above its cycle for 2 min 30 s" in diagnosis.sentence
    assert ("while a defrost runs" in diagnosis.sentence) == (when == "in a defrost")
    assert outcome.change.severity is Severity.ALERT
    assert abs((outcome.change.since_ns - START_NS) / 1e9 - begin_s) <= 30.0


def _still(state, physics, change, settings=None):
    """Return what is told of three hours of the third night, with the samples changed in the second half."""
    hours = _days(ColdRoom(physics), 3)[2][:, :1_080].copy()
    change(hours[:, 540:])
    windows = _windows([hours], first=round(2 * DAY_S * RATE_HZ))
    pipeline = ProcessPipeline(settings or _settings())
    return _run(pipeline, windows, pipeline.resume(state.to_bytes()))


def test_a_sensor_that_stands_still_and_one_that_is_gone_are_outcomes_of_their_own(learnt):
    def stands(samples):
        samples[0] = 3.0

    _, told, _ = _still(*learnt, stands)
    sensor = [outcome for _, outcome in told if outcome.sensor_change is not None]
    assert "has not moved at all for 3" in sensor[0].sensor_diagnosis.sentence
    assert sensor[0].sensor_diagnosis.label is DiagnosisLabel.SENSOR_FAULT

    def gone(samples):
        samples[0] = np.nan

    state, told, outcomes = _still(*learnt, gone)
    assert [outcome.sensor_diagnosis.sentence for _, outcome in told] == [
        "Sensor ROOM.T delivers no data; the process cannot be judged meanwhile."
    ]
    assert outcomes[-1].sensor_causes == (QualityCause.NO_DATA,)
    assert outcomes[-1].features is None
    assert state.summary.bad_windows == (("no_data", state.summary.bad_windows[0][1]),)


def test_rules_that_join_revise_one_alarm_and_the_worst_gives_the_severity(learnt):
    def hot(samples):
        samples[0] += 0.15 * np.arange(samples.shape[1])  # 0.9 K a minute

    rules = tuple(rule for rule in _settings().rules if not isinstance(rule, DoorRule))
    _, told, _ = _still(*learnt, hot, _settings(rules=rules))
    changes = [outcome.change for _, outcome in told if outcome.change is not None]
    assert {change.occurrence for change in changes} == {1}
    assert [change.revision for change in changes] == list(range(1, len(changes) + 1))
    assert changes[-1].severity is Severity.DANGER
    sentences = [outcome.diagnosis.sentence for _, outcome in told]
    assert "rises too fast" in sentences[0]
    assert "is above its limit" in sentences[-1]


def test_what_no_rule_knows_is_a_change_in_words():
    """A compressor that draws a third more than it did: no limit is passed, the learnt phase says so."""
    pipeline = ProcessPipeline(_settings(rules=()))
    days = _days(ColdRoom(RoomPhysics(seed=22)), 4)
    days[3][2] *= np.where(days[3][2] > 2.0, 1.3, 1.0)
    _, told, _ = _run(pipeline, _windows(days))
    at_s, outcome = told[0]
    assert 3 * DAY_S < at_s < 4 * DAY_S
    assert outcome.diagnosis.label is DiagnosisLabel.CHANGED
    assert outcome.diagnosis.channel == "COMP.I"
    assert "instead of" in outcome.diagnosis.sentence


@pytest.mark.parametrize(("hours", "detector"), [(5, "mahalanobis"), (26, "mahalanobis"), (26, "t2_q")])
def test_a_restart_goes_on_to_the_bit(hours, detector):
    """In learning, and with a normal that is there, with the windows before where it asks for them."""
    settings = _settings(learning_s=6 * 3_600.0, learning_windows=60, detectors=(detector,))
    windows = list(_windows(_days(ColdRoom(RoomPhysics(seed=23)), 2)))[: (hours + 1) * 60]
    pipeline = ProcessPipeline(settings)
    state, _, _ = _run(pipeline, windows[: hours * 60])
    again = ProcessPipeline(settings)
    resumed = again.resume(state.to_bytes())
    for window in windows[hours * 60 :]:
        state, one = pipeline.step(state, window)
        resumed, other = again.step(resumed, window)
        assert (one.score, one.operating_state, one.summary_key) == (
            other.score,
            other.operating_state,
            other.summary_key,
        )
    assert state.to_bytes() == resumed.to_bytes()


def test_with_lags_a_phase_is_judged_once_it_has_lasted_three_windows_without_a_gap():
    """Compressor and defrost switch all day: none of the windows before may lie in another phase."""
    settings = _settings(learning_s=6 * 3_600.0, learning_windows=60, detectors=("t2_q",), rules=())
    days = _days(ColdRoom(RoomPhysics(seed=24)), 2)
    _, _, outcomes = _run(ProcessPipeline(settings), _windows(days))
    known = next(number for number, one in enumerate(outcomes) if one.score is not None)
    late = outcomes[known + 600 :]
    states = [one.operating_state for one in late]
    for number in range(2, len(late)):
        lasted = len(set(states[number - 2 : number + 1])) == 1
        assert (late[number].score is not None) <= lasted
    judged = [one.score for one in late if one.score is not None]
    assert len(judged) > 0.3 * len(late)
    assert np.mean(np.array(judged) > 1.0) < 0.01


def test_other_rules_keep_what_is_normal_and_other_channels_do_not(learnt):
    state, _ = learnt
    other_rules = ProcessPipeline(_settings(rules=(LimitRule("ROOM.T", high=9.0),))).resume(state.to_bytes())
    assert other_rules.learnt.keys() == state.learnt.keys()
    assert len(other_rules.rules) == 1
    other_phases = ProcessPipeline(_settings(phases=(), rules=())).resume(state.to_bytes())
    assert other_phases.learnt == {}


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"rules": (LimitRule("ROOM.H", high=9.0),)}, "'ROOM.H', which is none of ROOM.T"),
        ({"rules": (LimitRule("ROOM.T", high=9.0, not_in=("frost",)),)}, "rests in 'frost', which is no phase"),
        ({"phases": (Phase("default", "ROOM.T", above=1.0),)}, "none may be called 'default'"),
        ({"units": ("°C",)}, "4 channels and 1 units"),
        ({"sample_rate_hz": 0.05, "rules": (DoorRule("ROOM.T"),)}, "give the rule a contact"),
    ],
)
def test_settings_that_cannot_work_are_refused_by_name(more, message):
    with pytest.raises(ProcessError, match=message):
        ProcessPipeline(_settings(**more))
