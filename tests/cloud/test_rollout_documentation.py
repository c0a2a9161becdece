"""docs/rollouts.md says what the code does where it gives numbers and names."""

from __future__ import annotations

import re
from pathlib import Path

from cloud.registry import VersionState
from cloud.rollout_state import DEFAULT_PLAN, HOUR_MS, Gate, checked

TEXT = (Path(__file__).parents[2] / "docs" / "rollouts.md").read_text(encoding="utf-8")


def _number(cell):
    return float(re.sub(r"[^0-9.]", "", cell) or 0)


def test_the_stages_are_those_without_a_plan():
    rows = [line.strip("| ").split(" | ") for line in TEXT.splitlines() if re.match(r"\| [123]", line)]
    rows = [row for row in rows if len(row) == 6]
    assert len(rows) == len(checked(DEFAULT_PLAN).stages)
    for row, stage in zip(rows, DEFAULT_PLAN.stages, strict=True):
        share = 1.0 if row[1] == "all" else _number(row[1].split("%")[0]) / 100
        said = (share, _number(row[2]), _number(row[3]) * 24, _number(row[4]), _number(row[5]) / 100)
        hours = (stage.soak_ms / HOUR_MS, stage.limit_ms / HOUR_MS)
        assert said == (stage.share, *hours, stage.machine_hours, stage.error_budget)


def test_one_in_twenty_is_the_level():
    assert "one rollout of twenty" in TEXT
    assert Gate().false_halt == 1 / 20


def test_every_state_is_explained():
    assert [state for state in VersionState if f"| {state} |" not in TEXT] == []
