"""The sections [notify] of a cloud's TOML: whom to tell, of what, when, and in which form.

Strict as everything in the file: an unknown key, a route to a target that is not there, a shift nobody defined, a
field that a template cannot have: each is one line that names the nearest that would be right. Addresses hold
passwords, so they never appear in a complaint.
"""

from datetime import date
from pathlib import Path
from typing import Annotated, Final, Literal, Self, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator

from cloud.notifying.templates import check_template
from cloud.notifying.working_hours import Hours, parse_clock, parse_span
from models.contract.strict_toml import nearest
from models.contract.vocabulary import Priority

MAX_STEPS: Final = 2
"""Who has not answered after the second step will not be woken by a third."""

DAYS_LISTED: Final = 366

Thing = TypeVar("Thing")


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


def _span_text(text: str) -> str:
    parse_span(text)
    return text


def _clock_text(text: str) -> str:
    parse_clock(text)
    return text


def _secret(value: object) -> object:
    """Refuse what is no text without repeating it."""
    if not isinstance(value, str):
        # A ValueError, because only its text reaches the complaint; a TypeError would leave pydantic.
        raise ValueError("must be text")  # noqa: TRY004 - see above
    return value


def _some(things: tuple[Thing, ...]) -> tuple[Thing, ...]:
    """Return what is not empty; pydantic's own bound would repeat the whole table, addresses included."""
    if not things:
        raise ValueError("needs at least one")
    return things


def _tables(value: object) -> object:
    """Refuse what is no list of tables without repeating it: it may be an address."""
    if not isinstance(value, list | tuple) or not all(isinstance(one, dict | BaseModel) for one in value):
        raise ValueError("must be tables: write [[notify.target]]")
    return value


def _at_most_two(steps: tuple[Thing, ...]) -> tuple[Thing, ...]:
    if len(steps) > MAX_STEPS:
        raise ValueError(f"has at most {MAX_STEPS} steps")
    return steps


