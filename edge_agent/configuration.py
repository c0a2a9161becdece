"""The gateway's configuration: one TOML file, read once, strict, passed down in slices.

In order: read the file, let tomllib find broken syntax, let pydantic check keys, types and bounds, let each source
check its own table, resolve units and bearings; every complaint names the file, the line, the key and what to do.
Every setting is followed by its meaning, unit and the reason for its default.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import uuid
from pathlib import Path  # noqa: TC003 - pydantic reads the annotations
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from edge_agent.channel_tables import ChannelTable, ContextTable, not_empty
from edge_agent.process_tables import PhaseTable, RuleTable, unknown_detector, unknown_names, with_usual
from edge_agent.settings_table import Positive, Table
from edge_agent.settings_table import as_value_error as _as_value_error
from edge_agent.sources import SOURCES, source_module
from edge_agent.sources.base import SourceRequest, WantedChannel, WantedContext
from edge_agent.vibration_tables import BandsTable, GearTable
from models.contract.errors import ConfigurationError, InputError
from models.contract.strict_toml import TomlFile, explained, nearest, parse, read_text
from models.contract.topics import check_id
from models.contract.units import is_sound, parse_unit

if TYPE_CHECKING:
    from models.contract.toml_lines import KeyPath
    from models.diagnosis.iso20816 import VelocityLimits

QUANTITY: Final = "acceleration"
"""What the channels of a machine that vibrates measure, beside microphones; those of a process may measure anything."""

SIMULATED: Final = ("simulated", "cold_room")
"""Sources without a converter: what they deliver has its unit."""


def _checked_id(text: str) -> str:
    return _as_value_error(lambda: check_id(text))


def _checked_uuid(text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise ValueError(f"{text!r} is not a UUID: make one with uuidgen") from None


def _checked_kind(text: str) -> str:
    if text not in SOURCES:
        raise ValueError(f"unknown source kind {text!r}{nearest(text, SOURCES)}")
    return text


def _start_ns(value: object) -> int | None:
    """Return the wall time a source starts at in ns UTC, None for "now"."""
    if value == "now" or value is None:
        return None
    try:
        at = value if isinstance(value, dt.datetime) else dt.datetime.fromisoformat(str(value))
    except ValueError:
        raise ValueError(f'start = {value!r}: write "now" or a time such as 2026-03-01T08:00:00Z') from None
    if at.tzinfo is None:
        raise ValueError(f"start = {value!r} has no time zone: add Z for UTC")
    return round(at.timestamp() * 1e6) * 1000


SparkplugId = Annotated[str, AfterValidator(_checked_id)]
Uuid = Annotated[str, AfterValidator(_checked_uuid)]


class GatewayTable(Table):
    """Who this gateway is and where it keeps what must survive."""

    group: SparkplugId
    name: SparkplugId
    asset_id: Uuid
    data_dir: Path = Field(strict=False)
    host_id: SparkplugId = "plantpulse"
    """The one host whose acknowledgement counts."""


class MqttTable(Table):
    """Where the broker is, and how both sides know each other."""

    host: str = "127.0.0.1"
    port: int = Field(default=1883, ge=1, le=65535)
    username: str | None = None
    password_file: Path | None = Field(default=None, strict=False)
    """A file with nothing but the password: configurations are copied around, secrets should not be."""
    tls: bool = False
    """Encrypted; the broker's certificate is checked against the system's authorities, or against `ca_file`."""
    ca_file: Path | None = Field(default=None, strict=False)
    """The plant's own authority, PEM."""
    certificate_file: Path | None = Field(default=None, strict=False)
    key_file: Path | None = Field(default=None, strict=False)
    """What this gateway shows the broker, PEM; the key never leaves the gateway."""
    keepalive_s: int = Field(default=30, ge=5, le=3600)
    """After 1.5 times this the broker publishes our death; plants want to know within a minute."""

    @model_validator(mode="after")
    def _belong_together(self) -> Self:
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError("certificate_file and key_file go together: give both")
        if not self.tls and (self.ca_file or self.certificate_file):
            raise ValueError("ca_file and certificate_file are for TLS: add tls = true")
        return self

    def beside(self, folder: Path) -> MqttTable:
        """Return the same with its files found from the folder of the configuration."""
        names = ("password_file", "ca_file", "certificate_file", "key_file")
        files = {name: folder / file for name in names if (file := getattr(self, name)) is not None}
        return self.model_copy(update=files)


