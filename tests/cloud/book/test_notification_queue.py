"""From alarms to messages in the book: each happening counts once, whatever crashes, in each database."""

from __future__ import annotations

from contextlib import suppress
from itertools import count, pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session
from support.cloud_bench import bench, pump_gateway
from support.contract_examples import ALARM_ID, ASSET, END_NS, alarm

from cloud import alarm_desk
from cloud.book.answering import answer, end_what_is_over, maintain
from cloud.book.notification_planning import begin_reading, plan_messages
from cloud.book.notification_queue import (
    due_targets,
    enqueue_test,
    fail_without_target,
    record,
    recover,
    take,
)
from cloud.book.notification_reading import abouts, notification, notifications, target_counts, withheld
from cloud.book.notification_tables import NotificationCase, NotificationEscalation, NotificationItem
from cloud.errors import ConflictError
from cloud.notifying.message import Delivery, Ending, Kind, Outcome
from cloud.notifying.plan import plan_of
from cloud.notifying.settings import NotifySettings
from models.contract.vocabulary import AlarmState, Severity

MINUTE_MS = 60_000
HOUR_MS = 3_600_000
SECOND_NS = 1_000_000_000
PLAN = plan_of(
    NotifySettings.model_validate(
        {
            "target": [
                {"name": "shift", "url": "json://x", "rate": 3, "rate_minutes": 10},
                {"name": "lead", "url": "json://x", "quiet": ["00:00-06:00"]},
            ],
            "route": [
                {
                    "name": "pumps",
                    "where": ["plant"],
                    "to": ["shift"],
                    "escalate": [{"after_minutes": 10, "to": ["lead"]}, {"after_minutes": 20, "to": ["lead"]}],
                }
            ],
        }
    ),
    ZoneInfo("UTC"),
)


class Desk:
    """A cloud whose alarms are told, with a gateway that raises them."""

    def __init__(self, cloud) -> None:
        self.cloud = cloud
        self.gateway = pump_gateway()
        self.windows = count(100)
        cloud.arrive(*self.gateway.births(cloud.now_ms))
        begin_reading(cloud.engine, cloud.now_ms)

    def report(self, *, late: bool = False, **changes) -> None:
        """Have a report of the gateway arrive; without changes: the alarm is raised."""
        window = next(self.windows)
        told = alarm(end_ns=END_NS + window * SECOND_NS, revision=window, **changes)
        self.cloud.arrive(self.gateway.record(told, window, historical=late))

    def plan(self, after_ms: int = 0):
        """Let time pass, and decide."""
        self.cloud.now_ms += after_ms
        return plan_messages(self.cloud.engine, PLAN, self.cloud.now_ms)

    def act(self, what, *arguments) -> None:
        """Have somebody answer the alarm; a shelving ends after an hour."""
        now_ms = self.cloud.now_ms
        until = (now_ms + HOUR_MS,) if what is alarm_desk.shelve else ()
        answer(
            self.cloud.engine,
            ALARM_ID,
            lambda standing: what(standing, *arguments, now_ms, *until),
            what="alarm.test",
            at_ms=now_ms,
            detail={},
        )

    def told(self) -> list[tuple[str, str, int]]:
        """Return target, kind and number of alarms of every message, oldest first."""
        rows = list(reversed(notifications(self.cloud.engine, [], None, None, 1_000)))
        about = abouts(self.cloud.engine, [row.key for row in rows])
        return [(row.target, row.kind, len(about[row.key])) for row in rows]

    def reasons(self) -> list[str]:
        """Return why nobody was told, newest first."""
        return [case.withheld for case, _, _ in withheld(self.cloud.engine, None, 1_000)]


@pytest.fixture
def desk(tmp_path):
    with bench(tmp_path / "cloud") as cloud:
        yield Desk(cloud)


@pytest.fixture
def either(tmp_path, book_database):
    """Return a desk on each database, for what the databases could do differently."""
    with bench(tmp_path / "cloud", book=book_database.url) as cloud:
        yield Desk(cloud)


