"""All rules of a process through its new samples: what each remembers, step by step.

In order: samples faster than a second are averaged, for the delays of people and plants are seconds; each rule steps
through the means, resting in the phases that it names; a door that is known by the air alone (`models.process.door`)
gets means of ten seconds, which may span windows. After a gap delays begin anew.

Pure: memory in, memory out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from operator import add
from typing import TYPE_CHECKING, Final

import numpy as np

from models.process import door, rules
from models.process.phases import phase_name
from models.process.rules import DoorRule, LimitRule, RateRule, RuleMemory

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from models.process.door import DoorMemory
    from models.process.phases import Phase
    from models.process.rules import Rule

RULE_STEP_S: Final = 1.0
"""Faster samples are averaged before rules: the delays of people and plants are seconds."""


@dataclass(frozen=True, slots=True)
class Watched:
    """What is remembered between two windows.

    Attributes:
        rules: one memory per rule.
        doors: one per rule that watches a door by the air.
        partial: sums of air and helpers and their number, of the ten seconds that are open; one per door.
    """

    rules: tuple[RuleMemory, ...]
    doors: tuple[DoorMemory, ...]
    partial: tuple[tuple[tuple[float, ...], int], ...]


class Watch:
    """Steps all rules of one process; holds only what never changes.

    Args:
        rules: of the plant.
        phases: in the order in which they are asked.
        channel_names: of the rows of the samples.
        sample_rate_hz: of the samples.
    """

    def __init__(
        self, rules: Sequence[Rule], phases: Sequence[Phase], channel_names: Sequence[str], sample_rate_hz: float
    ) -> None:
        self._rules = tuple(rules)
        self._phases = tuple(phases)
        self._row = {name: row for row, name in enumerate(channel_names)}
        self._rate_hz = sample_rate_hz
        self._doors = tuple(rule for rule in rules if isinstance(rule, DoorRule) and rule.contact is None)
        self._per_step = max(1, round(RULE_STEP_S * sample_rate_hz))
        self._per_door_step = max(1, round(door.STEP_S * sample_rate_hz))

    def start(self) -> Watched:
        """Return the memory of a process never seen before."""
        doors = tuple(door.begin(len(self._phases) + 1, len(rule.explained_by)) for rule in self._doors)
        partial = tuple(((0.0,) * (1 + len(rule.explained_by)), 0) for rule in self._doors)
        return Watched(tuple(RuleMemory() for _ in self._rules), doors, partial)

    def step(self, watched: Watched, new: NDArray[np.float32], numbers: NDArray[np.int64]) -> Watched:
        """Return the memory after some samples.

        Args:
            watched: before the first of them.
            new: (channels, n) samples in the units of the plant, NaN where missing.
            numbers: of the phase at each sample, (n,).
        """
        if not self._rules:
            return watched
        starts = np.arange(0, new.shape[1], self._per_step)
        step_s = new.shape[1] / len(starts) / self._rate_hz
        means = _means(new, starts)
        names = [phase_name(self._phases, int(number)) for number in numbers[starts]]
        memories = []
        for rule, memory in zip(self._rules, watched.rules, strict=True):
            if isinstance(rule, DoorRule) and rule.contact is None:
                memories.append(memory)
                continue
            resting = [name in rule.not_in for name in names] if isinstance(rule, LimitRule | RateRule) else None
            values = means[self._row[rules.channels_of(rule)[0]]].tolist()
            memories.append(rules.step(rule, memory, values, resting or [False] * len(values), step_s))
        return self._through_doors(Watched(tuple(memories), watched.doors, watched.partial), new, numbers.tolist())

    def _through_doors(self, watched: Watched, new: NDArray[np.float32], phases: Sequence[int]) -> Watched:
        doors, partials = list(watched.doors), list(watched.partial)
        for place, rule in enumerate(self._doors):
            rows = [self._row[name] for name in rules.channels_of(rule)]
            (sums, count), memory = partials[place], doors[place]
            for values, phase in zip(new[rows].T.tolist(), phases, strict=True):
                sums, count = tuple(map(add, sums, values)), count + 1
                if count == self._per_door_step:
                    means = tuple(total / count for total in sums)
                    memory = door.step(memory, means, phase, rise=rule.rise, learning_s=rule.learning_s)
                    sums, count = (0.0,) * len(rows), 0
            doors[place], partials[place] = memory, (sums, count)
        return Watched(watched.rules, tuple(doors), tuple(partials))


def interrupted(watched: Watched) -> Watched:
    """Return the memory after a gap: alarms stand until values say otherwise, everything else begins anew."""
    return Watched(
        tuple(rules.interrupted(memory) for memory in watched.rules),
        tuple(door.interrupted(memory) for memory in watched.doors),
        tuple(((0.0,) * len(sums), 0) for sums, _ in watched.partial),
    )


def _means(samples: NDArray[np.float32], starts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the means of the pieces that begin at `starts`, (channels, pieces); NaN where nothing is there."""
    if len(starts) == samples.shape[1]:
        return samples.astype(np.float64)
    there = np.isfinite(samples)
    total = np.add.reduceat(np.where(there, samples, 0.0).astype(np.float64), starts, axis=1)
    count = np.add.reduceat(there.astype(np.int64), starts, axis=1)
    return np.where(count > 0, total / np.maximum(count, 1), math.nan)
