"""`plantpulse analyze`: what an analyst would say about one recording.

In order: read the file and, if given, the baseline; bring vibration to m/s²; choose the stretch to look at; compute
the features and the diagnosis; write one JSON document, or what a person reads at a terminal (`analysis_view.py`),
and if asked a picture (`plotting.py`).
"""

from __future__ import annotations

import json
import math
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from models.contract.errors import InputError
from models.contract.units import parse_unit
from models.diagnosis.bearings import Bearing, find_bearing
from models.diagnosis.diagnose import BearingAt, Fingerprint, Report, diagnose, fingerprint
from models.diagnosis.iso20816 import zone
from models.diagnosis.report import point_of
from models.recordings.reading import read_recording
from models.signal.bands import SHORTEST_WINDOW
from models.signal.errors import SignalError
from models.signal.features import FeatureExtractor
from models.signal.fourier import irfft, prev_fast_len, rfft
from models.signal.integration import displacement, velocity

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from models.diagnosis.report import ChannelReport
    from models.recordings.recording import Channel, Recording

VIBRATION: Final = frozenset({"acceleration", "velocity"})
SLOWEST_HZ: Final = 50.0
"""Half of it must hold the slowest shafts of ISO 20816-3 with a few harmonics."""
EXAMPLES: Final = """examples:
  plantpulse analyze pump.wav --unit g --rpm 1480 --bearing 6205
  plantpulse analyze 105.mat --rate 12000 --unit g --bearing 6205@DE 6203@FE --baseline 97.mat --baseline-rate 48000
  plantpulse analyze trend.csv --unit m/s2 --machine-group 2 --support rigid --json"""


class AnalysisError(InputError):
    """A recording that was read, but cannot be analysed as asked."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """The samples that are looked at.

    Attributes:
        recording: where they come from.
        channels: of vibration, in the order of the rows.
        samples: acceleration in m/s² (channels, samples), float32; in the file's own numbers if the unit is unknown.
        sample_rate_hz: of all channels.
        unit_known: whether `samples` really are m/s².
        notes: what a person should know about the choice.
    """

    recording: Recording
    channels: tuple[Channel, ...]
    samples: NDArray[np.float32]
    sample_rate_hz: float
    unit_known: bool
    notes: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Return the channels' names."""
        return tuple(channel.name for channel in self.channels)

    @property
    def duration_s(self) -> float:
        """Return the seconds that are looked at."""
        return float(self.samples.shape[1]) / self.sample_rate_hz


