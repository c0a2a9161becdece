"""Is the new version worse? The health gate of a rollout. Pure.

Two things are looked at. A gateway that breaks a limit (errors, latency, memory) counts as failed and spends the
stage's error budget. Alarm rates are compared by the exact conditional test of two Poisson rates: if n alarms came
from both versions together, and both raise them at the same rate, the number that the new one raised is binomial
with the new version's share of the machine-hours, whatever the rate itself is.

A rollout looks more than once, and whoever looks often enough finds something in nothing. So the level is spent: look
j, from 0, has the part 6 / (π² (j + 1)²) of it; these parts add up to 1 however often is looked. When is looked depends
on machine-hours alone, never on alarms, so by Boole's inequality an equally good version is rolled back with at most
the stated probability. Half of each part goes to the comparison with the time before, half to the comparison with the
old version beside the new one.

What is assumed: alarms are counted when they are raised, not per window, and come one by one. A machine whose alarms
come in bursts makes the test stricter than stated: tolerate a ratio above 1 there.

Source: Przyborowski and Wilenski (1940), Homogeneity of results in testing samples from Poisson series, Biometrika 31,
313-323; Lehmann and Romano (2005), Testing Statistical Hypotheses, 3rd edition, section 4.5.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Final

from scipy.special import betainc

from cloud.rollout_state import Evidence

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cloud.rollout_state import Gate

REFERENCES: Final = 2
"""Comparisons in one look: with the time before, and side by side."""
FIRST_LOOK: Final = 0.25
"""The first look is at this part of the first stage's machine-hours, so that a flood of alarms is stopped early."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The new version's alarms against one reference.

    Attributes:
        p_value: how likely so many alarms or more would be if the rate were what is tolerated.
        level: below this p-value the new version counts as worse.
    """

    against: str
    new_alarms: int
    new_machine_hours: float
    reference_alarms: int
    reference_machine_hours: float
    p_value: float
    level: float

    @property
    def is_worse(self) -> bool:
        """Return whether the new version counts as worse."""
        return self.p_value < self.level

    @property
    def sentence(self) -> str:
        """Return it for people."""
        return (
            f"{self.new_alarms} alarms in {self.new_machine_hours:.0f} machine-hours, {self.against}"
            f" {self.reference_alarms} in {self.reference_machine_hours:.0f} (p = {self.p_value:.2g})"
        )


def rate_p_value(
    new_alarms: int, new_hours: float, old_alarms: int, old_hours: float, tolerated_ratio: float = 1.0
) -> float:
    """Return how likely so many new alarms or more are, given all, if the new rate is the tolerated ratio of the old.

    >>> rate_p_value(5, 10.0, 0, 10.0)
    0.03125
    >>> rate_p_value(0, 10.0, 0, 10.0)
    1.0

    Source: Przyborowski and Wilenski (1940), section 3; the binomial tail as a regularised incomplete beta function,
    Abramowitz and Stegun 26.5.24.
    """
    if new_alarms == 0:
        return 1.0
    share = tolerated_ratio * new_hours / (tolerated_ratio * new_hours + old_hours)
    return float(betainc(new_alarms, old_alarms + 1, share))


def level_of_look(false_halt: float, look: int) -> float:
    """Return the level of each comparison of a look, numbered from 0.

    >>> sum(2 * level_of_look(0.05, look) for look in range(100_000)) < 0.05
    True
    """
    return false_halt * 6.0 / (math.pi**2 * (look + 1) ** 2) / REFERENCES


def summed(evidence: Iterable[Evidence]) -> Evidence:
    """Return the counts of several gateways together; of latency and memory the worst."""
    known = list(evidence)
    worst = {"latency_p99_ms", "memory_mb"}
    counts = {
        one.name: sum(getattr(each, one.name) for each in known) for one in fields(Evidence) if one.name not in worst
    }
    latency_ms = max((one.latency_p99_ms for one in known if one.latency_p99_ms is not None), default=None)
    memory_mb = max((one.memory_mb for one in known if one.memory_mb is not None), default=None)
    return Evidence(**counts, latency_p99_ms=latency_ms, memory_mb=memory_mb)


def next_look_hours(first_stage_hours: float, looks: int) -> float:
    """Return at how many machine-hours under the new version the next look is due: each time twice as many."""
    return first_stage_hours * FIRST_LOOK * 2.0**looks


def compare(evidence: Evidence, gate: Gate, look: int) -> tuple[Comparison, ...]:
    """Return the comparisons of one look, with every reference that there is.

    Args:
        evidence: of all gateways that have the new version.
        gate: says the level and what is tolerated.
        look: its number from 0.
    """
    references = (
        ("the old version before:", evidence.old_alarms, evidence.old_machine_hours),
        ("the old version on the same windows:", evidence.shadow_alarms, evidence.shadow_machine_hours),
    )
    new = evidence.new_alarms, evidence.new_machine_hours
    level = level_of_look(gate.false_halt, look)
    return tuple(
        Comparison(against, *new, alarms, hours, rate_p_value(*new, alarms, hours, gate.tolerated_ratio), level)
        for against, alarms, hours in references
        if hours > 0 and evidence.new_machine_hours > 0
    )


def too_many(evidence: Evidence, gate: Gate, look: int) -> int | None:
    """Return from how many alarms on the new version would have counted as worse, None with nothing to compare with.

    People see by it how sharp the test was: in a quiet plant few machine-hours tell a flood of alarms, not a doubling.
    """

    def is_worse(new_alarms: int) -> bool:
        return any(one.is_worse for one in compare(replace(evidence, new_alarms=new_alarms), gate, look))

    if not compare(evidence, gate, look):
        return None
    most = 1
    while not is_worse(most):
        most *= 2
    return bisect_left(range(most), x=True, key=is_worse)


def has_reference(evidence: Evidence, machine_hours: float) -> bool:
    """Return whether the old version was watched long enough to be compared with."""
    return max(evidence.old_machine_hours, evidence.shadow_machine_hours) >= machine_hours


def broken_limit(evidence: Evidence, gate: Gate) -> str | None:
    """Return which limit a gateway breaks, as its error code, or None."""
    if evidence.errors > gate.max_errors:
        return "errors"
    if _above(evidence.latency_p99_ms, gate.max_latency_p99_ms):
        return "latency"
    return "memory" if _above(evidence.memory_mb, gate.max_memory_mb) else None


def _above(value: float | None, limit: float | None) -> bool:
    return value is not None and limit is not None and value > limit
