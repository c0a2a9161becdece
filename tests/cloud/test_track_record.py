"""How often alarms were right: counts from what people found."""

from __future__ import annotations

from cloud.track_record import Found, track_records
from models.contract.vocabulary import Finding


def test_an_empty_record_has_no_shares():
    assert track_records([]) == ({}, {})


def test_right_named_false_and_missed_are_told_apart():
    machines, models = track_records(
        [
            Found("pump", "a", Finding.OUTER_RACE, "outer_race", "mahalanobis 1"),
            Found("pump", "b", Finding.LUBRICATION, "changed", "mahalanobis 1"),
            Found("pump", "c", Finding.NOTHING, "changed", "mahalanobis 1"),
            Found("room", "d", Finding.PROCESS, "process_changed", "rules 1"),
            Found("pump", None, Finding.GEAR, None, None),
            Found("pump", None, Finding.NOTHING, None, None),
        ]
    )
    pump = machines["pump"]
    assert (pump.right, pump.named, pump.false_alarms, pump.missed) == (2, 1, 1, 1)
    assert (pump.false_alarm_share, pump.missed_share) == (1 / 3, 1 / 3)
    assert machines["room"].named == 1
    assert (models["mahalanobis 1"].missed, models["mahalanobis 1"].false_alarm_share) == (0, 1 / 3)


def test_of_several_words_on_one_alarm_the_last_counts():
    machines, _ = track_records(
        [
            Found("pump", "a", Finding.NOTHING, "changed", "m"),
            Found("fan", "b", Finding.NOTHING, "changed", "m"),
            Found("pump", "a", Finding.BALL, "changed", "m"),
        ]
    )
    assert (machines["pump"].right, machines["pump"].false_alarms) == (1, 0)
    assert machines["fan"].false_alarm_share == 1.0
