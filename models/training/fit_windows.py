"""Healthy recordings → a bundle that judges windows of the same machine.

In order:

1. every recording is brought down to the model's rate and cut into windows, half overlapping; windows that are no
   measurement or lie below the level of a running machine are left out and counted,
2. features of each window, logarithms, in the order of time,
3. with an autoencoder among the detectors: a network is fitted on the standardised features of these channels and of
   many simulated healthy machines (`healthy_pool`), and made int8,
4. each detector is fitted with its threshold (`models.detectors.calibration`), and every window is scored once more by
   a fit that has not seen it: that gives p-values, and the share of healthy windows beyond the threshold,
5. golden vectors, the manifest, the archive. Without a clock and seeded: the same files give the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from models.bundle.archive import DETECTOR, FINGERPRINT, GOLDEN, NETWORK, GoldenVectors, write_bundle
from models.bundle.manifest import SCHEMA, Band, Baselines, Channel, Features, Golden, Kind, Manifest, Metric, Training
from models.bundle.manifest import Network as NetworkFacts
from models.contract.errors import InputError
from models.detectors.autoencoder import INPUT_RANGE, Autoencoder
from models.detectors.calibration import MIN_WINDOWS, USUAL_WINDOWS, held_out_distances
from models.detectors.detector import Detector
from models.detectors.errors import DetectorError
from models.detectors.fitted import FittedModel
from models.detectors.scaling import fit_scaling
from models.detectors.table import DETECTORS
from models.diagnosis.fingerprint import combine, fingerprint
from models.recorded_windows import Stretch, WindowMeasurer, stretches_of, window_count
from models.runtimes.table import load_network
from models.signal.errors import SignalError
from models.training.dense_autoencoder import DenseAutoencoder, fit_autoencoder
from models.training.errors import FitError
from models.training.facts import made_by, thresholds_of, training_data
from models.training.healthy_pool import healthy_pool

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from models.recordings.recording import Recording

WINDOWS_S: Final = (1.0, 0.5, 0.25)
"""The longest that gives enough windows is taken: longer ones tell more, and sixty tell what is normal."""
FOR_WINDOWS: Final = ("mahalanobis", "autoencoder")
"""What a gateway judges by where nobody said otherwise."""
GOLDEN_ROWS: Final = 16
GOLDEN_SCALES: Final = (1.0, 1.5, 4.0)
"""Healthy vectors, and the same with their distance from the centre enlarged: known answers below and above 1."""
SCORE_TOLERANCE: Final = 0.02
"""Relative. int8 networks differ by one step of their output between runtimes; the rest is single precision."""


@dataclass(frozen=True, slots=True)
class WindowFit:
    """What is to be fitted.

    Attributes:
        name, version, machine_class: of the model.
        detectors: rows of `DETECTORS`.
        window_s: None: the longest of `WINDOWS_S` that gives sixty windows.
        sample_rate_hz: recordings are brought down to it; None: the lowest of theirs.
        seed: of everything.
    """

    name: str
    version: str = "1.0.0"
    machine_class: str = "machine"
    detectors: tuple[str, ...] = FOR_WINDOWS
    window_s: float | None = None
    sample_rate_hz: float | None = None
    seed: int = 1


@dataclass(frozen=True, slots=True)
class _Collected:
    vectors: NDArray[np.float32]
    per_file: tuple[int, ...]
    left_out: int


def fit_windows(
    recordings: Sequence[Recording], wanted: WindowFit, tell: Callable[[str], None] = lambda _line: None
) -> bytes:
    """Return the bundle of what these healthy recordings have in common.

    Args:
        recordings: with the same channels; units stated, or all of them not.
        wanted: what is to be fitted.
        tell: is told of each step.

    Raises:
        FitError: recordings that do not go together, too few windows, constant channels, unknown detectors.
        TrainingExtraMissingError: the extra `train` is not installed.
    """
    rate_hz = _rate(recordings, wanted.sample_rate_hz)
    channels = _channels(recordings)
    pieces = [_stretches(recording, rate_hz) for recording in recordings]
    window_samples = _window(pieces, rate_hz, wanted.window_s)
    tell(f"features of windows of {window_samples / rate_hz:g} s at {rate_hz:g} Hz")
    measure = WindowMeasurer([channel.unit for channel in channels], rate_hz, window_samples)
    collected = _collect(pieces, measure)
    _check(collected, channels, recordings)
    judged = measure.judged
    unknown = [name for name in wanted.detectors if name not in DETECTORS or not DETECTORS[name].suits(judged)]
    if unknown or not wanted.detectors:
        fitting = ", ".join(name for name, kind in DETECTORS.items() if kind.suits(judged))
        raise FitError(f"detector {', '.join(unknown) or 'none'}: for windows choose from {fitting}")
    trained = None
    if Autoencoder.name in wanted.detectors:
        tell("fitting the network and making it int8")
        trained = _train(collected.vectors, len(channels), wanted.seed)
    tell(f"fitting {', '.join(wanted.detectors)} on {len(collected.vectors)} windows")
    fitted, held_out = _fit(collected.vectors, wanted.detectors, len(channels), trained)
    golden, parts = _golden(collected.vectors, fitted, trained, wanted.seed)
    parts[DETECTOR] = fitted.to_bytes()
    sound = _fingerprint(recordings, pieces, rate_hz, tell)
    if sound is not None:
        parts[FINGERPRINT] = sound
    manifest = Manifest(
        schema_number=SCHEMA,
        name=wanted.name,
        version=wanted.version,
        machine_class=wanted.machine_class,
        kind=Kind.VIBRATION,
        channels=channels,
        features=_features(measure),
        detectors=wanted.detectors,
        baselines=Baselines.MIGRATED,
        network=None if trained is None else _network_facts(trained),
        thresholds=thresholds_of(fitted.detectors, len(collected.vectors)),
        training=Training(
            method="healthy windows; detectors with held-out thresholds",
            seed=wanted.seed,
            made_by=made_by(),
            data=training_data(recordings, collected.per_file),
        ),
        metrics=_metrics(held_out, measure, trained),
        golden=golden,
    )
    return write_bundle(manifest, parts)


def _rate(recordings: Sequence[Recording], wanted_hz: float | None) -> float:
    unstated = next((one for one in recordings if one.sample_rate_hz is None), None)
    if unstated is not None:
        raise FitError(f"{unstated.path}: the sampling rate is not stated: give it with --rate HZ")
    slowest = min(recordings, key=lambda one: one.sample_rate_hz or 0.0)
    lowest_hz = slowest.sample_rate_hz or 0.0
    if wanted_hz is not None and wanted_hz > lowest_hz * (1.0 + 1e-9):
        raise FitError(
            f"{slowest.path}: recorded at {lowest_hz:g} Hz, the model wants {wanted_hz:g} Hz: a rate is brought down,"
            " never up"
        )
    return lowest_hz if wanted_hz is None else wanted_hz


def _channels(recordings: Sequence[Recording]) -> tuple[Channel, ...]:
    found = [tuple((one.name, one.unit) for one in recording.channels) for recording in recordings]
    for recording, one in zip(recordings, found, strict=True):
        if one != found[0]:
            first = ", ".join(name for name, _ in found[0])
            raise FitError(
                f"{recording.path}: has the channels {', '.join(name for name, _ in one)}, the first file has {first}:"
                " choose the same with --channel, and state the unit with --unit"
            )
    return tuple(Channel(name=name, unit=unit) for name, unit in found[0])


def _stretches(recording: Recording, rate_hz: float) -> list[Stretch]:
    try:
        return stretches_of(recording, rate_hz)
    except SignalError as error:
        raise FitError(f"{recording.path}: {error}") from None


def _window(pieces: Sequence[Sequence[Stretch]], rate_hz: float, wanted_s: float | None) -> int:
    """Return the samples of a window: as wanted, or the longest that gives enough of them."""
    choices = WINDOWS_S if wanted_s is None else (wanted_s,)
    for window_s in choices:
        samples = 2 * max(round(window_s * rate_hz / 2), 1)
        count = sum(window_count(piece.samples.shape[1], samples) for of_file in pieces for piece in of_file)
        if count >= USUAL_WINDOWS:
            return samples
    return samples


def _collect(pieces: Sequence[Sequence[Stretch]], measure: WindowMeasurer) -> _Collected:
    vectors: list[NDArray[np.float32]] = []
    per_file: list[int] = []
    left_out = 0
    for of_file in pieces:
        before = len(vectors)
        for window in measure(of_file):
            if window.vector is None or not window.is_running:
                left_out += 1
            else:
                vectors.append(window.vector)
        per_file.append(len(vectors) - before)
    return _Collected(np.stack(vectors) if vectors else np.empty((0, 0), np.float32), tuple(per_file), left_out)


def _check(collected: _Collected, channels: tuple[Channel, ...], recordings: Sequence[Recording]) -> None:
    found = len(collected.vectors)
    if found < MIN_WINDOWS:
        left = f" ({collected.left_out} more were no measurement, or the machine was off)" if collected.left_out else ""
        raise FitError(
            f"{recordings[0].path}{' and others' if len(recordings) > 1 else ''}: {found} usable windows{left}: a"
            f" baseline needs at least {MIN_WINDOWS}, better {USUAL_WINDOWS}; give longer or more recordings, or a"
            " shorter window_s"
        )
    still = np.ptp(collected.vectors.reshape(found, len(channels), -1), axis=0).max(axis=1) == 0.0
    if still.any():
        name = channels[int(np.flatnonzero(still)[0])].name
        raise FitError(f"channel {name} never changes: that is no measurement; leave it out with --ignore {name}")


def _train(vectors: NDArray[np.float32], groups: int, seed: int) -> DenseAutoencoder:
    own = fit_scaling(vectors).standardise(vectors).reshape(len(vectors) * groups, -1)
    rows = np.concatenate([healthy_pool(), np.clip(own, -INPUT_RANGE, INPUT_RANGE)])
    return fit_autoencoder(rows.astype(np.float32), seed)


def _fit(
    vectors: NDArray[np.float32], names: Sequence[str], groups: int, trained: DenseAutoencoder | None
) -> tuple[FittedModel, NDArray[np.float32]]:
    """Return the fitted detectors, and the score of each window by a fit that has not seen it, (n,)."""
    network = None if trained is None else load_network(trained.network)
    detectors, scores = [], []
    for name in names:
        options = {"network": network} if name == Autoencoder.name else {}
        kind = DETECTORS[name]
        try:
            detector = Detector.fit(kind, vectors, groups=groups, **options)
            held_out = held_out_distances(
                lambda some, kind=kind, options=options: kind.learnt_from(some, groups=groups, **options).distances,  # type: ignore[misc] # bound as they are now
                vectors,
            )
        except DetectorError as error:
            raise FitError(f"detector {name}: {error}") from error
        detectors.append(detector)
        scores.append((held_out / detector.limits).max(axis=1))
    together = np.max(scores, axis=0).astype(np.float32)
    return FittedModel(tuple(detectors), np.sort(together)), together


def _fingerprint(
    recordings: Sequence[Recording],
    pieces: Sequence[Sequence[Stretch]],
    rate_hz: float,
    tell: Callable[[str], None],
) -> bytes | None:
    """Return how the healthy machine sounds, for diagnoses; None where units are unknown or stretches too different."""
    if any(channel.unit is None for channel in recordings[0].channels):
        return None
    try:
        parts = [
            fingerprint(max(of_file, key=lambda one: one.samples.shape[1]).samples, rate_hz, recording.speed_rpm)
            for recording, of_file in zip(recordings, pieces, strict=True)
        ]
        return combine(parts).to_bytes()
    except InputError as error:
        tell(f"no reference for diagnoses: {error}")
        return None


def _golden(
    vectors: NDArray[np.float32], fitted: FittedModel, trained: DenseAutoencoder | None, seed: int
) -> tuple[Golden, dict[str, bytes]]:
    """Return what golden vectors promise, and the parts of the archive that they and the network are."""
    chosen = vectors[np.random.default_rng(seed).permutation(len(vectors))[:GOLDEN_ROWS]]
    centre = np.median(vectors, axis=0)
    inputs = np.concatenate([centre + scale * (chosen - centre) for scale in GOLDEN_SCALES]).astype(np.float32)
    scores = fitted.score(inputs).astype(np.float32)
    if trained is None:
        vectors_only = GoldenVectors(vectors=inputs, scores=scores)
        stated = Golden(rows=len(inputs), network_tolerance=None, score_tolerance=SCORE_TOLERANCE)
        return stated, {GOLDEN: vectors_only.to_bytes()}
    rows = healthy_pool()[: 2 * GOLDEN_ROWS]
    answers = load_network(trained.network).run(rows)
    step = float(np.diff(np.unique(answers)).min())
    golden = GoldenVectors(rows=rows, answers=answers, vectors=inputs, scores=scores)
    stated = Golden(rows=len(rows) + len(inputs), network_tolerance=1.5 * step, score_tolerance=SCORE_TOLERANCE)
    return stated, {GOLDEN: golden.to_bytes(), NETWORK: trained.network}


def _features(measure: WindowMeasurer) -> Features:
    extractor = measure.extractor
    unit_of = dict(zip(extractor.names, extractor.units_of(0), strict=True))
    layout = extractor.layout
    bands = []
    for name in measure.judged:
        kind, _, number = name.rpartition("_")
        if kind in ("band", "envelope"):
            low_hz, high_hz = (layout.band_hz if kind == "band" else layout.carrier_hz)(int(number))
            bands.append(Band(name=name, low_hz=low_hz, high_hz=high_hz))
    return Features(
        names=measure.judged,
        units=tuple(unit_of[name] for name in measure.judged),
        sample_rate_hz=measure.sample_rate_hz,
        window_samples=measure.window_samples,
        hop_samples=measure.hop_samples,
        logarithms=True,
        bands=tuple(bands),
        hash=extractor.hash,
    )


def _network_facts(trained: DenseAutoencoder) -> NetworkFacts:
    network = load_network(trained.network)
    return NetworkFacts(
        format="tflite",
        precision="int8",
        operators=("FULLY_CONNECTED",),
        inputs=network.inputs,
        outputs=network.outputs,
        bytes=len(trained.network),
        float_bytes=len(trained.float_network),
        weight_bytes=trained.weight_bytes,
        float_weight_bytes=trained.float_weight_bytes,
        input_range=INPUT_RANGE,
        runtimes=("litert", "numpy"),
    )


def _metrics(
    held_out: NDArray[np.float32], measure: WindowMeasurer, trained: DenseAutoencoder | None
) -> tuple[Metric, ...]:
    seconds = len(held_out) * measure.hop_samples / measure.sample_rate_hz
    on = f"{len(held_out)} healthy windows ({seconds:.0f} s), each by a fit that had not seen it"
    found = [
        Metric(name="false_alarm_share", value=float(np.mean(held_out >= 1.0)), unit="1", on=on),
        Metric(name="highest_score", value=round(float(held_out.max()), 4), unit="1", on=on),
    ]
    if trained is not None:
        unseen = "held-out rows of these channels and of simulated healthy machines"
        found += [
            Metric(name="explained_variance", value=round(trained.explained, 4), unit="1", on=unseen),
            Metric(name="int8_float_correlation", value=round(trained.correlation, 5), unit="1", on=unseen),
        ]
    return tuple(found)