class OutboxTable(Table):
    """How much may wait for the cloud, and how it is sent."""

    max_bytes: int = Field(default=268_435_456, ge=65_536)
    """256 MiB: months of summaries of a few machines, and small beside any gateway's flash."""
    synchronous: Literal["FULL", "NORMAL"] = "FULL"
    """NORMAL may lose the last commits in a power cut; numbers are then never reused (a new incarnation)."""
    in_flight: int = Field(default=100, ge=1, le=10_000)
    """Records sent and not yet acknowledged; the cloud acknowledges every 200 ms."""
    timeout_s: Positive = 10.0
    """After this a record is sent again; far above the 200 ms, a busy cloud should not be made busier."""
    history_records_per_s: Positive = 50.0
    """Rate of what was made before the birth, so that a backlog does not drown what happens now."""


class EvidenceTable(Table):
    """How large the pictures of a machine may be, and how often one is taken."""

    max_bytes: int = Field(default=65_536, ge=4_096, le=1_048_576)
    """Per package, compressed: one part on the wire."""
    waveform_s: float = Field(default=0.5, ge=0.0, le=10.0)
    """Enough for several turns of a slow shaft."""
    spectrum_interval_s: Positive = 3_600.0
    """Of data time; an hourly spectrum shows how a fault grew."""


class KeptEvidenceTable(Table):
    """The moments around alarms that are too large to send: kept on this gateway for whoever asks."""

    max_bytes: int = Field(default=268_435_456, ge=0)
    """256 MiB: two hundred moments of four fast channels; 0 keeps none."""
    days: Positive = 14.0
    """Long enough for a holiday between an alarm and the analyst who wants to see more."""
    sent_bytes_per_day: int = Field(default=20_971_520, ge=0)
    """20 MiB: what people ask for must not fill a thin line."""


class WindowTable(Table):
    """How the stream is cut."""

    length_s: Positive = 1.0
    """1 Hz lines, enough turns of a shaft, and a decision each half second."""
    overlap: float = Field(default=0.5, ge=0.0, lt=1.0)


class LearningTable(Table):
    """How the baseline is learnt."""

    windows: int = Field(default=60, ge=8, le=100_000)
    """480 for a process."""
    least_h: float = Field(default=24.0, ge=0.0, le=8_760.0)
    """Only for a process: each phase is learnt for at least so long, because a process has days."""
    learn_new_states: bool = True
    """Whether operating states that are first seen after another one has been learnt are learnt too. They are never
    faults: unknown until they are learnt, or for good."""


class AlarmTable(Table):
    """When a score becomes an alarm; models.alarming explains each."""

    on_windows: tuple[int, int] = Field(default=(4, 5), strict=False)
    on_decisions: tuple[int, int] = Field(default=(10, 12), strict=False)
    decision_s: float = Field(default=60.0, ge=0.0)
    """Windows of a minute decide together; 0: every window decides, for recordings in time-lapse."""
    off_windows: int = Field(default=10, ge=1)
    off_decisions: int = Field(default=3, ge=1)
    on_score: Positive = 1.0
    off_score: Positive = 0.8
    alert_score: Positive = 2.0
    danger_score: Positive = 4.0
    danger_windows: int = Field(default=3_600, ge=1)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        from models.alarming import AlarmSettings

        _as_value_error(lambda: AlarmSettings(**self.model_dump()))
        return self


