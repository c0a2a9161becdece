"""Naming on the MFPT recordings: every fault is named whole and cut, none wrongly, also with a speed that is off."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.training.evaluation import mfpt
from models.training.evaluation.result import Evaluation, EvaluationError


@pytest.fixture(scope="module")
def result() -> Evaluation:
    from conftest import RECORDINGS

    return mfpt.evaluate(RECORDINGS / "mfpt")


@pytest.mark.needs("recordings/mfpt")
@pytest.mark.parametrize(
    ("task", "least_right", "of"),
    [("whole", 8, 8), ("all_channels", 8, 8), ("cut_2_s", 8, 8), ("cut_1_s", 22, 24), ("speed_off", 60, 64)],
)
def test_nothing_is_named_wrongly_and_most_rightly(result: Evaluation, task: str, least_right: int, of: int) -> None:
    outcomes = [int(result.pooled[f"{task}_{outcome}"] or 0) for outcome in ("right", "open", "wrong")]
    assert sum(outcomes) == of
    assert outcomes[2] == 0
    assert outcomes[0] >= least_right


def test_a_file_that_states_no_speed_is_refused(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("file,label\n1.npz,inner_race\n")
    np.savez(tmp_path / "1.npz", gs=np.arange(1000) % 7, sr=48_828.0)
    with pytest.raises(EvaluationError, match="no sampling rate or no shaft speed"):
        mfpt.evaluate(tmp_path)