def test_an_alarm_is_told_once_however_often_it_is_planned(either):
    either.report()
    assert either.plan().messages == 1
    for _ in range(3):
        assert either.plan(after_ms=1_000).messages == 0
    assert either.told() == [("shift", "alarm", 1)]


def test_what_happened_before_anybody_asked_to_be_told_is_history(tmp_path):
    with bench(tmp_path / "cloud") as cloud:
        gateway = pump_gateway()
        cloud.arrive(*gateway.births(cloud.now_ms))
        cloud.arrive(gateway.record(alarm(), 0))
        begin_reading(cloud.engine, cloud.now_ms)
        assert plan_messages(cloud.engine, PLAN, cloud.now_ms).messages == 0


def test_a_late_alarm_is_not_told_and_a_late_report_of_its_getting_worse_neither(desk):
    desk.report(late=True)
    desk.plan()
    desk.report(late=True, severity=Severity.DANGER)
    desk.plan()
    assert desk.told() == []
    assert desk.reasons() == ["late", "late"]
    # What gets worse live is news, also of an alarm that began before.
    desk.report(state=AlarmState.RETURNED)
    desk.report(occurrence=2)
    desk.plan()
    assert desk.told() == [("shift", "alarm", 1)]


def test_worse_is_told_again_and_less_is_not(desk):
    desk.report(severity=Severity.WATCH)
    desk.plan()
    desk.report(severity=Severity.DANGER)
    desk.plan()
    desk.report(severity=Severity.ALERT)
    desk.plan()
    desk.report(severity=Severity.DANGER)
    desk.plan()
    assert desk.told() == [("shift", "alarm", 1), ("shift", "alarm", 1)]
    assert desk.reasons() == ["told_already"]


def test_a_machine_in_maintenance_tells_nothing_and_afterwards_what_is_still_there(desk):
    now_ms = desk.cloud.now_ms
    maintain(desk.cloud.engine, ASSET, alarm_desk.Withholding("A. Nowak", now_ms, "bearing", now_ms + HOUR_MS))
    desk.report()
    desk.plan()
    assert (desk.told(), desk.reasons()) == ([], ["suppressed"])
    end_what_is_over(desk.cloud.engine, now_ms + HOUR_MS)
    desk.plan(after_ms=HOUR_MS)
    assert desk.told() == [("shift", "alarm", 1)]


def test_a_shelving_that_ended_while_no_cloud_ran_is_told_by_the_next(desk):
    desk.report()
    desk.plan()
    desk.act(alarm_desk.shelve, "A. Nowak", "spare part")
    desk.plan()
    desk.cloud.now_ms += 40 * HOUR_MS
    end_what_is_over(desk.cloud.engine, desk.cloud.now_ms)
    desk.plan()
    assert [kind for _, kind, _ in desk.told()] == ["alarm", "alarm"]


def test_two_steps_of_escalation_when_nobody_answers(either):
    either.report()
    either.plan()
    either.plan(after_ms=9 * MINUTE_MS)
    assert len(either.told()) == 1
    either.plan(after_ms=2 * MINUTE_MS)
    either.plan(after_ms=21 * MINUTE_MS)
    either.plan(after_ms=10 * HOUR_MS)
    assert either.told() == [("shift", "alarm", 1), ("lead", "escalation", 1), ("lead", "escalation", 1)]


def test_an_acknowledged_alarm_escalates_no_more_and_the_book_says_why(desk):
    desk.report()
    desk.plan()
    desk.act(alarm_desk.acknowledge, "A. Nowak", "")
    desk.plan(after_ms=HOUR_MS)
    assert len(desk.told()) == 1
    with Session(desk.cloud.engine) as session:
        assert [one.ended for one in session.scalars(select(NotificationEscalation))] == ["acknowledged by A. Nowak"]


def test_an_escalation_of_an_occurrence_gives_way_to_the_next_occurrence(desk):
    desk.report()
    desk.plan()
    desk.report(state=AlarmState.RETURNED)
    desk.report(occurrence=2)
    desk.plan(after_ms=MINUTE_MS)
    desk.plan(after_ms=10 * MINUTE_MS)
    assert [target for target, kind, _ in desk.told() if kind == "escalation"] == ["lead"]


