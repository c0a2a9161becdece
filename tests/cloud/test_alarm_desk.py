"""ISA-18.2 states from two sides: the gateway's condition and what people do."""

from __future__ import annotations

from itertools import permutations

import pytest
from support.contract_examples import ALARM_ID, END_NS, alarm

from cloud.alarm_desk import DeskState, Happening, acknowledge, report
from cloud.errors import ConflictError
from models.contract.records import Diagnosis
from models.contract.vocabulary import AlarmState, DiagnosisLabel, Severity

MINUTE_NS = 60_000_000_000
NOW_MS = END_NS // 1_000_000


def _told(standing, *, late=False, **changes):
    return report(standing, alarm(**changes), late=late, gateway="plant:gateway-1")


def _raised(**changes):
    return _told(None, **({"severity": Severity.ALERT, "revision": 1, "occurrence": 1} | changes)).standing


def _what(reported):
    return [entry.what for entry in reported.entries]


def test_a_new_alarm_wants_to_be_seen():
    reported = _told(None, revision=1)
    assert reported.standing.state is DeskState.UNACKNOWLEDGED
    assert _what(reported) == [Happening.RAISED]


def test_acknowledging_an_active_alarm():
    standing, entry = acknowledge(_raised(), "M. Ruiz", "bearing ordered", NOW_MS)
    assert standing.state is DeskState.ACKNOWLEDGED
    assert (entry.who, entry.what, entry.detail) == ("M. Ruiz", Happening.ACKNOWLEDGED, "bearing ordered")


def test_an_alarm_that_returns_unseen_still_wants_to_be_seen():
    returned = _told(_raised(), revision=2, state=AlarmState.RETURNED, severity=Severity.ALERT)
    assert returned.standing.state is DeskState.RETURNED_UNACKNOWLEDGED
    assert _what(returned) == [Happening.RETURNED]
    assert acknowledge(returned.standing, "M. Ruiz", "", NOW_MS)[0].state is DeskState.NORMAL


def test_an_acknowledged_alarm_that_returns_is_normal():
    seen, _ = acknowledge(_raised(), "M. Ruiz", "", NOW_MS)
    returned = _told(seen, revision=2, state=AlarmState.RETURNED, severity=Severity.ALERT)
    assert returned.standing.state is DeskState.NORMAL


def test_an_alarm_raised_again_wants_to_be_seen_again():
    seen, _ = acknowledge(_raised(), "M. Ruiz", "", NOW_MS)
    returned = _told(seen, revision=2, state=AlarmState.RETURNED, severity=Severity.ALERT).standing
    again = _told(returned, revision=3, occurrence=2, severity=Severity.ALERT)
    assert again.standing.state is DeskState.UNACKNOWLEDGED
    assert _what(again) == [Happening.RAISED_AGAIN]


def test_getting_worse_asks_for_another_look_and_getting_better_does_not():
    seen, _ = acknowledge(_raised(), "M. Ruiz", "", NOW_MS)
    worse = _told(seen, revision=2, severity=Severity.DANGER)
    assert worse.standing.state is DeskState.UNACKNOWLEDGED
    assert _what(worse) == [Happening.SEVERITY_CHANGED]
    better = _told(seen, revision=2, severity=Severity.WATCH)
    assert better.standing.state is DeskState.ACKNOWLEDGED


def test_a_revised_diagnosis_is_the_same_alarm():
    changed = Diagnosis(DiagnosisLabel.CHANGED, None, 0.4, "Differs from its baseline.", "Watch it.")
    seen, _ = acknowledge(_raised(diagnosis=changed), "M. Ruiz", "", NOW_MS)
    revised = _told(seen, revision=2, severity=Severity.ALERT)
    assert revised.standing.state is DeskState.ACKNOWLEDGED
    assert _what(revised) == [Happening.DIAGNOSIS_REVISED]


def test_a_second_acknowledgement_names_the_first():
    seen, _ = acknowledge(_raised(), "M. Ruiz", "", NOW_MS)
    with pytest.raises(ConflictError, match=r"M\. Ruiz"):
        acknowledge(seen, "J. Lind", "", NOW_MS)


def test_reports_in_any_order_end_in_the_same_standing():
    reports = [
        {"revision": 1, "severity": Severity.WATCH, "end_ns": END_NS},
        {"revision": 2, "severity": Severity.ALERT, "end_ns": END_NS + MINUTE_NS},
        {"revision": 3, "severity": Severity.ALERT, "state": AlarmState.RETURNED, "end_ns": END_NS + 2 * MINUTE_NS},
    ]
    ends = set()
    for order in permutations(reports):
        standing = None
        for changes in order:
            standing = _told(standing, occurrence=1, **changes).standing
        ends.add((standing.state, standing.severity, standing.revision, standing.changed_ms))
    assert len(ends) == 1


def test_an_older_report_is_history_only():
    standing = _raised(revision=5)
    late = _told(standing, revision=4, state=AlarmState.RETURNED, late=True)
    assert late.standing == standing
    assert not late.counts
    assert _what(late) == [Happening.REPORTED_LATE]


def test_the_same_report_again_says_nothing():
    standing = _raised(revision=5)
    again = _told(standing, revision=5, severity=Severity.ALERT)
    assert (again.standing, again.counts, again.entries) == (standing, False, ())


def test_a_gateway_that_lost_its_disk_goes_on_with_the_same_alarm_under_a_new_id():
    standing = _raised(revision=9)
    new_id = "11111111-0000-4000-8000-000000000001"
    assert standing.edge_id == ALARM_ID
    newer = _told(standing, alarm_id=new_id, revision=1, end_ns=END_NS + MINUTE_NS)
    assert newer.counts
    assert newer.standing.edge_id == new_id
    older = _told(standing, alarm_id=new_id, revision=1, end_ns=END_NS - MINUTE_NS)
    assert not older.counts


def test_an_alarm_raised_while_the_network_was_down_is_marked_late():
    assert _told(None, revision=1, late=True).standing.late
    standing = _told(None, revision=1, late=True, severity=Severity.WATCH).standing
    assert _told(standing, revision=2, late=False, severity=Severity.DANGER).standing.late