def _web_address(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must be an address that begins with https:// or http://")
    return value.rstrip("/")


def _secret_web_address(value: SecretStr) -> SecretStr:
    _web_address(value.get_secret_value())
    return value


SpanText = Annotated[str, AfterValidator(_span_text)]
ClockText = Annotated[str, AfterValidator(_clock_text)]
Secret = Annotated[SecretStr, BeforeValidator(_secret)]
WebAddress = Annotated[str, AfterValidator(_web_address)]
Name = Annotated[str, Field(min_length=1, max_length=64)]
Minutes = Annotated[float, Field(gt=0, le=10_080)]


class TargetSettings(_Section):
    """Where messages go. Exactly one of `url`, `url_file` and `webhook` says where.

    Attributes:
        url: any address that apprise knows, such as ``mailtos://user:password@example.com?to=…``.
        url_file: a file that holds the address, readable by the service alone; relative to the configuration.
        webhook: address that gets a signed POST.
        secret, secret_file: what the webhook is signed with.
        template: JSON document that the webhook gets, with fields in braces; without one, every field.
        timeout_s: how long a hand-over may take.
        rate, rate_minutes: so many messages in so many minutes; the rest becomes one digest that counts them.
        quiet: spans in which only what is urgent is told; the rest is told in a digest afterwards.
        pictures: whether a small picture of the spectrum goes with a message, where the target can take it.
    """

    name: Name
    url: Secret | None = None
    url_file: str | None = None
    webhook: Annotated[Secret, AfterValidator(_secret_web_address)] | None = None
    secret: Secret | None = None
    secret_file: str | None = None
    template: str | None = None
    timeout_s: Annotated[float, Field(ge=1, le=300)] = 20.0
    rate: Annotated[int, Field(ge=1, le=1_000)] = 10
    rate_minutes: Minutes = 10.0
    quiet: tuple[SpanText, ...] = ()
    pictures: bool = True

    @model_validator(mode="after")
    def _one_address(self) -> Self:
        said = [key for key in ("url", "url_file", "webhook") if getattr(self, key) is not None]
        if len(said) != 1:
            raise ValueError(f"target {self.name!r} needs exactly one of url, url_file and webhook")
        has_secret = (self.secret is not None) + (self.secret_file is not None)
        if self.webhook is not None and has_secret != 1:
            raise ValueError(f"target {self.name!r}: a webhook is signed, give one of secret and secret_file")
        if self.webhook is None and (has_secret or self.template is not None):
            raise ValueError(f"target {self.name!r}: secret and template = belong to a webhook")
        if self.template is not None:
            check_template(self.template)
        return self


class StepSettings(_Section):
    """Who is told as well when nobody has answered for so long since the step before."""

    after_minutes: Minutes
    to: Annotated[tuple[Name, ...], AfterValidator(_some)]


Stop = Literal["acknowledged", "shelved", "returned"]


class RouteSettings(_Section):
    """Which alarms go to whom. What is not said does not narrow; an alarm goes along every route that fits it.

    Attributes:
        where: beginnings of a machine's path, by whole steps: ``plant/hall 2`` holds ``plant/hall 2/line 1``.
        machines: names or ids.
        classes: machine classes.
        priorities: of the alarm.
        shifts: the route counts while one of them is on duty.
        to: targets that are told at once, or at the times of `digest`.
        digest: times of day at which everything but the urgent is told in one message.
        escalate: at most two further steps.
        stop_when: what ends the escalation; maintenance, out of service and outcomes always do.
    """

    name: Name
    where: tuple[str, ...] = ()
    machines: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    priorities: tuple[Priority, ...] = ()
    shifts: tuple[Name, ...] = ()
    to: Annotated[tuple[Name, ...], AfterValidator(_some)]
    digest: tuple[ClockText, ...] = ()
    escalate: Annotated[tuple[StepSettings, ...], AfterValidator(_at_most_two)] = ()
    stop_when: tuple[Stop, ...] = ("acknowledged", "shelved", "returned")


class ExtraSettings(_Section):
    """Hours of one day that the week does not have; also on a holiday."""

    day: date
    hours: Annotated[tuple[SpanText, ...], AfterValidator(_some)]


class ShiftSettings(_Section):
    """When a shift is on duty.

    Attributes:
        hours: spans of the week, such as ``mon-fri 22:00-06:00``.
        on_holidays: whether it works on the plant's holidays as well.
        off: further days on which it does not work.
        extra: further hours of single days.
    """

    name: Name
    hours: Annotated[tuple[SpanText, ...], AfterValidator(_some)]
    on_holidays: bool = False
    off: Annotated[tuple[date, ...], Field(max_length=DAYS_LISTED)] = ()
    extra: tuple[ExtraSettings, ...] = ()


class NotifySettings(_Section):
    """Everything about messages to people.

    Attributes:
        console: address at which people open the console, for the links in messages.
        give_up_hours: after so long without success a message counts as failed.
        link_hours: how long a link that acknowledges works.
        holidays: days on which shifts do not begin unless they say so.
    """

    console: WebAddress | None = None
    give_up_hours: Annotated[float, Field(gt=0, le=720)] = 24.0
    link_hours: Annotated[float, Field(gt=0, le=720)] = 24.0
    holidays: Annotated[tuple[date, ...], Field(max_length=DAYS_LISTED)] = ()
    target: Annotated[tuple[TargetSettings, ...], BeforeValidator(_tables), AfterValidator(_some)]
    route: Annotated[tuple[RouteSettings, ...], AfterValidator(_some)]
    shift: tuple[ShiftSettings, ...] = ()

    @model_validator(mode="after")
    def _names_fit(self) -> Self:
        for kind, things in (("target", self.target), ("route", self.route), ("shift", self.shift)):
            names = [thing.name for thing in things]
            if twice := next((name for name in names if names.count(name) > 1), None):
                raise ValueError(f"two of [[notify.{kind}]] have the name {twice!r}")
        targets = {target.name for target in self.target}
        shifts = {shift.name for shift in self.shift}
        for route in self.route:
            for name in (*route.to, *(one for step in route.escalate for one in step.to)):
                _check_known(name, targets, f"route {route.name!r}: there is no target")
            for name in route.shifts:
                _check_known(name, shifts, f"route {route.name!r}: there is no shift")
        for target in self.target:
            if Hours(tuple(map(parse_span, target.quiet))).end_ms(0, ZoneInfo("UTC")) is None:
                raise ValueError(f"target {target.name!r}: quiet = never ends")
        return self

    def beside(self, folder: Path) -> Self:
        """Return settings whose file names start at the folder of the configuration."""

        def absolute(name: str | None) -> str | None:
            return None if name is None else str((folder / Path(name).expanduser()).resolve())

        targets = tuple(
            one.model_copy(update={"url_file": absolute(one.url_file), "secret_file": absolute(one.secret_file)})
            for one in self.target
        )
        return self.model_copy(update={"target": targets})

    def shift_hours(self, shift: ShiftSettings) -> Hours:
        """Return when a shift is on duty."""
        off = frozenset(shift.off) | (frozenset() if shift.on_holidays else frozenset(self.holidays))
        extra = tuple(
            (one.day, span.begin_min, span.end_min) for one in shift.extra for span in map(parse_span, one.hours)
        )
        return Hours(tuple(map(parse_span, shift.hours)), off, extra)


def _check_known(name: str, known: set[str], complaint: str) -> None:
    if name not in known:
        raise ValueError(f"{complaint} {name!r}{nearest(name, known)}" if known else f"{complaint} {name!r}")
