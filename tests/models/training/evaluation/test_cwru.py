"""Naming on the CWRU recordings: floors, stated so that a change for the worse is seen; never a wrong name."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.training.evaluation import cwru
from models.training.evaluation.result import Evaluation, EvaluationError


@pytest.fixture(scope="module")
def result() -> Evaluation:
    from conftest import RECORDINGS

    return cwru.evaluate(RECORDINGS / "cwru")


@pytest.mark.needs("recordings/cwru")
@pytest.mark.parametrize("task", ["whole", "all_channels", "cut_5_s", "cut_2_s", "cut_1_s", "speed_off"])
def test_nothing_is_named_wrongly(result: Evaluation, task: str) -> None:
    assert result.pooled[f"{task}_wrong"] == 0


@pytest.mark.needs("recordings/cwru")
def test_no_healthy_window_is_named(result: Evaluation) -> None:
    assert result.pooled["healthy_windows_named"] == 0
    assert int(result.pooled["healthy_windows"] or 0) > 500


@pytest.mark.needs("recordings/cwru")
@pytest.mark.parametrize(
    ("task", "least_right", "of"),
    # Of the ten, one is a ball fault that leaves no line of its own in any variant; short windows lose ball faults.
    [
        ("whole", 9, 10),
        ("all_channels", 9, 10),
        ("cut_5_s", 15, 17),
        ("cut_2_s", 34, 43),
        ("cut_1_s", 58, 87),
        ("speed_off", 72, 80),
    ],
)
def test_most_is_named_rightly(result: Evaluation, task: str, least_right: int, of: int) -> None:
    outcomes = [int(result.pooled[f"{task}_{outcome}"] or 0) for outcome in ("right", "open", "wrong")]
    assert sum(outcomes) == of
    assert outcomes[0] >= least_right


@pytest.mark.needs("recordings/cwru")
def test_every_file_has_a_row(result: Evaluation) -> None:
    assert len(result.files) == 10
    assert {"file", "label", "predicted"} <= result.files[0].keys()


def test_labels_without_the_needed_columns_are_refused(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("file,label\n105.mat,inner_race\n")
    with pytest.raises(EvaluationError, match="channels"):
        cwru.evaluate(tmp_path)


def test_a_file_without_a_sensor_at_the_damaged_end_is_refused(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text(
        "file,label,faulty_bearing,fs_hz,rpm_nominal,channels\n1.mat,ball,fan_end,12000,1797,X1_DE_time\n"
    )
    with pytest.raises(EvaluationError, match="no channel of the end FE"):
        cwru.evaluate(tmp_path)
