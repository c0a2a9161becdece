"""One real InfluxDB for all tests of a run; each test gets buckets of its own in it."""

from __future__ import annotations

import itertools
import time

import pytest
from conftest import influxd_path
from support.influx import running_influx
from support.trend_examples import FOR_GOOD

from cloud.trends.influx import InfluxTrendStore
from cloud.trends.sqlite import SqliteTrendStore

_numbers = itertools.count()


@pytest.fixture(scope="session")
def influx(tmp_path_factory):
    if influxd_path() is None:
        pytest.skip("needs influxdb")
    with running_influx(tmp_path_factory.mktemp("influx")) as daemon:
        yield daemon


def wall_clock_ms():
    return time.time_ns() // 1_000_000


@pytest.fixture
def opened(influx, tmp_path):
    """Return a function that opens a store on buckets of this test alone; again: the same ones, as after a restart."""
    prefix = f"test{next(_numbers)}"
    made = []

    def open_store(retention=FOR_GOOD, **changes):
        aside = tmp_path / "aside.sqlite"
        store = InfluxTrendStore(influx.access(prefix, **changes), retention, aside, wall_clock_ms)
        made.append(store)
        return store

    open_store.prefix = prefix
    yield open_store
    for store in made:
        store.close()


@pytest.fixture(
    params=["sqlite", pytest.param("influx", marks=pytest.mark.needs("influxdb"))],
)
def reopened(request, tmp_path):
    """Return a function that opens the store under test; called again it closes the former, as a restart does."""
    held = []
    influx_store = request.getfixturevalue("opened") if request.param == "influx" else None

    def open_again():
        if held:
            held.pop().close()
        held.append(influx_store() if influx_store else SqliteTrendStore(tmp_path / "trends.sqlite", FOR_GOOD))
        return held[-1]

    yield open_again
    for store in held:
        if influx_store is None:
            store.close()


@pytest.fixture
def store(reopened):
    """Return the store under test, empty."""
    return reopened()
