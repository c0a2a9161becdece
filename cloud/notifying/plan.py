"""Who is told of what, as the decisions need it: `NotifySettings` without addresses, with its hours understood."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cloud.notifying.working_hours import Hours, parse_clock, parse_span

if TYPE_CHECKING:
    from collections.abc import Mapping
    from zoneinfo import ZoneInfo

    from cloud.notifying.settings import NotifySettings, RouteSettings
    from models.contract.vocabulary import Priority

MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class Recipient:
    """A target without its address.

    Attributes:
        quiet: when only the urgent is told.
        rate, rate_ms: so many messages in so long; the rest becomes a digest.
    """

    name: str
    quiet: Hours
    rate: int
    rate_ms: int


@dataclass(frozen=True, slots=True)
class Step:
    """Who is told as well when nobody has answered for so long."""

    after_ms: int
    to: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Route:
    """Which alarms go to whom; an empty tuple does not narrow. Fields as in `RouteSettings`."""

    name: str
    where: tuple[tuple[str, ...], ...]
    machines: frozenset[str]
    classes: frozenset[str]
    priorities: frozenset[Priority]
    shifts: tuple[Hours, ...]
    to: tuple[str, ...]
    digest_min: tuple[int, ...]
    steps: tuple[Step, ...]
    stop_when: frozenset[str]


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything the decisions know."""

    zone: ZoneInfo
    recipients: Mapping[str, Recipient]
    routes: tuple[Route, ...]
    oldest_ms: int
    """Occasions that became known longer ago than this are history: nobody wants last month's alarms as new."""

    def route(self, name: str) -> Route | None:
        """Return a route by its name."""
        return next((route for route in self.routes if route.name == name), None)


def path_steps(path: str) -> tuple[str, ...]:
    """Return the steps of a machine's path.

    >>> path_steps("plant / hall 2/line 1")
    ('plant', 'hall 2', 'line 1')
    """
    return tuple(step for part in path.split("/") if (step := part.strip()))


def plan_of(settings: NotifySettings, zone: ZoneInfo) -> Plan:
    """Return the plan of a configuration in a plant's time zone."""
    shifts = {shift.name: settings.shift_hours(shift) for shift in settings.shift}
    recipients = {
        target.name: Recipient(
            target.name,
            Hours(tuple(map(parse_span, target.quiet))),
            target.rate,
            round(target.rate_minutes * MINUTE_MS),
        )
        for target in settings.target
    }
    routes = tuple(_route(route, shifts) for route in settings.route)
    return Plan(zone, recipients, routes, round(settings.give_up_hours * 60 * MINUTE_MS))


def _route(route: RouteSettings, shifts: Mapping[str, Hours]) -> Route:
    return Route(
        name=route.name,
        where=tuple(map(path_steps, route.where)),
        machines=frozenset(route.machines),
        classes=frozenset(route.classes),
        priorities=frozenset(route.priorities),
        shifts=tuple(shifts[name] for name in route.shifts),
        to=route.to,
        digest_min=tuple(map(parse_clock, route.digest)),
        steps=tuple(Step(round(step.after_minutes * MINUTE_MS), step.to) for step in route.escalate),
        stop_when=frozenset(route.stop_when),
    )
