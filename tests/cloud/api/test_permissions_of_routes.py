"""Every route says what it needs, and nobody gets further: each role, and nobody, on each route of the document."""

from __future__ import annotations

import re

import pytest
from support.cloud_bench import GATEWAY
from support.contract_examples import ALARM_ID, ASSET, alarm

from cloud.api.guard import ANYWHERE, OPEN
from cloud.permissions import EVERYWHERE, Action, Role, allowed

STREAMS = {"/api/v1/events"}
"""Without an end; who may listen is shown with a real server."""

OPEN_ROUTES = {
    "GET /healthz",
    "GET /readyz",
    "GET /api/v1/session",
    "POST /api/v1/session",
    # Signed, for everybody to check, and no secret: who fetches it believes the signatures, not us.
    "GET /updates/metadata/{name}",
    "GET /updates/targets/{path}",
    # The link itself is the permission: signed, for one alarm, once.
    "POST /api/v1/notifications/links/{token}/acknowledge",
}

NAMES = {"machine_id": ASSET, "alarm_id": ALARM_ID, "gateway_id": GATEWAY}
LABEL = {"machine": ASSET, "from": "2025-10-01", "to": "2025-10-02", "finding": "gear"}
MADE_BY_ADMINS_ONLY = "J. Lind"


@pytest.fixture(autouse=True)
def _what_a_handler_does_is_no_matter(api):
    """Here it is about the door; a handler that fails behind it has tests of its own."""
    api.client._transport.raise_app_exceptions = False


async def _operations(api):
    document = await api.get("/openapi.json")
    for path, methods in document["paths"].items():
        for method, described in methods.items():
            address = re.sub(r"\{(\w+)\}", lambda part: NAMES.get(part[1], MADE_BY_ADMINS_ONLY), path)
            yield method.upper(), path, address, described


async def test_every_route_declares_what_it_needs(api):
    known = {OPEN, *Action}
    undeclared = [
        f"{method} {path}" async for method, path, _, said in _operations(api) if said.get("x-permission") not in known
    ]
    assert undeclared == []


async def test_what_is_open_to_everybody_is_this_and_nothing_else(api):
    opened = {f"{method} {path}" async for method, path, _, said in _operations(api) if said["x-permission"] == OPEN}
    assert opened == OPEN_ROUTES


async def test_what_changes_something_needs_more_than_to_look(api):
    harmless = {OPEN, Action.VIEW.value}
    loose = [
        f"{method} {path}"
        async for method, path, _, said in _operations(api)
        if method != "GET" and said["x-permission"] in harmless and f"{method} {path}" not in OPEN_ROUTES
    ]
    assert loose == []


async def test_nobody_gets_nothing(api):
    operations = [one async for one in _operations(api)]
    api.be_nobody()
    for method, path, address, said in operations:
        if said["x-permission"] == OPEN or path == "/metrics":
            continue
        answer = await api.client.request(method, address, json={})
        assert answer.status_code == 401, (method, path)
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("site", [EVERYWHERE, "plant"])
async def test_each_role_gets_as_far_as_the_table_says(api, role, site):
    """Also at one site only: there as far as the role goes, but never at what concerns the whole plant."""
    api.cloud.arrive(api.gateway.record(alarm(), 0))
    operations = [one async for one in _operations(api)]
    for method, path, address, said in operations:
        needed = said["x-permission"]
        if needed == OPEN or path in STREAMS or path == "/metrics":
            continue
        names_something = any(f"{{{name}}}" in path for name in NAMES)
        reaches = site == EVERYWHERE or names_something or needed in ANYWHERE or path == "/api/v1/labels"
        api.be("R. Walker", {site: role})
        answer = await api.client.request(method, address, json=LABEL if path == "/api/v1/labels" else {})
        is_refused = answer.status_code in {401, 403}
        expected = not reaches or not allowed(role, Action(needed))
        assert is_refused == expected, (method, path, answer.status_code, answer.text)


@pytest.mark.parametrize("role", Role)
async def test_what_another_site_has_is_not_there(api, role):
    api.cloud.arrive(api.gateway.record(alarm(), 0))
    operations = [one async for one in _operations(api)]
    api.be("R. Walker", {"paint-shop": role})
    for method, path, address, _said in operations:
        if any(f"{{{name}}}" in path for name in NAMES):
            answer = await api.client.request(method, address, json={})
            assert answer.status_code in {403, 404}, (method, path, answer.text)
            assert ALARM_ID not in answer.text.replace(str(answer.json().get("instance")), "").replace(address, "")
    for path in ("machines", "alarms", "gateways", "labels"):
        assert (await api.get(f"/{path}"))["items"] == [], path
    answer = await api.client.post("/api/v1/labels", json=LABEL)
    assert answer.status_code in {403, 404}


async def test_a_person_of_one_site_sees_what_is_there(api):
    api.cloud.arrive(api.gateway.record(alarm(), 0))
    api.be("R. Walker", {"plant": Role.TECHNICIAN})
    assert [one["id"] for one in (await api.get("/machines"))["items"]] == [ASSET]
    assert [one["id"] for one in (await api.get("/alarms"))["items"]] == [ALARM_ID]
    answer = await api.client.post(f"/api/v1/alarms/{ALARM_ID}/acknowledge", json={})
    assert (answer.status_code, answer.json()["acknowledged"]["by"]) == (200, "R. Walker")


@pytest.mark.parametrize("path", ["/", "/machines/x", "/alarms", "/gateways", "/users", "/audit", "/account"])
async def test_a_page_leads_nobody_to_the_sign_in_page(api, path):
    api.be_nobody()
    answer = await api.client.get(path, params={"q": "a b"})
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/sign-in?next={path.replace('/', '%2F')}%3Fq%3Da%2Bb"
    assert (await api.client.get("/sign-in")).status_code == 200


@pytest.mark.parametrize(("path", "least"), [("/users", Role.ADMIN), ("/audit", Role.OPS), ("/alarms", Role.VIEWER)])
async def test_pages_need_their_roles_too(api, path, least):
    for role in Role:
        api.be("R. Walker", {EVERYWHERE: role})
        is_enough = list(Role).index(role) >= list(Role).index(least)
        assert (await api.client.get(path)).status_code == (200 if is_enough else 403), role
