"""Text that stands in our data, with the words and the meaning of colour that people read. Pure."""

from __future__ import annotations

from typing import Final

from cloud.grafana.palette import QUIET
from cloud.grafana.panels import BASE, Limit

Words = tuple[tuple[str, str, str], ...]

ZONES: Final[Words] = (
    ("A", "A", QUIET),
    ("B", "B", QUIET),
    ("C", "C, for a limited time", "high"),
    ("D", "D, damage is to be expected", "urgent"),
)
"""Source: ISO 20816-1, zones; the colours are those of alarms of that weight."""

STATES: Final[Words] = (
    ("off", "off", "state-off"),
    ("starting", "starting", "state-moving"),
    ("transient", "transient", "state-moving"),
    ("unknown", "unknown", "uncertain"),
    (r"/^steady\/(.+)$/", "$1", "state-steady"),
)

PRIORITIES: Final[Words] = (
    ("urgent", "▲ urgent", "urgent"),
    ("high", "◆ high", "high"),
    ("medium", "■ medium", "medium"),
    ("low", "● low", "low"),
)
"""A shape with every colour, for those who cannot tell colours apart."""

SCORE_LIMITS: Final = (BASE, Limit(1.0, "urgent"))
"""A score of 1 is the alarm limit, by definition of the score."""

HEALTH_LIMITS: Final = (Limit(None, "stale"), Limit(0.0, "high"), Limit(50.0, QUIET))
"""The index is 100 for a machine like its baseline and falls to 50 where the score reaches its limit."""

STALE_AFTER_S: Final = 300
"""As the console has it: five usual intervals of summaries without one."""

AGE_LIMITS: Final = (BASE, Limit(float(STALE_AFTER_S), "stale"))
