"""A vibrating machine from its configuration to the words of its alarm: what is stated of it is what is judged."""

from __future__ import annotations

import datetime as dt
import functools
import re
from dataclasses import replace

import numpy as np
import pytest
from support.fault_cases import machine
from support.machine_signals import Run, record

from edge_agent.assembly import machine_setup
from edge_agent.configuration import parse_settings, source_options, source_request
from edge_agent.journal import Change, MachineProgress, Stamp
from edge_agent.machine import MachineWatch
from edge_agent.sources import source_module
from edge_agent.sources.base import SourcePosition
from edge_agent.status import MachinePlace, read_status
from models.contract.encoding import from_record
from models.contract.errors import ConfigurationError
from models.contract.records import AlarmReport
from models.contract.vocabulary import AlarmState, ClockQuality, DiagnosisLabel, Severity
from models.diagnosis.gear_faults import Gear

STAMP = Stamp("boot", 1, 2, ClockQuality.SYNCHRONISED)
START = "2026-01-01T00:00:00Z"
PLANT = """
[gateway]
group = "plant"
name = "gateway-1"
asset_id = "6f1c7a52-94a7-4f5f-8a0e-0d7a2f3c1b11"
data_dir = "data"
[[machine]]
name = "mill-1"
asset_id = "6f1c7a52-94a7-4f5f-8a0e-0d7a2f3c1b12"
{machine}
  [machine.source]
  kind = "replay"
  speed = inf
  start = "{START}"
  files = ["{file}"]
  [[machine.channel]]
  name = "DE.H"
  unit = "m/s2"
  {channel}
  [machine.learning]
  windows = 20
{tables}
"""


def plant(*, machine="", file="recorded.npz", channel="", tables=""):
    """Return the settings of a gateway with one machine."""
    return parse_settings(
        PLANT.format(START=START, machine=machine, file=file, channel=channel, tables=tables), "gateway.toml"
    )


def seconds(time_ns):
    """Return how long after the first sample a time is."""
    return time_ns / 1e9 - dt.datetime.fromisoformat(START).timestamp()


def opened(settings, folder):
    """Return the source of the machine, and the function that makes a watch as the agent would."""
    table = settings.machine[0]
    source = source_module(table.source.kind).open_source(source_request(table, folder), source_options(table))
    return source, functools.partial(MachineWatch, machine_setup(table, source))


async def watched(source, watch, first=0, until=None):
    """Return the alarms of a stretch of the recording."""
    alarms = []
    async for block in source.blocks(SourcePosition(1, first)):
        if until is not None and block.first_index >= until:
            break
        step = await watch.take(block, ClockQuality.SYNCHRONISED)
        alarms += [content for content in map(from_record, step.records) if isinstance(content, AlarmReport)]
    return alarms


GEARBOX = replace(machine(0), channels=("DE.H",))
RATE_HZ = GEARBOX.rate_hz
WHEELS = f"""
  [[machine.gear]]
  spec = "{GEARBOX.teeth.pinion}"
  [[machine.gear]]
  spec = "{GEARBOX.teeth.wheel}@{GEARBOX.teeth.pinion}/{GEARBOX.teeth.wheel}"
"""
HEALTHY_S = 18.0


@pytest.fixture(scope="module")
def gearbox(tmp_path_factory):
    """A folder with a recording of good teeth, and of a broken one from `HEALTHY_S` on."""
    folder = tmp_path_factory.mktemp("gearbox")
    stretches = Run(HEALTHY_S, 1), Run(5.0, 2, fault="gear", severity=4.0)
    samples = np.concatenate([record(GEARBOX, run).samples for run in stretches], axis=1)
    np.savez(folder / "recorded.npz", acc=samples[0], fs_hz=RATE_HZ)
    return folder


def geared(tables=WHEELS):
    return plant(machine=f"speed_rpm = {GEARBOX.speed_rpm}\nsample_rate_hz = {RATE_HZ}", tables=tables)


async def test_an_alarm_of_a_geared_machine_names_the_teeth(gearbox):
    source, new_watch = opened(geared(), gearbox)
    watch = new_watch()
    assert watch.setup.gears == (Gear(18), Gear(25, 18 / 25))
    alarms = await watched(source, watch)
    assert alarms[0].state is AlarmState.ACTIVE
    assert seconds(alarms[0].since_ns) == pytest.approx(HEALTHY_S, abs=1.5)
    assert alarms[-1].diagnosis.label is DiagnosisLabel.GEAR
    assert "the wheel with 18 teeth" in alarms[-1].diagnosis.sentence
    matched = [line.line for line in alarms[-1].diagnosis.evidence if line.matched]
    assert sum("GMF" in line and line.endswith("x18T") for line in matched) >= 2