def test_a_flood_is_a_few_messages_and_one_that_counts_the_rest(either):
    reports = []
    for number in range(40):
        window = next(either.windows)
        changed = {"alarm_id": f"{number:08}-0000-4000-8000-000000000000", "component": f"P{number}"}
        reports.append(either.gateway.record(alarm(end_ns=END_NS + window, revision=1, **changed), window))
    either.cloud.arrive(*reports)
    either.plan()
    assert either.told() == [("shift", "alarm", 1)] * 3 + [("shift", "digest", 37)]
    digest = notifications(either.cloud.engine, [], None, None, 1)[0]
    assert digest.due_ms == either.cloud.now_ms + 10 * MINUTE_MS
    assert take_all(either) == [1, 1, 1]
    either.cloud.now_ms += 10 * MINUTE_MS
    assert take_all(either) == [37]


def take_all(desk, ending=Ending.DELIVERED) -> list[int]:
    """Hand over everything that is due; return how many alarms each message told."""
    found = []
    while (message := take(desk.cloud.engine, "shift", desk.cloud.now_ms)) is not None:
        found.append(len(message.news))
        now_ms = desk.cloud.now_ms
        record(desk.cloud.engine, message.key, Outcome(ending, ""), now_ms, now_ms, HOUR_MS, 0.5)
    return found


# ---- the queue ----


def test_a_message_that_is_refused_is_tried_again_later_and_given_up_in_the_end(desk):
    desk.report()
    desk.plan()
    begun_ms, tries = desk.cloud.now_ms, []
    while True:
        message = take(desk.cloud.engine, "shift", desk.cloud.now_ms)
        if message is not None:
            tries.append(desk.cloud.now_ms - begun_ms)
            refused = Outcome(Ending.REFUSED, "answered 503")
            where = record(desk.cloud.engine, message.key, refused, desk.cloud.now_ms, desk.cloud.now_ms, HOUR_MS, 0.5)
            if where is Delivery.FAILED:
                break
        desk.cloud.now_ms += 5_000
    waits = [later - sooner for sooner, later in pairwise(tries)]
    assert waits == sorted(waits)
    assert tries[-1] >= HOUR_MS
    assert 8 < len(tries) < 25
    row, attempts = notification(desk.cloud.engine, notifications(desk.cloud.engine, [], None, None, 1)[0].id)
    assert (row.state, row.problem, len(attempts)) == ("failed", "answered 503", len(tries))
    assert target_counts(desk.cloud.engine)["shift"].failed == 1


def test_what_a_broken_template_makes_is_given_up_at_once(desk):
    desk.report()
    desk.plan()
    assert take_all(desk, Ending.BROKEN) == [1]
    assert target_counts(desk.cloud.engine)["shift"].failed == 1


def test_a_success_brings_forward_what_waits_for_the_same_target(either):
    for _ in range(2):
        enqueue_test(either.cloud.engine, "shift", "A. Nowak", either.cloud.now_ms)
    first = take(either.cloud.engine, "shift", either.cloud.now_ms)
    now_ms = either.cloud.now_ms
    record(either.cloud.engine, first.key, Outcome(Ending.REFUSED, "x", 600.0), now_ms, now_ms, HOUR_MS, 0.5)
    assert take_all(either) == [0, 0]  # the other one, and then the first without waiting ten minutes


def test_a_process_that_died_while_handing_over_hands_over_again_under_the_same_id(desk):
    desk.report()
    desk.plan()
    taken = take(desk.cloud.engine, "shift", desk.cloud.now_ms)
    assert take(desk.cloud.engine, "shift", desk.cloud.now_ms) is None
    assert recover(desk.cloud.engine, desk.cloud.now_ms) == 1
    again = take(desk.cloud.engine, "shift", desk.cloud.now_ms)
    assert (again.id, again.tries) == (taken.id, 2)


