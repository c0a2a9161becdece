"""FEMTO: every run is found, none too early, in the profile that ships."""

from __future__ import annotations

import pytest

from models.training.evaluation import femto
from models.training.evaluation.result import EvaluationError

LEADS_S = {"Bearing1_1.npz": 10_000.0, "Bearing1_2.npz": 300.0, "Bearing2_6.npz": 90.0}
"""At least; a change of the judge that costs more of it is a change to talk about."""


@pytest.mark.needs("recordings/femto")
def test_every_run_is_found_before_its_end_and_none_too_early(recordings):
    result = femto.evaluate(recordings / "femto")
    assert result.pooled["found"] == result.pooled["runs"] == len(result.files)
    assert result.pooled["early_alarms"] == 0
    for row in result.files:
        assert row["false_alarms"] == 0
        assert row["lead_time_s"] >= LEADS_S.get(row["file"], 0.0)


def test_another_folder_is_refused_by_name(tmp_path):
    with pytest.raises(EvaluationError, match=r"no Bearing\*\.npz"):
        femto.evaluate(tmp_path)
