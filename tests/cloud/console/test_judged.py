"""Every page judged by programs of other people: axe in both themes, Lighthouse, and the browser's own first paint.

The pages show the believable plant of `support.believable_plant`. What they look like is kept: in the directory that
PLANTPULSE_SCREENSHOTS names, else in pytest's own temporary one.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.cloud.console.conftest import WORN, every_page
from tests.conftest import npm_modules

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.cloud.console.conftest import Plant, Visitor

pytestmark = pytest.mark.needs("chromium", "node")

LIGHTHOUSE = Path(__file__).with_name("lighthouse.mjs")
AT_LEAST = 0.95
FIRST_PAINT_MS = 1_000
TIMES_JUDGED = 3
"""Lighthouse measures times on a machine that others use as well, and sometimes loses a trace; what a page reaches
once, it can."""

THEMES = ("light", "dark")
AT_ONCE = 2
"""Browsers that Lighthouse judges in at the same time: half of its time it waits for the network to be quiet."""


@pytest.fixture(scope="session")
def album(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where screenshots are kept."""
    named = os.environ.get("PLANTPULSE_SCREENSHOTS")
    folder = Path(named) if named else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def pages_of(plant: Plant) -> dict[str, str]:
    """Return a name for each kind of page, and its address."""
    shown = [path for path in every_page(plant) if plant.machine_named(plant.machine.name) not in path]
    kinds: dict[str, str] = {}
    for path in shown:  # the first of a kind stands for it
        kinds.setdefault(re.sub(r"[0-9a-f]{8}-[-0-9a-f]{27}", "one", path.split("?")[0]).strip("/") or "fleet", path)
    return {re.sub(r"[^a-z0-9]+", "-", kind): path for kind, path in kinds.items()}


def axe_violations(page: Page) -> list[Any]:
    """Return what axe finds, in short."""
    page.evaluate((npm_modules() / "axe-core" / "axe.min.js").read_text())
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    return [(one["id"], one["impact"], [node["html"][:120] for node in one["nodes"]][:3]) for one in found]


def first_paint_ms(page: Page) -> float:
    """Return when the browser first showed something of the page, in ms from its request.

    Source: W3C Paint Timing, `first-contentful-paint`.
    """
    return page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")


def photograph(page: Page, picture: Path) -> None:
    """Keep what a page looks like, all of it."""
    page.evaluate("scrollTo(0, document.body.scrollHeight)")  # what is drawn when it comes into view is drawn now
    page.evaluate("scrollTo(0, 0)")
    page.screenshot(path=picture, full_page=True)
    assert picture.stat().st_size > 10_000  # a page, not a blank


@pytest.mark.needs("npm/axe-core")
def test_at_a_desk_axe_finds_nothing_in_either_theme_and_the_first_paint_comes_within_a_second(
    desktop: Visitor, album: Path
) -> None:
    for name, path in pages_of(desktop.plant).items():
        page = desktop.open(path)
        desktop.settle()
        assert first_paint_ms(page) < FIRST_PAINT_MS, path
        for theme in THEMES:
            page.emulate_media(color_scheme=theme)
            assert axe_violations(page) == [], f"{path} in {theme}"
            photograph(page, album / f"{name}-desk-{theme}.png")


def test_nothing_sticks_out_on_a_tablet(tablet: Visitor, album: Path) -> None:
    for name, path in pages_of(tablet.plant).items():
        page = tablet.open(path)
        tablet.settle()
        assert tablet.overflow() == [], path
        for theme in THEMES:
            page.emulate_media(color_scheme=theme)
            photograph(page, album / f"{name}-tablet-{theme}.png")


@pytest.mark.needs("npm/axe-core")
def test_axe_finds_nothing_on_a_phone_nor_in_a_chart_that_somebody_reached_for(phone: Visitor) -> None:
    for path in every_page(phone.plant):
        page = phone.open(path)
        phone.settle()
        assert axe_violations(page) == [], path
    page = phone.open(f"/machines/{phone.plant.machine_named(WORN)}")
    phone.wake("panels")
    assert axe_violations(page) == []


@pytest.mark.needs("npm/lighthouse")
def test_lighthouse_gives_every_page_95_of_100(plant: Plant) -> None:
    wanting = list(pages_of(plant).values())
    for _ in range(TIMES_JUDGED):
        halves = [wanting[place::AT_ONCE] for place in range(AT_ONCE)]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            found = {
                path: one for part in pool.map(lambda paths: judged(plant, paths), halves) for path, one in part.items()
            }
        wanting = [path for path in wanting if not is_good(found[path])]
        if not wanting:
            break
    assert not wanting, json.dumps([found[path] for path in wanting], indent=1)


def is_good(found: dict[str, Any]) -> bool:
    """Return whether a page was judged at all, and well enough."""
    scores = found["performance"], found["accessibility"]
    return found["error"] is None and None not in scores and min(scores) >= AT_LEAST


def judged(plant: Plant, paths: list[str]) -> dict[str, dict[str, Any]]:
    """Return what Lighthouse says of each page, on its own settings for a desk."""
    if not paths:
        return {}
    addresses = [plant.address + path for path in paths]
    command = ["node", str(LIGHTHOUSE), str(npm_modules()), "/usr/bin/chromium", *addresses]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert answer.returncode == 0, answer.stderr[-2_000:]
    found = [json.loads(line) for line in answer.stdout.splitlines()]
    assert len(found) == len(paths)
    return {one["address"].removeprefix(plant.address): one for one in found}
