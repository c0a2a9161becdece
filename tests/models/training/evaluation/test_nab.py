"""NAB machine_temperature: the benchmark's own scoring, and how far the number can be trusted."""

from __future__ import annotations

import math

import numpy as np
import pytest

from models.training.evaluation import nab
from models.training.evaluation.result import EvaluationError


@pytest.fixture(scope="module")
def result():
    from tests.conftest import RECORDINGS

    return nab.evaluate(RECORDINGS / "nab")


@pytest.fixture(scope="module")
def hourly():
    """Return the series, and the rows of all alarms with windows of an hour."""
    from tests.conftest import RECORDINGS

    series = nab.read_series(RECORDINGS / "nab")
    return series, nab.detect(series, by_the_hour=True)


@pytest.mark.needs("recordings/nab")
def test_it_finds_the_failures_early_and_says_how_fragile_that_is(result):
    assert result.pooled["standard_score"] >= 3.0
    assert result.pooled["windows_found"] == 4
    assert result.pooled["false_alarms"] <= 1
    assert 0 < result.pooled["variants_at_least_3"] < result.pooled["variants_tried"]
    assert result.pooled["variants_lowest_score"] < result.pooled["standard_score"]
    assert [row["found"] for row in result.files] == [True] * 4


@pytest.mark.needs("recordings/nab")
def test_no_detection_looks_ahead(hourly):
    series, rows = hourly
    part = nab.Labelled(series.rows[:10_000], series.windows[:2])
    assert nab.detect(part, by_the_hour=True) == [row for row in rows if row < 10_000]


@pytest.mark.needs("recordings/nab")
def test_windows_of_an_hour_tell_what_the_usual_ones_tell(hourly, result):
    series, rows = hourly
    assert round(nab.standard_score(rows, series), 3) == result.pooled["standard_score"]
    hours = [next((row - first) / 12 for row in rows if first <= row <= last) for first, last in series.windows]
    assert [round(one, 1) for one in hours] == [row["hours_after_window_opens"] for row in result.files]


def scored(*detections):
    """A window of rows 2000 to 2999 in 10,000 rows."""
    return nab.standard_score(detections, nab.Labelled(np.zeros((10_000, 1)), ((2000, 2999),)))


def test_a_window_counts_by_its_earliest_detection_as_the_benchmark_counts_it():
    # The scaled sigmoid of the benchmark at −1 is 0.98661; its first row is worth exactly 1.
    assert scored(2000) == pytest.approx(1.0)
    assert scored(2500, 2900) == pytest.approx((2 / (1 + math.exp(-2.5)) - 1) / 0.98661, abs=1e-4)
    assert scored() == -1.0


def test_a_detection_outside_costs_more_the_further_it_is_from_a_window():
    assert scored(2000, 1000) == pytest.approx(1.0 - 0.11)
    assert scored(2000, 3000) == pytest.approx(1.0 - 0.11 * (1 - 2 / (1 + math.exp(5 / 999))), abs=1e-3)
    assert scored(2000, 2999 + 999) == pytest.approx(1.0 - 0.11 * 0.98661, abs=1e-4)
    assert scored(2000, 9000, 9500) == pytest.approx(1.0 - 0.22)


def test_probation_is_fifteen_percent_but_at_most_750_rows():
    assert nab.Labelled(np.zeros((1000, 1)), ()).probation_rows == 150
    assert nab.Labelled(np.zeros((22_695, 1)), ()).probation_rows == 750
    assert scored(749, 2000) == 1.0


def test_on_the_scale_of_the_benchmark_silence_is_0_and_perfect_100():
    assert [nab.normalised(score, 4) for score in (-4.0, 0.0, 4.0)] == [0.0, 50.0, 100.0]


def test_another_folder_is_refused_by_what_it_lacks(tmp_path):
    with pytest.raises(EvaluationError, match="machine_temperature"):
        nab.evaluate(tmp_path)
    (tmp_path / nab.SERIES).write_text("timestamp,value\n" + "2020-01-01 00:00:00,1.5\n" * 30)
    (tmp_path / nab.LABELS).write_text(
        '{"machine_temperature_system_failure.csv": {"windows": [["2021-01-01", "2022-01-01"]]}}'
    )
    with pytest.raises(EvaluationError):
        nab.evaluate(tmp_path)
