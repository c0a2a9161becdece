"""The cloud as it runs: a process, a real broker, kills at the worst moment, and mistakes people make."""

from __future__ import annotations

import json
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time

import httpx
import pytest
from support.broker import Mosquitto
from support.cloud_bench import pump_gateway
from support.cloud_process import CloudProcess, LiveGateway, wait_until
from support.contract_examples import ASSET, START_NS, alarm, summary

MINUTE_NS = 60_000_000_000


def _port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def broker(tmp_path, free_port):
    with Mosquitto(tmp_path, free_port) as running:
        yield running


@pytest.fixture
def cloud(tmp_path, broker):
    with CloudProcess(tmp_path, broker.port, _port()) as running:
        wait_until(running.is_ready)
        yield running


@pytest.fixture(scope="module")
def lasting(tmp_path_factory):
    """Return broker and cloud for the tests that leave them as they were but for what they sent."""
    directory = tmp_path_factory.mktemp("lasting")
    with Mosquitto(directory, _port()) as broker, CloudProcess(directory, broker.port, _port()) as cloud:
        wait_until(cloud.is_ready)
        yield broker, cloud


def _minute(number):
    return lambda gateway: gateway.record(summary(start_ns=START_NS + number * MINUTE_NS), number, sequence=number + 1)


@pytest.mark.needs("mosquitto")
def test_a_record_becomes_visible_and_is_acknowledged(lasting):
    broker, cloud = lasting
    with LiveGateway(pump_gateway(), broker.port) as gateway:
        gateway.send(_minute(0))
        wait_until(lambda: 1 in gateway.acknowledged)
        machine = cloud.get(f"/machines/{ASSET}")
        assert (machine["score"], machine["stale"]) == (0.375, False)
        assert [state for state in gateway.states if json.loads(state)["online"]]


@pytest.mark.needs("mosquitto")
def test_an_open_page_is_told_what_changed(lasting):
    broker, cloud = lasting
    with (
        LiveGateway(pump_gateway(), broker.port) as gateway,
        httpx.stream("GET", f"{cloud.address}/api/v1/events", timeout=20.0) as stream,
    ):
        lines = stream.iter_lines()
        assert next(lines) == ": listening"
        gateway.send(lambda one: one.record(alarm(), 0, sequence=1_001))
        seen = set()
        for line in lines:
            if line.startswith("event: "):
                seen.add(line)
            if "event: alarm" in seen and "event: machine" in seen:
                break
        data = next(line for line in lines if line.startswith("data: "))
        assert set(json.loads(data.removeprefix("data: "))) == {"id"}


@pytest.mark.needs("mosquitto")
def test_killing_the_cloud_in_the_middle_of_ingest_loses_nothing_and_doubles_nothing(tmp_path, cloud, broker):
    """A gateway sends 1,500 records and everything again that is not acknowledged; the cloud is killed four times."""
    count = 1_500
    rng = random.Random(11)
    done = threading.Event()
    with LiveGateway(pump_gateway(), broker.port) as gateway:

        def send_until_acknowledged():
            while not done.is_set():
                missing = [number for number in range(count) if number + 1 not in gateway.acknowledged]
                for number in missing[:300]:
                    gateway.send(_minute(number))
                done.wait(0.3)

        sender = threading.Thread(target=send_until_acknowledged)
        sender.start()
        try:
            for kill in range(4):
                before = len(gateway.acknowledged)
                wait_until(lambda before=before: len(gateway.acknowledged) > before, 60.0)
                time.sleep(rng.uniform(0.0, 0.3))
                cloud.end(signal.SIGKILL)
                assert len(gateway.acknowledged) < count or kill == 3
                cloud.start()
            wait_until(lambda: len(gateway.acknowledged) == count, 120.0)
        finally:
            done.set()
            sender.join()
    trends = sqlite3.connect(tmp_path / "data" / "trends.sqlite")
    assert trends.execute("SELECT count(*), count(DISTINCT record_id) FROM summary").fetchone() == (count, count)
    for grain in ("minute", "hour", "day"):
        total = trends.execute("SELECT sum(windows) FROM vital WHERE grain = ?", (grain,)).fetchone()[0]
        assert total == 119 * count, grain
    trends.close()
    book = sqlite3.connect(tmp_path / "data" / "book.sqlite")
    assert book.execute("SELECT first, last FROM received").fetchall() == [(1, count)]
    book.close()


@pytest.mark.needs("mosquitto")
def test_a_broker_that_restarts_is_found_again_and_so_is_the_gateway(cloud, broker):
    with LiveGateway(pump_gateway(), broker.port) as gateway:
        gateway.send(_minute(0))
        wait_until(lambda: 1 in gateway.acknowledged)
        broker.kill()
        wait_until(lambda: not cloud.is_ready())
        assert cloud.get(f"/machines/{ASSET}")["stale"] is True
        broker.start()
        wait_until(cloud.is_ready, 60.0)

        def again():
            gateway.send(_minute(1))
            time.sleep(0.3)
            return 2 in gateway.acknowledged

        wait_until(again, 60.0)


