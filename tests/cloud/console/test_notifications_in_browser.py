"""The page *Notifications* and the page behind a link, as people meet them: real targets, real queue, real browser."""

from __future__ import annotations

import asyncio
import json
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, Page, expect
from support.cloud_bench import Bench, bench, pump_gateway
from support.contract_examples import ALARM_ID, alarm
from support.people import QUICK
from support.receivers import Received, web_server

from cloud.api.application import create_application
from cloud.api.context import ApiContext
from cloud.event_hub import EventHub
from cloud.http_server import bind, serve_http
from cloud.http_settings import HttpSettings
from cloud.notifying.courier import Notifier, Office
from cloud.notifying.settings import NotifySettings
from cloud.notifying.targets import open_targets

pytestmark = pytest.mark.needs("chromium")

WAIT_MS = 15_000  # a test is looked at after 0.3, 1.3, 4.3 and 12.3 seconds


@dataclass
class Served:
    """A served cloud that tells people, and what it told."""

    address: str
    cloud: Bench
    orders: Received
    notifier: Notifier


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve a cloud with one target that works and one that refuses; an alarm told, and one that was late."""
    listener = bind(HttpSettings(host="127.0.0.1", port=0))
    address = "http://{}:{}".format(*listener.getsockname()[:2])
    directory = tmp_path_factory.mktemp("cloud")
    with web_server() as orders, web_server(lambda _: 403) as broken, bench(directory, now_ms()) as cloud:
        settings = NotifySettings.model_validate(
            {
                "console": address,
                "target": [
                    {"name": "work orders", "webhook": orders.address, "secret": "s"},
                    {"name": "old chat", "webhook": broken.address, "secret": "s"},
                ],
                "route": [{"name": "all", "to": ["work orders", "old chat"]}],
            }
        )
        office = Office(cloud.engine, settings, ZoneInfo("Europe/Berlin"), bytes(32), now_ms)
        notifier = Notifier(office, open_targets(settings))
        gateway = pump_gateway()
        cloud.arrive(*gateway.births(cloud.now_ms))
        notifier.take_up()
        end_ns = cloud.now_ms * 1_000_000
        cloud.arrive(gateway.record(alarm(end_ns=end_ns, since_ns=end_ns), 1))
        late = alarm(alarm_id=ALARM_ID.replace("b7", "c8"), component="NDE", end_ns=end_ns, since_ns=end_ns)
        cloud.arrive(gateway.record(late, 2, historical=True))
        halt, ready, running = threading.Event(), threading.Event(), {}

        async def serve() -> None:
            stop, up = asyncio.Event(), asyncio.Event()
            hub = EventHub(asyncio.get_running_loop())
            context = ApiContext(
                cloud.engine,
                cloud.book,
                cloud.trends,
                hub,
                cloud.status,
                now_ms,
                HttpSettings(signed_in_as="M. Ruiz"),
                passwords=QUICK,
                notifier=notifier,
            )
            serving = asyncio.create_task(serve_http(create_application(context), listener, stop, up))
            await up.wait()
            running.update(stop=stop, hub=hub, loop=asyncio.get_running_loop())
            ready.set()
            await serving

        threads = [
            threading.Thread(target=asyncio.run, args=(serve(),)),
            threading.Thread(target=notifier.run, args=(halt,)),
        ]
        for thread in threads:
            thread.start()
        assert ready.wait(20)
        yield Served(address, cloud, orders, notifier)
        halt.set()
        notifier.wake()
        running["loop"].call_soon_threadsafe(running["hub"].close)
        running["loop"].call_soon_threadsafe(running["stop"].set)
        for thread in threads:
            thread.join(20)
        listener.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """Give a page; whatever the browser's console complains about fails the test."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, timezone_id="Europe/Berlin")
    page, complaints = context.new_page(), []
    page.on("console", lambda message: message.type == "error" and complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert complaints == []


def opened(page: Page, served: Served, path: str = "/notifications") -> Page:
    page.goto(served.address + path)
    expect(page.locator("[data-skeleton], [aria-busy]")).to_have_count(0, timeout=WAIT_MS)
    return page


def keep(page: Page, name: str) -> None:
    """Keep a picture where the run keeps its artefacts."""
    if folder := os.environ.get("PLANTPULSE_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def axe(page: Page) -> list[Any]:
    cache = Path(os.environ.get("PLANTPULSE_CACHE", Path.home() / ".cache" / "plantpulse"))
    page.evaluate((cache / "npm" / "node_modules" / "axe-core" / "axe.min.js").read_text())
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    return [(one["id"], [node["html"] for node in one["nodes"]]) for one in found]


def test_the_page_says_first_what_does_not_work_and_then_everything(page: Page, served: Served) -> None:
    opened(page, served)
    expect(page.locator("#sentence")).to_have_text("1 target does not take messages: old chat.", timeout=WAIT_MS)
    works = page.locator("#targets tbody tr", has_text="work orders")
    expect(works).to_contain_text("Works")
    expect(works).to_contain_text("http://127.0.0.1/…")
    expect(page.locator("#targets tbody tr", has_text="old chat")).to_contain_text("answered 403 Forbidden")
    delivered = page.locator("#messages tbody tr", has_text="Delivered").first
    expect(delivered).to_contain_text("pump-1: Outer-race damage at the drive end is likely.")
    expect(page.locator("#messages tbody tr", has_text="old chat").first).to_contain_text("Waiting")
    expect(page.locator("#withheld tbody tr").first).to_contain_text("Reported late")
    assert "hunter2" not in page.content()
    keep(page, "notifications")


def test_a_test_is_sent_and_told(page: Page, served: Served) -> None:
    opened(page, served)
    page.get_by_role("button", name="Send a test to work orders").click()
    expect(page.locator("#tested")).to_have_text("The test for work orders was delivered.", timeout=WAIT_MS)
    expect(page.locator("#messages tbody tr").first).to_contain_text("Test asked for by M. Ruiz")
    page.get_by_role("button", name="Send a test to old chat").click()
    expect(page.locator("#tested")).to_contain_text("was not delivered: answered 403 Forbidden", timeout=WAIT_MS)


def test_a_link_from_a_message_acknowledges_by_its_button_alone(page: Page, served: Served) -> None:
    link = json.loads(served.orders.posts[0][1])["acknowledge_link"]
    assert link.startswith(f"{served.address}/acknowledge/")
    page.goto(link)
    expect(page.locator("h1")).to_have_text("Outer-race damage at the drive end is likely.")
    expect(page.locator("#hint")).to_contain_text("work orders by link")
    keep(page, "acknowledge")
    assert served.cloud.book.alarm(ALARM_ID).acknowledged_by is None
    page.get_by_role("button", name="Acknowledge").click()
    expect(page.locator("#done")).to_have_text("Acknowledged as work orders by link. Thank you.")
    assert served.cloud.book.alarm(ALARM_ID).acknowledged_by == "work orders by link"


def test_a_link_whose_alarm_is_acknowledged_says_by_whom(browser: Browser, served: Served) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(json.loads(served.orders.posts[0][1])["acknowledge_link"])
    expect(page.locator("#refusal")).to_contain_text("already acknowledged by work orders by link at ")
    expect(page.get_by_role("button", name="Acknowledge")).to_have_count(0)
    context.close()


@pytest.mark.needs("npm/axe-core")
def test_axe_finds_nothing_on_either_page_in_either_theme_or_on_a_phone(browser: Browser, served: Served) -> None:
    link = json.loads(served.orders.posts[0][1])["acknowledge_link"].removeprefix(served.address)
    for scheme, width in (("light", 1440), ("dark", 390)):
        # axe is read into the page, which the page's own policy forbids.
        context = browser.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme, bypass_csp=True)
        page = context.new_page()
        for path in ("/notifications", link):
            opened(page, served, path)
            assert axe(page) == [], path
            sticking_out = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert sticking_out <= 0, path
            keep(page, f"{'notifications' if path == '/notifications' else 'acknowledge'}-{scheme}")
        context.close()
