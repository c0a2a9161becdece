"""`plantpulse bench pipeline`: an agent that learns, raises an alarm and explains it, inside its bounds of memory."""

from __future__ import annotations

import pytest

from plantpulse.bench import pipeline


@pytest.fixture(scope="module")
def paced():
    """Run the paced part once: 16 channels of 25.6 kHz, 2 s of them counted, then the fault."""
    with pipeline.broker() as port:
        return pipeline._agent(port, 16, 25_600.0, 2.0, paced=True)


def test_the_run_holds_an_alarm_with_its_diagnosis(paced):
    assert paced["alarm_reports"] >= 1
    # Diagnosis and evidence take tens of times as long as a summary; 3 leaves room for busy machines.
    assert paced["alarm_ms"] > 3.0 * paced["p50_ms"]


def test_the_agent_never_has_80_mb_resident_from_its_start_to_its_end(paced):
    assert 30.0 < paced["rss_at_rest_mb"] <= paced["rss_mb"] < 80.0


def test_only_what_was_asked_for_is_counted(paced):
    # Half-second hops; one more or less at the edges, and one for a busy machine.
    assert 2 <= paced["windows"] <= 6
    assert paced["wall_s"] == pytest.approx(2.0, abs=0.5)
    assert 0.0 < paced["cpu_s"] < paced["wall_s"]
