"""The JSON of the API: what `/api/v1` promises, and what its OpenAPI document is made of.

Times are ISO 8601 in UTC, or ms since 1970 where the name ends in ``_ms``. Lists are `{"items": […], "next": …}`.
"""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from cloud.alarm_desk import LONGEST_SHELVING_MS
from models.contract.vocabulary import Finding, Severity


class _Document(BaseModel):
    model_config = ConfigDict(populate_by_name=True)


class OpenAlarms(_Document):
    """How many alarms of each priority want something from somebody."""

    urgent: int = 0
    high: int = 0
    medium: int = 0
    low: int = 0


class Withheld(_Document):
    """Why an alarm, or a machine in maintenance, asks for nothing just now; without an end until somebody says so."""

    by: str
    at: str
    reason: str
    until: str | None


class Verdict(_Document):
    """The sentence a person reads first: from the open alarm that matters most."""

    label: str
    sentence: str
    severity: str
    since: str


class HealthTrend(_Document):
    """Health of the last 30 days in at most 60 points."""

    t_ms: list[int]
    value: list[float]


class MachineItem(_Document):
    """A machine in the fleet."""

    id: str
    name: str
    path: str
    machine_class: str | None = Field(serialization_alias="class")
    gateway: str
    operating_state: str | None
    health_index: float | None
    score: float | None
    zone: str | None
    learning_progress: float | None
    last_data: str | None
    stale: bool
    open_alarms: OpenAlarms
    verdict: Verdict | None
    health_trend: HealthTrend
    maintenance: Withheld | None


class Channel(_Document):
    """A measuring channel."""

    name: str
    unit: str | None
    sample_rate_hz: float | None
    bearing: str | None


class FeatureName(_Document):
    """A feature that can be asked for as a trend."""

    name: str
    unit: str | None


class MachineFacts(_Document):
    """Measurement facts from the gateway's configuration."""

    speed_rpm: float | None = None
    machine_group: int | None = None
    support: str | None = None


class DaysToLimit(_Document):
    """How long until a limit: half of what is possible comes before the median, `level` of it between low and high."""

    median: float
    low: float
    high: float | None = Field(description="null where it is open: later than anybody could say")
    level: float


class PrognosisItem(_Document):
    """How long a trend has until its alarm limit, or why nobody can say; days count from the time of `at`."""

    feature: str
    limit: float
    unit: str
    days_to_limit: DaysToLimit | None
    sentence: str
    reason: str = Field(description="rising, reached, flat, falling, too_short or too_slow")
    from_time: str | None = Field(serialization_alias="from", description="since when it rises")
    at: str | None
    model: str | None = Field(description="most probable course: linear, slowing, accelerating or exponential")


class MachineDocument(MachineItem):
    """One machine; `prognosis` is the most pressing of `prognoses`."""

    channels: list[Channel]
    features: list[FeatureName]
    facts: MachineFacts
    prognosis: PrognosisItem | None
    prognoses: list[PrognosisItem]


class MachineList(_Document):
    """A page of machines."""

    items: list[MachineItem]
    next: str | None


class Series(_Document):
    """One feature over time; arrays of the same length, times are starts of buckets."""

    feature: str
    unit: str | None
    t_ms: list[int]
    mean: list[float]
    min: list[float]
    max: list[float]
    late: list[bool]


class States(_Document):
    """Operating states: each value holds until the next time; null where nothing was heard."""

    t_ms: list[int]
    value: list[str | None]


class TrendDocument(_Document):
    """Trends of one machine at the grain that fitted."""

    machine: str
    from_time: str = Field(serialization_alias="from")
    to_time: str = Field(serialization_alias="to")
    bucket_s: float
    series: list[Series]
    states: States


class SpectrumItem(_Document):
    """A picture of a machine that can be fetched; subject is `spectrum` or the id of an alarm."""

    id: str
    end: str
    subject: str
    channels: list[str]


class SpectrumList(_Document):
    """A page of pictures, newest first."""

    items: list[SpectrumItem]
    next: str | None


class Waveform(_Document):
    """Samples in the channel's unit."""

    dt_s: float
    values: list[float]


class Bins(_Document):
    """A spectrum from 0 Hz."""

    step_hz: float
    values: list[float]


class SpectrumChannel(_Document):
    """Waveform, RMS amplitude spectrum and squared-envelope spectrum of one channel."""

    name: str
    unit: str
    sample_rate_hz: float
    waveform: Waveform
    spectrum: Bins
    envelope: Bins


class FaultLine(_Document):
    """A spectral line that was looked for."""

    line: str
    order: float
    expected_hz: float
    found_hz: float | None
    snr_db: float | None
    matched: bool


