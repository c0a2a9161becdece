"""Samples per angle instead of samples per second: computed order tracking.

A machine that changes speed smears its lines over frequency, not over orders. In this order: the angle of the shaft
gives the moments at which it has turned by equal steps; at each of them the record is interpolated by a windowed sinc
whose cut-off follows the speed, so that nothing beyond the highest order folds back; whole turns are kept.

The result is analysed as if its rate were samples per turn: `power_spectrum(samples, samples_per_turn)` has its bins
in orders.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from models.signal.admission import admitted
from models.signal.errors import ResolutionError, SpeedError
from models.signal.spectra import power_spectrum

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.signal.spectra import Spectrum
    from models.signal.tacho import ShaftAngle

CROSSINGS: Final = 16
"""Zero crossings of the sinc on either side, and the shape of its Kaiser window: 80 dB with a transition of 0.31 of
the cut-off. Source: Oppenheim and Schafer, Discrete-Time Signal Processing (2010), section 7.5.3, Kaiser's design."""
KAISER_BETA: Final = 7.86

TRUE_ORDERS: Final = 0.4
"""Of the samples per turn: orders up to here are kept to 0.1 % and free of what folds back; 0.5 would be Nyquist."""

TABLE_STEPS: Final = 512
"""Per zero crossing. Linear interpolation between them errs by (π/512)²/8 = 5e-6."""

AT_ONCE: Final = 2048
"""Output samples interpolated together, so that memory stays small and the cut-off follows the speed."""


@dataclass(frozen=True, slots=True)
class AngularSamples:
    """Samples at constant steps of angle.

    Attributes:
        samples: (channels, turns · samples_per_turn) in the unit they had.
        samples_per_turn: of the shaft.
        first_turn: angle of the first sample, in turns from the first pulse.
        speed_hz: (turns,) mean speed of each turn, in turns per second.
    """

    samples: NDArray[Any]
    samples_per_turn: int
    first_turn: float
    speed_hz: NDArray[np.float64]

    @property
    def by_turn(self) -> NDArray[Any]:
        """Return the same samples as (channels, turns, samples_per_turn)."""
        return self.samples.reshape(self.samples.shape[0], -1, self.samples_per_turn)


def resampled_to_angle(
    samples: NDArray[Any],
    sample_rate_hz: float,
    angle: ShaftAngle,
    *,
    samples_per_turn: int,
    first_turn: float | None = None,
    turns: int | None = None,
) -> AngularSamples:
    """Return samples at equal steps of shaft angle.

    Args:
        samples: (channels, n), any unit; float32 stays float32.
        sample_rate_hz: of all channels.
        angle: of the shaft, over the same time; its knots need not cover the record.
        samples_per_turn: orders up to 0.4 of it are true. Orders that the record does not hold because its own rate
            is too low at some speed are simply not there.
        first_turn: where to begin; None: the first whole turn that record and angle hold.
        turns: how many; None: as many as there are.

    Raises:
        SampleError, RateError: see `admission.admitted`.
        SpeedError: fewer than 4 samples per turn, or a shaft that stands still in between.
        ResolutionError: record and angle share less than the turns asked for, or none.

    Source: Fyfe and Munck, Analysis of computed order tracking, Mech. Syst. Signal Process. 11 (1997); the
        sinc instead of their splines, because its aliasing is known.
    """
    real = admitted(samples, sample_rate_hz)
    if samples_per_turn < 4:
        raise SpeedError(f"{samples_per_turn} samples per turn show no order: use at least 4")
    low, high = turns_shared(real.shape[1], sample_rate_hz, angle, samples_per_turn)
    start = float(math.ceil(low - 1e-9)) if first_turn is None else first_turn
    available = math.floor(high - start + 1e-9)
    count = available if turns is None else turns
    if not 1 <= count <= available or start < low - 1e-9:
        raise ResolutionError(
            f"record and tacho share the turns from {low:.2f} to {high:.2f}: {max(count, 1)} whole turns from "
            f"{start:.2f} on are not in them"
        )
    asked = np.asarray(start + np.arange(count * samples_per_turn) / samples_per_turn, np.float64)
    time_s = angle.times_at(asked)
    speed_hz = angle.speed_hz_at(time_s)
    crossed = (angle.time_s[1:] > time_s[0]) & (angle.time_s[:-1] < time_s[-1])
    standing = crossed & (np.diff(angle.turns) <= 0)
    if standing.any() or not speed_hz.min() > 0:
        stop_s = float(angle.time_s[np.argmax(standing)] if standing.any() else time_s[np.argmin(speed_hz)])
        raise SpeedError(f"the shaft stands still or turns back at {stop_s:.3f} s: analyse the stretch beside it")
    # Where the angle's rate is below the record's, it sets the cut-off; as a share of the record's Nyquist.
    cutoff = np.minimum(1.0, samples_per_turn * speed_hz / sample_rate_hz)
    result = np.empty((real.shape[0], asked.size), real.dtype)
    for first in range(0, asked.size, AT_ONCE):
        part = slice(first, first + AT_ONCE)
        result[:, part] = _interpolated(real, time_s[part] * sample_rate_hz, cutoff[part])
    ends_s = angle.times_at(np.asarray(start + np.arange(count + 1), np.float64))
    return AngularSamples(result, samples_per_turn, start, 1.0 / np.diff(ends_s))


