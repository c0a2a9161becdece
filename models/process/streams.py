"""Detectors of slow series in a process: samples become rows, rows are learnt from, then judged one by one.

A window's features forget what came before; a level that moved or a day like no other shows in the series. For each
detector that was chosen (`models.detectors.table.STREAM_DETECTORS`), in this order:

1. each new stretch of samples (a *hop*, the distance of two windows) becomes its mean, missing where less than half of
   it is there; a row is one of them, or the mean of as many as the detector asks for,
2. a detector of levels has a *place* of its own in each phase, whose rows follow each other whatever was between them:
   phases of minutes would never fill its means otherwise. One of patterns has one place for all phases; lost rows and
   those of a machine that is off are missing in it,
3. rows are collected, the newest ones of a bounded number, until there are enough and the learning time is over; then
   the detector is fitted. Rows that it cannot learn from are said (`Gathering.refused`), half of them dropped, and it
   goes on,
4. after that each row is judged. Nothing is learnt or followed while something is wrong.

Pure: memory in, memory out. What becomes an alarm is up to `models.process_alarms`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from models.contract.vocabulary import OFF, is_steady
from models.detectors.errors import DetectorError
from models.detectors.table import STREAM_DETECTORS
from models.frozen import replace
from models.state_bytes import pack, unpack

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from models.detectors.base import StreamDetector

EVERYWHERE: Final = ""
"""The place of a detector whose pattern spans all phases."""
LEAST_THERE: Final = 0.5
"""With fewer of its samples a mean says when they are missing, not where the process is."""
_VERSION: Final = 1
_VALUES: Final = ("place", "sums", "counts", "hops", "end_ns", "score", "typical")


@dataclass(frozen=True, slots=True)
class Gathering:
    """What is learnt from so far in one place.

    Attributes:
        rows: (n, channels), oldest first; NaN where missing.
        first_ns: end of the first.
        least_rows: so many are needed.
        refused: why the last attempt to learn failed, empty where none did.
    """

    rows: NDArray[np.float32]
    first_ns: int
    least_rows: int
    refused: str = ""

    def share(self, end_ns: int, learning_s: float) -> float:
        """Return how far learning is, 0 to 1, at this time."""
        rows = int(np.isfinite(self.rows).all(axis=1).sum())
        spent = (end_ns - self.first_ns) / 1e9 / learning_s if learning_s > 0.0 else 1.0
        return max(0.0, min(rows / self.least_rows, spent, 1.0))


@dataclass(frozen=True, slots=True)
class Learnt:
    """A fitted detector.

    Attributes:
        detector: fitted.
        data: its bytes; it never changes.
        state: what it remembers between rows.
    """

    detector: StreamDetector[Any]
    data: bytes
    state: Any


@dataclass(frozen=True, slots=True)
class StreamMemory:
    """What one detector's stream remembers between windows.

    Attributes:
        places: by phase, or `EVERYWHERE`.
        place: of the rows just before, None after a break.
        sums, counts: of the hops of the row that is open and of how many there were, (channels,).
        hops: how many have gone into it, missing ones included.
        end_ns: of the last sample.
        score: of the last row, None while nothing is judged.
        typical: median score of normal rows by then.
    """

    places: Mapping[str, Gathering | Learnt] = field(default_factory=dict)
    place: str | None = None
    sums: tuple[float, ...] = ()
    counts: tuple[int, ...] = ()
    hops: int = 0
    end_ns: int = 0
    score: float | None = None
    typical: float = 0.0

    def to_bytes(self) -> bytes:
        """Return the memory as bytes; the same memory gives the same bytes."""
        values: dict[str, Any] = {name: getattr(self, name) for name in _VALUES}
        arrays: dict[str, NDArray[Any] | bytes] = {}
        names, gathered = [], {}
        for number, (name, known) in enumerate(self.places.items()):
            names.append(name)
            if isinstance(known, Gathering):
                gathered[name] = [known.first_ns, known.least_rows, known.refused]
                arrays[f"{number}/rows"] = known.rows
            else:
                arrays[f"{number}/detector"], arrays[f"{number}/state"] = known.data, known.state.to_bytes()
        return pack("stream", _VERSION, {**values, "places": names, "gathered": gathered}, arrays)


def stream_from_bytes(name: str, data: bytes) -> StreamMemory:
    """Return the memory of this detector's stream that was written by its `to_bytes`.

    Raises:
        StateError: the bytes are damaged or something else.
    """
    fields = unpack(data, "stream", _VERSION)
    places: dict[str, Gathering | Learnt] = {}
    for number, place in enumerate(fields.value("places")):
        if place in fields.value("gathered"):
            places[place] = Gathering(fields.array(f"{number}/rows"), *fields.value("gathered")[place])
            continue
        fitted = fields.nested(f"{number}/detector")
        detector = STREAM_DETECTORS[name].from_bytes(fitted)
        places[place] = Learnt(detector, fitted, detector.state_from_bytes(fields.nested(f"{number}/state")))
    values = {one: fields.value(one) for one in _VALUES}
    return StreamMemory(places, **{**values, "sums": tuple(values["sums"]), "counts": tuple(values["counts"])})


@dataclass(frozen=True, slots=True)
class Heard:
    """What a detector said about the row that a window completed.

    Attributes:
        score: 1.0 = threshold.
        newest: of the newest part of what it looks back at, None where a row is judged by itself.
        channel: row of the channel that says most.
        now, usual: of that channel, in its unit.
    """

    score: float
    newest: float | None
    channel: int
    now: float
    usual: float


class Stream:
    """One detector over a process's samples; holds only what never changes.

    Args:
        name: row of `STREAM_DETECTORS`.
        channels: of the process.
        sample_rate_hz: of the samples.
        hop_samples: distance of two windows.
        learning_windows: rows of so many windows are learnt from at least.
        learning_s: for so long at least.
        options: settings of the detector's own kind; None for its defaults.
    """

    def __init__(
        self,
        name: str,
        *,
        channels: int,
        sample_rate_hz: float,
        hop_samples: int,
        learning_windows: int,
        learning_s: float,
        options: Any = None,
    ) -> None:
        self.kind: Final = STREAM_DETECTORS[name]
        self._channels = channels
        self._hop_samples = hop_samples
        self._hop_ns = hop_samples / sample_rate_hz * 1e9
        self._hops = max(1, round(self.kind.least_row_s * 1e9 / self._hop_ns))
        own = self.kind.learning_rows(options)
        # Some of those that are kept may be missing.
        self.least_rows: Final = max(own.least, min(math.ceil(learning_windows / self._hops), own.most // 2))
        self._most_rows = own.most
        self._learning_s = learning_s
        self._options = options

    def progress(self, memory: StreamMemory, operating_state: str, end_ns: int) -> float:
        """Return how far learning is in this state, or else where it is furthest."""
        name = operating_state if self.kind.per_phase else EVERYWHERE
        places = [memory.places[name]] if name in memory.places else list(memory.places.values())
        shares = [1.0 if isinstance(one, Learnt) else one.share(end_ns, self._learning_s) for one in places]
        return max(shares, default=0.0)

    def step(
        self,
        memory: StreamMemory,
        samples: NDArray[np.float32],
        operating_state: str,
        end_ns: int,
        *,
        follows: bool,
        is_wrong: bool,
    ) -> tuple[StreamMemory, Heard | None]:
        """Return the memory after one window, and what was said of the last row that it completes, if any.

        Args:
            memory: after the window before.
            samples: of the window, (channels, window_samples).
            operating_state: of the window.
            end_ns: its end.
            follows: it is the next one after the window before, so that only its last hop is new.
            is_wrong: an alarm stands, or a rule is broken: nothing is learnt.
        """
        pieces = 1 if follows else samples.shape[1] // self._hop_samples
        means = _means(samples[:, -pieces * self._hop_samples :], pieces)
        place = self._place(operating_state)
        if not follows:
            memory = self._after_gap(memory, end_ns - round(pieces * self._hop_ns))
        if self.kind.per_phase and (place != memory.place or not follows):
            memory = replace(memory, sums=(), counts=(), hops=0, score=None)
        heard = None
        if place is not None:
            if operating_state == OFF:
                means = np.full_like(means, np.nan)
            for number, mean in enumerate(means, start=1):
                at_ns = end_ns - round((pieces - number) * self._hop_ns)
                memory, row = self._with_hop(memory, mean)
                if row is not None:
                    memory, heard = self._with_row(memory, place, row, at_ns, is_wrong=is_wrong)
        score = memory.score if place is not None and operating_state != OFF else None
        return replace(memory, place=place, end_ns=end_ns, score=score), heard if score is not None else None

    def _place(self, operating_state: str) -> str | None:
        if not self.kind.per_phase:
            return EVERYWHERE
        return operating_state if is_steady(operating_state) else None

    def _after_gap(self, memory: StreamMemory, begin_ns: int) -> StreamMemory:
        """Return the memory before samples that begin at this time: what is missing in a pattern is missing in it."""
        known = memory.places.get(EVERYWHERE)
        if self.kind.per_phase or not memory.end_ns:
            return memory
        total = memory.hops + max(0, round((begin_ns - memory.end_ns) / self._hop_ns))
        lost = total // self._hops
        if not lost:
            return replace(memory, hops=total)
        places: dict[str, Gathering | Learnt] = {}
        if isinstance(known, Learnt):
            places = {EVERYWHERE: replace(known, state=known.detector.interrupted(known.state, lost))}
        elif known is not None and lost < self.least_rows:
            # What lies before a longer gap is another time.
            nothing = np.full((lost, self._channels), np.nan, np.float32)
            places = {EVERYWHERE: replace(known, rows=np.concatenate([known.rows, nothing])[-self._most_rows :])}
        return replace(memory, places=places, sums=(), counts=(), hops=total % self._hops)

    def _with_hop(
        self, memory: StreamMemory, mean: NDArray[np.float32]
    ) -> tuple[StreamMemory, NDArray[np.float32] | None]:
        """Return the memory with one hop more, and the row that it completes, if any."""
        if self._hops == 1:
            return memory, mean
        there = np.isfinite(mean)
        sums = np.where(there, mean, np.float32(0.0)).astype(np.float64)
        counts = there.astype(np.int64)
        if memory.sums:
            sums, counts = sums + memory.sums, counts + memory.counts
        if memory.hops + 1 < self._hops:
            open_row = replace(memory, sums=tuple(sums.tolist()), counts=tuple(counts.tolist()), hops=memory.hops + 1)
            return open_row, None
        row = np.where(counts >= LEAST_THERE * self._hops, sums / np.maximum(counts, 1), np.nan)
        return replace(memory, sums=(), counts=(), hops=0), row.astype(np.float32)

    def _with_row(
        self, memory: StreamMemory, place: str, row: NDArray[np.float32], end_ns: int, *, is_wrong: bool
    ) -> tuple[StreamMemory, Heard | None]:
        known = memory.places.get(place)
        if not isinstance(known, Learnt):
            learnt = self._gathered(known, row, end_ns, is_wrong=is_wrong)
            return memory if learnt is None else replace(memory, places={**memory.places, place: learnt}), None
        state, scores = known.detector.step(known.state, row[None], in_alarm=is_wrong)
        places = {**memory.places, place: replace(known, state=state)}
        level = float(scores.level[0].max())
        if math.isnan(level):
            return replace(memory, places=places, score=None), None
        newest, channel = float(scores.newest[0]), int(np.argmax(scores.channels[0]))
        now, usual = float(scores.now[0, channel]), float(scores.usual[0, channel])
        heard = Heard(level, None if math.isnan(newest) else newest, channel, now, usual)
        typical = known.detector.typical(state)
        return replace(memory, places=places, score=level, typical=typical), heard

    def _gathered(
        self, known: Gathering | None, row: NDArray[np.float32], end_ns: int, *, is_wrong: bool
    ) -> Gathering | Learnt | None:
        """Return what there is to learn from with one row more, or what was learnt of it; None for nothing yet."""
        if is_wrong:
            row = np.full_like(row, np.nan)
        if np.isnan(row).any() and (self.kind.per_phase or known is None):
            return known
        rows = row[None] if known is None else np.concatenate([known.rows, row[None]])[-self._most_rows :]
        known = Gathering(rows, end_ns, self.least_rows) if known is None else replace(known, rows=rows)
        if known.share(end_ns, self._learning_s) < 1.0:
            return known
        try:
            detector = self.kind.fit(known.rows, settings=self._options)
        except DetectorError as error:
            return replace(known, rows=known.rows[len(known.rows) // 2 :], refused=str(error))
        return Learnt(detector, detector.to_bytes(), detector.start())


def _means(samples: NDArray[np.float32], pieces: int) -> NDArray[np.float32]:
    """Return the mean of each of so many equal pieces of samples (channels, n), as (pieces, channels)."""
    cut = samples.reshape(len(samples), pieces, -1)
    there = np.isfinite(cut)
    count = there.sum(axis=2)
    # float64: the mean of many large numbers loses in float32 what a small change of level is.
    total = np.where(there, cut, np.float32(0.0)).sum(axis=2, dtype=np.float64)
    means = np.where(count >= LEAST_THERE * cut.shape[2], total / np.maximum(count, 1), np.nan)
    return np.asarray(means.T, np.float32)
