"""FEMTO: every run is found, none too early, in the profile that ships."""

from __future__ import annotations

import pytest

from models.training.evaluation import femto
from models.training.evaluation.result import EvaluationError

LEADS_S = {"Bearing1_1.npz": 10_000.0, "Bearing1_2.npz": 300.0, "Bearing2_6.npz": 90.0}
"""At least; a change of the judge that costs more of it is a change to talk about."""


@pytest.fixture(scope="module")
def result():
    from conftest import RECORDINGS

    return femto.evaluate(RECORDINGS / "femto")


@pytest.mark.needs("recordings/femto")
def test_every_run_is_found_before_its_end_and_none_too_early(result):
    assert result.pooled["found"] == result.pooled["runs"] == len(result.files)
    assert result.pooled["early_alarms"] == 0
    for row in result.files:
        assert row["false_alarms"] == 0
        assert row["lead_time_s"] >= LEADS_S.get(row["file"], 0.0)


@pytest.mark.needs("recordings/femto")
def test_the_prognosis_of_runs_is_right_where_it_says_something_and_silent_while_they_are_healthy(result):
    pooled = result.pooled
    print({name: value for name, value in pooled.items() if name.startswith(("prognosis", "challenge", "published"))})
    assert pooled["prognosis_first_half_asked"] >= 200
    assert pooled["prognosis_first_half_forecasts"] == 0
    # Twelve forecasts of 522 questions: most of these bearings fail without a slow rise before.
    assert pooled["prognosis_forecasts"] >= 8
    assert pooled["prognosis_covered"] / pooled["prognosis_forecasts"] >= 0.75
    # Where the challenge cut its bearing off there is no trend in it: no number, and no point for it.
    assert pooled["challenge_bearing2_6_told_s"] is None
    assert pooled["challenge_bearing2_6_score"] == 0.0


@pytest.mark.parametrize(("error", "score"), [(0.0, 1.0), (20.0, 0.5), (-5.0, 0.5), (49.0, 0.183), (-13.95, 0.145)])
def test_the_score_of_the_challenge_is_the_organisers_one(error, score):
    assert femto.challenge_score(error) == pytest.approx(score, abs=0.001)


@pytest.mark.parametrize(
    ("errors", "mean"),
    [
        ((37, 80, 9, -5, -2, 64, 10, -440, 49, -317, 90), 0.31),
        ((43.28, 67.55, -22.98, 21.23, 17.83, 37.84, -19.42, 54.37, -13.95, -55.17, 3.66), 0.26),
    ],
)
def test_published_errors_of_all_bearings_add_up_to_the_published_means(errors, mean):
    assert sum(map(femto.challenge_score, errors)) / len(errors) == pytest.approx(mean, abs=0.005)


def test_another_folder_is_refused_by_name(tmp_path):
    with pytest.raises(EvaluationError, match=r"no Bearing\*\.npz"):
        femto.evaluate(tmp_path)
