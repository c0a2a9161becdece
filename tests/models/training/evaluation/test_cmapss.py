"""Remaining flights of turbofans: the numbers we state, and files that are something else."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from models.training.evaluation.cmapss import evaluate
from models.training.evaluation.result import EvaluationError


@pytest.mark.needs("recordings/cmapss")
def test_remaining_flights_are_told_far_better_than_by_the_mean(recordings: Path) -> None:
    pooled = evaluate(recordings / "cmapss").pooled
    # Trees of one seed differ by 0.2 flights between versions of the library.
    assert pooled["rmse_flights"] == pytest.approx(14.4, abs=0.5)
    assert pooled["cross_validated_rmse_flights"] == pytest.approx(12.9, abs=0.5)
    assert pooled["rmse_of_telling_the_mean"] > 2.0 * pooled["rmse_flights"]  # type: ignore[operator]


@pytest.mark.parametrize("text", ["1 2 three\n", "1 2 3\n"])
def test_another_table_is_told_by_its_name(tmp_path: Path, text: str) -> None:
    for name in ("train", "test", "RUL"):
        with gzip.open(tmp_path / f"{name}_FD001.txt.gz", "wt") as file:
            file.write(text)
    with pytest.raises(EvaluationError, match="train_FD001"):
        evaluate(tmp_path)
