"""`plantpulse analyze`: what an analyst would say about one recording.

In order: read the file and, if given, the baseline; choose the stretch and analyse it (`analysis.py`); write one JSON
document, or what a person reads at a terminal (`analysis_view.py`), and if asked a picture (`plotting.py`).
"""

from __future__ import annotations

import json
import math
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from models.diagnosis.bearings import Bearing, find_bearing
from models.diagnosis.diagnose import BearingAt
from models.diagnosis.gear_faults import Gear
from models.diagnosis.iso20816 import zone
from models.diagnosis.report import point_of
from models.recordings.reading import read_recording
from plantpulse.analysis import AnalysisError, Stretch, analyse, choose_stretch, without_mains
from plantpulse.baseline import read_baseline

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from models.diagnosis.report import ChannelReport
    from models.signal.tacho import ShaftAngle
    from plantpulse.analysis import Analysis

EXAMPLES: Final = """examples:
  plantpulse analyze pump.wav --unit g --rpm 1480 --bearing 6205
  plantpulse analyze 105.mat --rate 12000 --unit g --bearing 6205@DE 6203@FE --baseline 97.mat --baseline-rate 48000
  plantpulse analyze trend.csv --unit m/s2 --machine-group 2 --support rigid --json
  plantpulse analyze mic.wav --unit Pa --rpm 1480 --bearing 6205
  plantpulse analyze run-up.npz --unit g --tacho KEY --gear 57@20/57 --plot page-1.png --deep page-2.png"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `plantpulse analyze`."""
    parser.epilog = EXAMPLES
    parser.add_argument("file", nargs="?", metavar="FILE", help=".mat, .csv(.gz), .wav, .npz or .parquet")
    parser.add_argument("--channel", action="append", metavar="NAME", help="only this channel; may be repeated")
    parser.add_argument("--rate", type=float, metavar="HZ", help="sampling rate, where the file does not say")
    parser.add_argument(
        "--unit", metavar="UNIT", help="of the samples: g, m/s2, mm/s, Pa (sound) …, if the file does not say"
    )
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
    parser.add_argument(
        "--gear",
        action="append",
        default=[],
        metavar="TEETH[@ORDER]",
        help="a toothed wheel and its turns per turn of the shaft, which may be a ratio (57@20/57); may be repeated",
    )
    parser.add_argument("--machine-group", type=int, metavar="N", help="1 or 2 of ISO 20816-3; needs --support")
    parser.add_argument("--support", metavar="rigid|flexible", help="how the machine stands; needs --machine-group")
    parser.add_argument(
        "--baseline",
        metavar="FILE|BUNDLE",
        help="a recording of the same machine when it was healthy, or the bundle that was fitted on some",
    )
    parser.add_argument("--baseline-rate", type=float, metavar="HZ", help="its sampling rate, where it is another one")
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")
    parser.add_argument(
        "--tacho", metavar="NAME", help="channel with the pulses of a tacho or key-phasor: the speed at every moment"
    )
    parser.add_argument("--pulses-per-turn", type=float, default=1.0, metavar="N", help="of the tacho (default 1)")
    parser.add_argument(
        "--remove-mains", action="store_true", help="take out the hum of the mains that a cable picks up, and say so"
    )
    parser.add_argument("--plot", metavar="PNG", help="write waveform, spectrum and envelope with the fault lines")
    parser.add_argument(
        "--deep", metavar="PNG", help="write cepstrum, average turn or orders, waterfall and cyclic modulation"
    )


def run(arguments: argparse.Namespace) -> int:
    """Analyse one recording; 0 whatever the verdict is."""
    path = _file_of(arguments)
    _check_zone(arguments)
    bearings = _bearings(arguments)
    gears = [Gear.parsed(text) for text in arguments.gear]
    wanted = arguments.channel if arguments.tacho is None else _with(arguments.channel, arguments.tacho)
    recording = read_recording(
        path, channel=wanted, sample_rate_hz=arguments.rate, unit=arguments.unit, speed_rpm=arguments.rpm
    )
    measured = choose_stretch(recording, arguments.tacho)
    if arguments.remove_mains:
        measured = without_mains(measured)
    angle, stretch = _turned(measured, arguments)
    _check_points(bearings, stretch)
    baseline = None if arguments.baseline is None else read_baseline(arguments, stretch, gears)
    analysis = analyse(
        stretch,
        bearings,
        gears=gears,
        baseline=baseline,
        machine_group=arguments.machine_group,
        support=arguments.support,
    )
    if arguments.plot is not None:
        from plantpulse.plotting import plot_analysis

        plot_analysis(analysis, Path(arguments.plot), [at.bearing for at in bearings])
    if arguments.deep is not None:
        from plantpulse.deep_page import draw_deep_page

        draw_deep_page(analysis, measured, Path(arguments.deep), angle, gears)
    if arguments.json:
        for note in stretch.notes:
            print(f"plantpulse analyze: note: {note}", file=sys.stderr)
        print(json.dumps(document(analysis), allow_nan=False, ensure_ascii=False))
    else:
        from plantpulse.analysis_view import show

        show(analysis)
    return 0


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


def _with(channels: list[str] | None, tacho: str) -> list[str] | None:
    return None if channels is None else list(dict.fromkeys([*channels, tacho]))


def _turned(measured: Stretch, arguments: argparse.Namespace) -> tuple[ShaftAngle | None, Stretch]:
    """Return the shaft's angle by the tacho, and the stretch with its speed, at constant angle if that moved."""
    if arguments.tacho is None:
        return None, measured
    from plantpulse.shaft import at_constant_angle, mean_rpm, tacho_angle

    angle = tacho_angle(measured, arguments.pulses_per_turn)
    stretch = at_constant_angle(measured, angle)
    return angle, replace(stretch, recording=replace(stretch.recording, speed_rpm=mean_rpm(angle)))


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
