"""What a person sees and does: a real cloud, a believable plant, Debian's browser.

Every test fails on anything the browser's console complains about (conftest).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.cloud.console.conftest import WORN, every_page

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

    from tests.cloud.console.conftest import Plant, Visitor

pytestmark = pytest.mark.needs("chromium")

LIVE_MS = 5_000  # an event is gathered for 0.25 s and the page waits 0.5 s: five seconds are generous on a busy machine


def names(page: Page) -> list[str]:
    return page.locator("#machines tbody th a").all_inner_texts()


# ---- fleet ----


def test_fleet_says_first_what_matters_and_lists_the_worst_first(desktop: Visitor) -> None:
    page = desktop.open("/")
    expect(page.locator("#sentence")).to_contain_text(f"need attention, {WORN} first")
    assert names(page)[0] == WORN
    states = page.locator("#machines tbody .mark > span").all_inner_texts()
    order = ["Urgent", "High", "Medium", "Low", "No data", "Uncertain", "Learning", "Normal", "Off"]
    places = [order.index(re.sub(r" \d+ %", "", state)) for state in states]
    assert places == sorted(places)


def test_every_sign_has_a_shape_and_a_word(desktop: Visitor) -> None:
    page = desktop.open("/")
    for sign in page.locator("#machines tbody .mark").all():
        assert sign.locator("svg path").count() == 1
        assert sign.locator("span").inner_text().strip()


def test_a_filter_lives_in_the_address(desktop: Visitor) -> None:
    page = desktop.open("/?class=pump")
    assert sorted(names(page)) == ["Raw water pump 1", "Raw water pump 2"]
    page.locator("[name=q]").fill("pump 2")
    expect(page.locator("#shown")).to_contain_text("1 of")
    assert "q=pump+2" in page.url
    page.reload()
    expect(page.locator("#machines tbody th a")).to_have_text(["Raw water pump 2"])


def test_rows_are_walked_and_opened_by_keyboard_with_the_focus_visible(desktop: Visitor) -> None:
    page = desktop.open("/")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    row = page.locator("#machines tbody tr").first
    expect(row).to_be_focused()
    outline = row.evaluate("(one) => getComputedStyle(one).outlineStyle + getComputedStyle(one).outlineWidth")
    assert outline == "solid2px"
    page.keyboard.press("Enter")
    page.wait_for_url("**/machines/*")


def test_help_and_search_answer_to_their_keys(desktop: Visitor) -> None:
    page = desktop.open("/")
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#help")).to_be_hidden()
    page.keyboard.press("/")
    expect(page.locator("[name=q]")).to_be_focused()
    page.keyboard.type("j?a")  # letters are text while a person types
    expect(page.locator("[name=q]")).to_have_value("j?a")
    expect(page.locator("#help")).to_be_hidden()


def test_the_first_tab_skips_to_the_content(desktop: Visitor) -> None:
    page = desktop.open("/")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    assert page.locator(".skip").bounding_box()["y"] >= 0
    page.keyboard.press("Enter")
    expect(page.locator("#content")).to_be_focused()


# ---- machine ----


def test_machine_page_shows_the_verdict_trends_and_the_spectrum_with_fault_lines(desktop: Visitor) -> None:
    page = desktop.open(f"/machines/{desktop.plant.machine_named(WORN)}")
    expect(page.locator("#sentence")).to_contain_text("Outer-race damage")
    desktop.charts("panels", 9)
    titles = page.locator("#panels figcaption strong").all_inner_texts()
    assert titles[:4] == ["Health", "Score", "Velocity RMS", "Acceleration RMS"]
    assert "Velocity, mm/s" in page.locator("#panels").inner_text()
    zones = page.locator("#panels figure", has_text="Velocity RMS").locator("svg text", has_text="Zone B")
    assert zones.count() == 1  # group 2, rigid: above 1.4 mm/s
    desktop.charts("spectrum", 2)
    labels = page.locator("#spectrum .annotation-text").all_text_contents()
    assert "BPFO found" in labels  # the bearing line that matched
    assert "BPFI" in labels  # and one that did not
    first = page.locator("#spectrum .peaks table").nth(1).locator("tbody tr").first
    assert first.locator("td").last.inner_text() == "BPFO"


def test_a_range_is_a_link_and_a_zoom_asks_for_finer_data(desktop: Visitor) -> None:
    page = desktop.open(f"/machines/{desktop.plant.machine_named(WORN)}?range=7d")
    desktop.wake("panels", 9)
    expect(page.locator("#ranges [value='7d']")).to_have_attribute("aria-pressed", "true")
    chart = page.locator("#panels .nsewdrag").first
    box = chart.bounding_box()
    with page.expect_response(lambda answer: "/trends?" in answer.url) as closer:
        page.mouse.move(box["x"] + 0.85 * box["width"], box["y"] + 30)
        page.mouse.down()
        page.mouse.move(box["x"] + 0.97 * box["width"], box["y"] + 32, steps=4)
        page.mouse.up()
    document = closer.value.json()
    assert document["bucket_s"] <= 900  # a day out of seven, summaries of a quarter of an hour
    page.wait_for_url("**from=*")
    page.go_back()
    page.wait_for_url(lambda url: "from=" not in url)


def test_the_axis_reads_in_hertz_orders_and_cycles_per_minute(desktop: Visitor) -> None:
    page = desktop.open(f"/machines/{desktop.plant.machine_named(WORN)}")
    desktop.charts("spectrum", 2)
    for unit, title in (("orders", "Frequency, orders"), ("cpm", "Frequency, CPM"), ("hz", "Frequency, Hz")):
        page.locator("#spectrum [name=unit]").select_option(unit)
        expect(page.locator("#spectrum .xtitle").first).to_have_text(title)
    page.locator("#spectrum [name=cursor-at]").fill("88.5")
    page.keyboard.press("Enter")
    expect(page.locator("#spectrum .annotation-text", has_text="10×").last).to_be_visible()


def test_spectra_can_be_saved_as_numbers(desktop: Visitor) -> None:
    page = desktop.open(f"/machines/{desktop.plant.machine_named(WORN)}")
    desktop.charts("spectrum", 2)
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV", exact=True).click()
    lines = Path(download.value.path()).read_text().splitlines()
    assert lines[0].startswith("kind,frequency_hz,")
    assert float(lines[2].split(",")[1]) == 0.5


def test_every_chart_has_a_table_behind_it(desktop: Visitor) -> None:
    page = desktop.open(f"/machines/{desktop.plant.machine_named(WORN)}")
    desktop.charts("panels", 9)
    assert page.locator("figure.panel").count() == page.locator("figure.panel details.behind").count()
    figure = page.locator("#panels figure", has_text="Velocity RMS")
    figure.locator("summary").click()
    expect(figure.locator("table tbody tr").nth(20)).to_be_attached()
    assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+0[12]:00", figure.locator("tbody td").first.inner_text())


def test_a_machine_that_is_not_there_is_said_plainly(browser: Browser, plant: Plant) -> None:
    context = browser.new_context()  # without the fixture: the browser itself reports the 404 in its console
    page = context.new_page()
    page.goto(f"{plant.address}/machines/nobody")
    expect(page.locator("#missing")).to_contain_text("There is no machine “nobody”")
    context.close()


# ---- alarms ----


def test_an_alarm_is_acknowledged_by_keyboard_and_shows_who_and_when(desktop: Visitor) -> None:
    desktop.plant.raise_alarm("ack", "Acknowledge me by keyboard.")
    page = desktop.open("/alarms?q=me+by+keyboard")
    page.keyboard.press("j")
    page.keyboard.press("a")
    page.keyboard.type("Seen on my round")
    page.keyboard.press("Enter")
    row = page.locator("#alarms tbody tr")
    expect(row.locator(".c-ack")).to_contain_text("A. Keller")
    expect(row.locator(".c-ack")).to_contain_text("Seen on my round")
    expect(row.locator(".c-ack time")).to_have_attribute("title", re.compile(r"^20\d\d-\d\d-\d\d .* \+0[12]:00$"))
    expect(row.locator(".c-alarm-state")).to_have_text("Active, acknowledged")
    expect(row).to_be_focused()


def test_an_alarm_is_shelved_by_keyboard_and_taken_back_on_its_page(desktop: Visitor) -> None:
    desktop.plant.raise_alarm("shelf", "Put me aside by keyboard.")
    page = desktop.open("/alarms?q=me+aside")
    page.keyboard.press("j")
    page.keyboard.press("s")
    page.locator("#answer-note").fill("Waits for the spare part")
    page.locator("#answer-until").select_option(label="1 day")
    page.keyboard.press("Enter")
    expect(page.locator("#empty")).to_contain_text("No alarm fits this filter")
    page.locator("select[name=show]").select_option("withheld")
    row = page.locator("#alarms tbody tr")
    expect(row.locator(".c-alarm-state")).to_have_text("Shelved")
    expect(row.locator(".c-ack")).to_contain_text("A. Keller, until")
    row.locator("a[data-open]").click()
    expect(page.locator("#facts")).to_contain_text("Waits for the spare part")
    page.get_by_role("button", name="Take from the shelf").click()
    page.locator("#answer-do").click()
    expect(page.locator("#facts")).to_contain_text("Active, not acknowledged")
    expect(page.locator("#timeline")).to_contain_text("Unshelved")


def test_what_was_found_takes_one_tap(desktop: Visitor) -> None:
    report = desktop.plant.raise_alarm("tap", "Tap what you found.")
    page = desktop.open(f"/alarms/{report.alarm_id}")
    page.get_by_role("button", name="Nothing", exact=True).click()
    expect(page.locator("#outcome")).to_contain_text("Nothing, says A. Keller")
    expect(page.locator("#facts")).to_contain_text("Active, acknowledged")
    page.keyboard.press("o")
    page.locator("#answer-finding").select_option("lubrication")
    page.locator("#answer-part").fill("grease")
    page.locator("#answer-do").click()
    expect(page.locator("#outcome")).to_contain_text("Lubrication, says A. Keller")
    expect(page.locator("#outcome")).to_contain_text("Replaced: grease")


def test_a_machine_in_maintenance_says_so_and_its_alarms_are_suppressed(desktop: Visitor) -> None:
    page = desktop.open(f"/machines/{desktop.plant.machine_named(WORN)}")
    page.get_by_role("button", name="In maintenance").click()
    page.locator("#answer-do").click()
    expect(page.locator("#answer")).to_be_visible()  # not without a reason
    page.locator("#answer-note").fill("New bearing")
    page.locator("#answer-do").click()
    expect(page.locator("#facts")).to_contain_text("In maintenance")
    expect(page.locator("#alarms")).to_contain_text("Suppressed: machine in maintenance")
    page.get_by_role("button", name="End maintenance").click()
    page.locator("#answer-do").click()
    expect(page.get_by_role("button", name="In maintenance")).to_be_visible()
    expect(page.locator("#alarms")).to_contain_text("Active, not acknowledged")


def test_the_history_of_alarms_comes_in_parts_and_is_searched_as_a_whole(desktop: Visitor) -> None:
    for name in ("first", "second", "third"):
        report = desktop.plant.raise_alarm(name, f"The {name} of a long history.")
        with desktop.plant.client("M. Ruiz") as somebody:
            body = {"reason": "long ago", "minutes": 60}
            somebody.post(f"/api/v1/alarms/{report.alarm_id}/shelve", json=body).raise_for_status()

    def with_short_parts(route: Route) -> None:
        answer = route.fetch()
        script = answer.text()
        assert "const PAGE = 200;" in script
        route.fulfill(response=answer, body=script.replace("const PAGE = 200;", "const PAGE = 2;"))

    desktop.page.route("**/alarms.js", with_short_parts)
    page = desktop.open("/alarms?show=all&q=long+history")
    rows = page.locator("#alarms tbody tr")
    expect(rows).to_have_count(2)
    expect(page.locator("#shown")).to_have_text("2 alarms, and older ones")
    expect(rows.first).to_contain_text("The third of")
    page.get_by_role("button", name="Show older ones").click()
    expect(rows).to_have_count(3)
    expect(page.locator("#more")).to_be_hidden()
    page.locator("input[name=q]").fill("first of LONG")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("The first of")


def test_what_another_person_acknowledges_appears_without_a_reload(desktop: Visitor) -> None:
    report = desktop.plant.raise_alarm("live", "Somebody else will see to it.")
    page = desktop.open("/alarms?q=somebody+else")
    page.evaluate("window.sameDocument = true")
    expect(page.locator("#live-words")).to_contain_text("Live")
    with desktop.plant.client("M. Ruiz") as somebody:
        somebody.post(f"/api/v1/alarms/{report.alarm_id}/acknowledge", json={}).raise_for_status()
    expect(page.locator("#alarms .c-ack")).to_contain_text("M. Ruiz", timeout=LIVE_MS)
    assert page.evaluate("window.sameDocument")


def test_a_new_alarm_is_announced_on_any_page(desktop: Visitor) -> None:
    page = desktop.open("/gateways")
    expect(page.locator("#open-alarms .count").first).to_be_visible()
    desktop.plant.raise_alarm("announced", "Something is new.")
    expect(page.locator("#announcement")).to_be_visible(timeout=LIVE_MS)
    expect(page.locator("#spoken")).to_contain_text("Something is new.")  # aria-live
    assert page.locator("#spoken").get_attribute("aria-live") == "polite"


def test_alarm_page_says_why_to_believe_it(desktop: Visitor) -> None:
    page = desktop.open(f"/alarms/{desktop.plant.alarm_of(WORN)['id']}")
    desktop.charts("waveform", 1)
    desktop.charts("spectrum", 2)
    expect(page.locator("#checks")).to_contain_text("2 of 3 fault lines were found")
    found = page.locator("#lines tbody tr", has_text="BPFO 2×")
    assert [cell.strip() for cell in found.locator("td").all_inner_texts()][:1] == ["found"]
    assert "not found" in page.locator("#lines tbody tr", has_text="BPFI").inner_text()
    assert "outer_race" in page.locator("#timeline").inner_text()
    expect(page.locator("#against tbody tr").first).to_contain_text("Envelope 2")


# ---- gateways ----


def test_gateways_in_trouble_come_first_and_foreign_nodes_show_their_metrics(desktop: Visitor) -> None:
    page = desktop.open("/gateways")
    expect(page.locator("#gateways tbody tr").first).to_contain_text("Offline")
    page.get_by_role("link", name="line-4-plc").click()
    expect(page.locator("#sentence")).to_contain_text("not ours")
    row = page.locator("#metrics tbody tr", has_text="motor temperature")
    expect(row).to_contain_text("°C")
    page.locator("[name=q]").fill("bottles")
    expect(page.locator("#metrics tbody tr")).to_have_count(1)


# ---- what must hold on every page ----


def test_names_from_the_network_are_text_everywhere(desktop: Visitor) -> None:
    for path in every_page(desktop.plant):
        page = desktop.open(path)
        desktop.settle()
        assert page.evaluate("window.hacked") is None, path
        assert page.locator("main img").count() == 0, path
        assert page.locator("main b").count() == 0, path
    page = desktop.open("/")
    assert desktop.plant.machine.name in names(page)


def test_nothing_sticks_out_on_a_phone(phone: Visitor) -> None:
    for path in every_page(phone.plant):
        page = phone.open(path)
        phone.settle()
        assert phone.overflow() == [], path
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path


def test_the_theme_is_remembered(desktop: Visitor) -> None:
    page = desktop.open("/")
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.keyboard.press("t")  # system, light
    page.keyboard.press("t")  # dark
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert dark != light
    page.reload()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == dark


def luminance(colour: str) -> float:
    """Source: WCAG 2.2, relative luminance."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_text_colour_has_contrast_on_every_ground(desktop: Visitor, theme: str) -> None:
    page = desktop.open("/gateways")
    page.evaluate("(theme) => { document.documentElement.dataset.theme = theme }", theme)
    read = "(name) => getComputedStyle(document.documentElement).getPropertyValue('--' + name).trim()"
    texts = ["ink", "ink-2", "accent", "worse", "stale", "uncertain", *(f"series-{at}" for at in range(1, 7))]
    for ground in ("ground", "surface", "raised", "hover"):
        for text in texts:
            if text.startswith("series") and ground != "surface":
                continue  # names of channels stand on charts only
            ratio = contrast(page.evaluate(read, text), page.evaluate(read, ground))
            assert ratio >= 4.5, f"{text} on {ground}: {ratio:.2f}"
    for priority in ("urgent", "high", "medium", "low"):
        assert contrast(page.evaluate(read, priority), page.evaluate(read, f"on-{priority}")) >= 4.5
        edge = "edge-medium" if priority == "medium" else priority
        assert contrast(page.evaluate(read, edge), page.evaluate(read, "surface")) >= 3  # a shape, not a text


