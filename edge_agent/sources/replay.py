"""Recordings as a source: files, one after the other, as if the sensor were there.

Opening reads every file once for its rate, length and channels, and lays all segments out on one count of samples
(`_Stretch`), so that a restart finds its place by number alone. Playing reads a file again, brings it into SI and
down to the machine's rate, and hands out blocks of a quarter of a second. Between two segments or files samples are
missing in the count, so no window ever spans two of them.
"""

from __future__ import annotations

import asyncio
import json
import math
import time
from dataclasses import dataclass
from pathlib import Path  # noqa: TC003 - pydantic reads the annotations
from typing import TYPE_CHECKING, Final

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from edge_agent.sources.base import Pace, SourceError, SourceFacts, first_sample_ns
from models.context import SPEED, ContextSample
from models.contract.errors import InputError
from models.contract.units import convert, convert_factor, parse_unit
from models.recordings import read_recording
from models.signal.errors import SignalError
from models.signal.resampling import resample_down, resampled_count
from models.signal.windows import Block

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from edge_agent.sources.base import SourcePosition, SourceRequest, WantedChannel, WantedContext
    from models.contract.units import Unit
    from models.recordings import Recording

BLOCK_S: Final = 0.25
"""Short enough that an alarm is not late, long enough that Python's part of the work stays small."""
FILE_GAP_S: Final = 1.0
"""Between two files without times of their own."""


class FileOptions(BaseModel):
    """One recording with what its file does not say."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    path: Path = Field(strict=False)
    unit: str | None = None
    sample_rate_hz: float | None = Field(default=None, gt=0.0)
    speed_rpm: float | None = Field(default=None, gt=0.0)
    context: dict[str, float] = Field(default_factory=dict)
    """What the machine was asked to do while this file was recorded, by context channel, such as {load = 40.0}."""
    repeat: int = Field(default=1, ge=1, le=1_000)
    """Played so many times in a row: calm to look at on a screen; never for a figure of detection."""


class Options(BaseModel):
    """The keys of `[machine.source]` with kind = "replay"."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    files: tuple[FileOptions | str, ...] = Field(min_length=1, strict=False)
    """Paths, or tables {path, unit, sample_rate_hz, speed_rpm, context} for files that need more said."""
    loop: bool = False
    """Begin again at the end; for a screen only, never for a number."""
    recorded_times: bool = False
    """Place files by their own start times instead of one after the other."""


@dataclass(frozen=True, slots=True)
class _Stretch:
    """A continuous piece: which segment of which file, and where it lies in the count of samples."""

    file: int
    segment: int
    first_index: int
    samples: int

    @property
    def end_index(self) -> int:
        return self.first_index + self.samples


@dataclass(frozen=True, slots=True)
class _Outline:
    """What is kept of a recording while it is not being played: everything but its samples."""

    path: Path
    sample_rate_hz: float
    word_bytes: int
    speed_rpm: float | None
    start_ns: int | None
    segments: tuple[tuple[float, int], ...]
    """Start in s and samples per channel of each."""


@dataclass(frozen=True, slots=True)
class _Loaded:
    """The recording being played, in the units they are judged in, at the machine's rate."""

    file: int
    outline: _Outline
    pieces: tuple[NDArray[np.float32], ...]
    context: tuple[Mapping[str, NDArray[np.float64]], ...]
    """Of each segment: by context channel, the mean of every `BLOCK_S`."""


@dataclass(frozen=True, slots=True)
class _Layout:
    stretches: tuple[_Stretch, ...]
    end_index: int
    start_ns: int | None


def open_source(request: SourceRequest, options: Options) -> ReplaySource:
    """Return the opened source.

    Raises:
        SourceError: a file is missing or broken, its rate is too low, or a channel is not in it.
    """
    files = tuple(
        FileOptions(path=request.directory / f)
        if isinstance(f, str)
        else f.model_copy(update={"path": request.directory / f.path})
        for f in options.files
    )
    return ReplaySource(request, options, files)


