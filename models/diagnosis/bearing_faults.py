"""Which part of a rolling bearing is damaged, on one sensor, or why that cannot be said.

In order, for every part of every bearing:

1. Search the line of its fault around the nominal frequency, where slip may have moved it, with harmonics 1 to 4.
2. Add the surprise of the harmonics (Fisher), each capped so that no single line carries the rest, and pay for the
   search (Bonferroni): the *evidence*, −log10 of the chance that noise looks like this.
3. Measure the *depth* of the modulation. Evidence alone is not enough: a machine's own faint modulations can be
   overwhelmingly significant. Damage is significant and deep.
4. The deepest candidate with evidence leads, unless it is a sideband of another one. Its family (harmonics with
   sidebands) is silenced and the search repeated: a rival that still stands has its own claim, and then nothing is
   named.
5. Name the lead only if it is far enough from its rivals, is not a fraction or multiple of something stronger, does
   not sit at the edge of its search range, and no other line may lie where it was found: by slip, or by a speed that
   nothing has settled. A ball is named there all the same where its line is modulated once per turn of the cage
   (`load_passage.py`). The cage is never named alone: healthy machines imitate it.

Source: R. A. Fisher, Statistical Methods for Research Workers, section 21.1 (combined probabilities);
W. A. Smith and R. B. Randall, Mech. Syst. Signal Process. 64-65 (2015) 100-131 (what a benchmark diagnosis needs).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from models.diagnosis.bearing_doubts import (
    RIVAL_DEPTH,
    RIVAL_EVIDENCE,
    BearingFinding,
    Doubt,
    carrier,
    is_fraction,
    is_shaft_order,
    neighbour_of,
    rival_of,
    stranger_depth,
    without_family,
)
from models.diagnosis.bearing_lines import HARMONICS, MASK_BINS, SEARCH_RANGE, SIDEBANDS, Candidate, Part, search_all
from models.diagnosis.envelope_lines import envelope_lines
from models.diagnosis.load_passage import is_carried, is_of_roller

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.diagnosis.bearings import Bearing
    from models.diagnosis.envelope_lines import EnvelopeLines, FloatArray

__all__ = ["HARMONICS", "SEARCH_RANGE", "SIDEBANDS", "BearingFinding", "Candidate", "Doubt", "Part", "judge_bearings"]

NAME_EVIDENCE: Final = 5.0
"""Evidence to name a fault: noise alone reaches 1.0 in fewer than one run of fifty."""
SHORT_NAME_EVIDENCE: Final = 8.0
"""The same in a short record: healthy rigs (IMS, 33 turns) reach 7 at the lines of a load that comes and goes."""
UNCERTAIN_EVIDENCE: Final = 6.0
"""Evidence at which a line that may not be named is still worth a person's look."""
NAME_DEPTH: Final = 0.18
"""Modulation depth to name a fault in a record of `LONG_TURNS` and more."""
SHORT_NAME_DEPTH: Final = 0.22
"""The same in a short record, where chance modulations are deeper."""
LONG_TURNS: Final = 45.0
STRANGER_DEPTH: Final = 1.0
"""A line this deep relative to the lead that belongs to nothing known speaks for another cause."""
UNSETTLED_STRANGER_DEPTH: Final = 0.5
"""The same while the speed is not settled: the line that a lead is a sideband of is then not looked for where it is."""
MIN_TURNS: Final = 15.0
"""Below, the lines of different parts are not separate."""


