"""Errors of the signal mathematics.

InputError
└── SignalError                  the samples, rate or setting cannot give what was asked for
    ├── SampleError              samples of a shape that does not fit, of unequal length, or not finite
    ├── RateError                a sample rate that is missing or that no sensor of a machine has
    ├── BandError                band edges that are reversed, beyond Nyquist or hold no bin
    ├── ResolutionError          a record or window too short for the resolution that was asked for
    ├── SpeedError               a shaft speed of 0, or one that the samples cannot show
    ├── PulseError               tacho pulses that are too few or too irregular to give an angle
    ├── CalibrationError         a sensitivity, gain or sign that no sensor has
    └── StreamError              a source broke the order that `windows.Block` promises
"""

from __future__ import annotations

from models.contract.errors import InputError


class SignalError(InputError):
    """The samples, rate or setting cannot give what was asked for; says which and what would do."""


class SampleError(SignalError):
    """Samples of a shape that does not fit, channels of unequal length, or values that are not finite."""


class RateError(SignalError):
    """A sample rate that is missing or that no sensor of a machine has."""


class BandError(SignalError):
    """Band edges that are reversed, beyond Nyquist or hold no bin."""


class ResolutionError(SignalError):
    """A record or window too short for the resolution that was asked for; says how long it must be."""


class SpeedError(SignalError):
    """A shaft speed of 0, or one that the samples cannot show."""


class PulseError(SignalError):
    """Tacho pulses that are too few or too irregular to give an angle."""


class CalibrationError(SignalError):
    """A sensitivity, gain or sign that no sensor has."""


class StreamError(SignalError):
    """A source broke the order that `models.signal.windows.Block` promises."""