class SourceTable(Table):
    """What every source has; the rest of its table is checked by the source itself."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True, arbitrary_types_allowed=True)

    kind: Annotated[str, AfterValidator(_checked_kind)]
    speed: float = Field(default=1.0, gt=0.0)
    """Data seconds per second until the wall clock is reached; `inf` for as fast as possible."""
    start: Annotated[int | None, BeforeValidator(_start_ns)] = None
    """Wall time of the first sample; "now" unless given."""

    @property
    def own_keys(self) -> dict[str, Any]:
        """Return the keys that belong to this kind of source only."""
        return dict(self.model_extra or {})


class MachineTable(Table):
    """One machine: identity, facts that only the gateway knows, and how it is judged."""

    name: SparkplugId
    asset_id: Uuid
    machine_class: SparkplugId = Field(default="machine", alias="class")
    kind: Literal["vibration", "process"] = "vibration"
    """`process`: slow signals in the plant's units, judged by phases and rules; window, learning and alarm then have
    other defaults (edge_agent.process_tables)."""
    speed_rpm: Positive | None = None
    machine_group: Literal[1, 2, 3, 4] | None = None
    """ISO 20816-3 group; with `support`, both or none."""
    support: Literal["rigid", "flexible"] | None = None
    sample_rate_hz: Positive | None = None
    """Rate the machine is judged at; sources above are decimated, below is an error. Default: the source's own."""
    summary_interval_s: Positive = 60.0
    detectors: tuple[str, ...] | None = Field(default=None, min_length=1, strict=False)
    """Rows of models.detectors; the score is the largest of them. Default: the pipeline's. A process may choose those
    of slow series as well, alone or beside others: `tracking` (levels) and `discord` (days like no other)."""
    source: SourceTable
    channel: Annotated[tuple[ChannelTable, ...], BeforeValidator(not_empty)] = Field(strict=False)
    context: tuple[ContextTable, ...] = Field(default=(), strict=False)
    gear: tuple[GearTable, ...] = Field(default=(), strict=False)
    phase: tuple[PhaseTable, ...] = Field(default=(), strict=False)
    rule: tuple[RuleTable, ...] = Field(default=(), strict=False)
    window: WindowTable = WindowTable()
    learning: LearningTable = LearningTable()
    alarm: AlarmTable = AlarmTable()
    evidence: EvidenceTable = EvidenceTable()
    bands: BandsTable = BandsTable()

    @property
    def sound_channels(self) -> tuple[str, ...]:
        """Return the names of the channels that are microphones; the pressures of a process are none."""
        return tuple(one.name for one in self.channel if self.kind == "vibration" and is_sound(one.unit))

    def velocity_limits(self) -> VelocityLimits | None:
        """Return what the velocity is judged by, None where no limit is stated or no channel has a velocity.

        Raises:
            InputError: the standard does not know the machine's group, or the plant's limits contradict it.
        """
        names = [one.name for one in self.channel if one.name not in self.sound_channels]
        if self.kind == "process" or not names:
            return None
        return self.bands.velocity_limits(names, self.machine_group, self.support)

    @model_validator(mode="before")
    @classmethod
    def _usual(cls, document: Any) -> Any:
        return with_usual(document)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.machine_group is None) != (self.support is None):
            missing = "support" if self.support is None else "machine_group"
            raise ValueError(
                f"{missing} is missing: ISO 20816-3 needs both machine_group and support, or leave out both"
            )
        for detector in self.detectors or ():
            complaint = unknown_detector(detector, self.kind)
            if complaint is not None:
                raise ValueError(complaint)
        names = [channel.name for channel in self.channel]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"channel {name!r} is there twice: every channel needs its own name")
        names = [one.name for one in self.context]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"context {name!r} is there twice: every channel needs its own name")
        wheels = [one.gear() for one in self.gear]
        for one, wheel in zip(self.gear, wheels, strict=True):
            if wheels.count(wheel) > 1:
                raise ValueError(f"gear {one.spec!r} is there twice: give each wheel once")
        return self


class Settings(Table):
    """The whole configuration of one gateway."""

    gateway: GatewayTable
    mqtt: MqttTable = MqttTable()
    outbox: OutboxTable = OutboxTable()
    kept_evidence: KeptEvidenceTable = KeptEvidenceTable()
    machine: Annotated[tuple[MachineTable, ...], BeforeValidator(not_empty)] = Field(strict=False)

    @model_validator(mode="after")
    def _unique(self) -> Self:
        for what in ("name", "asset_id"):
            values = [getattr(machine, what) for machine in self.machine]
            if what == "asset_id":
                values.append(self.gateway.asset_id)
            for value in values:
                if values.count(value) > 1:
                    raise ValueError(f"{what} {value!r} is there twice: every machine needs its own")
        return self


def read_settings(path: Path) -> Settings:
    """Return the validated settings; relative paths in them start at the file's folder.

    Raises:
        ConfigurationError: names file, line, key and what to do.
    """
    settings = parse_settings(read_text(path), str(path))
    folder = path.resolve().parent
    gateway = settings.gateway.model_copy(update={"data_dir": folder / settings.gateway.data_dir})
    return settings.model_copy(update={"gateway": gateway, "mqtt": settings.mqtt.beside(folder)})


