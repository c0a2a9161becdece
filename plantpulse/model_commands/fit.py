"""`plantpulse models fit`: healthy recordings or tables → a bundle."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict, Field

from models.bundle.archive import read_bundle
from models.bundle.manifest import is_name
from models.contract.errors import InputError
from plantpulse.model_commands.files import add_arguments, is_table, read_files
from plantpulse.model_commands.inspect import described

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from models.recordings.recording import Recording

EXAMPLES: Final = """examples:
  plantpulse models fit healthy.mat --rate 48000 --unit g -o pump.bundle
  plantpulse models fit plant.csv --ignore anomaly,changepoint -o loop.bundle --detector tracking

a configuration (--config), with what is assumed where nothing is said:
  name = "model"            # version = "1.0.0", machine_class = "machine" (a table: "process")
  seed = 1
  window_s = 0.5            # the longest of 1, 0.5, 0.25 s that gives sixty windows
  sample_rate_hz = 12000    # recordings are brought down to it; the lowest of theirs
"""


class FitTable(BaseModel):
    """What a configuration may say."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str | None = None
    version: str = "1.0.0"
    machine_class: str | None = None
    seed: int = Field(default=1, ge=0, lt=2**32)
    window_s: float | None = Field(default=None, gt=0, le=60)
    sample_rate_hz: float | None = Field(default=None, gt=0)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.epilog = EXAMPLES
    parser.add_argument("files", nargs="+", metavar="FILE", type=Path, help="healthy recordings, or tables")
    parser.add_argument("-o", "--output", required=True, metavar="BUNDLE", type=Path, help="where the model goes")
    parser.add_argument(
        "--detector",
        action="append",
        metavar="NAME",
        help="may be given twice; default: mahalanobis and autoencoder for windows, tracking for tables",
    )
    add_arguments(parser)
    parser.add_argument("--config", type=Path, metavar="TOML", help="name, version, window, rate, seed")
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")


def run(arguments: argparse.Namespace) -> int:
    """Fit, write the bundle, and say what is in it."""
    begun_s = time.monotonic()
    settings = _settings(arguments.config)
    recordings = read_files(arguments.files, arguments)
    data = _fit(recordings, arguments, settings)
    _write(arguments.output, data)
    bundle = read_bundle(data)
    if arguments.json:
        print(json.dumps({"bundle": str(arguments.output)} | described(bundle)))
    else:
        took_s = time.monotonic() - begun_s
        print(f"wrote {arguments.output}: {len(data):,} bytes, {bundle.manifest.label}, in {took_s:.1f} s")
    return 0


def _fit(recordings: Sequence[Recording], arguments: argparse.Namespace, settings: FitTable) -> bytes:
    name = settings.name or arguments.output.stem
    for what, text in (("name", name), ("version", settings.version), ("machine_class", settings.machine_class)):
        if text is not None and not is_name(text):
            raise InputError(f"{what} {text!r}: letters, digits and . _ - only, at most 64")
    if is_table(recordings):
        from models.training.fit_rows import RowFit, fit_rows

        detectors = arguments.detector or ["tracking"]
        if len(detectors) > 1:
            raise InputError("--detector: a table is judged by one detector; give one")
        machine_class = settings.machine_class or "process"
        return fit_rows(recordings, RowFit(name, settings.version, machine_class, detectors[0], settings.seed), _tell)
    from models.training.fit_windows import FOR_WINDOWS, WindowFit, fit_windows

    detectors = tuple(dict.fromkeys(arguments.detector or FOR_WINDOWS))
    wanted = WindowFit(
        name,
        settings.version,
        settings.machine_class or "machine",
        detectors,
        settings.window_s,
        settings.sample_rate_hz,
        settings.seed,
    )
    return fit_windows(recordings, wanted, _tell)


def _settings(path: Path | None) -> FitTable:
    if path is None:
        return FitTable()
    from models.contract.strict_toml import parse, read_text

    settings, _ = parse(read_text(path), str(path), FitTable)
    return settings


def _write(path: Path, data: bytes) -> None:
    """Write beside and rename, so that nobody finds half a bundle."""
    beside = path.with_name(path.name + ".part")
    try:
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        raise InputError(f"-o {path}: cannot be written ({error.strerror}); choose another place") from error


def _tell(line: str) -> None:
    print(f"{line} …", file=sys.stderr)
