"""What people are told: identity that stays, revisions that count up, diagnoses that only become more telling."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edge_agent.alarm_reports import (
    CONFIRM_WINDOWS,
    LAST_REVIEW_WINDOWS,
    Circumstances,
    Finding,
    changed,
    looked_again,
    revised,
    says_more,
    sensor_diagnosis,
    tells_anew,
)
from models.alarming import AlarmChange
from models.contract.records import Diagnosis
from models.contract.vocabulary import (
    AlarmState,
    ClockQuality,
    DiagnosisLabel,
    FailureFamily,
    QualityCause,
    Severity,
)

AT = Circumstances("6f1c7a52-94a7-4f5f-8a0e-0d7a2f3c1b12", "p", 1, 5, 2.0, "steady/default", "m", ClockQuality.HOLDOVER)
ACTIVE = AlarmChange(AlarmState.ACTIVE, Severity.ALERT, since_ns=4, occurrence=1, revision=1)
RETURNED = AlarmChange(AlarmState.RETURNED, Severity.ALERT, since_ns=4, occurrence=1, revision=2)


def _say(label, confidence=0.5, places=(), limit=""):
    return Finding(Diagnosis(DiagnosisLabel(label), "DE.H", confidence, "sentence.", "next step"), places, limit)


def test_an_alarm_keeps_its_id_over_revisions_occurrences_and_return():
    first = changed(None, FailureFamily.MECHANICAL, ACTIVE, _say("changed"), AT)
    second = revised(first, _say("outer_race"), AT)
    third = changed(second, FailureFamily.MECHANICAL, RETURNED, second.finding, AT)
    assert len({alarm.report.alarm_id for alarm in (first, second, third)}) == 1
    assert [alarm.report.revision for alarm in (first, second, third)] == [1, 2, 3]
    assert [alarm.is_active for alarm in (first, second, third)] == [True, True, False]


def test_families_and_streams_have_alarms_of_their_own():
    one = changed(None, FailureFamily.MECHANICAL, ACTIVE, _say("changed"), AT)
    sensor = changed(None, FailureFamily.SENSOR, ACTIVE, _say("sensor_fault"), AT)
    later = Circumstances(AT.asset_id, "p", 2, 5, 2.0, "steady/default", "m", ClockQuality.HOLDOVER)
    anew = changed(None, FailureFamily.MECHANICAL, ACTIVE, _say("changed"), later)
    assert len({alarm.report.alarm_id for alarm in (one, sensor, anew)}) == 3


@pytest.mark.parametrize(
    ("new", "old", "expected"),
    [
        (("outer_race", 0.6), ("changed", 0.9), True),
        (("outer_race", 0.6), ("uncertain", 0.9), True),
        (("changed", 0.9), ("outer_race", 0.1), False),
        (("uncertain", 0.9), ("outer_race", 0.1), False),
        (("inner_race", 0.6), ("outer_race", 0.5), False),
        (("inner_race", 0.9), ("outer_race", 0.5), True),
        (("outer_race", 0.9), ("outer_race", 0.5), False),
    ],
)
def test_a_diagnosis_is_replaced_only_by_one_that_says_more(new, old, expected):
    assert says_more(_say(*new), _say(*old)) is expected


@pytest.mark.parametrize(
    ("new", "old", "expected"),
    [
        (("DE",), ("DE", "NDE"), True),
        (("NDE",), ("DE", "NDE"), True),
        (("DE", "NDE"), ("DE", "NDE"), False),
        (("DE", "NDE"), ("DE",), False),
        (("NDE",), ("DE",), False),
        (("GB",), ("DE", "NDE"), False),
        ((), ("DE", "NDE"), False),
        (("DE",), (), False),
    ],
)
def test_a_place_that_was_left_open_is_told_once_it_is_clear_and_stays(new, old, expected):
    assert says_more(_say("outer_race", places=new), _say("outer_race", places=old)) is expected


def test_a_place_is_told_when_two_looks_in_a_row_agree():
    alarm = changed(None, FailureFamily.MECHANICAL, ACTIVE, _say("ball", places=("DE", "NDE")), AT)
    open_still, at_de, at_nde = (_say("ball", places=places) for places in (("NDE", "DE"), ("DE",), ("NDE",)))
    for found in (at_de, open_still, at_de, at_nde):
        alarm, is_told = looked_again(alarm.reviewed(), found)
        assert not is_told
    assert alarm.review_in == CONFIRM_WINDOWS
    alarm, is_told = looked_again(alarm.reviewed(), at_nde)
    assert is_told
    alarm = revised(alarm, at_nde, AT)
    assert alarm.report.revision == 2
    for found in (at_de, at_de, at_nde, open_still, open_still):
        alarm, is_told = looked_again(alarm, found)
        assert not is_told


def test_a_name_is_told_at_once():
    alarm = changed(None, FailureFamily.MECHANICAL, ACTIVE, _say("changed"), AT)
    assert looked_again(alarm, _say("ball", places=("DE", "NDE")))[1]


def test_the_limit_that_was_crossed_is_said_beside_the_diagnosis_and_once():
    first = changed(None, FailureFamily.MECHANICAL, ACTIVE, _say("changed", limit="Above 2.8 mm/s."), AT)
    assert first.report.diagnosis.sentence == "sentence. Above 2.8 mm/s."
    assert first.finding == _say("changed", limit="Above 2.8 mm/s.")
    second = changed(first, FailureFamily.MECHANICAL, ACTIVE, replace(first.finding, limit="Above 4.5 mm/s."), AT)
    assert second.report.diagnosis.sentence == "sentence. Above 4.5 mm/s."
    assert tells_anew(second, first)
    assert revised(second, _say("imbalance"), AT).report.diagnosis.sentence == "sentence."


def test_a_limit_alone_is_a_sentence():
    assert (
        replace(_say("changed"), diagnosis=replace(_say("changed").diagnosis, sentence=""), limit="X.").told.sentence
        == "X."
    )


@pytest.mark.parametrize(
    ("label", "of_condition", "reported"),
    [
        ("outer_race", Severity.WATCH, Severity.ALERT),
        ("ball", Severity.WATCH, Severity.ALERT),
        ("inner_race", Severity.DANGER, Severity.DANGER),
        ("imbalance", Severity.WATCH, Severity.WATCH),
        ("changed", Severity.WATCH, Severity.WATCH),
    ],
)
def test_bearing_damage_that_shows_is_at_least_alert_from_the_report_that_names_it(label, of_condition, reported):
    change = AlarmChange(AlarmState.ACTIVE, of_condition, since_ns=4, occurrence=1, revision=1)
    assert changed(None, FailureFamily.MECHANICAL, change, _say(label), AT).report.severity is reported
    unnamed = changed(None, FailureFamily.MECHANICAL, change, _say("changed"), AT)
    assert revised(unnamed, _say(label), AT).report.severity is reported


def test_a_severity_that_people_know_already_is_no_news():
    watch = AlarmChange(AlarmState.ACTIVE, Severity.WATCH, since_ns=4, occurrence=1, revision=1)
    named = changed(None, FailureFamily.MECHANICAL, watch, _say("ball"), AT)
    assert tells_anew(named, None)
    assert not tells_anew(changed(named, FailureFamily.MECHANICAL, ACTIVE, _say("ball"), AT), named)
    assert tells_anew(changed(named, FailureFamily.MECHANICAL, RETURNED, _say("ball"), AT), named)


def test_reviews_become_rarer_and_stay_finite():
    alarm = changed(None, FailureFamily.MECHANICAL, ACTIVE, _say("changed"), AT)
    waits = []
    for _ in range(10):
        alarm = alarm.reviewed()
        waits.append(alarm.review_in)
    assert waits[0] < waits[1]
    assert waits[-1] == LAST_REVIEW_WINDOWS


def test_a_bad_sensor_is_said_in_words():
    sentence = sensor_diagnosis([QualityCause.CLIPPED], "DE.H").sentence
    assert sentence == "Sensor DE.H is cut off at the end of its range; the machine cannot be judged meanwhile."
