"""A believable plant behind the real application on a real port, and a browser to look at it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from sqlalchemy import Engine
from support.believable_plant import STORIES, alarm, asset_id, evidence, seed
from support.people import ADMIN, QUICK, put, signed_in
from support.simulated_gateway import Sent, SimulatedGateway, SimulatedMachine

from cloud.api.application import create_application
from cloud.api.context import ApiContext
from cloud.book.opening import book_url, open_book
from cloud.book.reading import BookReader
from cloud.configuration import HttpSettings, RetentionSettings
from cloud.event_hub import EventHub
from cloud.http_server import bind, serve_http
from cloud.ingest import Ingest
from cloud.planning import Message
from cloud.status import Status
from cloud.trends.sqlite import SqliteTrendStore
from models.contract.evidence import pack_evidence, split_evidence
from models.contract.facts import ChannelFacts, MachineFacts
from models.contract.records import AlarmReport, Evidence, EvidenceLine
from models.contract.vocabulary import Severity

MINUTE_NS = 60_000_000_000
SEEDED_DAYS = 2.0
VISITOR = "A. Keller"
WORN = "Cooling tower fan 2"
HOSTILE = '<img src=x onerror="window.hacked=1">'
CHROMIUM_ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass
class Plant:
    """A served cloud, and a gateway of its own that can say something new while pages are open."""

    address: str
    hub: EventHub
    ingest: Ingest
    gateway: SimulatedGateway
    machine: SimulatedMachine
    engine: Engine
    trends: SqliteTrendStore
    revision: int = 0

    def api(self, path: str) -> Any:
        """Return a document of the API."""
        return httpx.get(f"{self.address}/api/v1{path}").raise_for_status().json()

    def client(self, name: str, grants: Mapping[str, str] = ADMIN) -> httpx.Client:
        """Return the browser of somebody else who is signed in."""
        secret = signed_in(self.engine, name, time.time_ns() // 1_000_000, grants)
        headers = {"origin": self.address}
        return httpx.Client(base_url=self.address, cookies={"plantpulse": secret}, headers=headers)

    def machine_named(self, name: str) -> str:
        """Return a machine's id."""
        return next(one["id"] for one in self.api("/machines")["items"] if one["name"] == name)

    def alarm_of(self, machine_name: str) -> dict[str, Any]:
        """Return the alarm of a machine whose evidence is there."""
        alarms = [one for one in self.api("/alarms")["items"] if one["machine_name"] == machine_name]
        return next(one for one in alarms if one["evidence"] == "complete")

    def arrive(self, *sent: Sent) -> None:
        """Have messages stored, and pages told, as ingest does it."""
        now_ms = time.time_ns() // 1_000_000
        messages = [Message(one.topic, one.payload, retained=False, received_ms=now_ms) for one in sent]
        self.hub.tell(self.ingest.store(self.ingest.plan(messages, now_ms)))

    def raise_alarm(self, component: str, sentence: str, severity: Severity = Severity.WATCH) -> AlarmReport:
        """Raise a new alarm of the hostile machine."""
        now_ns = time.time_ns()
        self.revision += 1
        report = hostile_alarm(self.machine, now_ns, component)
        report = replace(report, severity=severity, diagnosis=replace(report.diagnosis, sentence=sentence))
        self.arrive(self.gateway.record(report, now_ns // MINUTE_NS + 1_000 * self.revision))
        return report


def every_page(plant: Plant) -> list[str]:
    """Return the address of each page, also of one where every text is an attack."""
    hostile = plant.machine_named(plant.machine.name)
    return [
        "/",
        f"/machines/{plant.machine_named(WORN)}",
        f"/machines/{hostile}",
        f"/machines/{plant.machine_named(WORN)}/spectrum",
        f"/machines/{hostile}/spectrum",
        "/site",
        "/alarms?show=all",
        "/alarms/measures",
        f"/alarms/{plant.alarm_of(WORN)['id']}",
        f"/alarms/{plant.alarm_of(plant.machine.name)['id']}",
        "/gateways",
        "/gateways/demo-plant:gateway-1",
        "/gateways/packaging:line-4-plc",
        "/models",
        "/notifications",
        "/advice",
        "/audit",
        "/users",
        "/account",
    ]


def hostile_alarm(machine: SimulatedMachine, now_ns: int, component: str) -> AlarmReport:
    """Return an alarm in which every text is an attack."""
    report = alarm(STORIES[0], machine, now_ns - MINUTE_NS, now_ns)
    line = EvidenceLine(HOSTILE, 3.6, 88.0, 88.1, 12.0, matched=True)
    diagnosis = replace(
        report.diagnosis, channel=f"DE.{HOSTILE}", sentence=f"{HOSTILE} is likely.", next_step=HOSTILE, evidence=(line,)
    )
    return replace(
        report, alarm_id=asset_id(f"hostile {component}"), component=component, diagnosis=diagnosis, model=HOSTILE
    )


def hostile_evidence(machine: SimulatedMachine, subject: str, end_ns: int) -> Evidence:
    """Return evidence in which every text is an attack."""
    picture = evidence(machine, subject, end_ns, 0.8, 1)
    return replace(
        picture,
        channels=tuple(replace(one, name=f"{one.name[:2]}.{HOSTILE}") for one in picture.channels),
        fault_lines=tuple(replace(one, line=HOSTILE) for one in picture.fault_lines),
    )


def hostile_gateway() -> tuple[SimulatedGateway, SimulatedMachine]:
    """Return a gateway whose only machine has a name that would run as a script where it is taken for markup."""
    channels = (ChannelFacts(f"DE.{HOSTILE}"[:60], "g", 12_800.0, 2, HOSTILE),)
    facts = MachineFacts(HOSTILE, 1_480.0, 2, "rigid", "00c0ffee15600d42", 1.0, 60.0, channels)
    machine = SimulatedMachine(
        HOSTILE, "00000000-0000-4000-8000-00000000bad1", facts, (("DE.<b>/velocity_rms", "mm/s"),)
    )
    gateway = SimulatedGateway("demo-plant", "<script>", "00000000-0000-4000-8000-00000000bad2", [machine])
    return gateway, machine


def hostile_records(gateway: SimulatedGateway, machine: SimulatedMachine, now_ns: int) -> list[Sent]:
    """Return an alarm and its evidence."""
    report = hostile_alarm(machine, now_ns, "machine")
    picture = hostile_evidence(machine, report.alarm_id, now_ns)
    parts = split_evidence(
        pack_evidence(picture),
        asset_id=machine.asset_id,
        machine=machine.name,
        subject=picture.subject,
        end_ns=now_ns,
        part_bytes=16_384,
    )
    windows = now_ns // MINUTE_NS * 100
    return [gateway.record(report, windows), *(gateway.record(part, windows + part.index) for part in parts)]


@contextmanager
def _served(engine: Engine, trends: SqliteTrendStore, settings: HttpSettings) -> Iterator[tuple[str, EventHub]]:
    """Serve the application on a free port; yield its address and who tells its pages what changed."""
    listener = bind(HttpSettings(host="127.0.0.1", port=0))
    running: dict[str, Any] = {}
    ready = threading.Event()

    async def serve() -> None:
        stop, up = asyncio.Event(), asyncio.Event()
        hub = EventHub(asyncio.get_running_loop())
        context = ApiContext(
            engine,
            BookReader(engine),
            trends,
            hub,
            Status(),
            lambda: time.time_ns() // 1_000_000,
            http=settings,
            passwords=QUICK,
        )
        serving = asyncio.create_task(serve_http(create_application(context), listener, stop, up))
        await up.wait()
        running.update(hub=hub, stop=stop, loop=asyncio.get_running_loop())
        ready.set()
        await serving

    thread = threading.Thread(target=asyncio.run, args=(serve(),), name="console under test")
    thread.start()
    assert ready.wait(20)
    try:
        yield "http://{}:{}".format(*listener.getsockname()[:2]), running["hub"]
    finally:
        running["loop"].call_soon_threadsafe(running["hub"].close)
        running["loop"].call_soon_threadsafe(running["stop"].set)
        thread.join(20)
        listener.close()


@pytest.fixture(scope="session")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    """Serve two days of a plant, to people who are signed in automatically as the demo does it."""
    data_dir: Path = tmp_path_factory.mktemp("plant")
    now_ns = time.time_ns()
    seed(data_dir, now_ns, SEEDED_DAYS)
    engine = open_book(book_url(data_dir / "book.sqlite"))
    trends = SqliteTrendStore(data_dir / "trends.sqlite", RetentionSettings())
    put(engine, VISITOR)
    with _served(engine, trends, HttpSettings(signed_in_as=VISITOR)) as (address, hub):
        ingest = Ingest(trends, engine, Status(), reorder_ms=500)
        served = Plant(address, hub, ingest, *hostile_gateway(), engine, trends)
        served.arrive(*served.gateway.births(now_ns // 1_000_000))
        served.arrive(*hostile_records(served.gateway, served.machine, now_ns))
        yield served
    trends.close()
    engine.dispose()


@pytest.fixture(scope="module")
def guarded(plant: Plant) -> Iterator[Plant]:
    """Serve the same plant to people who have to sign in."""
    with _served(plant.engine, plant.trends, HttpSettings()) as (address, hub):
        yield replace(plant, address=address, hub=hub)


# Not for the whole session: as long as it lives an event loop runs in this thread, and async tests cannot.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Run Debian's Chromium without a window."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM_ARGS)
        yield chromium
        chromium.close()


def wait_until(page: Page, expression: str, timeout_s: float = 20.0) -> None:
    """Wait until an expression is true; Playwright's own way needs `eval`, which our pages forbid."""
    deadline_s = time.monotonic() + timeout_s
    while not page.evaluate(expression):
        assert time.monotonic() < deadline_s, f"after {timeout_s:.0f} s still not: {expression}"
        page.wait_for_timeout(50)


@dataclass
class Visitor:
    """One person's browser: a page, and everything it complained about."""

    plant: Plant
    context: BrowserContext
    page: Page
    complaints: list[str] = field(default_factory=list)

    def open(self, path: str) -> Page:
        """Open a page and wait until it shows data."""
        self.page.goto(self.plant.address + path)
        wait_until(self.page, "!document.querySelector('[data-skeleton], [aria-busy]')")
        return self.page

    def until(self, expression: str) -> None:
        """Wait until an expression is true in the page."""
        wait_until(self.page, expression)

    def charts(self, host: str, count: int) -> None:
        """Wait until so many charts are drawn inside an element."""
        self.until(f"document.querySelectorAll('#{host} .chart[data-drawn]').length >= {count}")

    def wake(self, host: str, count: int = 1) -> None:
        """Reach for the first chart in an element, as a hand does, and wait until plotly.js has taken over."""
        self.charts(host, count)
        self.page.locator(f"#{host} .chart").first.hover()
        self.until("document.querySelector('.chart[data-drawn=still]') === null")

    def settle(self) -> None:
        """Wait until the page's spectrum, where it has one, is drawn or says that there is none."""
        if self.page.locator("#spectrum").count():
            self.until(
                "document.querySelector('#spectrum .chart[data-drawn], #spectrum .empty:not([hidden])') !== null"
            )
            self.page.wait_for_timeout(300)

    def overflow(self) -> list[str]:
        """Return what sticks out of the window to the right."""
        return self.page.evaluate(
            "document.documentElement.scrollWidth <= innerWidth ? [] : [...document.querySelectorAll('main *')]"
            ".filter((one) => one.getBoundingClientRect().right > innerWidth + 1)"
            ".map((one) => one.outerHTML.slice(0, 90))"
        )


def _visit(browser: Browser, plant: Plant, **options: Any) -> Iterator[Visitor]:
    context = browser.new_context(timezone_id="Europe/Berlin", **options)
    page = context.new_page()
    visitor = Visitor(plant, context, page)
    page.on("console", lambda message: message.type == "error" and visitor.complaints.append(message.text))
    page.on("pageerror", lambda error: visitor.complaints.append(str(error)))
    yield visitor
    context.close()
    assert visitor.complaints == []


@pytest.fixture
def desktop(browser: Browser, plant: Plant) -> Iterator[Visitor]:
    """Sit at a desk: 1440 by 900; whatever the browser's console complains about fails the test."""
    yield from _visit(browser, plant, viewport={"width": 1440, "height": 900}, color_scheme="light")


@pytest.fixture
def phone(browser: Browser, plant: Plant) -> Iterator[Visitor]:
    """Hold a phone: 390 by 844."""
    yield from _visit(browser, plant, viewport={"width": 390, "height": 844}, color_scheme="dark", has_touch=True)


@pytest.fixture
def tablet(browser: Browser, plant: Plant) -> Iterator[Visitor]:
    """Hold a tablet upright: 820 by 1180."""
    yield from _visit(browser, plant, viewport={"width": 820, "height": 1180}, color_scheme="light", has_touch=True)
