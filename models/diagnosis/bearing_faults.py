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
   nothing has settled. The cage is never named alone: healthy machines imitate it.

Source: R. A. Fisher, Statistical Methods for Research Workers, section 21.1 (combined probabilities);
W. A. Smith and R. B. Randall, Mech. Syst. Signal Process. 64-65 (2015) 100-131 (what a benchmark diagnosis needs).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import numpy as np

from models.contract.records import EvidenceLine
from models.contract.vocabulary import DiagnosisLabel
from models.diagnosis.envelope_lines import EnvelopeLines, FloatArray, envelope_lines, gamma_surprise

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from models.diagnosis.bearings import Bearing

HARMONICS: Final = 4
SURPRISE_CAP: Final = 15.0
"""Most that one harmonic may add, in nats (a chance of 3e-7)."""
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
RIVAL_DEPTH: Final = 0.5
"""A rival this deep relative to the lead, and evident, makes the case uncertain."""
RIVAL_EVIDENCE: Final = 4.0
"""A rival below it is noise."""
FRACTION_SURPRISE: Final = 0.2
"""Lines at 1/2 and 3/2 of the lead with this share of the lead's mean surprise mean that half is the fundamental."""
STRANGER_DEPTH: Final = 1.0
"""A line this deep relative to the lead that belongs to nothing known speaks for another cause."""
UNSETTLED_STRANGER_DEPTH: Final = 0.5
"""The same while the speed is not settled: the line that a lead is a sideband of is then not looked for where it is."""
LOWEST_STRANGER: Final = 0.8
"""Orders below are belts, loads and cages: slow modulations of everything."""
SHAFT_ORDERS_EXPLAINED: Final = 2
"""Modulation by the load once and twice a turn is common and explains itself."""
MATCHED_SURPRISE: Final = 6.9
"""A single line counts as matched when noise would show it once in a thousand."""
MOST_SLIP: Final = 0.02
"""How low a line may sit at most; lines are not searched so far, but one of another part may lie there."""
SHAFT_TOLERANCE: Final = 0.001
"""How well the speed is known from its comb."""
SHAFT_REACH: Final = 1.5
SHAFT_DEPTH: Final = 0.4
"""A whole order within 1.5 search ranges of the nominal line, at least this deep relative to the lead, may be it."""
SIDEBANDS: Final = 3
MASK_BINS: Final = 2
EDGE_SHARE: Final = 0.4
"""How far beyond its range, in parts of it, a line's flank is followed to see whether the peak lies outside."""
MIN_TURNS: Final = 15.0
"""Below, the lines of different parts are not separate."""


class Part(StrEnum):
    """A part of a bearing that can be damaged."""

    OUTER_RACE = "outer_race"
    INNER_RACE = "inner_race"
    BALL = "ball"
    CAGE = "cage"

    @property
    def label(self) -> DiagnosisLabel:
        """Return the word a diagnosis uses for it."""
        return DiagnosisLabel(self.value)

    @property
    def line(self) -> str:
        """Return the short name of its line; a ball hits both races, so it shows at twice its spin."""
        return {"outer_race": "BPFO", "inner_race": "BPFI", "ball": "2BSF", "cage": "FTF"}[self.value]

    def order(self, bearing: Bearing) -> float:
        """Return its order per shaft turn."""
        orders = {
            Part.OUTER_RACE: bearing.bpfo,
            Part.INNER_RACE: bearing.bpfi,
            Part.BALL: 2 * bearing.bsf,
            Part.CAGE: bearing.ftf,
        }
        return orders[self]


