"""What a plant asks of its process: limits, rates of change, doors and sensors that stand still, each with a delay.

A rule is a frozen setting; its memory steps through the new samples of each window and says whether the condition
stands. In order for each rule: the value or rate is outside; that lasts for `delay_s`: active; inside again by the
hysteresis → not active any more. In a phase named in `not_in` a rule rests (suppressed by design), and its delay
begins anew. A missing value is neither outside nor inside: nothing moves.

Source: ISA-18.2 / IEC 62682, deadband, on-delay, suppression by design.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from models.contract.vocabulary import Severity
from models.frozen import replace
from models.process import door
from models.process.errors import ProcessError

if TYPE_CHECKING:
    from collections.abc import Sequence

RATE_POINTS: Final = 16
"""A rate is taken between means at the ends of `over_s`, each a fifteenth of it long."""


@dataclass(frozen=True, slots=True)
class LimitRule:
    """A value above `high` or below `low`.

    Attributes:
        channel: whose value, in its unit.
        high, low: one or both.
        delay_s: so long without a break.
        hysteresis: back inside by so much before the alarm returns.
        severity: of the alarm.
        not_in: phases in which it rests.

    Raises:
        ProcessError: no limit, or limits that cross.
    """

    channel: str
    high: float | None = None
    low: float | None = None
    delay_s: float = 0.0
    hysteresis: float = 0.0
    severity: Severity = Severity.ALERT
    not_in: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.high is None and self.low is None:
            raise ProcessError(f"limit of {self.channel}: give high or low")
        if self.high is not None and self.low is not None and self.low + self.hysteresis >= self.high - self.hysteresis:
            raise ProcessError(
                f"limit of {self.channel}: low = {self.low:g} and high = {self.high:g} leave nothing between them"
            )


@dataclass(frozen=True, slots=True)
class RateRule:
    """A value that rises or falls too fast.

    Attributes:
        channel: whose value.
        rise_per_min, fall_per_min: the largest rate in the channel's unit per minute, both positive; one or both.
        over_s: the rate is taken over so long.
        delay_s, severity, not_in: as in `LimitRule`.

    Raises:
        ProcessError: no rate, or one that is not positive.
    """

    channel: str
    rise_per_min: float | None = None
    fall_per_min: float | None = None
    over_s: float = 300.0
    delay_s: float = 0.0
    severity: Severity = Severity.ALERT
    not_in: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        rates = [rate for rate in (self.rise_per_min, self.fall_per_min) if rate is not None]
        if not rates or min(rates) <= 0.0:
            raise ProcessError(f"rate of {self.channel}: give rise_per_min or fall_per_min, above 0")


@dataclass(frozen=True, slots=True)
class DoorRule:
    """A door left open: by its contact, or by the air (`models.process.door`).

    Attributes:
        channel: air temperature; with a contact it is only told about.
        contact: channel of the door's contact, or None.
        contact_open_above: the contact's value when the door is open lies above.
        after_s: so long a door with a contact may stand open.
        rise: without a contact: by at least so much the air must be warmer.
        explained_by: without a contact: channels that help to foretell the air, such as the evaporator's temperature.
        learning_s: without a contact: so long the room is learnt.
        severity: of the alarm.
    """

    channel: str
    contact: str | None = None
    contact_open_above: float = 0.5
    after_s: float = 120.0
    rise: float = door.LEAST_RISE
    explained_by: tuple[str, ...] = ()
    learning_s: float = door.LEARNING_S
    severity: Severity = Severity.ALERT


@dataclass(frozen=True, slots=True)
class StaleRule:
    """A sensor whose value has not moved at all for so long: not the process, the sensor or its connection.

    Attributes:
        channel: whose value.
        after_s: so long; longer than the process ever holds the value within the converter's step.
    """

    channel: str
    after_s: float = 1_800.0


Rule = LimitRule | RateRule | DoorRule | StaleRule


@dataclass(frozen=True, slots=True)
class RuleMemory:
    """What one rule remembers; a door without a contact has a memory of its own.

    Attributes:
        outside_s: time outside without a break.
        active: the condition stands.
        active_s: for so long.
        points: means over a fifteenth of `over_s`, oldest first (`RateRule`).
        partial: sum and number of values of the mean that is being taken.
        value: what was judged last: the value, or the rate per minute; NaN before.
        last: the value before (`StaleRule`), NaN before the first.
    """

    outside_s: float = 0.0
    active: bool = False
    active_s: float = 0.0
    points: tuple[float, ...] = ()
    partial: tuple[float, int] = (0.0, 0)
    value: float = math.nan
    last: float = math.nan


def channels_of(rule: Rule) -> tuple[str, ...]:
    """Return the channels that a rule reads."""
    if isinstance(rule, DoorRule):
        return (rule.channel, *rule.explained_by) if rule.contact is None else (rule.contact, rule.channel)
    return (rule.channel,)


def interrupted(memory: RuleMemory) -> RuleMemory:
    """Return the memory after a gap: an alarm stands until values say otherwise, everything else begins anew."""
    return replace(memory, outside_s=0.0, points=(), partial=(0.0, 0), last=math.nan)


def step(rule: Rule, memory: RuleMemory, values: Sequence[float], resting: Sequence[bool], step_s: float) -> RuleMemory:
    """Return the memory after some values, oldest first.

    >>> rule = LimitRule("ROOM.T", high=5.0, delay_s=2.0, hysteresis=0.5)
    >>> memory = RuleMemory()
    >>> for value in [4.0, 6.0, 6.0, 4.8, 4.4]:
    ...     memory = step(rule, memory, [value], [False], 1.0)
    ...     print(value, memory.active)
    4.0 False
    6.0 False
    6.0 True
    4.8 True
    4.4 False

    Args:
        rule: a limit, a rate, a stale sensor, or a door by its contact.
        memory: before the first of the values.
        values: of the rule's first channel (`channels_of`), NaN where missing.
        resting: at each value, whether a phase of `not_in` holds.
        step_s: distance of two values.
    """
    for value, is_resting in zip(values, resting, strict=True):
        if is_resting:
            memory = replace(interrupted(memory), active=False, active_s=0.0)
        elif not math.isnan(value):
            memory = _stepped(rule, memory, value, step_s)
    return memory


def _stepped(rule: Rule, memory: RuleMemory, value: float, step_s: float) -> RuleMemory:
    if isinstance(rule, LimitRule):
        return _delayed(
            memory,
            value,
            rule.delay_s,
            step_s,
            is_outside=_is_outside(rule, value, is_active=memory.active),
        )
    if isinstance(rule, RateRule):
        memory = _with_point(memory, value, max(1, round(rule.over_s / (RATE_POINTS - 1) / step_s)))
        if len(memory.points) < RATE_POINTS:
            return memory
        rate = (memory.points[-1] - memory.points[0]) / rule.over_s * 60.0
        rise, fall = rule.rise_per_min or math.inf, rule.fall_per_min or math.inf
        return _delayed(memory, rate, rule.delay_s, step_s, is_outside=rate > rise or -rate > fall)
    if isinstance(rule, DoorRule):
        return _delayed(memory, value, rule.after_s, step_s, is_outside=value > rule.contact_open_above)
    moved = math.isnan(memory.last) or value != memory.last
    return replace(_delayed(memory, value, rule.after_s, step_s, is_outside=not moved), last=value)


def _is_outside(rule: LimitRule, value: float, *, is_active: bool) -> bool:
    margin = rule.hysteresis if is_active else 0.0
    return (rule.high is not None and value > rule.high - margin) or (
        rule.low is not None and value < rule.low + margin
    )


def _delayed(memory: RuleMemory, value: float, delay_s: float, step_s: float, *, is_outside: bool) -> RuleMemory:
    if not is_outside and not memory.outside_s:
        return memory
    if not is_outside:
        return replace(memory, value=value, outside_s=0.0, active=False, active_s=0.0)
    outside_s = memory.outside_s + step_s
    active = memory.active or outside_s >= delay_s
    # The delay is part of how long it has been so.
    return replace(memory, value=value, outside_s=outside_s, active=active, active_s=outside_s if active else 0.0)


def _with_point(memory: RuleMemory, value: float, values_per_point: int) -> RuleMemory:
    total, count = memory.partial[0] + value, memory.partial[1] + 1
    if count < values_per_point:
        return replace(memory, partial=(total, count))
    points = (*memory.points, total / count)[-RATE_POINTS:]
    return replace(memory, points=points, partial=(0.0, 0))
