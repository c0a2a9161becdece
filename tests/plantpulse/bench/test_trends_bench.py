"""The benchmark of the trend stores: a small plant, filled and asked as the large one is."""

from __future__ import annotations

import argparse

import pytest
from conftest import influxd_path
from support.influx import ORG, TOKEN, running_influx

from plantpulse.bench import trends


def _run(*words):
    parser = argparse.ArgumentParser()
    trends.configure(parser)
    return trends.measure(
        parser.parse_args(["--machines", "2", "--days", "1", "--full", "0", "--features", "2", *words])
    )


def _is_believable(found):
    # A year of 8,760 hours in at most 2,000 points: five hours each.
    assert found["points"] == 365 * 24 // 5 + 1
    assert 0 < found["median_ms"] <= found["p99_ms"]


def test_the_embedded_store_is_filled_once(tmp_path):
    first = _run("--rounds", "3", "--directory", str(tmp_path))
    _is_believable(first)
    again = _run("--rounds", "3", "--directory", str(tmp_path))
    assert first["fill_s"] > again["fill_s"] == 0


@pytest.mark.needs("influxdb")
def test_influxdb_gives_as_many_points(tmp_path, monkeypatch):
    assert influxd_path() is not None
    monkeypatch.setenv("INFLUX_TOKEN", TOKEN)
    monkeypatch.setenv("INFLUX_ORG", ORG)
    with running_influx(tmp_path / "influx") as daemon:
        _is_believable(_run("--store", "influx", "--url", daemon.url, "--rounds", "3"))
