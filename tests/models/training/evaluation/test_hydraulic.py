"""Hydraulic rig: cooler and valve are told apart on blocks never seen, and healthy cycles are left in peace."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

from models.training.evaluation import hydraulic
from models.training.evaluation.result import EvaluationError


@pytest.fixture(scope="module")
def result():
    from tests.conftest import RECORDINGS

    return hydraulic.evaluate(RECORDINGS / "hydraulic")


@pytest.mark.needs("recordings/hydraulic")
def test_the_conditions_of_the_cooler_are_told_apart(result):
    assert result.pooled["cooler_balanced_accuracy"] >= 0.98


@pytest.mark.needs("recordings/hydraulic")
def test_the_conditions_of_the_valve_are_told_apart_and_a_sticking_one_is_found(result):
    assert result.pooled["valve_balanced_accuracy"] >= 0.88
    assert result.pooled["valve_sticking_found_percent"] >= 95.0
    assert result.pooled["valve_sticking_false_percent"] <= 4.0


@pytest.mark.needs("recordings/hydraulic")
def test_a_fouled_cooler_is_found_without_a_false_alarm_on_healthy_blocks(result):
    assert result.pooled["healthy_blocks_alarmed"] == 0
    assert result.pooled["false_alarms_percent"] == 0.0
    assert result.pooled["fouled_cooler_detected_percent"] >= 99.0


@pytest.mark.needs("recordings/hydraulic")
def test_what_is_not_seen_is_told_too(result):
    """The gateway's own normal sees a valve only by the efficiency: half of the worst. The figure must be printed."""
    assert 0.0 < result.pooled["only_valve_detected_percent"] < result.pooled["only_valve_73_detected_percent"]
    assert result.pooled["valve_all_balanced_accuracy"] < result.pooled["valve_balanced_accuracy"]


def test_no_cycle_is_named_by_a_fit_that_saw_its_block():
    """Vectors that only tell their block: named right if a block leaks, at chance if it does not."""
    rng = np.random.default_rng(0)
    blocks = np.repeat(np.arange(40), 10)
    truth = np.where(rng.permutation(np.arange(40) % 2 == 0)[blocks], 3, 100)
    vectors = rng.normal(size=(40, 5))[blocks] + 0.01 * rng.normal(size=(400, 5))
    cycles = hydraulic.Cycles(
        np.zeros((400, 8, 60), np.float32), {"block": blocks, "cooler_pct": truth, "not_settled": np.zeros(400, int)}
    )
    found, said = hydraulic.told_apart(vectors.astype(np.float32), cycles, "cooler_pct", np.ones(400, bool))
    assert 0.2 < hydraulic.balanced_accuracy(found, said) < 0.8


def test_a_folder_that_is_something_else_is_named(tmp_path):
    with pytest.raises(EvaluationError, match="not laid out like the hydraulic set"):
        hydraulic.evaluate(tmp_path)


def test_signals_of_another_length_are_named(tmp_path):
    for name, _ in hydraulic.SIGNALS:
        with gzip.open(tmp_path / f"{name}.txt.gz", "wt") as file:
            file.write("\t".join(["1.0"] * 60) + "\n")
    (tmp_path / "profile.csv").write_text("block,cooler_pct,valve_pct,not_settled\n0,100,100,0\n0,100,100,0\n")
    with pytest.raises(EvaluationError, match="2 cycles, the signals have another number"):
        hydraulic.evaluate(tmp_path)
