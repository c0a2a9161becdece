"""From the pulses of a tacho or key-phasor to the angle of the shaft at any moment.

In this order: find the moments where the tacho signal passes its threshold, between samples; walk along them, drop
pulses that come too early (bounce, noise), count those that are missing; lay a smooth curve through time and angle.
The curve is a cubic with the slope of the parabola through three neighbouring pulses, so that constant speed and
constant acceleration are met exactly.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from models.signal.admission import admitted
from models.signal.errors import PulseError, SpeedError

if TYPE_CHECKING:
    from numpy.typing import NDArray

FEWEST_PULSES: Final = 4
"""Three are a parabola; one more shows whether they belong together."""

EARLIEST: Final = 0.6
LATEST: Final = 1.4
"""A pulse is the next one when its interval is within these shares of the last ones. A shaft that speeds up by more
within one interval cannot be followed by this tacho anyway; half an interval is a bounce, two are a missing pulse."""

BOUNCE: Final = 0.1
"""Pulses closer than this share of an interval are one edge with its bounces; the first of them is the edge."""

REMEMBERED: Final = 3
"""Intervals whose median is expected next: one bad one among them does not matter, a run-up is followed."""

LONGEST_GAP: Final = 5
"""Missing pulses in a row that are counted; beyond, the speed may have changed so much that the count is a guess."""

WORST_SHARE: Final = 0.2
"""Of dropped and missing pulses: beyond, the threshold or the sensor is wrong, not a pulse here and there."""

HYSTERESIS_SHARE: Final = 0.1
"""Of the range of the signal, below the threshold, that must be passed before another pulse counts."""


@dataclass(frozen=True, slots=True)
class ShaftAngle:
    """Turns of a shaft over time.

    Attributes:
        time_s: (knots,) rising, from the first sample of the record.
        turns: (knots,) rising; 0 at the first pulse.
        dropped: pulses that came too early and were left out.
        missing: pulses that did not come and were counted.
    """

    time_s: NDArray[np.float64]
    turns: NDArray[np.float64]
    dropped: int = 0
    missing: int = 0

    def turns_at(self, time_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the turns at moments in s; only between the first and the last knot does it mean something."""
        return self._curve(time_s)[0]

    def speed_hz_at(self, time_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the instantaneous speed at moments in s, in turns per second."""
        return self._curve(time_s)[1]

    def times_at(self, turns: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the moments in s at which the shaft has made so many turns."""
        time_s = np.interp(turns, self.turns, self.time_s)
        # Newton from the chord: the curve is nearly straight between pulses, three steps reach float64.
        for _ in range(3):
            reached, speed_hz = self._curve(time_s)
            time_s = time_s - (reached - turns) / np.maximum(speed_hz, np.finfo(np.float64).tiny)
            time_s = np.clip(time_s, self.time_s[0], self.time_s[-1])
        return time_s

    def geared(self, ratio: float) -> ShaftAngle:
        """Return the angle of a shaft that makes `ratio` turns per turn of this one.

        Raises:
            SpeedError: the ratio is not above 0.
        """
        if not (math.isfinite(ratio) and ratio > 0):
            raise SpeedError(f"a gear ratio of {ratio:g} turns nothing: give one above 0")
        return ShaftAngle(self.time_s, self.turns * ratio, self.dropped, self.missing)

    def _curve(self, time_s: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        slopes = np.gradient(self.turns, self.time_s, edge_order=2)
        place = np.clip(np.searchsorted(self.time_s, time_s, side="right") - 1, 0, self.time_s.size - 2)
        width = self.time_s[place + 1] - self.time_s[place]
        rise = self.turns[place + 1] - self.turns[place]
        # Hermite's cubic as start + c1 s + c2 s² + c3 s³ over the share s of the interval.
        first, last = slopes[place] * width, slopes[place + 1] * width
        square, cube = 3 * rise - 2 * first - last, first + last - 2 * rise
        share = (time_s - self.time_s[place]) / width
        turns = self.turns[place] + share * (first + share * (square + share * cube))
        speed_hz = (first + share * (2 * square + 3 * share * cube)) / width
        return turns, speed_hz


def pulse_times(
    tacho: NDArray[Any], sample_rate_hz: float, *, threshold: float | None = None, falling: bool = False
) -> NDArray[np.float64]:
    """Return the moments at which a tacho signal passes its threshold.

    Args:
        tacho: (samples,) in any unit, one channel.
        sample_rate_hz: of it.
        threshold: in the unit of the signal; None: halfway between its lowest and highest value.
        falling: count falling instead of rising edges (a key-phasor over a notch).

    Returns:
        (pulses,) in s from the first sample, interpolated between samples.

    Raises:
        SampleError, RateError: see `admission.admitted`.
        PulseError: the signal never passes the threshold.

    Source: API 670 (2014), phase reference transducers; hysteresis as in any Schmitt trigger.
    """
    signal = admitted(tacho[None, :] if tacho.ndim == 1 else tacho, sample_rate_hz)[0].astype(np.float64)
    low, high = float(signal.min()), float(signal.max())
    level = (low + high) / 2 if threshold is None else threshold
    if not low < level < high:
        raise PulseError(
            f"the tacho signal stays between {low:g} and {high:g} and never passes {level:g}: "
            "is it connected, and is this its channel?"
        )
    # A falling edge is the rising edge of the signal upside down.
    height = (level - signal) if falling else (signal - level)
    state = np.where(height >= 0, 1, np.where(height < -HYSTERESIS_SHARE * (high - low), -1, 0))
    known = np.flatnonzero(state)
    rises = known[1:][(state[known[1:]] == 1) & (state[known[:-1]] == -1)]
    before = height[rises - 1]
    return np.asarray((rises - 1 + before / (before - height[rises])) / sample_rate_hz, np.float64)


def shaft_angle(pulse_time_s: NDArray[np.float64], *, pulses_per_turn: float = 1.0) -> ShaftAngle:
    """Return the angle of the shaft from the moments of its pulses, bad ones repaired.

    Args:
        pulse_time_s: (pulses,) rising, in s.
        pulses_per_turn: of the shaft asked about; below 1 where the pulses are of a slower shaft. Pulses of one turn
            are taken as evenly spaced.

    Raises:
        PulseError: fewer than 4 pulses, not rising, a gap of more than 5 pulses, or more than a fifth of them bad.
        SpeedError: pulses per turn that are not above 0.

    Source: Fyfe and Munck, Analysis of computed order tracking, Mech. Syst. Signal Process. 11 (1997).
    """
    if not (math.isfinite(pulses_per_turn) and pulses_per_turn > 0):
        raise SpeedError(f"{pulses_per_turn:g} pulses per turn give no angle: state a number above 0")
    times = np.asarray(pulse_time_s, np.float64)
    if times.ndim != 1 or times.size < FEWEST_PULSES:
        raise PulseError(
            f"{times.size} tacho pulses are too few for an angle: at least {FEWEST_PULSES} are needed; "
            "record longer or check the threshold"
        )
    if not (np.isfinite(times).all() and (np.diff(times) > 0).all()):
        raise PulseError("tacho pulses must be moments in seconds, each later than the one before")
    kept, counts, dropped, missing = _walk(times)
    if dropped + missing > WORST_SHARE * times.size or len(kept) < FEWEST_PULSES:
        raise PulseError(
            f"of {times.size} tacho pulses {dropped} came too early and {missing} are missing: "
            "check threshold and sensor, or drop the channel"
        )
    return ShaftAngle(times[kept], np.asarray(counts, np.float64) / pulses_per_turn, dropped, missing)


def _walk(times: NDArray[np.float64]) -> tuple[list[int], list[int], int, int]:
    """Return which pulses are kept, which number each has, and how many were dropped and missing."""
    recent = [float(np.median(np.diff(times[: REMEMBERED + 1])))]
    kept, counts = [0], [0]
    dropped = missing = 0
    place = 0
    while place < times.size - 1:
        expected = sorted(recent)[len(recent) // 2]
        chosen, steps = _next_pulse(times, place, expected)
        if chosen is None:
            break
        if steps > LONGEST_GAP + 1:
            raise PulseError(
                f"no tacho pulse for {times[chosen] - times[place]:.3g} s after {times[place]:.3f} s, where one every "
                f"{expected:.3g} s was expected: analyse the stretches on either side"
            )
        dropped += chosen - place - 1
        missing += steps - 1
        recent = [*recent, float(times[chosen] - times[place]) / steps][-REMEMBERED:]
        kept.append(chosen)
        counts.append(counts[-1] + steps)
        place = chosen
    return kept, counts, dropped, missing


def _next_pulse(times: NDArray[np.float64], place: int, expected: float) -> tuple[int | None, int]:
    """Return the pulse that comes nearest to the expected interval, and how many intervals it is away."""
    start = float(times[place])
    earliest, latest = np.searchsorted(times, (start + EARLIEST * expected, start + LATEST * expected))
    earliest = max(int(earliest), place + 1)
    if earliest < latest:
        near = times[earliest:latest]
        best = near[int(np.argmin(np.abs(near - start - expected)))]
        # A contact bounces after its edge, not before.
        return earliest + int(np.argmax(near > best - BOUNCE * expected)), 1
    if earliest >= times.size:
        return None, 1
    return earliest, max(1, round(float(times[earliest] - start) / expected))
