"""From volts, counts and charge to motion. Tolerance 1e-12 in float64: only a few products are rounded."""

from __future__ import annotations

import numpy as np
import pytest

from models.contract.errors import UnitError
from models.signal.calibration import Calibration, Sensitivity, calibrate, parse_sensitivity
from models.signal.errors import CalibrationError, SampleError

IEPE = Calibration(parse_sensitivity("100 mV/g"))


@pytest.mark.parametrize(
    ("text", "unit", "volts", "value"),
    [
        ("100 mV/g", "m/s2", 0.1, 9.80665),
        ("100 mV/g", "g", 0.1, 1.0),
        ("10.2 mV/(m/s²)", "m/s2", 0.0102, 1.0),
        ("20 mV/(mm/s)", "mm/s", 0.02, 1.0),
        ("20 mV/(mm/s)", "m/s", 0.02, 1e-3),
        ("7.87 mV/um", "um", 7.87, 1000.0),
        ("1.02 V/g", "g", 0.51, 0.5),
    ],
)
def test_the_volts_of_one_unit_give_one_unit(text, unit, volts, value):
    result = calibrate(np.full((1, 4), volts), [Calibration(parse_sensitivity(text), unit=unit)])
    assert result.samples == pytest.approx(np.full((1, 4), value), rel=1e-12)
    assert result.units[0].name == unit


def test_a_charge_sensor_goes_through_its_amplifier():
    """10 pC/g through 2 mV/pC is 20 mV/g."""
    channel = Calibration(parse_sensitivity("10 pC/g"), unit="g", charge_gain_mv_per_pc=2.0)
    assert calibrate(np.array([[0.02]]), [channel]).samples[0, 0] == pytest.approx(1.0, rel=1e-12)


def test_a_current_loop_starts_at_4_ma():
    """16 mA over 25 mm/s is 0.64 mA/(mm/s)."""
    channel = Calibration(parse_sensitivity("0.64 mA/(mm/s)"), unit="mm/s", offset=0.004)
    assert calibrate(np.array([[0.004, 0.012, 0.020]]), [channel]).samples[0] == pytest.approx([0.0, 12.5, 25.0])


def test_each_channel_has_its_own_counts_offset_sign_and_axis():
    raw = np.array([[1000, 2000], [1000, 2000]], np.int16)
    channels = [
        Calibration(parse_sensitivity("100 mV/g"), unit="g", volts_per_count=1e-3, offset=0.5, axis="axial"),
        Calibration(parse_sensitivity("50 mV/g"), unit="g", volts_per_count=1e-3, inverted=True, axis="y"),
    ]
    result = calibrate(raw, channels)
    assert result.samples == pytest.approx(np.array([[5.0, 15.0], [-20.0, -40.0]]))
    assert result.axes == ("axial", "y")


def test_float32_stays_and_a_bias_of_12_volts_costs_no_more_than_its_own_rounding():
    """The spacing of float32 near 12 is 9.5e-7 V, half of it 4.7e-6 g at 100 mV/g; twice that for the sum."""
    signal = 1e-3 * np.sin(np.arange(1000) / 10)
    channel = Calibration(parse_sensitivity("100 mV/g"), unit="g", offset=12.0)
    result = calibrate((12.0 + signal)[None].astype(np.float32), [channel]).samples
    assert result.dtype == np.float32
    assert np.abs(result[0] - signal / 0.1).max() < 1e-5


@pytest.mark.parametrize("text", ["100", "100 mV", "mV/g", "-100 mV/g", "0 mV/g", "100 furlongs/g", "1e mV/g", ""])
def test_what_is_no_sensitivity_is_refused_with_an_example(text):
    with pytest.raises(CalibrationError, match="100 mV/g"):
        parse_sensitivity(text)


@pytest.mark.parametrize(
    "channel",
    [
        Calibration(Sensitivity(0.0, "mV", IEPE.sensitivity.per)),
        Calibration(IEPE.sensitivity, volts_per_count=0.0),
        Calibration(IEPE.sensitivity, offset=float("nan")),
        Calibration(IEPE.sensitivity, charge_gain_mv_per_pc=1.0),
        Calibration(parse_sensitivity("10 pC/g")),
        Calibration(parse_sensitivity("10 pC/g"), charge_gain_mv_per_pc=0.0),
    ],
)
def test_gains_that_cannot_be_are_refused(channel):
    with pytest.raises(CalibrationError):
        calibrate(np.zeros((1, 4)), [channel])


def test_another_quantity_or_another_number_of_channels_is_refused():
    with pytest.raises(UnitError):
        calibrate(np.zeros((1, 4)), [Calibration(parse_sensitivity("100 mV/g"), unit="mm/s")])
    with pytest.raises(UnitError):
        parse_sensitivity("100 mV/parsec")
    with pytest.raises(SampleError):
        calibrate(np.zeros((2, 4)), [IEPE])
