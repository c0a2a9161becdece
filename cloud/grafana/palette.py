"""Colours by meaning, the same table as the console's style sheet; a test compares the two.

A dashboard's JSON holds one colour for both of Grafana's themes. The console's dark row is used: it is what Grafana
shows unless somebody chooses otherwise, and the colours of the light row are too dark on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Colour:
    """One meaning in both themes of the console."""

    light: str
    dark: str


PALETTE: Final = {
    "urgent": Colour("#b4141b", "#ff6a62"),
    "high": Colour("#bd5200", "#ff9a3d"),
    "medium": Colour("#f0c20a", "#f4d03f"),
    "low": Colour("#6b47a8", "#bb9cf2"),
    "uncertain": Colour("#0a6a75", "#5cc6d1"),
    "stale": Colour("#5b666d", "#98a4ab"),
    "limit": Colour("#7d3b3e", "#d49a96"),
    "ink-2": Colour("#4a545b", "#a5b0b6"),
    "accent": Colour("#1c5a86", "#86bde4"),
    "state-steady": Colour("#c9d0d4", "#3c474d"),
    "state-moving": Colour("#a9b3b9", "#5b6870"),
    "state-off": Colour("#f4f5f5", "#1b2023"),
}

QUIET: Final = "ink-2"
"""What is healthy has no colour of its own: grey, as in the console."""


def colour(meaning: str) -> str:
    """Return the colour of a meaning, as dashboards use it.

    >>> colour("urgent")
    '#ff6a62'
    """
    return PALETTE[meaning].dark
