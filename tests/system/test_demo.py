"""The demo as a person runs it, with real recordings: what stands on the terminal, over HTTP and in the browser."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import httpx
import pytest
from playwright.sync_api import expect, sync_playwright
from support.browser import CHROMIUM


@pytest.fixture
def run_demo(tmp_path, free_ports):
    """Return a function that starts a demo and returns it with the address of its console."""
    started = []

    def start(*words: object) -> tuple[subprocess.Popen[str], str]:
        http_port, mqtt_port = free_ports(2)
        ports = ("--http-port", str(http_port), "--mqtt-port", str(mqtt_port))
        with (tmp_path / "demo.log").open("w") as log:
            demo = subprocess.Popen(
                [sys.executable, "-m", "plantpulse", "demo", *ports, *map(str, words)],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={**os.environ, "TMPDIR": str(tmp_path)},
                start_new_session=True,
            )
        started.append(demo)
        return demo, f"http://127.0.0.1:{http_port}/api/v1"

    yield start
    for demo in started:
        if demo.poll() is None:
            demo.send_signal(signal.SIGINT)
            demo.wait(timeout=30)
        demo.stdout.close()


def _wait(condition, what: str, timeout_s: float = 150.0):
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            if found := condition():
                return found
        except httpx.TransportError:
            pass
        if time.monotonic() > deadline:
            pytest.fail(f"waited {timeout_s:g} s in vain: {what}")
        time.sleep(0.5)


@pytest.mark.needs("recordings/femto", "chromium")
@pytest.mark.timeout(400)
def test_a_bearing_that_runs_to_failure_is_seen_over_http_and_in_the_browser(run_demo, recordings):
    demo, api = run_demo("--recordings", recordings / "femto", "--json")
    alarm = _wait(
        lambda: next((a for a in httpx.get(f"{api}/alarms").json()["items"] if a["evidence"] == "complete"), None),
        "an alarm with its evidence",
    )
    assert alarm["family"] == "mechanical"
    assert alarm["sentence"]

    trends = httpx.get(f"{api}/machines/{alarm['machine']}/trends", params={"feature": "acc.1/acceleration_rms"}).json()
    (series,) = trends["series"]
    assert series["unit"] == "m/s²"
    assert max(series["max"]) > 1.5 * min(series["mean"]), "the trend of a failing bearing rises"

    evidence = httpx.get(f"{api}/alarms/{alarm['id']}/evidence").json()
    assert [channel["name"] for channel in evidence["channels"]]
    assert all(len(channel["spectrum"]["values"]) > 100 for channel in evidence["channels"])

    _look_at_the_pages(api.removesuffix("/api/v1"), alarm)

    demo.send_signal(signal.SIGINT)
    out, _ = demo.communicate(timeout=30)
    told = json.loads(out.splitlines()[-1])
    assert told["alarms"][0]["machine"] in {"Bearing1_1", "Bearing1_2", "Bearing2_6"}
    assert told["windows"] > 100
    print(f"sent {told['sent_bytes']} of {told['raw_bytes']} bytes")
    assert told["sent_bytes"] <= 0.01 * told["raw_bytes"]


def _look_at_the_pages(console: str, alarm: dict) -> None:
    complaints = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**CHROMIUM)
        page = browser.new_page()
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(console)
        page.get_by_role("link", name=alarm["machine_name"]).first.click()
        expect(page.get_by_text(alarm["sentence"][:40]).first).to_be_visible(timeout=15_000)
        expect(page.locator(".chart svg.still").first).to_be_visible(timeout=15_000)
        page.goto(f"{console}/alarms/{alarm['id']}")
        expect(page.locator(".chart svg.still").first).to_be_visible(timeout=15_000)
        browser.close()
    assert complaints == []


@pytest.mark.needs("recordings/cwru")
@pytest.mark.timeout(300)
def test_healthy_first_then_a_damaged_bearing_is_named(run_demo, recordings):
    demo, _ = run_demo("--recordings", recordings / "cwru", "--until-alarm", "--json")
    out, _ = demo.communicate(timeout=200)
    assert demo.returncode == 0
    told = json.loads(out.splitlines()[-1])
    (alarm,) = told["alarms"]
    # The first damaged recording in the story; which it is comes from labels.csv, what it has from the signal.
    assert alarm["label"] == "inner_race"
    assert 0 < told["replayed_bytes"] < told["raw_bytes"]
    assert told["sent_bytes"] <= 0.01 * told["raw_bytes"]


@pytest.mark.timeout(300)
def test_the_simulated_plant_reaches_its_first_alarm_within_the_promised_bytes(run_demo):
    demo, _ = run_demo("--until-alarm", "--timeout", 180, "--seed", 3, "--json")
    out, _ = demo.communicate(timeout=240)
    assert demo.returncode == 0
    told = json.loads(out.splitlines()[-1])
    print(f"sent {told['sent_bytes']} of {told['raw_bytes']} bytes in {told['seconds']} s")
    assert [a["label"] for a in told["alarms"]] == ["outer_race"]
    assert told["sent_bytes"] <= 0.01 * told["raw_bytes"]


@pytest.mark.timeout(120)
def test_the_healthy_plant_runs_to_its_timeout_without_an_alarm(run_demo):
    demo, _ = run_demo("--healthy", "--until-alarm", "--timeout", 60, "--json")
    out, _ = demo.communicate(timeout=100)
    assert demo.returncode == 1
    assert json.loads(out.splitlines()[-1])["alarms"] == []
