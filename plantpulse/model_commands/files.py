"""Recordings and tables as `models fit` and `models score` take them: which columns, which rate, which unit."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from models.contract.errors import InputError
from models.recordings.reading import read_recording
from models.recordings.recording import Segment

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from pathlib import Path

    from models.recordings.recording import Recording

SLOWEST_HZ: Final = 50.0
"""Below it there is no vibration to be judged: rows of a table."""
LABEL: Final = re.compile(
    r"(is_?)?(label|labels|anomaly|anomalies|anomalous|changepoint|class|target|fault|faulty|failure|outlier|y)",
    re.IGNORECASE,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what says how files are read."""
    parser.add_argument("--columns", metavar="A,B", help="use these channels or columns and no others")
    parser.add_argument("--ignore", metavar="C,D", help="leave these out")
    parser.add_argument("--rate", type=float, metavar="HZ", help="sampling rate, where the files do not state it")
    parser.add_argument("--unit", metavar="UNIT", help="of all channels (g, m/s2, mm/s, Pa), where it is not stated")


def read_files(
    paths: Sequence[Path], arguments: argparse.Namespace, columns: Sequence[str] | None = None
) -> list[Recording]:
    """Return the recordings in files with the wanted channels, vibration in SI units where units are stated.

    Args:
        paths: of the files.
        arguments: of the command line.
        columns: what is wanted where the person did not say; None: all.

    Raises:
        InputError: a file cannot be read, a column is not there, or looks like a label and was not named.
    """
    return [_read(path, arguments, columns) for path in paths]


def is_table(recordings: Sequence[Recording]) -> bool:
    """Return whether these are rows of slow columns and not windows of fast channels.

    Raises:
        InputError: some are and some are not.
    """
    slow = [one for one in recordings if one.sample_rate_hz is None or one.sample_rate_hz < SLOWEST_HZ]
    if slow and len(slow) < len(recordings):
        fast = next(one for one in recordings if one not in slow)
        raise InputError(f"{slow[0].path}: is a slow table, {fast.path} a fast recording: fit them apart")
    unstated = next((one for one in slow if one.sample_rate_hz is None and one.path.suffix in (".mat", ".wav")), None)
    if unstated is not None:
        raise InputError(f"{unstated.path}: the sampling rate is not stated: give it with --rate HZ")
    return bool(slow)


def _read(path: Path, arguments: argparse.Namespace, columns: Sequence[str] | None) -> Recording:
    wanted = columns if arguments.columns is None else [name.strip() for name in arguments.columns.split(",")]
    recording = read_recording(path, channel=wanted, sample_rate_hz=arguments.rate, unit=arguments.unit)
    names = [one.name for one in recording.channels]
    sources = [one.source_name for one in recording.channels]
    ignored = [] if arguments.ignore is None else [name.strip() for name in arguments.ignore.split(",")]
    for name in ignored:
        if name not in names and name not in sources:
            raise InputError(f"{path}: --ignore {name}: no such column; there are {', '.join(names)}")
    kept = [row for row, pair in enumerate(zip(names, sources, strict=True)) if not set(pair) & set(ignored)]
    labels = [] if wanted is not None else [names[row] for row in kept if LABEL.fullmatch(names[row])]
    if labels:
        raise InputError(
            f"{path}: column {labels[0]} looks like a label, and a model must not learn from it: leave it out with"
            f" --ignore {','.join(labels)}, or name the columns to use with --columns"
        )
    if not kept:
        raise InputError(f"{path}: no column is left; there are {', '.join(names)}")
    segments = tuple(Segment(one.start_s, one.samples[kept]) for one in recording.segments)
    chosen = replace(recording, channels=tuple(recording.channels[row] for row in kept), segments=segments)
    return chosen.in_si() if all(channel.unit is not None for channel in chosen.channels) else chosen
