"""From settings to a notifier: targets opened, key read. Only called where [notify] is configured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloud.notifying.acknowledge_links import read_or_make_key
from cloud.notifying.courier import Notifier, Office
from cloud.notifying.targets import open_targets

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from zoneinfo import ZoneInfo

    from sqlalchemy import Engine

    from cloud.notifying.settings import NotifySettings


def open_notifier(
    settings: NotifySettings, zone: ZoneInfo, data_dir: Path, engine: Engine, now_ms: Callable[[], int]
) -> Notifier:
    """Return the notifier of a cloud; takes two seconds where apprise reads its list of services.

    Raises:
        ConfigurationError: a target cannot be used.
        DataDirectoryError: the key of the links cannot be.
    """
    return Notifier(Office(engine, settings, zone, read_or_make_key(data_dir), now_ms), open_targets(settings))
