"""Whether the teeth of a gear wheel are damaged, from what modulates their mesh once per turn of the wheel.

A broken or worn tooth, or a wheel that runs out, makes sidebands around the mesh (`mesh.py`). They are compared with
the baseline: the first to each side and those beyond, each harmonic of the mesh for itself. A few that grew much are a
sign, and so is a whole family that was not there, with less. Without a baseline, good teeth have less in the sidebands
than in the mesh itself.

Tooth counts must be given: without them the mesh cannot be told from any other carrier, and nothing is named.

Source: J. J. Zakrajsek, NASA TM-105950 (1993) (figures of merit of the average); J. Hanna et al., "Detection of wind
turbine gear tooth defects using sideband energy ratio", Bently Nevada (2011) (sidebands over mesh: below 1 when good).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from models.diagnosis.mesh import HARMONICS, Gear, GearError, MeshLevels, MeshLines, mesh_lines
from models.diagnosis.softness import HARD_HZ

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from models.diagnosis.envelope_lines import FloatArray

__all__ = ["Gear", "GearError", "GearFinding", "MeshLevels", "MeshLines", "judge_gears", "mesh_lines"]

SIDES_GROWN: Final = 2.0
"""The sidebands of a group have grown by 6 dB, and more than the mesh that they stand around: load and a resonance that
has moved lift both alike, only teeth change how deeply the mesh is modulated."""
SIDES_MATTER: Final = 0.1
"""And are at least a tenth of the mesh: good wheels run out by a few per cent."""
MATCHED_LINES: Final = 2
"""So many sidebands of a harmonic must stand out: a single line beside the mesh may be anything."""
MATCHED_ON_SHAFT: Final = 3
"""Fewer lines at a faint harmonic of a wheel on the shaft itself are no sign: they are orders of the shaft as well."""
HARMONICS_GROWN: Final = 2
"""Harmonics of the mesh whose sidebands must have grown: a resonance that shifts lifts those of one. Together they must
have twice the lines that a single one must have."""
SIDES_GROWN_ALONE: Final = 4.0
"""Where only one harmonic can be measured, its sidebands have grown by 12 dB."""
FAMILY_MATTERS: Final = 0.05
"""A family of sidebands that was not there is a sign from this share of the mesh on, half of what single lines must
have: a line or two beside the mesh may be anything, a row of them at the turns of a wheel is nothing else's."""
FAMILY_LINES: Final = 16
"""So many of the 24 sidebands of two harmonics, two thirds, make a family."""
SHAFT_MULTIPLE: Final = 0.002
"""A wheel that turns this nearly as often as the shaft, half as often, or a multiple of that, has its sidebands at
orders that a loose machine has as well."""
SIDES_BAD: Final = 1.0
"""Without a baseline: sidebands together as strong as the mesh. Source: Hanna et al., good wheels stay below 1."""
MATCHED_LINES_BAD: Final = 8
"""Without a baseline, a family of sidebands must be complete enough to be no chance."""


@dataclass(frozen=True, slots=True)
class GearFinding:
    """A wheel whose mesh is modulated as good teeth never are.

    Attributes:
        heard: what shows it.
        healthy: levels of the baseline, None without.
        confidence: 0 to 1.
    """

    heard: MeshLines
    healthy: MeshLevels | None
    confidence: float

    @property
    def is_hard(self) -> bool:
        """Return whether a family of sidebands grew where only steel on steel reaches, above `HARD_HZ`."""
        if self.healthy is None:
            return False
        heard, before = self.heard, self.healthy
        is_high = np.arange(1, HARMONICS + 1) * heard.mesh_hz >= HARD_HZ
        least = _least(before.far, heard.mesh_of, before.mesh, SIDES_MATTER)
        have_grown = heard.far_of >= SIDES_GROWN * least  # False where not measured
        return bool(np.any(is_high & have_grown & (heard.matched_of >= MATCHED_LINES_BAD)))


