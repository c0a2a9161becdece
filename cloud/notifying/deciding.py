"""Who is told of an alarm, when, and in which form. Pure: occasions, plan, traffic and time in, tellings out.

For each occasion (an alarm was raised, got worse, or is wanted again), in this order:

1. withheld, with the reason written down: late, shelved, suppressed, out of service, older than anyone wants to hear,
   told already at this priority, or no route fits;
2. every route that fits names targets; one target is told once, in the most immediate of the forms;
3. the urgent is told at once, whatever the hour; beyond the target's rate it shares one message, also at once;
4. everything else waits for the end of quiet hours, for the route's digest, or, beyond the rate, until the rate allows
   one message that counts what it holds.

Escalation is decided when it is due, from where the alarm stands then.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from cloud.alarm_desk import DeskState
from cloud.notifying.plan import path_steps
from cloud.notifying.working_hours import next_time_ms
from models.contract.vocabulary import Priority

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cloud.notifying.plan import Plan, Recipient, Route


class Cause(StrEnum):
    """Why people may have to be told."""

    RAISED = "raised"
    RAISED_AGAIN = "raised_again"
    WORSE = "worse"
    WANTED_AGAIN = "wanted_again"


class Withheld(StrEnum):
    """Why nobody is told."""

    LATE = "late"
    OLD = "old"
    SHELVED = "shelved"
    SUPPRESSED = "suppressed"
    OUT_OF_SERVICE = "out_of_service"
    TOLD_ALREADY = "told_already"
    NO_ROUTE = "no_route"


class Form(StrEnum):
    """A message of its own, or a line in one that tells of several."""

    MESSAGE = "message"
    DIGEST = "digest"


class Why(StrEnum):
    """Why an alarm is in a digest."""

    NOTHING = ""
    QUIET = "quiet"
    SCHEDULE = "schedule"
    FLOOD = "flood"


_WITHHOLDING: Final = {
    DeskState.SHELVED: Withheld.SHELVED,
    DeskState.SUPPRESSED: Withheld.SUPPRESSED,
    DeskState.OUT_OF_SERVICE: Withheld.OUT_OF_SERVICE,
}


@dataclass(frozen=True, slots=True)
class Occasion:
    """An alarm of which people may have to be told.

    Attributes:
        heard_ms: when the cloud learnt of it.
        late: it was raised before the connection that brought it.
        told: the highest priority at which people were told of this occurrence, or None.
        names: what a route may call the machine: its id and its names.
        path: where it stands, with its name.
    """

    cause: Cause
    heard_ms: int
    late: bool
    state: DeskState
    priority: Priority
    told: Priority | None
    names: frozenset[str]
    path: str
    machine_class: str | None


@dataclass(frozen=True, slots=True)
class Telling:
    """One target is told of one occasion at one step.

    Attributes:
        due_ms: not before.
    """

    target: str
    step: int
    form: Form
    why: Why
    due_ms: int


@dataclass(frozen=True, slots=True)
class Escalation:
    """A further step that is decided at its time."""

    route: str
    step: int
    due_ms: int


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of an occasion: either withheld, or at least one telling."""

    withheld: Withheld | None = None
    tellings: tuple[Telling, ...] = ()
    escalations: tuple[Escalation, ...] = ()


@dataclass(frozen=True, slots=True)
class Stopped:
    """An escalation that is not needed any more, and why."""

    reason: str


@dataclass(slots=True)
class Traffic:
    """When messages of their own were last given to each target, ms UTC in any order; grows with every decision."""

    given_ms: dict[str, list[int]]

    def full_until(self, recipient: Recipient, now_ms: int) -> int | None:
        """Return when the rate allows the next message, None for now."""
        since_ms = now_ms - recipient.rate_ms
        recent = sorted(at_ms for at_ms in self.given_ms.get(recipient.name, ()) if at_ms > since_ms)
        return recent[-recipient.rate] + recipient.rate_ms if len(recent) >= recipient.rate else None

    def note(self, tellings: Iterable[Telling], now_ms: int) -> None:
        """Count what was decided."""
        for telling in tellings:
            if telling.form is Form.MESSAGE:
                self.given_ms.setdefault(telling.target, []).append(now_ms)


def decide(occasion: Occasion, plan: Plan, traffic: Traffic, now_ms: int) -> Decision:
    """Return who is told of an occasion; `traffic` counts it."""
    if (withheld := _withheld(occasion, plan, now_ms)) is not None:
        return Decision(withheld)
    routes = [route for route in plan.routes if fits(route, occasion, plan, now_ms)]
    by_route = {route.name: _tellings(route.to, 0, route, occasion, (plan, traffic, now_ms)) for route in routes}
    chosen = _most_immediate(telling for tellings in by_route.values() for telling in tellings)
    if not chosen:
        return Decision(Withheld.NO_ROUTE)
    traffic.note(chosen, now_ms)
    # The clock of an escalation starts when people can know, not while a digest waits.
    escalations = tuple(
        Escalation(route.name, 1, min(one.due_ms for one in chosen if one.target in route.to) + route.steps[0].after_ms)
        for route in routes
        if route.steps
    )
    return Decision(None, chosen, escalations)


