"""An edge node that is not ours, made with npm sparkplug-client, shows up in the console with its metrics."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import httpx
import pytest
from conftest import ROOT, npm_modules
from playwright.sync_api import sync_playwright
from support.broker import Mosquitto
from support.browser import CHROMIUM

pytestmark = pytest.mark.needs("mosquitto", "node", "npm/sparkplug-client", "chromium")


@pytest.fixture
def console(tmp_path, free_ports):
    """Run a broker, a cloud and the foreign node; return the address of the console."""
    mqtt_port, http_port = free_ports(2)
    configuration = tmp_path / "cloud.toml"
    configuration.write_text(
        f'[cloud]\ndata_dir = "{tmp_path}/cloud"\n[mqtt]\nport = {mqtt_port}\n[http]\nport = {http_port}\n'
        'signed_in_as = "operator"\n'
    )
    node = str(ROOT / "tests" / "system" / "foreign_node.cjs")
    with Mosquitto(tmp_path, mqtt_port), (tmp_path / "log").open("wb") as log:
        programs = [
            subprocess.Popen(words, stdout=log, stderr=log)
            for words in (
                [sys.executable, "-m", "plantpulse", "cloud", "serve", "--config", str(configuration)],
                ["node", node, str(npm_modules()), str(mqtt_port)],
            )
        ]
        try:
            yield f"http://127.0.0.1:{http_port}"
        finally:
            for program in programs:
                program.send_signal(signal.SIGTERM)
                program.wait(timeout=20)


def _foreign(console: str) -> dict | None:
    try:
        items = httpx.get(f"{console}/api/v1/gateways").json()["items"]
    except httpx.TransportError:
        return None
    return next((item for item in items if item["name"] == "press-line"), None)


def test_a_foreign_node_is_shown_with_its_metrics(console):
    deadline = time.monotonic() + 30
    while (gateway := _foreign(console)) is None or not gateway["online"]:
        assert time.monotonic() < deadline, "the foreign node did not show up"
        time.sleep(0.2)
    assert gateway["foreign"] is True
    time.sleep(2)
    detail = httpx.get(f"{console}/api/v1/gateways/{gateway['id']}").json()
    metrics = {metric["name"]: metric for metric in detail["metrics"]}
    temperature = next(metric for name, metric in metrics.items() if name.endswith("Temperature"))
    assert temperature["value"] > 181.5
    assert temperature["unit"] == "°C"
    assert next(m for n, m in metrics.items() if n.endswith("Strokes"))["value"] == -7
    assert next(m for n, m in metrics.items() if n.endswith("Firmware"))["value"] == "4.2.1"

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**CHROMIUM)
        page = browser.new_page()
        page.goto(f"{console}/gateways")
        page.get_by_role("link", name="press-line").click()
        page.get_by_text("Temperature").first.wait_for(timeout=10_000)
        assert "°C" in page.inner_text("main")
        browser.close()