@pytest.mark.needs("mosquitto")
def test_garbage_on_the_broker_is_counted_and_stops_nothing(lasting):
    broker, cloud = lasting
    with LiveGateway(pump_gateway(), broker.port) as gateway:
        for topic in ("spBv1.0/plant/DDATA/gateway-1/pump-1", "spBv1.0/x", "spBv1.0/plant/NBIRTH/other"):
            gateway._client.publish(topic, b"\x99" * 300)
        gateway.send(_minute(0))
        wait_until(lambda: 1 in gateway.acknowledged)
    wait_until(lambda: "plantpulse_quarantine_messages 3\n" in httpx.get(f"{cloud.address}/metrics").text)


@pytest.mark.needs("mosquitto")
def test_stopping_says_goodbye(cloud, broker):
    with LiveGateway(pump_gateway(), broker.port) as gateway:
        wait_until(lambda: gateway.states)
        assert cloud.end(signal.SIGTERM) == 0
        wait_until(lambda: json.loads(gateway.states[-1])["online"] is False)
    assert "Traceback" not in cloud.log.read_text()


def test_without_a_broker_the_cloud_runs_says_so_and_keeps_trying(tmp_path, free_port):
    with CloudProcess(tmp_path, free_port, _port()) as cloud:
        assert cloud.get("/machines") == {"items": [], "next": None}
        answer = wait_until(
            lambda: (
                (found := httpx.get(f"{cloud.address}/readyz")).status_code == 503 and "refused" in found.text and found
            )
        )
        assert f"127.0.0.1:{free_port}" in answer.json()["problems"][0]
        assert cloud.end(signal.SIGTERM) == 0


# Mistakes people make


def _run(*words):
    return subprocess.run(
        [sys.executable, "-m", "plantpulse", "cloud", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _one_line(finished, *facts):
    assert finished.returncode == 2
    assert finished.stderr.count("\n") == 1, finished.stderr
    assert finished.stderr.startswith("plantpulse cloud: ")
    for fact in facts:
        assert fact in finished.stderr


def _configuration(tmp_path, text):
    path = tmp_path / "cloud.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("action", ["serve", "check", "migrate"])
def test_a_configuration_that_is_not_there(tmp_path, action):
    _one_line(_run(action, "--config", tmp_path / "none.toml"), "none.toml")


def test_a_broken_configuration(tmp_path):
    path = _configuration(tmp_path, "[mqtt]\nhots = 'x'\n")
    _one_line(_run("serve", "--config", path), f"{path}:2", "'hots' in [mqtt]", "'host'")


def test_a_busy_port(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        path = _configuration(tmp_path, f"[http]\nport = {port}\n")
        _one_line(_run("serve", "--config", path), f"127.0.0.1:{port}", "in use", "http.port")


def test_a_data_directory_that_is_a_file(tmp_path):
    (tmp_path / "data").write_text("", encoding="utf-8")
    path = _configuration(tmp_path, '[cloud]\ndata_dir = "data"\n')
    _one_line(_run("serve", "--config", path), str(tmp_path / "data"), "cloud.data_dir")


@pytest.mark.parametrize("name", ["trends.sqlite", "book.sqlite"])
def test_a_store_that_is_damaged(tmp_path, name):
    data = tmp_path / "data"
    data.mkdir()
    (data / name).write_bytes(b"not a database at all, and long enough to have a header" * 30)
    path = _configuration(tmp_path, '[cloud]\ndata_dir = "data"\n[http]\nport = 0\n')
    _one_line(_run("serve", "--config", path), name)


def test_a_second_cloud_on_the_same_data_directory(tmp_path, free_port):
    with CloudProcess(tmp_path, free_port, _port()) as first:
        finished = _run("serve", "--config", first.configuration)
        _one_line(finished, "another cloud", "data")


def test_check_says_what_is_wrong_with_the_broker(tmp_path, free_port):
    path = _configuration(tmp_path, f"[mqtt]\nport = {free_port}\n")
    finished = _run("check", "--config", path, "--json")
    assert finished.returncode == 1
    assert json.loads(finished.stdout)["ok"] is False
    assert "does not answer" in finished.stderr


def test_migrate_makes_the_book(tmp_path):
    path = _configuration(tmp_path, '[cloud]\ndata_dir = "data"\n')
    assert _run("migrate", "--config", path).returncode == 0
    assert (tmp_path / "data" / "book.sqlite").is_file()
