"""What an agent's journal says, read beside the running agent without disturbing it."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from edge_agent import machine_memory
from edge_agent.errors import DataDirectoryError
from edge_agent.journal import FILE_NAME, ROW_OVERHEAD_BYTES
from models.contract.vocabulary import RecordKind
from models.learning import Learning
from models.pipeline_state import PipelineState
from models.state_bytes import StateError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class MachinePlace:
    """Where a machine stood at its last commit.

    Attributes:
        asset_id: of the machine.
        epoch, next_index: of its source.
        state_bytes: size of what it remembers.
        operating_state: of its last window, None where its memory does not say.
        windows_learnt: by operating state, windows collected so far; None where it has been learnt.
    """

    asset_id: str
    epoch: int
    next_index: int
    state_bytes: int
    operating_state: str | None = None
    windows_learnt: Mapping[str, int | None] = field(default_factory=dict)

    def progress(self, learning_windows: int) -> dict[str, float]:
        """Return how far the learning of each operating state is, 0 to 1.

        >>> MachinePlace("a", 0, 0, 0, None, {"steady/default": None, "steady/load40": 15}).progress(60)
        {'steady/default': 1.0, 'steady/load40': 0.25}

        Args:
            learning_windows: so many make a baseline.
        """
        return {
            name: 1.0 if windows is None else round(min(windows / learning_windows, 1.0), 3)
            for name, windows in self.windows_learnt.items()
        }


@dataclass(frozen=True, slots=True)
class Status:
    """One look at a journal.

    Attributes:
        incarnation: of the outbox.
        is_clean: whether the last agent ended in the ordinary way; False while one is running.
        pending: records that wait for their acknowledgement, by kind.
        oldest_pending_ns: end of the oldest of them, or None.
        outbox_bytes: what they take of the budget.
        last_sequence: highest number ever given.
        counters: everything that is counted.
        machines: by asset id.
    """

    incarnation: str
    is_clean: bool
    pending: Mapping[str, int]
    oldest_pending_ns: int | None
    outbox_bytes: int
    last_sequence: int
    counters: Mapping[str, int]
    machines: tuple[MachinePlace, ...]


def read_status(folder: Path) -> Status:
    """Return what the journal in an agent's data directory says.

    Raises:
        DataDirectoryError: there is no journal, or it cannot be read.
    """
    path = folder / FILE_NAME
    if not path.exists():
        raise DataDirectoryError(f"{path}: no journal here; the agent has not run with this data_dir yet")
    try:
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5.0)
        try:
            # One transaction, so that the numbers belong together.
            connection.execute("BEGIN")
            return _read(connection)
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise DataDirectoryError(f"{path}: cannot be read ({error}); the agent salvages it when it starts") from error


def _read(connection: sqlite3.Connection) -> Status:
    meta = dict(connection.execute("SELECT key, value FROM meta"))
    kinds = list(RecordKind)
    pending = {kind.value: 0 for kind in kinds}
    for rank, count in connection.execute("SELECT kind_rank, count(*) FROM outbox GROUP BY kind_rank"):
        pending[kinds[rank].value] = count
    rows, size, oldest = connection.execute(
        "SELECT count(*), total(length(payload)), min(end_ns) FROM outbox"
    ).fetchone()
    last = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'outbox'").fetchone()
    return Status(
        incarnation=meta.get("incarnation", ""),
        is_clean=meta.get("clean") == "1",
        pending=pending,
        oldest_pending_ns=oldest,
        outbox_bytes=int(size) + rows * ROW_OVERHEAD_BYTES,
        last_sequence=0 if last is None else last[0],
        counters=dict(connection.execute("SELECT name, value FROM counter ORDER BY name")),
        machines=tuple(
            _place(*row)
            for row in connection.execute("SELECT asset_id, epoch, next_index, state FROM machine ORDER BY asset_id")
        ),
    )


def _place(asset_id: str, epoch: int, next_index: int, state: bytes) -> MachinePlace:
    place = MachinePlace(asset_id, epoch, next_index, len(state))
    try:
        known = PipelineState.from_bytes(machine_memory.pipeline_bytes(state))
    except StateError:
        # A slow process has nothing to learn by operating state, and what is damaged is learnt anew.
        return place
    return replace(
        place,
        operating_state=known.operating.state,
        windows_learnt={
            name: len(one.vectors) if isinstance(one, Learning) else None for name, one in known.learnt.items()
        },
    )
