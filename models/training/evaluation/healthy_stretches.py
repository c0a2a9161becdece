"""Which stretches of the public sets are healthy, which degradations follow, and what ships made of them.

One function per set, each with the record judged as the set's own evaluation judges it, and one row per machine:

* FEMTO: every run until the onset that the set's labels give; the failure follows.
* IMS test 2: each bearing in the first half of the test. What the bearings beside the failing one feel of it later is
  counted apart (`felt_alarms`): the rig is no healthy machine then.
* CWRU, gearbox, drill press: the part of the healthy recordings that was not learnt from; the faulty ones follow. They
  last seconds, so one window stands for one decision (time-lapse); everything else is the default profile.
* SKAB, as a process whose detector is the tracking baseline, a window of three rows each second: the anomaly-free
  experiment once it has been learnt for an hour (60 decisions, as many as a baseline usually learns from), and each
  other one from row 400, the set's own end of learning, until its anomaly. Those anomalies are events of minutes that
  somebody caused and ended, not wear: they are counted apart, because a judge that asks for ten minutes, or for sixty
  windows at twice the threshold, cannot find all that is over after seven. The anomaly-free experiment is judged a
  second time with the windows that a gateway would use for it (`anomaly_free`).
* NAB's temperature outside its labelled windows, as a process whose detector is the discord, everything else as usual.
  It is added up apart: it would bring most of the time, from one machine, by a detector whose settings were chosen on
  the four events of this very series. An alarm told in a window belongs to its event for as long as it stands.

Left out, with the reason: in the hydraulic set nothing is broken for ten minutes only, which are not settled; MFPT has
no healthy recording; C-MAPSS counts flights; the PLC signals of the pick-and-place cell are no condition of a machine.
"""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.signal import decimate

from models.detectors.tracking import Tracking
from models.pipeline import Pipeline
from models.recordings import delimited
from models.recordings.reading import read_recording
from models.signal.windows import Window
from models.training.evaluation import femto, gearbox, ims, nab, skab
from models.training.evaluation.judged import (
    NS_PER_S,
    SHIPPED,
    STANDARD_GRAVITY,
    through_judges,
    through_pipeline,
)
from models.training.evaluation.slow_series import Process, through_process

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from models.detectors.discord import DiscordSettings
    from models.pipeline_state import PipelineState
    from models.training.evaluation.judged import Judged

CWRU_RATE_HZ: Final = 12_000.0
CWRU_WINDOW_SAMPLES: Final = 3_000
"""A quarter of a second: of the healthy recording two and a half seconds are public, 19 such windows."""
CWRU_LEARNING_WINDOWS: Final = 13
DRILL_WINDOW_SAMPLES: Final = 256
"""2.6 s of the drill press's 100 samples a second."""
DRILL_CHANNELS: Final = ("ax", "ay", "az")
FEMTO_HOP_S: Final = 10.0
ANOMALY_FREE_LEARNT_ROWS: Final = 3_600
SKAB_UNITS: Final = ("g", "g", "A", "bar", "°C", "°C", "V", "l/min")
SKAB_WINDOW_ROWS: Final = 3
"""Three seconds, one by one: rows of the usual ten seconds would be too few to learn from in experiments of minutes."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """One machine's healthy time, and the degradations that follow.

    Attributes:
        name: set and file.
        judged_s: healthy time with a score.
        alarmed_s: of it in alarm.
        alarms: told in it.
        degradations: that follow.
        found: of them, with an alarm.
        windows_to_alarm: from the first faulty window to the alarm, where the fault has a first window.
        events: that come and go within minutes.
        events_found: of them, with an alarm.
        felt_alarms: told while something beside it was failing.
    """

    name: str
    judged_s: float
    alarmed_s: float
    alarms: int
    degradations: int = 0
    found: int = 0
    windows_to_alarm: int | None = None
    events: int = 0
    events_found: int = 0
    felt_alarms: int = 0

    @property
    def is_healthy(self) -> bool:
        """Return whether it holds healthy windows, also where nobody knows how long they last."""
        return self.judged_s > 0.0 or not self.degradations


def of_femto(folder: Path) -> list[Stretch]:
    """Return every run until its onset; its failure is found by an alarm that stands at its end."""
    onsets = _femto_onsets(folder)
    stretches = []
    for path in sorted(folder.glob("Bearing*.npz")):
        judged = femto.judged_run(path)
        onset_s = onsets.get(path.name, femto.EARLIEST_OF_LIFE * float(judged.times_s[-1]))
        standing = judged.last_standing
        found = standing is not None and standing.told_s >= onset_s
        stretches.append(_stretch(f"femto/{path.name}", judged, onset_s, degradations=1, found=int(found)))
    return stretches


def of_ims(folder: Path) -> list[Stretch]:
    """Return each bearing's first half of test 2; the failure of bearing 1 follows."""
    times_s, levels = ims.read_trend(folder)
    bearings = through_judges(levels, times_s, neighbours=True)
    end_s = ims.end_of_running_s(bearings)
    stretches = []
    for number, judged in enumerate(bearings, start=1):
        fails = number == ims.FAILED
        stretch = _stretch(f"ims/test 2, bearing {number}", judged, end_s / 2.0)
        later = len(judged.told_between(end_s / 2.0, math.inf))
        stretches.append(
            replace(stretch, degradations=1, found=int(judged.last_standing is not None))
            if fails
            else replace(stretch, felt_alarms=later)
        )
    return stretches


