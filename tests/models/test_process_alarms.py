"""A process's alarms: whatever stands is one alarm, as severe as the worst of it, what joins revises it."""

from __future__ import annotations

import math

import pytest

from models.alarming import AlarmSettings
from models.contract.vocabulary import AlarmState, DiagnosisLabel, QualityCause, Severity
from models.detectors.table import STREAM_DETECTORS
from models.frozen import replace
from models.process.rules import LimitRule, RuleMemory, StaleRule
from models.process.streams import Heard
from models.process_alarms import Found, ProcessAlarms, is_wrong
from models.process_state import ProcessState

MINUTE_NS = 60_000_000_000
RULES = (LimitRule("ROOM.T", high=8.0, severity=Severity.DANGER), StaleRule("ROOM.T"))
ALARMS = ProcessAlarms(
    AlarmSettings(on_windows=(60, 60)),
    rules=RULES,
    phases=(),
    streams=("tracking", "discord"),
    channels=("ROOM.T", "COMP.I"),
    units=("°C", "A"),
    feature_units=("°C", "°C/min", "°C", "°C", "A", "A/min", "A", "A"),
)
START = ProcessState("", "", rules=(RuleMemory(), RuleMemory()))
BROKEN = RuleMemory(active=True, value=9.0, active_s=600.0, outside_s=600.0)


def heard(score, newest=None, channel=1):
    return Heard(score, newest, channel, now=12.0, usual=8.0)


def run(state, rows):
    """Return the state after rows of `{detector: Heard}`, one a minute, and what was told at which."""
    told = []
    for minute, row in enumerate(rows, start=1):
        state = ALARMS.with_rows(state, row, minute * MINUTE_NS)
        state, change, diagnosis = ALARMS.told(state, Found(heard=row), minute * MINUTE_NS, "default")
        if change is not None:
            told.append((minute, change, diagnosis))
    return state, told


def test_each_detector_has_a_persistence_of_its_own():
    _, told = run(START, [{"tracking": heard(1.5)}] * 15)
    assert [minute for minute, _, _ in told] == [10]
    (k, _), off = STREAM_DETECTORS["discord"].persistence
    state, told = run(START, [{"discord": heard(1.5, 1.5)}] * 15 + [{"discord": heard(1.5, 0.2)}] * 15)
    assert [minute for minute, _, _ in told] == [k, 15 + off]
    assert [change.state for _, change, _ in told] == [AlarmState.ACTIVE, AlarmState.RETURNED]
    assert not state.alarm.active


def test_why_is_said_in_words_with_channel_and_units():
    _, told = run(START, [{"tracking": heard(1.5)}] * 10)
    _, change, diagnosis = told[0]
    assert (diagnosis.label, diagnosis.channel) == (DiagnosisLabel.CHANGED, "COMP.I")
    assert diagnosis.sentence == (
        "The level of COMP.I has left where it usually wanders: 12 A, usually 8 A. The cause cannot be named."
    )
    # It began with the first of the rows.
    assert change.since_ns == MINUTE_NS
    _, told = run(START, [{"discord": heard(1.5, channel=0)}] * 10)
    assert "most in ROOM.T: of late 12 °C, 8 °C at the time" in told[0][2].sentence


@pytest.mark.parametrize("name", STREAM_DETECTORS)
def test_every_detector_of_slow_series_has_words(name):
    _, told = run(START, [{name: heard(1.5)}] * 12)
    assert told[0][2].sentence.endswith("The cause cannot be named.")


def test_two_detectors_are_one_alarm_and_the_second_revises_it():
    state, told = run(START, [{"discord": heard(1.5), "tracking": heard(1.5)}] * 12)
    assert [(minute, change.occurrence, change.revision) for minute, change, _ in told] == [(4, 1, 1), (10, 1, 2)]
    assert len(state.told) == 2
    state, told = run(state, [{"discord": heard(0.1, 0.1)}] * 20)
    assert told == []
    assert state.alarm.active


def test_a_rule_that_joins_gives_its_severity_and_its_words_come_first():
    state, _ = run(START, [{"tracking": heard(1.5)}] * 12)
    assert state.alarm.severity is Severity.WATCH
    state, change, diagnosis = ALARMS.told(
        replace(state, rules=(BROKEN, RuleMemory())), Found(heard={}), 13 * MINUTE_NS, "default"
    )
    assert (change.severity, change.occurrence) == (Severity.DANGER, 1)
    assert diagnosis.label is DiagnosisLabel.PROCESS_CHANGED
    assert diagnosis.sentence.startswith("ROOM.T is above its limit: 9 °C")
    # The rule is over, the level is not: still the same alarm, and nothing new to say.
    state, change, _ = ALARMS.told(
        replace(state, rules=(RuleMemory(), RuleMemory())), Found(), 14 * MINUTE_NS, "default"
    )
    assert change is None
    assert state.alarm.active


def test_nothing_is_learnt_while_an_alarm_stands_or_a_rule_is_broken():
    assert not is_wrong(START)
    assert is_wrong(replace(START, rules=(BROKEN, RuleMemory())))
    assert is_wrong(run(START, [{"tracking": heard(1.5)}] * 12)[0])


def test_a_window_without_a_score_changes_nothing():
    state = ALARMS.with_score(START, None, MINUTE_NS)
    assert state.condition == START.condition
    for minute in range(1, 11):
        state = ALARMS.with_score(state, 3.0, minute * MINUTE_NS)
    assert state.condition.active


def test_a_sensor_that_stands_still_is_an_alarm_of_its_own():
    still = RuleMemory(active=True, value=3.0, active_s=1_800.0)
    state, change, causes, diagnosis = replace(START, rules=(RuleMemory(), still)), None, (), None
    for minute in range(1, 20):
        state, new, causes, diagnosis = ALARMS.sensors(state, ((), ()), minute * MINUTE_NS)
        change = change or new
        _, process, _ = ALARMS.told(state, Found(), minute * MINUTE_NS, "default")
        assert process is None
    assert change.state is AlarmState.ACTIVE
    assert causes == (QualityCause.CONSTANT,)
    assert diagnosis.label is DiagnosisLabel.SENSOR_FAULT
    assert not math.isnan(diagnosis.confidence)
