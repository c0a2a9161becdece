"""The agent's own line of machines without journal and network: what `plantpulse agent replay` runs on files."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from edge_agent.assembly import machine_setup
from edge_agent.configuration import source_request
from edge_agent.machine import MachineWatch
from edge_agent.sources import source_module
from edge_agent.sources.base import SourcePosition
from models.contract.vocabulary import ClockQuality

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from edge_agent.configuration import MachineTable
    from models.contract.records import Record


async def replay_files(table: MachineTable, files: Sequence[Path], folder: Path) -> AsyncIterator[Record]:
    """Yield every record that one machine makes of some recordings, as fast as they can be computed.

    Times are those of the recordings where they state them, else they begin at 1970; the same files give the same
    records.

    Args:
        table: the machine; its own source is only asked for what the files do not say (units, speed).
        files: one after the other.
        folder: where relative paths start.

    Raises:
        SourceError: a file cannot be used.
    """
    module = source_module("replay")
    own = table.source.own_keys if table.source.kind == "replay" else {}
    said = {entry["path"]: entry for entry in own.get("files", ()) if isinstance(entry, dict)}
    entries: list[dict[str, Any]] = [{**said.get(str(path), {}), "path": str(path.resolve())} for path in files]
    options = module.Options.model_validate({"files": entries})
    source_table = table.source.model_copy(update={"speed": math.inf, "start": table.source.start or 0})
    source = module.open_source(source_request(table.model_copy(update={"source": source_table}), folder), options)
    watch = MachineWatch(machine_setup(table, source))
    async for block in source.blocks(SourcePosition(0, 0)):
        step = await watch.take(block, ClockQuality.UNSYNCHRONISED)
        for record in step.records:
            yield record
    for record in watch.close():
        yield record