def escalate(  # noqa: PLR0917 - one escalation, one alarm, and what every decision knows
    due: Escalation, occasion: Occasion, acknowledged_by: str | None, plan: Plan, traffic: Traffic, now_ms: int
) -> Decision | Stopped:
    """Return who is told at a further step, or why nobody needs to be.

    Args:
        due: the step whose time has come.
        occasion: as it stands now.
        acknowledged_by: who has, or None.
        plan: routes; one that is gone from the configuration escalates no more.
        traffic: counts the decision.
        now_ms: the time.
    """
    route = plan.route(due.route)
    if route is None or due.step > len(route.steps):
        return Stopped("the route is not configured any more")
    if (withheld := _WITHHOLDING.get(occasion.state)) is not None and (
        withheld is not Withheld.SHELVED or "shelved" in route.stop_when
    ):
        return Stopped(withheld.replace("_", " "))
    if acknowledged_by is not None and "acknowledged" in route.stop_when:
        return Stopped(f"acknowledged by {acknowledged_by}")
    is_over = occasion.state in {DeskState.NORMAL, DeskState.RETURNED_UNACKNOWLEDGED, DeskState.LATCHED}
    if is_over and "returned" in route.stop_when:
        return Stopped("returned")
    step = route.steps[due.step - 1]
    chosen = _most_immediate(_tellings(step.to, due.step, route, occasion, (plan, traffic, now_ms)))
    if not chosen:
        return Stopped("its targets are not configured any more")
    traffic.note(chosen, now_ms)
    following: tuple[Escalation, ...] = ()
    if due.step < len(route.steps):
        told_ms = min(one.due_ms for one in chosen)
        following = (Escalation(route.name, due.step + 1, told_ms + route.steps[due.step].after_ms),)
    return Decision(None, chosen, following)


def fits(route: Route, occasion: Occasion, plan: Plan, now_ms: int) -> bool:
    """Return whether an occasion goes along a route now."""
    steps = path_steps(occasion.path)
    return (
        (not route.where or any(steps[: len(prefix)] == prefix for prefix in route.where))
        and (not route.machines or not route.machines.isdisjoint(occasion.names))
        and (not route.classes or occasion.machine_class in route.classes)
        and (not route.priorities or occasion.priority in route.priorities)
        and (not route.shifts or any(hours.contains(now_ms, plan.zone) for hours in route.shifts))
    )


def _withheld(occasion: Occasion, plan: Plan, now_ms: int) -> Withheld | None:
    if (by_people := _WITHHOLDING.get(occasion.state)) is not None:
        return by_people
    if occasion.late:
        return Withheld.LATE
    if occasion.heard_ms < now_ms - plan.oldest_ms:
        return Withheld.OLD
    if occasion.cause is Cause.WORSE and occasion.told is not None and _rank(occasion.priority) <= _rank(occasion.told):
        return Withheld.TOLD_ALREADY
    return None


def _tellings(
    names: Sequence[str], step: int, route: Route, occasion: Occasion, known: tuple[Plan, Traffic, int]
) -> list[Telling]:
    plan, traffic, now_ms = known
    found = (plan.recipients.get(name) for name in names)
    return [
        Telling(recipient.name, step, *_form(recipient, route, occasion.priority, plan, traffic, now_ms))
        for recipient in found
        if recipient is not None
    ]


def _form(  # noqa: PLR0917 - a table of cases with all it needs
    recipient: Recipient, route: Route, priority: Priority, plan: Plan, traffic: Traffic, now_ms: int
) -> tuple[Form, Why, int]:
    """Return in which form a target is told, why, and when."""
    full_until_ms = traffic.full_until(recipient, now_ms)
    if priority is Priority.URGENT:
        return (Form.MESSAGE, Why.NOTHING, now_ms) if full_until_ms is None else (Form.DIGEST, Why.FLOOD, now_ms)
    due_ms, why = now_ms, Why.NOTHING
    if route.digest_min:
        due_ms, why = next_time_ms(route.digest_min, now_ms, plan.zone), Why.SCHEDULE
    elif full_until_ms is not None:
        due_ms, why = full_until_ms, Why.FLOOD
    ends_ms = recipient.quiet.end_ms(due_ms, plan.zone)
    # Hours without an end are refused by the configuration; without one here, telling is the safe side.
    if ends_ms is not None and ends_ms > due_ms:
        due_ms, why = ends_ms, Why.QUIET
    return (Form.MESSAGE if why is Why.NOTHING else Form.DIGEST), why, due_ms


def _most_immediate(tellings: Iterable[Telling]) -> tuple[Telling, ...]:
    """Return one telling for each target: where several routes lead there, the one that comes first."""
    best: dict[str, Telling] = {}
    for telling in tellings:
        known = best.get(telling.target)
        if known is None or (telling.due_ms, telling.form is Form.DIGEST) < (known.due_ms, known.form is Form.DIGEST):
            best[telling.target] = telling
    return tuple(best.values())


def most_urgent(priorities: Iterable[Priority]) -> Priority | None:
    """Return the highest of some priorities, None of none."""
    return max(priorities, key=_rank, default=None)


def _rank(priority: Priority) -> int:
    return list(Priority).index(priority)
