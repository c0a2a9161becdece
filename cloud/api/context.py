"""What every resource of the API may use, handed to it by the composition root."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy import Engine

from cloud.accounts import Person
from cloud.api.rate_limits import RateLimits
from cloud.book.reading import BookReader
from cloud.book.sites import bound_to
from cloud.errors import RequestError
from cloud.event_hub import EventHub
from cloud.http_settings import HttpSettings
from cloud.notifying.courier import Notifier
from cloud.passwords import Passwords
from cloud.plant_settings import PlantSettings
from cloud.prognosis import Prognoses
from cloud.status import Status
from cloud.trends.store import TrendStore


@dataclass(frozen=True, slots=True)
class ApiContext:
    """The stores, the event hub, and the time.

    Attributes:
        engine: of the book; inside a request it shows the sites of who asks, and so does `book`.
        now_ms: ms UTC.
        http: how people are signed in, and for how long.
        notifier: tells people of alarms; None where nobody is told.
        plant: its time zone.
        updates: directory of the signed files for gateways; None where none are delivered.
    """

    engine: Engine
    book: BookReader
    trends: TrendStore
    hub: EventHub
    status: Status
    now_ms: Callable[[], int]
    http: HttpSettings = field(default_factory=HttpSettings)
    limits: RateLimits = field(default_factory=RateLimits)
    passwords: Passwords = field(default_factory=Passwords)
    prognoses: Prognoses = field(default_factory=Prognoses)
    notifier: Notifier | None = None
    plant: PlantSettings = field(default_factory=PlantSettings)
    updates: Path | None = None


def _context(request: Request) -> ApiContext:
    context = request.app.state.context
    if not isinstance(context, ApiContext):
        raise TypeError("the application was made without a context")
    person = getattr(request.state, "person", None)
    if not isinstance(person, Person) or person.sites is None:
        return context
    engine = bound_to(context.engine, person.sites)
    return replace(context, engine=engine, book=BookReader(engine))


Context = Annotated[ApiContext, Depends(_context)]


def iso(time_ms: int) -> str:
    """Return a time as ISO 8601 in UTC.

    >>> iso(0)
    '1970-01-01T00:00:00.000Z'
    """
    return datetime.fromtimestamp(time_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_time(name: str, text: str | None) -> int | None:
    """Return a query parameter as ms UTC: ISO 8601 (without zone: UTC) or a number of ms.

    Raises:
        RequestError: neither.
    """
    if text is None:
        return None
    try:
        if text.lstrip("-").isdigit():
            return int(text)
        # A plus sign in a query arrives as a space unless it was escaped.
        moment = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
        return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError) as error:
        raise RequestError(f"{name}: {text[:40]!r} is no time: give ISO 8601 such as 2026-01-31T12:00:00Z") from error