async def test_without_its_teeth_nobody_knows_that_it_is_a_gear(gearbox):
    source, new_watch = opened(geared(""), gearbox)
    alarms = await watched(source, new_watch())
    assert alarms
    assert DiagnosisLabel.GEAR not in {alarm.diagnosis.label for alarm in alarms}


async def test_wheels_that_are_stated_later_are_learnt_while_nothing_is_wrong(gearbox):
    """The fingerprint of a machine that has long been learnt is made anew with its mesh, before the fault."""
    source, without = opened(geared(""), gearbox)
    watch = without()
    # Learnt in ten seconds and a half: twenty windows of a second, half overlapped.
    assert await watched(source, watch, until=round(12 * RATE_HZ)) == []
    source, with_wheels = opened(geared(), gearbox)
    watch = with_wheels(watch.memory_bytes())
    alarms = await watched(source, watch, watch.next_needed_index)
    assert alarms[-1].diagnosis.label is DiagnosisLabel.GEAR


@pytest.mark.parametrize(
    ("tables", "line", "said"),
    [
        ('[[machine.gear]]\nspec = "57@20/0"', 2, "gear '57@20/0': give TEETH or TEETH@ORDER"),
        ('[[machine.gear]]\nspec = "wheel"', 2, "gear 'wheel': give TEETH or TEETH@ORDER"),
        ('[[machine.gear]]\nspec = "3"', 2, "a gear wheel has 6 to 1000 teeth"),
        ('[[machine.gear]]\nspec = "57@-1"', 2, "has shaft order -1.0"),
        ("[[machine.gear]]\nspec = 57", 2, "valid string"),
        ("[[machine.gear]]\nteeth = 57", 2, "unknown key 'teeth' in [machine.gear]"),
        ('[[machine.gear]]\nspec = "57"\n[[machine.gear]]\nspec = "57@1"', None, "gear '57' is there twice"),
    ],
)
def test_a_wheel_that_cannot_be_is_refused_in_one_line(tables, line, said):
    with pytest.raises(ConfigurationError) as caught:
        plant(tables=tables)
    message = str(caught.value)
    assert said in message
    assert "\n" not in message
    if line is not None:
        first = PLANT.count("\n", 0, PLANT.index("{tables}"))
        assert message.startswith(f"gateway.toml:{first + line}: ")


HUM_RATE_HZ = 6400.0


def humming(folder, *stretches):
    """Write a recording: stretches of (seconds, velocity in mm/s) of a line at 25 Hz over a little noise."""
    rng = np.random.default_rng(8)
    parts = []
    for length_s, velocity_mm_s in stretches:
        angle = 2.0 * np.pi * 25.0 * np.arange(round(length_s * HUM_RATE_HZ)) / HUM_RATE_HZ
        line = velocity_mm_s * 1e-3 * np.sqrt(2.0) * 2.0 * np.pi * 25.0 * np.sin(angle)
        parts.append(line + 0.1 * rng.standard_normal(angle.size))
    np.savez(folder / "recorded.npz", acc=np.concatenate(parts), fs_hz=HUM_RATE_HZ)
    return folder


def bounded(bands="", machine='machine_group = 2\nsupport = "rigid"'):
    stated = f"speed_rpm = 1500\nsample_rate_hz = {HUM_RATE_HZ}\n{machine}"
    return plant(machine=stated, tables=f"  [machine.bands]\n  {bands}" if bands else "")


TABLE = "ISO 20816-3:2022, group 2, rigid"
QUARTER = f"alarm limit of 1.51 mm/s (the healthy 0.811 mm/s plus a quarter of the zone boundary B/C of {TABLE})"


@pytest.mark.parametrize(
    ("bands", "velocity_mm_s", "severity", "limit"),
    [
        ("", 2.2, Severity.ALERT, QUARTER),
        ("", 5.0, Severity.DANGER, f"trip limit of 4.5 mm/s (the zone boundary C/D of {TABLE})"),
        ("alarm_mm_s = 2.0", 2.2, Severity.ALERT, "alarm limit of 2 mm/s (set by the plant)"),
        ("trip_mm_s = 4.0", 4.2, Severity.DANGER, "trip limit of 4 mm/s (set by the plant)"),
    ],
)
async def test_an_alarm_says_which_limit_was_crossed_and_where_it_comes_from(
    tmp_path, bands, velocity_mm_s, severity, limit
):
    source, new_watch = opened(bounded(bands), humming(tmp_path, (14.0, 0.8), (6.0, velocity_mm_s)))
    alarms = await watched(source, new_watch())
    assert seconds(alarms[0].since_ns) == pytest.approx(14.0, abs=1.5)
    assert alarms[-1].severity is severity
    assert alarms[-1].diagnosis.label is DiagnosisLabel.IMBALANCE
    told = re.search(r"Vibration velocity at DE.H is (\S+) mm/s RMS, above the (.+)\.$", alarms[-1].diagnosis.sentence)
    # The first windows above the limit still hold some of what was before.
    assert float(told[1]) == pytest.approx(velocity_mm_s, rel=0.15)
    assert told[2] == limit


