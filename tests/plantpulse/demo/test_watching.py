from __future__ import annotations

from dataclasses import replace

from plantpulse.demo.cloud_reader import AlarmView
from plantpulse.demo.screen import Account
from plantpulse.demo.watching import NAMING_TIME_S, Ending, Outcome, fault_to_end_with

CHANGED = AlarmView("1", "pump-1", "changed", "mechanical", "active", "watch", "It differs.", "2026-03-01T08:00:00Z")
NAMED = replace(CHANGED, label="outer_race")
SENSOR = replace(CHANGED, id="2", family="sensor", label="sensor_fault")


def test_a_named_fault_ends_the_demo_at_once() -> None:
    assert fault_to_end_with([SENSOR, NAMED], 0.0) == NAMED


def test_an_unnamed_one_gets_some_time_to_say_which_it_is() -> None:
    assert fault_to_end_with([CHANGED], NAMING_TIME_S / 2) is None
    assert fault_to_end_with([CHANGED], NAMING_TIME_S) == CHANGED


def test_a_bad_sensor_is_no_fault_of_the_machine() -> None:
    assert fault_to_end_with([SENSOR], 1000.0) is None


def test_the_json_line_has_the_keys_that_scripts_read() -> None:
    outcome = Outcome(Ending.ALARM, (NAMED,), Account(1000, 5, 7), 61.23)
    assert outcome.as_json() == {
        "alarms": [
            {
                "machine": "pump-1",
                "label": "outer_race",
                "sentence": "It differs.",
                "severity": "watch",
                "since": "2026-03-01T08:00:00Z",
            }
        ],
        "raw_bytes": 1000,
        "sent_bytes": 5,
        "windows": 7,
        "replayed_bytes": 0,
        "seconds": 61.2,
    }
    nothing = Outcome(Ending.TIMEOUT, (), None, 1.0).as_json()
    assert (nothing["raw_bytes"], nothing["sent_bytes"], nothing["windows"]) == (0, 0, 0)
