"""Real machines for the demo: a folder of recordings becomes machines that are replayed in time-lapse.

Which files: those that a `labels.csv` in the folder lists, otherwise every file with a known ending, alphabetically.
Which machines: a file of many snapshots is a run of its own and becomes a machine; single recordings are played one
after the other on one machine, the healthy ones first where `labels.csv` says which those are.

`labels.csv` may give what a nameplate or a logbook would: rate, speed, the bearings' frequencies, and the order of
the story. What is wrong in a file is never read from it.
"""

from __future__ import annotations

import csv
import itertools
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from models.contract.errors import ContractError, InputError
from models.contract.topics import check_id
from models.contract.units import parse_unit
from models.recordings import Channel, Recording, read_recording
from models.recordings.recording import ASSUMED_WORD_BYTES
from plantpulse.demo.story import DemoChannel, DemoMachine, Replay, Story

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

PLAYING_TIME_S: Final = 75.0
"""Wall time that a long run is squeezed into; short recordings are played in real time."""

CALM_S: Final = 75.0
"""Machine time for which short healthy recordings are played again before a faulty one: calm to look at. What is
played again is in no baseline, because learning is over before it begins, and its bytes are stated apart."""

SENT_SHARE: Final = 0.0075
"""Share of the raw bytes that may leave the gateway, everything included; recordings are short, so it is shared out:"""
EVIDENCE_SHARE: Final = 0.001
EVIDENCE_PACKAGES: Final = 4
"""so much for one evidence package, of which a story brings a picture when healthy and one per step of its alarm,"""
BIRTH_BYTES: Final = 8_000
"""births, acknowledgements and the session itself,"""
SUMMARY_BYTES_PER_CHANNEL: Final = 1_100
"""and summaries for what is left (measured per channel, acknowledgement included)."""
MIN_SUMMARIES: Final = 4

_ENDINGS: Final = (".mat", ".npz", ".wav", ".parquet", ".csv", ".csv.gz")
_LABELS: Final = "labels.csv"
_HEALTHY: Final = frozenset({"normal", "healthy", "good", "baseline", "no_fault", "ok"})


class RecordingsError(InputError):
    """A folder that cannot be played; says which file lacks what."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """One file, what its folder's logbook says about it, and what is in it."""

    row: Mapping[str, str]
    recording: Recording

    @property
    def healthy(self) -> bool:
        return self.row.get("label", "").strip().lower() in _HEALTHY

    @property
    def speed_rpm(self) -> float | None:
        return _number(self.row, "rpm_in_file", "speed_rpm", "rpm", "rpm_nominal") or self.recording.speed_rpm

    @property
    def channel_names(self) -> tuple[str, ...]:
        return tuple(channel.name for channel in self.recording.channels)


def recorded_story(folder: Path, seed: int, *, speed: float | None = None, unit: str | None = None) -> Story:
    """Return the machines of a folder of recordings.

    Args:
        folder: with recordings in it; folders in it are not looked into.
        seed: kept for the record.
        speed: data seconds per second; None: so that everything is played in about a minute.
        unit: of all channels where the files do not say.

    Raises:
        RecordingsError: no recordings, or one lacks its rate or its unit.
        RecordingError: a file cannot be read.
    """
    rows = _rows(folder)
    entries = [_Entry(row, _read(folder / row["file"], row, rows, unit)) for row in rows]
    runs = [entry for entry in entries if len(entry.recording.segments) > 1]
    singles = [entry for entry in entries if len(entry.recording.segments) == 1]
    machines = [_run(entry, speed) for entry in runs]
    notes: list[str] = []
    replay: Replay | None = None
    if singles:
        machine, replay, left_out = _series(folder, singles, speed)
        machines.append(machine)
        notes += left_out
    if len({machine.name for machine in machines}) < len(machines):
        raise RecordingsError(f"{folder}: two recordings have the same name; rename one")
    headline = f"{len(entries) - len(notes)} recordings of real machines"
    return Story(seed, tuple(machines), headline, tuple(notes), replay=replay)


def _rows(folder: Path) -> list[dict[str, str]]:
    """Return one row per recording, from `labels.csv` or from the folder's content."""
    try:
        names = sorted(path.name for path in folder.iterdir() if path.is_file())
    except OSError as error:
        raise RecordingsError(f"{folder}: cannot be read ({error.strerror}); give a folder with recordings") from error
    recordings = [name for name in names if name.lower().endswith(_ENDINGS) and name != _LABELS]
    if _LABELS in names:
        try:
            with (folder / _LABELS).open(newline="", encoding="utf-8") as file:
                listed = [row for row in csv.DictReader(file) if row.get("file") in recordings]
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise RecordingsError(f"{folder / _LABELS}: cannot be read ({error}); mend or remove it") from error
        if listed:
            return listed
    if not recordings:
        raise RecordingsError(f"{folder}: no recordings in it; known are {', '.join(_ENDINGS)}")
    return [{"file": name} for name in recordings]


def _read(path: Path, row: Mapping[str, str], rows: Sequence[Mapping[str, str]], unit: str | None) -> Recording:
    stated = unit or row.get("unit") or _unit_of_measures(rows)
    recording = read_recording(path)
    if recording.sample_rate_hz is None:
        rate = _number(row, "fs_hz", "sample_rate_hz", "rate_hz")
        if rate is None:
            raise RecordingsError(f"{path}: does not state its sample rate; put it into a labels.csv (file,fs_hz)")
        recording = read_recording(path, sample_rate_hz=rate)
    if any(channel.unit is None for channel in recording.channels):
        if stated is None:
            raise RecordingsError(f"{path}: does not state its unit; say it with --unit g (or m/s2, mg)")
        parse_unit(stated)
        recording = read_recording(path, sample_rate_hz=recording.sample_rate_hz, unit=stated)
    return recording


def _unit_of_measures(rows: Sequence[Mapping[str, str]]) -> str | None:
    """Return the unit in which a logbook's own measurements are given (a column such as `rms_g`), or None."""
    columns = set(itertools.chain.from_iterable(rows))
    found = {
        match[1] for column in columns if (match := re.fullmatch(r"(?:rms|max|peak)(?:_\w+)?_(g|mg|m_s2)", column))
    }
    return found.pop().replace("m_s2", "m/s2") if len(found) == 1 else None