async def test_a_machine_that_is_bad_from_the_first_day_is_told_so_by_its_limit_alone(tmp_path):
    settings = bounded(machine='machine_group = 2\nsupport = "rigid"')
    source, new_watch = opened(settings, humming(tmp_path, (6.0, 3.2)))
    [alarm] = await watched(source, new_watch())
    assert alarm.severity is Severity.ALERT
    assert "above the alarm limit of 2.8 mm/s (the zone boundary B/C of ISO" in alarm.diagnosis.sentence


async def test_after_a_restart_a_more_severe_alarm_still_says_its_limit_once(tmp_path):
    source, new_watch = opened(bounded(), humming(tmp_path, (14.0, 0.8), (6.0, 2.2), (6.0, 5.2)))
    watch = new_watch()
    before = await watched(source, watch, until=round(19 * HUM_RATE_HZ))
    assert before[-1].severity is Severity.ALERT
    after = await watched(source, watch := new_watch(watch.memory_bytes()), watch.next_needed_index)
    assert after[-1].severity is Severity.DANGER
    assert after[-1].alarm_id == before[-1].alarm_id
    assert after[-1].diagnosis.sentence.count("Vibration velocity at DE.H") == 1
    assert "trip limit" in after[-1].diagnosis.sentence


@pytest.mark.parametrize(
    ("machine", "tables", "line", "said"),
    [
        ("", "[machine.bands]\nalarm = 2.0", 2, "unknown key 'alarm' in [machine.bands], did you mean 'alarm_mm_s'?"),
        ("", "[machine.bands]\nalarm_mm_s = 0.0", 2, "greater than 0"),
        ("", "[machine.bands]\ntrip_mm_s = inf", 2, "finite number"),
        ("", "[machine.bands]\nalarm_mm_s = 5.0\ntrip_mm_s = 4.0", 1, "not above the alarm limit of 5 mm/s"),
        ('machine_group = 2\nsupport = "rigid"', "[machine.bands]\ntrip_mm_s = 3.0", 1, "set both limits"),
        ('machine_group = 3\nsupport = "rigid"', "", None, "give group 1 (above 300 kW) or 2 (15 to 300 kW)"),
        ('kind = "process"', "[machine.bands]\nalarm_mm_s = 5.0", 1, "machine.bands is for a machine that vibrates"),
    ],
)
def test_limits_that_cannot_be_are_refused_in_one_line(machine, tables, line, said):
    with pytest.raises(ConfigurationError) as caught:
        plant(machine=machine, tables=tables)
    message = str(caught.value)
    assert said in message
    assert "\n" not in message
    if line is not None:
        first = PLANT.count("\n", 0, PLANT.index("{tables}")) + machine.count("\n")
        assert message.startswith(f"gateway.toml:{first + line}: ")


async def test_status_shows_the_limits_that_hold_and_where_they_come_from(tmp_path, journal):
    settings = bounded("trip_mm_s = 4.0")
    table = settings.machine[0]
    source, new_watch = opened(settings, humming(tmp_path, (14.0, 0.8)))
    watch = new_watch()

    def lines():
        progress = MachineProgress(table.asset_id, watch.position(1, ""), watch.memory_bytes())
        journal.commit([Change(STAMP, progress=progress)])
        [place] = read_status(tmp_path / "data").machines
        return place.bands(table)

    await watched(source, watch, until=round(4 * HUM_RATE_HZ))
    [first] = lines()
    alarm = f"alarm at 2.8 mm/s (the zone boundary B/C of {TABLE}, until there is a baseline)"
    assert first.line == f"DE.H: {alarm}, trip at 4 mm/s (set by the plant)"
    await watched(source, watch, watch.next_needed_index)
    [learnt] = lines()
    assert (
        learnt.line == f"DE.H in steady/default: {QUARTER.replace('limit of', 'at')}, trip at 4 mm/s (set by the plant)"
    )
    document = learnt.document()
    assert document["alarm_mm_s"] == pytest.approx(document["healthy_mm_s"] + 0.25 * 2.8)
    assert (document["alarm_basis"], document["trip_basis"], document["table"]) == ("baseline", "user", TABLE)
    assert MachinePlace(table.asset_id, 1, 0, 0).bands(bounded(machine="").machine[0]) == ()