class ReplaySource:
    """Samples of one machine out of recordings."""

    def __init__(
        self,
        request: SourceRequest,
        options: Options,
        files: tuple[FileOptions, ...],
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._request = request
        self._options = options
        self._files = tuple(file for file in files for _ in range(file.repeat))
        self._clock_ns = clock_ns
        self._detail = ""
        self._loaded: _Loaded | None = None
        once = [_outlined(file, request) for file in files]
        recordings = [one for one, file in zip(once, files, strict=True) for _ in range(file.repeat)]
        rates = [recording.sample_rate_hz for recording in recordings]
        wanted = request.sample_rate_hz or min(rates)
        for recording in recordings:
            if wanted > recording.sample_rate_hz * (1.0 + 1e-9):
                raise SourceError(
                    f"{recording.path}: recorded at {recording.sample_rate_hz:g} Hz, machine {request.machine} wants"
                    f" {wanted:g} Hz: recordings are brought down, never up; lower sample_rate_hz of the machine"
                )
        self._layout = _lay_out(recordings, wanted, recorded_times=options.recorded_times)
        self._facts = SourceFacts(
            channels=tuple(channel.name for channel in request.channels),
            sample_rate_hz=wanted,
            word_bytes=recordings[0].word_bytes,
            # Of different rates the lowest counts: savings are rather stated too small than too large.
            raw_rate_hz=min(rates),
            speed_rpm=files[0].speed_rpm or recordings[0].speed_rpm or request.speed_rpm,
            speed_measured=any(one.name == SPEED and one.source_channel for one in request.context),
            context=tuple(
                one.name
                for one in request.context
                if one.source_channel is not None or any(one.name in file.context for file in files)
            ),
        )

    @property
    def facts(self) -> SourceFacts:
        """Return what will come."""
        return self._facts

    @property
    def detail(self) -> str:
        """Return the wall time of sample 0, so that times go on where they were after a restart."""
        return self._detail

    @property
    def duration_s(self) -> float:
        """Return how long the recordings are on the machine's own clock, gaps included."""
        return self._layout.end_index / self._facts.sample_rate_hz

    async def blocks(self, start: SourcePosition) -> AsyncIterator[Block]:
        """Yield blocks from `start.next_index` on, no earlier than their time.

        Raises:
            SourceError: a file has gone or changed since it was opened.
        """
        rate = self._facts.sample_rate_hz
        first_ns = self._first_ns(start.detail)
        self._detail = json.dumps({"first_ns": first_ns})
        period = self._layout.end_index + math.ceil(FILE_GAP_S * rate)
        block_samples = max(1, round(BLOCK_S * rate))
        pace = Pace(first_ns + _ns(start.next_index, rate), self._clock_ns(), self._request.speed)
        turn = start.next_index // period if self._options.loop else 0
        while turn == 0 or self._options.loop:
            for stretch in self._layout.stretches:
                begin = turn * period + stretch.first_index
                end = begin + stretch.samples
                if end <= start.next_index:
                    continue
                samples, speed_rpm, word_bytes = await self._samples(stretch)
                at = max(begin, start.next_index)
                while at < end:
                    until = min(at + block_samples, end)
                    end_ns = first_ns + _ns(until, rate)
                    await pace.wait(end_ns, self._clock_ns)
                    piece = np.ascontiguousarray(samples[:, at - begin : until - begin])
                    said = self._context(stretch, at - begin, until - begin, first_ns + _ns(begin, rate))
                    yield Block(at, start.epoch, piece, end_ns, speed_rpm, word_bytes, said)
                    at = until
            turn += 1

    def _first_ns(self, detail: str) -> int:
        if detail:
            try:
                return int(json.loads(detail)["first_ns"])
            except (ValueError, KeyError, TypeError):
                raise SourceError(
                    f"machine {self._request.machine}: the stored place in the replay is unreadable"
                ) from None
        if self._request.start_ns is not None:
            return self._request.start_ns
        if self._options.recorded_times and self._layout.start_ns is not None:
            return self._layout.start_ns
        return first_sample_ns(self._clock_ns(), self.duration_s, self._request.speed)

    async def _samples(self, stretch: _Stretch) -> tuple[NDArray[np.float32], float | None, int]:
        """Return the samples of one stretch as the machine is judged; the file last used stays in memory."""
        if self._loaded is None or self._loaded.file != stretch.file:
            self._loaded = None
            self._loaded = await asyncio.to_thread(self._load, stretch.file)
        recording, pieces = self._loaded.outline, self._loaded.pieces
        if stretch.segment >= len(pieces) or pieces[stretch.segment].shape[1] < stretch.samples:
            raise SourceError(f"{recording.path}: has changed while it was being replayed; start the agent again")
        speed = self._files[stretch.file].speed_rpm or recording.speed_rpm or self._request.speed_rpm
        return pieces[stretch.segment][:, : stretch.samples], speed, recording.word_bytes

    def _context(self, stretch: _Stretch, first: int, end: int, begin_ns: int) -> tuple[ContextSample, ...]:
        """Return what was said or measured from one sample of a stretch to another; `begin_ns` is its start."""
        if not self._request.context or self._loaded is None:
            return ()
        rate, stated = self._facts.sample_rate_hz, self._files[stretch.file].context
        samples = [
            ContextSample(one.name, begin_ns + _ns(first, rate), stated[one.name])
            for one in self._request.context
            if one.name in stated
        ]
        for name, means in self._loaded.context[stretch.segment].items():
            # On a grid of the stretch's own, so that going on in the middle gives the same samples.
            for number in range(math.ceil(first / rate / BLOCK_S - 0.5), len(means)):
                at_s = (number + 0.5) * BLOCK_S
                if at_s * rate >= end:
                    break
                samples.append(ContextSample(name, begin_ns + round(at_s * 1e9), float(means[number])))
        return tuple(samples)

    def _load(self, number: int) -> _Loaded:
        recording = _read(self._files[number], self._request.machine)
        rows, factors = _channel_rows(recording, self._request.channels)
        outline = _outline(recording)
        pieces = []
        for segment in recording.segments:
            samples = np.empty((len(rows), segment.samples.shape[1]), np.float32)
            for place, (row, factor) in enumerate(zip(rows, factors, strict=True)):
                np.multiply(segment.samples[row], factor, out=samples[place])
            try:
                pieces.append(resample_down(samples, outline.sample_rate_hz, self._facts.sample_rate_hz))
            except SignalError as error:
                raise SourceError(f"{recording.path}: {error}; see sample_rate_hz of the machine") from None
        context = _slow_channels(recording, outline.sample_rate_hz, self._request.context)
        return _Loaded(number, outline, tuple(pieces), context)


def _outlined(file: FileOptions, request: SourceRequest) -> _Outline:
    """Return what a file is, after a look whether the machine's channels are in it."""
    recording = _read(file, request.machine)
    outline = _outline(recording)
    _channel_rows(recording, request.channels)
    _slow_rows(recording, request.context)
    return outline


def _outline(recording: Recording) -> _Outline:
    return _Outline(
        recording.path,
        _rate(recording),
        recording.word_bytes,
        recording.speed_rpm,
        recording.start_ns,
        tuple((segment.start_s, segment.samples.shape[1]) for segment in recording.segments),
    )


def _read(file: FileOptions, machine: str) -> Recording:
    try:
        # The unit a file does not state is the configuration's; asked for here so that the reader need not guess.
        return read_recording(file.path, sample_rate_hz=file.sample_rate_hz, unit=file.unit, speed_rpm=file.speed_rpm)
    except InputError as error:
        raise SourceError(f"machine {machine}: {error}") from error


def _rate(recording: Recording) -> float:
    if recording.sample_rate_hz is None:
        raise SourceError(
            f'{recording.path}: the file does not state its rate; write files = [{{path = "…", sample_rate_hz = …}}]'
        )
    return recording.sample_rate_hz


def _channel_rows(recording: Recording, wanted: Sequence[WantedChannel]) -> tuple[list[int], NDArray[np.float32]]:
    """Return which rows of the recording the machine's channels are, and what brings them into their unit."""
    names = [channel.name for channel in recording.channels]
    rows = []
    factors = []
    for place, channel in enumerate(wanted):
        row = _row(names, channel, place, recording)
        stated = recording.channels[row].unit
        if stated is not None and parse_unit(stated) is not channel.unit:
            raise SourceError(
                f"{recording.path}: channel {names[row]!r} is in {stated}, but {channel.name} is configured with"
                f' unit = "{channel.unit.name}"; correct one of them'
            )
        rows.append(row)
        factors.append(_factor(channel))
    return rows, np.array(factors, np.float32)


def _slow_rows(recording: Recording, wanted: Sequence[WantedContext]) -> dict[str, tuple[int, Unit, Unit]]:
    """Return by context channel its row in the recording, its unit there, and the unit that is wanted."""
    names = [channel.name for channel in recording.channels]
    rows = {}
    for one in wanted:
        if one.source_channel is not None:
            row = _named_row(names, one.source_channel, recording)
            stated = recording.channels[row].unit
            rows[one.name] = (row, one.unit if stated is None else parse_unit(stated), one.unit)
    return rows


def _slow_channels(
    recording: Recording, rate_hz: float, wanted: Sequence[WantedContext]
) -> tuple[Mapping[str, NDArray[np.float64]], ...]:
    """Return for each segment, by context channel, the mean of every `BLOCK_S` in the wanted unit."""
    rows = _slow_rows(recording, wanted)
    found = []
    for segment in recording.segments:
        count = segment.samples.shape[1]
        edges = np.round(np.arange(0.0, count / rate_hz, BLOCK_S) * rate_hz).astype(int)
        edges = edges[edges < count]
        sizes = np.diff(np.append(edges, count))
        means = {}
        for name, (row, stated, unit) in rows.items():
            sums = np.add.reduceat(segment.samples[row].astype(np.float64), edges)
            slope = convert(1.0, stated, unit) - convert(0.0, stated, unit)
            means[name] = sums / sizes * slope + convert(0.0, stated, unit)
        found.append(means)
    return tuple(found)


def _factor(channel: WantedChannel) -> float:
    """Return what brings acceleration into m/s² and sound into Pa; everything else stays as the plant reads it."""
    if channel.is_sound:
        return convert_factor(channel.unit, "Pa")
    return convert_factor(channel.unit, "m/s2") if channel.unit.quantity == "acceleration" else 1.0


def _row(names: list[str], channel: WantedChannel, place: int, recording: Recording) -> int:
    asked = channel.source_channel
    if asked is None:
        if channel.name in names:
            return names.index(channel.name)
        if place < len(names):
            return place
        raise SourceError(f"{recording.path}: has {len(names)} channels, none for {channel.name}; set source_channel")
    return _named_row(names, asked, recording)


def _named_row(names: list[str], asked: str, recording: Recording) -> int:
    if asked in names:
        return names.index(asked)
    # Some sets put the record's number in front of the name, another in every file (X097_DE_time).
    sources = [one.source_name for one in recording.channels]
    ending = [row for row, name in enumerate(sources) if name == asked or name.endswith(asked)]
    if len(ending) == 1:
        return ending[0]
    raise SourceError(f"{recording.path}: has no channel {asked!r}; its channels are {', '.join(names)}")


def _lay_out(recordings: Sequence[_Outline], rate_hz: float, *, recorded_times: bool) -> _Layout:
    """Return where every segment lies in one count of samples that only rises."""
    stretches: list[_Stretch] = []
    end = 0
    first_start_ns = recordings[0].start_ns
    for number, recording in enumerate(recordings):
        if not recording.segments:
            raise SourceError(f"{recording.path}: holds no samples")
        offset = 0 if number == 0 else math.ceil(end / rate_hz + FILE_GAP_S) * rate_hz
        if recorded_times:
            if recording.start_ns is None or first_start_ns is None:
                raise SourceError(f"{recording.path}: states no time; leave out recorded_times")
            offset = (recording.start_ns - first_start_ns) / 1e9 * rate_hz
        origin_s = recording.segments[0][0]
        for place, (start_s, count) in enumerate(recording.segments):
            first = round(offset + (start_s - origin_s) * rate_hz)
            if first < end:
                # Rounding may let two segments touch or overlap by a sample; more is a file that goes back in time.
                if first < end - max(2, round(0.01 * rate_hz)):
                    raise SourceError(f"{recording.path}: goes back in time at segment {place + 1}; sort the files")
                first = end
            samples = resampled_count(count, recording.sample_rate_hz, rate_hz)
            stretches.append(_Stretch(number, place, first, samples))
            end = first + samples
    return _Layout(tuple(stretches), end, first_start_ns)


def _ns(index: int, rate_hz: float) -> int:
    return round(index * 1e9 / rate_hz)
