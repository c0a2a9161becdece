"""What an agent's journal says, read beside the running agent without disturbing it."""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from edge_agent import machine_memory
from edge_agent.errors import DataDirectoryError
from edge_agent.journal import FILE_NAME, ROW_OVERHEAD_BYTES
from models.contract.vocabulary import RecordKind
from models.learning import Learning
from models.pipeline_state import PipelineState
from models.process.baseline import Collected
from models.process.streams import Gathering
from models.process_state import ProcessState
from models.state_bytes import StateError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from edge_agent.configuration import MachineTable
    from models.diagnosis.iso20816 import Bands


HOUR_NS: Final = 3_600_000_000_000


@dataclass(frozen=True, slots=True)
class ChannelBands:
    """Alarm and trip of the velocity of one channel.

    Attributes:
        operating_state: in which they hold; None: in every one, because none has been learnt.
        channel: its name.
        bands: with where each comes from.
    """

    operating_state: str | None
    channel: str
    bands: Bands

    @property
    def line(self) -> str:
        """Return what people read.

        >>> from models.diagnosis.iso20816 import UserBands, bands
        >>> ChannelBands("steady/default", "DE.H", bands(None, None, user=UserBands(alarm_mm_s=2.0))).line
        'DE.H in steady/default: alarm at 2 mm/s (set by the plant), trip not set'
        """
        limits = (
            ("alarm", self.bands.alarm_mm_s, self.bands.alarm_words),
            ("trip", self.bands.trip_mm_s, self.bands.trip_words),
        )
        parts = [
            f"{name} not set" if limit is None else f"{name} at {limit:.3g} mm/s ({words})"
            for name, limit, words in limits
        ]
        where = "" if self.operating_state is None else f" in {self.operating_state}"
        return f"{self.channel}{where}: {', '.join(parts)}"

    def document(self) -> dict[str, str | float | None]:
        """Return the same for `--json`."""
        return {
            "operating_state": self.operating_state,
            "channel": self.channel,
            "healthy_mm_s": self.bands.baseline_mm_s,
            "alarm_mm_s": self.bands.alarm_mm_s,
            "trip_mm_s": self.bands.trip_mm_s,
            "alarm_basis": self.bands.alarm_basis,
            "trip_basis": self.bands.trip_basis,
            "table": self.bands.table or None,
        }


@dataclass(frozen=True, slots=True)
class MachinePlace:
    """Where a machine stood at its last commit.

    Attributes:
        asset_id: of the machine.
        epoch, next_index: of its source.
        state_bytes: size of what it remembers.
        operating_state: of its last window, None where its memory does not say.
        windows_learnt: by operating state or phase, windows collected so far; None where it has been learnt.
        hours_learnt: by phase of a process that is being learnt, for how long; a process has days.
        healthy_mm_s: by operating state that has been learnt, the velocity of each channel when healthy; only where
            there are limits on it.
    """

    asset_id: str
    epoch: int
    next_index: int
    state_bytes: int
    operating_state: str | None = None
    windows_learnt: Mapping[str, int | None] = field(default_factory=dict)
    hours_learnt: Mapping[str, float] = field(default_factory=dict)
    healthy_mm_s: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    series: Mapping[str, Gathering | None] = field(default_factory=dict)
    seen_end_ns: int = 0

    def bands(self, table: MachineTable) -> tuple[ChannelBands, ...]:
        """Return the alarm and trip limits that hold now: of every state that has been learnt, else the first ones.

        Args:
            table: the machine as it is configured.
        """
        limits = table.velocity_limits()
        if limits is None:
            return ()
        names = limits.channel_names
        known = {state: healthy for state, healthy in self.healthy_mm_s.items() if len(healthy) == len(names)}
        if not known:
            return tuple(ChannelBands(None, name, limits.bands(None)) for name in names)
        return tuple(
            ChannelBands(state, name, limits.bands(healthy_mm_s))
            for state, healthy in known.items()
            for name, healthy_mm_s in zip(names, healthy, strict=True)
        )

    @property
    def refused(self) -> dict[str, str]:
        """Return why a detector of slow series could not learn what it was given, by the name of its learning."""
        return {name: one.refused for name, one in self.series.items() if one is not None and one.refused}

    def progress(self, learning_windows: int, least_h: float = 0.0) -> dict[str, float]:
        """Return how far the learning of each operating state is, 0 to 1; what is not learnt yet stays below 1.

        >>> MachinePlace("a", 0, 0, 0, None, {"steady/default": None, "steady/load40": 15}).progress(60)
        {'steady/default': 1.0, 'steady/load40': 0.25}
        >>> MachinePlace("a", 0, 0, 0, None, {"steady/defrost": 480}, {"steady/defrost": 6.0}).progress(480, 24.0)
        {'steady/defrost': 0.25}

        Args:
            learning_windows: so many make a baseline.
            least_h: and so many hours, of a process.
        """
        series = {
            name: 1.0 if one is None else round(min(one.share(self.seen_end_ns, 3_600.0 * least_h), 0.99), 3)
            for name, one in self.series.items()
        }
        return series | {
            name: 1.0 if windows is None else round(min(windows / learning_windows, self._time(name, least_h), 0.99), 3)
            for name, windows in self.windows_learnt.items()
        }

    def _time(self, name: str, least_h: float) -> float:
        return self.hours_learnt[name] / least_h if name in self.hours_learnt and least_h else 1.0


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
    for read in (_vibration_place, _process_place):
        with contextlib.suppress(StateError):
            return read(place, *machine_memory.pipeline_part(state))
    # What is damaged is learnt anew.
    return place


def _vibration_place(place: MachinePlace, data: bytes, _end_ns: int) -> MachinePlace:
    known = PipelineState.from_bytes(data)
    return replace(
        place,
        operating_state=known.operating.state,
        windows_learnt={
            name: len(one.vectors) if isinstance(one, Learning) else None for name, one in known.learnt.items()
        },
        healthy_mm_s=known.healthy_mm_s,
    )


def _process_place(place: MachinePlace, data: bytes, end_ns: int) -> MachinePlace:
    known = ProcessState.from_bytes(data)
    series = {
        f"{detector} in {name}" if name else detector: one if isinstance(one, Gathering) else None
        for detector, memory in known.streams.items()
        for name, one in memory.places.items()
    }
    learning = {name: one for name, one in known.learnt.items() if isinstance(one, Collected)}
    return replace(
        place,
        operating_state=known.summary.operating_state if known.summary else None,
        windows_learnt={name: learning[name].windows if name in learning else None for name in known.learnt},
        hours_learnt={name: max(end_ns - one.first_ns, 0) / HOUR_NS for name, one in learning.items()},
        series=series,
        seen_end_ns=end_ns,
    )
