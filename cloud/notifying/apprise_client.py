"""The only file that imports apprise: addresses become targets, its verdicts and its log become outcomes.

Apprise says yes or no and writes the reason to its log, so the log of each call is what people get to read, with
everything that stands in the address blotted out. Its loggers are silenced otherwise: addresses hold passwords.
"""

from __future__ import annotations

import logging
import re
import time
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from cloud.notifying.message import Ending, Outcome
from models.contract.errors import ConfigurationError
from models.contract.strict_toml import nearest

if TYPE_CHECKING:
    from cloud.notifying.wording import Written

MISSING: Final = 'messages need apprise: install the extra with pip install "plantpulse[notify]"'
_BLOT: Final = "…"
_SHORTEST_SECRET: Final = 4
"""Shorter parts of an address are ports, flags and words; blotting them out would leave no sentence."""


@dataclass(frozen=True, slots=True)
class AppriseTarget:
    """A target behind any address that apprise knows."""

    service: Any
    secrets: tuple[str, ...]
    timeout_s: float

    def hand_over(self, written: Written, picture: bytes | None) -> Outcome:
        """Send a message; return how it ended."""
        import apprise
        from apprise.attachment import memory

        attachment: Any = memory.AttachMemory

        sender = apprise.Apprise()
        sender.add(self.service)
        takes_pictures = picture is not None and bool(getattr(self.service, "attachment_support", False))
        attach = attachment(content=picture, name="spectrum.png", mimetype="image/png") if takes_pictures else None
        kind = apprise.NotifyType.FAILURE if written.fields["priority"] == "urgent" else apprise.NotifyType.WARNING
        started_s = time.monotonic()
        try:
            result = sender.notify(
                body=written.text, title=written.subject, notify_type=kind, body_format="text", attach=attach
            )
        except Exception as error:  # noqa: BLE001 - a hundred services, each with its own ways to break
            return Outcome(Ending.REFUSED, f"broke off ({type(error).__name__})")
        if result:
            return Outcome(Ending.DELIVERED)
        said = [entry.message for entry in result.logs() if entry.level in {"WARNING", "ERROR", "CRITICAL"}]
        reason = _blotted("; ".join(said) or "not taken, and no reason was given", self.secrets)
        if time.monotonic() - started_s >= self.timeout_s:
            return Outcome(Ending.TIMED_OUT, f"no answer within {self.timeout_s:g} s: {reason}")
        return Outcome(Ending.REFUSED, reason)


def open_target(name: str, address: str, timeout_s: float) -> AppriseTarget:
    """Return the target behind an address.

    Raises:
        ConfigurationError: apprise is not installed, knows no such scheme, or cannot use the address.
    """
    try:
        import apprise
        from apprise import manager_plugins
    except ImportError as error:
        raise ConfigurationError(f"[[notify.target]] {name!r}: {MISSING}") from error
    logger = logging.getLogger("apprise")
    logger.propagate = False
    logger.addHandler(logging.NullHandler())
    scheme = address.partition("://")[0].lower()
    plugins: Any = manager_plugins.NotificationManager
    with warnings.catch_warnings():
        # Reading the services, some of them use what Python will drop: nothing that the plant can do about.
        warnings.simplefilter("ignore", DeprecationWarning)
        known = plugins().schemas()
    if "://" not in address or scheme not in known:
        shown = scheme if re.fullmatch(r"[a-z][a-z0-9]{0,19}", scheme) else "it"
        raise ConfigurationError(
            f"[[notify.target]] {name!r}: url: no service is called {shown!r}{_near(scheme, known)}"
        )
    service = apprise.Apprise.instantiate(address)
    if service is None:
        raise ConfigurationError(
            f"[[notify.target]] {name!r}: url: {scheme}:// cannot be used like this: see apprise's page on that service"
        )
    # Its own defaults are four seconds for some services and fifteen for others.
    service.socket_connect_timeout = timeout_s
    service.socket_read_timeout = timeout_s
    if service.request_rate_per_sec == apprise.NotifyBase.request_rate_per_sec:
        # Five and a half seconds between any two messages, where the service itself asks for none: an urgent alarm
        # would wait behind another. A target's own rate keeps the number of messages down. What a service does ask
        # for stays.
        service.request_rate_per_sec = 0.0
    return AppriseTarget(service, _secrets(address), timeout_s)


def _near(scheme: str, known: Any) -> str:
    said = nearest(scheme, known)
    return said if said.startswith(", did you mean") else ": see the list on apprise's pages"


def _secrets(address: str) -> tuple[str, ...]:
    """Return every part of an address behind its scheme, longest first."""
    rest = address.partition("://")[2]
    parts = re.split(r"[/:?&=@]", rest) + re.split(r"[/:?&=@]", unquote(rest)) + [rest, unquote(rest)]
    return tuple(sorted({part for part in parts if len(part) >= _SHORTEST_SECRET}, key=len, reverse=True))


def _blotted(text: str, secrets: tuple[str, ...]) -> str:
    for secret in secrets:
        text = text.replace(secret, _BLOT)
    return text
