"""Who is told of an alarm, when, in which form: a table of cases, and what holds for all of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.alarm_desk import DeskState
from cloud.notifying.deciding import (
    Cause,
    Escalation,
    Form,
    Occasion,
    Stopped,
    Telling,
    Traffic,
    Why,
    Withheld,
    decide,
    escalate,
)
from cloud.notifying.plan import plan_of
from cloud.notifying.settings import NotifySettings
from models.contract.vocabulary import Priority

BERLIN = ZoneInfo("Europe/Berlin")
MINUTE_MS = 60_000

SETTINGS = {
    "holidays": ["2026-12-25"],
    "target": [
        {"name": "maintenance", "url": "json://m", "quiet": ["22:00-06:00"], "rate": 3, "rate_minutes": 10},
        {"name": "on-call", "url": "json://o", "rate": 3, "rate_minutes": 10},
        {"name": "lead", "url": "json://l", "quiet": ["sat-sun 00:00-24:00"]},
        {"name": "office", "url": "json://f"},
    ],
    "shift": [
        {"name": "day", "hours": ["mon-fri 06:00-22:00"]},
        {"name": "night", "hours": ["mon-fri 22:00-06:00"], "on_holidays": True},
    ],
    "route": [
        {
            "name": "hall 2 by day",
            "where": ["plant/hall 2"],
            "shifts": ["day"],
            "to": ["maintenance"],
            "escalate": [{"after_minutes": 15, "to": ["on-call"]}, {"after_minutes": 30, "to": ["lead"]}],
        },
        {"name": "urgent by night", "priorities": ["urgent"], "shifts": ["night"], "to": ["on-call"]},
        {"name": "fans", "classes": ["fan"], "to": ["maintenance"]},
        {"name": "the old pump", "machines": ["pump-7"], "priorities": ["low", "medium"], "to": ["on-call"]},
        {"name": "office", "where": ["plant"], "priorities": ["low"], "to": ["office"], "digest": ["07:00", "15:00"]},
    ],
}
PLAN = plan_of(NotifySettings.model_validate(SETTINGS), BERLIN)
DAY = "2026-11-24 10:00"  # a Tuesday
NIGHT = "2026-11-24 23:00"


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=BERLIN).timestamp() * 1000)


def occasion(at: str = DAY, **changes) -> Occasion:
    pump = Occasion(
        cause=Cause.RAISED,
        heard_ms=ms(at),
        late=False,
        state=DeskState.UNACKNOWLEDGED,
        priority=Priority.HIGH,
        told=None,
        names=frozenset({"pump-1", "6f1c"}),
        path="plant/hall 2/line 1/pump-1",
        machine_class="pump",
    )
    return replace(pump, **changes)


def told(at: str, traffic: Traffic | None = None, **changes) -> list[tuple[str, Form, Why, int]]:
    """Return whom a decision tells, how, why, and in how many minutes."""
    decision = decide(occasion(at, **changes), PLAN, traffic or Traffic({}), ms(at))
    return [(one.target, one.form, one.why, (one.due_ms - ms(at)) // MINUTE_MS) for one in decision.tellings]


NOW = (Form.MESSAGE, Why.NOTHING, 0)


@pytest.mark.parametrize(
    ("at", "changes", "expected"),
    [
        # by place and shift
        (DAY, {}, [("maintenance", *NOW)]),
        (DAY, {"path": "plant/hall 20/pump-1"}, []),  # a path is compared by steps, not by letters
        (DAY, {"path": "Plant / hall 2/x"}, []),
        (DAY, {"path": "plant / hall 2 / x"}, [("maintenance", *NOW)]),
        (NIGHT, {}, []),
        ("2026-12-25 10:00", {}, []),  # the day shift has a holiday
        ("2026-12-25 23:00", {"priority": Priority.URGENT}, [("on-call", *NOW)]),  # the night shift has not
        # by priority
        (NIGHT, {"priority": Priority.URGENT}, [("on-call", *NOW)]),
        # by class; at night the rest waits for the morning
        (NIGHT, {"path": "else/fan", "machine_class": "fan"}, [("maintenance", Form.DIGEST, Why.QUIET, 7 * 60)]),
        (NIGHT, {"path": "else/fan", "machine_class": "fan", "priority": Priority.URGENT},
         [("on-call", *NOW), ("maintenance", *NOW)]),
        # by machine, by id or name
        (DAY, {"path": "else/x", "names": frozenset({"pump-7"}), "priority": Priority.LOW}, [("on-call", *NOW)]),
        (DAY, {"path": "else/x", "names": frozenset({"pump-7"}), "priority": Priority.HIGH}, []),
        # at set times
        (DAY, {"path": "plant/hall 3/x", "priority": Priority.LOW}, [("office", Form.DIGEST, Why.SCHEDULE, 5 * 60)]),
        # two routes to one target: once, in the more immediate form
        (DAY, {"machine_class": "fan"}, [("maintenance", *NOW)]),
    ],
)  # fmt: skip
def test_routes(at, changes, expected):
    assert sorted(told(at, **changes)) == sorted(expected)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"late": True}, Withheld.LATE),
        ({"state": DeskState.SHELVED}, Withheld.SHELVED),
        ({"state": DeskState.SUPPRESSED}, Withheld.SUPPRESSED),
        ({"state": DeskState.OUT_OF_SERVICE}, Withheld.OUT_OF_SERVICE),
        ({"heard_ms": ms(DAY) - 25 * 60 * MINUTE_MS}, Withheld.OLD),
        ({"path": "nowhere/x"}, Withheld.NO_ROUTE),
        ({"cause": Cause.WORSE, "told": Priority.HIGH}, Withheld.TOLD_ALREADY),
        ({"cause": Cause.WORSE, "told": Priority.MEDIUM}, None),
        ({"cause": Cause.WORSE}, None),
        ({"cause": Cause.RAISED_AGAIN, "told": Priority.URGENT}, None),
        ({"cause": Cause.WANTED_AGAIN, "told": Priority.HIGH}, None),
    ],
)
@pytest.mark.parametrize("priority", [Priority.HIGH, Priority.URGENT])
def test_nobody_is_told_and_the_reason_is_written_down(changes, why, priority):
    if why is Withheld.TOLD_ALREADY:
        changes = {**changes, "told": priority}
    decision = decide(occasion(priority=priority, **changes), PLAN, Traffic({}), ms(DAY))
    assert decision.withheld is why
    assert bool(decision.tellings) is (why is None)


def test_beyond_the_rate_the_rest_becomes_one_digest_when_the_rate_allows_it_and_what_is_urgent_shares_one_now():
    traffic = Traffic({"maintenance": [ms(DAY) - 9 * MINUTE_MS]})
    assert [told(DAY, traffic)[0][1:] for _ in range(4)] == [
        NOW,
        NOW,
        (Form.DIGEST, Why.FLOOD, 1),  # a minute later the first of the three is ten minutes old
        (Form.DIGEST, Why.FLOOD, 1),
    ]
    assert told(DAY, traffic, priority=Priority.URGENT)[0][1:] == (Form.DIGEST, Why.FLOOD, 0)


def step(route: str = "hall 2 by day", number: int = 1) -> Escalation:
    return Escalation(route, number, ms(DAY))


@pytest.mark.parametrize(
    ("changes", "by", "reason"),
    [
        ({}, "A. Nowak", "acknowledged by A. Nowak"),
        ({"state": DeskState.SHELVED}, None, "shelved"),
        ({"state": DeskState.SUPPRESSED}, None, "suppressed"),
        ({"state": DeskState.OUT_OF_SERVICE}, None, "out of service"),
        ({"state": DeskState.RETURNED_UNACKNOWLEDGED}, None, "returned"),
    ],
)
def test_an_escalation_stops_when_somebody_has_answered(changes, by, reason):
    assert escalate(step(), occasion(**changes), by, PLAN, Traffic({}), ms(DAY)) == Stopped(reason)


def test_what_stops_an_escalation_is_configured():
    going_on = {**SETTINGS, "route": [{**SETTINGS["route"][0], "stop_when": ["acknowledged"]}]}
    plan = plan_of(NotifySettings.model_validate(going_on), BERLIN)
    for state in (DeskState.RETURNED_UNACKNOWLEDGED, DeskState.SHELVED):
        decided = escalate(step(), occasion(state=state), None, plan, Traffic({}), ms(DAY))
        assert not isinstance(decided, Stopped)
    suppressed = escalate(step(), occasion(state=DeskState.SUPPRESSED), None, plan, Traffic({}), ms(DAY))
    assert suppressed == Stopped("suppressed")


def test_an_escalation_has_two_steps_each_after_the_one_before_was_told():
    first = decide(occasion(), PLAN, Traffic({}), ms(DAY))
    assert first.escalations == (Escalation("hall 2 by day", 1, ms(DAY) + 15 * MINUTE_MS),)
    at_ms = first.escalations[0].due_ms
    second = escalate(first.escalations[0], occasion(), None, PLAN, Traffic({}), at_ms)
    assert second.tellings == (Telling("on-call", 1, Form.MESSAGE, Why.NOTHING, at_ms),)
    third = escalate(second.escalations[0], occasion(), None, PLAN, Traffic({}), at_ms + 30 * MINUTE_MS)
    assert [(one.target, one.step) for one in third.tellings] == [("lead", 2)]
    assert third.escalations == ()


def test_the_clock_of_an_escalation_starts_when_people_can_know():
    held = {**SETTINGS, "route": [{**SETTINGS["route"][0], "shifts": []}]}
    plan = plan_of(NotifySettings.model_validate(held), BERLIN)
    decision = decide(occasion(NIGHT), plan, Traffic({}), ms(NIGHT))
    assert decision.tellings[0].due_ms == ms("2026-11-25 06:00")
    assert decision.escalations[0].due_ms == ms("2026-11-25 06:15")


def test_an_escalation_of_a_route_that_is_gone_ends_and_says_so():
    for one in (step("no such"), step(number=3)):
        stopped = escalate(one, occasion(), None, PLAN, Traffic({}), ms(DAY))
        assert stopped == Stopped("the route is not configured any more")


occasions = st.builds(
    occasion,
    priority=st.sampled_from(Priority),
    state=st.sampled_from(DeskState),
    late=st.booleans(),
    cause=st.sampled_from(Cause),
    told=st.none() | st.sampled_from(Priority),
    path=st.sampled_from(["plant/hall 2/x", "plant/hall 3/x", "else/x"]),
    machine_class=st.sampled_from(["pump", "fan", None]),
    names=st.sampled_from([frozenset({"pump-1"}), frozenset({"pump-7"})]),
)
week_ms = st.integers(ms("2026-10-19 00:00"), ms("2026-11-02 00:00"))  # the clocks go back in between


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(occasions, st.integers(0, 30)), min_size=1, max_size=40), week_ms)
def test_the_urgent_is_never_held_nobody_is_told_twice_and_nothing_is_dropped_without_a_reason(stream, begin_ms):
    traffic, now_ms = Traffic({}), begin_ms
    given_ms: dict[str, list[int]] = {}
    for drawn, minutes in stream:
        now_ms += minutes * MINUTE_MS
        one = replace(drawn, heard_ms=now_ms)
        decision = decide(one, PLAN, traffic, now_ms)
        # Either a reason or tellings, never neither, never both.
        assert (decision.withheld is None) is bool(decision.tellings)
        targets = [telling.target for telling in decision.tellings]
        assert len(targets) == len(set(targets))
        for telling in decision.tellings:
            assert telling.due_ms >= now_ms
            if one.priority is Priority.URGENT:
                assert telling.due_ms == now_ms
            elif telling.form is Form.MESSAGE:
                assert telling.due_ms == now_ms
                assert not PLAN.recipients[telling.target].quiet.contains(now_ms, PLAN.zone)
            else:
                # A digest is never due inside quiet hours, and never later than two days: it is told for sure.
                assert not PLAN.recipients[telling.target].quiet.contains(telling.due_ms, PLAN.zone)
                assert telling.due_ms - now_ms <= 3 * 86_400_000
            if telling.form is Form.MESSAGE:
                given_ms.setdefault(telling.target, []).append(now_ms)
    for name, times in given_ms.items():
        recipient = PLAN.recipients[name]
        for at_ms in times:
            assert sum(at_ms - recipient.rate_ms < other <= at_ms for other in times) <= recipient.rate
