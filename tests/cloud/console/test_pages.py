from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from cloud.console import mount
from cloud.console.assets import STATIC, Assets
from cloud.console.pages import CHARTS, PAGES

TEMPLATES = STATIC.parent / "templates"
ADDRESSES = ["/", "/machines/any", "/alarms", "/alarms/any", "/gateways", "/gateways/a:b", "/machines/with%2Fslash"]


@pytest.fixture
def client() -> httpx.AsyncClient:
    app = FastAPI()
    mount(app)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://console")


@pytest.mark.parametrize("address", ADDRESSES)
async def test_every_page_forbids_what_it_does_not_need(client: httpx.AsyncClient, address: str) -> None:
    answer = await client.get(address)
    assert answer.status_code == 200
    policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_page_names_the_time_zone_of_the_plant() -> None:
    app = FastAPI()
    mount(app, "Asia/Kolkata")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://console") as client:
        assert '<html lang="en" data-time-zone="Asia/Kolkata">' in (await client.get("/alarms")).text


async def test_without_one_each_browser_shows_its_own(client: httpx.AsyncClient) -> None:
    assert '<html lang="en">' in (await client.get("/alarms")).text


def _imported(module: str, seen: set[str]) -> set[str]:
    """Return a module and everything it imports."""
    if module not in seen and (STATIC / module).is_file():
        seen.add(module)
        for other in re.findall(
            r"""from "\./([a-z-]+\.js)"|import\("\./([a-z-]+\.js)"\)""", (STATIC / module).read_text()
        ):
            _imported(other[0] or other[1], seen)
    return seen


async def test_only_pages_with_charts_allow_styles_in_the_page(client: httpx.AsyncClient) -> None:
    for page in PAGES:
        shell = (TEMPLATES / page.template).read_text()
        module = re.search(r"{% block module %}([a-z-]+){% endblock %}", shell)
        name = f"{module[1]}.js" if module else "sign-in.js"
        has_charts = "charts.js" in _imported(name, set())
        assert (page.template in CHARTS) == has_charts, page.template
        policy = (await client.get(re.sub(r"{.*?}", "any", page.path))).headers["content-security-policy"]
        assert ("unsafe" in policy) == has_charts, page.path


def test_no_template_carries_a_script_or_a_style_of_its_own() -> None:
    for template in TEMPLATES.glob("*.html"):
        text = template.read_text()
        assert not re.search(r"<script(?![^>]*\bsrc=)", text), template.name
        assert not re.search(r"\son\w+=|\sstyle=|<style", text), template.name


def test_no_file_asks_another_host() -> None:
    for path in [*STATIC.iterdir(), *TEMPLATES.iterdir()]:
        addresses = set(re.findall(r"https?://[^\s\"')]+", path.read_text()))
        assert addresses <= {"http://www.w3.org/2000/svg"}, path.name  # a namespace, not an address


def test_data_never_becomes_markup() -> None:
    for script in STATIC.glob("*.js"):
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", script.read_text())


async def test_files_may_be_kept_for_ever_because_their_address_names_their_contents(client: httpx.AsyncClient) -> None:
    address = re.search(r'href="(/static/[^"]+/console.css)"', (await client.get("/")).text)
    assert address is not None
    answer = await client.get(address[1])
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    assert (await client.get("/static/older/console.css")).headers["cache-control"] == "no-cache"


def test_the_address_changes_with_the_contents(tmp_path: Path) -> None:
    (tmp_path / "a.css").write_text("a {}")
    before = Assets(tmp_path).version
    (tmp_path / "a.css").write_text("a { color: red }")
    assert Assets(tmp_path).version != before


async def test_plotly_comes_from_the_installed_wheel_and_compressed(client: httpx.AsyncClient) -> None:
    version = Assets().version
    answer = await client.get(f"/static/{version}/plotly.min.js")
    assert answer.status_code == 200
    assert answer.headers["content-encoding"] == "gzip"
    assert int(answer.headers["content-length"]) < 1_700_000  # 4.8 MB plain; the first page of a phone pays for it
    assert b"plotly.js" in answer.content[:200]


@pytest.mark.parametrize("name", ["nothing.js", "..%2Fpages.py", "%2e%2e/pages.py"])
async def test_nothing_else_is_served(client: httpx.AsyncClient, name: str) -> None:
    assert (await client.get(f"/static/x/{name}")).status_code == 404


async def test_navigation_leads_only_to_pages_that_exist(client: httpx.AsyncClient) -> None:
    known = {page.path for page in PAGES}
    for target in re.findall(r'href="(/[a-z]*)"', (await client.get("/")).text):
        assert target in known


async def test_zones_behind_velocity_trends_are_those_the_diagnosis_uses(client: httpx.AsyncClient) -> None:
    assert '"2/rigid": [1.4, 2.8, 4.5]' in (await client.get("/machines/any")).text.replace("&#34;", '"')
