"""What people read: the rule in plain words, numbers with units, the most telling reason first."""

from __future__ import annotations

import numpy as np
import pytest

from models.contract.vocabulary import DiagnosisLabel
from models.process.rules import DoorRule, LimitRule, RateRule, StaleRule
from models.process.wording import difference_diagnosis, rule_sentence, rules_diagnosis


@pytest.mark.parametrize(
    ("rule", "value", "unit", "active_s", "sentence"),
    [
        (
            LimitRule("ROOM.T", low=-2.0, high=8.0),
            -2.3,
            "°C",
            0.0,
            "ROOM.T is below its limit: -2.3 °C, limit -2 °C, now.",
        ),
        (
            LimitRule("OIL.P", high=6.0),
            6.25,
            "bar",
            3_660.0,
            "OIL.P is above its limit: 6.25 bar, limit 6 bar, for 1 h 1 min.",
        ),
        (
            RateRule("ROOM.T", rise_per_min=0.5),
            0.8123,
            "°C",
            0.0,
            "ROOM.T rises too fast: 0.812 K/min, at most 0.5 K/min.",
        ),
        (
            RateRule("TANK.L", fall_per_min=2.0),
            -3.0,
            "%",
            0.0,
            "TANK.L falls too fast: 3 %/min, at most 2 %/min.",
        ),
        (
            StaleRule("ROOM.T"),
            3.0,
            "°C",
            1_800.0,
            "Sensor ROOM.T has not moved at all for 30 min: it stands at 3 °C.",
        ),
        (
            DoorRule("ROOM.T", contact="DOOR.S"),
            1.0,
            "°C",
            120.0,
            "Door left open: its contact DOOR.S says so for 2 min.",
        ),
    ],
)
def test_each_rule_says_what_is_wrong_and_by_how_much(rule, value, unit, active_s, sentence):
    assert rule_sentence(rule, value=value, unit=unit, active_s=active_s) == sentence


def test_a_door_in_a_defrost_says_so():
    sentence = rule_sentence(
        DoorRule("ROOM.T"), value=3.0, unit="°C", active_s=150.0, phase_names=("defrost",), phase="defrost"
    )
    assert sentence.endswith(", while a defrost runs.")


def test_the_door_comes_first_because_it_explains_the_limit():
    rules = [LimitRule("ROOM.T", high=8.0), DoorRule("ROOM.T")]
    diagnosis = rules_diagnosis(rules, ["Too warm.", "Door left open."], ["ROOM.T"])
    assert diagnosis.sentence == "Door left open. Too warm."
    assert diagnosis.label is DiagnosisLabel.PROCESS_CHANGED
    assert diagnosis.channel == "ROOM.T"


def test_a_difference_names_the_feature_that_moved_most_with_both_values():
    away = np.float32([0.1, 0.0, -7.0, 0.2])
    diagnosis = difference_diagnosis(
        away, np.float32([4, 0, 0.01, 4]), np.float32([4, 0, 0.2, 4]), ["OIL.P"], ["bar", "bar/min", "bar", "bar"]
    )
    assert diagnosis.label is DiagnosisLabel.CHANGED
    assert "most in the restlessness of OIL.P: 0.01 bar instead of 0.2 bar" in diagnosis.sentence