def of_cwru(folder: Path) -> list[Stretch]:
    """Return what was not learnt of the healthy recording, by the drive-end sensor; nine faulty ones follow."""
    (normal,) = sorted(folder.glob("*Normal*.mat"))
    settings = replace(
        SHIPPED,
        sample_rate_hz=CWRU_RATE_HZ,
        window_samples=CWRU_WINDOW_SAMPLES,
        learning_windows=CWRU_LEARNING_WINDOWS,
        alarm=gearbox.TIME_LAPSE.alarm,
    )
    pipeline = Pipeline(settings)
    hop = CWRU_WINDOW_SAMPLES // 2
    healthy = _windows(_drive_end(normal), CWRU_RATE_HZ, CWRU_WINDOW_SAMPLES, hop)
    judged, state = through_pipeline(pipeline, healthy)
    stretches = [_stretch(f"cwru/{normal.name}", judged, math.inf)]
    for path in sorted(set(folder.glob("*.mat")) - {normal}):
        windows = _windows(_drive_end(path), CWRU_RATE_HZ, CWRU_WINDOW_SAMPLES, hop, begin=len(healthy))
        stretches.append(_fault(f"cwru/{path.name}", pipeline, windows, state))
    return stretches


def of_gearbox(folder: Path) -> list[Stretch]:
    """Return what was not learnt of the healthy runs; the broken ones follow. Their rate, so their time, is unknown."""
    runs = gearbox.read_runs(folder)
    pipeline, state, begin = gearbox.learnt_from(run for run in runs if not run.broken)
    stretches = []
    for run in runs:
        if run.broken:
            windows = gearbox.windows_of(run, begin=begin)
            stretches.append(_fault(f"gearbox/{run.name}", pipeline, windows, state))
            continue
        unlearnt = gearbox.windows_of(run, SHIPPED.learning_windows + gearbox.SETTLING, begin=begin)
        judged, _ = through_pipeline(pipeline, unlearnt, state)
        stretches.append(Stretch(f"gearbox/{run.name}", 0.0, 0.0, len(judged.alarms)))
    return stretches