def parse_settings(text: str, name: str) -> Settings:
    """Return the validated settings from a text; `name` stands for the file in complaints.

    Raises:
        ConfigurationError: as `read_settings`.
    """
    settings, file = parse(text, name, Settings)
    for number, machine in enumerate(settings.machine):
        _suits_its_kind(machine, ("machine", number), file)
        _is_measured(machine, ("machine", number), file)
        place: KeyPath = ("machine", number, "source")
        _own_options(machine.source, place, file)
    return settings


def source_request(machine: MachineTable, folder: Path) -> SourceRequest:
    """Return what a source needs to know of one machine; `folder` is where relative paths start."""
    channels = tuple(
        WantedChannel(
            c.name,
            c.raw_unit,
            c.source_channel,
            c.known_bearing(),
            # What is to be calibrated comes as it is, and becomes sound later.
            c.sensitivity is None and c.name in machine.sound_channels,
        )
        for c in machine.channel
    )
    source = machine.source
    context = tuple(
        WantedContext(one.name, parse_unit(one.unit), one.source_channel)
        for one in machine.context
        if one.value is None
    )
    return SourceRequest(
        machine.name, channels, machine.sample_rate_hz, machine.speed_rpm, folder, source.speed, source.start, context
    )


def source_options(machine: MachineTable) -> Any:
    """Return the source's own options, validated by its own model."""
    return source_module(machine.source.kind).Options.model_validate(machine.source.own_keys)


def configuration_hash(settings: Settings) -> str:
    """Return the hash of what was configured: 16 hex digits of SHA-256 over canonical JSON, order of keys aside."""
    document = settings.model_dump(mode="python", by_alias=True)
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), default=str, allow_nan=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _suits_its_kind(machine: MachineTable, place: KeyPath, file: TomlFile) -> None:
    """Check what only vibration or only a process may have, and that phases and rules name what is there."""
    if machine.kind == "process":
        for path, complaint in unknown_names(machine.phase, machine.rule, [one.name for one in machine.channel]):
            raise ConfigurationError(f"{file.where((*place, *path))}: {complaint}")
        for key in ("gear", "bands"):
            if key in machine.model_fields_set:
                raise ConfigurationError(f"{file.where((*place, key))}: machine.{key} is for a machine that vibrates")
        return
    for number, channel in enumerate(machine.channel):
        quantity = parse_unit(channel.unit).quantity
        if quantity != QUANTITY and not is_sound(channel.unit):
            raise ConfigurationError(
                f"{file.where((*place, 'channel', number, 'unit'))}: machine.channel: unit {channel.unit!r} measures"
                f" {quantity}, a vibration channel needs g, mg or m/s2, a microphone Pa, mPa or uPa; slow signals need"
                ' kind = "process"'
            )
    for key in ("phase", "rule"):
        if getattr(machine, key):
            raise ConfigurationError(f'{file.where((*place, key))}: machine.{key} needs kind = "process"')
    _suit_the_standard(machine, place, file)


def _suit_the_standard(machine: MachineTable, place: KeyPath, file: TomlFile) -> None:
    """Check that the standard knows the machine's group, and that the limits of its velocity can be used."""
    try:
        limits = machine.velocity_limits()
    except InputError as error:
        key = "bands" if "bands" in machine.model_fields_set else "machine_group"
        raise ConfigurationError(f"{file.where((*place, key))}: machine.{key}: {error}") from error
    if limits is None and machine.bands.limits() is not None:
        raise ConfigurationError(f"{file.where((*place, 'bands'))}: machine.bands needs a channel of acceleration")


def _is_measured(machine: MachineTable, place: KeyPath, file: TomlFile) -> None:
    """Check that only what a converter has read is calibrated."""
    for number, channel in enumerate(machine.channel):
        if channel.sensitivity is not None and machine.source.kind in SIMULATED:
            raise ConfigurationError(
                f"{file.where((*place, 'channel', number, 'sensitivity'))}: machine.channel: a simulated sensor"
                f" delivers {channel.unit} already: leave its sensitivity out"
            )


def _own_options(source: SourceTable, place: KeyPath, file: TomlFile) -> None:
    try:
        model = source_module(source.kind).Options
    except ImportError as error:
        raise ConfigurationError(
            f"{file.where(place)}: source kind {source.kind!r} needs a package that is not installed ({error})"
        ) from error
    try:
        model.model_validate(source.own_keys)
    except ValidationError as error:
        raise ConfigurationError(explained(error, model, place, file, tuple(SourceTable.model_fields))) from None
