"""A small picture of the spectrum for a message, small enough for a phone. Pure.

Drawn here and written as PNG by hand, because a plotting library is forty megabytes for sixty lines: a grey spectrum
in decibels over frequency, the fault lines that matched in red below it. Numbers stand in the text.
"""

from __future__ import annotations

import itertools
import struct
import zlib
from typing import TYPE_CHECKING, Final

import numpy as np

from models.contract.vocabulary import DiagnosisLabel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from models.contract.records import Evidence

WIDTH, HEIGHT = 640, 240
RANGE_DB: Final = 60.0
"""Below a thousandth of the largest line nothing is of interest on a phone."""

MARK_PX: Final = 14
"""Height of the strip below the spectrum in which matched lines are marked."""

BEARING: Final = frozenset(
    {DiagnosisLabel.INNER_RACE, DiagnosisLabel.OUTER_RACE, DiagnosisLabel.BALL, DiagnosisLabel.CAGE}
)
"""What shows in the envelope spectrum and hardly anywhere else."""

_PAPER, _GRID, _LINE, _MATCH = (255, 255, 255), (225, 225, 225), (70, 70, 70), (200, 30, 30)


def draw(evidence: Evidence, name: str | None, label: str) -> bytes | None:
    """Return the spectrum that shows an alarm as PNG, None of evidence without channels.

    Args:
        evidence: of the alarm.
        name: channel to show; the first if there is none of that name.
        label: what the alarm is taken for: bearings are shown by their envelope.
    """
    channel = next((one for one in evidence.channels if one.name == name), next(iter(evidence.channels), None))
    if channel is None:
        return None
    if label in BEARING and channel.envelope.size:
        values, step_hz = channel.envelope, channel.envelope_step_hz
    else:
        values, step_hz = channel.spectrum, channel.spectrum_step_hz
    matched = [line.found_hz for line in evidence.fault_lines if line.matched and line.found_hz is not None]
    if not values.size:
        return None
    return _png(_bars(values, step_hz, matched))


def _bars(values: NDArray[np.float32], step_hz: float, matched: Sequence[float]) -> NDArray[np.uint8]:
    """Return pixels (HEIGHT, WIDTH, 3): the largest bin of each column in decibels below the largest of all."""
    shown = values.size
    if matched:
        # Four times the highest line that matched: its harmonics, and enough beside them to compare.
        shown = min(shown, max(int(4 * max(matched) / step_hz), WIDTH // 4))
    edges = np.linspace(0, shown, WIDTH + 1).astype(int)
    columns = np.array([values[a : max(b, a + 1)].max() for a, b in itertools.pairwise(edges)], np.float64)
    top = max(float(np.nanmax(columns)), float(np.finfo(np.float32).tiny))
    levels_db = np.clip(20.0 * np.log10(np.maximum(columns, top * 1e-6) / top), -RANGE_DB, 0.0)
    drawn = HEIGHT - MARK_PX
    heights = np.round((levels_db / RANGE_DB + 1.0) * (drawn - 1)).astype(int)
    pixels = np.full((HEIGHT, WIDTH, 3), _PAPER, np.uint8)
    pixels[[int(drawn * part / 3) for part in range(3)]] = _GRID
    rows = drawn - 1 - np.arange(drawn)
    pixels[:drawn][rows[:, None] < heights[None, :]] = _LINE
    for found_hz in matched:
        column = int(found_hz / step_hz * WIDTH / shown)
        if column < WIDTH:
            pixels[drawn + 2 :, max(column - 1, 0) : column + 2] = _MATCH
    return pixels


def _png(pixels: NDArray[np.uint8]) -> bytes:
    """Return pixels (rows, columns, 3) as PNG. Source: W3C PNG specification, 3rd edition, sections 5 and 11.2."""
    rows, columns, _ = pixels.shape
    raw = b"".join(b"\0" + row.tobytes() for row in pixels)
    head = struct.pack(">IIBBBBB", columns, rows, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(raw, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )
