"""Read a recording: check what was asked, check the file, let the reader for its ending read, put it together.

One row of `READERS` per ending; an unknown ending is read as delimited text, because rigs write files named after
the time (`2004.02.12.10.32.39`). What a person states (rate, unit, speed) wins over what the file states.
"""

from __future__ import annotations

import importlib
import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from models.contract.units import parse_unit
from models.recordings.recording import Channel, Recording, RecordingError, Segment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.recordings.contents import Contents, Series

MAX_FILE_BYTES: Final = 1 << 30
"""A recording beyond 1 GiB does not fit the memory of the machines this runs on once it is unpacked."""

MAX_RATE_HZ: Final = 10_000_000.0
"""Ten times the fastest acoustic emission recorder; beyond it the number is a mistake (kHz for Hz, a count)."""

MAX_SPEED_RPM: Final = 1_000_000.0
"""Beyond the fastest turbochargers and dental turbines."""


class Reader(NamedTuple):
    """One row: the ending, and the module whose `read(path) -> Contents` reads it."""

    ending: str
    module: str


READERS: Final = (
    Reader(".mat", "models.recordings.matlab"),
    Reader(".npz", "models.recordings.numpy_archive"),
    Reader(".wav", "models.recordings.audio"),
    Reader(".parquet", "models.recordings.parquet"),
    Reader(".csv", "models.recordings.delimited"),
    Reader(".csv.gz", "models.recordings.delimited"),
    Reader(".txt", "models.recordings.delimited"),
    Reader(".txt.gz", "models.recordings.delimited"),
    Reader(".tsv", "models.recordings.delimited"),
)

_TEXT: Final = "models.recordings.delimited"


def read_recording(
    path: str | Path,
    *,
    channel: str | Sequence[str] | None = None,
    sample_rate_hz: float | None = None,
    unit: str | None = None,
    speed_rpm: float | None = None,
) -> Recording:
    """Return the recording in a file, samples in its own unit.

    Args:
        path: .mat (version 5), .npz, .wav, .parquet, .csv or other delimited text, also gzipped.
        channel: one name or several, as listed by `Recording.channels` or as the file calls them; None: all.
        sample_rate_hz: wins over the file; needed where the file does not say.
        unit: of all channels (`g`, `m/s2`, `mm/s`, …); wins over the file.
        speed_rpm: shaft speed; wins over the file.

    Returns:
        Channels and float32 segments. NaN and constant samples are left as they are: `models.signal.quality`
        judges them.

    Raises:
        RecordingError: file missing, unreadable, truncated or of no use; channel not there; lengths differ;
            absurd rate or speed.
        UnitError: unknown unit.
    """
    path = Path(path)
    _check_number("sample rate", sample_rate_hz, MAX_RATE_HZ, "Hz")
    _check_number("speed", speed_rpm, MAX_SPEED_RPM, "rpm")
    unit = None if unit is None else parse_unit(unit).name
    _check_file(path)
    contents: Contents = importlib.import_module(_module_for(path)).read(path)
    wanted = [channel] if isinstance(channel, str) else channel
    series = contents.series if wanted is None else [_find(path, contents.series, name) for name in wanted]
    recording = _assemble(path, contents, series)
    if sample_rate_hz is None:
        _check_number(f"{path}: the file's sample rate", recording.sample_rate_hz, MAX_RATE_HZ, "Hz")
    channels = recording.channels if unit is None else tuple(replace(one, unit=unit) for one in recording.channels)
    return replace(
        recording,
        channels=channels,
        sample_rate_hz=recording.sample_rate_hz if sample_rate_hz is None else float(sample_rate_hz),
        speed_rpm=recording.speed_rpm if speed_rpm is None else float(speed_rpm),
    )


def _module_for(path: Path) -> str:
    name = path.name.lower()
    return next((reader.module for reader in READERS if name.endswith(reader.ending)), _TEXT)


def _check_number(what: str, value: float | None, largest: float, unit: str) -> None:
    if value is not None and not (math.isfinite(value) and 0 < value <= largest):
        raise RecordingError(
            f"{what} of {value:g} {unit} cannot be: give a number above 0 and up to {largest:g} {unit}"
        )


def _check_file(path: Path) -> None:
    try:
        size = path.stat().st_size
        if path.is_dir():
            raise RecordingError(f"{path}: is a folder: name one file in it")
        with path.open("rb") as file:
            file.read(1)
    except FileNotFoundError:
        raise RecordingError(f"{path}: no such file: check the path") from None
    except OSError as error:
        raise RecordingError(f"{path}: cannot be read ({error.strerror or error}): check its permissions") from error
    if size == 0:
        raise RecordingError(f"{path}: is empty: copy it again from where it was recorded")
    if size > MAX_FILE_BYTES:
        raise RecordingError(
            f"{path}: {size / 2**30:.1f} GiB are more than {MAX_FILE_BYTES / 2**30:.0f} GiB: split the recording"
        )


def _find(path: Path, series: Sequence[Series], name: str) -> Series:
    """Return the series of one name; the exact name first, then the file's own, then without regard to case."""
    for matches in (
        [one for one in series if one.name == name],
        [one for one in series if one.source_name == name],
        [one for one in series if name.lower() in (one.name.lower(), one.source_name.lower())],
    ):
        if len(matches) == 1:
            return matches[0]
    raise RecordingError(f"{path}: has no channel {name!r}: it has {_listed([one.name for one in series])}")


def _listed(names: Sequence[str], most: int = 20) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _assemble(path: Path, contents: Contents, series: Sequence[Series]) -> Recording:
    lengths = {one.name: int(one.values.shape[-1]) for one in series}
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{name} {length}" for name, length in list(lengths.items())[:12])
        raise RecordingError(
            f"{path}: channels differ in length ({listed}): choose one, e.g. --channel {series[0].name}"
        )
    if min(lengths.values()) == 0:
        raise RecordingError(f"{path}: holds no samples")
    starts = contents.segment_start_s or (0.0,)
    sets = np.empty((len(starts), len(series), series[0].values.shape[-1]), np.float32)
    # What float32 cannot hold becomes infinite, and is flagged as not finite where samples are judged.
    with np.errstate(over="ignore", invalid="ignore"):
        for column, one in enumerate(series):
            sets[:, column] = one.values
    segments = tuple(Segment(start, samples) for start, samples in zip(starts, sets, strict=True))
    return Recording(
        path=path,
        channels=tuple(Channel(one.name, one.unit, one.source_name) for one in series),
        sample_rate_hz=contents.sample_rate_hz,
        segments=segments,
        speed_rpm=contents.speed_rpm,
        start_ns=contents.start_ns,
        word_bytes=contents.word_bytes,
        notes=contents.notes,
        times_s=contents.times_s,
    )
