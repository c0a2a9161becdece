"""What people say of machines counts at once, for alarms that stand as for those to come."""

from __future__ import annotations

import dataclasses

import pytest
from support.cloud_bench import bench, pump_gateway
from support.contract_examples import ALARM_ID, ASSET, START_NS, alarm, summary

from cloud.alarm_desk import DeskState, Withholding, by_design
from cloud.book.answering import end_maintenance, maintain
from cloud.book.plant import MachineEdit, advise, all_advice, edit_machine
from cloud.errors import EditionError, NotFoundError
from models.contract.vocabulary import AlarmState, Criticality, DiagnosisLabel, FailureFamily, Severity

MINUTE_NS = 60_000_000_000


@pytest.fixture
def cloud(tmp_path, book_database):
    with bench(tmp_path / "cloud", book=book_database.url) as made:
        yield made


@pytest.fixture
def gateway(cloud):
    gateway = pump_gateway()
    cloud.arrive(*gateway.births(cloud.now_ms))
    return gateway


def _edit(cloud, edition=0, **edit):
    return edit_machine(cloud.engine, ASSET, MachineEdit(**edit), edition, "erna", cloud.now_ms)


def _minute(cloud, gateway, number, state):
    cloud.arrive(gateway.record(summary(start_ns=START_NS + number * MINUTE_NS, operating_state=state), number))


# Names, places, criticality


@pytest.mark.usefixtures("gateway")
def test_an_edit_says_what_it_changes_and_leaves_the_rest(cloud):
    _edit(cloud, display_name="Feed pump", path="North/Boilers")
    _edit(cloud, edition=1, display_name="")
    machine = cloud.book.machine(ASSET)
    assert (machine.display_name, machine.path, machine.edition) == (None, "North/Boilers", 2)


@pytest.mark.usefixtures("gateway")
def test_of_two_people_who_looked_at_the_same_edition_the_second_is_told(cloud):
    _edit(cloud, display_name="Feed pump")
    with pytest.raises(EditionError, match="meanwhile"):
        _edit(cloud, display_name="Boiler pump")
    assert cloud.book.machine(ASSET).display_name == "Feed pump"


def test_alarms_are_found_by_the_name_that_is_shown_and_not_by_the_one_behind_it(cloud, gateway):
    cloud.arrive(gateway.record(alarm(), 0))
    _edit(cloud, display_name="Feed pump")
    found = {word: len(cloud.book.alarms(10, words=[word])) for word in ("FEED", "pump-1")}
    assert found == {"FEED": 1, "pump-1": 0}


def test_a_machine_that_nobody_knows_cannot_be_edited(cloud):
    with pytest.raises(NotFoundError):
        _edit(cloud, display_name="Feed pump")


def test_a_more_critical_machine_has_alarms_of_higher_priority_at_once(cloud, gateway):
    cloud.arrive(gateway.record(alarm(severity=Severity.ALERT), 0))
    before = cloud.book.alarm(ALARM_ID).priority
    _edit(cloud, criticality=Criticality.HIGH)
    assert (before, cloud.book.alarm(ALARM_ID).priority) == ("high", "urgent")


# Advice


def test_the_plants_advice_stands_above_ours_and_goes_again(cloud, gateway):
    told = alarm()
    cloud.arrive(gateway.record(told, 0))
    label = told.diagnosis.label
    advise(cloud.engine, "pump", label, "Call Bert.", "erna", cloud.now_ms)
    assert cloud.book.alarm(ALARM_ID).next_step == "Call Bert."
    cloud.arrive(gateway.record(dataclasses.replace(told, revision=told.revision + 1, end_ns=told.end_ns + 1), 1))
    assert cloud.book.alarm(ALARM_ID).next_step == "Call Bert."
    assert [(one.machine_class, one.label, one.by) for one in all_advice(cloud.engine)] == [("pump", label, "erna")]
    advise(cloud.engine, "pump", label, "", "erna", cloud.now_ms)
    assert all_advice(cloud.engine) == []
    cloud.arrive(gateway.record(dataclasses.replace(told, revision=told.revision + 2, end_ns=told.end_ns + 2), 2))
    assert cloud.book.alarm(ALARM_ID).next_step == told.diagnosis.next_step


def test_advice_for_another_class_or_cause_changes_nothing(cloud, gateway):
    told = alarm()
    cloud.arrive(gateway.record(told, 0))
    advise(cloud.engine, "fan", told.diagnosis.label, "Call Bert.", "erna", cloud.now_ms)
    advise(cloud.engine, "pump", DiagnosisLabel.GEAR, "Call Bert.", "erna", cloud.now_ms)
    assert cloud.book.alarm(ALARM_ID).next_step == told.diagnosis.next_step


