"""What a recording is compared with: a recording of the healthy machine, or the bundle that was fitted on some."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from models.bundle.archive import FINGERPRINT
from models.contract.units import is_sound
from models.diagnosis.fingerprint import Fingerprint, FingerprintError, fingerprint
from models.recordings.reading import read_recording
from plantpulse.analysis import AnalysisError, choose_stretch
from plantpulse.model_commands.inspect import read_file

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from models.diagnosis.gear_faults import Gear
    from plantpulse.analysis import Stretch


def read_baseline(arguments: argparse.Namespace, stretch: Stretch, gears: Sequence[Gear]) -> Fingerprint:
    """Return the healthy fingerprint in the order of the stretch's channels; channels are matched by name.

    Raises:
        AnalysisError: it cannot be compared with this recording.
        RecordingError: it cannot be read.
    """
    path = Path(arguments.baseline)
    if path.suffix.lower() != ".npz" and path.is_file() and zipfile.is_zipfile(path):
        return _of_bundle(path, stretch)
    recording = read_recording(
        path,
        channel=arguments.channel,
        sample_rate_hz=arguments.baseline_rate or arguments.rate,
        unit=arguments.unit,
    )
    healthy = choose_stretch(recording)
    if healthy.unit_known != stretch.unit_known:
        raise AnalysisError(f"{path}: the unit of the recording and of its baseline must both be known: give --unit")
    rows = _rows(path, healthy.names, healthy.is_sound, stretch)
    speed = recording.speed_rpm if recording.speed_rpm is not None else stretch.recording.speed_rpm
    clean = np.nan_to_num(healthy.samples)
    return fingerprint(clean, healthy.sample_rate_hz, speed, gears=gears).select(rows)


def _of_bundle(path: Path, stretch: Stretch) -> Fingerprint:
    bundle = read_file(path)
    if FINGERPRINT not in bundle.parts:
        raise AnalysisError(
            f"{path}: this bundle does not hold how the healthy machine sounds: give a recording of it, or fit the"
            " bundle anew on recordings with their unit stated"
        )
    if not stretch.unit_known:
        raise AnalysisError(f"{path}: the unit of the recording and of its baseline must both be known: give --unit")
    try:
        healthy = Fingerprint.from_bytes(bundle.parts[FINGERPRINT])
    except FingerprintError as error:
        raise AnalysisError(f"{path}: {error}") from None
    channels = bundle.manifest.channels
    hears = tuple(channel.unit is not None and is_sound(channel.unit) for channel in channels)
    return healthy.select(_rows(path, tuple(channel.name for channel in channels), hears, stretch))


def _rows(path: Path, names: tuple[str, ...], hears: tuple[bool, ...], stretch: Stretch) -> list[int | None]:
    """Return of each channel of the stretch the row of the baseline; None where it has none."""
    rows = [names.index(name) if name in names else None for name in stretch.names]
    if len(rows) == 1 and len(names) == 1:
        rows = [0]
    for name, row, sound in zip(stretch.names, rows, stretch.is_sound, strict=True):
        if row is not None and hears[row] != sound:
            raise AnalysisError(f"{path}: {name} is a sound in one recording and a vibration in the other")
    if not any(row is not None for row in rows):
        raise AnalysisError(
            f"{path}: its channels ({', '.join(names)}) are not those of the recording "
            f"({', '.join(stretch.names)}): compare recordings of the same points"
        )
    return rows
