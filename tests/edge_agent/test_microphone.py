"""Two accelerometers and a microphone on a gateway: one recording in, summaries in the right units and one alarm out.

The microphone hears what the housing at the driven end radiates, 0.02 Pa for each m/s², and the noise of a hall.
"""

from __future__ import annotations

import re

import numpy as np
import pytest
from scipy.io import wavfile

from edge_agent.assembly import machine_setup
from edge_agent.configuration import parse_settings, source_options, source_request
from edge_agent.machine import MachineWatch
from edge_agent.offline import replay_files
from edge_agent.sources import source_module
from edge_agent.sources.plant.faults import Fault, FaultGrowth
from edge_agent.sources.plant.impacts import BearingOrders
from edge_agent.sources.plant.machine import MachinePhysics, PlantMachine
from edge_agent.sources.plant.programme import OperatingPoint, OperatingProgramme
from models.contract.encoding import from_record
from models.contract.errors import ConfigurationError
from models.contract.evidence import join_evidence, unpack_evidence
from models.contract.records import AlarmReport, EvidencePart, Summary
from models.contract.units import STANDARD_GRAVITY
from models.contract.vocabulary import DiagnosisLabel, FailureFamily
from models.pipeline import PipelineSettingsError
from models.signal.acoustics import level_db

RATE_HZ = 12_800
SPEED_RPM = 1_480.0
ORDERS = BearingOrders(3.58, 5.42, 2.36, 0.398)
PA_PER_M_S2 = 0.02
HALL_PA = 0.005
ONSET_S = 30
GATEWAY = f"""
[gateway]
group = "plant"
name = "gateway-1"
asset_id = "6f1c7a52-94a7-4f5f-8a0e-0d7a2f3c1b11"
data_dir = "data"
[[machine]]
name = "pump-1"
asset_id = "6f1c7a52-94a7-4f5f-8a0e-0d7a2f3c1b12"
speed_rpm = {SPEED_RPM}
machine_group = 2
support = "rigid"
summary_interval_s = 10.0
  [machine.source]
  kind = "replay"
  speed = inf
  start = "2026-03-01T08:00:00Z"
  files = ["pump.wav"]
  [[machine.channel]]
  name = "DE.H"
  unit = "g"
  bearing_orders = {{bpfo = 3.58, bpfi = 5.42, bsf = 2.36, ftf = 0.398}}
  [[machine.channel]]
  name = "MIC.A"
  unit = "mPa"
  [[machine.channel]]
  name = "NDE.H"
  unit = "g"
  [machine.window]
  length_s = 0.5
  [machine.learning]
  windows = 20
"""
NAMES = ("DE.H", "MIC.A", "NDE.H")


def recorded(seconds, fault=None):
    """Return what the three sensors report, (3, n), in g, mPa and g."""
    growth = () if fault is None else (FaultGrowth(fault, "DE", float(ONSET_S), 5.0),)
    machine = PlantMachine(
        MachinePhysics(
            seed=4,
            sample_rate_hz=float(RATE_HZ),
            channel_names=("DE.H", "NDE.H"),
            rated_speed_rpm=SPEED_RPM,
            programme=OperatingProgramme((OperatingPoint(0.0, SPEED_RPM),), seed=4),
            bearings={"DE": ORDERS},
            faults=growth,
        )
    )
    touching = np.concatenate([machine.samples(second * RATE_HZ, RATE_HZ) for second in range(seconds)], axis=1)
    hall = HALL_PA * np.random.default_rng(4).standard_normal(touching.shape[1])
    heard_pa = PA_PER_M_S2 * STANDARD_GRAVITY * np.roll(touching[0], round(0.01 * RATE_HZ)) + hall
    return np.stack([touching[0], 1000.0 * heard_pa, touching[1]]).astype(np.float32)


async def replayed(folder, samples, text=GATEWAY):
    path = folder / "pump.wav"
    wavfile.write(path, RATE_HZ, np.ascontiguousarray(samples.T))
    table = parse_settings(text, "gateway.toml").machine[0]
    return [from_record(record) async for record in replay_files(table, [path], folder)]


def of_kind(contents, kind):
    return [content for content in contents if isinstance(content, kind)]


def watch_of(folder, text=GATEWAY):
    table = parse_settings(text, "gateway.toml").machine[0]
    source = source_module(table.source.kind).open_source(source_request(table, folder), source_options(table))
    return MachineWatch(machine_setup(table, source))


@pytest.fixture(scope="module")
def healthy():
    return recorded(30)


async def test_summaries_hold_levels_of_the_sound_and_nothing_that_a_sound_has_not(tmp_path, healthy):
    contents = await replayed(tmp_path, healthy)
    assert of_kind(contents, AlarmReport) == []
    summary = next(one for one in of_kind(contents, Summary) if one.score is not None)
    units = dict(zip(summary.feature_names, watch_of(tmp_path).feature_units, strict=True))
    mean = dict(zip(summary.feature_names, summary.statistics.mean.tolist(), strict=True))
    of_sound = {name.partition("/")[2]: unit for name, unit in units.items() if name.startswith("MIC.A/")}
    assert set(of_sound.values()) == {"dB re 20 µPa", "Pa", "1"}
    assert not any(word in name for name in of_sound for word in ("velocity", "acceleration", "displacement"))
    assert units["DE.H/velocity_rms"] == "mm/s"
    assert units["NDE.H/acceleration_rms"] == "m/s²"
    heard_pa = healthy[1, : 10 * RATE_HZ] / 1000.0
    # Levels of half seconds of a steady machine differ by tenths of a decibel.
    assert mean["MIC.A/sound_level"] == pytest.approx(float(level_db(heard_pa.std())), abs=0.3)
    assert mean["MIC.A/sound_level"] - 6.0 < mean["MIC.A/sound_level_a"] < mean["MIC.A/sound_level"] + 1.3
    assert np.isfinite(summary.statistics.mean).all()
    assert summary.zone == "A"