def order_spectrum(angular: AngularSamples) -> Spectrum:
    """Return the spectrum over orders: `step_hz` and `frequency_hz` are in orders, the unit is that of the samples.

    Raises:
        SignalError: fewer than 8 samples.
    """
    return power_spectrum(angular.samples, float(angular.samples_per_turn))


def turns_shared(n: int, sample_rate_hz: float, angle: ShaftAngle, samples_per_turn: int) -> tuple[float, float]:
    """Return the first and last turn that the angle knows and around which the sinc finds samples."""
    ends_s = np.array([angle.time_s[0], angle.time_s[-1]])
    slow_hz = np.maximum(angle.speed_hz_at(ends_s), np.finfo(np.float64).tiny)
    margin_s = CROSSINGS / np.minimum(sample_rate_hz, samples_per_turn * slow_hz) + 1 / sample_rate_hz
    inside = np.array(
        [max(float(ends_s[0]), float(margin_s[0])), min(float(ends_s[1]), n / sample_rate_hz - float(margin_s[1]))]
    )
    low, high = (float(value) for value in angle.turns_at(np.clip(inside, *ends_s)))
    return low, high if inside[1] > inside[0] else low


def _kernel_table() -> NDArray[np.float64]:
    """Return the right half of the windowed sinc, `TABLE_STEPS` entries per zero crossing."""
    distance = np.arange(CROSSINGS * TABLE_STEPS + 2) / TABLE_STEPS
    inside = np.sqrt(np.maximum(0.0, 1.0 - (distance / CROSSINGS) ** 2))
    return np.asarray(np.sinc(distance) * np.i0(KAISER_BETA * inside) / np.i0(KAISER_BETA), np.float64)


_TABLE: Final = _kernel_table()


def _interpolated(real: NDArray[Any], position: NDArray[np.float64], cutoff: NDArray[np.float64]) -> NDArray[Any]:
    """Return samples (channels, m) at fractional positions (m,), low-passed at shares of Nyquist (m,)."""
    reach = math.ceil(CROSSINGS / float(cutoff.min()))
    centre = np.floor(position).astype(np.intp)
    places = centre[:, None] + np.arange(1 - reach, reach + 1)
    distance = np.minimum(np.abs(places - position[:, None]) * cutoff[:, None], CROSSINGS) * TABLE_STEPS
    lower = distance.astype(np.intp)
    weights = _TABLE[lower] + (distance - lower) * (_TABLE[lower + 1] - _TABLE[lower])
    weights *= cutoff[:, None]
    # Beyond the record there is nothing; the turns were chosen so that only zero weights reach there.
    weights[(places < 0) | (places >= real.shape[1])] = 0.0
    np.clip(places, 0, real.shape[1] - 1, out=places)
    kernel = weights.astype(real.dtype)
    return np.stack([np.einsum("mk,mk->m", channel[places], kernel) for channel in real])
