"""When a bearing's cage may be named: never alone, only beside damage of its rollers, and only where it dominates.

Healthy machines imitate the line of a cage: belts, loads that come and go, a rotor that floats. And a damaged roller
that the cage carries through the load shows the cage's line and one or two harmonics by itself. So a cage is named
where all of this holds, and a roller (`ball`) is what is said wherever only the first does:

1. the line of the roller stands clear, and is no multiple of the cage's;
2. the cage's line is deeper than the roller's;
3. the cage's harmonics go on far beyond what the passage through the load makes: it knocks.

Source: T. A. Harris and M. N. Kotzalas, Advanced Concepts of Bearing Technology (rollers skid before a cage breaks);
field practice: a cage line is read together with its rollers, see ISO 13373-3, annex on rolling bearings.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from models.diagnosis.bearing_faults import (
    MATCHED_SURPRISE,
    NAME_EVIDENCE,
    SHORT_NAME_DEPTH,
    SHORT_NAME_EVIDENCE,
    BearingFinding,
    Doubt,
    Part,
)
from models.diagnosis.envelope_lines import envelope_lines

if TYPE_CHECKING:
    from models.diagnosis.bearing_faults import Candidate
    from models.diagnosis.envelope_lines import FloatArray

KNOCKS: Final = (4, 5, 6, 7, 8, 9)
KNOCK_DEPTH: Final = 0.3
"""Harmonics that a load zone does not make as deep, relative to the first: its form, the square of a cosine to the
power of 1.5 cut at zero, has less than 0.1 in the fourth and 0.03 from the fifth on, a knock the same in all."""
KNOCKS_MIN: Final = 4
"""So many of them; one or two may fall upon lines of the roller or the shaft."""
APART: Final = 0.003
"""A roller's line this near to a multiple of the cage's, relative, is not its own: lines are found no better."""
CAGE_DEEPER: Final = 1.1
CAGE_RIVALS: Final = 0.5
"""From this depth on relative to the outer race's line, a knocking cage may be what makes that line."""


def with_cage(
    finding: BearingFinding, samples: FloatArray, sample_rate_hz: float, shaft_hz: float, *, speed_in_doubt: bool
) -> BearingFinding:
    """Return the finding with the cage as its named lead where both families stand clear and the cage dominates.

    Args:
        finding: of the bearing's parts, as `judge_bearings` returns it.
        samples: acceleration of the channel (samples,), any unit.
        sample_rate_hz: of the samples.
        shaft_hz: turns per second.
        speed_in_doubt: then nothing is named.
    """
    cage = _dominating(finding, of=Part.BALL)
    over_race = _dominating(finding, of=Part.OUTER_RACE) if cage is None and finding.named else None
    knocking = cage or over_race
    if (
        knocking is None
        or speed_in_doubt
        or knocking.at_edge
        or not _knocks(knocking, samples, sample_rate_hz, shaft_hz)
    ):
        return finding
    if cage is None:
        # All rollers pass a point of the outer race per turn of the cage: its line is a multiple of the cage's.
        return replace(finding, named=False, doubts=(Doubt.STRANGER,))
    return BearingFinding(cage, named=True, doubts=(), rival=finding.lead, candidates=finding.candidates)


def _knocks(cage: Candidate, samples: FloatArray, sample_rate_hz: float, shaft_hz: float) -> bool:
    """Return whether the harmonics of a cage go on beyond what a load zone makes."""
    lines = envelope_lines(samples, sample_rate_hz, (KNOCKS[-1] + 1) * cage.found_hz)
    numbers = np.array(KNOCKS)
    bins = np.rint(numbers * cage.found_hz / lines.step_hz).astype(int)
    # The line was searched in half bins, so its harmonics are uncertain by a quarter of their number, and one bin.
    reach = 1 + (numbers + 3) // 4
    inside = bins + reach < lines.surprise.size
    depths = np.array(
        [
            math.sqrt(max(0.0, float(lines.depth_squared[bin_ - wide : bin_ + wide + 1].max())))
            for bin_, wide in zip(bins[inside], reach[inside], strict=True)
        ]
    )
    orders = numbers[inside] * cage.found_hz / shaft_hz
    apart = np.abs(orders - np.rint(orders)) * shaft_hz > (reach[inside] + 1) * lines.step_hz
    knocks = (depths >= KNOCK_DEPTH * cage.depth) & apart
    return int(np.count_nonzero(knocks)) >= KNOCKS_MIN


def _dominating(finding: BearingFinding, *, of: Part) -> Candidate | None:
    """Return a cage whose lines are deeper than those of another part of its bearing, which stands clear as well."""
    for cage in finding.candidates:
        is_clear = cage.evidence >= SHORT_NAME_EVIDENCE and cage.depth >= SHORT_NAME_DEPTH
        if cage.part is not Part.CAGE or not is_clear or bool((cage.surprise <= MATCHED_SURPRISE).any()):
            continue
        for other in finding.candidates:
            if other.part is not of or other.bearing_index != cage.bearing_index:
                continue
            multiple = other.found_hz / cage.found_hz
            own = abs(multiple - round(multiple)) * cage.found_hz > APART * other.found_hz or of is Part.OUTER_RACE
            clear = other.evidence >= NAME_EVIDENCE and other.depth >= SHORT_NAME_DEPTH
            if own and clear and cage.depth >= (CAGE_DEEPER if of is Part.BALL else CAGE_RIVALS) * other.depth:
                return cage
    return None