def _run(entry: _Entry, speed: float | None) -> DemoMachine:
    """Return a machine for a set of snapshots: each snapshot is one window, the pauses are played in time-lapse."""
    recording = entry.recording
    rate = recording.sample_rate_hz or 0.0
    shortest = min(segment.samples.shape[1] for segment in recording.segments)
    duration_s = recording.segments[-1].start_s + shortest / rate
    channels = _channels(recording.channels, entry.channel_names, _bearings([entry]))
    return DemoMachine(
        name=_id(recording.path),
        machine_class="recorded",
        channels=channels,
        source=_replay([entry], speed or max(1.0, duration_s / PLAYING_TIME_S)),
        speed_rpm=entry.speed_rpm,
        sample_rate_hz=rate,
        summary_interval_s=_summary_interval_s([entry], duration_s, len(channels)),
        window_s=shortest / rate,
        overlap=0.0,
        learning_windows=max(8, min(100, len(recording.segments) // 8)),
        evidence={
            "max_bytes": _evidence_bytes([entry], len(channels)),
            "waveform_s": shortest / rate,
            "spectrum_interval_s": round(duration_s / 3.0, 1),
        },
    )


def _series(
    folder: Path, entries: Sequence[_Entry], speed: float | None
) -> tuple[DemoMachine, Replay | None, list[str]]:
    """Return one machine that plays single recordings one after the other, what is played again, what was left out.

    Windows are short (a quarter of a second, three quarters overlapping), because healthy recordings mostly are:
    the baseline is learnt from the first half of the healthy ones, each second of them once. Only then are the healthy
    ones played again, for `CALM_S`. The budget of bytes is that of what was recorded, without what is played again.
    """
    names = _common_channels(entries)
    missing = [sorted(set(names) - set(entry.channel_names)) for entry in entries]
    notes = [
        f"{entry.recording.path.name} is left out: it has no channel {', '.join(lacking)}"
        for entry, lacking in zip(entries, missing, strict=True)
        if lacking
    ]
    playable = [entry for entry, lacking in zip(entries, missing, strict=True) if not lacking]
    playable.sort(key=lambda entry: not entry.healthy)  # stable: otherwise as listed
    healthy = [entry for entry in playable if entry.healthy] or playable[:1]
    window_s, overlap = 0.25, 0.75
    healthy_windows = sum(
        int(((entry.recording.duration_s or 0.0) - window_s) / (window_s * (1.0 - overlap))) + 1 for entry in healthy
    )
    healthy_s = sum((entry.recording.duration_s or 0.0) for entry in healthy)
    repeat = max(1, math.ceil(CALM_S / healthy_s)) if any(entry.healthy for entry in playable) else 1
    duration_s = sum(entry.recording.duration_s or 0.0 for entry in playable) + (repeat - 1) * healthy_s
    channels = _channels(playable[0].recording.channels, names, _bearings(entries))
    machine = DemoMachine(
        name=_id(folder.resolve()),
        machine_class="recorded",
        channels=channels,
        source=_replay(playable, speed or max(1.0, duration_s / PLAYING_TIME_S), repeat_healthy=repeat),
        speed_rpm=playable[0].speed_rpm,
        sample_rate_hz=min(entry.recording.sample_rate_hz or 0.0 for entry in playable),
        summary_interval_s=_summary_interval_s(playable, duration_s, len(channels)),
        window_s=window_s,
        overlap=overlap,
        learning_windows=max(8, healthy_windows * 2 // 3),
        evidence={
            "max_bytes": _evidence_bytes(playable, len(channels)),
            "waveform_s": 0.1,
            "spectrum_interval_s": 3_600.0,
        },
    )
    rate_hz = min(entry.recording.sample_rate_hz or 0.0 for entry in playable)
    once_bytes = round(healthy_s * rate_hz) * len(channels) * ASSUMED_WORD_BYTES
    return machine, Replay(once_bytes, (repeat - 1) * once_bytes) if repeat > 1 else None, notes


def _common_channels(entries: Sequence[_Entry]) -> tuple[str, ...]:
    """Return the channels that more than half of the recordings have, in the order of the first that has them all."""
    counted: dict[str, int] = {}
    for entry in entries:
        for name in entry.channel_names:
            counted[name] = counted.get(name, 0) + 1
    healthy = [entry for entry in entries if entry.healthy]
    reference = set(healthy[0].channel_names) if healthy else set(counted)
    return tuple(name for name, count in counted.items() if count > len(entries) / 2 and name in reference)


def _replay(entries: Sequence[_Entry], speed: float, *, repeat_healthy: int = 1) -> dict[str, object]:
    files = []
    for entry in entries:
        recording = entry.recording
        file: dict[str, object] = {"path": str(recording.path.resolve()), "sample_rate_hz": recording.sample_rate_hz}
        if recording.channels[0].unit is not None:
            file["unit"] = recording.channels[0].unit
        if entry.speed_rpm is not None:
            file["speed_rpm"] = entry.speed_rpm
        if entry.healthy and repeat_healthy > 1:
            file["repeat"] = repeat_healthy
        files.append(file)
    return {"kind": "replay", "speed": round(speed, 3), "files": files}


def _summary_interval_s(entries: Sequence[_Entry], duration_s: float, channels: int) -> float:
    """Return the interval at which everything that is sent stays within `SENT_SHARE` of the raw bytes."""
    left = _raw_bytes(entries, channels) * SENT_SHARE - BIRTH_BYTES
    left -= EVIDENCE_PACKAGES * _evidence_bytes(entries, channels)
    summaries = max(MIN_SUMMARIES, left / (SUMMARY_BYTES_PER_CHANNEL * channels))
    return round(max(1.0, duration_s / summaries), 1)


def _evidence_bytes(entries: Sequence[_Entry], channels: int) -> int:
    """Return what one evidence package may take, between the agent's least and one part on the wire."""
    return int(min(65_536, max(4_096, _raw_bytes(entries, channels) * EVIDENCE_SHARE)))


def _raw_bytes(entries: Sequence[_Entry], channels: int) -> float:
    """Return what the sensors deliver at the common rate; 16 bits a sample however wide the files store them."""
    rate = min(entry.recording.sample_rate_hz or 0.0 for entry in entries)
    return sum(entry.recording.duration_s or 0.0 for entry in entries) * rate * channels * ASSUMED_WORD_BYTES


def _channels(
    available: Sequence[Channel], names: Sequence[str], bearings: Mapping[str, tuple[float, float, float, float]]
) -> tuple[DemoChannel, ...]:
    units = {channel.name: channel.unit or "" for channel in available}
    channels = []
    for name in names:
        point, _dot, axis = name.partition(".")
        full_name = f"{point}.{axis or '1'}"
        orders = bearings.get(point.upper(), bearings.get(""))
        channels.append(DemoChannel(full_name, units[name], source_channel=name, bearing_orders=orders))
    return tuple(channels)


def _bearings(entries: Sequence[_Entry]) -> dict[str, tuple[float, float, float, float]]:
    """Return the fault orders of the bearings by measurement point (its initials), or under "" where there is one.

    From the frequencies and the speed that the logbook states. The rest of the geometry follows: the outer and the
    inner race are passed by all balls together as often as there are balls, and the contact angle is taken as zero.
    """
    found: dict[str, tuple[float, float, float, float]] = {}
    for entry in entries:
        outer_hz, inner_hz = _number(entry.row, "bpfo_hz"), _number(entry.row, "bpfi_hz")
        speed_rpm = _number(entry.row, "rpm_in_file", "rpm_nominal", "rpm")
        if outer_hz is None or inner_hz is None or speed_rpm is None:
            continue
        outer, inner = outer_hz * 60.0 / speed_rpm, inner_hz * 60.0 / speed_rpm
        cage = outer / round(outer + inner)
        ratio = 1.0 - 2.0 * cage
        ball_spin = (1.0 - ratio**2) / (2.0 * ratio)
        place = "".join(word[0] for word in re.findall(r"[a-z]+", entry.row.get("faulty_bearing", "").lower())).upper()
        orders = (round(outer, 4), round(inner, 4), round(ball_spin, 4), round(cage, 5))
        if place or "faulty_bearing" not in entry.row:
            found.setdefault(place, orders)
    return found


def _number(row: Mapping[str, str], *columns: str) -> float | None:
    """Return the first of some columns that holds a positive number."""
    for column in columns:
        try:
            value = float(row.get(column) or "nan")
        except ValueError:
            continue
        if value > 0.0:
            return value
    return None


def _id(path: Path) -> str:
    """Return a file's or folder's name as an id that Sparkplug allows."""
    name = path.name.split(".")[0] or "machine"
    try:
        return check_id(name)
    except ContractError:
        return re.sub(r"[^A-Za-z0-9_-]", "-", name)
