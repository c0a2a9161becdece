"""What travels: one record in the outbox is one payload on the wire.

`Record` is what the journal keeps and the uplink sends. The typed contents below (`Summary`, `AlarmReport`,
`EvidencePart`, `GatewayHealth`) are what the agent decides and the cloud stores; `models.contract.encoding`
turns one into the other and back.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from models.contract.vocabulary import AlarmState, ClockQuality, DiagnosisLabel, FailureFamily, RecordKind, Severity

RECORD_SCHEMA = 1
"""Schema number of every record below; the cloud reads this one and the one before."""

MetricScalar = float | int | bool | str | bytes


class MetricValue(NamedTuple):
    """One value with its own time, as Sparkplug wants it: wire.md 1, row *data*. None says there is no value now.

    A named tuple, because a summary has hundreds of them.
    """

    name: str
    value: MetricScalar | None
    timestamp_ms: int


@dataclass(frozen=True, slots=True)
class Record:
    """One thing in the outbox; becomes one DDATA of a machine, or one NDATA of the gateway.

    Attributes:
        record_id: UInt64, `identity.record_id(...)`; the same window gives the same id under any sequence.
        kind: decides the priority.
        asset_id: UUID of the machine, or of the gateway itself for its health.
        machine: Sparkplug device id, or None for the gateway.
        end_ns: wall time in ns UTC at the end of what the record speaks of.
        metrics: everything but Outbox/Sequence, Record/Id, Record/Kind and Asset/Id, chronological.
    """

    record_id: int
    kind: RecordKind
    asset_id: str
    machine: str | None
    end_ns: int
    metrics: tuple[MetricValue, ...]


@dataclass(frozen=True, slots=True)
class FeatureStatistics:
    """Mean, minimum, maximum and standard deviation of each feature over an interval, float32 (features,)."""

    mean: NDArray[np.float32]
    minimum: NDArray[np.float32]
    maximum: NDArray[np.float32]
    deviation: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Summary:
    """What one machine did in one interval and one operating state.

    Attributes:
        asset_id, machine: whose.
        start_ns, end_ns: wall time of the interval; the record's bucket is named by its start.
        operating_state: one state only; a change of state closes the summary.
        windows: how many windows went in.
        feature_hash: hash of the feature specification (names, units, order), hex, 16 digits.
        feature_names: `{channel}/{feature}`, in the order of the specification.
        statistics: over the windows; arrays (features,).
        sample: raw feature vector of one window by seeded reservoir sampling, (features,).
        score: largest score in the interval; 1.0 = threshold; None while learning or not judged.
        health_index: 0–100, 100 = like its baseline; None while learning or not judged.
        zone: ISO 20816-3 zone A–D, or None when group and support are not configured.
        learning_progress: 0–1.
        bad_windows: windows left out, counted by cause.
    """

    asset_id: str
    machine: str
    start_ns: int
    end_ns: int
    operating_state: str
    windows: int
    feature_hash: str
    feature_names: tuple[str, ...]
    statistics: FeatureStatistics
    sample: NDArray[np.float32]
    score: float | None
    health_index: float | None
    zone: str | None
    learning_progress: float
    bad_windows: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EvidenceLine:
    """One spectral line that was looked for: matched when `snr_db` is given and high, else stated as not found."""

    line: str
    order: float
    expected_hz: float
    found_hz: float | None
    snr_db: float | None
    matched: bool


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A verdict with its reasons, for people and for the wire.

    Attributes:
        label: what it is.
        channel: on which channel it shows best, or None.
        confidence: 0–1.
        sentence: one plain sentence, the first thing a person reads.
        next_step: what to do about it.
        evidence: the lines that matched and those that did not.
    """

    label: DiagnosisLabel
    channel: str | None
    confidence: float
    sentence: str
    next_step: str
    evidence: tuple[EvidenceLine, ...] = ()


@dataclass(frozen=True, slots=True)
class AlarmReport:
    """The state of one alarm as the gateway owns it, sent whenever it changes.

    Attributes:
        alarm_id: UUID minted on the gateway, stable over revisions and occurrences.
        asset_id, machine, component, family: the identity; component is a point group, "machine" if not narrower.
        state: active or returned.
        severity: watch, alert, danger.
        since_ns: start of this occurrence.
        occurrence: 1 for the first, counted up each time it becomes active again.
        revision: counts up with every report of this alarm; a lower one that arrives later is history.
        diagnosis: may be revised while the alarm stays the same.
        score: at the time of the report.
        operating_state, model, clock_quality: under which circumstances it was judged.
    """

    alarm_id: str
    asset_id: str
    machine: str
    component: str
    family: FailureFamily
    state: AlarmState
    severity: Severity
    since_ns: int
    end_ns: int
    occurrence: int
    revision: int
    diagnosis: Diagnosis
    score: float
    operating_state: str
    model: str
    clock_quality: ClockQuality


@dataclass(frozen=True, slots=True)
class EvidencePart:
    """Part `index` of `total` of an evidence package (`models.contract.evidence`), at most 64 KiB of data.

    Attributes:
        subject: the alarm's id, or `spectrum` for the periodic picture of a machine without an alarm.
        digest: SHA-256 of the whole package, hex.
    """

    asset_id: str
    machine: str
    subject: str
    end_ns: int
    index: int
    total: int
    digest: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Evidence:
    """One moment of a machine: what an analyst wants to see. Decoded from a package by `models.contract.evidence`.

    Attributes:
        subject: alarm id, or `spectrum`.
        end_ns: wall time of the end of the waveform.
        speed_rpm: the speed used, or None.
        channels: one entry each.
        fault_lines: names and frequencies in Hz that a reader may draw into the spectra.
        facts: operating state, model, clock quality, features against baseline {name: [value, baseline, unit]}.
    """

    subject: str
    end_ns: int
    speed_rpm: float | None
    channels: tuple[EvidenceChannel, ...]
    fault_lines: tuple[EvidenceLine, ...]
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class EvidenceChannel:
    """Waveform and spectra of one channel.

    Attributes:
        name, unit: e.g. `DE.H`, `m/s2`.
        sample_rate_hz: of the waveform.
        waveform: int16 (samples,), multiply by `waveform_scale` for the unit; may be empty in a periodic picture.
        waveform_scale: unit per count.
        spectrum: RMS amplitude per bin in the unit, float32 (bins,), Hann window.
        spectrum_step_hz: distance of its bins.
        envelope: amplitude of the squared envelope per bin, relative to its local background, float32 (bins,).
        envelope_step_hz: distance of its bins.
    """

    name: str
    unit: str
    sample_rate_hz: float
    waveform: NDArray[np.int16]
    waveform_scale: float
    spectrum: NDArray[np.float32]
    spectrum_step_hz: float
    envelope: NDArray[np.float32]
    envelope_step_hz: float


@dataclass(frozen=True, slots=True)
class GatewayHealth:
    """How a gateway itself is doing, once a minute.

    Attributes:
        certificate_days: until the certificate that it shows the broker ends; negative: it has. None: it shows none.
    """

    gateway: str
    asset_id: str
    end_ns: int
    agent_version: str
    pending_records: int
    outbox_bytes: int
    dropped: Mapping[str, int]
    clock_quality: ClockQuality
    clock_offset_s: float
    cpu_percent: float
    rss_mb: float
    raw_bytes: int
    sent_bytes: int
    windows: int
    certificate_days: float | None = None
