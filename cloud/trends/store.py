"""What a trend store takes and gives, whatever it is made of.

Ingest writes summaries of machines and single readings of gateways and foreign edge nodes, in batches; what was
written before under the same record id is not written twice. Late data corrects every rollup it belongs to. Readers
ask for at most so many points and get the finest grain that fits.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from cloud.trends.recent import HealthPoints
    from models.contract.records import AlarmReport, Summary

SCORE: Final = "score"
HEALTH_INDEX: Final = "health_index"
VITALS: Final = (SCORE, HEALTH_INDEX)
"""Trends that every machine has beside its features."""

MIN_POINTS: Final = 2
MAX_POINTS: Final = 2_000


class Grain(StrEnum):
    """How fine a stored history is."""

    SUMMARY = "summary"
    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"


GRAIN_MS: Final[Mapping[Grain, int]] = {Grain.MINUTE: 60_000, Grain.HOUR: 3_600_000, Grain.DAY: 86_400_000}
"""Length of the buckets of each rollup; a bucket is named by its start."""


@dataclass(frozen=True, slots=True)
class StoredSummary:
    """A summary with what the wire said about it.

    Attributes:
        record_id: UInt64, the same for the same window under any sequence.
        sequence: number in the gateway's outbox.
        late: made before the gateway's last birth.
        received_ms: when it arrived, ms UTC.
    """

    summary: Summary
    record_id: int
    sequence: int
    late: bool
    received_ms: int


@dataclass(frozen=True, slots=True)
class Reading:
    """One value of one metric, of a foreign edge node or of a gateway.

    Attributes:
        source: id of the gateway in the book.
        name: metric name, with `{device}/` in front for a device's.
        tie: tells readings at the same millisecond apart; (bdSeq, seq) for data.
        value: number that can be trended, or None.
        text: what to show.
        quality: 0, 192 or 500 (Sparkplug property `Quality`).
        kept: False for values of a birth, which update what is latest but are no history.
    """

    source: str
    name: str
    unit: str | None
    time_ms: int
    tie: int
    value: float | None
    text: str
    quality: int
    kept: bool = True


@dataclass(frozen=True, slots=True)
class MachinePlace:
    """Where a machine stands in the asset tree and what people call it: what a trend store may label its data with.

    Attributes:
        site: Sparkplug group.
        area, line: of the path that people gave it, or None.
        machine: name on its gateway.
    """

    asset_id: str
    gateway_id: str
    site: str
    machine: str
    machine_class: str | None = None
    area: str | None = None
    line: str | None = None
    display_name: str | None = None
    criticality: str | None = None


@dataclass(frozen=True, slots=True)
class AlarmEvent:
    """One report on an alarm, beside the trends that people look at it with; the book is where alarms are read."""

    report: AlarmReport
    record_id: int
    late: bool


@dataclass(frozen=True, slots=True)
class Written:
    """What a write did.

    Attributes:
        stored: asset and record ids that were new.
        duplicates: how many were there before.
        aside: how many of the batch the store could not take into its history and keeps elsewhere, by reason.
        notice: what people should do about that, one line, or None.
    """

    stored: frozenset[tuple[str, int]]
    duplicates: int
    aside: Mapping[str, int] = field(default_factory=dict)
    notice: str | None = None


@dataclass(frozen=True, slots=True)
class MachineLatest:
    """The newest summary of a machine; times in ms UTC."""

    asset_id: str
    start_ms: int
    end_ms: int
    received_ms: int
    operating_state: str
    score: float | None
    health_index: float | None
    zone: str | None
    learning_progress: float


@dataclass(frozen=True, slots=True)
class LatestReading:
    """The newest value of one metric."""

    name: str
    unit: str | None
    time_ms: int
    value: float | None
    text: str
    quality: int


@dataclass(frozen=True, slots=True)
class TrendSeries:
    """One feature over time; arrays of the same length, times are starts of buckets in ms UTC."""

    name: str
    t_ms: NDArray[np.int64]
    mean: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    late: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class StateStrip:
    """Operating states over time: each value holds from its time to the next; None where nothing was heard."""

    t_ms: tuple[int, ...] = ()
    value: tuple[str | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Trend:
    """What was asked for, at the grain that fitted.

    Attributes:
        bucket_ms: distance of the points; for summaries as they came, their usual length.
    """

    asset_id: str
    from_ms: int
    to_ms: int
    bucket_ms: int
    series: tuple[TrendSeries, ...]
    states: StateStrip = field(default_factory=StateStrip)


class TrendStore(Protocol):
    """A place for trends. One writer; any number of readers in any thread."""

    def write(
        self, summaries: Sequence[StoredSummary], readings: Sequence[Reading], alarms: Sequence[AlarmEvent] = ()
    ) -> Written:
        """Store a batch, with rollups and latest values; idempotent.

        Args:
            summaries: of machines.
            readings: single values of gateways and foreign edge nodes.
            alarms: for a store whose readers have no book beside it; others leave them to the book.

        Raises:
            StoreError: the batch is not stored, or not all of it; the same batch can be written again.
        """
        ...

    def know(self, places: Sequence[MachinePlace]) -> None:
        """Take up where machines are and what they are called, for what is written from now on."""
        ...

    def latest_machines(self) -> Mapping[str, MachineLatest]:
        """Return the newest summary of every machine, by asset id."""
        ...

    def latest_readings(self, source: str) -> Sequence[LatestReading]:
        """Return the newest value of every metric of a gateway, by name."""
        ...

    def trend(self, asset_id: str, names: Sequence[str], from_ms: int, to_ms: int, points: int) -> Trend:
        """Return features (and `VITALS`) of a machine in [from_ms, to_ms) in at most `points` points each."""
        ...

    def recent_health(self, asset_ids: Sequence[str], until_ms: int) -> Mapping[str, HealthPoints]:
        """Return the health of machines in the month before a time, coarsely (`cloud.trends.recent`), by asset id."""
        ...

    def span_ms(self, asset_id: str) -> tuple[int, int] | None:
        """Return start of the oldest and end of the newest summary of a machine, or None."""
        ...

    def readings(self, source: str, name: str, from_ms: int, to_ms: int, points: int) -> TrendSeries:
        """Return a metric of a gateway in [from_ms, to_ms) in at most `points` points."""
        ...

    def prune(self, now_ms: int) -> int:
        """Drop what is older than its retention; return how many rows went."""
        ...

    def close(self) -> None:
        """Let go of everything; later calls fail."""
        ...
