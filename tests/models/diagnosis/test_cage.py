"""The cage is named only beside its rollers and only where it knocks; a roller that it carries stays a roller."""

from __future__ import annotations

import pytest
from support.fault_cases import Case, cases, judged

from models.contract.vocabulary import DiagnosisLabel

CASES = [case for case in cases() if case.kind in {"ball", "cage"}]


@pytest.mark.parametrize("case", CASES[::3], ids=lambda case: f"{case.kind} {case.number}")
def test_rollers_and_cages_are_told_apart_or_left_open(case: Case) -> None:
    label = judged(case).verdict.label
    assert label in {DiagnosisLabel(case.kind), DiagnosisLabel.UNCERTAIN}