def judge_gears(
    heard: Sequence[MeshLines | None], healthy: Sequence[MeshLevels | None] | None = None
) -> GearFinding | None:
    """Return the wheel whose sidebands speak for damage, the most modulated one; None when none does.

    Args:
        heard: of one channel, as `mesh_lines` returns it.
        healthy: levels of the same wheels when healthy, None where unknown; None: no baseline at all.
    """
    if healthy is None:
        bad = [lines for lines in heard if lines is not None and _is_bad(lines)]
        worst = max(bad, key=lambda lines: lines.sides, default=None)
        if worst is None:
            return None
        return GearFinding(worst, None, min(0.9, 0.6 + 0.1 * worst.sides / max(worst.mesh, 1e-9)))
    found = []
    for lines, before in zip(heard, healthy, strict=True):
        grown = 0.0 if lines is None or before is None else _growth(lines, before)
        if lines is not None and grown:
            found.append(GearFinding(lines, before, min(0.95, 0.6 + 0.1 * math.log2(grown))))
    return max(found, key=lambda one: one.heard.sides, default=None)


def _is_bad(lines: MeshLines) -> bool:
    return lines.sides >= SIDES_BAD * lines.mesh and lines.matched >= MATCHED_LINES_BAD


def _growth(lines: MeshLines, before: MeshLevels) -> float:
    """Return by what factor the sidebands grew, 0 where that is no sign of damage."""
    measured = ~np.isnan(lines.mesh_of) & ~np.isnan(before.mesh)
    if not measured.any():
        return 0.0
    mesh_now, mesh_then = lines.mesh_of[measured], before.mesh[measured]
    mesh = np.maximum(mesh_now, mesh_then)
    grown = 0.0 if is_on_halves(lines.gear) else _family_growth(lines, before, measured)
    for now, then in ((lines.near_of, before.near), (lines.far_of, before.far)):
        least = _least(then[measured], mesh_now, mesh_then, SIDES_MATTER)
        ratio = now[measured] / np.maximum(least, np.finfo(float).tiny)
        matched = lines.matched_of[measured]
        ratio[matched == 0] = 0.0
        if lines.gear.order == 1.0:
            ratio[(matched < MATCHED_ON_SHAFT) & (now[measured] < SIDES_MATTER * mesh.max())] = 0.0
        have_grown = ratio >= SIDES_GROWN
        several = int(np.count_nonzero(have_grown)) >= HARMONICS_GROWN
        several &= int(matched[have_grown].sum()) >= HARMONICS_GROWN * MATCHED_LINES
        alone = ratio.size == 1 and float(ratio[0]) >= SIDES_GROWN_ALONE and int(matched[0]) >= MATCHED_LINES
        grown = max(grown, float(ratio.max()) if several or alone else 0.0)
    return grown


def _family_growth(lines: MeshLines, before: MeshLevels, measured: NDArray[np.bool_]) -> float:
    """Return by what factor the far sidebands grew that are a family by their number, 0 where they are none."""
    least = _least(before.far[measured], lines.mesh_of[measured], before.mesh[measured], FAMILY_MATTERS)
    ratio = lines.far_of[measured] / np.maximum(least, np.finfo(float).tiny)
    have_grown = ratio >= SIDES_GROWN
    several = int(np.count_nonzero(have_grown)) >= HARMONICS_GROWN
    is_family = several and int(lines.matched_of[measured][have_grown].sum()) >= FAMILY_LINES
    return float(ratio.max()) if is_family else 0.0


def _least(then: FloatArray, mesh_now: FloatArray, mesh_then: FloatArray, matters: float) -> FloatArray:
    """Return what growth of sidebands is measured from: what equally good teeth would show beside the mesh of now.

    Sidebands that were not there at all are compared with what would not matter.

    Args:
        then: healthy RMS of the sidebands of each harmonic.
        mesh_now: RMS of the harmonics themselves.
        mesh_then: the same when healthy.
        matters: share of the mesh from which sidebands count.
    """
    lifted = np.maximum(mesh_now / np.maximum(mesh_then, np.finfo(float).tiny), 1.0)
    least: FloatArray = np.maximum(then * lifted, matters / SIDES_GROWN * np.maximum(mesh_now, mesh_then))
    return least


def is_on_halves(gear: Gear) -> bool:
    """Return whether a wheel's sidebands lie at whole or half orders of the shaft."""
    return abs(2 * gear.order - round(2 * gear.order)) <= 2 * SHAFT_MULTIPLE * gear.order
