"""Targets, opened: what a configuration names becomes something that takes messages, or one line about what is wrong.

One branch of `open_target_of` per kind: a webhook of ours, or anything that apprise knows.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import urlsplit

from cloud.notifying.webhook import Webhook
from models.contract.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cloud.notifying.message import Outcome
    from cloud.notifying.settings import NotifySettings, TargetSettings
    from cloud.notifying.wording import Written

FILE_BYTES: Final = 4_096


class Target(Protocol):
    """What takes messages. Called by one thread at a time; may block for about its time-out."""

    @property
    def timeout_s(self) -> float:
        """How long a hand-over may take."""

    def hand_over(self, written: Written, picture: bytes | None, /) -> Outcome:
        """Send a message; return how it ended, never raise."""


def open_targets(settings: NotifySettings) -> Mapping[str, Target]:
    """Return the targets of a configuration by name.

    Raises:
        ConfigurationError: an address, a secret or a file cannot be used, or apprise is missing.
    """
    return {target.name: open_target_of(target) for target in settings.target}


def masked_address(target: TargetSettings) -> str:
    """Return an address as people may see it: the service, and for a webhook its host; never what follows."""
    if target.webhook is not None:
        parts = urlsplit(target.webhook.get_secret_value())
        return f"{parts.scheme}://{parts.hostname}/…"
    if target.url is not None:
        return target.url.get_secret_value().partition("://")[0] + "://…"
    return f"in {Path(target.url_file or '').name}"


def open_target_of(target: TargetSettings) -> Target:
    """Return one target, opened.

    Raises:
        ConfigurationError: its address, secret or file cannot be used, or apprise is missing.
    """
    if target.webhook is not None:
        secret = target.secret.get_secret_value() if target.secret else _file(target, "secret_file", target.secret_file)
        return Webhook(target.webhook.get_secret_value(), secret, target.template, target.timeout_s, time.time)
    from cloud.notifying.apprise_client import open_target

    address = target.url.get_secret_value() if target.url else _file(target, "url_file", target.url_file)
    return open_target(target.name, address, target.timeout_s)


def _file(target: TargetSettings, key: str, name: str | None) -> str:
    """Return the text of a file that only the service may read."""
    where = f"[[notify.target]] {target.name!r}: {key} {name}"
    path = Path(name or "")
    try:
        if path.stat().st_mode & 0o077:
            raise ConfigurationError(f"{where}: others may read it: chmod 600 it")
        with path.open("rb") as file:
            text = file.read(FILE_BYTES).decode().strip()
    except OSError as error:
        raise ConfigurationError(f"{where}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError:
        raise ConfigurationError(f"{where}: is not UTF-8 text") from None
    if not text:
        raise ConfigurationError(f"{where}: is empty")
    return text