def test_each_view_prints_on_one_page(desktop: Visitor) -> None:
    plant = desktop.plant
    for path in [one for one in every_page(plant) if plant.machine_named(plant.machine.name) not in one]:
        page = desktop.open(path)
        desktop.settle()
        document = page.pdf(prefer_css_page_size=True)
        assert len(re.findall(rb"/Type\s*/Page\b(?!s)", document)) == 1, path


def test_a_long_sentence_leaves_the_button_beside_it_whole(desktop: Visitor) -> None:
    words = " and more of what was found" * 10
    desktop.plant.raise_alarm("long", f"Looseness is likely{words}.")
    page = desktop.open(f"/machines/{desktop.plant.machine_named(desktop.plant.machine.name)}")
    button = page.locator("#alarms tr", has_text="Looseness is likely").get_by_role("button", name="Acknowledge")
    expect(button).to_be_visible()
    height, line = button.evaluate("it => [it.clientHeight, parseFloat(getComputedStyle(it).fontSize)]")
    assert height < 2.5 * line


def test_while_the_cloud_is_away_one_line_says_so_and_the_values_stay(browser: Browser, plant: Plant) -> None:
    context = browser.new_context()  # without the fixture: the browser itself reports failed requests in its console
    page = context.new_page()
    page.goto(plant.address)
    page.wait_for_selector("#machines tbody tr[data-id]")
    listed = names(page)
    context.set_offline(True)
    page.evaluate("window.dispatchEvent(new Event('offline'))")
    plant.raise_alarm("offline", "Nobody hears this.")
    expect(page.locator("#failure")).to_contain_text("The cloud does not answer", timeout=70_000)
    expect(page.locator("#failure")).to_contain_text("What you see was loaded at")
    assert names(page) == listed
    context.set_offline(False)
    expect(page.locator("#failure")).to_be_hidden(timeout=20_000)
    context.close()
