"""Healthy tables → a bundle that judges rows of the same columns: temperatures, pressures, currents, levels.

In order: the columns of all files are laid under each other; rows with a gap are left out and counted; columns that
never change are refused by name; the detector is fitted, and once more on the first part alone, so that the last part
says what it gives on healthy rows that it has not seen.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from models.bundle.archive import DETECTOR, GOLDEN, GoldenVectors, write_bundle
from models.bundle.manifest import (
    SCHEMA,
    Baselines,
    Channel,
    Features,
    Golden,
    Kind,
    Manifest,
    Metric,
    Thresholds,
    Training,
)
from models.detectors.calibration import held_out_distances
from models.detectors.detector import Detector
from models.detectors.errors import DetectorError
from models.detectors.fitted import FittedModel
from models.detectors.fitted_stream import FittedStream
from models.detectors.table import DETECTORS, STREAM_DETECTORS
from models.training.errors import FitError
from models.training.facts import made_by, thresholds_of, training_data

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from models.detectors.base import StreamDetector
    from models.recordings.recording import Recording

LEARNT_SHARE: Final = 0.7
"""The rest says what the detector gives on healthy rows that it has not seen."""
GOLDEN_ROWS: Final = 32
SCORE_TOLERANCE: Final = 0.001
"""Relative: single precision, no network."""
SCALE_FLOOR: Final = 1e-9
"""Rows are in the plant's own units, so only what is no scatter at all is widened."""
NO_NETWORK: Final = tuple(name for name in DETECTORS if name != "autoencoder")


@dataclass(frozen=True, slots=True)
class RowFit:
    """What is to be fitted.

    Attributes:
        name, version, machine_class: of the model.
        detector: row of `STREAM_DETECTORS`, or of `DETECTORS` that needs no network.
        seed: of what is drawn.
    """

    name: str
    version: str = "1.0.0"
    machine_class: str = "process"
    detector: str = "tracking"
    seed: int = 1


def fit_rows(
    recordings: Sequence[Recording], wanted: RowFit, tell: Callable[[str], None] = lambda _line: None
) -> bytes:
    """Return the bundle of what these healthy tables have in common.

    Args:
        recordings: with the same columns.
        wanted: what is to be fitted.
        tell: is told of each step.

    Raises:
        FitError: tables that do not go together, too few rows, constant columns, an unknown detector.
    """
    channels = tuple(Channel(name=one.name, unit=one.unit) for one in recordings[0].channels)
    names = [channel.name for channel in channels]
    for recording in recordings[1:]:
        found = [one.name for one in recording.channels]
        if found != names:
            raise FitError(
                f"{recording.path}: has the columns {', '.join(found)}, the first file has {', '.join(names)}: choose"
                " the same with --columns"
            )
    rows, per_file = _rows(recordings)
    _check(rows, names)
    tell(f"fitting {wanted.detector} on {len(rows)} rows of {len(names)} columns")
    fit = _fit_stream if wanted.detector in STREAM_DETECTORS else _fit_scorer
    model, thresholds, unseen, golden = fit(rows, wanted)
    rate_hz = recordings[0].sample_rate_hz
    told = repr((names, [channel.unit for channel in channels], rate_hz)).encode()
    manifest = Manifest(
        schema_number=SCHEMA,
        name=wanted.name,
        version=wanted.version,
        machine_class=wanted.machine_class,
        kind=Kind.TABLE,
        channels=channels,
        features=Features(
            names=tuple(f"column_{number}" for number in range(1, len(names) + 1)),
            units=tuple(channel.unit or "1" for channel in channels),
            sample_rate_hz=rate_hz,
            window_samples=1,
            hop_samples=1,
            logarithms=False,
            hash=hashlib.sha256(told).hexdigest()[:16],
        ),
        detectors=(wanted.detector,),
        baselines=Baselines.RELEARNT,
        network=None,
        thresholds=thresholds,
        training=Training(
            method="healthy rows; thresholds on the same rows, false alarms on rows not seen",
            seed=wanted.seed,
            made_by=made_by(),
            data=training_data(recordings, per_file),
        ),
        metrics=_metrics(unseen, rate_hz),
        golden=Golden(
            rows=len(golden.vectors) if golden.vectors is not None else 1,
            network_tolerance=None,
            score_tolerance=SCORE_TOLERANCE,
        ),
    )
    return write_bundle(manifest, {DETECTOR: model, GOLDEN: golden.to_bytes()})


