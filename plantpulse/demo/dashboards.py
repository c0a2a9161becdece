"""A demo's Grafana: the same dashboards and rules, brought there the same way as `plantpulse cloud grafana push`."""

from __future__ import annotations

import os

from models.contract.errors import InputError


def fill_grafana(url: str, influx: str | None, console: str) -> list[str]:
    """Bring the dashboards to a running Grafana, and return what people should read of it.

    Args:
        url: of the Grafana.
        influx: of the InfluxDB that the demo fills.
        console: address of the demo's console.

    Raises:
        InputError: there is no InfluxDB to show, or the address is none.
        ConfigurationError: the token or the organisation is missing.
        GrafanaError: it does not answer, or refuses.
    """
    from cloud.grafana.boards import Places
    from cloud.grafana.pushing import Source
    from cloud.trends.influx_settings import InfluxSettings, influx_access
    from plantpulse.cloud_commands.grafana import grafana_token, push_everything, warnings_of

    if influx is None:
        raise InputError("--grafana shows what is in an InfluxDB: give --influx as well")
    access = influx_access(InfluxSettings(url=influx), os.environ)
    token = grafana_token(None, os.environ)
    outcomes = push_everything(url, token, Places(console=console), Source(access.url, access.org, access.token))
    return [f"dashboards at {url.rstrip('/')}/dashboards/f/plantpulse", *warnings_of(outcomes)]
