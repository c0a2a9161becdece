"""What a diagnosis refuses to look at, by name, before anything is computed: shapes, rate, speed, length.

A record that is merely too short for one question (bearing lines, orders) is not refused here: that finding says what
is missing. Values that are no numbers are not refused either: they are a finding on the sensor.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from models.contract.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

SHORTEST_SAMPLES: Final = 256
"""As everywhere in plantpulse: shorter windows hold no bands."""
SLOWEST_RPM: Final = 1.0
FASTEST_RPM: Final = 1_000_000.0
"""Dental drills turn at half of this: beyond, a number is no speed in turns per minute."""


class DiagnosisInputError(InputError):
    """Samples, a rate or a speed that cannot be judged; says which, and what would do."""


def as_signal(samples: Any) -> NDArray[np.float32]:
    """Return samples as (channels, samples) in float32, without a copy where they are that already.

    Args:
        samples: one channel (samples,) or several (channels, samples), real numbers.

    Raises:
        DiagnosisInputError: channels of unequal length, another shape, no numbers, or too few.
    """
    try:
        array = np.asarray(samples)
    except ValueError:
        raise DiagnosisInputError("the channels have unequal lengths; cut them to the same stretch") from None
    if array.dtype.kind not in "fiu" or array.ndim not in {1, 2}:
        raise DiagnosisInputError(
            f"samples are {array.ndim}-dimensional {array.dtype}; give real numbers as (channels, samples)"
        )
    signal = np.atleast_2d(array.astype(np.float32, copy=False))
    if signal.shape[0] < 1 or signal.shape[1] < SHORTEST_SAMPLES:
        raise DiagnosisInputError(
            f"{signal.shape[0]} channels of {signal.shape[1]} samples are too short for a spectrum; "
            f"give at least {SHORTEST_SAMPLES} samples of one channel"
        )
    return signal


def check_rate(sample_rate_hz: float) -> None:
    """Refuse a rate that is none.

    Raises:
        DiagnosisInputError: not finite or not above 0.
    """
    if not (math.isfinite(sample_rate_hz) and sample_rate_hz > 0):
        raise DiagnosisInputError(f"a sampling rate of {sample_rate_hz} Hz cannot be; give samples per second above 0")


def check_speed(speed_rpm: float | None) -> None:
    """Refuse a speed at which nothing turns.

    Raises:
        DiagnosisInputError: not finite, 0 or below, or absurdly high.
    """
    if speed_rpm is not None and not (math.isfinite(speed_rpm) and SLOWEST_RPM <= speed_rpm <= FASTEST_RPM):
        raise DiagnosisInputError(
            f"a shaft speed of {speed_rpm} rpm cannot be judged; give turns per minute from {SLOWEST_RPM:g} to "
            f"{FASTEST_RPM:g}, or none when it is not known"
        )


def check_names(names: Sequence[str], channels: int) -> None:
    """Refuse names that do not fit the channels.

    Raises:
        DiagnosisInputError: more, fewer or repeated names.
    """
    if len(names) != channels or len(set(names)) != len(names):
        raise DiagnosisInputError(
            f"{len(names)} channel names ({', '.join(names)}) for {channels} channels; give each channel its own"
        )
