"""The line with TLS and certificates on both sides of a real Mosquitto: agent and cloud, and what the console says."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect, sync_playwright
from support.authority import Authority
from support.broker import Guard, Mosquitto
from support.browser import CHROMIUM
from support.cloud_process import CloudProcess, wait_until

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "cold-room.toml"


def _lines(authority, pair):
    return (
        f'tls = true\nca_file = "{authority.file}"\ncertificate_file = "{pair.certificate}"\nkey_file = "{pair.key}"\n'
    )


@pytest.mark.needs("mosquitto", "chromium")
def test_the_whole_line_speaks_tls_and_the_console_tells_when_the_certificate_ends(tmp_path, free_ports):
    http_port, open_port, port = free_ports(3)
    authority = Authority(tmp_path)
    guard = Guard(port, authority.file, authority.issue("broker", 30, "127.0.0.1"))
    own = tmp_path / "gateway.toml"
    own.write_text(
        EXAMPLE.read_text(encoding="utf-8").replace(
            "[[machine]]",
            f"[mqtt]\nport = {port}\n{_lines(authority, authority.issue('cold-store-1', 12.5))}[[machine]]",
            1,
        ),
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "plantpulse", "agent", "run", "--config", str(own)]
    cloud_lines = _lines(authority, authority.issue("cloud", 365))
    with Mosquitto(tmp_path, open_port, guard), CloudProcess(tmp_path, port, http_port, cloud_lines) as cloud:
        with (tmp_path / "agent.log").open("wb") as log:
            agent = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            (gateway,) = wait_until(lambda: [one for one in cloud.get("/gateways")["items"] if one["certificate_days"]])
            assert gateway["certificate_days"] == pytest.approx(12.5, abs=0.01)
            assert gateway["records_stored"] > 0
            _is_shown(cloud.address, gateway["id"])
        finally:
            agent.send_signal(signal.SIGTERM)
            assert agent.wait(timeout=20) == 0


@pytest.mark.needs("mosquitto")
@pytest.mark.parametrize("stranger", ["the broker's authority", "our own certificate"])
def test_a_cloud_that_cannot_get_through_says_why(tmp_path, free_ports, stranger):
    http_port, open_port, port = free_ports(3)
    (tmp_path / "elsewhere").mkdir()
    authority, other = Authority(tmp_path), Authority(tmp_path / "elsewhere", "stranger")
    guard = Guard(port, authority.file, authority.issue("broker", 30, "127.0.0.1"))
    is_broker = stranger == "the broker's authority"
    believed, pair = (other, authority.issue("cloud", 365)) if is_broker else (authority, other.issue("cloud", 365))
    cloud = CloudProcess(tmp_path, port, http_port, _lines(believed, pair))
    with Mosquitto(tmp_path, open_port, guard), cloud:
        words = "certificate verify failed" if is_broker else "mqtt.certificate_file"
        wait_until(lambda: words in _problem(cloud))


def _problem(cloud):
    return " ".join(httpx.get(f"{cloud.address}/readyz").json()["problems"])


def _is_shown(address, gateway):
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**CHROMIUM)
        page = browser.new_page()
        page.goto(f"{address}/gateways")
        expect(page.locator("td[data-label=Certificate]")).to_have_text("13 days")
        page.goto(f"{address}/gateways/{gateway}")
        expect(page.locator("#facts")).to_contain_text("13 days")
        browser.close()
