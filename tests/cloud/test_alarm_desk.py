"""ISA-18.2 states from two sides: the gateway's condition and what people do."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.contract_examples import ALARM_ID, END_NS, alarm

from cloud import alarm_desk
from cloud.alarm_desk import LONGEST_SHELVING_MS, DeskState, Happening, Withholding, acknowledge, report
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


WHO, WHY = "M. Ruiz", "waits for the spare part"
HOUR_MS = 3_600_000
U, A, R = DeskState.UNACKNOWLEDGED, DeskState.ACKNOWLEDGED, DeskState.RETURNED_UNACKNOWLEDGED
L, N, S = DeskState.LATCHED, DeskState.NORMAL, DeskState.SHELVED
M, X = DeskState.SUPPRESSED, DeskState.OUT_OF_SERVICE


@dataclass
class Desk:
    """An alarm to which things happen, one after the other; what the desk refuses leaves it as it is."""

    standing: alarm_desk.Standing = field(default_factory=_raised)
    now_ms: int = NOW_MS
    refused: bool = False

    def happen(self, what: str) -> DeskState:
        """Let one thing happen a minute later and return the state."""
        self.now_ms += 60_000
        try:
            done = getattr(self, f"_{what}")()
        except ConflictError:
            self.refused = True
        else:
            self.refused = done is None
            if done is not None:
                self.standing = done[0]
        return self.standing.state

    def _report(self, **changes):
        standing = self.standing
        told = {"revision": standing.revision + 1, "occurrence": standing.occurrence, "severity": standing.severity}
        return _told(standing, end_ns=self.now_ms * 1_000_000, **(told | changes)).standing, None

    def _raise(self):
        if self.standing.condition is AlarmState.ACTIVE:
            return None
        return self._report(occurrence=self.standing.occurrence + 1, severity=Severity.ALERT)

    def _raise_in_danger(self):
        if self.standing.condition is AlarmState.ACTIVE:
            return None
        return self._report(occurrence=self.standing.occurrence + 1, severity=Severity.DANGER)

    def _worsen(self):
        if self.standing.condition is AlarmState.RETURNED or self.standing.severity is Severity.DANGER:
            return None
        return self._report(severity=Severity.DANGER)

    def _return(self):
        if self.standing.condition is AlarmState.RETURNED:
            return None
        return self._report(state=AlarmState.RETURNED)

    def _acknowledge(self):
        return alarm_desk.acknowledge(self.standing, WHO, "", self.now_ms)

    def _shelve(self):
        return alarm_desk.shelve(self.standing, WHO, WHY, self.now_ms, self.now_ms + HOUR_MS)

    def _unshelve(self):
        return alarm_desk.unshelve(self.standing, WHO, self.now_ms)

    def _hour(self):
        self.now_ms += HOUR_MS
        return alarm_desk.end_shelving(self.standing, self.now_ms)

    def _remove(self):
        return alarm_desk.take_out_of_service(self.standing, WHO, WHY, self.now_ms)

    def _put_back(self):
        return alarm_desk.put_in_service(self.standing, WHO, self.now_ms)

    def _maintain(self):
        return alarm_desk.suppress(self.standing, Withholding(WHO, self.now_ms, WHY))

    def _release(self):
        return alarm_desk.release(self.standing, WHO, self.now_ms)

    def _find(self):
        return alarm_desk.find(self.standing, WHO, "nothing", self.now_ms, repaired=False)

    def _repair(self):
        return alarm_desk.find(self.standing, WHO, "outer race", self.now_ms, repaired=True)

    def _reset(self):
        return alarm_desk.reset(self.standing, WHO, "bearing looked at", self.now_ms)


# What may become of each state. Withheld states hide what is beneath, so that shows again when they end.
BENEATH = {U, A, R, L, N}
TABLE = {
    U: {"worsen": {U}, "return": {R}, "acknowledge": {A}, "shelve": {S}, "remove": {X}, "maintain": {M}},
    A: {"worsen": {U}, "return": {N, L}, "shelve": {S}, "remove": {X}, "maintain": {M}},
    R: {
        "raise": {U},
        "raise_in_danger": {U},
        "acknowledge": {N, L},
        "shelve": {S},
        "remove": {X},
        "maintain": {M},
    },
    L: {"raise": {U}, "raise_in_danger": {U}, "reset": {N}, "shelve": {S}, "remove": {X}, "maintain": {M}},
    N: {"raise": {U}, "raise_in_danger": {U}, "shelve": {S}, "remove": {X}, "maintain": {M}},
    S: {"unshelve": BENEATH, "hour": BENEATH, "shelve": {S}, "remove": {X}, "maintain": {M}},
    M: {"release": BENEATH | {S}, "shelve": {M}, "unshelve": {M}, "hour": {M}, "remove": {X}},
    X: {"put_back": BENEATH | {M}, "maintain": {X}, "release": {X}},
}
for state, after in {U: {A}, A: {A}, R: {N}, L: {N}, N: {N}, S: {S}, M: {M}, X: {X}}.items():
    # Who says what was found has seen it, and looked.
    TABLE[state] |= {"find": after, "repair": after}
for withheld in (S, M, X):
    # Whatever the gateway reports and people note is written down, and shows later.
    TABLE[withheld] |= {what: {withheld} for what in ("raise", "raise_in_danger", "worsen", "return", "acknowledge")}
EVENTS = sorted({what for row in TABLE.values() for what in row})


def _desk_in(state):
    """Return a desk with an alarm in this state."""
    ways = {
        U: (),
        A: ("acknowledge",),
        R: ("return",),
        L: ("worsen", "acknowledge", "return"),
        N: ("acknowledge", "return"),
        S: ("shelve",),
        M: ("maintain",),
        X: ("remove",),
    }
    desk = Desk()
    for what in ways[state]:
        desk.happen(what)
    assert desk.standing.state is state
    return desk


@pytest.mark.parametrize("state", DeskState)
@pytest.mark.parametrize("what", EVENTS)
def test_every_transition_of_the_table_and_no_other(state, what):
    desk = _desk_in(state)
    after = desk.happen(what)
    if desk.refused:
        # What a withheld alarm refuses depends on what is beneath.
        assert what not in TABLE[state] or state in (S, M, X)
        assert after is state
    else:
        assert after in TABLE[state][what]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(EVENTS), max_size=40))
def test_no_sequence_of_events_leaves_the_table(events):
    desk = Desk()
    for what in events:
        before = desk.standing.state
        after = desk.happen(what)
        if desk.refused:
            assert after is before
        else:
            assert after in TABLE[before][what]


def test_an_active_alarm_from_the_shelf_wants_to_be_seen_again():
    desk = _desk_in(A)
    assert desk.happen("shelve") is S
    assert desk.happen("hour") is U


def test_a_returned_alarm_from_the_shelf_is_what_it_was():
    desk = _desk_in(N)
    assert desk.happen("shelve") is S
    assert desk.happen("unshelve") is N


def test_shelving_ends_at_its_time_however_late_the_clock_looks():
    standing, _ = alarm_desk.shelve(_raised(), WHO, WHY, NOW_MS, NOW_MS + HOUR_MS)
    assert alarm_desk.end_shelving(standing, NOW_MS + HOUR_MS - 1) is None
    _, entry = alarm_desk.end_shelving(standing, NOW_MS + 100 * HOUR_MS)
    assert (entry.what, entry.at_ms) == (Happening.SHELVING_ENDED, NOW_MS + HOUR_MS)


@pytest.mark.parametrize("until_ms", [NOW_MS, NOW_MS - 1, NOW_MS + LONGEST_SHELVING_MS + 1])
def test_shelving_needs_an_end_that_is_near(until_ms):
    with pytest.raises(ConflictError, match="seven days"):
        alarm_desk.shelve(_raised(), WHO, WHY, NOW_MS, until_ms)


def test_what_was_dangerous_stays_until_somebody_has_looked():
    desk = _desk_in(L)
    assert desk.happen("reset") is N
    desk = _desk_in(L)
    assert desk.happen("raise") is U
    desk.happen("acknowledge")
    assert desk.happen("return") is L


def test_a_replaced_part_ends_the_danger_even_while_the_alarm_is_active():
    desk = _desk_in(U)
    desk.happen("worsen")
    desk.happen("repair")
    assert desk.happen("return") is N
    desk = _desk_in(U)
    desk.happen("worsen")
    desk.happen("find")
    assert desk.happen("return") is L