@dataclass(frozen=True, slots=True)
class _Unseen:
    scores: NDArray[np.float32]
    alarms: NDArray[np.bool_]


def _rows(recordings: Sequence[Recording]) -> tuple[NDArray[np.float64], list[int]]:
    tables, per_file = [], []
    for recording in recordings:
        table = np.concatenate([segment.samples.T for segment in recording.segments]).astype(np.float64)
        table = table[np.isfinite(table).all(axis=1)]
        tables.append(table)
        per_file.append(len(table))
    return np.concatenate(tables), per_file


def _check(rows: NDArray[np.float64], names: Sequence[str]) -> None:
    if len(rows) < 2:
        raise FitError(f"{len(rows)} usable rows: nothing can be learnt from them; give more")
    still = np.flatnonzero(np.ptp(rows, axis=0) == 0.0)
    if still.size:
        name = names[int(still[0])]
        raise FitError(f"column {name} never changes: nothing can be learnt from it; leave it out with --ignore {name}")


def _fit_stream(rows: NDArray[np.float64], wanted: RowFit) -> tuple[bytes, Thresholds, _Unseen, GoldenVectors]:
    kind: type[StreamDetector[Any]] = STREAM_DETECTORS[wanted.detector]
    need = kind.learning_rows()
    learnt = round(LEARNT_SHARE * len(rows))
    if learnt < need.least:
        raise FitError(
            f"{len(rows)} rows: {wanted.detector} needs {-(-need.least * 10 // 7)} to learn from some and to try"
            " itself on the rest; give more, or another --detector"
        )
    try:
        first = FittedStream(kind.fit(rows[:learnt]), np.empty(0, np.float32))
        scores, alarms = first.judge(rows[learnt:])
        calibration = np.sort(scores[np.isfinite(scores)])
        model = FittedStream(kind.fit(rows), calibration)
    except DetectorError as error:
        raise FitError(f"detector {wanted.detector}: {error}") from error
    shown = rows[:GOLDEN_ROWS].astype(np.float32)
    known = model.score(shown)
    usual = float(model.detector.typical(model.detector.start()))
    thresholds = Thresholds(
        limits=(),
        margin=1.0,
        typical=usual if np.isfinite(usual) else 0.0,
        windows=len(rows),
        method=f"{wanted.detector}: see its description; 1.0 = threshold",
    )
    return model.to_bytes(), thresholds, _Unseen(scores, alarms), GoldenVectors(vectors=shown, scores=known)


def _fit_scorer(rows: NDArray[np.float64], wanted: RowFit) -> tuple[bytes, Thresholds, _Unseen, GoldenVectors]:
    if wanted.detector not in NO_NETWORK:
        raise FitError(
            f"detector {wanted.detector!r}: for tables choose from {', '.join((*STREAM_DETECTORS, *NO_NETWORK))}"
        )
    kind, vectors = DETECTORS[wanted.detector], rows.astype(np.float32)
    try:
        detector = Detector.fit(kind, vectors, scale_floor=SCALE_FLOOR)
        held_out = held_out_distances(lambda some: kind.learnt_from(some, scale_floor=SCALE_FLOOR).distances, vectors)
    except DetectorError as error:
        raise FitError(f"detector {wanted.detector}: {error}") from error
    scores = (held_out / detector.limits).max(axis=1).astype(np.float32)
    model = FittedModel((detector,), np.sort(scores))
    shown = vectors[:GOLDEN_ROWS]
    golden = GoldenVectors(vectors=shown, scores=model.score(shown).astype(np.float32))
    return model.to_bytes(), thresholds_of((detector,), len(rows)), _Unseen(scores, scores >= 1.0), golden


def _metrics(unseen: _Unseen, rate_hz: float | None) -> tuple[Metric, ...]:
    judged = unseen.scores[np.isfinite(unseen.scores)]
    lasting = "" if rate_hz is None else f" ({len(judged) / rate_hz:.0f} s)"
    on = f"{len(judged)} healthy rows{lasting} that the fit had not seen"
    begun = int(np.sum(np.diff(unseen.alarms.astype(int), prepend=0) > 0))
    return (
        Metric(name="false_alarm_share", value=float(unseen.alarms.mean()), unit="1", on=on),
        Metric(name="false_alarms", value=float(begun), unit="alarms", on=on),
    )
