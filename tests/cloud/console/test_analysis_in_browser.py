"""What an analyst does: reach for a chart, follow the cursor, compare with the baseline, say what was found."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.cloud.console.conftest import VISITOR, WORN

if TYPE_CHECKING:
    from tests.cloud.console.conftest import Visitor

pytestmark = pytest.mark.needs("chromium")

BUSY_MS = 20_000  # everything on the page is fetched and drawn again, on a machine that others use as well


def test_a_chart_is_a_still_until_somebody_reaches_for_it(desktop: Visitor) -> None:
    page = desktop.open(f"/machines/{desktop.plant.machine_named(WORN)}")
    desktop.charts("panels", 9)
    assert page.evaluate("window.Plotly === undefined")
    still = page.locator("#panels svg.still").first
    assert still.get_attribute("role") == "img"
    assert still.get_attribute("aria-label") == "Health over time"
    still_texts = page.locator("#panels .chart").first.locator("text").all_text_contents()
    desktop.wake("panels")
    assert page.locator("svg.still").count() == page.locator(".waterfall svg.still").count()  # a canvas stays one
    alive = page.locator("#panels .chart").first.locator("text").all_text_contents()
    # The same figure, drawn twice: limit, state and unit are in both.
    assert {"alarm limit", "Steady", "Health, %"} <= set(still_texts) & set(alive)


def test_the_spectrum_follows_the_cursor_in_the_trends(desktop: Visitor) -> None:
    page = desktop.open(f"/machines/{desktop.plant.machine_named(WORN)}?range=7d")
    desktop.wake("panels", 9)
    desktop.settle()
    chosen = page.locator("#moment").input_value()
    assert chosen == ""  # the latest
    box = page.locator("#panels .nsewdrag").first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 0.8 * box["width"], box["y"] + 30)
    page.mouse.move(box["x"] + 0.78 * box["width"], box["y"] + 32)
    desktop.until("document.getElementById('moment').value !== ''")
    assert "at=" not in page.url  # a cursor that passes is no choice
    page.mouse.move(5, 5)
    desktop.until("document.getElementById('moment').value === ''")


def test_a_link_to_a_spectrum_shows_the_same_to_somebody_else(desktop: Visitor) -> None:
    page = desktop.open(f"/machines/{desktop.plant.machine_named(WORN)}/spectrum")
    desktop.charts("spectrum", 2)
    page.locator("[name=scale]").select_option("log")
    page.locator("[name=unit]").select_option("orders")
    page.locator("[name=cursor]").select_option("sidebands")
    page.locator("[name=cursor-at]").fill("3.585")
    page.keyboard.press("Enter")
    link = page.url
    assert re.search(r"scale=log.*hz=88\.4", link)
    page.goto("about:blank")
    page.goto(link)
    desktop.charts("spectrum", 2)
    expect(page.locator("[name=unit]")).to_have_value("orders")
    expect(page.locator("[name=scale]")).to_have_value("log")
    expect(page.locator("[name=cursor-at]")).to_have_value("3.585")
    expect(page.locator("#spectrum .annotation-text", has_text="+2× shaft").first).to_be_visible()


def test_the_baseline_stands_behind_the_spectrum_and_in_its_peaks(desktop: Visitor) -> None:
    machine = desktop.plant.machine_named(WORN)
    page = desktop.open(f"/machines/{machine}/spectrum")
    desktop.charts("spectrum", 2)
    expect(page.locator("#spectrum figcaption").first).to_contain_text("baseline, median of")
    channels = desktop.plant.api(f"/machines/{machine}/spectra/baseline")["channels"]
    usual = next(one for one in channels if one["name"] == "DE.H")["envelope"]
    cells = page.locator("#spectrum .peaks table").nth(1).locator("tbody tr").first.locator("td").all_inner_texts()
    place = round(float(cells[0]) / usual["step_hz"])
    ratio = float(cells[3]) / max(usual["values"][place - 1 : place + 2])
    assert float(cells[4]) == pytest.approx(ratio, rel=0.01)  # both have three digits
    page.locator("[name=compared]").uncheck()
    expect(page.locator("#spectrum .peaks thead").nth(1)).not_to_contain_text("baseline")
    assert "baseline=no" in page.url


def test_a_row_of_the_waterfall_is_a_moment(desktop: Visitor) -> None:
    page = desktop.open(f"/machines/{desktop.plant.machine_named(WORN)}/spectrum")
    canvas = page.locator("#waterfall canvas")
    expect(canvas).to_be_visible()
    desktop.until("document.querySelector('#waterfall .chart').getAttribute('aria-label') !== null")
    size = page.evaluate(
        "[document.querySelector('#waterfall canvas').width, document.querySelector('#waterfall canvas').height]"
    )
    pictures = desktop.plant.api(f"/machines/{desktop.plant.machine_named(WORN)}/spectra/waterfall")["rows"]
    assert size == [400, len(pictures)]
    box = canvas.bounding_box()
    assert box is not None
    canvas.click(position={"x": 0.5 * box["width"], "y": box["height"] - 2})  # time goes upwards: the oldest
    page.wait_for_url(f"**at={pictures[0]['id']}*")
    expect(page.locator("#moment")).to_have_value(pictures[0]["id"])


def test_what_was_found_in_a_stretch_of_time_becomes_a_label_and_is_marked(desktop: Visitor) -> None:
    machine = desktop.plant.machine_named("Blower B")
    page = desktop.open(f"/machines/{machine}?range=24h")
    desktop.charts("panels", 9)
    page.get_by_role("button", name="What was found here?").click()
    page.locator("#answer-finding").select_option("lubrication")
    begin = page.locator("#answer-from").input_value()
    page.locator("#answer-note").fill("Dry bearing; nothing had told of it")
    page.locator("#answer-do").click()
    expect(page.locator("#panels text", has_text="found: lubrication").first).to_be_attached(timeout=BUSY_MS)
    (label,) = desktop.plant.api(f"/labels?machine={machine}")["items"]
    assert (label["finding"], label["by"], label["alarm"]) == ("lubrication", VISITOR, None)
    assert page.evaluate("(text) => new Date(text).toISOString()", begin)[:19] == label["from"][:19]
    page = desktop.open("/models")
    expect(page.locator("#missed tbody tr")).to_contain_text("Blower B")


def test_the_tree_of_a_site_carries_the_worst_of_what_is_below(desktop: Visitor) -> None:
    page = desktop.open("/site")
    site = page.locator("#tree summary", has_text="demo-plant").first
    expect(site.locator(".mark").first).to_contain_text("Urgent")
    assert site.locator(".mark svg path").count() == 1  # a shape with the word
    expect(site).to_contain_text(re.compile(r"\d+ machines, \d+ not as usual"))
    page.locator("[name=q]").fill("pump 2")  # every word somewhere in its name, place or class
    expect(page.locator("#tree .leaf")).to_have_count(1)
    page.locator("#tree .leaf a").click()
    page.wait_for_url("**/machines/*")


def test_the_measures_stand_beside_what_is_acceptable(desktop: Visitor) -> None:
    page = desktop.open("/alarms/measures?days=31")
    desktop.charts("rate", 1)
    row = page.locator("#measures tbody tr", has_text="Alarms per operator hour")
    expect(row).to_contain_text("≤ 6")
    expect(row.locator(".mark")).to_contain_text("Acceptable")
    expect(page.locator("#stale tbody")).to_contain_text(WORN)
    before = float(row.locator("td").nth(1).inner_text())
    page.locator("[name=operators]").fill("4")
    expect(row.locator("td").nth(1)).not_to_have_text(str(before))
    assert "operators=4" in page.url


def test_the_moment_around_an_alarm_is_asked_for_on_its_page(desktop: Visitor) -> None:
    page = desktop.open(f"/alarms/{desktop.plant.alarm_of('Blower A')['id']}")
    page.get_by_role("button", name="Fetch before and after").click()
    expect(page.locator("#around")).to_contain_text(f"{VISITOR} asked for it")
