"""Remaining flights of turbofans: the numbers we state, and files that are something else."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from pathlib import Path

import pytest

from models.training.evaluation.cmapss import evaluate
from models.training.evaluation.result import EvaluationError, Value


@pytest.fixture(scope="module")
def pooled() -> Mapping[str, Value]:
    from conftest import RECORDINGS

    return evaluate(RECORDINGS / "cmapss").pooled


@pytest.mark.needs("recordings/cmapss")
def test_single_trends_are_told_where_wear_shows_and_intervals_hold(pooled: Mapping[str, Value]) -> None:
    assert pooled["single_trend_forecasts"] >= 40  # type: ignore[operator]
    assert pooled["single_trend_interval_covers"] >= 0.85  # type: ignore[operator]
    assert pooled["single_trend_median_error_flights"] <= 15.0  # type: ignore[operator]
    # Wear shows from 125 flights before the end on: nothing is said of engines that are about there.
    assert pooled["single_trend_median_flights_left_where_silent"] > 90.0  # type: ignore[operator]


@pytest.mark.needs("recordings/cmapss")
def test_remaining_flights_are_told_far_better_than_by_the_mean(pooled: Mapping[str, Value]) -> None:
    assert pooled["rmse_flights"] <= 15.0
    # Trees of one seed differ by 0.2 flights between versions of the library.
    assert pooled["rmse_flights"] == pytest.approx(12.2, abs=0.5)
    assert pooled["cross_validated_rmse_flights"] == pytest.approx(11.0, abs=0.5)
    assert pooled["rmse_of_telling_the_mean"] > 2.0 * pooled["rmse_flights"]  # type: ignore[operator]
    assert pooled["rmse_flights"] < pooled["published_rmse_lstm_zheng_2017"]  # type: ignore[operator]
    # Stated at 90 %: of 100 engines 83 to 95 are covered in 95 of 100 such tests.
    assert 0.80 <= pooled["interval_covers"] <= 0.95  # type: ignore[operator]
    assert pooled["interval_median_width_flights_last_50"] < 0.5 * 125.0  # type: ignore[operator]


@pytest.mark.parametrize("text", ["1 2 three\n", "1 2 3\n"])
def test_another_table_is_told_by_its_name(tmp_path: Path, text: str) -> None:
    for name in ("train", "test", "RUL"):
        with gzip.open(tmp_path / f"{name}_FD001.txt.gz", "wt") as file:
            file.write(text)
    with pytest.raises(EvaluationError, match="train_FD001"):
        evaluate(tmp_path)
