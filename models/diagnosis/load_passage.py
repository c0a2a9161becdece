"""Whether what strikes is carried through the load by the cage: then it is a rolling element, whatever else lies near.

The line of a ball often falls where the line of a race is looked for as well, or a whole order of the shaft. Where it
lies cannot tell them apart then; what modulates it can. A damaged ball goes round with the cage and strikes hard while
it passes the load: every harmonic of its line has a sideband one turn of the cage below and one above, and the turns of
the cage show by themselves, with few harmonics, because the way through the load is smooth. A damaged outer race does
not move, an inner race and everything else on the shaft goes round with the shaft.

A broken cage knocks instead: its harmonics go on, and then its multiples lie beside everything. That is for `cage.py`.

Source: P. D. McFadden and J. D. Smith, J. Sound Vib. 96 (1984) 69-82 (load zone and sidebands of bearing lines);
R. B. Randall and J. Antoni, Mech. Syst. Signal Process. 25 (2011) 485-520, table 1 (what modulates which part).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from models.diagnosis.bearing_lines import HARMONICS, MASK_BINS, MATCHED_SURPRISE, SIDEBANDS

if TYPE_CHECKING:
    from models.diagnosis.bearing_lines import Candidate
    from models.diagnosis.bearings import Bearing
    from models.diagnosis.envelope_lines import EnvelopeLines, FloatArray

CARRIED_HARMONICS: Final = 3
"""So many harmonics must have both sidebands: one or two pairs may be lines of something else."""
CARRIED_DEPTH: Final = 0.25
"""The lesser sideband over its line. Blows that swell with the cosine of the way through half a ring have 0.8, with
two fifths of that everywhere else still 0.25."""
SMOOTH_HARMONICS: Final = 3
BEYOND: Final = 3
SMOOTH_DEPTH: Final = 0.2
"""Beyond the third, harmonics of a smooth passage have less than a tenth of the first, of a knock as much as it."""


def is_carried(lines: EnvelopeLines, roller: Candidate, bearing: Bearing, shaft_hz: float) -> bool:
    """Return whether a line is modulated once per turn of the cage, as only that of a rolling element is.

    Args:
        lines: of one channel.
        roller: fit of the ball's line.
        bearing: that it belongs to.
        shaft_hz: turns per second.
    """
    cage_hz = bearing.ftf * shaft_hz
    own: FloatArray = np.arange(1, HARMONICS + 1, dtype=np.float64) * roller.found_hz
    below, above = _surprise(lines, own - cage_hz), _surprise(lines, own + cage_hz)
    stands_out = np.minimum(np.minimum(below, above), roller.surprise) > MATCHED_SURPRISE
    if np.count_nonzero(stands_out) < CARRIED_HARMONICS or not stands_out[0]:
        return False
    sides = float(_depth(lines, np.array([own[0] - cage_hz, own[0] + cage_hz])).min())
    by_shaft = float(_depth(lines, np.array([own[0] - shaft_hz, own[0] + shaft_hz])).max())
    if sides < CARRIED_DEPTH * roller.depth or sides <= by_shaft:
        return False
    turns = _depth(lines, np.arange(1, SMOOTH_HARMONICS + BEYOND + 1, dtype=np.float64) * cage_hz)
    beyond = float(np.median(turns[SMOOTH_HARMONICS:]))
    return beyond < SMOOTH_DEPTH * float(turns[:SMOOTH_HARMONICS].max())


def is_of_roller(line_hz: float, roller: Candidate, bearing: Bearing, lines: EnvelopeLines, shaft_hz: float) -> bool:
    """Return whether a line lies upon that of a ball or upon one of its sidebands at turns of the cage."""
    apart = line_hz - roller.found_hz - np.arange(-SIDEBANDS, SIDEBANDS + 1) * bearing.ftf * shaft_hz
    return bool(np.abs(apart).min() <= MASK_BINS * lines.step_hz)


def _surprise(lines: EnvelopeLines, at_hz: FloatArray) -> FloatArray:
    return _largest(lines.surprise, at_hz / lines.step_hz)


def _depth(lines: EnvelopeLines, at_hz: FloatArray) -> FloatArray:
    return np.sqrt(np.maximum(_largest(lines.depth_squared, at_hz / lines.step_hz), 0.0))


def _largest(values: FloatArray, at_bins: FloatArray) -> FloatArray:
    """Return the largest of the bin at and beside each place, 0 beyond the ends."""
    padded = np.pad(values, 2)
    found = np.zeros(at_bins.size)
    for place, at in enumerate(at_bins):
        index = math.floor(at + 0.5) + 2
        found[place] = padded[index - 1 : index + 2].max() if 2 <= index < padded.size - 2 else 0.0
    return found
