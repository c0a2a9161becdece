"""Users and tokens over HTTP: what admins do, what everybody does with their own, and what neither can."""

from __future__ import annotations

import csv
import io

import pytest
from support.contract_examples import ALARM_ID, alarm
from support.people import put

from cloud.book.audit_log import verify
from cloud.permissions import EVERYWHERE, Role

DAY_MS = 86_400_000
PASSWORD = "correct horse battery"  # noqa: S105 - of a person made up


async def _make_token(api, role="viewer", days=30, name="report"):
    return await api.client.post("/api/v1/tokens", json={"name": name, "role": role, "days": days})


async def _by(api, token, method="GET", path="/machines", **body):
    headers = {"authorization": f"Bearer {token}"}
    return await api.client.request(method, f"/api/v1{path}", headers=headers, **({"json": body} if body else {}))


# Users


async def test_a_user_is_added_changed_and_removed(api):
    body = {"name": "A. Keller", "roles": {"plant": "technician"}, "password": PASSWORD}
    answer = await api.client.post("/api/v1/users", json=body)
    assert answer.status_code == 201
    assert answer.json() | {"created": None} == {
        "name": "A. Keller",
        "roles": {"plant": "technician"},
        "disabled": False,
        "can_sign_in": True,
        "created": None,
        "last_sign_in": None,
    }
    assert (await api.client.post("/api/v1/users", json=body | {"name": "a. KELLER"})).status_code == 409
    answer = await api.client.put("/api/v1/users/a. keller/roles", json={"roles": {"*": "engineer"}})
    assert answer.json()["roles"] == {"*": "engineer"}
    assert (await api.client.post("/api/v1/users/A. Keller/disable", json={})).json()["can_sign_in"] is False
    assert [one["name"] for one in (await api.get("/users"))["items"]] == ["A. Keller", "M. Ruiz"]
    assert (await api.client.request("DELETE", "/api/v1/users/A. Keller", json={})).status_code == 204
    assert (await api.client.get("/api/v1/users/A. Keller")).status_code == 404
    told = [(row["who"], row["what"], row["subject"]) for row in (await api.get("/audit", what="user"))["items"]]
    assert told == [("M. Ruiz", f"user.{what}", "A. Keller") for what in ("remove", "disable", "role", "add")]
    assert verify(api.cloud.engine)[1] is None


@pytest.mark.parametrize(
    "change",
    [
        {"name": ""},
        {"name": "<script>"},
        {"name": "clock"},
        {"roles": {}},
        {"roles": {"*": "god"}},
        {"roles": {"": "viewer"}},
        {"password": "short"},
        {"password": "x" * 257},
        {"name": "a long enough name", "password": "A LONG enough name"},
        {"by": "me"},
    ],
)
async def test_what_makes_no_user(api, change):
    body = {"name": "A. Keller", "roles": {"*": "viewer"}, "password": PASSWORD} | change
    answer = await api.client.post("/api/v1/users", json=body)
    assert answer.status_code == 422
    assert PASSWORD not in answer.text


async def test_somebody_who_manages_users_always_stays(api):
    put(api.cloud.engine, "M. Ruiz", {EVERYWHERE: Role.ADMIN}, PASSWORD)
    for method, path, body in (
        ("PUT", "/roles", {"roles": {"*": "ops"}}),
        ("PUT", "/roles", {"roles": {"plant": "admin"}}),
        ("POST", "/disable", {}),
        ("DELETE", "", {}),
    ):
        answer = await api.client.request(method, f"/api/v1/users/M. Ruiz{path}", json=body)
        assert answer.status_code == 409, path
    put(api.cloud.engine, "J. Lind", {EVERYWHERE: Role.ADMIN}, PASSWORD)
    answer = await api.client.put("/api/v1/users/M. Ruiz/roles", json={"roles": {"*": "viewer"}})
    assert answer.status_code == 200
    # The session of who gave their role away has ended with it.
    assert (await api.client.get("/api/v1/users")).status_code == 401


