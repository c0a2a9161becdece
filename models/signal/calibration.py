"""From what the converter delivers to what the machine does: sensitivity, offset, unit, axis and sign.

In this order: counts become volts, volts lose the offset, a charge amplifier's gain is undone, the sensitivity turns
electricity into motion, the sign turns the sensor the right way round, and the unit becomes the one asked for.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from models.contract.units import Unit, convert_factor, parse_unit
from models.signal.errors import CalibrationError, SampleError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_OUTPUTS: Final = {
    "V": 1.0,
    "mV": 1e-3,
    "uV": 1e-6,
    "µV": 1e-6,
    "A": 1.0,
    "mA": 1e-3,
    "C": 1.0,
    "nC": 1e-9,
    "pC": 1e-12,
}
"""What a sensor puts out, in volts, amperes or coulombs."""

_SENSITIVITY: Final = re.compile(r"\s*([-+.\deE]+)\s*([a-zA-Zµ]+)\s*/\s*(\(.+\)|[^()]+?)\s*")


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """How much a sensor puts out per unit of motion.

    Attributes:
        value: above 0; a sensor that is mounted the other way round has `Calibration.inverted`.
        output: `mV`, `V`, `pC`, `mA` …
        per: unit of motion, of `models.contract.units`.
    """

    value: float
    output: str
    per: Unit


@dataclass(frozen=True, slots=True)
class Calibration:
    """What is known of one channel's sensor and converter.

    Attributes:
        sensitivity: of the sensor, from its certificate.
        unit: of the result; must measure the same quantity as the sensitivity.
        volts_per_count: 1.0 where the samples are volts (or amperes for a current loop) already.
        offset: in the unit of the samples times `volts_per_count`, so volts: bias of an IEPE sensor, 0.004 for a loop.
        charge_gain_mv_per_pc: of the charge amplifier; needed for a sensitivity in pC, refused for others.
        axis: as people call it: `x`, `radial horizontal`, `axial` …
        inverted: positive output means motion against the axis.
    """

    sensitivity: Sensitivity
    unit: str = "m/s2"
    volts_per_count: float = 1.0
    offset: float = 0.0
    charge_gain_mv_per_pc: float | None = None
    axis: str = ""
    inverted: bool = False


@dataclass(frozen=True, slots=True)
class Calibrated:
    """Samples in units of motion.

    Attributes:
        samples: (channels, n).
        units: one per channel.
        axes: one per channel.
    """

    samples: NDArray[Any]
    units: tuple[Unit, ...]
    axes: tuple[str, ...]


def parse_sensitivity(text: str) -> Sensitivity:
    """Return the sensitivity that a certificate or a configuration states.

    >>> parse_sensitivity("100 mV/g").per.name
    'g'
    >>> parse_sensitivity("20 mV/(mm/s)").per.name
    'mm/s'
    >>> parse_sensitivity("3.1 pC/(m/s²)").output
    'pC'

    Raises:
        CalibrationError: not of the form `100 mV/g`, an unknown output, or a value that is not above 0.
        UnitError: the unit of motion is not in the table.
    """
    match = _SENSITIVITY.fullmatch(text)
    try:
        value = float(match[1]) if match else math.nan
    except ValueError:
        value = math.nan
    if match is None or match[2] not in _OUTPUTS or not (math.isfinite(value) and value > 0):
        raise CalibrationError(
            f"cannot read the sensitivity {text[:40]!r}: write a number above 0, one of {', '.join(_OUTPUTS)}, and "
            "what it is per, such as 100 mV/g, 10 pC/g or 20 mV/(mm/s)"
        )
    return Sensitivity(value, match[2], parse_unit(match[3].strip("()")))


def calibrate(raw: NDArray[Any], channels: Sequence[Calibration]) -> Calibrated:
    """Return samples in units of motion.

    Args:
        raw: (channels, n) in volts, amperes or counts; float32 stays float32, integers become float64.
        channels: one calibration per channel.

    Raises:
        SampleError: not (channels, samples), or not one calibration per channel.
        CalibrationError: a gain that is missing, not above 0, or not wanted.
        UnitError: the unit asked for measures another quantity than the sensor.

    Source: ISO 16063-21, sensitivity as output per unit of motion; ISO 2041, sign of motion along an axis.
    """
    if raw.ndim != 2 or raw.shape[0] != len(channels):
        raise SampleError(f"samples of shape {raw.shape} with {len(channels)} calibrations: one per channel is needed")
    real = raw if raw.dtype in (np.float32, np.float64) else raw.astype(np.float64)
    factors = np.array([_motion_per_count(channel) for channel in channels])
    # The offset goes first: a bias of 12 V over a vibration of millivolts must not be scaled into lost digits.
    offsets = np.array([channel.offset / channel.volts_per_count for channel in channels])
    samples = (real - offsets[:, None].astype(real.dtype)) * factors[:, None].astype(real.dtype)
    return Calibrated(
        samples, tuple(parse_unit(channel.unit) for channel in channels), tuple(channel.axis for channel in channels)
    )


def _motion_per_count(channel: Calibration) -> float:
    sensitivity = channel.sensitivity
    gain = channel.charge_gain_mv_per_pc
    is_charge = sensitivity.output.endswith("C")
    if not all(math.isfinite(x) and x > 0 for x in (sensitivity.value, channel.volts_per_count)):
        raise CalibrationError(
            f"a sensitivity of {sensitivity.value:g} {sensitivity.output} with {channel.volts_per_count:g} V per count "
            "cannot be: both must be above 0; a sensor mounted the other way round is `inverted`"
        )
    if not math.isfinite(channel.offset):
        raise CalibrationError(f"an offset of {channel.offset} cannot be taken away: state it in volts")
    if is_charge and not (gain is not None and math.isfinite(gain) and gain > 0):
        raise CalibrationError("a sensitivity in charge needs the gain of its amplifier: state charge_gain_mv_per_pc")
    if not is_charge and gain is not None:
        raise CalibrationError(f"a sensitivity in {sensitivity.output} has no charge amplifier: leave its gain out")
    # 1 mV/pC is 1e9 V/C.
    output_per_volt = 1.0 / (gain * 1e9) if is_charge and gain is not None else 1.0
    output = sensitivity.value * _OUTPUTS[sensitivity.output]
    sign = -1.0 if channel.inverted else 1.0
    return sign * channel.volts_per_count * output_per_volt / output * convert_factor(sensitivity.per, channel.unit)
