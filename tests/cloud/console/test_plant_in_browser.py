"""What people say of machines, in the browser: a machine is edited, relearning is told, advice is given."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect
from sqlalchemy.orm import Session

from cloud.book.requests import want_relearning
from tests.cloud.console.conftest import VISITOR, WORN
from tests.cloud.console.test_judged import axe_violations
from tests.cloud.console.test_people_in_browser import somebody

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

    from tests.cloud.console.conftest import Plant, Visitor

pytestmark = pytest.mark.needs("chromium")

BLOWER = "Blower A"
ADVICE = "Order bearing 6205 from store 3; change it within a week."


@pytest.fixture
def blower(plant: Plant) -> Iterator[str]:
    """Return the id of a machine that looks afterwards as it did before."""
    machine = plant.machine_named(BLOWER)
    before = plant.api(f"/machines/{machine}/edit")
    yield machine
    with plant.client("E. Nachher") as client:
        tag = client.get(f"/api/v1/machines/{machine}/edit").headers["etag"]
        said = {name: before[name] or "" for name in ("display_name", "path", "criticality")}
        body = said | {"suppressed_in": before["suppressed_in"]}
        client.patch(f"/api/v1/machines/{machine}", json=body, headers={"if-match": tag}).raise_for_status()


def test_a_machine_is_edited_by_keyboard_alone(desktop: Visitor, blower: str) -> None:
    page = desktop.open(f"/machines/{blower}")
    page.locator("#edit-open").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Name")).to_be_focused()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("Aeration blower")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Place, as site/area/line")).to_be_focused()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("North/Aeration/Basin 2")
    page.keyboard.press("Tab")
    page.keyboard.type("high")
    page.keyboard.press("Tab")
    expect(page.get_by_role("checkbox", name="off")).to_be_focused()
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    expect(page.locator("#edit")).to_be_hidden()
    expect(page.locator("#name")).to_have_text("Aeration blower")
    expect(page.locator("#path")).to_have_text("Fleet / North / Aeration / Basin 2")
    expect(page.locator("#edit-open")).to_be_focused()
    assert desktop.plant.api(f"/machines/{blower}/edit") == {
        "machine": blower,
        "display_name": "Aeration blower",
        "path": "North/Aeration/Basin 2",
        "criticality": "high",
        "suppressed_in": ["off"],
    }


def test_whoever_was_second_is_told_what_the_first_has_changed_and_loses_nothing(desktop: Visitor, blower: str) -> None:
    page = desktop.open(f"/machines/{blower}")
    page.locator("#edit-open").click()
    page.get_by_label("Name").fill("Mine")
    with desktop.plant.client("F. First") as first:
        tag = first.get(f"/api/v1/machines/{blower}/edit").headers["etag"]
        theirs = {"display_name": "Theirs", "criticality": "low"}
        first.patch(f"/api/v1/machines/{blower}", json=theirs, headers={"if-match": tag}).raise_for_status()
    page.get_by_role("button", name="Save").click()
    failure = page.locator("#edit .field-failure")
    expect(failure).to_have_text(
        "Not done: somebody has changed this machine meanwhile: name is now “Theirs”; criticality is now “low”. "
        "Save again to keep what stands above."
    )
    expect(page.get_by_label("Name")).to_have_value("Mine")
    expect(page.get_by_label("Criticality")).to_have_value("low")  # not touched here, so theirs
    page.get_by_role("button", name="Take the new values").click()
    expect(page.get_by_label("Name")).to_have_value("Theirs")
    expect(page.get_by_label("Name")).to_be_focused()
    expect(failure).to_be_hidden()
    page.get_by_label("Name").fill("Both")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#edit")).to_be_hidden()
    said = desktop.plant.api(f"/machines/{blower}/edit")
    assert (said["display_name"], said["criticality"]) == ("Both", "low")
    # The browser itself writes the refusal down; it is the only complaint.
    assert [complaint for complaint in desktop.complaints if "412" not in complaint] == []
    desktop.complaints.clear()


def test_a_place_with_an_empty_name_in_it_is_not_sent(desktop: Visitor, blower: str) -> None:
    page = desktop.open(f"/machines/{blower}")
    page.locator("#edit-open").click()
    page.get_by_label("Place, as site/area/line").fill("North//Line 1")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#edit")).to_be_visible()
    assert page.evaluate("document.querySelector('[name=path]').validity.patternMismatch")
    page.keyboard.press("Escape")
    assert desktop.plant.api(f"/machines/{blower}/edit")["path"] != "North//Line 1"


def test_only_engineers_of_its_site_edit_a_machine(browser: Browser, plant: Plant, guarded: Plant) -> None:
    path = f"/machines/{plant.machine_named(BLOWER)}"
    with somebody(browser, guarded, "T. Techniker", everywhere="technician") as visitor:
        expect(visitor.open(path).get_by_role("button", name="In maintenance")).to_be_visible()
        expect(visitor.page.locator("#edit-open")).to_have_count(0)
    with somebody(browser, guarded, "E. Elsewhere", packaging="engineer", **{"demo-plant": "viewer"}) as visitor:
        visitor.open(path)
        expect(visitor.page.locator("#edit-open")).to_have_count(0)


def test_a_machine_says_since_when_normal_is_learnt_anew_and_nothing_otherwise(desktop: Visitor, blower: str) -> None:
    page = desktop.open(f"/machines/{blower}")
    expect(page.locator("#relearning")).to_be_hidden()
    since_ms = time.time_ns() // 1_000_000 - 3_600_000
    with Session(desktop.plant.engine) as session, session.begin():
        want_relearning(session, blower, VISITOR, since_ms)
    page = desktop.open(f"/machines/{blower}")
    expect(page.locator("#relearning")).to_contain_text("What is normal is learnt anew since 20")
    expect(page.locator("#relearning")).to_contain_text(
        f"{VISITOR} said that a part was replaced. It waits for its gateway."
    )


def test_advice_is_added_changed_and_removed(desktop: Visitor) -> None:
    page = desktop.open("/advice")
    expect(page.locator("#sentence")).to_have_text("The plant says nothing of its own yet.")
    page.get_by_role("button", name="Add advice").click()
    expect(page.get_by_label("Class of machine")).to_be_focused()
    page.get_by_label("Class of machine").select_option("pump")
    page.get_by_label("Cause").select_option("imbalance")
    page.get_by_label("What to do").fill("Balance it.")
    page.locator("#say-do").click()
    row = page.locator("#advice tbody tr")
    expect(row).to_contain_text("Balance it.")
    expect(row).to_contain_text(f"{VISITOR}, 0 s ago")

    page.get_by_role("button", name="Add advice").click()  # the same once more
    page.get_by_label("Class of machine").select_option("pump")
    page.get_by_label("Cause").select_option("imbalance")
    page.get_by_label("What to do").fill("Something else.")
    page.locator("#say-do").click()
    expect(page.locator("#say .field-failure")).to_contain_text("for Pump, imbalance the plant already says something")
    page.keyboard.press("Escape")

    page.get_by_role("button", name="Change: Pump, imbalance").click()
    expect(page.get_by_label("What to do")).to_have_value("Balance it.")
    page.get_by_label("What to do").fill("  ")
    page.locator("#say-do").click()
    expect(page.locator("#say .field-failure")).to_have_text("Not done: say what is to be done")
    page.get_by_label("What to do").fill("Clean the impeller, then balance it.")
    page.locator("#say-do").click()
    expect(row).to_contain_text("Clean the impeller, then balance it.")
    page.get_by_role("button", name="Remove: Pump, imbalance").click()
    page.locator("#say-do").click()
    expect(page.locator("#sentence")).to_have_text("The plant says nothing of its own yet.")
    assert desktop.plant.api("/advice")["items"] == []


def test_from_an_alarm_its_advice_is_one_click_away_and_stands_there_afterwards(desktop: Visitor) -> None:
    alarm = desktop.plant.alarm_of(WORN)
    page = desktop.open(f"/alarms/{alarm['id']}")
    page.locator("#advice-link").click()
    expect(page.locator("#say")).to_be_visible()
    expect(page.get_by_label("What to do")).to_be_focused()
    assert page.url.endswith("/advice")  # opened once, not again with every reload
    page.get_by_label("What to do").fill(ADVICE)
    page.locator("#say-do").click()
    expect(page.locator("#advice tbody tr")).to_contain_text(ADVICE)
    page = desktop.open(f"/alarms/{alarm['id']}")
    expect(page.locator("#next-step")).to_contain_text(ADVICE)


def test_who_may_not_change_advice_reads_it(browser: Browser, plant: Plant, guarded: Plant) -> None:
    with plant.client("E. Rater") as engineer:
        engineer.put("/api/v1/advice/fan/looseness", json={"text": "Torque the feet."}).raise_for_status()
    # Advice is for every site, so engineers of one site read it as well.
    for name, grants in (("V. Braun", {"everywhere": "viewer"}), ("E. Elsewhere", {"packaging": "engineer"})):
        with somebody(browser, guarded, name, **grants) as visitor:
            page = visitor.open("/advice")
            expect(page.locator("#advice tbody")).to_contain_text("Torque the feet.")
            assert page.locator("main button:visible").count() == 0
    with somebody(browser, guarded, "V. Braun", everywhere="viewer") as visitor:
        page = visitor.open(f"/alarms/{plant.alarm_of(WORN)['id']}")
        expect(page.locator("#advice-link")).to_have_count(0)


@pytest.mark.needs("npm/axe-core")
def test_axe_finds_nothing_in_the_open_dialogs_and_nothing_sticks_out(
    desktop: Visitor, phone: Visitor, blower: str
) -> None:
    with desktop.plant.client("E. Rater") as engineer:
        engineer.put("/api/v1/advice/fan/cage", json={"text": f"{ADVICE} {'Unbroken' * 20}"}).raise_for_status()
    for visitor in (desktop, phone):  # light, and dark
        for path, opener in (
            (f"/machines/{blower}", "#edit-open"),
            ("/advice", "#add"),
            ("/advice", "[data-key=remove]"),
        ):
            page = visitor.open(path)
            page.locator(opener).first.click()
            expect(page.locator("dialog[open]")).to_be_visible()
            assert axe_violations(page) == [], (path, opener)
            assert visitor.overflow() == [], (path, opener)
            box = page.locator("dialog[open]").bounding_box()
            assert box is not None
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= page.evaluate("innerWidth")


def test_a_gateway_lists_its_own_machines(desktop: Visitor) -> None:
    page = desktop.open("/gateways/demo-plant:gateway-1")
    known = desktop.plant.api("/gateways/demo-plant:gateway-1")["machines"]
    expect(page.locator("#machines li a")).to_have_count(len(known))
