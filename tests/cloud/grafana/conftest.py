"""A real InfluxDB that holds a plant: fed through the real ingest, over the real store, as a cloud feeds it.

The plant is the believable one of the console's pages (two gateways that report, ten machines, alarms in every state),
because a demo takes minutes to raise its first alarm. The same queries on a demo: `test_demo.py`, with `make soak`.
"""

from __future__ import annotations

import time

import pytest
from conftest import influxd_path
from support import believable_plant
from support.fake_grafana import running_grafana
from support.influx import running_influx

from cloud.trends.influx import InfluxTrendStore

DAYS = 0.5


@pytest.fixture(scope="session")
def plant(tmp_path_factory):
    """Return an InfluxDB with half a day of a plant that ends now."""
    if influxd_path() is None:
        pytest.skip("needs influxdb")
    directory = tmp_path_factory.mktemp("plant")
    with running_influx(directory / "influx") as daemon, pytest.MonkeyPatch.context() as patch:

        def influx_store(path, retention):
            return InfluxTrendStore(
                daemon.access(), retention, path.with_name("aside.sqlite"), lambda: time.time_ns() // 1_000_000
            )

        # The plant is written for the embedded store; the other real one has the same surface.
        patch.setattr(believable_plant, "SqliteTrendStore", influx_store)
        believable_plant.seed(directory / "cloud", time.time_ns(), days=DAYS)
        yield daemon


@pytest.fixture
def grafana():
    """Return a server that answers as Grafana's documentation says."""
    with running_grafana() as server:
        yield server
