"""Small bundles for tests that only need something that is one."""

from __future__ import annotations

import numpy as np

from models.bundle.archive import GOLDEN, GoldenVectors, write_bundle
from models.bundle.manifest import Baselines, Channel, Features, Golden, Kind, Manifest, Metric, Training, TrainingData


def small_manifest(**changes: object) -> Manifest:
    """Return what a bundle without network or detectors says."""
    fields: dict[str, object] = {
        "schema_number": 1,
        "name": "feed-pumps",
        "version": "3",
        "machine_class": "pump",
        "kind": Kind.VIBRATION,
        "channels": (Channel(name="DE.H", unit="m/s2"),),
        "features": Features(
            names=("acceleration_rms",),
            units=("m/s²",),
            sample_rate_hz=25_600.0,
            window_samples=25_600,
            hop_samples=12_800,
            logarithms=True,
            hash="00c0ffee15600d42",
        ),
        "detectors": ("mahalanobis",),
        "baselines": Baselines.RELEARNT,
        "network": None,
        "thresholds": None,
        "training": Training(
            method="by hand",
            seed=1,
            made_by="a test",
            data=(TrainingData(name="a.mat", sha256="0" * 64, windows=60),),
        ),
        "metrics": (Metric(name="false_alarm_share", value=0.0, unit="1", on="nothing"),),
        "golden": Golden(rows=2, network_tolerance=None, score_tolerance=0.01),
    }
    return Manifest(**(fields | changes))  # type: ignore[arg-type]  # a test may change anything


def small_bundle(**changes: object) -> bytes:
    """Return the bytes of such a bundle."""
    golden = GoldenVectors(vectors=np.float32([[0.0], [1.0]]), scores=np.float32([0.5, 2.0]))
    return write_bundle(small_manifest(**changes), {GOLDEN: golden.to_bytes()})
