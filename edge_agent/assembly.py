"""From settings to parts: what the configuration and an opened source say, in the words of each part of the agent."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field, replace
from importlib import metadata
from typing import TYPE_CHECKING

from edge_agent.configuration import configuration_hash
from edge_agent.machine_setup import MachineSetup
from edge_agent.mqtt_session import Broker, Tls
from edge_agent.sources.base import SourceError
from edge_agent.sparkplug_node import SparkplugNode
from models.alarming import AlarmSettings
from models.context import SPEED, ContextChannel
from models.contract import metrics
from models.contract.facts import ChannelFacts, MachineFacts, format_facts
from models.contract.metrics import MetricDefinition
from models.contract.sparkplug import DataType
from models.contract.units import parse_unit
from models.detectors.autoencoder import Autoencoder, base_network
from models.diagnosis.diagnose import BearingAt
from models.operating_state import OperatingSettings
from models.pipeline import PipelineSettings
from models.process_pipeline import ProcessSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge_agent.configuration import MachineTable, Settings
    from edge_agent.journal import Catalogue
    from edge_agent.machine import MachineWatch
    from edge_agent.sources.base import Source
    from models.signal.calibration import Calibration


@dataclass(slots=True)
class Machine:
    """One machine of the running agent.

    Attributes:
        table, source, watch: what it is, where its samples come from, what judges them.
        epoch, detail: of the source's position.
        connected_at_s: when its source delivered first since it was (re)opened; None while it does not.
        is_failing: its source has failed and not delivered since.
        has_judged: a window of it has been judged since the start.
        has_spoken: is set once it is known whether the source delivers.
        relearn_ms: what is normal is to be learnt from data after this; None: nobody asks for that.
    """

    table: MachineTable
    source: Source
    watch: MachineWatch
    epoch: int
    detail: str
    connected_at_s: float | None = None
    is_failing: bool = False
    has_judged: bool = False
    has_spoken: asyncio.Event = field(default_factory=asyncio.Event)
    relearn_ms: int | None = None

    @property
    def raw_bytes_per_sample(self) -> float:
        """Return the sensor's bytes for one sample of all channels at the rate it is judged at."""
        facts = self.source.facts
        return len(facts.channels) * facts.word_bytes * facts.raw_rate_hz / facts.sample_rate_hz


def machine_setup(table: MachineTable, source: Source) -> MachineSetup:
    """Return what the configuration and the opened source say about a machine."""
    facts = source.facts
    window_samples = max(1, round(table.window.length_s * facts.sample_rate_hz))
    hop_samples = max(1, round(window_samples * (1.0 - table.window.overlap)))
    if table.kind == "process":
        return MachineSetup(
            pipeline=_process_settings(table, source, window_samples, hop_samples),
            hop_samples=hop_samples,
            calibration=_calibration(table),
            max_evidence_bytes=table.evidence.max_bytes,
            spectrum_interval_s=table.evidence.spectrum_interval_s,
        )
    pipeline = PipelineSettings(
        asset_id=table.asset_id,
        machine=table.name,
        channel_names=facts.channels,
        sample_rate_hz=facts.sample_rate_hz,
        window_samples=window_samples,
        speed_rpm=facts.speed_rpm or table.speed_rpm,
        machine_group=table.machine_group,
        support=table.support,
        bands=table.bands.limits(),
        learning_windows=table.learning.windows,
        summary_interval_s=table.summary_interval_s,
        alarm=AlarmSettings(**table.alarm.model_dump()),
        sound_channels=table.sound_channels,
    )
    if table.detectors is not None:
        pipeline = replace(pipeline, detectors=table.detectors)
    context, operating = _context(table, source)
    pipeline = replace(pipeline, context=context, operating=operating)
    bearings: dict[tuple[str, str], BearingAt] = {}
    for channel in table.channel:
        bearing = channel.known_bearing()
        if bearing is not None:
            point = channel.name.partition(".")[0]
            bearings[bearing.name, point] = BearingAt(bearing, point)
    return MachineSetup(
        pipeline=pipeline,
        hop_samples=hop_samples,
        bearings=tuple(bearings.values()),
        gears=tuple(one.gear() for one in table.gear),
        speed_measured=facts.speed_measured,
        calibration=_calibration(table),
        max_evidence_bytes=table.evidence.max_bytes,
        waveform_s=table.evidence.waveform_s,
        spectrum_interval_s=table.evidence.spectrum_interval_s,
    )


def _calibration(table: MachineTable) -> tuple[Calibration, ...]:
    """Return the calibration of every channel, none where no channel needs one."""
    if all(channel.sensitivity is None for channel in table.channel):
        return ()
    return tuple(channel.calibration(is_vibration=table.kind == "vibration") for channel in table.channel)


