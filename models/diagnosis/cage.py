"""When a bearing's cage may be named: never alone, only beside damage of its rollers, and only where it dominates.

Healthy machines imitate the line of a cage: belts, loads that come and go, a rotor that floats. And a damaged roller
that the cage carries through the load shows the cage's line and one or two harmonics by itself. So a cage is named
where all of this holds, in this order:

1. it knocks: its harmonics go on, far beyond what the passage through the load makes;
2. once its harmonics are silenced, the line of the roller still stands: it is no multiple of the cage's;
3. the cage's lines are deeper than the roller's.

Where it knocks and the rest does not hold, a roller or an outer race is not named either: all rollers pass a point of
the outer race per turn of the cage, and a roller's spin may lie upon a multiple as well.

Source: T. A. Harris and M. N. Kotzalas, Advanced Concepts of Bearing Technology (rollers skid before a cage breaks);
field practice: a cage line is read together with its rollers, see ISO 13373-3, annex on rolling bearings.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from models.diagnosis.bearing_doubts import BearingFinding, Doubt
from models.diagnosis.bearing_faults import NAME_EVIDENCE, SHORT_NAME_DEPTH
from models.diagnosis.bearing_lines import (
    HARMONICS,
    MASK_BINS,
    MATCHED_SURPRISE,
    SEARCH_RANGE,
    SIDEBANDS,
    SURPRISE_CAP,
    Part,
    search,
)
from models.diagnosis.envelope_lines import envelope_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.diagnosis.bearing_lines import Candidate
    from models.diagnosis.bearings import Bearing
    from models.diagnosis.envelope_lines import EnvelopeLines, FloatArray

LOAD_HARMONICS: Final = 3
"""What passes through the load has so many harmonics of the cage: its form, the square of a cosine to the power of 1.5
cut at zero, has less than 0.1 of the first in the fourth and 0.03 from the fifth on. A knock has the same in all."""
KNOCK_HARMONICS: Final = 9
KNOCK_DEPTH: Final = 0.3
"""Depth of those beyond the load's, their median, relative to the deepest of the load's: well above 0.1."""
GRID_STEPS: Final = 20
"""Frequencies tried per bin: the ninth harmonic pins the cage down to a ninth of a bin."""
CAGE_DEEPER: Final = 1.1
CAGE_RIVALS: Final = 0.5
"""From this depth on relative to a named line, a knocking cage may be what makes that line."""
ROLLER_DEPTH: Final = 0.05
"""Modulation depth of a roller beside a knocking cage, which has most of the envelope; alone it has 0.2 and more."""


@dataclass(frozen=True, slots=True)
class _Knock:
    """A cage that knocks: the spectrum it shows in, where, and the deepest of its first lines."""

    cage: Candidate
    lines: EnvelopeLines
    found_hz: float
    depth: float


def with_cage(
    finding: BearingFinding,
    samples: FloatArray,
    sample_rate_hz: float,
    shaft_hz: float,
    bearings: Sequence[Bearing],
    *,
    speed_in_doubt: bool,
) -> BearingFinding:
    """Return the finding with the cage as its named lead where both families stand clear and the cage dominates.

    Args:
        finding: of the bearings' parts, as `judge_bearings` returns it.
        samples: acceleration of the channel (samples,), any unit.
        sample_rate_hz: of the samples.
        shaft_hz: turns per second.
        bearings: those of the finding.
        speed_in_doubt: then nothing is named.
    """
    if speed_in_doubt:
        return finding
    for cage in finding.candidates:
        if cage.part is not Part.CAGE or bool((cage.surprise <= MATCHED_SURPRISE).any()):
            continue
        bearing = bearings[cage.bearing_index]
        knock = _knock(cage, samples, sample_rate_hz, shaft_hz, bearing)
        if knock is None:
            continue
        roller = search(_silenced(knock), shaft_hz, bearing, Part.BALL, cage.bearing_index)
        if roller is not None and _is_clear(roller) and knock.depth >= CAGE_DEEPER * roller.depth:
            lead = replace(cage, found_hz=knock.found_hz, depth=knock.depth)
            return BearingFinding(lead, named=True, doubts=(), rival=roller, candidates=finding.candidates)
        if _may_be_made_by(knock, finding):
            return replace(finding, named=False, doubts=(Doubt.STRANGER,))
    return finding


def _knock(
    cage: Candidate, samples: FloatArray, sample_rate_hz: float, shaft_hz: float, bearing: Bearing
) -> _Knock | None:
    """Return where and how deeply a cage knocks, None when they do not go on or it lies at the edge."""
    highest_hz = max((KNOCK_HARMONICS + 1) * bearing.ftf, 2 * HARMONICS * bearing.bsf * 1.02 + SIDEBANDS) * shaft_hz
    lines = envelope_lines(samples, sample_rate_hz, highest_hz)
    numbers = np.arange(1, KNOCK_HARMONICS + 1)
    reach = SEARCH_RANGE[Part.CAGE] * cage.expected_hz
    tried_hz = cage.expected_hz + np.arange(-reach, reach, lines.step_hz / GRID_STEPS)
    bins = np.rint(numbers[:, None] * tried_hz / lines.step_hz).astype(np.intp)
    if int(bins.max()) + 1 >= lines.surprise.size:
        return None
    fit = np.log1p(lines.surprise[bins]).sum(axis=0)
    best = np.flatnonzero(fit == fit.max())
    if best[0] == 0 or best[-1] == fit.size - 1:
        return None
    chosen = bins[:, int(best[best.size // 2])]
    around = chosen[:, None] + np.array([-1, 0, 1])
    depths = np.sqrt(np.maximum(lines.depth_squared[around].max(axis=1), 0.0))
    deepest, beyond = float(depths[:LOAD_HARMONICS].max()), float(np.median(depths[LOAD_HARMONICS:]))
    stands_out = bool((lines.surprise[around].max(axis=1) > MATCHED_SURPRISE).all())
    if not stands_out or beyond < max(SHORT_NAME_DEPTH, KNOCK_DEPTH * deepest):
        return None
    return _Knock(cage, lines, float(tried_hz[best[best.size // 2]]), deepest)


def _silenced(knock: _Knock) -> EnvelopeLines:
    """Return the spectrum without the harmonics of the cage."""
    numbers = np.arange(1, math.ceil(knock.lines.max_hz / knock.found_hz) + 1)
    bins = np.rint(numbers * knock.found_hz / knock.lines.step_hz).astype(np.intp)
    return knock.lines.without((bins[:, None] + np.arange(-MASK_BINS, MASK_BINS + 1)).ravel())


def _is_clear(roller: Candidate) -> bool:
    """Return whether a roller's line stands by itself.

    It does with its first or second harmonic; where these lie upon turns of the cage, with two higher ones that noise
    cannot make: a little beside them at first, they are far beside them then.
    """
    if roller.evidence < NAME_EVIDENCE:
        return False
    if float(roller.surprise[:2].max()) > MATCHED_SURPRISE:
        return roller.depth >= ROLLER_DEPTH
    return bool((roller.surprise[2:] > SURPRISE_CAP).all())


def _may_be_made_by(knock: _Knock, finding: BearingFinding) -> bool:
    """Return whether the named line may be a multiple of the turns of a cage that knocks."""
    lead = finding.lead
    if lead is None or not finding.named or lead.part not in {Part.BALL, Part.OUTER_RACE}:
        return False
    return lead.bearing_index == knock.cage.bearing_index and knock.depth >= CAGE_RIVALS * lead.depth
