"""Where samples come from: one file per kind of source, one row per file in `SOURCES`."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from edge_agent.sources.base import SourceModule

SOURCES: Final = {
    "cold_room": "edge_agent.sources.cold_room",
    "replay": "edge_agent.sources.replay",
    "simulated": "edge_agent.sources.simulated",
}
"""`kind` in `[machine.source]` → the module that provides it, imported when it is used."""


def source_module(kind: str) -> SourceModule:
    """Return the module of a known kind of source (KeyError for others: the configuration has checked it)."""
    return cast("SourceModule", importlib.import_module(SOURCES[kind]))
