"""`plantpulse models evaluate`: one set for people and for programs, all of them into one page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from models.training.evaluation.result import Evaluation
from models.training.evaluation.table import PUBLIC_SETS
from plantpulse.command_line import main
from plantpulse.model_commands.results_page import page
from plantpulse.model_commands.results_table import ROWS, results_table

ONE = Evaluation(
    "Fitted on the first half.", {"right": 16, "false_alarms_per_hour": 0.0}, ({"file": "a|b.mat", "label": "ball"},)
)


def test_the_page_has_every_set_with_its_command_and_its_protocol() -> None:
    text = page({"mfpt": ONE, "cwru": ONE})
    assert text.index("## cwru") < text.index("## mfpt"), "in the order of the table, not of the evaluation"
    assert "plantpulse models evaluate cwru --data DIR/cwru" in text
    assert "Fitted on the first half." in text
    assert "| false alarms per hour | 0 |" in text
    assert "| a\\|b.mat | ball |" in text


@pytest.mark.needs("recordings/drill_press")
def test_one_set_is_one_json_document(recordings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "evaluate", "drill_press", "--data", str(recordings / "drill_press"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert set(told) == {"protocol", "pooled", "files"}
    assert told["files"]


def test_a_folder_that_is_none_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "evaluate", "cwru", "--data", str(tmp_path / "nowhere")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "nowhere: is not a folder" in line


def test_a_folder_without_any_set_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "data").mkdir()
    assert main(["models", "evaluate", "all", "--data", str(tmp_path / "data"), "--output", str(tmp_path / "p")]) == 2
    assert "holds none of the public sets" in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "p").exists()


@pytest.mark.parametrize("name", [one.name for one in PUBLIC_SETS])
def test_an_empty_folder_is_one_line_that_names_it(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["models", "evaluate", name, "--data", str(tmp_path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert str(tmp_path) in line


def test_the_short_table_says_detection_with_its_false_alarms() -> None:
    femto = Evaluation(
        "…",
        {"runs": 3, "found": 2, "shortest_lead_time_s": 90, "longest_lead_time_s": 11_260, "early_alarms": 1},
        ({"file": "a"},),
    )
    assert results_table({"femto": femto}).splitlines()[-1] == (
        "| FEMTO, bearings run to failure | 2 of 3 found 90 s to 11,260 s before the end, 1 early alarms |"
    )


def test_every_set_has_its_line_in_the_short_table() -> None:
    assert {row.name for row in ROWS} == {one.name for one in PUBLIC_SETS}