def judge_bearings(
    samples: FloatArray,
    sample_rate_hz: float,
    shaft_hz: float,
    bearings: Sequence[Bearing],
    *,
    speed_in_doubt: bool = False,
    speed_uncertainty: float = 0.0,
) -> BearingFinding:
    """Return which bearing part is damaged as one sensor shows it.

    Args:
        samples: acceleration of one channel (samples,), any unit.
        sample_rate_hz: of the samples.
        shaft_hz: turns per second.
        bearings: all that this sensor can hear; each is a rival of the others.
        speed_in_doubt: something speaks against the shaft speed; then nothing is named.
        speed_uncertainty: how far the speed may be off, relative; then nothing is named where the line of another
            part lies so close that it would be found here.
    """
    turns = samples.size / sample_rate_hz * shaft_hz
    if not bearings or turns < MIN_TURNS:
        return BearingFinding(None, named=False, doubts=(), rival=None, candidates=())
    highest = max(part.order(bearing) for bearing in bearings for part in Part)
    lines = envelope_lines(samples, sample_rate_hz, shaft_hz * (HARMONICS * highest * 1.02 + SIDEBANDS))
    candidates = search_all(lines, shaft_hz, bearings)
    is_long = turns >= LONG_TURNS
    name_depth = NAME_DEPTH if is_long else SHORT_NAME_DEPTH
    name_evidence = NAME_EVIDENCE if is_long else SHORT_NAME_EVIDENCE
    parts = [candidate for candidate in candidates if candidate.part is not Part.CAGE]
    evident = [
        candidate
        for candidate in parts
        if candidate.evidence >= NAME_EVIDENCE
        and (candidate.depth >= name_depth or not is_shaft_order(lines, candidate, shaft_hz))
    ]
    lead = max(evident, key=lambda candidate: candidate.depth, default=None)
    if lead is None:
        return _without_lead(candidates)
    lead = carrier(lead, evident, shaft_hz, MASK_BINS * lines.step_hz)
    carried = _carried(lines, lead, evident, bearings, shaft_hz)
    lead = carried or lead
    bearing = bearings[lead.bearing_index]
    silenced = without_family(lines, lead, bearing, shaft_hz)
    rival = rival_of(silenced, shaft_hz, bearings, lead)
    has_claim = rival is not None and rival.evidence >= RIVAL_EVIDENCE and rival.depth > RIVAL_DEPTH * lead.depth
    # Where a line lies leaves these open; that it goes round with the cage settles them.
    neighbour = None if carried else neighbour_of(lead, candidates, speed_uncertainty)
    is_of_shaft = carried is None and is_shaft_order(lines, lead, shaft_hz)
    stranger = UNSETTLED_STRANGER_DEPTH if speed_uncertainty and carried is None else STRANGER_DEPTH
    applies = {
        Doubt.SHALLOW: lead.depth < name_depth,
        Doubt.WEAK: lead.evidence < name_evidence,
        Doubt.RIVAL: has_claim or neighbour is not None,
        Doubt.FRACTION: lead.part is not Part.BALL and is_fraction(lines, lead),
        Doubt.STRANGER: stranger_depth(silenced, bearing, shaft_hz) > stranger * lead.depth,
        Doubt.SHAFT: is_of_shaft,
        Doubt.EDGE: lead.at_edge,
        Doubt.SPEED: speed_in_doubt,
    }
    doubts = tuple(doubt for doubt, yes in applies.items() if yes)
    if doubts == (Doubt.SHALLOW,) and lead.evidence < UNCERTAIN_EVIDENCE:
        return _without_lead(candidates)
    shown = rival if has_claim else neighbour or rival
    return BearingFinding(lead, not doubts, doubts, shown, candidates, is_carried=carried is not None)


def _carried(
    lines: EnvelopeLines, lead: Candidate, evident: Sequence[Candidate], bearings: Sequence[Bearing], shaft_hz: float
) -> Candidate | None:
    """Return the ball that goes round with the cage and makes the lead's line, which may be its own; None without."""
    for roller in evident:
        bearing = bearings[roller.bearing_index]
        is_its = roller.part is Part.BALL and is_of_roller(lead.found_hz, roller, bearing, lines, shaft_hz)
        if is_its and is_carried(lines, roller, bearing, shaft_hz):
            return roller
    return None


def _without_lead(candidates: tuple[Candidate, ...]) -> BearingFinding:
    """Return that nothing is to be named; a cage line that stands alone is only mentioned."""
    alone = [
        candidate
        for candidate in candidates
        if candidate.part is Part.CAGE and candidate.evidence >= UNCERTAIN_EVIDENCE and candidate.depth >= NAME_DEPTH
    ]
    if alone:
        return BearingFinding(alone[0], named=False, doubts=(Doubt.CAGE_ALONE,), rival=None, candidates=candidates)
    return BearingFinding(None, named=False, doubts=(), rival=None, candidates=candidates)
