"""Drill press: the imbalance is found in every window, the healthy press in none; without a speed nothing is named."""

from __future__ import annotations

import pytest

from models.training.evaluation import drill_press
from models.training.evaluation.result import EvaluationError


@pytest.fixture(scope="module")
def result():
    from tests.conftest import RECORDINGS

    return drill_press.evaluate(RECORDINGS / "drill_press")


@pytest.mark.needs("recordings/drill_press")
def test_the_imbalance_is_an_alarm_and_the_healthy_half_is_none(result):
    assert result.pooled["detected_percent"] >= 99.0
    assert result.pooled["false_alarms_percent"] <= 1.0
    assert result.pooled["imbalance_alarms"] == 1
    assert result.pooled["healthy_alarms"] == 0


@pytest.mark.needs("recordings/drill_press")
def test_without_a_speed_it_is_called_changed_and_never_by_a_wrong_name(result):
    assert result.pooled["diagnosis_of_imbalance"] == "changed"
    assert result.pooled["diagnosis_of_healthy"] == "healthy"
    said = {word.split(" ")[0] for row in result.files for word in row["stretches"].split(", ")}
    assert said <= {"healthy", "changed"}


@pytest.mark.needs("recordings/drill_press")
def test_the_irregular_stamps_are_told(result):
    assert all("irregular sampling" in row["stamps"] for row in result.files)


def test_another_folder_is_refused_by_name(tmp_path):
    with pytest.raises(EvaluationError, match=r"base\.csv: missing"):
        drill_press.evaluate(tmp_path)
    (tmp_path / "base.csv").write_text("time,a,b\n0,1,2\n0.01,2,3\n0.02,3,4\n")
    with pytest.raises(EvaluationError, match="ax, ay, az"):
        drill_press.evaluate(tmp_path)