def _process_settings(table: MachineTable, source: Source, window_samples: int, hop_samples: int) -> ProcessSettings:
    settings = ProcessSettings(
        asset_id=table.asset_id,
        machine=table.name,
        channel_names=source.facts.channels,
        sample_rate_hz=source.facts.sample_rate_hz,
        window_samples=window_samples,
        learning_windows=table.learning.windows,
        summary_interval_s=table.summary_interval_s,
        alarm=AlarmSettings(**table.alarm.model_dump()),
        units=tuple(parse_unit(channel.unit).eng_unit for channel in table.channel),
        hop_samples=hop_samples,
        phases=tuple(phase.phase() for phase in table.phase),
        rules=tuple(rule.rule() for rule in table.rule),
        learning_s=3_600.0 * table.learning.least_h,
    )
    return settings if table.detectors is None else replace(settings, detectors=table.detectors)


def _context(table: MachineTable, source: Source) -> tuple[tuple[ContextChannel, ...], OperatingSettings]:
    """Return the machine's context channels, and how its operating states are told apart."""
    channels = tuple(one.channel() for one in table.context)
    measured = [channel.name for channel in channels if channel.constant is None]
    missing = [name for name in measured if name not in source.facts.context]
    if missing:
        raise SourceError(
            f"machine {table.name}: nothing delivers context {missing[0]!r}; give its source_channel or its value,"
            f" or state it with each file of a replay"
        )
    return channels, OperatingSettings(
        speed_measured=source.facts.speed_measured or SPEED in measured,
        learn_new_states=table.learning.learn_new_states,
    )


def load_networks(machines: Sequence[Machine]) -> None:
    """Load what the machines' detectors will run once they have learnt.

    Now and not then: a runtime that is missing is said at the start, and what its loading alone needs is given back
    with the rest of starting.

    Raises:
        RuntimeMissingError: no runtime for networks is installed.
    """
    if any(Autoencoder.name in machine.watch.setup.pipeline.detectors for machine in machines):
        base_network()


def edge_node(settings: Settings, machines: Sequence[Machine], declared: Catalogue) -> SparkplugNode:
    """Return the edge node with everything it will ever declare, and the values that are known from the start."""
    now_ms = time.time_ns() // 1_000_000
    gateway = settings.gateway
    node = SparkplugNode(
        gateway.group,
        gateway.name,
        {
            machine: [MetricDefinition(name, DataType(number), unit) for name, (number, unit) in definitions.items()]
            for machine, definitions in declared.items()
        },
        [machine.table.machine_class for machine in machines],
    )
    node.set_value(None, metrics.ASSET_ID, gateway.asset_id, now_ms)
    node.set_value(None, metrics.AGENT_VERSION, agent_version(), now_ms)
    node.set_value(None, metrics.CONFIG_HASH, configuration_hash(settings), now_ms)
    for machine in machines:
        name = machine.table.name
        node.set_value(name, metrics.ASSET_ID, machine.table.asset_id, now_ms)
        node.set_value(name, metrics.ASSET_FACTS, format_facts(_machine_facts(machine)), now_ms)
        node.set_value(name, metrics.LEARNING_SINCE, machine.watch.learning_since_ms, now_ms)
    return node


def catalogue(machines: Sequence[Machine]) -> Catalogue:
    """Return every metric that the configured machines will ever send."""
    return {
        machine.table.name: {
            definition.name: (int(definition.datatype), definition.eng_unit)
            for definition in metrics.machine_metrics(
                list(zip(machine.watch.feature_names, machine.watch.feature_units, strict=True))
            )
        }
        for machine in machines
    }


def _machine_facts(machine: Machine) -> MachineFacts:
    table, facts = machine.table, machine.source.facts
    bearings = [channel.known_bearing() for channel in table.channel]
    return MachineFacts(
        machine_class=table.machine_class,
        speed_rpm=facts.speed_rpm or table.speed_rpm,
        machine_group=table.machine_group,
        support=table.support,
        feature_hash=machine.watch.pipeline.extractor.hash,
        window_s=table.window.length_s,
        summary_interval_s=table.summary_interval_s,
        channels=tuple(
            ChannelFacts(
                channel.name,
                parse_unit(channel.unit).eng_unit,
                facts.sample_rate_hz,
                facts.word_bytes,
                None if bearing is None else bearing.name,
            )
            for channel, bearing in zip(table.channel, bearings, strict=True)
        ),
    )


def broker(settings: Settings) -> Broker:
    """Return where to connect; the asset id names the connection, because names may change."""
    mqtt = settings.mqtt
    return Broker(
        host=mqtt.host,
        port=mqtt.port,
        client_id=f"edge-{settings.gateway.asset_id}",
        keepalive_s=mqtt.keepalive_s,
        username=mqtt.username,
        password_file=mqtt.password_file,
        tls=Tls(mqtt.ca_file, mqtt.certificate_file, mqtt.key_file) if mqtt.tls else None,
    )


def agent_version() -> str:
    """Return the installed version."""
    try:
        return metadata.version("plantpulse")
    except metadata.PackageNotFoundError:
        return "0"
