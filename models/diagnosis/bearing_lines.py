"""The lines that each part of a rolling bearing leaves in an envelope: where they lie, and how well they fit.

Each part is struck at its own rate per turn of the shaft. Its line is searched around the nominal frequency, where slip
may have moved it, with harmonics 1 to 4; their surprise is added (Fisher), each capped so that no single line carries
the rest, and the search is paid for (Bonferroni). Whether a fit may be called damage is for `bearing_faults.py`.

Source: R. A. Fisher, Statistical Methods for Research Workers, section 21.1 (combined probabilities);
R. B. Randall and J. Antoni, Mech. Syst. Signal Process. 25 (2011) 485-520 (orders of the parts, and their slip).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import numpy as np

from models.contract.records import EvidenceLine
from models.contract.vocabulary import DiagnosisLabel
from models.diagnosis.envelope_lines import EnvelopeLines, FloatArray, gamma_surprise

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from models.diagnosis.bearings import Bearing

HARMONICS: Final = 4
SURPRISE_CAP: Final = 15.0
"""Most that one harmonic may add, in nats (a chance of 3e-7)."""
MATCHED_SURPRISE: Final = 6.9
"""A single line counts as matched when noise would show it once in a thousand."""
SIDEBANDS: Final = 3
MASK_BINS: Final = 2
EDGE_SHARE: Final = 0.4
"""How far beyond its range, in parts of it, a line's flank is followed to see whether the peak lies outside."""


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
    peaks = three_bin_maximum(lines.surprise)
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


def search_all(lines: EnvelopeLines, shaft_hz: float, bearings: Sequence[Bearing]) -> tuple[Candidate, ...]:
    """Return the best fit of every part of every bearing."""
    found = (search(lines, shaft_hz, bearing, part, index) for index, bearing in enumerate(bearings) for part in Part)
    return tuple(candidate for candidate in found if candidate is not None)


def family_bins(fundamental_hz: float, sideband_hz: float, step_hz: float, max_hz: float) -> NDArray[np.intp]:
    """Return the bins of a line's harmonics with their sidebands, each a few bins wide."""
    harmonics = np.arange(1, int(max_hz / fundamental_hz) + 2)[:, None] * fundamental_hz
    centres = (harmonics + np.arange(-SIDEBANDS, SIDEBANDS + 1) * sideband_hz).ravel()
    bins = np.rint(centres[centres > 0] / step_hz).astype(np.intp)
    return np.unique(bins[:, None] + np.arange(-MASK_BINS, MASK_BINS + 1))


def three_bin_maximum(surprise: FloatArray) -> FloatArray:
    """Return the largest surprise of each bin and its neighbours, the choice among three paid for."""
    padded = np.pad(surprise, 1)
    largest = np.maximum(np.maximum(padded[:-2], padded[1:-1]), padded[2:])
    return np.maximum(largest - math.log(3), 0.0)


def _peak(ratio: FloatArray, index: int) -> float:
    around = ratio[max(index - 1, 0) : index + 2]
    return float(around.max()) if around.size else 0.0
