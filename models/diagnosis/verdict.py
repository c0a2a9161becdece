"""One verdict for a machine from what its channels say: the strongest named fault, or the most telling other finding.

Bearing damage goes before a rotor fault, because it is the more specific and both may be true. Two channels that name
different faults with comparable strength contradict each other: then nothing is named.

Where bearings at several points have the same line, every sensor near one of them names it. That is no contradiction:
the fault is certain and only its place is in question. The damaged bearing modulates the vibration more deeply at its
own sensor, because on the way to another one the blows weaken and the rest does not; how loud the sensors are does not
tell. A place is ruled out only when its modulation is clearly shallower; else the places are left open by name.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from models.contract.records import Diagnosis
from models.contract.vocabulary import DiagnosisLabel
from models.diagnosis import wording
from models.diagnosis.bearing_lines import SEARCH_RANGE, Part

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.diagnosis.bearing_doubts import BearingFinding
    from models.diagnosis.bearing_lines import Candidate
    from models.diagnosis.report import ChannelReport, Damage

PLACE_DEPTH: Final = 1.4
"""Ratio of modulation depths that rules a place out. On public recordings with a sensor at each end the depth at the
damaged end is 1.2 to 2 times the other, and once 0.96 times: nothing below 1.04 may decide, and 1.4 is far from it."""
CONTRADICTION: Final = 0.5
"""A second named fault of this strength relative to the first makes the verdict uncertain."""
BEARING_LABELS: Final = frozenset(part.label for part in Part)
NAMED: Final = BEARING_LABELS | {
    DiagnosisLabel.IMBALANCE,
    DiagnosisLabel.MISALIGNMENT,
    DiagnosisLabel.LOOSENESS,
    DiagnosisLabel.GEAR,
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
    # Teeth strike once per turn as well: where most channels hear their mesh, the orders of the shaft are theirs too.
    teeth = [report for report in named if report.diagnosis.label is DiagnosisLabel.GEAR]
    if 2 * len(teeth) > len(named) and all(report.damage is None for report in named):
        return teeth[0]
    if not named:
        order = list(OTHERS)
        return min(reports, key=lambda report: (order.index(report.diagnosis.label), -report.diagnosis.confidence))
    best = named[0]
    against = [report for report in named[1:] if _contradicts(report, best)]
    if against and _strength(against[0]) > CONTRADICTION * _strength(best):
        return _undecided(best, against[0])
    return best if best.damage is None else _placed(best, best.damage, named, reports)


def _placed(
    best: ChannelReport, damage: Damage, named: Sequence[ChannelReport], reports: Sequence[ChannelReport]
) -> ChannelReport:
    """Return the channel that speaks for bearing damage, with the places that its depth at each point leaves open."""
    depth_at: dict[str, float] = {}
    for report in reports:
        heard = {report.name, report.point}.intersection(damage.places)
        depth = None if report.bearings is None else _depth_of(damage.lead, report.bearings)
        if heard and depth is not None:
            place = heard.pop()
            depth_at[place] = max(depth, depth_at.get(place, 0.0))
    nearest = max(depth_at, key=lambda place: depth_at[place], default=damage.places[0])
    left = [
        place
        for place in damage.places
        if place not in depth_at or place == nearest or depth_at[place] * PLACE_DEPTH > depth_at[nearest]
    ]
    left.sort(key=lambda place: -depth_at.get(place, 0.0))
    same = [report for report in named if report.damage is not None and not _contradicts(report, best)]
    speaker = next((report for report in same if nearest in {report.name, report.point}), best)
    told = speaker.damage or damage
    told = replace(told, places=tuple(left))
    words = wording.damage(told, speaker.name, depth_at)
    diagnosis = replace(speaker.diagnosis, sentence=words.sentence, next_step=words.next_step)
    return replace(speaker, diagnosis=diagnosis, component=" or ".join(left), damage=told)


def _depth_of(lead: Candidate, heard: BearingFinding) -> float | None:
    """Return how deeply a line modulates what another channel hears, None where it was not looked for."""
    reach = SEARCH_RANGE[lead.part] * lead.order
    depths = [one.depth for one in heard.candidates if one.part is lead.part and abs(one.order - lead.order) <= reach]
    return max(depths, default=None)


def _undecided(best: ChannelReport, other: ChannelReport) -> ChannelReport:
    sentence = (
        f"Uncertain: {best.name} speaks for {best.diagnosis.label.replace('_', ' ')} at {best.component}, "
        f"{other.name} for {other.diagnosis.label.replace('_', ' ')} at {other.component}."
    )
    step = "Record longer, and compare both points by hand."
    diagnosis = Diagnosis(DiagnosisLabel.UNCERTAIN, best.name, 0.3, sentence, step, best.diagnosis.evidence)
    return replace(best, diagnosis=diagnosis)


def _contradicts(report: ChannelReport, best: ChannelReport) -> bool:
    """Return whether two named faults exclude each other; a rotor fault may well stand beside bearing damage."""
    if (report.damage is None) != (best.damage is None):
        return False
    if report.diagnosis.label != best.diagnosis.label:
        return True
    if report.damage is None or best.damage is None:
        return False
    return not set(report.damage.places).intersection(best.damage.places)


def _strength(report: ChannelReport) -> float:
    """Return how strongly a channel speaks for what it names; bearing lines by depth, the louder sensor first."""
    if report.damage is not None:
        return 10.0 + report.damage.lead.depth * min(report.damage.lead.evidence, 20.0)
    return report.diagnosis.confidence