async def test_a_loud_hall_is_no_zone_and_a_quiet_machine_is_not_off(tmp_path, healthy):
    """A hundred pascal would be zone D of a velocity, a thousandth of one a machine that stands still."""
    for factor in (1e4, 1e-2):
        samples = healthy[:, : 12 * RATE_HZ].copy()
        samples[1] *= factor
        summaries = of_kind(await replayed(tmp_path, samples), Summary)
        assert {one.zone for one in summaries if one.operating_state.startswith("steady")} == {"A"}
        assert "off" not in {one.operating_state for one in summaries}


async def test_damage_is_one_alarm_with_the_picture_of_every_channel_in_its_unit(tmp_path):
    contents = await replayed(tmp_path, recorded(55, Fault.OUTER_RACE))
    alarms = of_kind(contents, AlarmReport)
    assert len({alarm.alarm_id for alarm in alarms}) == 1
    assert alarms[-1].diagnosis.label is DiagnosisLabel.OUTER_RACE
    parts = of_kind(contents, EvidencePart)
    evidence = unpack_evidence(join_evidence([part for part in parts if part.digest == parts[-1].digest]))
    assert [(one.name, one.unit) for one in evidence.channels] == [("DE.H", "m/s2"), ("MIC.A", "Pa"), ("NDE.H", "m/s2")]
    value, before, unit = evidence.facts["features"]["MIC.A/sound_level"]
    assert unit == "dB re 20 µPa"
    assert value > before + 3.0


async def test_what_only_the_microphone_hears_is_a_change_told_in_decibels(tmp_path, healthy):
    samples = np.concatenate([healthy, healthy], axis=1)
    at_s = np.arange(samples.shape[1]) / RATE_HZ
    samples[1] += np.where(at_s > ONSET_S, 2000.0 * np.sin(2 * np.pi * 2_345.0 * at_s), 0.0)
    alarms = of_kind(await replayed(tmp_path, samples), AlarmReport)
    assert [alarm.family for alarm in alarms] == [FailureFamily.MECHANICAL]
    said = alarms[0].diagnosis
    assert said.label is DiagnosisLabel.CHANGED
    assert said.channel == "MIC.A"
    assert re.match(r"(The sound at MIC.A has changed|Sound differs from its baseline)", said.sentence)
    assert "dB" in said.sentence


async def test_a_microphone_alone_is_a_machine_too(tmp_path, healthy):
    """Its level is small in numbers, and nobody calls that a standstill; a shut valve of 20 dB is one."""
    channels = GATEWAY[GATEWAY.index("  [[machine.channel]]") : GATEWAY.index("  [machine.window]")]
    alone = GATEWAY.replace(channels, '  [[machine.channel]]\n  name = "MIC.A"\n  unit = "mPa"\n')
    silent = healthy[1:2, : 10 * RATE_HZ] * np.float32(0.05)
    contents = await replayed(tmp_path, np.concatenate([healthy[1:2], silent], axis=1), alone)
    states = [one.operating_state for one in of_kind(contents, Summary)]
    assert states[0].startswith("steady") or "steady/default" in states
    assert states[-1] == "off"
    assert of_kind(contents, AlarmReport) == []
    assert {one.zone for one in of_kind(contents, Summary)} == {None}


async def test_a_stuck_microphone_is_an_alarm_of_the_sensor(tmp_path, healthy):
    samples = healthy.copy()
    samples[1, 15 * RATE_HZ :] = 1.5
    alarms = of_kind(await replayed(tmp_path, samples), AlarmReport)
    assert [(alarm.family, alarm.diagnosis.channel) for alarm in alarms] == [(FailureFamily.SENSOR, "MIC.A")]


def test_a_process_may_measure_pressures_and_they_stay_as_they_are():
    text = GATEWAY.replace('name = "pump-1"', 'name = "pump-1"\nkind = "process"')
    text = re.sub(r"(machine_group|support|  bearing_orders|speed_rpm).*\n", "", text).replace('"g"', '"bar"')
    table = parse_settings(text, "gateway.toml").machine[0]
    assert table.sound_channels == ()
    assert not any(channel.is_sound for channel in source_request(table, None).channels)


def test_what_is_neither_vibration_nor_sound_is_refused_with_what_would_do():
    with pytest.raises(ConfigurationError, match="a microphone Pa, mPa or uPa") as caught:
        parse_settings(GATEWAY.replace('"mPa"', '"bar"'), "gateway.toml")
    assert "\n" not in str(caught.value)


def test_a_rate_too_low_for_sound_is_refused_with_what_would_do(tmp_path, healthy):
    wavfile.write(tmp_path / "pump.wav", RATE_HZ, np.ascontiguousarray(healthy.T))
    slow = GATEWAY.replace('support = "rigid"', 'support = "rigid"\nsample_rate_hz = 1600.0')
    with pytest.raises(PipelineSettingsError, match=r"machine pump-1, channel MIC\.A: 1600 .*at least 2560 Hz"):
        watch_of(tmp_path, slow)
    assert watch_of(tmp_path).feature_names[17] == "MIC.A/sound_level"