class SpectrumDocument(_Document):
    """What an analyst wants to see of one moment."""

    id: str
    end: str
    subject: str
    speed_rpm: float | None
    channels: list[SpectrumChannel]
    fault_lines: list[FaultLine]
    facts: dict[str, Any]


class Acknowledged(_Document):
    """Who has seen an alarm."""

    by: str
    at: str
    comment: str


class AlarmItem(_Document):
    """An alarm: condition from its gateway, state from both."""

    id: str
    machine: str
    machine_name: str
    component: str
    family: str
    state: str
    condition: str
    severity: str
    priority: str
    label: str
    sentence: str
    next_step: str
    confidence: float
    channel: str | None
    score: float
    operating_state: str
    model: str
    clock_quality: str
    since: str
    changed: str
    occurrences: int
    late: bool
    acknowledged: Acknowledged | None
    withheld: Withheld | None
    evidence: str
    lines: list[FaultLine]


class OutcomeItem(_Document):
    """What was last found at an alarm."""

    finding: str
    action: str
    part: str
    comment: str
    by: str
    at: str


class TimelineItem(_Document):
    """One line of an alarm's timeline."""

    at: str
    who: str
    what: str
    detail: str


class AlarmDocument(AlarmItem):
    """One alarm with what was found and its timeline."""

    outcome: OutcomeItem | None
    timeline: list[TimelineItem]
    prognosis: PrognosisItem | None


class AlarmList(_Document):
    """A page of alarms, the last changed first."""

    items: list[AlarmItem]
    next: str | None


class NothingRequest(BaseModel):
    """Nothing has to be said; who does it is known by their session or token."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class AcknowledgeRequest(NothingRequest):
    """What somebody who has seen the alarm wants to say."""

    comment: str = Field(default="", max_length=2_000)


class ReasonRequest(NothingRequest):
    """Why an alarm is withheld: whoever comes next must understand it."""

    reason: str = Field(min_length=1, max_length=2_000)


class ShelveRequest(ReasonRequest):
    """The same until a time."""

    minutes: int = Field(ge=1, le=LONGEST_SHELVING_MS // 60_000)


class OutcomeRequest(NothingRequest):
    """What somebody found at an alarm."""

    finding: Finding
    severity: Severity | None = None
    action: str = Field(default="", max_length=500)
    part: str = Field(default="", max_length=200, description="what was replaced, empty for nothing")
    comment: str = Field(default="", max_length=2_000)


class LabelRequest(OutcomeRequest):
    """What somebody found in a stretch of a machine's time; times as everywhere."""

    machine: str = Field(max_length=64)
    from_time: str = Field(alias="from", max_length=40)
    to_time: str = Field(alias="to", max_length=40)


class LabelItem(OutcomeItem):
    """What was found when, and what had told of it."""

    key: int
    machine: str
    alarm: str | None
    evidence: str | None
    from_time: str = Field(serialization_alias="from")
    to_time: str = Field(serialization_alias="to")
    severity: str | None
    told: str | None
    model: str | None


class LabelList(_Document):
    """A page of labels, newest first."""

    items: list[LabelItem]
    next: str | None


class TrackRecordItem(_Document):
    """How often alarms were right, of those that somebody looked at; shares are null where nothing was."""

    name: str
    right: int
    named: int
    false_alarms: int
    missed: int
    false_alarm_share: float | None
    missed_share: float | None


class TrackRecordDocument(_Document):
    """Track records by machine and by model."""

    machines: list[TrackRecordItem]
    models: list[TrackRecordItem]


class GatewayItem(_Document):
    """A gateway, ours or a foreign edge node; what only ours tell is null or 0 for foreign ones."""

    id: str
    group: str
    name: str
    foreign: bool
    online: bool
    last_seen: str
    agent_version: str | None
    config_hash: str | None
    incarnation: str | None
    pending: int | None
    dropped: dict[str, int]
    clock_quality: str | None
    clock_offset_s: float | None
    certificate_days: float | None
    cpu_percent: float | None
    rss_mb: float | None
    raw_bytes: int | None
    sent_bytes: int | None
    records_stored: int
    records_duplicate: int
    quarantined: int
    sequence_gaps: int
    rebirths: int
    machines: list[str]


class MetricItem(_Document):
    """The latest value of a metric as the gateway named it."""

    name: str
    value: float | str | None
    unit: str | None
    at: str
    quality: str


class GatewayDocument(GatewayItem):
    """One gateway with its latest metrics."""

    metrics: list[MetricItem]


class GatewayList(_Document):
    """A page of gateways."""

    items: list[GatewayItem]
    next: str | None


class AuditItem(_Document):
    """Who did what."""

    at: str
    who: str
    what: str
    subject: str
    detail: dict[str, Any]


class AuditList(_Document):
    """A page of the audit, newest first."""

    items: list[AuditItem]
    next: str | None