SEARCH_RANGE: Final = {Part.OUTER_RACE: 0.010, Part.INNER_RACE: 0.007, Part.BALL: 0.012, Part.CAGE: 0.012}
"""How far slip, contact angle and an inexact speed move a line, relative to its nominal frequency."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """What was found at the lines of one part of one bearing.

    Attributes:
        bearing_index: which of the bearings that were asked about.
        part: of that bearing.
        order: nominal, per shaft turn.
        expected_hz: order times shaft speed.
        found_hz: the frequency whose harmonics fit best within the search range.
        evidence: −log10 of the chance that noise looks like this, search paid for.
        depth: modulation depth of the fundamental, 0 none, 1 full.
        surprise: of each harmonic, (HARMONICS,).
        ratio_db: of each harmonic over its background, (HARMONICS,).
        at_edge: the line rises towards a peak outside the search range.
    """

    bearing_index: int
    part: Part
    order: float
    expected_hz: float
    found_hz: float
    evidence: float
    depth: float
    surprise: FloatArray
    ratio_db: FloatArray
    at_edge: bool

    def lines(self, place: str | None = None) -> tuple[EvidenceLine, ...]:
        """Return one line of evidence per harmonic, matched or not; with a place `BPFO@DE`, to tell bearings apart."""
        name = self.part.line if place is None else f"{self.part.line}@{place}"
        return tuple(
            EvidenceLine(
                line=name if k == 1 else f"{k}x {name}",
                order=k * self.order,
                expected_hz=k * self.expected_hz,
                found_hz=k * self.found_hz if surprise > MATCHED_SURPRISE else None,
                snr_db=round(float(ratio), 1) if surprise > MATCHED_SURPRISE else None,
                matched=bool(surprise > MATCHED_SURPRISE),
            )
            for k, (surprise, ratio) in enumerate(zip(self.surprise, self.ratio_db, strict=True), start=1)
        )


class Doubt(StrEnum):
    """Why a lead is not named."""

    SHALLOW = "shallow"
    WEAK = "weak"
    RIVAL = "rival"
    FRACTION = "fraction"
    STRANGER = "stranger"
    SHAFT = "shaft"
    EDGE = "edge"
    SPEED = "speed"
    CAGE_ALONE = "cage_alone"


FAINT: Final = frozenset({Doubt.SHALLOW, Doubt.CAGE_ALONE})
"""Doubts with which a line is no sign of damage; only without a baseline it is worth a word."""


@dataclass(frozen=True, slots=True)
class BearingFinding:
    """The verdict on the bearings, from one sensor.

    Attributes:
        lead: the strongest candidate, or None when there is nothing to say.
        named: whether the lead may be called by its name.
        doubts: why not, if not.
        rival: the strongest other candidate once the lead's family is silenced, or one that the lead may be itself.
        candidates: everything that was looked for.
    """

    lead: Candidate | None
    named: bool
    doubts: tuple[Doubt, ...]
    rival: Candidate | None
    candidates: tuple[Candidate, ...]


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
    candidates = _search_all(lines, shaft_hz, bearings)
    is_long = turns >= LONG_TURNS
    name_depth = NAME_DEPTH if is_long else SHORT_NAME_DEPTH
    name_evidence = NAME_EVIDENCE if is_long else SHORT_NAME_EVIDENCE
    parts = [candidate for candidate in candidates if candidate.part is not Part.CAGE]
    evident = [
        candidate
        for candidate in parts
        if candidate.evidence >= NAME_EVIDENCE
        and (candidate.depth >= name_depth or not _is_shaft_order(lines, candidate, shaft_hz))
    ]
    lead = max(evident, key=lambda candidate: candidate.depth, default=None)
    if lead is None:
        return _without_lead(candidates)
    lead = _carrier(lead, evident, shaft_hz, MASK_BINS * lines.step_hz)
    silenced = _without_family(lines, lead, bearings[lead.bearing_index], shaft_hz)
    rival = _rival(silenced, shaft_hz, bearings, lead)
    has_claim = rival is not None and rival.evidence >= RIVAL_EVIDENCE and rival.depth > RIVAL_DEPTH * lead.depth
    neighbour = _neighbour(lead, candidates, speed_uncertainty)
    stranger = UNSETTLED_STRANGER_DEPTH if speed_uncertainty else STRANGER_DEPTH
    applies = {
        Doubt.SHALLOW: lead.depth < name_depth,
        Doubt.WEAK: lead.evidence < name_evidence,
        Doubt.RIVAL: has_claim or neighbour is not None,
        Doubt.FRACTION: lead.part is not Part.BALL and _is_fraction(lines, lead),
        Doubt.STRANGER: _stranger_depth(silenced, bearings[lead.bearing_index], shaft_hz) > stranger * lead.depth,
        Doubt.SHAFT: _is_shaft_order(lines, lead, shaft_hz),
        Doubt.EDGE: lead.at_edge,
        Doubt.SPEED: speed_in_doubt,
    }
    doubts = tuple(doubt for doubt, yes in applies.items() if yes)
    if doubts == (Doubt.SHALLOW,) and lead.evidence < UNCERTAIN_EVIDENCE:
        return _without_lead(candidates)
    return BearingFinding(lead, not doubts, doubts, rival if has_claim else neighbour or rival, candidates)


def _carrier(lead: Candidate, evident: Sequence[Candidate], shaft_hz: float, tolerance_hz: float) -> Candidate:
    """Return the line that a lead is a sideband of, or the lead itself.

    Damage that goes round with the shaft has sidebands as deep as its own line, and one may lie where another part is
    looked for. They keep the shaft's distance, whatever the harmonic; so the harmonics of the carrier fit, and those
    that are looked for at multiples of the sideband do not.
    """

    def fit(candidate: Candidate) -> float:
        return float(np.log1p(candidate.surprise).sum())

    def is_kin(other: Candidate) -> bool:
        turns = round(abs(other.found_hz - lead.found_hz) / shaft_hz)
        apart_hz = abs(abs(other.found_hz - lead.found_hz) - turns * shaft_hz)
        return 1 <= turns <= SIDEBANDS and apart_hz <= tolerance_hz and other.depth > RIVAL_DEPTH * lead.depth

    return max((lead, *filter(is_kin, evident)), key=fit)


def _without_family(lines: EnvelopeLines, lead: Candidate, bearing: Bearing, shaft_hz: float) -> EnvelopeLines:
    """Return the spectrum without a line's harmonics and what modulates them.

    That is the shaft, and for a ball, which passes the load with the cage, the cage: two cage turns above or below a
    ball's line lies an inner or outer race of some bearing.
    """
    silenced = lines.without(family_bins(lead.found_hz, shaft_hz, lines.step_hz, lines.max_hz))
    if lead.part is Part.BALL:
        cage_hz = bearing.ftf * shaft_hz
        silenced = silenced.without(family_bins(lead.found_hz, cage_hz, lines.step_hz, lines.max_hz))
    return silenced


def family_bins(fundamental_hz: float, sideband_hz: float, step_hz: float, max_hz: float) -> NDArray[np.intp]:
    """Return the bins of a line's harmonics with their sidebands, each a few bins wide."""
    harmonics = np.arange(1, int(max_hz / fundamental_hz) + 2)[:, None] * fundamental_hz
    centres = (harmonics + np.arange(-SIDEBANDS, SIDEBANDS + 1) * sideband_hz).ravel()
    bins = np.rint(centres[centres > 0] / step_hz).astype(np.intp)
    return np.unique(bins[:, None] + np.arange(-MASK_BINS, MASK_BINS + 1))


