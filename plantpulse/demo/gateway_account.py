"""What the gateway itself has counted, read from its journal beside the running agent.

The cloud hears of it once a minute only; the journal knows at any moment, also after the agent was killed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_agent.errors import DataDirectoryError
from edge_agent.status import read_status
from plantpulse.demo.screen import Account

if TYPE_CHECKING:
    from pathlib import Path

    from plantpulse.demo.story import Replay


def read_account(gateway_dir: Path, replay: Replay | None = None) -> Account | None:
    """Return the gateway's own count, or None before there is one.

    Args:
        gateway_dir: the agent's data directory.
        replay: what of it the story plays again.
    """
    try:
        counters = read_status(gateway_dir).counters
    except DataDirectoryError:
        return None
    if "raw_bytes" not in counters:
        return None
    raw_bytes = counters["raw_bytes"]
    again = 0 if replay is None else replay.part_of(raw_bytes)
    return Account(raw_bytes, counters.get("sent_bytes", 0), counters.get("windows", 0), again)