@dataclass(frozen=True, slots=True)
class Analysis:
    """Everything that is known about a stretch: features as {name: (value | None, unit | None)} per channel."""

    stretch: Stretch
    features: tuple[dict[str, tuple[float | None, str | None]], ...]
    report: Report
    baseline: Fingerprint | None


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `plantpulse analyze`."""
    parser.epilog = EXAMPLES
    parser.add_argument("file", nargs="?", metavar="FILE", help=".mat, .csv(.gz), .wav, .npz or .parquet")
    parser.add_argument("--channel", action="append", metavar="NAME", help="only this channel; may be repeated")
    parser.add_argument("--rate", type=float, metavar="HZ", help="sampling rate, where the file does not say")
    parser.add_argument("--unit", metavar="UNIT", help="of the samples: g, m/s2, mm/s …, where the file does not say")
    parser.add_argument("--rpm", type=float, metavar="N", help="shaft speed in turns per minute")
    parser.add_argument(
        "--bearing",
        action="extend",
        nargs="+",
        default=[],
        metavar="NAME[@POINT]",
        help="from the library, or balls=9,ball=7.94,pitch=39.04,angle=0, at a measurement point; several may be given",
    )
    parser.add_argument(
        "--bearing-orders", metavar="BPFO,BPFI,BSF,FTF", help="orders per shaft turn; BSF is the spin of one ball"
    )
    parser.add_argument("--machine-group", type=int, metavar="N", help="1 or 2 of ISO 20816-3; needs --support")
    parser.add_argument("--support", metavar="rigid|flexible", help="how the machine stands; needs --machine-group")
    parser.add_argument("--baseline", metavar="FILE", help="a recording of the same machine when it was healthy")
    parser.add_argument("--baseline-rate", type=float, metavar="HZ", help="its sampling rate, where it is another one")
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")
    parser.add_argument("--plot", metavar="PNG", help="write waveform, spectrum and envelope with the fault lines")


def run(arguments: argparse.Namespace) -> int:
    """Analyse one recording; 0 whatever the verdict is."""
    path = _file_of(arguments)
    _check_zone(arguments)
    bearings = _bearings(arguments)
    recording = read_recording(
        path, channel=arguments.channel, sample_rate_hz=arguments.rate, unit=arguments.unit, speed_rpm=arguments.rpm
    )
    stretch = choose_stretch(recording)
    _check_points(bearings, stretch)
    baseline = None if arguments.baseline is None else _baseline(arguments, stretch)
    analysis = analyse(
        stretch, bearings, baseline=baseline, machine_group=arguments.machine_group, support=arguments.support
    )
    if arguments.plot is not None:
        from plantpulse.plotting import plot_analysis

        plot_analysis(analysis, Path(arguments.plot), [at.bearing for at in bearings])
    if arguments.json:
        for note in stretch.notes:
            print(f"plantpulse analyze: note: {note}", file=sys.stderr)
        print(json.dumps(document(analysis), allow_nan=False, ensure_ascii=False))
    else:
        from plantpulse.analysis_view import show

        show(analysis)
    return 0


def analyse(
    stretch: Stretch,
    bearings: Sequence[BearingAt],
    *,
    baseline: Fingerprint | None = None,
    machine_group: int | None = None,
    support: str | None = None,
) -> Analysis:
    """Return features and diagnosis of a stretch."""
    report = diagnose(
        stretch.samples,
        stretch.sample_rate_hz,
        stretch.names,
        speed_rpm=stretch.recording.speed_rpm,
        bearings=bearings,
        baseline=baseline,
        machine_group=machine_group,
        support=support,
        levels_known=stretch.unit_known,
    )
    return Analysis(stretch, _features(stretch), report, baseline)


def choose_stretch(recording: Recording) -> Stretch:
    """Return the longest uninterrupted stretch of the vibration channels, the last of equally long ones.

    Raises:
        AnalysisError: no rate, no channel of vibration, or a stretch too short for a spectrum.
    """
    rate = recording.sample_rate_hz
    if rate is None:
        raise AnalysisError(f"{recording.path}: the sampling rate is not stated: give it with --rate HZ")
    if rate < SLOWEST_HZ:
        raise AnalysisError(
            f"{recording.path}: {rate:g} samples a second are too slow for vibration (at least {SLOWEST_HZ:g}): "
            "slow process data belong to plantpulse models fit"
        )
    units = [None if channel.unit is None else parse_unit(channel.unit) for channel in recording.channels]
    rows = [row for row, unit in enumerate(units) if unit is None or unit.quantity in VIBRATION]
    if not rows:
        raise AnalysisError(
            f"{recording.path}: no channel is acceleration or velocity: choose one with --channel, --unit"
        )
    notes = list(recording.notes)
    left_out = [channel.name for row, channel in enumerate(recording.channels) if row not in rows]
    if left_out:
        notes.append(f"left out, not vibration: {', '.join(left_out)}")
    segments = recording.segments
    segment = max(reversed(segments), key=lambda one: one.samples.shape[1])
    if len(segments) > 1:
        notes.append(
            f"{len(segments)} stretches with pauses; the one at {segment.start_s:g} s is analysed "
            f"({segment.samples.shape[1] / rate:g} s, the last of the longest)"
        )
    if segment.samples.shape[1] < SHORTEST_WINDOW:
        raise AnalysisError(
            f"{recording.path}: {segment.samples.shape[1]} samples are too few for a spectrum: give {SHORTEST_WINDOW}"
        )
    unit_known = all(units[row] is not None for row in rows)
    if not unit_known:
        notes.append("the unit is not stated (--unit g, m/s2 or mm/s): levels, velocity and zones are not judged")
    samples = segment.samples[rows]
    for index, row in enumerate(rows):
        samples[index] = _as_acceleration(samples[index], units[row], rate)
    channels = tuple(recording.channels[row] for row in rows)
    return Stretch(recording, channels, samples, rate, unit_known, tuple(notes))


def document(analysis: Analysis) -> dict[str, Any]:
    """Return what `--json` prints; the keys are a promise to other programs."""
    report, stretch = analysis.report, analysis.stretch
    speed = {"stated": report.speed.stated, "estimated": report.speed.estimated, "used": report.speed.used}
    return {
        "channels": [
            {
                "name": one.name,
                "unit": channel.unit,
                "rate_hz": stretch.sample_rate_hz,
                "duration_s": round(stretch.duration_s, 6),
                "quality": [str(cause) for cause in one.causes],
                "speed_rpm": {name: _rounded(value, 2) for name, value in speed.items()},
                "features": {name: {"value": value, "unit": unit} for name, (value, unit) in features.items()},
                "diagnosis": {
                    "label": str(one.diagnosis.label),
                    "confidence": one.diagnosis.confidence,
                    "sentence": one.diagnosis.sentence,
                    "next_step": one.diagnosis.next_step,
                    "evidence": _evidence(one),
                },
                "iso20816": None
                if one.zone is None
                else {
                    "zone": one.zone.letter,
                    "velocity_rms_mm_s": round(one.zone.velocity_rms_mm_s, 4),
                    "table": one.zone.table,
                },
            }
            for one, channel, features in zip(report.channels, stretch.channels, analysis.features, strict=True)
        ],
        "verdict": {
            "label": str(report.verdict.label),
            "channel": report.verdict.channel,
            "confidence": report.verdict.confidence,
            "sentence": report.verdict.sentence,
        },
    }


def _evidence(report: ChannelReport) -> list[dict[str, Any]]:
    return [
        {
            "line": line.line,
            "order": round(line.order, 4),
            "expected_hz": round(line.expected_hz, 3),
            "found_hz": _rounded(line.found_hz, 3),
            "snr_db": line.snr_db,
        }
        for line in report.diagnosis.evidence
    ]


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None or not math.isfinite(value) else round(value, digits)


def _features(stretch: Stretch) -> tuple[dict[str, tuple[float | None, str | None]], ...]:
    length = prev_fast_len(stretch.samples.shape[1])
    extract = FeatureExtractor(stretch.sample_rate_hz, length)
    values = extract(np.ascontiguousarray(stretch.samples[:, :length]))
    features: tuple[dict[str, tuple[float | None, str | None]], ...] = tuple(
        {
            name: _feature(float(value), unit, unit_known=stretch.unit_known)
            for name, unit, value in zip(extract.names, extract.units, row, strict=True)
        }
        for row in values
    )
    if stretch.unit_known:
        for row_features, peak, swing in zip(features, *_motion(stretch), strict=True):
            row_features["velocity_peak"] = _feature(peak, "mm/s", unit_known=True)
            row_features["displacement_peak_to_peak"] = _feature(swing, "µm", unit_known=True)
    return features


def _motion(stretch: Stretch) -> tuple[list[float], list[float]]:
    """Return peak velocity in mm/s and peak-to-peak displacement in µm, per channel; NaN where it cannot be told."""
    unknown = [math.nan] * len(stretch.channels)
    try:
        moving = velocity(stretch.samples, stretch.sample_rate_hz)
        moved = displacement(stretch.samples, stretch.sample_rate_hz)
    except SignalError:
        # A record too short for 10 Hz, or samples that are no numbers: the other features still stand.
        return unknown, unknown
    return moving.peak.tolist(), moved.peak_to_peak.tolist()


def _feature(value: float, unit: str, *, unit_known: bool) -> tuple[float | None, str | None]:
    """Return a feature with its unit; a velocity cannot be computed from samples of an unknown unit."""
    if not math.isfinite(value) or (not unit_known and unit == "mm/s"):
        return None, unit
    return float(f"{value:.6g}"), unit if unit_known or unit == "1" else None


def _as_acceleration(samples: NDArray[np.float32], unit: Any, rate_hz: float) -> NDArray[np.float32]:
    """Return samples as m/s²; velocity is differentiated in the spectrum."""
    if unit is None:
        return samples
    scaled = samples * np.float32(unit.to_si)
    if unit.quantity == "acceleration":
        return scaled
    spectrum = rfft(np.nan_to_num(scaled.astype(np.float64)))
    spectrum *= 2j * np.pi * np.fft.rfftfreq(samples.size, 1 / rate_hz)
    acceleration = irfft(spectrum, samples.size).astype(np.float32)
    acceleration[~np.isfinite(scaled)] = np.nan
    return acceleration


def _file_of(arguments: argparse.Namespace) -> str:
    """Return FILE, also where it stands behind a list of bearings and was taken for one."""
    if arguments.file is not None:
        return str(arguments.file)
    if len(arguments.bearing) > 1 and Path(arguments.bearing[-1]).exists():
        return str(arguments.bearing.pop())
    raise AnalysisError("no file given: plantpulse analyze FILE")


def _check_zone(arguments: argparse.Namespace) -> None:
    if (arguments.machine_group is None) != (arguments.support is None):
        raise AnalysisError("a zone of ISO 20816-3 needs both: --machine-group 1|2 and --support rigid|flexible")
    if arguments.machine_group is not None:
        zone(0.0, arguments.machine_group, arguments.support)


def _bearings(arguments: argparse.Namespace) -> list[BearingAt]:
    bearings = []
    for text in arguments.bearing:
        name, _, point = text.partition("@")
        bearings.append(BearingAt(find_bearing(name), point or None))
    if arguments.bearing_orders is not None:
        words = arguments.bearing_orders.split(",")
        try:
            orders = [float(word) for word in words]
        except ValueError:
            orders = []
        if len(orders) != 4:
            raise AnalysisError(
                f"--bearing-orders {arguments.bearing_orders}: give four numbers BPFO,BPFI,BSF,FTF per shaft turn"
            )
        bearings.append(BearingAt(Bearing("given orders", *orders)))
    return bearings


def _check_points(bearings: Sequence[BearingAt], stretch: Stretch) -> None:
    points = list(dict.fromkeys([*stretch.names, *(point_of(name) for name in stretch.names)]))
    for at in bearings:
        if at.point is not None and at.point not in points:
            raise AnalysisError(f"bearing {at.bearing.name}@{at.point}: no such point; there are {', '.join(points)}")


def _baseline(arguments: argparse.Namespace, stretch: Stretch) -> Fingerprint:
    """Return the healthy fingerprint in the order of the stretch's channels; channels are matched by name."""
    path = Path(arguments.baseline)
    if path.suffix.lower() != ".npz" and path.is_file() and zipfile.is_zipfile(path):
        raise AnalysisError(f"{path}: a bundle cannot be a baseline yet: give a recording of the healthy machine")
    recording = read_recording(
        path,
        channel=arguments.channel,
        sample_rate_hz=arguments.baseline_rate or arguments.rate,
        unit=arguments.unit,
    )
    healthy = choose_stretch(recording)
    if healthy.unit_known != stretch.unit_known:
        raise AnalysisError(f"{path}: the unit of the recording and of its baseline must both be known: give --unit")
    rows = [healthy.names.index(name) if name in healthy.names else None for name in stretch.names]
    if len(rows) == 1 and len(healthy.names) == 1:
        rows = [0]
    if not any(row is not None for row in rows):
        raise AnalysisError(
            f"{path}: its channels ({', '.join(healthy.names)}) are not those of the recording "
            f"({', '.join(stretch.names)}): compare recordings of the same points"
        )
    speed = recording.speed_rpm if recording.speed_rpm is not None else stretch.recording.speed_rpm
    clean = np.nan_to_num(healthy.samples)
    return fingerprint(clean, healthy.sample_rate_hz, speed).select(rows)
