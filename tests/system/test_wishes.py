"""What people want of a gateway, on the whole line: the moment around an alarm, and a machine that learns anew."""

from __future__ import annotations

import signal
import subprocess
import sys

import numpy as np
import pytest
from support.broker import Mosquitto
from support.cloud_process import CloudProcess, wait_until

RATE_HZ = 4_096.0
LOUD_FROM_S = 20.0

CONFIG = """
[gateway]
group = "plant"
name = "gateway-1"
asset_id = "6f1c7a52-94a7-4f5f-8a0e-0d7a2f3c1b11"
data_dir = "./agent"
[mqtt]
port = {port}
[[machine]]
name = "pump-1"
asset_id = "6f1c7a52-94a7-4f5f-8a0e-0d7a2f3c1b12"
speed_rpm = 1480.0
summary_interval_s = 2.0
[machine.source]
kind = "replay"
files = ["run.npz"]
speed = 6.0
start = "2026-01-01T00:00:00Z"
[[machine.channel]]
name = "DE.H"
unit = "g"
[machine.window]
length_s = 0.5
[machine.learning]
windows = 20
[machine.alarm]
decision_s = 0.0
on_decisions = [2, 3]
"""


@pytest.mark.needs("mosquitto")
@pytest.mark.timeout(180)
def test_the_moment_of_an_alarm_is_fetched_and_a_replaced_part_makes_the_machine_learn_anew(tmp_path, free_ports):
    """Three times as loud from 20 s on: an alarm; after "part replaced" that loudness is what is normal."""
    mqtt_port, http_port = free_ports(2)
    path = _configuration(tmp_path, mqtt_port)
    with Mosquitto(tmp_path, mqtt_port), CloudProcess(tmp_path, mqtt_port, http_port) as cloud:
        with (tmp_path / "agent.log").open("wb") as log:
            command = [sys.executable, "-m", "plantpulse", "agent", "run", "--config", str(path)]
            agent = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            alarm = wait_until(lambda: _alarm(cloud, "active"), 60.0)
            _the_moment_is_fetched(cloud, alarm, tmp_path)
            _the_machine_learns_anew(cloud, alarm)
        finally:
            agent.send_signal(signal.SIGTERM)
            assert agent.wait(timeout=20) == 0


def _configuration(folder, mqtt_port):
    t = np.arange(int(600 * RATE_HZ)) / RATE_HZ
    noise = np.random.default_rng(7).standard_normal(t.size)
    loud = np.where(t < LOUD_FROM_S, 1.0, 3.0)
    samples = 0.1 * loud * (np.sin(2 * np.pi * 24.67 * t) + noise)
    np.savez(folder / "run.npz", acc_g=samples.astype(np.float32), fs_hz=RATE_HZ)
    path = folder / "gateway.toml"
    path.write_text(CONFIG.format(port=mqtt_port), encoding="utf-8")
    return path


def _alarm(cloud, condition):
    items = cloud.get("/alarms")["items"]
    return next((one for one in items if one["family"] == "mechanical" and one["condition"] == condition), None)


def _the_moment_is_fetched(cloud, alarm, folder):
    address = f"/alarms/{alarm['id']}/moment"
    assert cloud.get(address)["state"] == "not_asked"
    wait_until(lambda: list((folder / "agent" / "kept_evidence").glob("*.kept")), 20.0)
    assert cloud.post(address, {})["state"] == "waiting"
    moment = wait_until(lambda: _answered(cloud, address), 20.0)
    assert (moment["state"], moment["by"]) == ("delivered", "operator")
    (channel,) = cloud.get(f"{address}/evidence")["channels"]
    values = np.array(channel["waveform"]["values"])
    assert values.size == round(5.0 * RATE_HZ)
    # The alarm came within some seconds, so what was before it reaches back towards the quiet time.
    assert np.std(values) > 0.0
    assert cloud.get(f"/alarms/{alarm['id']}/evidence")["channels"][0]["waveform"]["values"] != values.tolist()


def _answered(cloud, address):
    moment = cloud.get(address)
    return moment if moment["state"] not in {"not_asked", "waiting"} else None


def _the_machine_learns_anew(cloud, alarm):
    address = f"/machines/{alarm['machine']}/relearning"
    assert cloud.get(address)["since"] is None
    cloud.post(f"/alarms/{alarm['id']}/outcome", {"finding": "other", "part": "bearing 6205"})
    wait_until(lambda: cloud.get(address)["done"], 30.0)
    returned = wait_until(lambda: _alarm(cloud, "returned"), 20.0)
    assert returned["id"] == alarm["id"]
    # Loud as before, and nothing is wrong with that now.
    wait_until(lambda: _is_well(cloud.get(f"/machines/{alarm['machine']}")), 60.0)
    assert cloud.get(f"/alarms/{alarm['id']}")["condition"] == "returned"


def _is_well(machine):
    return machine["learning_progress"] == 1.0 and machine["score"] is not None and machine["score"] < 1.0