def search(
    lines: EnvelopeLines, shaft_hz: float, bearing: Bearing, part: Part, bearing_index: int = 0
) -> Candidate | None:
    """Return the best fit of one part's harmonics within its search range, or None above the spectrum's end."""
    order = part.order(bearing)
    expected_hz = order * shaft_hz
    reach = SEARCH_RANGE[part]
    if expected_hz * (1 + reach) * 2 > lines.max_hz:
        return None
    step = lines.step_hz / 2
    inside = int(expected_hz * reach / step)
    beyond = max(1, int(inside * EDGE_SHARE))
    offsets = np.arange(-inside - beyond, inside + beyond + 1)
    tried_hz = expected_hz + offsets * step
    peaks = _three_bin_maximum(lines.surprise)
    bins = np.rint(np.arange(1, HARMONICS + 1)[:, None] * tried_hz / lines.step_hz).astype(int)
    surprise = np.where(bins < peaks.size, peaks[np.minimum(bins, peaks.size - 1)], 0.0)
    fit = np.log1p(surprise).sum(axis=0)
    allowed = np.abs(offsets) <= inside
    best = int(np.argmax(np.where(allowed, fit, -1.0)))
    inside_range = allowed[[max(best - 1, 0), min(best + 1, offsets.size - 1)]].all()
    at_edge = not inside_range and fit[~allowed].max() > fit[best]
    capped = np.minimum(surprise[:, best], SURPRISE_CAP).sum()
    nats = float(gamma_surprise(np.array([capped]), HARMONICS)[0]) - math.log(int(allowed.sum()))
    around = slice(max(bins[0, best] - 1, 0), bins[0, best] + 2)
    ratio = np.array([_peak(lines.ratio, index) for index in bins[:, best]])
    return Candidate(
        bearing_index=bearing_index,
        part=part,
        order=order,
        expected_hz=expected_hz,
        found_hz=float(tried_hz[best]),
        evidence=nats / math.log(10),
        depth=math.sqrt(max(0.0, float(lines.depth_squared[around].max()))),
        surprise=surprise[:, best],
        ratio_db=10 * np.log10(np.maximum(ratio, 1e-3)),
        at_edge=bool(at_edge),
    )


def _search_all(lines: EnvelopeLines, shaft_hz: float, bearings: Sequence[Bearing]) -> tuple[Candidate, ...]:
    found = (search(lines, shaft_hz, bearing, part, index) for index, bearing in enumerate(bearings) for part in Part)
    return tuple(candidate for candidate in found if candidate is not None)


