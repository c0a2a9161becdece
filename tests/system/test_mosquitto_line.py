"""The whole line on Mosquitto instead of the demo's own broker: simulated plant → agent → cloud → alarm over HTTP."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from datetime import UTC, datetime

import httpx
import pytest
from support.broker import Mosquitto

from plantpulse.demo.files import write_files
from plantpulse.demo.plant import simulated_story, start_of_time_lapse


@pytest.mark.needs("mosquitto")
@pytest.mark.timeout(300)
def test_a_degrading_plant_ends_as_an_alarm_over_mosquitto(tmp_path, free_ports):
    http_port, mqtt_port = free_ports(2)
    story = simulated_story(3, healthy=False, start=start_of_time_lapse(datetime.now(UTC), 10.0))
    files = write_files(story, tmp_path, http_port=http_port, mqtt_port=mqtt_port)
    with Mosquitto(tmp_path, mqtt_port) as broker, (tmp_path / "log").open("wb") as log:
        programs = [
            subprocess.Popen([sys.executable, "-m", "plantpulse", *words], stdout=log, stderr=log)
            for words in (
                ("cloud", "serve", "--config", str(files.cloud_toml)),
                ("agent", "run", "--config", str(files.gateway_toml)),
            )
        ]
        try:
            time.sleep(20)
            broker.kill()  # a broker that restarts in the middle changes nothing of what follows
            broker.start()
            machine, fault = story.failing
            alarm = _first_named_alarm(f"http://127.0.0.1:{http_port}/api/v1/alarms")
            assert (alarm["machine_name"], alarm["label"]) == (machine, fault)
        finally:
            for program in programs:
                program.send_signal(signal.SIGTERM)
                program.wait(timeout=20)


def _first_named_alarm(url: str) -> dict:
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        try:
            items = httpx.get(url).json()["items"]
        except httpx.TransportError:
            items = []
        for alarm in items:
            if alarm["label"] not in ("changed", "uncertain"):
                return alarm
        time.sleep(0.5)
    pytest.fail("no named alarm over HTTP within three minutes")
