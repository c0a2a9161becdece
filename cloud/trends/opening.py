"""Which trend store a cloud uses: the embedded one, or InfluxDB where `[influx]` stands in its configuration."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from cloud.trends.sqlite import SqliteTrendStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cloud.configuration import CloudSettings
    from cloud.trends.influx import InfluxTrendStore
    from cloud.trends.store import TrendStore

EMBEDDED: Final = "trends.sqlite"
ASIDE: Final = "trends-aside.sqlite"
"""Files in the data directory: the embedded store, and what InfluxDB was not given."""


def open_trends(settings: CloudSettings, directory: Path, now_ms: Callable[[], int]) -> TrendStore:
    """Open the trend store of a cloud; a server need not answer yet.

    Raises:
        ConfigurationError: `[influx]` cannot be used: no token, no organisation, library missing.
        DataDirectoryError: the embedded store cannot be opened.
    """
    if settings.influx is None:
        return SqliteTrendStore(directory / EMBEDDED, settings.retention)
    return open_influx(settings, directory, now_ms)


def open_influx(settings: CloudSettings, directory: Path, now_ms: Callable[[], int]) -> InfluxTrendStore:
    """Open the trends in InfluxDB.

    Raises:
        ConfigurationError: `[influx]` is missing or cannot be used.
    """
    from cloud.trends.influx import InfluxTrendStore
    from cloud.trends.influx_settings import influx_access
    from models.contract.errors import ConfigurationError

    if settings.influx is None:
        raise ConfigurationError("there is no [influx] in the configuration: say where the InfluxDB is")
    access = influx_access(settings.influx, os.environ)
    return InfluxTrendStore(access, settings.retention, directory / ASIDE, now_ms)


def influx_problem(settings: CloudSettings) -> str | None:
    """Return what is wrong with the InfluxDB of a configuration, or None; None too where there is none."""
    from cloud.errors import StoreError
    from cloud.trends.influx_server import InfluxServer
    from cloud.trends.influx_settings import influx_access

    if settings.influx is None:
        return None
    server = InfluxServer(influx_access(settings.influx, os.environ))
    try:
        server.check()
    except StoreError as error:
        return str(error)
    finally:
        server.close()
    return None
