"""What the gateway itself has counted, read from its journal beside the running agent.

The journal keeps its counters in the transaction of what they count, so they are right whenever they are read, also
after the agent was killed; the cloud hears of them once a minute only.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Final

from plantpulse.demo.screen import Account

if TYPE_CHECKING:
    from pathlib import Path

_JOURNAL: Final = "journal.sqlite"


def read_account(gateway_dir: Path) -> Account | None:
    """Return the gateway's own count, or None before there is one.

    Args:
        gateway_dir: the agent's data directory.
    """
    path = gateway_dir / _JOURNAL
    if not path.exists():
        return None
    try:
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=2.0)
        try:
            counters = dict(connection.execute("SELECT name, value FROM counter").fetchall())
        finally:
            connection.close()
    except sqlite3.Error:
        return None
    if "raw_bytes" not in counters:
        return None
    return Account(counters["raw_bytes"], counters.get("sent_bytes", 0), counters.get("windows", 0))
