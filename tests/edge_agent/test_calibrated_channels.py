"""A sensor's sensitivity and offset: what its converter read becomes what the machine did, once, at the way in."""

from __future__ import annotations

import numpy as np
import pytest

from edge_agent.assembly import machine_setup
from edge_agent.configuration import parse_settings, source_options, source_request
from edge_agent.machine import MachineWatch
from edge_agent.sources import source_module
from edge_agent.sources.base import SourceError, SourcePosition
from models.contract.errors import ConfigurationError
from models.contract.vocabulary import ClockQuality

RATE_HZ = 8000.0
GRAVITY_M_S2 = 9.80665
PLANT = """
[gateway]
group = "plant"
name = "gateway-1"
asset_id = "6f1c7a52-94a7-4f5f-8a0e-0d7a2f3c1b11"
data_dir = "data"
[[machine]]
name = "pump-1"
asset_id = "6f1c7a52-94a7-4f5f-8a0e-0d7a2f3c1b12"
{machine}
  [machine.source]
  kind = "{kind}"
{source}
{channels}
"""
REPLAY = '  speed = inf\n  files = [{path = "recorded.npz", sample_rate_hz = %s%s}]\n'


def channel(name, unit, more=""):
    return f'  [[machine.channel]]\n  name = "{name}"\n  unit = "{unit}"\n  {more}\n'


def plant(*channels, machine="", kind="replay", source=REPLAY % (RATE_HZ, "")):
    text = PLANT.format(machine=machine, kind=kind, source=source, channels="".join(channels))
    return parse_settings(text, "gateway.toml").machine[0]


async def last_outcome(table, folder):
    """Return how the machine was set up, and what its last window led to."""
    source = source_module(table.source.kind).open_source(source_request(table, folder), source_options(table))
    watch = MachineWatch(machine_setup(table, source))
    async for block in source.blocks(SourcePosition(1, 0)):
        await watch.take(block, ClockQuality.SYNCHRONISED)
    features = dict(zip(watch.feature_names, watch.latest_outcome.features.ravel().tolist(), strict=True))
    return watch.setup, features


def acceleration_g(seconds=3.0):
    """Two channels: noise and a line, the second one half as strong."""
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    one = 0.2 * np.random.default_rng(6).standard_normal(t.size) + 0.1 * np.sin(2 * np.pi * 50.0 * t)
    return np.stack([one, 0.5 * one[::-1]])


def write(folder, **channels):
    np.savez(folder / "recorded.npz", **{name: np.asarray(samples) for name, samples in channels.items()})


@pytest.mark.parametrize(
    ("raw", "unit", "more", "stated"),
    [
        # Volts at 100 mV/g on a bias of 2.5 V.
        (lambda g: 0.1 * g + 2.5, "g", "sensitivity = 0.1\n  offset = 2.5", ""),
        (lambda g: 0.1 * g + 2.5, "g", 'sensitivity = "100 mV/g"\n  offset = 2.5', ', unit = "V"'),
        # Counts of 16 bits over 50 g, as an integer.
        (lambda g: np.rint(g * 32768 / 50).astype(np.int16), "g", "sensitivity = 655.36", ""),
        # The certificate in another unit of the same quantity.
        (lambda g: 0.0102 * GRAVITY_M_S2 * g, "g", 'sensitivity = "10.2 mV/(m/s2)"', ""),
        (lambda g: 1e-4 * 1000 * g, "mg", "sensitivity = 1e-4", ""),
    ],
)
async def test_calibrated_samples_have_the_features_of_what_the_machine_did(tmp_path, raw, unit, more, stated):
    first, second = acceleration_g()
    write(tmp_path, first_g=first, second_g=second)
    plain, expected = await last_outcome(plant(channel("DE.H", "g"), channel("NDE.H", "g")), tmp_path)
    write(tmp_path, first=raw(first), second=raw(second))
    table = plant(channel("DE.H", unit, more), channel("NDE.H", unit, more), source=REPLAY % (RATE_HZ, stated))
    setup, features = await last_outcome(table, tmp_path)
    assert plain.calibration == ()
    assert len(setup.calibration) == 2
    found = {name: value for name, value in features.items() if name.endswith(("_rms", "velocity_rms", "band_5"))}
    assert found
    # Float32 on a bias, and the steps of 16 bits, leave a thousandth.
    assert found == {name: pytest.approx(expected[name], rel=1e-3) for name in found}
    assert features["DE.H/acceleration_rms"] == pytest.approx(GRAVITY_M_S2 * np.hypot(0.2, 0.1 / 2**0.5), rel=0.02)


