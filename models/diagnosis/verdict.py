"""One verdict for a machine from what its channels say: the strongest named fault, or the most telling other finding.

Bearing damage goes before a rotor fault, because it is the more specific and both may be true. Two channels that name
different faults with comparable strength contradict each other: then nothing is named.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from models.contract.records import Diagnosis
from models.contract.vocabulary import DiagnosisLabel
from models.diagnosis.bearing_faults import Part

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.diagnosis.report import ChannelReport

CONTRADICTION: Final = 0.5
"""A second named fault of this strength relative to the first makes the verdict uncertain."""
BEARING_LABELS: Final = frozenset(part.label for part in Part)
NAMED: Final = BEARING_LABELS | {
    DiagnosisLabel.IMBALANCE,
    DiagnosisLabel.MISALIGNMENT,
    DiagnosisLabel.LOOSENESS,
}
OTHERS: Final = (
    DiagnosisLabel.PROCESS_CHANGED,
    DiagnosisLabel.CHANGED,
    DiagnosisLabel.SENSOR_FAULT,
    DiagnosisLabel.UNCERTAIN,
    DiagnosisLabel.HEALTHY,
    DiagnosisLabel.NO_FAULT_FOUND,
    DiagnosisLabel.MACHINE_OFF,
)
"""Findings without a name, the most telling first; a machine is off only when every channel says so."""


def machine_verdict(reports: Sequence[ChannelReport]) -> ChannelReport:
    """Return the channel that speaks for the machine; its diagnosis is the verdict.

    Where several channels name the same fault of the same component, the one nearest to it speaks.
    """
    named = sorted((report for report in reports if report.diagnosis.label in NAMED), key=_strength, reverse=True)
    if not named:
        order = list(OTHERS)
        return min(reports, key=lambda report: (order.index(report.diagnosis.label), -report.diagnosis.confidence))
    best = named[0]
    against = [report for report in named[1:] if _contradicts(report, best)]
    if against and _strength(against[0]) > CONTRADICTION * _strength(best):
        return _undecided(best, against[0])
    same = [report for report in named if _cause(report) == _cause(best)]
    return next((report for report in same if report.point == report.component), best)


def _undecided(best: ChannelReport, other: ChannelReport) -> ChannelReport:
    sentence = (
        f"Uncertain: {best.name} speaks for {best.diagnosis.label.replace('_', ' ')} at {best.component}, "
        f"{other.name} for {other.diagnosis.label.replace('_', ' ')} at {other.component}."
    )
    step = "Record longer, and compare both points by hand."
    diagnosis = Diagnosis(DiagnosisLabel.UNCERTAIN, best.name, 0.3, sentence, step, best.diagnosis.evidence)
    return replace(best, diagnosis=diagnosis)


def _cause(report: ChannelReport) -> tuple[DiagnosisLabel, str]:
    return report.diagnosis.label, report.component


def _contradicts(report: ChannelReport, best: ChannelReport) -> bool:
    """Return whether two named faults exclude each other; a rotor fault may well stand beside bearing damage."""
    kinds_differ = (report.diagnosis.label in BEARING_LABELS) != (best.diagnosis.label in BEARING_LABELS)
    if kinds_differ or best.diagnosis.label not in BEARING_LABELS:
        return not kinds_differ and report.diagnosis.label != best.diagnosis.label
    return _cause(report) != _cause(best)


def _strength(report: ChannelReport) -> float:
    """Return how strongly a channel speaks for what it names; bearing lines by depth, the louder sensor first."""
    lead = None if report.bearings is None else report.bearings.lead
    if lead is not None and report.diagnosis.label in BEARING_LABELS:
        return 10.0 + lead.depth * min(lead.evidence, 20.0)
    return report.diagnosis.confidence
