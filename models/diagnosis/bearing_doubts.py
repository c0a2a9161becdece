"""What speaks against naming a part of a bearing, although its lines are evident: each doubt for itself.

A lead is not named where its line may be another one's: a sideband, a fraction or a multiple of something, a whole
order of the shaft, the line of another part that slip or an unsettled speed put there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import numpy as np

from models.diagnosis.bearing_lines import (
    HARMONICS,
    MASK_BINS,
    SEARCH_RANGE,
    SIDEBANDS,
    Candidate,
    Part,
    family_bins,
    search_all,
    three_bin_maximum,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.diagnosis.bearings import Bearing
    from models.diagnosis.envelope_lines import EnvelopeLines

RIVAL_DEPTH: Final = 0.5
"""A rival this deep relative to the lead, and evident, makes the case uncertain."""
RIVAL_EVIDENCE: Final = 4.0
"""A rival below it is noise."""
FRACTION_SURPRISE: Final = 0.2
"""Lines at 1/2 and 3/2 of the lead with this share of the lead's mean surprise mean that half is the fundamental."""
LOWEST_STRANGER: Final = 0.8
"""Orders below are belts, loads and cages: slow modulations of everything."""
SHAFT_ORDERS_EXPLAINED: Final = 2
"""Modulation by the load once and twice a turn is common and explains itself."""
MOST_SLIP: Final = 0.02
"""How low a line may sit at most; lines are not searched so far, but one of another part may lie there."""
SHAFT_TOLERANCE: Final = 0.001
"""How well the speed is known from its comb."""
SHAFT_REACH: Final = 1.5
SHAFT_DEPTH: Final = 0.4
"""A whole order within 1.5 search ranges of the nominal line, at least this deep relative to the lead, may be it."""


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
        is_carried: the lead is a ball whose line is modulated once per turn of the cage.
    """

    lead: Candidate | None
    named: bool
    doubts: tuple[Doubt, ...]
    rival: Candidate | None
    candidates: tuple[Candidate, ...]
    is_carried: bool = False


def carrier(lead: Candidate, evident: Sequence[Candidate], shaft_hz: float, tolerance_hz: float) -> Candidate:
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


def without_family(lines: EnvelopeLines, lead: Candidate, bearing: Bearing, shaft_hz: float) -> EnvelopeLines:
    """Return the spectrum without a line's harmonics and what modulates them.

    That is the shaft, and for a ball, which passes the load with the cage, the cage: two cage turns above or below a
    ball's line lies an inner or outer race of some bearing.
    """
    silenced = lines.without(family_bins(lead.found_hz, shaft_hz, lines.step_hz, lines.max_hz))
    if lead.part is Part.BALL:
        cage_hz = bearing.ftf * shaft_hz
        silenced = silenced.without(family_bins(lead.found_hz, cage_hz, lines.step_hz, lines.max_hz))
    return silenced


def rival_of(
    silenced: EnvelopeLines, shaft_hz: float, bearings: Sequence[Bearing], lead: Candidate
) -> Candidate | None:
    """Return the strongest other candidate once the lead's family is silenced; the cage is nobody's rival."""
    others = (
        candidate
        for candidate in search_all(silenced, shaft_hz, bearings)
        if candidate.part is not Part.CAGE
        and (candidate.bearing_index, candidate.part) != (lead.bearing_index, lead.part)
    )
    return max(others, key=lambda candidate: (candidate.evidence >= RIVAL_EVIDENCE, candidate.depth), default=None)


def neighbour_of(lead: Candidate, candidates: Sequence[Candidate], speed_uncertainty: float) -> Candidate | None:
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


def is_fraction(lines: EnvelopeLines, lead: Candidate) -> bool:
    """Return whether lines at 1/2 and 3/2 of the lead show that the true fundamental is half of it.

    Not to be asked of a ball: it strikes the two races unequally, so its true fundamental is the spin, half of the line
    that it is looked for at.
    """
    peaks = three_bin_maximum(lines.surprise)
    between = [peaks[min(round(part * lead.found_hz / lines.step_hz), peaks.size - 1)] for part in (0.5, 1.5)]
    return bool(min(between) > FRACTION_SURPRISE * float(lead.surprise[:2].mean()))


def is_shaft_order(lines: EnvelopeLines, candidate: Candidate, shaft_hz: float) -> bool:
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


def stranger_depth(silenced: EnvelopeLines, bearing: Bearing, shaft_hz: float) -> float:
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