async def test_what_needs_no_calibration_passes_beside_what_does_to_the_bit(tmp_path):
    first, second = acceleration_g()
    write(tmp_path, first_g=first, second_g=second)
    _, expected = await last_outcome(plant(channel("DE.H", "g"), channel("NDE.H", "g")), tmp_path)
    write(tmp_path, first_g=first, second=0.1 * second)
    _, features = await last_outcome(plant(channel("DE.H", "g"), channel("NDE.H", "g", "sensitivity = 0.1")), tmp_path)
    of_first = {name: value for name, value in expected.items() if name.startswith("DE.H")}
    assert {name: features[name] for name in of_first} == of_first
    assert features["NDE.H/acceleration_rms"] == pytest.approx(expected["NDE.H/acceleration_rms"], rel=1e-5)


async def test_a_microphones_sensitivity_is_stated_in_pascals(tmp_path):
    pressure_pa = np.random.default_rng(2).standard_normal(round(3 * RATE_HZ))
    write(tmp_path, heard=0.05 * pressure_pa)
    _, features = await last_outcome(plant(channel("DE.M", "Pa", 'sensitivity = "50 mV/Pa"')), tmp_path)
    # 1 Pa RMS is 94 dB above 20 µPa.
    assert features["DE.M/sound_level"] == pytest.approx(94.0, abs=0.2)


async def test_a_current_loop_of_a_process_is_read_in_the_plants_unit(tmp_path):
    """4 to 20 mA over 0 to 100 °C."""
    degrees = 20.0 + np.random.default_rng(4).standard_normal(300)
    np.savez(tmp_path / "recorded.npz", tank=4.0 + 0.16 * degrees)
    table = plant(
        channel("TANK.T", "degC", "sensitivity = 0.16\n  offset = 4.0"),
        machine='kind = "process"',
        source=REPLAY % (1.0, ""),
    )
    _, features = await last_outcome(table, tmp_path)
    assert features["TANK.T/mean"] == pytest.approx(degrees[-60:].mean(), abs=0.5)


async def test_a_recording_that_states_a_unit_is_not_calibrated_again(tmp_path):
    write(tmp_path, first_g=acceleration_g()[0])
    with pytest.raises(SourceError, match=r"is in g, but DE\.H is configured with"):
        await last_outcome(plant(channel("DE.H", "g", "sensitivity = 0.1")), tmp_path)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("sensitivity = 0.0", "sensitivity 0.0: write how many raw units a unit of the channel makes, above 0"),
        ("sensitivity = -0.1", "sensitivity -0.1: write"),
        ("sensitivity = nan", "sensitivity nan: write"),
        ("sensitivity = true", "sensitivity True: write"),
        ('sensitivity = "100 mV"', "cannot read the sensitivity '100 mV'"),
        ('sensitivity = "0 mV/g"', "cannot read the sensitivity '0 mV/g'"),
        ('sensitivity = "10 pC/g"', "is in charge: give what comes out of the charge amplifier"),
        ('sensitivity = "50 mV/Pa"', "Pa measures pressure, g measures acceleration"),
        ("sensitivity = 0.1\n  offset = inf", "finite number"),
        ("offset = 2.5", "offset = needs a sensitivity: write sensitivity = 1.0 where the samples are in g already"),
        ("sensitivty = 0.1", "did you mean 'sensitivity'?"),
    ],
)
def test_a_calibration_that_cannot_be_is_refused_in_one_line(more, said):
    with pytest.raises(ConfigurationError) as caught:
        plant(channel("DE.H", "g", more))
    message = str(caught.value)
    assert said in message
    assert message.startswith("gateway.toml:")
    assert "\n" not in message


def test_a_simulated_sensor_has_nothing_to_calibrate():
    with pytest.raises(ConfigurationError, match="a simulated sensor delivers g already: leave its sensitivity out"):
        plant(channel("DE.H", "g", "sensitivity = 0.1"), machine="speed_rpm = 1500", kind="simulated", source="")