def _rival(silenced: EnvelopeLines, shaft_hz: float, bearings: Sequence[Bearing], lead: Candidate) -> Candidate | None:
    """Return the strongest other candidate once the lead's family is silenced; the cage is nobody's rival."""
    others = (
        candidate
        for candidate in _search_all(silenced, shaft_hz, bearings)
        if candidate.part is not Part.CAGE
        and (candidate.bearing_index, candidate.part) != (lead.bearing_index, lead.part)
    )
    return max(others, key=lambda candidate: (candidate.evidence >= RIVAL_EVIDENCE, candidate.depth), default=None)


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


def _neighbour(lead: Candidate, candidates: Sequence[Candidate], speed_uncertainty: float) -> Candidate | None:
    """Return another line that slip, and a speed that is off by up to its uncertainty, put where the lead was found.

    The same part of another bearing whose line lies within its own search range is no other line: then only the place
    is open, which is for the verdict to say.
    """

    def may_be(other: Candidate) -> bool:
        off = lead.found_hz / other.expected_hz - 1
        if other.part is lead.part and abs(off) <= SEARCH_RANGE[other.part]:
            return False
        return -MOST_SLIP - speed_uncertainty <= off <= SEARCH_RANGE[other.part] + speed_uncertainty

    others = (
        other
        for other in candidates
        if other.part is not Part.CAGE and (other.bearing_index, other.part) != (lead.bearing_index, lead.part)
    )
    return next(filter(may_be, others), None)


def _is_fraction(lines: EnvelopeLines, lead: Candidate) -> bool:
    """Return whether lines at 1/2 and 3/2 of the lead show that the true fundamental is half of it.

    Not to be asked of a ball: it strikes the two races unequally, so its true fundamental is the spin, half of the line
    that it is looked for at.
    """
    peaks = _three_bin_maximum(lines.surprise)
    between = [peaks[min(round(part * lead.found_hz / lines.step_hz), peaks.size - 1)] for part in (0.5, 1.5)]
    return bool(min(between) > FRACTION_SURPRISE * float(lead.surprise[:2].mean()))


def _is_shaft_order(lines: EnvelopeLines, candidate: Candidate, shaft_hz: float) -> bool:
    """Return whether a line may be a whole order of the shaft, which every machine has and a loose one strongly.

    It may, where it cannot be told from it, or where the order lies close by and is itself modulated about as much.
    """
    nearest_hz = round(candidate.found_hz / shaft_hz) * shaft_hz
    if abs(candidate.found_hz - nearest_hz) <= max(lines.step_hz, SHAFT_TOLERANCE * candidate.found_hz):
        return True
    reach = SHAFT_REACH * SEARCH_RANGE[candidate.part] * candidate.expected_hz
    if nearest_hz == 0.0 or abs(candidate.expected_hz - nearest_hz) > reach:
        return False
    index = round(nearest_hz / lines.step_hz)
    there = float(lines.depth_squared[index - 1 : index + 2].max(initial=0.0))
    return math.sqrt(max(there, 0.0)) >= SHAFT_DEPTH * candidate.depth


def _stranger_depth(silenced: EnvelopeLines, bearing: Bearing, shaft_hz: float) -> float:
    """Return the depth of the deepest line that neither the lead, nor the shaft's load, nor the cage explains.

    A bearing that is not the one in the machine, or a wrong speed, finds its lines among the sidebands of others; the
    line they belong to then stands beside them, deeper. The cage explains its lines as the housing counts its turns and
    as the turning shaft does: a ball that differs from the others passes a point of the shaft so often.
    """
    step_hz = silenced.step_hz
    shaft_lines = np.arange(1, SHAFT_ORDERS_EXPLAINED + 1) * shaft_hz
    turns = np.arange(1, HARMONICS + 1) * shaft_hz
    explained_hz = np.concatenate([shaft_lines, turns * bearing.ftf, turns * (1 - bearing.ftf)])
    bins = np.rint(explained_hz / step_hz).astype(np.intp)
    explained = silenced.without((bins[:, None] + np.arange(-MASK_BINS, MASK_BINS + 1)).ravel())
    slow = int(LOWEST_STRANGER * shaft_hz / step_hz)
    return math.sqrt(max(0.0, float(explained.depth_squared[slow:].max(initial=0.0))))


def _three_bin_maximum(surprise: FloatArray) -> FloatArray:
    """Return the largest surprise of each bin and its neighbours, the choice among three paid for."""
    padded = np.pad(surprise, 1)
    largest = np.maximum(np.maximum(padded[:-2], padded[1:-1]), padded[2:])
    return np.maximum(largest - math.log(3), 0.0)


def _peak(ratio: FloatArray, index: int) -> float:
    around = ratio[max(index - 1, 0) : index + 2]
    return float(around.max()) if around.size else 0.0
