"""One believable content of each kind, always the same: the ground of the golden payloads and of the tests."""

from __future__ import annotations

import numpy as np

from models.contract.records import (
    AlarmReport,
    Diagnosis,
    Evidence,
    EvidenceChannel,
    EvidenceLine,
    EvidencePart,
    FeatureStatistics,
    GatewayHealth,
    Summary,
)
from models.contract.vocabulary import AlarmState, ClockQuality, DiagnosisLabel, FailureFamily, Severity, steady

ASSET = "6f1c7a52-94a7-4f5f-8a0e-0d7a2f3c1b11"
GATEWAY_ASSET = "0c5a1f0e-2f53-4b80-9f39-7e2d3a5f0c42"
INCARNATION = "2d9b3c64-6a0b-4c53-9d57-0f4f0a1b7e90"
ALARM_ID = "b7c1e7d0-53f3-4f0b-8f5c-1f2e3d4c5b6a"
START_NS = 1_760_000_000_000_000_000
END_NS = START_NS + 60_000_000_000
FEATURES = (("DE.H/acceleration_rms", "m/s²"), ("DE.H/kurtosis", "1"), ("DE.H/velocity_rms", "mm/s"))
FEATURE_HASH = "00c0ffee15600d42"


def summary(*, start_ns: int = START_NS, windows: int = 119, shift: float = 0.0, **changes: object) -> Summary:
    """Return a summary of a minute of steady running."""
    mean = np.array([2.5, 3.0, 1.75], np.float32) + np.float32(shift)
    fields: dict[str, object] = {
        "asset_id": ASSET,
        "machine": "pump-1",
        "start_ns": start_ns,
        "end_ns": start_ns + 60_000_000_000,
        "operating_state": steady("default"),
        "windows": windows,
        "feature_hash": FEATURE_HASH,
        "feature_names": tuple(name for name, _ in FEATURES),
        "statistics": FeatureStatistics(
            mean, mean - np.float32(0.5), mean + np.float32(0.75), np.full(3, 0.25, np.float32)
        ),
        "sample": mean + np.float32(0.125),
        "score": 0.375,
        "health_index": 96.5,
        "zone": "A",
        "learning_progress": 1.0,
        "bad_windows": {"gap": 1},
    }
    return Summary(**(fields | changes))


def alarm(**changes: object) -> AlarmReport:
    """Return an alarm for damage of an outer race, with a line that matched and one that did not."""
    fields: dict[str, object] = {
        "alarm_id": ALARM_ID,
        "asset_id": ASSET,
        "machine": "pump-1",
        "component": "DE",
        "family": FailureFamily.MECHANICAL,
        "state": AlarmState.ACTIVE,
        "severity": Severity.ALERT,
        "since_ns": START_NS,
        "end_ns": END_NS,
        "occurrence": 1,
        "revision": 2,
        "diagnosis": Diagnosis(
            DiagnosisLabel.OUTER_RACE,
            "DE.H",
            0.875,
            "Outer-race damage at the drive end is likely.",
            "Check lubrication, plan a bearing change.",
            (
                EvidenceLine("1xBPFO", 3.5848, 88.425, 88.5, 14.5, matched=True),
                EvidenceLine("1xBPFI", 5.4152, 133.575, None, None, matched=False),
            ),
        ),
        "score": 2.25,
        "operating_state": steady("default"),
        "model": "pump/1",
        "clock_quality": ClockQuality.SYNCHRONISED,
    }
    return AlarmReport(**(fields | changes))


def health(**changes: object) -> GatewayHealth:
    """Return the health of a gateway that once had to drop something."""
    fields: dict[str, object] = {
        "gateway": "gateway-1",
        "asset_id": GATEWAY_ASSET,
        "end_ns": END_NS,
        "agent_version": "0.1.0",
        "pending_records": 3,
        "outbox_bytes": 40_960,
        "dropped": {"budget_evidence": 2},
        "clock_quality": ClockQuality.HOLDOVER,
        "clock_offset_s": 0.0125,
        "cpu_percent": 1.5,
        "rss_mb": 61.25,
        "raw_bytes": 12_288_000,
        "sent_bytes": 9_216,
        "windows": 119,
        "certificate_days": 61.5,
    }
    return GatewayHealth(**(fields | changes))


def evidence(*, seconds: float = 1.0, seed: int = 1) -> Evidence:
    """Return a tone in noise, one channel, with spectra of the right length."""
    rate = 25_600
    samples = round(rate * seconds)
    generator = np.random.default_rng(seed)
    counts = 8_000.0 * np.sin(2.0 * np.pi * 88.5 * np.arange(samples) / rate) + generator.normal(0.0, 200.0, samples)
    waveform = counts.astype(np.int16)
    spectrum = np.abs(np.fft.rfft(waveform * 0.001))[: samples // 2].astype(np.float32) / np.float32(samples)
    channel = EvidenceChannel(
        name="DE.H",
        unit="m/s²",
        sample_rate_hz=float(rate),
        waveform=waveform,
        waveform_scale=0.001,
        spectrum=spectrum,
        spectrum_step_hz=1.0 / seconds,
        envelope=spectrum[:1_000] ** np.float32(2.0),
        envelope_step_hz=1.0 / seconds,
    )
    return Evidence(
        subject=ALARM_ID,
        end_ns=END_NS,
        speed_rpm=1_480.0,
        channels=(channel,),
        fault_lines=alarm().diagnosis.evidence,
        facts={"operating_state": steady("default"), "features": {"DE.H/kurtosis": [9.5, 3.0, "1"]}},
    )


def evidence_part(**changes: object) -> EvidencePart:
    """Return the first of two parts."""
    fields: dict[str, object] = {
        "asset_id": ASSET,
        "machine": "pump-1",
        "subject": ALARM_ID,
        "end_ns": END_NS,
        "index": 0,
        "total": 2,
        "digest": "ab" * 32,
        "data": bytes(range(64)),
    }
    return EvidencePart(**(fields | changes))