def of_drill_press(folder: Path) -> list[Stretch]:
    """Return the second half of the run with its base attached; the imbalance follows."""
    base, rate_hz = _axes(folder / "base.csv")
    size = DRILL_WINDOW_SAMPLES
    healthy = _windows(base, rate_hz, size, size // 2)
    settings = replace(
        SHIPPED,
        channel_names=DRILL_CHANNELS,
        sample_rate_hz=rate_hz,
        window_samples=size,
        learning_windows=min(SHIPPED.learning_windows, len(healthy) // 2),
        alarm=gearbox.TIME_LAPSE.alarm,
    )
    pipeline = Pipeline(settings)
    judged, state = through_pipeline(pipeline, healthy)
    imbalance, _ = _axes(folder / "imbalance_1.csv")
    windows = _windows(imbalance, rate_hz, size, size // 2, begin=len(healthy))
    return [
        _stretch("drill_press/base.csv", judged, math.inf),
        _fault("drill_press/imbalance_1.csv", pipeline, windows, state),
    ]


def of_skab(folder: Path) -> list[Stretch]:
    """Return the anomaly-free experiment after an hour, and the others from row 400 until their anomaly."""
    stretches = [anomaly_free(folder, ANOMALY_FREE_LEARNT_ROWS)]
    for experiment in skab.read_experiments(folder):
        first, last = (int(row) for row in np.flatnonzero(experiment.anomalous)[[0, -1]])
        if first <= skab.LEARNT_ROWS:
            continue
        judged = _tracked(experiment.rows, skab.LEARNT_ROWS)
        found = bool(judged.standing()[(judged.times_s >= first) & (judged.times_s <= last)].any())
        stretch = _stretch(f"skab/{experiment.name}", judged, float(first))
        stretches.append(replace(stretch, events=1, events_found=int(found)))
    return stretches


def anomaly_free(folder: Path, learnt_rows: int, *, usual_windows: bool = False) -> Stretch:
    """Return SKAB's anomaly-free experiment, judged from this row on.

    Args:
        folder: of the set.
        learnt_rows: so many are learnt from.
        usual_windows: with those that a gateway uses by itself, a minute every ten seconds.
    """
    series = delimited.read(folder / skab.ANOMALY_FREE).series
    rows = np.column_stack([one.values for one in series]).astype(np.float64)
    return _stretch(f"skab/{skab.ANOMALY_FREE}", _tracked(rows, learnt_rows, usual_windows=usual_windows), math.inf)


def of_nab(folder: Path, discord: DiscordSettings | None = None) -> list[Stretch]:
    """Return the temperature outside the labelled windows; what they label follows.

    Args:
        folder: of the set.
        discord: settings of the detector; None for the usual ones. Others are tried on windows of an hour, which gives
            the same rows sooner.
    """
    series = nab.read_series(folder)
    judged = nab.judged(series, discord, by_the_hour=discord is not None)
    spans = [(series.end_s(first), series.end_s(last)) for first, last in series.windows]
    inside = [judged.told_between(begin, math.nextafter(end, math.inf)) for begin, end in spans]
    own = [alarm for found in inside for alarm in found]
    false = [alarm for alarm in judged.alarms if alarm not in own]
    end_s = float(judged.times_s[-1])
    return [
        Stretch(
            f"nab/{nab.SERIES}",
            judged.judged_s(0.0, math.inf) - sum(judged.judged_s(begin, end + nab.ROW_S) for begin, end in spans),
            sum(min(alarm.returned_s, end_s) - alarm.told_s for alarm in false),
            len(false),
            events=len(inside),
            events_found=sum(bool(found) for found in inside),
        )
    ]


def _stretch(name: str, judged: Judged, healthy_until_s: float, *, degradations: int = 0, found: int = 0) -> Stretch:
    return Stretch(
        name,
        judged.judged_s(0.0, healthy_until_s),
        judged.alarmed_s(0.0, healthy_until_s),
        len(judged.told_between(0.0, healthy_until_s)),
        degradations,
        found,
    )


def _fault(name: str, pipeline: Pipeline, windows: list[Window], state: PipelineState) -> Stretch:
    """Return a faulty recording that follows a healthy one: no healthy time, one degradation."""
    judged, _ = through_pipeline(pipeline, windows, state)
    after = int(np.searchsorted(judged.times_s, judged.alarms[0].told_s)) + 1 if judged.alarms else None
    return Stretch(name, 0.0, 0.0, 0, 1, int(bool(judged.alarms)), after)


def _tracked(rows: NDArray[np.float64], learnt_rows: int, *, usual_windows: bool = False) -> Judged:
    """Return an experiment judged as a process by the tracking baseline that learnt from its first rows."""
    process = Process(SKAB_UNITS, 1.0, (Tracking.name,), learning_s=0.0, learning_windows=learnt_rows)
    if usual_windows:
        hop_rows = process.settings().hop_samples
        return through_process(rows, replace(process, learning_windows=learnt_rows // hop_rows))
    return through_process(rows, replace(process, window_rows=SKAB_WINDOW_ROWS, hop_rows=1))


def _femto_onsets(folder: Path) -> dict[str, float]:
    """Return the earlier onset of the two axes by file name, in seconds; empty where there are no labels."""
    path = folder / "labels.csv"
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    onsets = {}
    for row in rows:
        snapshots = [float(row[key]) for key in ("onset_h_snapshot", "onset_v_snapshot") if row.get(key)]
        if snapshots:
            onsets[row["file"]] = FEMTO_HOP_S * (min(snapshots) - 1.0)
    return onsets


def _drive_end(path: Path) -> NDArray[np.float64]:
    """Return the drive-end channel in m/s² at 12 kHz, (1, n)."""
    recording = read_recording(path)
    row = [channel.name for channel in recording.channels].index("DE")
    samples = np.asarray(recording.segments[0].samples[row], np.float64) * STANDARD_GRAVITY
    # 48 kHz recordings come down to the rate of the others; the healthy one does not state that it is at 48 kHz.
    fast = path.name.startswith("48k") or "Normal" in path.name
    return (decimate(samples, 4) if fast else samples)[None]


def _axes(path: Path) -> tuple[NDArray[np.float64], float]:
    """Return the three axes of the drill press (3, n), unit unknown, and their mean rate."""
    recording = read_recording(path, channel=DRILL_CHANNELS)
    return np.asarray(recording.segments[0].samples, np.float64), float(recording.sample_rate_hz or 0.0)


def _windows(samples: NDArray[np.float64], rate_hz: float, size: int, hop: int, *, begin: int = 0) -> list[Window]:
    """Return the windows of samples (channels, n); `begin` windows of the same machine came before."""
    hop_ns = round(hop / rate_hz * NS_PER_S)
    return [
        Window(
            np.ascontiguousarray(samples[:, start : start + size], np.float32),
            rate_hz,
            begin + number,
            0,
            (begin + number + 1) * hop_ns,
            None,
        )
        for number, start in enumerate(range(0, samples.shape[1] - size + 1, hop))
    ]
