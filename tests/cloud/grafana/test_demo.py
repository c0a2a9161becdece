"""The demo fills a running InfluxDB and a Grafana, and every query that was brought there has rows.

Minutes long, so with `make soak`: a gateway speaks of itself once a minute, and the fault needs its time to grow.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta

import pytest
from support.fake_grafana import TOKEN as GRAFANA_TOKEN
from support.grafana_queries import as_grafana_reads, ask, chosen_values, interpolated, queries
from support.influx import ORG, TOKEN, running_influx

from cloud.grafana.boards import Places
from cloud.grafana.rules import rules

pytestmark = [pytest.mark.soak, pytest.mark.needs("influxdb"), pytest.mark.timeout(900)]

SPAN = timedelta(hours=12)
EMPTY_ON_A_GOOD_DAY = {"Records dropped, by reason A", "annotation Alarms gone"}
"""The demo drops nothing, and its fault stays: beside each there is a query that says so."""
ALARMS = 'from(bucket: "plantpulse_hourly") |> range(start: -12h) |> filter(fn: (r) => r._field == "active")'
READINGS = (
    'from(bucket: "plantpulse_summaries") |> range(start: -1h) |> filter(fn: (r) => r._field == "Outbox/Pending")'
)


def test_every_query_of_what_the_demo_brought_has_rows(tmp_path, grafana, free_ports):
    with running_influx(tmp_path / "influx") as daemon:
        http, mqtt = free_ports(2)
        words = ["--seed", "7", "--influx", daemon.url, "--grafana", grafana.url, "--data-dir", str(tmp_path / "demo")]
        command = [
            sys.executable,
            "-m",
            "plantpulse",
            "demo",
            *words,
            "--http-port",
            str(http),
            "--mqtt-port",
            str(mqtt),
        ]
        secrets = {"INFLUX_TOKEN": TOKEN, "INFLUX_ORG": ORG, "GRAFANA_TOKEN": GRAFANA_TOKEN}
        with (tmp_path / "log").open("wb") as log:
            demo = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | secrets)
            try:
                alarms = _filled(daemon, demo)
            finally:
                demo.send_signal(signal.SIGINT)
                demo.wait(60)
        machine = alarms[0]["machine"]
        empty = set()
        for board in grafana.dashboards.values():
            values = chosen_values(board, daemon, SPAN, machine)
            for name, query in queries(board):
                rows = ask(daemon, interpolated(query, values, SPAN))
                if rows:
                    as_grafana_reads(query, rows)
                else:
                    empty.add(name)
        assert empty <= EMPTY_ON_A_GOOD_DAY
        for rule in rules(Places()):
            assert ask(daemon, interpolated(rule.query, {}, timedelta(seconds=rule.span_s))), rule.uid


def _filled(daemon, demo):
    """Wait until there are an alarm and three reports of the gateway, and return the alarms."""
    until_s = time.monotonic() + 700
    while time.monotonic() < until_s:
        assert demo.poll() is None, "the demo ended by itself"
        try:
            alarms, readings = daemon.flux(ALARMS), daemon.flux(READINGS)
        except OSError:  # the buckets are made with the first batch
            alarms = readings = []
        if alarms and len(readings) >= 3:
            return alarms
        time.sleep(2.0)
    raise AssertionError("no alarm and three reports in time")
