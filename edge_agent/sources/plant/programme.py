"""How fast and how hard a machine runs at any time: set points with ramps, and the small unrest of real drives.

First the set points (speed and load, linear in between, repeated if a period is given), then the shaft's angle as
their integral, then the unrest. All of it in closed form, so that the angle at sample ten million costs as much as
the angle at sample ten.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """A set point; between two of them speed and load change linearly.

    Attributes:
        at_s: time since the start of the programme.
        speed_rpm: shaft speed; 0 is a machine that stands.
        load: 1.0 is rated load.
    """

    at_s: float
    speed_rpm: float
    load: float = 1.0


@dataclass(frozen=True, slots=True)
class OperatingProgramme:
    """What an operator does with a machine, and how steady the machine holds it.

    Attributes:
        points: in ascending time, the first at 0; before the next one is reached, values change linearly.
        period_s: the programme repeats after this time; None: the last point holds for ever.
        speed_unrest: bound of the relative speed deviation; 0.002 is a mains-fed motor under varying load.
        load_unrest: bound of the relative load deviation.
        seed: of the unrest.
    """

    points: tuple[OperatingPoint, ...]
    period_s: float | None = None
    speed_unrest: float = 0.002
    load_unrest: float = 0.05
    seed: int = 0
    _turns: FloatArray = field(init=False, repr=False, compare=False)
    _unrest: _Unrest = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Check the points and integrate the angle up to each of them."""
        times = [point.at_s for point in self.points]
        if not times or times[0] != 0.0 or any(later <= earlier for earlier, later in itertools.pairwise(times)):
            raise ValueError("a programme starts at 0 s and its points ascend")
        if any(point.speed_rpm < 0 for point in self.points):
            raise ValueError("a programme does not run backwards")
        if self.period_s is not None and self.period_s <= times[-1]:
            raise ValueError("a programme's period ends after its last point")
        steps = [
            (after.at_s - before.at_s) * (after.speed_rpm + before.speed_rpm) / 120.0
            for before, after in zip(self._knots(), self._knots()[1:], strict=False)
        ]
        object.__setattr__(self, "_turns", np.concatenate(([0.0], np.cumsum(steps))))
        object.__setattr__(self, "_unrest", _Unrest.drawn(self.seed))

    def _knots(self) -> tuple[OperatingPoint, ...]:
        if self.period_s is None:
            return self.points
        first = self.points[0]
        return (*self.points, OperatingPoint(self.period_s, first.speed_rpm, first.load))

    def _set_point(self, time_s: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return speed in turns per second, load, and whole turns, without unrest."""
        knots = self._knots()
        at_s = np.array([knot.at_s for knot in knots])
        turns_per_s = np.array([knot.speed_rpm for knot in knots]) / 60.0
        load = np.array([knot.load for knot in knots])
        local_s, turns_before = time_s, 0.0 * time_s
        if self.period_s is not None:
            rounds = np.floor(time_s / self.period_s)
            local_s = time_s - rounds * self.period_s
            turns_before = rounds * self._turns[-1]
        speed = np.interp(local_s, at_s, turns_per_s)
        knot = np.clip(np.searchsorted(at_s, local_s, side="right") - 1, 0, len(knots) - 1)
        since_s = local_s - at_s[knot]
        turns = turns_before + self._turns[knot] + since_s * (turns_per_s[knot] + speed) / 2.0
        return speed, np.interp(local_s, at_s, load), turns

    def at(self, time_s: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return what the machine does at each time.

        Args:
            time_s: (n,) seconds since the start.

        Returns:
            Shaft speed (n,) in Hz, load (n,) with 1.0 = rated, shaft angle (n,) in turns since the start.
        """
        speed, load, turns = self._set_point(time_s)
        angle, relative_speed = self._unrest.of_angle(turns)
        return (
            speed * (1.0 + self.speed_unrest * relative_speed),
            load * (1.0 + self.load_unrest * self._unrest.of_time(time_s)),
            turns + self.speed_unrest * angle,
        )


@dataclass(frozen=True, slots=True)
class _Unrest:
    """Sums of a few slow sinusoids, bounded by 1: of the angle for speed (at rest it stops too), of time for load.

    The periods are short against any learning phase (speed: 20 to 400 turns, load: 7 to 60 s), so that what a
    baseline saw is what it will see: the healthy plant is stationary.
    """

    turns_per_cycle: FloatArray
    speed_phase: FloatArray
    seconds_per_cycle: FloatArray
    load_phase: FloatArray

    @classmethod
    def drawn(cls, seed: int) -> _Unrest:
        random = np.random.default_rng([seed, 1])
        count = 4
        return cls(
            turns_per_cycle=np.exp(random.uniform(np.log(20.0), np.log(400.0), count)),
            speed_phase=random.uniform(0.0, 2.0 * np.pi, count),
            seconds_per_cycle=np.exp(random.uniform(np.log(7.0), np.log(60.0), count)),
            load_phase=random.uniform(0.0, 2.0 * np.pi, count),
        )

    def of_angle(self, turns: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the angle's deviation in turns and its derivative, for a unit bound of the derivative."""
        angle = np.zeros_like(turns)
        slope = np.zeros_like(turns)
        for cycle, phase in zip(self.turns_per_cycle, self.speed_phase, strict=True):
            argument = 2.0 * np.pi * turns / cycle + phase
            angle += np.sin(argument) * cycle / (2.0 * np.pi)
            slope += np.cos(argument)
        count = len(self.turns_per_cycle)
        return angle / count, slope / count

    def of_time(self, time_s: FloatArray) -> FloatArray:
        waves = (
            np.sin(2.0 * np.pi * time_s / period + phase)
            for period, phase in zip(self.seconds_per_cycle, self.load_phase, strict=True)
        )
        return np.asarray(sum(waves, start=np.zeros_like(time_s)) / len(self.seconds_per_cycle))
