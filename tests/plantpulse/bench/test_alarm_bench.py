"""`plantpulse bench alarm`: the whole line runs, and what it measures are alarms of the fault."""

from __future__ import annotations

import argparse

from plantpulse.bench import alarm


def test_changes_of_alarms_are_seen_over_http_and_timed(monkeypatch):
    """Four channels for some seconds; how long it takes is for the benchmark, that it is a time at all is for us."""
    monkeypatch.setattr(alarm, "WARM_UP_S", 8.0)
    found = alarm.measure(argparse.Namespace(channels=4, rate=5_120.0, seconds=10.0))
    assert found["changes"] >= 1
    assert 0.0 < found["p50_ms"] <= found["p99_ms"] <= found["max_ms"]
