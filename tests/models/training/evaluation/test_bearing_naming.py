"""A verdict is right, open or wrong; a name at the wrong place or on a healthy machine is wrong."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.bearing_signals import impacts, noise

from models.diagnosis.bearings import find_bearing
from models.diagnosis.diagnose import BearingAt
from models.training.evaluation.bearing_naming import (
    Case,
    all_channels,
    evaluate_cases,
    healthy_windows,
    one_sensor,
    rows_of,
    score,
)
from models.training.evaluation.result import EvaluationError

RATE_HZ = 12_000.0
SHAFT_HZ = 29.9
DRIVE, FAN = find_bearing("6205"), find_bearing("6203")


def case(label: str, order: float | None, *, seconds: float = 3.0, seed: int = 1) -> Case:
    """Return two channels; blows of an order at the first one."""
    samples = np.stack([noise(seconds, RATE_HZ, seed + row) for row in range(2)])
    if order is not None:
        samples[0] += impacts(seconds, RATE_HZ, order * SHAFT_HZ * 0.996, seed)
    return Case(
        file=f"{label}.mat",
        label=label,
        samples=samples.astype(np.float32),
        points=("DE", "FE"),
        sample_rate_hz=RATE_HZ,
        speed_rpm=60 * SHAFT_HZ,
        bearings=(BearingAt(DRIVE, "DE"), BearingAt(FAN, "FE")),
        nearest=0,
        damaged=DRIVE,
    )


def test_the_right_name_at_the_right_place_is_right() -> None:
    damaged = case("outer_race", DRIVE.bpfo)
    assert score(damaged, one_sensor(damaged, damaged.samples)) == "right"
    assert score(damaged, all_channels(damaged, damaged.samples)) == "right"


def test_another_name_or_another_place_is_wrong() -> None:
    damaged = case("outer_race", DRIVE.bpfo)
    report = all_channels(damaged, damaged.samples)
    assert score(replace(damaged, label="inner_race"), report) == "wrong"
    assert score(replace(damaged, damaged=FAN), report) == "wrong"


def test_no_name_is_open_on_a_damaged_machine_and_right_on_a_healthy_one() -> None:
    silent = case("ball", None)
    report = one_sensor(silent, silent.samples)
    assert score(silent, report) == "open"
    assert score(replace(silent, label="normal"), report) == "right"


def test_any_name_on_a_healthy_machine_is_wrong_and_counted() -> None:
    mislabelled = case("normal", DRIVE.bpfo, seconds=2.0)
    assert score(mislabelled, one_sensor(mislabelled, mislabelled.samples)) == "wrong"
    judged, named = healthy_windows(mislabelled)
    assert 0 < named < judged
    assert healthy_windows(case("normal", None, seconds=2.0))[1] == 0


def test_pooled_numbers_are_the_sums_of_the_files() -> None:
    result = evaluate_cases([case("outer_race", DRIVE.bpfo), case("normal", None)], "made-up machine")
    assert result.pooled["files"] == 2
    assert result.pooled["whole_right"] == 2
    assert result.pooled["all_channels_right"] == 2
    assert result.pooled["cut_5_s_right"] == 0  # 3 s hold no window of 5 s
    assert result.pooled["healthy_windows_named"] == 0
    for task in ("cut_2_s", "cut_1_s", "speed_off"):
        for outcome in ("right", "open", "wrong"):
            assert result.pooled[f"{task}_{outcome}"] == sum(int(row[f"{task}_{outcome}"] or 0) for row in result.files)
    assert [(row["file"], row["label"], row["predicted"]) for row in result.files] == [
        ("outer_race.mat", "outer_race", "outer_race"),
        ("normal.mat", "normal", "no_fault_found"),
    ]
    assert result.protocol.startswith("made-up machine: ")


def test_windows_follow_each_other_and_leave_the_rest_out() -> None:
    windows = list(case("ball", None, seconds=3.5).cut(1.0))
    assert [window.shape for window in windows] == [(2, 12_000)] * 3
    assert len(list(case("ball", None, seconds=3.5).cut(1.0, overlap=0.5))) == 6


def test_a_folder_without_labels_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match=r"labels\.csv"):
        rows_of(tmp_path)
    (tmp_path / "labels.csv").write_text("name,fault\n1,2\n")
    with pytest.raises(EvaluationError, match="file and label"):
        rows_of(tmp_path)
