"""Healthy tables become a bundle that judges their rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.bundle.archive import read_bundle
from models.detectors.table import COARSE
from models.recordings.recording import Channel, Recording, Segment
from models.scoring import BundleScorer
from models.training.errors import FitError
from models.training.fit_rows import RowFit, fit_rows

DETECTORS = ("tracking", "mahalanobis", "t2_q", "robust_z", "isolation_forest")


def table(folder, rows, name="table.csv", columns=("pressure", "flow", "current")):
    """Return rows (n, columns) of one second each."""
    path = Path(folder) / name
    path.write_bytes(rows.tobytes())
    channels = tuple(Channel(column) for column in columns)
    return Recording(path, channels, 1.0, (Segment(0.0, np.ascontiguousarray(rows.T, np.float32)),))


def rows(count, seed, *, moved_from=None):
    """Return three columns that share a load; the flow is lost from a row on."""
    rng = np.random.default_rng(seed)
    load = rng.normal(0.0, 0.02, (count, 1))
    values = np.array([5.0, 30.0, 2.0]) + rng.normal(0.0, [0.05, 0.3, 0.02], (count, 3)) + load
    if moved_from is not None:
        values[moved_from:, 1] -= 4.0
    return values


@pytest.mark.parametrize("detector", DETECTORS)
def test_a_lost_flow_is_found_and_healthy_rows_are_quiet(tmp_path, detector):
    data = fit_rows([table(tmp_path, rows(1_200, 1))], RowFit("loop", detector=detector))
    assert fit_rows([table(tmp_path, rows(1_200, 1))], RowFit("loop", detector=detector)) == data
    scorer = BundleScorer(read_bundle(data))
    found = list(scorer(table(tmp_path, rows(400, 2, moved_from=300), "today.csv")))
    before, after = found[100:300], found[310:360]
    assert np.mean([row.anomalous for row in before]) <= 0.02
    if detector not in COARSE:
        assert np.mean([row.anomalous for row in after]) >= 0.9
    assert max(row.p_value for row in after) < 0.05
    assert [found[0].end_s, found[-1].end_s] == [1.0, 400.0]


def test_false_alarms_are_measured_on_rows_the_fit_had_not_seen(tmp_path):
    manifest = read_bundle(fit_rows([table(tmp_path, rows(1_000, 1))], RowFit("loop"))).manifest
    by_name = {metric.name: metric for metric in manifest.metrics}
    assert by_name["false_alarms"].on.startswith("271 healthy rows (271 s)")
    assert by_name["false_alarm_share"].value <= 0.02
    assert manifest.training.data[0].windows == 1_000


def test_rows_with_a_gap_are_left_out_of_learning_and_not_judged(tmp_path):
    healthy = rows(600, 1)
    healthy[50:60, 1] = np.nan
    data = fit_rows([table(tmp_path, healthy)], RowFit("loop", detector="mahalanobis"))
    assert read_bundle(data).manifest.training.data[0].windows == 590
    found = list(BundleScorer(read_bundle(data))(table(tmp_path, healthy)))
    assert [row.state for row in found].count("unknown") == 10


@pytest.mark.parametrize(
    ("values", "detector", "words"),
    [
        (rows(20, 1), "tracking", "20 rows: tracking needs 215"),
        (rows(1, 1), "mahalanobis", "1 usable rows"),
        (rows(6, 1), "mahalanobis", "at least 8"),
        (rows(400, 1) * [1.0, 0.0, 1.0], "mahalanobis", "column flow never changes.*--ignore flow"),
        (rows(400, 1), "autoencoder", "choose from tracking"),
        (rows(400, 1), "nonsense", "choose from tracking"),
    ],
)
def test_tables_that_cannot_give_a_model_are_named(tmp_path, values, detector, words):
    with pytest.raises(FitError, match=words):
        fit_rows([table(tmp_path, values)], RowFit("loop", detector=detector))


def test_tables_with_other_columns_do_not_go_together(tmp_path):
    other = table(tmp_path, rows(400, 1), "b.csv", ("pressure", "level", "current"))
    with pytest.raises(FitError, match=r"b\.csv: has the columns pressure, level, current"):
        fit_rows([table(tmp_path, rows(400, 1)), other], RowFit("loop"))
