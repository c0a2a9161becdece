"""The alarm condition: what raises it, what ends it, and that it never flaps."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import alarming
from models.alarming import AlarmChange, AlarmMemory, AlarmSettings, AlarmSettingsError
from models.contract.vocabulary import AlarmState, Severity

WINDOW_BY_WINDOW = AlarmSettings(on_windows=(3, 5), on_decisions=(3, 5), decision_s=0.0, off_decisions=1)
SETTINGS = replace(WINDOW_BY_WINDOW, off_windows=4, off_score=0.8)


def after(scores: list[float], memory: AlarmMemory | None = None, settings: AlarmSettings = SETTINGS, zones=None):
    """Return the memory and the changes, as (window, change), after windows with these scores; zones as "AABC"."""
    memory, changes = memory or AlarmMemory(), []
    for window, score in enumerate(scores):
        memory, change = alarming.step(
            memory, settings, score, judged=True, end_ns=window, zone=zones and zones[window]
        )
        if change:
            changes.append((window, change))
    return memory, changes


def test_one_bump_of_any_height_raises_nothing():
    assert after([0.2, 1e9, 0.2, 0.2, 0.2, 1e9, 0.2, 0.2])[1] == []


def test_k_of_n_windows_raise_it_and_it_began_with_the_first_of_them():
    _, changes = after([0.2, 1.1, 0.2, 1.3, 0.3, 1.2])
    assert changes == [(5, AlarmChange(AlarmState.ACTIVE, Severity.WATCH, since_ns=1, occurrence=1, revision=1))]


def test_windows_further_apart_than_n_do_not_add_up():
    assert after([1.5, 0.1, 0.1, 0.1, 0.1, 1.5, 0.1, 0.1, 0.1, 0.1, 1.5])[1] == []


def test_the_severity_is_that_of_the_level_that_lasted_not_of_the_highest_window():
    _, changes = after([1.1, 50.0, 2.5, 1.2, 2.2])
    assert [change.severity for _, change in changes] == [Severity.WATCH, Severity.ALERT]


def test_the_severity_only_rises_while_the_alarm_stands():
    memory, changes = after([2.5] * 3 + [1.1] * 20 + [2.5] * 20)
    assert len(changes) == 1
    assert memory.severity is Severity.ALERT


def test_a_score_of_any_height_is_alert_and_no_more_while_the_zone_is_good():
    for zones in ("A" * 9_000, "B" * 9_000):
        _, changes = after([50.0] * 9_000, zones=zones)
        assert [change.severity for _, change in changes] == [Severity.ALERT]


@pytest.mark.parametrize(
    ("zone", "score", "severity"),
    [("C", 0.2, Severity.ALERT), ("C", 3.9, Severity.ALERT), ("C", 4.0, Severity.DANGER), ("D", 0.2, Severity.DANGER)],
)
def test_danger_needs_zone_d_or_zone_c_with_a_danger_score(zone, score, severity):
    _, changes = after([score] * 5, zones=zone * 5)
    assert [(window, change.severity) for window, change in changes] == [(2, severity)]


def test_a_zone_must_last_like_a_score_before_it_counts():
    _, changes = after([9.0] * 12, zones="AAADAAAADDDA")
    assert [(window, change.severity) for window, change in changes] == [(2, Severity.ALERT), (10, Severity.DANGER)]


def test_without_a_zone_a_danger_score_is_danger_only_once_it_has_lasted():
    settings = replace(SETTINGS, danger_windows=100)
    _, changes = after([4.5] * 99 + [3.9] + [4.5] * 100, settings=settings)
    assert [(window, change.severity) for window, change in changes] == [(2, Severity.ALERT), (199, Severity.DANGER)]


def test_half_an_hour_of_the_usual_windows_is_what_lasting_means():
    assert AlarmSettings().danger_windows * 0.5 == 1_800.0


def test_it_returns_after_off_windows_in_a_row_below_the_off_score():
    _, changes = after([1.5, 1.5, 1.5, 0.7, 0.7, 0.7, 0.9, 0.7, 0.7, 0.7, 0.7])
    assert [(window, change.state) for window, change in changes] == [(2, AlarmState.ACTIVE), (10, AlarmState.RETURNED)]


def test_a_score_between_the_two_thresholds_neither_raises_nor_ends_it():
    assert after([0.9] * 100)[1] == []
    _, changes = after([1.5] * 3 + [0.9] * 100)
    assert len(changes) == 1


def test_a_score_that_swings_around_the_threshold_does_not_flap():
    _, changes = after([1.02, 0.98] * 200)
    assert len(changes) == 1


def test_coming_back_counts_an_occurrence_and_starts_with_the_severity_of_then():
    _, changes = after([4.5] * 3 + [0.1] * 4 + [1.2] * 3, zones="DDD" + "A" * 7)
    told = [(c.state, c.severity, c.occurrence, c.revision) for _, c in changes]
    assert told == [
        (AlarmState.ACTIVE, Severity.DANGER, 1, 1),
        (AlarmState.RETURNED, Severity.DANGER, 1, 2),
        (AlarmState.ACTIVE, Severity.WATCH, 2, 3),
    ]
    assert changes[2][1].since_ns == 7


SHIPPED = AlarmSettings()
HALF_SECOND_NS = 500_000_000


def after_shipped(scores, hop_ns=HALF_SECOND_NS, memory=None, begin_ns=0):
    """Return the memory and the changes, as (seconds since the first window, change), under the default profile."""
    memory, changes = memory or AlarmMemory(), []
    for index, score in enumerate(scores):
        memory, change = alarming.step(memory, SHIPPED, score, judged=True, end_ns=begin_ns + index * hop_ns)
        if change:
            changes.append((index * hop_ns / 1e9, change))
    return memory, changes


def minutes(*scores):
    """Return two windows a second for so many minutes."""
    return [score for score in scores for _ in range(120)]


def test_a_severe_onset_is_an_alarm_within_five_seconds_of_its_first_window():
    (at_s, change), *more = after_shipped(minutes(0.3, 0.3) + [2.1] * 20)[1]
    assert at_s - 120.0 <= 5.0
    assert (change.severity, change.since_ns) == (Severity.ALERT, 120 * 10**9)
    assert more == []


@pytest.mark.parametrize("hop_ns", [HALF_SECOND_NS, 10 * 10**9, 60 * 10**9])
def test_a_slow_onset_is_an_alarm_within_fifteen_minutes_however_many_windows_a_minute_has(hop_ns):
    quiet = [0.3] * (20 * 60 * 10**9 // hop_ns)
    _, changes = after_shipped(quiet + [1.1] * (20 * 60 * 10**9 // hop_ns), hop_ns)
    ((at_s, change),) = changes
    assert 8 * 60.0 <= at_s - 20 * 60.0 <= 15 * 60.0
    assert (change.severity, change.since_ns) == (Severity.WATCH, 20 * 60 * 10**9)


def test_snapshots_rarer_than_a_minute_are_a_decision_each():
    hop_ns = 600 * 10**9
    _, changes = after_shipped([0.3] * 20 + [1.1] * 20, hop_ns)
    assert [at_s for at_s, _ in changes] == [29 * 600.0]


def test_what_is_barely_beyond_the_threshold_for_nine_minutes_of_twelve_raises_nothing():
    assert after_shipped(minutes(*([0.3] + [1.5] * 3) * 40))[1] == []


def test_knocks_have_no_say_in_a_minute_and_none_in_the_fast_judge():
    # Three of five windows, again and again, but fewer than half of a minute's.
    knocking = ([3.0, 0.3, 3.0, 0.3, 3.0] + [0.3] * 5) * 12
    assert after_shipped(knocking * 30)[1] == []


def test_a_severe_score_that_comes_again_each_minute_is_one_alarm_and_ends_three_minutes_after_the_last():
    comes_and_goes = ([2.5] * 6 + [0.3] * 114) * 20
    _, changes = after_shipped(comes_and_goes + minutes(*[0.3] * 5))
    assert [change.state for _, change in changes] == [AlarmState.ACTIVE, AlarmState.RETURNED]
    assert 2 * 60.0 <= changes[1][0] - 19 * 60.0 - 2.5 <= 4 * 60.0


def looking_back(levels, newest, memory=None):
    """Return the memory and the changes of hourly scores that look back, under the default profile."""
    memory, changes = memory or AlarmMemory(), []
    for hour, (level, part) in enumerate(zip(levels, newest, strict=True)):
        memory, change = alarming.step(memory, SHIPPED, level, judged=True, end_ns=hour * 3_600 * 10**9, newest=part)
        if change:
            changes.append((hour, change.state))
    return memory, changes


def test_what_is_over_ends_its_alarm_although_the_window_still_sees_it_and_is_told_once():
    # An excursion of six hours in a window of a day and a half, the newest half day of which has forgotten it.
    _, changes = looking_back([1.3] * 36 + [0.4] * 24, [1.6] * 18 + [0.3] * 42)
    assert changes == [(9, AlarmState.ACTIVE), (20, AlarmState.RETURNED)]


def test_what_lasts_does_not_end_its_alarm():
    assert looking_back([1.3] * 500, [1.1] * 500)[1] == [(9, AlarmState.ACTIVE)]
    # Nor does what comes back every other hour.
    assert looking_back([1.3] * 500, [1.1, 0.3] * 250)[1] == [(9, AlarmState.ACTIVE)]


def test_what_happens_anew_is_told_anew_although_the_window_still_sees_what_was_before():
    _, changes = looking_back([1.3] * 60, [1.6] * 12 + [0.3] * 10 + [1.6] * 38)
    assert changes == [(9, AlarmState.ACTIVE), (14, AlarmState.RETURNED), (31, AlarmState.ACTIVE)]


def test_once_the_window_was_quiet_it_raises_an_alarm_by_itself_again():
    _, changes = looking_back([1.3] * 20 + [0.7] + [1.3] * 20, [1.6] * 12 + [0.3] * 29)
    assert [hour for hour, state in changes if state is AlarmState.ACTIVE] == [9, 30]


def test_where_the_newest_part_cannot_be_judged_the_window_judges_alone():
    for newest in (None, math.nan):
        assert looking_back([1.3] * 30 + [0.4] * 30, [newest] * 60)[1] == [
            (9, AlarmState.ACTIVE),
            (39, AlarmState.RETURNED),
        ]


def test_the_gateways_configuration_ships_the_same_profile():
    from edge_agent.configuration import AlarmTable

    assert AlarmSettings(**AlarmTable().model_dump()) == SHIPPED


def test_windows_that_cannot_be_judged_change_nothing():
    memory, _ = after([1.5, 1.5])
    for score in (9.0, 0.0, math.nan):
        assert alarming.step(memory, SETTINGS, score, judged=False, end_ns=9) == (memory, None)
    assert alarming.step(memory, SETTINGS, math.nan, judged=True, end_ns=9) == (memory, None)


def test_a_machine_that_is_switched_off_does_not_end_its_alarm():
    memory, _ = after([1.5] * 3)
    for window in range(100):
        memory, change = alarming.step(memory, SETTINGS, 0.0, judged=False, end_ns=window)
        assert change is None
    assert memory.active


def test_a_revised_diagnosis_is_the_same_alarm_one_revision_later():
    memory, changes = after([1.5] * 3)
    memory, change = alarming.revise(memory)
    assert change == AlarmChange(AlarmState.ACTIVE, Severity.WATCH, changes[0][1].since_ns, occurrence=1, revision=2)
    with pytest.raises(ValueError, match="no alarm"):
        alarming.revise(AlarmMemory())


@given(st.lists(st.floats(0.0, 10.0), max_size=200))
def test_states_alternate_revisions_rise_by_one_and_the_memory_stays_bounded(scores):
    memory, changes = after(scores)
    raised = [c for _, c in changes]
    assert [c.revision for c in raised] == list(range(1, len(raised) + 1))
    occurrences = [c.occurrence for c in raised]
    assert occurrences == sorted(occurrences)
    returned = [c.occurrence for c in raised if c.state is AlarmState.RETURNED]
    assert len(returned) == len(set(returned))
    assert len(memory.recent) <= SETTINGS.on_windows[1]
    assert len(memory.decisions) <= SETTINGS.on_decisions[1]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"on_windows": (6, 5)}, "on_windows"),
        ({"on_windows": (0, 5)}, "on_windows"),
        ({"on_decisions": (13, 12)}, "on_decisions"),
        ({"decision_s": -1.0}, "decision_s"),
        ({"decision_s": math.inf}, "decision_s"),
        ({"off_windows": 0}, "off_windows"),
        ({"off_decisions": 0}, "off_decisions"),
        ({"off_decisions": 13}, "off_decisions"),
        ({"off_score": 1.5}, "off_score"),
        ({"alert_score": 5.0}, "must rise"),
        ({"danger_windows": 2}, "danger_windows"),
    ],
)
def test_settings_that_contradict_each_other_are_refused_by_name(wrong, said):
    with pytest.raises(AlarmSettingsError, match=said):
        AlarmSettings(**wrong)
