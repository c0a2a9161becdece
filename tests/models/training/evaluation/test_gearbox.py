"""Gearbox: the broken tooth is found although the healthy runs are louder; a load never learnt is no fault."""

from __future__ import annotations

import numpy as np
import pytest

from models.training.evaluation import gearbox
from models.training.evaluation.result import EvaluationError


@pytest.fixture(scope="module")
def result():
    from tests.conftest import RECORDINGS

    return gearbox.evaluate(RECORDINGS / "gearbox")


@pytest.mark.needs("recordings/gearbox")
def test_every_broken_run_is_an_alarm_at_its_load_and_no_healthy_one_is(result):
    assert result.pooled["broken_runs_alarmed"] == result.pooled["broken_runs"] == 3
    assert result.pooled["healthy_runs_alarmed"] == 0
    assert result.pooled["false_alarms_percent"] == 0.0
    assert result.pooled["detected_percent"] >= 99.0
    assert result.pooled["lowest_auc"] >= 0.99


@pytest.mark.needs("recordings/gearbox")
def test_a_load_never_learnt_is_an_unknown_state_and_never_a_fault(result):
    assert result.pooled["unlearnt_load_windows_scored"] == 0
    assert result.pooled["unlearnt_load_alarms"] == 0
    # What is not called unknown is a load that still moves.
    assert all(row["unknown_share"] > 0.5 for row in result.files if not row["learnt"])


@pytest.mark.needs("recordings/gearbox")
def test_the_healthy_runs_really_are_the_louder_ones(recordings):
    loud = {
        (run.load_percent, run.broken): float(np.std(run.samples[0]))
        for run in gearbox.read_runs(recordings / "gearbox")
    }
    for load in (0.0, 40.0, 80.0):
        assert loud[load, False] > 1.3 * loud[load, True]


def test_another_folder_is_refused_by_name(tmp_path):
    with pytest.raises(EvaluationError, match=r"labels\.csv"):
        gearbox.evaluate(tmp_path)
    (tmp_path / "labels.csv").write_text("file,label,load_pct\nh.csv.gz,healthy,0\n")
    with pytest.raises(EvaluationError, match=r"h\.csv\.gz: missing"):
        gearbox.evaluate(tmp_path)
