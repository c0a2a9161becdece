"""A cold room on the whole line: simulated sensors → agent → Mosquitto → cloud, and the forgotten door over HTTP.

The example configuration as people find it, but for ports and seven hours that pass in seconds.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright
from support.broker import Mosquitto
from support.browser import CHROMIUM
from support.cloud_process import CloudProcess, wait_until

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "cold-room.toml"
LASTS_S = 7.25 * 3_600.0
OPENED_S = 6.7 * 3_600.0
LEFT_OPEN_S = 600.0
CHANGES = {
    "speed = inf": f"speed = inf\n  duration_s = {LASTS_S}\n"
    f"  defrost_every_h = 2.0\n  left_open = [{{from_s = {OPENED_S}, for_s = {LEFT_OPEN_S}}}]",
    '  start = "2026-03-01T00:00:00Z"\n': "",
    'explained_by = ["EVAP.T"]': 'explained_by = ["EVAP.T"]\n  learning_h = 6.0',
}
UNITS = {"ROOM.T": "°C", "EVAP.T": "°C", "COMP.I": "A", "HEAT.I": "A", "DOOR.S": "1"}


@pytest.mark.needs("mosquitto", "chromium")
@pytest.mark.timeout(300)
def test_a_door_left_open_is_an_alarm_in_words_with_the_hour_before_it_and_nothing_is_lost(tmp_path, free_ports):
    mqtt_port, http_port = free_ports(2)
    path = _configuration(tmp_path, mqtt_port)
    with Mosquitto(tmp_path, mqtt_port), CloudProcess(tmp_path, mqtt_port, http_port) as cloud:
        with (tmp_path / "agent.log").open("wb") as log:
            agent = subprocess.Popen(_agent("run", path), stdout=log, stderr=log)
        try:
            alarm = wait_until(lambda: _returned_alarm(cloud), 180.0)
            machine = wait_until(lambda: _caught_up(cloud, alarm["machine"]), 20.0)
            assert _pending(path) == 0
        finally:
            agent.send_signal(signal.SIGTERM)
            assert agent.wait(timeout=20) == 0
        _the_alarm_says_what_happened(alarm)
        _its_evidence_is_the_hour_before(cloud, alarm)
        _trends_are_in_the_units_of_the_plant(cloud, machine)
        _the_console_speaks_of_a_room_and_not_of_a_shaft(cloud.address, alarm)
        status = _status(path)
        (gateway,) = cloud.get("/gateways")["items"]
        assert status["dropped"] == gateway["dropped"] == {}
        (place,) = status["machines"]
        # Between two phases it is in neither.
        assert place["operating_state"] in {*place["learning"], "transient"}
        assert set(place["learning"]) == {"steady/default", "steady/cooling", "steady/defrost"}
        assert all(0.0 < progress <= 1.0 for progress in place["learning"].values())
        assert (gateway["sequence_gaps"], gateway["quarantined"]) == (0, 0)
        # What was said while the agent stopped may still wait; everything else is stored, and acknowledged as such.
        assert status["counters"]["acknowledged"] >= status["last_sequence"] - 5
        assert gateway["records_stored"] >= status["counters"]["acknowledged"]


def _configuration(folder, mqtt_port):
    text = EXAMPLE.read_text(encoding="utf-8")
    for old, new in CHANGES.items():
        assert text.count(old) == 1
        text = text.replace(old, new)
    path = folder / "gateway.toml"
    path.write_text(text.replace("[[machine]]", f"[mqtt]\nport = {mqtt_port}\n\n[[machine]]", 1), encoding="utf-8")
    return path


def _agent(action, path, *more):
    return [sys.executable, "-m", "plantpulse", "agent", action, "--config", str(path), *more]


def _status(path):
    return json.loads(subprocess.run(_agent("status", path, "--json"), capture_output=True, check=True).stdout)


def _pending(path):
    return min(sum(_status(path)["pending"].values()) for _ in range(3))


def _returned_alarm(cloud):
    items = cloud.get("/alarms")["items"]
    return next((one for one in items if one["condition"] == "returned" and one["evidence"] == "complete"), None)


def _caught_up(cloud, machine_id):
    """Return the machine once its trends have reached the present."""
    machine = cloud.get(f"/machines/{machine_id}")
    if machine["last_data"] is None:
        return None
    age_s = (datetime.now().astimezone() - datetime.fromisoformat(machine["last_data"])).total_seconds()
    return machine if age_s < 300.0 else None


def _the_alarm_says_what_happened(alarm):
    assert (alarm["machine_name"], alarm["family"], alarm["label"]) == ("cold-room-1", "process", "process_changed")
    assert alarm["sentence"].startswith("Door left open: ROOM.T is ")
    assert "K above its cycle for 2 min 30 s, no defrost running." in alarm["sentence"]
    assert alarm["next_step"].startswith("Close the door")
    assert alarm["channel"] == "ROOM.T"
    assert alarm["operating_state"] in {"steady/default", "steady/cooling", "transient"}
    assert alarm["occurrences"] == 1


def _its_evidence_is_the_hour_before(cloud, alarm):
    evidence = cloud.get(f"/alarms/{alarm['id']}/evidence")
    assert {one["name"]: one["unit"] for one in evidence["channels"]} == UNITS
    room, door = evidence["channels"][0]["waveform"], evidence["channels"][4]["waveform"]
    assert len(room["values"]) * room["dt_s"] == pytest.approx(3_600.0)
    # At the end the door has stood open for the two to three minutes that it takes to be sure.
    latest = door["values"][-round(200.0 / door["dt_s"]) :]
    assert 100.0 <= sum(value > 0.5 for value in latest) * door["dt_s"] <= 180.0
    assert max(room["values"][-60:]) > max(room["values"][:-300]) - 0.5


def _trends_are_in_the_units_of_the_plant(cloud, machine):
    assert {one["name"]: one["unit"] for one in machine["channels"]} == UNITS
    query = "&".join(f"feature={name}/mean" for name in UNITS) + "&feature=ROOM.T/slope"
    trends = cloud.get(f"/machines/{machine['id']}/trends?{query}&points=200")
    of = {one["feature"]: one for one in trends["series"]}
    assert {name: of[f"{name}/mean"]["unit"] for name in UNITS} == UNITS
    assert of["ROOM.T/slope"]["unit"] == "°C/min"
    room = of["ROOM.T/mean"]
    assert 1.0 < min(room["min"]) < 3.0
    assert 5.0 < max(room["max"]) < 12.0
    assert max(of["COMP.I/mean"]["max"]) == pytest.approx(8.0, abs=0.7)
    assert max(of["DOOR.S/mean"]["max"]) == 1.0
    seen_s = (room["t_ms"][-1] - room["t_ms"][0]) / 1_000.0
    assert seen_s > LASTS_S - 900.0, "no stretch is missing at either end"
    steps = [later - earlier for earlier, later in zip(room["t_ms"], room["t_ms"][1:], strict=False)]
    assert max(steps) <= 2_000 * trends["bucket_s"], "nor in between"
    assert set(filter(None, trends["states"]["value"])) >= {"steady/default", "steady/cooling", "steady/defrost"}


def _the_console_speaks_of_a_room_and_not_of_a_shaft(address, alarm):
    with sync_playwright() as playwright, playwright.chromium.launch(**CHROMIUM) as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(f"{address}/machines/{alarm['machine']}")
        expect(page.get_by_role("heading", name="What came before?")).to_be_visible()
        expect(page.locator("#slow .chart path.line")).to_have_count(len(UNITS))
        for words in ("Vibration", "ISO 20816", "Envelope spectrum"):
            expect(page.get_by_text(words).filter(visible=True)).to_have_count(0)
        levels = page.locator("#panels figure figcaption").filter(has_text="Level")
        expect(levels).to_have_count(len(set(UNITS.values())))
        page.goto(f"{address}/alarms/{alarm['id']}")
        expect(page.locator("#slow .chart path.line")).to_have_count(len(UNITS))
        expect(page.get_by_role("columnheader", name="Difference")).to_be_visible()
        for words in ("Fault lines", "Spectrum", "Waveform"):
            expect(page.get_by_text(words, exact=True).filter(visible=True)).to_have_count(0)
