"""What strikes in a damaged bearing, and when: kinematics with slip, load zone, and no two blows alike.

A pass of the damage is a number (the hundredth, the hundred-and-first ...). Where on the shaft's angle it happens
and how hard it is follows from that number and the seed alone, so that any stretch of time can be asked for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_agent.sources.plant.faults import Fault

FloatArray = NDArray[np.float64]

_GROUP = 256
"""Random numbers are drawn for this many passes at once."""


@dataclass(frozen=True, slots=True)
class BearingOrders:
    """Kinematics of one bearing, per shaft turn.

    Attributes:
        outer: ball pass frequency of the outer race (BPFO).
        inner: ball pass frequency of the inner race (BPFI).
        ball_spin: BSF; a damaged ball strikes twice per spin.
        cage: FTF.
    """

    outer: float
    inner: float
    ball_spin: float
    cage: float


@dataclass(frozen=True, slots=True)
class ImpactTrain:
    """The blows of one damaged bearing part.

    Attributes:
        fault: which part is damaged.
        bearing: kinematics.
        slip: relative by which the rollers are late; real bearings slip 0.1 to 1 %.
        jitter: standard deviation of one blow's place, relative to the spacing (0.5 to 2 %).
        scatter: standard deviation of the logarithm of one blow's strength.
        seed: of jitter, scatter and wander.
    """

    fault: Fault
    bearing: BearingOrders
    slip: float
    jitter: float
    scatter: float
    seed: int

    @classmethod
    def drawn(cls, fault: Fault, bearing: BearingOrders, seed: int) -> ImpactTrain:
        """Return a train with slip and jitter of an ordinary bearing, drawn from the seed."""
        random = np.random.default_rng([seed, 2])
        return cls(
            fault,
            bearing,
            slip=float(random.uniform(0.001, 0.005)),
            jitter=float(random.uniform(0.005, 0.02)),
            scatter=0.2,
            seed=seed,
        )

    @property
    def blows_per_turn(self) -> float:
        """Return how often it strikes per shaft turn, slip included."""
        nominal = {
            Fault.OUTER_RACE: self.bearing.outer,
            Fault.INNER_RACE: self.bearing.inner,
            Fault.BALL: 2.0 * self.bearing.ball_spin,
        }[self.fault]
        return nominal * (1.0 - self.slip)

    def between(self, first_turn: float, last_turn: float) -> tuple[FloatArray, FloatArray]:
        """Return the blows with `first_turn` <= place < `last_turn`.

        Returns:
            Their shaft angles (k,) in turns, not necessarily ascending, and their strengths (k,), mean about 1.
        """
        # Place differs from the even spacing by jitter and wander together: less than two spacings.
        first = int(np.floor(first_turn * self.blows_per_turn)) - 3
        last = int(np.ceil(last_turn * self.blows_per_turn)) + 3
        passes = np.arange(first, last + 1)
        place_jitter, strength = self._random(first, last)
        places = (passes + self._wander(passes) + place_jitter) / self.blows_per_turn
        inside = (places >= first_turn) & (places < last_turn)
        return places[inside], (strength * self._load_zone(places))[inside]

    def _wander(self, passes: NDArray[np.int64]) -> FloatArray:
        """Return how far the rollers are ahead or behind, in spacings: slip itself comes and goes (± 0.1 %)."""
        random = np.random.default_rng([self.seed, 3])
        wander = np.zeros(len(passes))
        for period, phase in zip(random.uniform(60.0, 900.0, 3), random.uniform(0.0, 2.0 * np.pi, 3), strict=True):
            wander += 0.001 / 3.0 * period / (2.0 * np.pi) * np.sin(2.0 * np.pi * passes / period + phase)
        return wander

    def _random(self, first: int, last: int) -> tuple[FloatArray, FloatArray]:
        """Return jitter and strength of the passes first to last, group by group."""
        groups = range(first // _GROUP, last // _GROUP + 1)
        # A negative group (passes before the start) would be no seed: the offset keeps it positive.
        drawn = np.concatenate(
            [np.random.default_rng([self.seed, 4, group + 1]).standard_normal((2, _GROUP)) for group in groups], axis=1
        )
        start = first - groups[0] * _GROUP
        jitter, strength = drawn[:, start : start + last - first + 1]
        return self.jitter * np.clip(jitter, -3.0, 3.0), np.exp(self.scatter * strength - self.scatter**2 / 2.0)

    def _load_zone(self, places: FloatArray) -> FloatArray:
        """Return the load on the damage as it passes.

        Damage of the outer race stays in the load zone; that of the inner race goes round with the shaft, that of a
        ball with the cage. Source: Stribeck's load distribution, W = (1 - (1 - cos θ) / 2ε)^1.5, here ε = 0.5.
        """
        if self.fault is Fault.OUTER_RACE:
            return np.ones(len(places))
        turns = places if self.fault is Fault.INNER_RACE else places * self.bearing.cage
        zone = np.maximum(np.cos(2.0 * np.pi * turns), 0.0) ** 1.5
        return np.asarray(0.12 + 1.5 * zone)