async def test_an_admin_of_one_site_manages_nobody(api):
    api.be("A. Keller", {"plant": Role.ADMIN})
    assert (await api.client.get("/api/v1/users")).status_code == 403
    answer = await api.client.put("/api/v1/users/A. Keller/roles", json={"roles": {"*": "admin"}})
    assert answer.status_code == 403


# Tokens


async def test_a_token_is_shown_once_and_never_stored(api):
    answer = await _make_token(api)
    assert answer.status_code == 201
    made = answer.json()
    assert made["token"].startswith("pp_")
    assert answer.headers["cache-control"] == "no-store"
    (listed,) = (await api.get("/tokens"))["items"]
    assert listed == {key: value for key, value in made.items() if key != "token"}
    stored = b"".join(path.read_bytes() for path in api.cloud.directory.iterdir() if path.is_file())
    assert made["token"].encode() not in stored


async def test_a_token_does_what_its_role_may_and_says_when_it_was_used(api):
    api.cloud.arrive(api.gateway.record(alarm(), 0))
    looks, answers = [(await _make_token(api, role)).json()["token"] for role in ("viewer", "technician")]
    api.be_nobody()
    assert (await _by(api, looks)).status_code == 200
    path = f"/alarms/{ALARM_ID}/acknowledge"
    assert (await _by(api, looks, "POST", path, comment="x")).status_code == 403
    answer = await _by(api, answers, "POST", path, comment="x")
    assert (answer.status_code, answer.json()["acknowledged"]["by"]) == (200, "M. Ruiz")
    api.be("M. Ruiz")
    assert all(one["last_used"] for one in (await api.get("/tokens"))["items"])


async def test_a_token_needs_no_word_of_a_browser_but_a_page_cannot_send_one(api):
    api.cloud.arrive(api.gateway.record(alarm(), 0))
    token = (await _make_token(api, "technician")).json()["token"]
    api.be_nobody()
    del api.client.headers["sec-fetch-site"]
    assert (await _by(api, token, "POST", f"/alarms/{ALARM_ID}/acknowledge", comment="x")).status_code == 200


async def test_a_revoked_token_is_refused_at_once_and_for_ever(api):
    made = (await _make_token(api)).json()
    assert (await _by(api, made["token"])).status_code == 200
    assert (await api.client.request("DELETE", f"/api/v1/tokens/{made['id']}", json={})).status_code == 204
    # Also beside a cookie that would do: a token that is no good is not made up for.
    assert (await _by(api, made["token"])).status_code == 401
    assert (await api.client.request("DELETE", f"/api/v1/tokens/{made['id']}", json={})).status_code == 404


async def test_a_token_ends_at_its_date(api):
    token = (await _make_token(api, days=1)).json()["token"]
    api.cloud.now_ms += DAY_MS - 1
    assert (await _by(api, token)).status_code == 200
    api.cloud.now_ms += 1
    assert (await _by(api, token)).status_code == 401


@pytest.mark.parametrize("body", [{"days": 0}, {"days": 367}, {}, {"days": 1, "role": "god"}, {"days": 1, "name": ""}])
async def test_a_token_has_an_end_and_a_name(api, body):
    assert (await api.client.post("/api/v1/tokens", json={"name": "report", **body})).status_code == 422


@pytest.mark.parametrize("role", Role)
async def test_nobody_makes_a_token_that_may_more_than_they(api, role):
    ranks = list(Role)
    for asked in Role:
        api.be("A. Keller", {"plant": role})
        answer = await _make_token(api, asked.value)
        assert answer.status_code == (201 if ranks.index(asked) <= ranks.index(role) else 403)


async def test_a_token_falls_with_its_owner(api):
    api.be("A. Keller", {EVERYWHERE: Role.ENGINEER})
    token = (await _make_token(api, "engineer")).json()["token"]
    path = f"/alarms/{ALARM_ID}/take-out-of-service"
    api.cloud.arrive(api.gateway.record(alarm(), 0))
    api.be("M. Ruiz")
    await api.client.put("/api/v1/users/A. Keller/roles", json={"roles": {"*": "viewer"}})
    assert (await _by(api, token, "POST", path, reason="x")).status_code == 403
    await api.client.post("/api/v1/users/A. Keller/disable", json={})
    assert (await _by(api, token)).status_code == 401
    await api.client.post("/api/v1/users/A. Keller/enable", json={})
    assert (await _by(api, token)).status_code == 200
    await api.client.request("DELETE", "/api/v1/users/A. Keller", json={})
    assert (await _by(api, token)).status_code == 401


