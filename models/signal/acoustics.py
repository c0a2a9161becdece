"""Sound: levels above 20 µPa and the A-weighting, which makes of a sound pressure what people mean by loud.

A microphone's samples are pressures in Pa and go the same way as accelerations: what is computed of them is linear and
in Pa, and becomes a level at the very end, because levels must not be added, averaged or compared as ratios.

Velocity, displacement and the zones of ISO 20816 speak of a surface that moves; of a sound they do not exist.

Source: IEC 61672-1:2013, Annex E (A-weighting, closed form) and Table 3; ISO 1683:2015 (reference value of airborne
sound).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from models.signal.errors import SignalError

if TYPE_CHECKING:
    from numpy.typing import NDArray

REFERENCE_PA: Final = 20e-6
"""0 dB of airborne sound (ISO 1683)."""
QUIETEST_PA: Final = 1e-6
"""Levels end here, 26 dB below the reference: below the noise of any microphone and of the air in front of it, so that
a channel without a sound has a level that is a number."""
REFERENCE_HZ: Final = 1000.0
"""Every weighting is 0 dB here."""
USABLE_OF_RATE: Final = 2.56
"""Acquisition hardware guarantees frequencies up to the rate over this."""

_LOW_HZ: Final = 10.0**1.5
"""Where the weighting C is 3 dB down at low frequencies (IEC 61672-1, E.4.2)."""
_HIGH_HZ: Final = 10.0**3.9
"""And at high ones."""
_A_HZ: Final = 10.0**2.45
"""The corner that A has beyond C (E.4.3)."""


def level_db(rms_pa: NDArray[np.floating[Any]] | float) -> NDArray[np.float32]:
    """Return the level of a sound pressure in dB re 20 µPa, float32 of the same shape.

    >>> [round(float(level), 2) for level in level_db(np.array([20e-6, 1.0, 0.0]))]
    [0.0, 93.98, -26.02]

    Args:
        rms_pa: root of the mean square of the pressure over the time in question, in Pa.

    Source: ISO 1996-1, 3.1.4, equivalent continuous level; ISO 1683 for the reference.
    """
    quiet = np.maximum(np.asarray(rms_pa, np.float64), QUIETEST_PA)
    return np.asarray(20.0 * np.log10(quiet / REFERENCE_PA), np.float32)


def pressure_pa(level: NDArray[np.floating[Any]] | float) -> NDArray[np.float32]:
    """Return the sound pressure RMS in Pa that has this level in dB re 20 µPa.

    >>> round(float(pressure_pa(94.0)), 3)
    1.002
    """
    return np.asarray(REFERENCE_PA * 10.0 ** (np.asarray(level, np.float64) / 20.0), np.float32)


def a_weighting(frequency_hz: NDArray[np.floating[Any]] | float) -> NDArray[np.float64]:
    """Return by what factor the weighting A changes the amplitude at each frequency, 1 at 1 kHz and 0 at 0 Hz.

    >>> [float(db) for db in (20 * np.log10(a_weighting(np.array([31.62, 100.0, 1000.0, 10000.0])))).round(1)]
    [-39.4, -19.1, 0.0, -2.5]

    Args:
        frequency_hz: of any shape, not negative.

    Source: IEC 61672-1:2013, E.4, equations (E.1) to (E.6).
    """
    return _unscaled_a(np.asarray(frequency_hz, np.float64)) / float(_unscaled_a(np.float64(REFERENCE_HZ)))


def check_sound_rate(sample_rate_hz: float) -> None:
    """Refuse a rate at which a level would leave out most of a sound.

    Raises:
        SignalError: 1 kHz, where levels are defined, lies beyond what the acquisition guarantees.
    """
    lowest = REFERENCE_HZ * USABLE_OF_RATE
    if not sample_rate_hz >= lowest:
        raise SignalError(
            f"{sample_rate_hz:g} samples a second are too few for a microphone: record sound with at least "
            f"{lowest:g} Hz; a slow pressure belongs to a process"
        )


def _unscaled_a(frequency_hz: NDArray[np.float64] | np.float64) -> NDArray[np.float64]:
    f1, f2, f3, f4 = (pole * pole for pole in _poles_hz())
    square = np.square(frequency_hz)
    return np.asarray(f4 * square**2 / ((square + f1) * np.sqrt((square + f2) * (square + f3)) * (square + f4)))


def _poles_hz() -> tuple[float, float, float, float]:
    """Return the poles f1 to f4 of the weighting.

    >>> [round(pole, 2) for pole in _poles_hz()]
    [20.6, 107.65, 737.86, 12194.22]
    """
    reference, low, high = REFERENCE_HZ**2, _LOW_HZ**2, _HIGH_HZ**2
    half_power = math.sqrt(0.5)
    b = (reference + low * high / reference - half_power * (low + high)) / (1.0 - half_power)
    c = low * high
    root = math.sqrt(b * b - 4.0 * c)
    f1, f4 = math.sqrt((-b - root) / 2.0), math.sqrt((-b + root) / 2.0)
    return f1, (3.0 - math.sqrt(5.0)) / 2.0 * _A_HZ, (3.0 + math.sqrt(5.0)) / 2.0 * _A_HZ, f4