def test_what_waits_for_a_target_that_is_gone_fails_and_says_so(desk):
    desk.report()
    desk.plan()
    assert fail_without_target(desk.cloud.engine, {"lead"}, desk.cloud.now_ms) == 1
    row = notifications(desk.cloud.engine, ["failed"], None, None, 1)[0]
    assert "no target 'shift' in the configuration any more" in row.problem


def test_the_urgent_goes_first_and_a_message_has_what_people_need(desk):
    desk.report(severity=Severity.WATCH)
    desk.plan()
    desk.report(severity=Severity.DANGER)
    desk.plan(after_ms=10)
    assert due_targets(desk.cloud.engine, desk.cloud.now_ms) == {"shift"}
    first = take(desk.cloud.engine, "shift", desk.cloud.now_ms)
    assert (first.urgent, first.kind, first.news[0].path) == (True, Kind.ALARM, "plant/pump-1")
    assert [line.line for line in first.news[0].lines] == ["1xBPFO"]  # the one that matched


def test_a_clock_that_was_set_back_makes_nothing_wait_longer(either):
    either.report()
    either.plan()
    either.plan(after_ms=9 * MINUTE_MS)
    latest_ms = either.cloud.now_ms
    either.cloud.now_ms -= HOUR_MS
    planned = plan_messages(either.cloud.engine, PLAN, either.cloud.now_ms, latest_ms)
    assert planned.clock_back_ms == HOUR_MS
    assert take_all(either) == [1]
    either.plan(after_ms=MINUTE_MS)
    assert either.told() == [("shift", "alarm", 1), ("lead", "escalation", 1)]


# ---- what holds for every history ----

happenings = st.lists(
    st.sampled_from(["raise", "raise late", "danger", "return", "acknowledge", "shelve", "unshelve", "wait", "crash"]),
    max_size=25,
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=happenings)
def test_every_occasion_is_told_once_per_step_and_target_or_has_a_reason(tmp_path_factory, history):
    with bench(tmp_path_factory.mktemp("cloud")) as cloud:
        desk, occurrence, active = Desk(cloud), 0, False
        for what in history:
            if what in {"raise", "raise late"} and not active:
                occurrence, active = occurrence + 1, True
                desk.report(late=what == "raise late", occurrence=occurrence)
            elif what == "danger" and active:
                desk.report(severity=Severity.DANGER, occurrence=occurrence)
            elif what == "return" and active:
                active = False
                desk.report(state=AlarmState.RETURNED, occurrence=occurrence)
            elif what == "wait":
                desk.plan(after_ms=11 * MINUTE_MS)
            elif what == "crash" and (taken := take(cloud.engine, "shift", cloud.now_ms)) is not None:
                recover(cloud.engine, cloud.now_ms)
                # Among several that are due, any may come first.
                again = list(iter(lambda: take(cloud.engine, "shift", cloud.now_ms), None))
                assert taken.id in {one.id for one in again}
                recover(cloud.engine, cloud.now_ms)
            elif what in {"acknowledge", "shelve", "unshelve"} and occurrence:
                try_to(desk, what)
        desk.plan()
        with Session(cloud.engine) as session:
            cases = session.scalars(select(NotificationCase)).all()
            items = session.scalars(select(NotificationItem)).all()
        raised = [case for case in cases if case.cause in {"raised", "raised_again"}]
        assert [case.occurrence for case in raised] == list(range(1, occurrence + 1))
        first_step = [item.case_key for item in items if item.step == 0]
        assert sorted(first_step) == [case.key for case in cases if case.withheld is None]
        assert len({(item.case_key, item.target, item.step) for item in items}) == len(items)


def try_to(desk, what) -> None:
    acts = {
        "acknowledge": (alarm_desk.acknowledge, "A. Nowak", ""),
        "shelve": (alarm_desk.shelve, "A. Nowak", "spare part"),
        "unshelve": (alarm_desk.unshelve, "A. Nowak"),
    }
    with suppress(ConflictError):
        desk.act(*acts[what])