# Suppressed by design


@pytest.mark.parametrize(
    ("family", "state", "suppressed_in", "is_suppressed"),
    [
        (FailureFamily.MECHANICAL, "off", ("off", "starting"), True),
        (FailureFamily.PROCESS, "starting", ("off", "starting"), True),
        (FailureFamily.MECHANICAL, "steady/default", ("off",), False),
        (FailureFamily.MECHANICAL, "steady/1480", ("steady",), True),
        (FailureFamily.SENSOR, "off", ("off",), False),
        (FailureFamily.MECHANICAL, "off", (), False),
    ],
)
def test_which_alarms_mean_nothing_in_which_state(family, state, suppressed_in, is_suppressed):
    assert (by_design(family, state, suppressed_in, 5) is not None) is is_suppressed


def test_an_alarm_is_suppressed_while_the_machine_is_off_and_wants_to_be_seen_when_it_runs(cloud, gateway):
    cloud.arrive(gateway.record(alarm(), 9))
    _edit(cloud, suppressed_in=("off",))
    _minute(cloud, gateway, 1, "off")
    row = cloud.book.alarm(ALARM_ID)
    assert (row.state, row.suppression["reason"]) == (DeskState.SUPPRESSED, "by design while the machine is off")
    _minute(cloud, gateway, 2, "off")
    _minute(cloud, gateway, 3, "steady/default")
    assert cloud.book.alarm(ALARM_ID).state == DeskState.UNACKNOWLEDGED
    told = [entry.what for entry in cloud.book.timeline(ALARM_ID)]
    assert told.count("suppressed") == told.count("no_longer_suppressed") == 1


def test_an_alarm_that_comes_while_its_machine_is_off_is_suppressed_from_the_first(cloud, gateway):
    _edit(cloud, suppressed_in=("off",))
    _minute(cloud, gateway, 1, "off")
    cloud.arrive(gateway.record(alarm(), 9))
    assert cloud.book.alarm(ALARM_ID).state == DeskState.SUPPRESSED


def test_a_bad_sensor_is_told_also_while_the_machine_is_off(cloud, gateway):
    _edit(cloud, suppressed_in=("off",))
    _minute(cloud, gateway, 1, "off")
    cloud.arrive(gateway.record(alarm(family=FailureFamily.SENSOR), 9))
    assert cloud.book.alarm(ALARM_ID).state == DeskState.UNACKNOWLEDGED


def test_who_takes_the_design_back_gets_the_alarm_back(cloud, gateway):
    cloud.arrive(gateway.record(alarm(), 9))
    _edit(cloud, suppressed_in=("off",))
    _minute(cloud, gateway, 1, "off")
    _edit(cloud, edition=1, suppressed_in=())
    assert cloud.book.alarm(ALARM_ID).state == DeskState.UNACKNOWLEDGED


def test_maintenance_and_design_each_suppress_until_both_have_ended(cloud, gateway):
    cloud.arrive(gateway.record(alarm(), 9))
    _edit(cloud, suppressed_in=("off",))
    maintain(cloud.engine, ASSET, Withholding("anna", cloud.now_ms, "new seal", cloud.now_ms + 3_600_000))
    _minute(cloud, gateway, 1, "off")
    end_maintenance(cloud.engine, ASSET, "anna", cloud.now_ms)
    row = cloud.book.alarm(ALARM_ID)
    assert (row.state, row.suppression["by"]) == (DeskState.SUPPRESSED, "operating state")
    maintain(cloud.engine, ASSET, Withholding("anna", cloud.now_ms, "new seal", cloud.now_ms + 3_600_000))
    _minute(cloud, gateway, 2, "steady/default")
    assert cloud.book.alarm(ALARM_ID).state == DeskState.SUPPRESSED
    end_maintenance(cloud.engine, ASSET, "anna", cloud.now_ms)
    assert cloud.book.alarm(ALARM_ID).state == DeskState.UNACKNOWLEDGED


def test_what_came_late_does_not_say_what_the_machine_does_now(cloud, gateway):
    cloud.arrive(gateway.record(alarm(state=AlarmState.ACTIVE), 9))
    _edit(cloud, suppressed_in=("off",))
    late = gateway.record(summary(start_ns=START_NS - MINUTE_NS, operating_state="off"), 3, historical=True)
    cloud.arrive(late)
    assert cloud.book.alarm(ALARM_ID).state == DeskState.UNACKNOWLEDGED
