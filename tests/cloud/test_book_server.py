"""A real cloud whose book is down when it starts, comes, crashes and comes back: people are told, it goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import httpx
import pytest
from support.cloud_process import wait_until
from support.postgres import PASSWORD, running_postgres

pytestmark = pytest.mark.needs("postgresql")


def test_a_cloud_starts_before_its_book_and_outlives_its_crashes(tmp_path, free_ports):
    http_port, mqtt_port = free_ports(2)
    address = f"http://127.0.0.1:{http_port}"
    with running_postgres(durable=True) as server:
        server.execute("CREATE DATABASE plant")
        server.stop("fast")
        (tmp_path / "password").write_text(PASSWORD, encoding="utf-8")
        (tmp_path / "cloud.toml").write_text(
            f'[cloud]\ndata_dir = "data"\n[mqtt]\nport = {mqtt_port}\n'
            f'[http]\nport = {http_port}\nsigned_in_as = "test"\n'
            f'[book]\nurl = "postgresql://plantpulse@127.0.0.1:{server.port}/plant"\npassword_file = "password"\n',
            encoding="utf-8",
        )
        log = tmp_path / "log"
        with log.open("wb") as output:
            command = [sys.executable, "-m", "plantpulse", "cloud", "serve", "--config", str(tmp_path / "cloud.toml")]
            process = subprocess.Popen(command, stdout=output, stderr=output, env=os.environ | {"PYTHONWARNINGS": ""})
        try:
            wait_until(lambda: _status(address, "/healthz") == 200 or process.poll() is not None, 60.0)
            assert process.poll() is None, log.read_text()
            _is_told(address)
            server.start()
            wait_until(lambda: _status(address, "/api/v1/machines") == 200, 60.0)
            # Pages answer as soon as the server does; that records can be taken again is noticed at the next try.
            wait_until(lambda: all("book" not in one for one in httpx.get(f"{address}/readyz").json()["problems"]))
            server.stop("immediate")
            _is_told(address)
            server.start()
            wait_until(lambda: _status(address, "/api/v1/machines") == 200, 60.0)
            process.send_signal(signal.SIGTERM)
            assert process.wait(30.0) == 0, log.read_text()
        finally:
            process.kill()
            process.wait()
        assert PASSWORD not in log.read_text()


def _is_told(address):
    """See that a page that asks, and whoever watches the cloud, hear what is wrong."""
    answer = httpx.get(f"{address}/api/v1/machines", timeout=20.0)
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
    assert "the book's server" in answer.json()["detail"]
    assert PASSWORD not in answer.text
    ready = httpx.get(f"{address}/readyz", timeout=20.0)
    assert ready.status_code == 503
    assert any("the book's server" in problem for problem in ready.json()["problems"])


def _status(address, path):
    try:
        return httpx.get(address + path, timeout=20.0).status_code
    except httpx.TransportError:
        return 0
