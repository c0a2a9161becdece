"""Signing in, and what each role sees of the console: a real cloud, Debian's browser."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from playwright.sync_api import expect
from support.people import put

from tests.cloud.console.conftest import WORN, Visitor

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from tests.cloud.console.conftest import Plant

pytestmark = pytest.mark.needs("chromium")

PASSWORD = "correct horse battery"  # noqa: S105 - of a person made up


@contextmanager
def somebody(browser: Browser, plant: Plant, name: str, **grants: str) -> Iterator[Visitor]:
    """Sit down as a person with these roles; everything the browser complains about fails the test."""
    context = browser.new_context(timezone_id="Europe/Berlin", viewport={"width": 1440, "height": 900})
    with plant.client(name, {site.replace("everywhere", "*"): role for site, role in grants.items()}) as client:
        secret = client.cookies["plantpulse"]
    context.add_cookies([{"name": "plantpulse", "value": secret, "url": plant.address}])
    page = context.new_page()
    visitor = Visitor(plant, context, page)
    page.on("console", lambda message: message.type == "error" and visitor.complaints.append(message.text))
    page.on("pageerror", lambda error: visitor.complaints.append(str(error)))
    yield visitor
    context.close()
    assert visitor.complaints == []


def _sign_in(page: Page, name: str, password: str) -> None:
    page.locator("[name=name]").fill(name)
    page.locator("[name=password]").fill(password)
    page.keyboard.press("Enter")


def test_the_demo_says_that_it_signs_in_by_itself(desktop: Visitor) -> None:
    page = desktop.open("/")
    expect(page.locator("#who")).to_have_text("A. Keller: signed in automatically")
    assert page.locator("#sign-out").count() == 0
    expect(page.get_by_role("link", name="Users", exact=True)).to_be_visible()


def test_a_person_signs_in_goes_where_they_wanted_and_signs_out(browser: Browser, guarded: Plant) -> None:
    put(guarded.engine, "T. Weber", {"*": "technician"}, PASSWORD)
    context = browser.new_context()  # without the fixture: the browser itself reports the refusal in its console
    page = context.new_page()
    page.goto(f"{guarded.address}/alarms?show=all")
    page.wait_for_url("**/sign-in?next=*")
    expect(page.locator("[name=name]")).to_be_focused()
    _sign_in(page, "t. weber", "a wrong password")
    expect(page.locator("#failure")).to_have_text("Not signed in: name and password do not fit.")
    expect(page.locator("[name=password]")).to_be_focused()
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/alarms?show=all")
    expect(page.locator("#who")).to_contain_text("T. Weber · technician")
    (cookie,) = context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    assert page.evaluate("document.cookie") == ""
    page.locator("#sign-out").click()
    page.wait_for_url("**/sign-in")
    assert context.cookies() == []
    page.goto(f"{guarded.address}/alarms")
    page.wait_for_url("**/sign-in?next=*")
    context.close()


@pytest.mark.parametrize("wanted", ["//evil.example/", "https://evil.example/", "/\\evil.example", "/sign-in"])
def test_signing_in_leads_nowhere_else(browser: Browser, guarded: Plant, wanted: str) -> None:
    with somebody(browser, guarded, "V. Braun", everywhere="viewer") as visitor:
        visitor.page.goto(f"{guarded.address}/sign-in?next={wanted}")
        visitor.page.wait_for_url(f"{guarded.address}/**")
        expect(visitor.page).not_to_have_url(re.compile("/sign-in"))
        assert visitor.page.url.startswith(f"{guarded.address}/")


def test_who_is_signed_out_elsewhere_is_led_to_the_sign_in_page(browser: Browser, guarded: Plant) -> None:
    context = browser.new_context()
    with guarded.client("R. Novak", {"*": "viewer"}) as client:
        context.add_cookies([{"name": "plantpulse", "value": client.cookies["plantpulse"], "url": guarded.address}])
        page = context.new_page()
        page.goto(f"{guarded.address}/gateways")
        expect(page.locator("#who")).to_contain_text("R. Novak")
        client.request("DELETE", "/api/v1/session", json={}).raise_for_status()
    guarded.raise_alarm("elsewhere", "Makes every page look again.")
    page.wait_for_url("**/sign-in?next=%2Fgateways")
    context.close()


def test_a_viewer_sees_everything_and_can_press_nothing(browser: Browser, plant: Plant, guarded: Plant) -> None:
    machine = plant.machine_named(WORN)
    report = guarded.raise_alarm("viewer", "Look but do not touch.")
    with somebody(browser, guarded, "V. Braun", everywhere="viewer") as visitor:
        page = visitor.open("/alarms?q=do+not+touch")
        assert page.locator("#alarms tbody button").count() == 0
        page.keyboard.press("j")
        page.keyboard.press("a")
        expect(page.locator("#answer")).to_be_hidden()
        page = visitor.open(f"/alarms/{report.alarm_id}")
        expect(page.locator("#actions button")).to_have_count(0)
        expect(page.locator("#outcome-buttons button")).to_have_count(0)
        page = visitor.open(f"/machines/{machine}")
        expect(page.get_by_role("button", name="In maintenance")).to_have_count(0)
        expect(page.locator("#label-stretch")).to_be_hidden()
        for name in ("Users", "Audit"):
            expect(page.get_by_role("link", name=name, exact=True)).to_be_hidden()


def test_a_technician_acknowledges_but_takes_nothing_out_of_service(browser: Browser, guarded: Plant) -> None:
    report = guarded.raise_alarm("technician", "For technicians.")
    with somebody(browser, guarded, "T. Weber", everywhere="technician") as visitor:
        page = visitor.open(f"/alarms/{report.alarm_id}")
        assert page.locator("#actions button").all_inner_texts() == ["Acknowledge a", "Shelve s"]
        page.keyboard.press("a")
        page.keyboard.press("Enter")
        expect(page.locator("#facts")).to_contain_text("by T. Weber")


def test_an_admin_adds_a_user_who_can_sign_in(browser: Browser, guarded: Plant) -> None:
    with somebody(browser, guarded, "R. Admin", everywhere="admin") as visitor:
        page = visitor.open("/users")
        page.get_by_role("button", name="Add a user").click()
        page.locator("#user [name=name]").fill("N. Neu")
        page.locator("#user [name=password]").fill("short")
        page.locator("#user-do").click()
        visitor.until("document.querySelector('#user .field-failure:not([hidden])') !== null")
        expect(page.locator("#user .field-failure")).to_contain_text("12 to 256")
        visitor.complaints.clear()  # the browser reports the refusal itself
        page.locator("#user [name=everywhere]").select_option("")
        page.get_by_label("At packaging").select_option("technician")
        page.locator("#user [name=password]").fill(PASSWORD)
        page.keyboard.press("Enter")
        row = page.locator("#users tbody tr", has_text="N. Neu")
        expect(row).to_contain_text("technician in packaging")
        page.get_by_role("button", name="Disable: N. Neu").click()
        page.locator("#user-do").click()
        expect(row).to_contain_text("Disabled")
        expect(page.get_by_role("button", name="Enable: N. Neu")).to_be_visible()
        page.get_by_role("button", name="Enable: N. Neu").click()
        page.locator("#user-do").click()
        expect(row).to_contain_text("May sign in")
    answer = httpx.post(f"{guarded.address}/api/v1/session", json={"name": "n. neu", "password": PASSWORD})
    assert answer.json()["person"]["roles"] == {"packaging": "technician"}


def test_somebody_of_one_site_sees_that_site_only(browser: Browser, guarded: Plant) -> None:
    with somebody(browser, guarded, "P. Packer", packaging="engineer") as visitor:
        page = visitor.open("/gateways")
        assert page.locator("#gateways tbody th a").all_inner_texts() == ["line-4-plc"]
        page.goto(f"{guarded.address}/")
        expect(page.locator("body")).not_to_contain_text(WORN)


def test_a_role_shows_its_controls_at_its_site_only(browser: Browser, plant: Plant, guarded: Plant) -> None:
    machine = plant.machine_named(WORN)
    grants = {"demo-plant": "viewer", "packaging": "engineer"}
    with somebody(browser, guarded, "Z. Zwei", **grants) as visitor:
        page = visitor.open(f"/machines/{machine}")
        expect(page.locator("#who")).to_contain_text("viewer in demo-plant, engineer in packaging")
        assert page.locator("#actions button").count() == 0
        assert page.locator("#alarms tbody button").count() == 0
    with somebody(browser, guarded, "Z. Zwei", **(grants | {"demo-plant": "technician"})) as visitor:
        page = visitor.open(f"/machines/{machine}")
        expect(page.get_by_role("button", name="In maintenance")).to_be_visible()


def test_the_audit_is_filtered_in_the_address_and_exported(browser: Browser, guarded: Plant) -> None:
    with somebody(browser, guarded, "O. Ops", everywhere="ops") as visitor:
        page = visitor.open("/audit?what=alarm&who=M.+Ruiz")
        rows = page.locator("#audit tbody tr")
        assert rows.count() >= 1
        assert set(page.locator("#audit tbody td.who").all_inner_texts()) == {"M. Ruiz"}
        with page.expect_download() as download:
            page.get_by_role("link", name="Export as CSV").click()
        lines = Path(download.value.path()).read_text().splitlines()
        assert lines[0] == "number,at,who,what,subject,detail,hash"
        assert len(lines) == 1 + rows.count()
        page.locator("[name=who]").fill("Nobody")
        expect(page.locator("#empty")).to_contain_text("Nothing fits")
        assert "who=Nobody" in page.url


def test_a_token_is_made_shown_once_used_and_revoked(browser: Browser, guarded: Plant) -> None:
    with somebody(browser, guarded, "T. Weber", everywhere="technician") as visitor:
        page = visitor.open("/account")
        page.get_by_role("button", name="Make a token").click()
        assert page.locator("#token [name=role] option").all_inner_texts() == ["viewer", "technician"]
        page.locator("#token [name=name]").fill("shift report")
        page.keyboard.press("Enter")
        expect(page.locator("#secret")).to_contain_text("pp_")
        headers = {"authorization": f"Bearer {page.locator('#secret').inner_text()}"}
        assert httpx.get(f"{guarded.address}/api/v1/machines", headers=headers).status_code == 200
        page.reload()
        expect(page.locator("#tokens tbody tr", has_text="shift report")).to_be_visible()
        expect(page.locator("#secret")).to_be_hidden()
        page.get_by_role("button", name="Revoke: shift report").click()
        expect(page.locator("#no-tokens")).to_be_visible()
        assert httpx.get(f"{guarded.address}/api/v1/machines", headers=headers).status_code == 401


def test_a_person_changes_their_password_and_stays_signed_in(browser: Browser, guarded: Plant) -> None:
    with somebody(browser, guarded, "C. Change", everywhere="viewer") as visitor:
        put(guarded.engine, "C. Change", {"*": "viewer"}, PASSWORD)
        page = visitor.open("/account")
        page.get_by_role("button", name="Change it").click()
        page.locator("#password [name=old]").fill(PASSWORD)
        page.locator("#password [name=new]").fill("another password")
        page.locator("#password [name=again]").fill("another passwort")
        page.keyboard.press("Enter")
        expect(page.locator("#password .field-failure")).to_contain_text("differ")
        page.locator("#password [name=again]").fill("another password")
        page.keyboard.press("Enter")
        expect(page.locator("#password")).to_be_hidden()
        page.reload()
        expect(page.locator("#who")).to_contain_text("C. Change")
    body = {"name": "C. Change", "password": "another password"}
    assert httpx.post(f"{guarded.address}/api/v1/session", json=body).status_code == 200


PAGES = ["/users", "/audit", "/account", "/sign-in?next=/"]


def test_nothing_sticks_out_on_a_phone(phone: Visitor) -> None:
    for path in PAGES[:3]:
        phone.open(path)
        assert phone.overflow() == [], path


def axe_violations(page: Page) -> list[str]:
    cache = Path(os.environ.get("PLANTPULSE_CACHE", Path.home() / ".cache" / "plantpulse"))
    page.evaluate((cache / "npm" / "node_modules" / "axe-core" / "axe.min.js").read_text())
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    return [f"{one['id']}: {one['nodes'][0]['html'][:120]}" for one in found]


@pytest.mark.needs("npm/axe-core")
def test_axe_finds_nothing(desktop: Visitor, phone: Visitor, browser: Browser, guarded: Plant) -> None:
    for visitor in (desktop, phone):
        for path in PAGES[:3]:
            page = visitor.open(path)
            assert axe_violations(page) == [], json.dumps(path)
    context = browser.new_context()
    page = context.new_page()
    page.goto(guarded.address + PAGES[3])
    assert axe_violations(page) == []
    context.close()
