"""Machines that wear on known paths, as hourly trends: what a forecast is measured against.

A path is flat at 1.0, begins to rise somewhere and crosses 3.0; what is seen of it ends before that. Ideal paths keep
their course; the others are what machines do: the pace wanders, triples, or wear comes in portions. Noise is white,
with tails, slowly forgotten, never forgotten, or that of the day.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Chance = np.random.Generator
LIMIT = 3.0


@dataclass(frozen=True, slots=True)
class Worn:
    """What was seen of a machine, hour by hour, and how many hours later it crosses the limit."""

    hours: Floats
    values: Floats
    left_hours: float


def _wandering(share: Floats, chance: Chance) -> Floats:
    """Return the rise at a pace whose logarithm walks by 0.8 over the whole rise: two to one either way."""
    step = np.diff(share, prepend=0.0)
    pace = np.exp(0.8 * np.cumsum(chance.standard_normal(len(share)) * np.sqrt(step)))
    return np.asarray(2.0 * np.cumsum(pace * step))


def _portions(share: Floats, chance: Chance) -> Floats:
    """Return wear in random portions, thirty over the rise (a gamma process)."""
    return np.asarray(2.0 * np.cumsum(chance.gamma(30.0 * np.diff(share, prepend=0.0) + 1e-12, 1.0 / 30.0)))


IDEAL: dict[str, Callable[[Floats, Chance], Floats]] = {
    "linear": lambda share, _: 2.0 * share,
    "exponential": lambda share, _: 3.0**share - 1.0,
    "accelerating": lambda share, _: 2.0 * share**2,
    "slowing": lambda share, _: 2.0 * np.sqrt(share),
}
REAL: dict[str, Callable[[Floats, Chance], Floats]] = {
    "wandering pace": _wandering,
    "exponential at a wandering pace": lambda share, chance: 3.0 ** (_wandering(share, chance) / 2.0) - 1.0,
    "pace triples": lambda share, _: np.where(share < 0.5, share, 0.5 + 3.0 * (share - 0.5)),
    "portions": _portions,
}


def _forgotten(count: int, chance: Chance) -> Floats:
    steps = chance.standard_normal(count) * math.sqrt(1.0 - 0.95**2)
    level = np.empty(count)
    last = chance.standard_normal()
    for hour, step in enumerate(steps):
        level[hour] = last = 0.95 * last + step
    return level


NOISES: dict[str, Callable[[int, Chance], Floats]] = {
    "white": lambda count, chance: chance.standard_normal(count),
    "tails": lambda count, chance: chance.standard_t(3, count) / math.sqrt(3.0),
    "forgotten": _forgotten,
    "walk": lambda count, chance: np.cumsum(0.06 * chance.standard_normal(count)) + 0.5 * chance.standard_normal(count),
    "day": lambda count, chance: (
        1.2 * np.sin(2.0 * np.pi * (np.arange(count) / 24.0 + chance.random())) + 0.5 * chance.standard_normal(count)
    ),
}


def worn(path: Callable[[Floats, Chance], Floats], noise: Callable[[int, Chance], Floats], chance: Chance) -> Worn:
    """Return a machine of ten days to two months, seen until 40 to 90 % of its rise have passed."""
    seen = int(chance.integers(240, 1440))
    onset = float(chance.uniform(0.1, 0.8)) * seen
    whole = (seen - onset) / float(chance.uniform(0.4, 0.9))
    hours = np.arange(int(onset + 4.0 * whole) + 2)
    level = 1.0 + path(np.maximum(hours - onset, 0.0) / whole, chance)
    crossed = np.flatnonzero(level >= LIMIT)
    if len(crossed) == 0 or crossed[0] <= seen:
        return worn(path, noise, chance)
    sigma = float(chance.choice([0.05, 0.1, 0.2]))
    values = level[:seen] + sigma * noise(seen, chance)
    return Worn(hours[:seen].astype(np.float64), values, float(crossed[0] - (seen - 1)))


def healthy(noise: Callable[[int, Chance], Floats], chance: Chance) -> Worn:
    """Return a machine of ten days to two months that does not wear."""
    seen = int(chance.integers(240, 1440))
    return Worn(np.arange(seen, dtype=np.float64), 1.0 + 0.2 * noise(seen, chance), math.inf)
