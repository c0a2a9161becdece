"""IMS test 2: the right bearing, three days before the end, and a rig that stands still is off."""

from __future__ import annotations

import pytest

from models.training.evaluation import ims
from models.training.evaluation.result import EvaluationError


@pytest.mark.needs("recordings/ims")
def test_bearing_1_is_told_first_at_least_72_hours_before_the_last_running_snapshot(recordings):
    result = ims.evaluate(recordings / "ims")
    assert result.pooled["first_bearing_told"] == 1
    assert result.pooled["lead_time_h"] >= 72.0
    assert result.pooled["early_alarms"] == 0
    # The README of the set: the last snapshots are recorded on a stopped rig.
    assert result.pooled["snapshots_machine_off"] == 2
    assert result.pooled["alarms_on_healthy_bearings"] <= result.pooled["alarms_on_healthy_bearings_without_neighbours"]


@pytest.mark.needs("recordings/ims")
def test_no_bearing_comes_near_its_threshold_in_the_first_half_of_the_test(recordings):
    for row in ims.evaluate(recordings / "ims").files:
        assert row["highest_score_of_first_half"] < 1.0


def test_another_folder_is_refused_by_name(tmp_path):
    with pytest.raises(EvaluationError, match="test2_trend_mean_abs"):
        ims.evaluate(tmp_path)
    (tmp_path / ims.TREND).write_text(",Bearing 1\n2004-02-12 10:32:39,0.1\n")
    with pytest.raises(EvaluationError, match="4 levels"):
        ims.evaluate(tmp_path)
