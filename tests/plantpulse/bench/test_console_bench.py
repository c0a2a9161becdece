"""`plantpulse bench console`: a small plant, every page of it, and numbers that cannot be made up."""

from __future__ import annotations

import json

from plantpulse.command_line import main


def test_every_page_of_a_small_plant_is_opened(capsys):
    arguments = ["--machines", "4", "--occurrences", "200", "--rounds", "1"]
    assert main(["bench", "console", *arguments, "--json"]) == 0
    results = json.loads(capsys.readouterr().out)
    assert (results["machines"], results["occurrences"], results["book"]) == (4, 200, "sqlite")
    assert {"fleet", "machine", "alarms", "alarm", "measures", "gateways", "models", "audit"} <= set(results["pages"])
    for page in results["pages"].values():
        assert page["requests"] >= 3
        assert page["cpu_p50_ms"] > 0
        assert 0 < page["p50_ms"] <= page["p95_ms"]
    assert results["slowest_page_p95_ms"] == max(page["p95_ms"] for page in results["pages"].values())
    assert results["fleet_p95_ms"] == results["pages"]["fleet"]["p95_ms"]