async def test_a_token_makes_no_tokens_and_ends_no_sessions(api):
    token = (await _make_token(api, "admin")).json()["token"]
    assert (await _by(api, token, "POST", "/tokens", name="x", days=1)).status_code == 403
    assert (await _by(api, token, "PUT", "/session/password", old="x", new="y")).status_code == 403
    assert (await _by(api, token, "DELETE", "/session")).status_code == 403


async def test_one_sees_and_revokes_ones_own_and_admins_everybodys(api):
    theirs = (await _make_token(api)).json()
    api.be("A. Keller", {EVERYWHERE: Role.OPS})
    assert (await api.get("/tokens"))["items"] == []
    assert (await api.client.get("/api/v1/tokens", params={"everybody": True})).status_code == 403
    assert (await api.client.request("DELETE", f"/api/v1/tokens/{theirs['id']}", json={})).status_code == 404
    mine = (await _make_token(api)).json()
    api.be("M. Ruiz")
    owners = {one["owner"] for one in (await api.get("/tokens", everybody=True))["items"]}
    assert owners == {"A. Keller", "M. Ruiz"}
    assert (await api.client.request("DELETE", f"/api/v1/tokens/{mine['id']}", json={})).status_code == 204


@pytest.mark.parametrize("sent", ["", "pp_", "pp_wrong", "x", "pp_" + "x" * 10_000, "pp_é"])
async def test_what_is_no_token(api, sent):
    api.be_nobody()
    headers = {"authorization": f"Bearer {sent}".encode()}
    assert (await api.client.get("/api/v1/machines", headers=headers)).status_code == 401


async def test_a_token_that_asks_too_often_is_told_to_wait(api, monkeypatch):
    token = (await _make_token(api)).json()["token"]
    limits = api.client._transport.app.state.context.limits
    monkeypatch.setattr(limits, "_by_token", type(limits._by_token)(3))
    codes = [(await _by(api, token)).status_code for _ in range(5)]
    assert codes == [200] * 3 + [429] * 2
    assert 0 < int((await _by(api, token)).headers["retry-after"]) <= 60


# The audit


async def test_the_audit_is_filtered_in_pages_and_as_a_file(api):
    for number in range(5):
        await _make_token(api, name=f'=token "{number}"')
    listed = await api.get("/audit", what="token", limit=2)
    assert [one["what"] for one in listed["items"]] == ["token.add"] * 2
    rest = await api.get("/audit", what="token", cursor=listed["next"], limit=10)
    assert len(rest["items"]) == 3
    assert (await api.get("/audit", who="nobody"))["items"] == []
    assert (await api.client.get("/api/v1/audit", params={"from": "yesterday"})).status_code == 422
    answer = await api.client.get("/api/v1/audit/export.csv", params={"what": "token.add"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert "attachment" in answer.headers["content-disposition"]
    lines = list(csv.reader(io.StringIO(answer.text)))
    assert lines[0] == ["number", "at", "who", "what", "subject", "detail", "hash"]
    assert [line[0] for line in lines[1:]] == ["5", "4", "3", "2", "1"]


async def test_a_name_in_the_file_is_never_a_formula(api):
    api.be("+1 Keller", {EVERYWHERE: Role.OPS})
    await _make_token(api)
    answer = await api.client.get("/api/v1/audit/export.csv")
    (_, line) = csv.reader(io.StringIO(answer.text))
    assert line[2] == "'+1 Keller"


async def test_without_anybody_the_way_in_is_said(api):
    api.be_nobody()
    document = await api.get("/session")
    assert document["person"] is None
    assert "plantpulse cloud users add" in document["hint"]
