"""Signing in and out, and what people try at that door."""

from __future__ import annotations

from dataclasses import replace

import httpx
import pytest
from sqlalchemy import select
from support.people import QUICK, put, signed_in

from cloud.api.application import create_application
from cloud.api.context import ApiContext
from cloud.api.rate_limits import RateLimits
from cloud.book.reading import BookReader
from cloud.book.user_tables import Account
from cloud.http_settings import HttpSettings
from cloud.passwords import Passwords
from cloud.permissions import EVERYWHERE, Role

pytestmark = pytest.mark.usefixtures("keller")

PASSWORD = "correct horse battery"  # noqa: S105 - of a person made up
OTHER = "another password"
TYPO = "a typo"
HOUR_MS = 3_600_000


def _client(api, address="http://plant.example:8080", http=None, **changes):
    """Return a browser of its own on an application of its own, on the same stores."""
    context = ApiContext(
        api.cloud.engine,
        BookReader(api.cloud.engine),
        api.cloud.trends,
        api.hub,
        api.cloud.status,
        lambda: api.cloud.now_ms,
        http=http or HttpSettings(),
        passwords=QUICK,
    )
    transport = httpx.ASGITransport(create_application(replace(context, **changes)), client=("192.0.2.7", 5_000))
    return httpx.AsyncClient(transport=transport, base_url=address, headers={"sec-fetch-site": "same-origin"})


async def _sign_in(client, name="A. Keller", password=PASSWORD):
    return await client.post("/api/v1/session", json={"name": name, "password": password})


async def _who(client):
    person = (await client.get("/api/v1/session")).json()["person"]
    return person and person["name"]


@pytest.fixture
def keller(api):
    put(api.cloud.engine, "A. Keller", {EVERYWHERE: Role.TECHNICIAN}, PASSWORD)


async def _audit(api):
    return [(row["who"], row["what"], row["subject"]) for row in (await api.get("/audit"))["items"]]


async def test_signing_in_and_out(api):
    async with _client(api) as browser:
        assert await _who(browser) is None
        answer = await _sign_in(browser, " a.  KELLER ")
        assert answer.status_code == 200
        person = answer.json()["person"]
        assert (person["name"], person["roles"], person["how"]) == ("A. Keller", {"*": "technician"}, "session")
        assert "answer_alarms" in person["may"]
        assert "service_alarms" not in person["may"]
        assert (await browser.get("/api/v1/machines")).status_code == 200
        assert (
            await browser.delete("/api/v1/session", headers={"content-type": "application/json"})
        ).status_code == 204
        assert (await browser.get("/api/v1/machines")).status_code == 401
    assert await _audit(api) == [
        ("A. Keller", "session.sign_out", "A. Keller"),
        ("A. Keller", "session.sign_in", "A. Keller"),
    ]


@pytest.mark.parametrize("tls", [False, True])
async def test_the_cookie_is_for_our_own_pages_alone(api, tls):
    http = HttpSettings(behind_tls_proxy=tls)
    async with _client(api, "https://plant.example" if tls else "http://plant.example", http) as browser:
        answer = await _sign_in(browser)
    cookie = answer.headers["set-cookie"]
    name = "__Host-plantpulse" if tls else "plantpulse"
    assert cookie.startswith(f"{name}=")
    parts = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert {"httponly", "samesite=strict", "path=/"} <= parts
    assert ("secure" in parts) == tls
    assert answer.headers["cache-control"] == "no-store"
    assert ("strict-transport-security" in answer.headers) == tls


async def test_what_the_store_holds_is_not_what_the_cookie_holds(api):
    async with _client(api) as browser:
        secret = (await _sign_in(browser)).cookies["plantpulse"]
    stored = b"".join(path.read_bytes() for path in api.cloud.directory.iterdir() if path.is_file())
    assert secret.encode() not in stored
    assert PASSWORD.encode() not in stored


@pytest.mark.parametrize(
    ("name", "password"), [("A. Keller", "wrong"), ("Nobody Here", PASSWORD), ("A. Keller", ""), ("clock", "x")]
)
async def test_name_and_password_that_do_not_fit_say_no_more(api, name, password):
    async with _client(api) as browser:
        answer = await _sign_in(browser, name, password)
    assert answer.status_code == (422 if not password else 401)
    assert "set-cookie" not in answer.headers
    if password:
        assert answer.json()["detail"] == "name and password do not fit"
        ((who, what, _subject),) = await _audit(api)
        assert (who, what) == ("nobody", "session.refused")


async def test_no_secret_is_written_down_nor_sent_back(api):
    """A person types the password where the name belongs; a body is refused with the password in it."""
    async with _client(api) as browser:
        await _sign_in(browser, PASSWORD, "A. Keller")
        answer = await browser.post("/api/v1/session", json={"name": "A. Keller", "password": PASSWORD, "by": PASSWORD})
        assert answer.status_code == 422
        assert PASSWORD not in answer.text
    export = await api.client.get("/api/v1/audit/export.csv")
    assert PASSWORD not in export.text


async def test_a_session_that_the_browser_brought_is_never_taken_over(api):
    """Fixation: an attacker plants a cookie, even one of a session of their own, before somebody signs in."""
    planted = signed_in(api.cloud.engine, "Mallory", api.cloud.now_ms, {EVERYWHERE: Role.VIEWER})
    for brought in (planted, "chosen-by-somebody-else"):
        async with _client(api) as browser, _client(api) as attacker:
            browser.cookies.set("plantpulse", brought)
            got = (await _sign_in(browser)).cookies["plantpulse"]
            assert got != brought
            attacker.cookies.set("plantpulse", brought)
            assert await _who(attacker) is None


async def test_a_session_ends_unused_and_at_last_in_any_case(api):
    http = HttpSettings(session_idle_h=2, session_longest_h=10)
    began_ms = api.cloud.now_ms
    async with _client(api, http=http) as browser:
        await _sign_in(browser)
        for hour in range(1, 10):
            api.cloud.now_ms = began_ms + hour * HOUR_MS
            assert await _who(browser) == "A. Keller", hour
        api.cloud.now_ms = began_ms + 10 * HOUR_MS
        assert await _who(browser) is None
        await _sign_in(browser)
        api.cloud.now_ms += 2 * HOUR_MS
        assert await _who(browser) is None


async def test_another_password_ends_every_other_session(api):
    async with _client(api) as here, _client(api) as there:
        await _sign_in(here)
        await _sign_in(there)
        answer = await here.put("/api/v1/session/password", json={"old": "wrong", "new": "another password"})
        assert answer.status_code == 403
        answer = await here.put("/api/v1/session/password", json={"old": PASSWORD, "new": "short"})
        assert answer.status_code == 422
        answer = await here.put("/api/v1/session/password", json={"old": PASSWORD, "new": "another password"})
        assert answer.status_code == 204
        assert await _who(here) == "A. Keller"
        assert await _who(there) is None
        assert (await _sign_in(there)).status_code == 401
        assert (await _sign_in(there, password=OTHER)).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "roles", {"roles": {"*": "engineer"}}),
        ("PUT", "password", {"password": "another password"}),
        ("POST", "disable", None),
        ("DELETE", "", None),
    ],
)
async def test_what_admins_change_ends_the_sessions(api, method, path, body):
    async with _client(api) as browser:
        await _sign_in(browser)
        address = f"/api/v1/users/A. Keller/{path}".rstrip("/")
        answer = await api.client.request(method, address, json=body or {})
        assert answer.status_code in {200, 204}, answer.text
        assert await _who(browser) is None


async def test_a_disabled_user_is_refused_like_a_wrong_password(api):
    await api.client.post("/api/v1/users/A. Keller/disable", json={})
    async with _client(api) as browser:
        assert (await _sign_in(browser)).json()["detail"] == "name and password do not fit"
        await api.client.post("/api/v1/users/A. Keller/enable", json={})
        assert (await _sign_in(browser)).status_code == 200


async def test_a_hash_with_old_parameters_is_renewed_at_sign_in(api):
    stronger = Passwords(time_cost=2, memory_kib=16, lanes=1)
    async with _client(api, passwords=stronger) as browser:
        assert (await _sign_in(browser)).status_code == 200
        with api.cloud.engine.connect() as connection:
            stored = connection.execute(select(Account.password_hash).where(Account.id == "a. keller")).scalar()
    assert "$m=16,t=2,p=1$" in stored


async def test_guessing_is_limited_by_name_whatever_the_address(api):
    async with _client(api, limits=RateLimits(sign_ins_by_name=5)) as browser:
        codes = [(await _sign_in(browser, password=f"guess {number}")).status_code for number in range(8)]
        assert codes == [401] * 5 + [429] * 3
        answer = await _sign_in(browser)  # also the right one has to wait: who guesses it now learns nothing
        assert answer.status_code == 429
        assert answer.headers["content-type"] == "application/problem+json"
        assert 0 < int(answer.headers["retry-after"]) <= 300
        assert (await _sign_in(browser, "M. Ruiz", "x")).status_code == 401  # others are not kept out


async def test_guessing_is_limited_by_address_whatever_the_name(api):
    async with _client(api, limits=RateLimits(sign_ins_by_address=5)) as browser:
        codes = [(await _sign_in(browser, f"name {number}", "a guess")).status_code for number in range(8)]
        assert codes == [401] * 5 + [429] * 3


async def test_who_signs_in_at_last_begins_anew(api):
    async with _client(api, limits=RateLimits(sign_ins_by_name=3)) as browser:
        for _ in range(4):
            assert (await _sign_in(browser, password=TYPO)).status_code == 401
            assert (await _sign_in(browser, password=TYPO)).status_code == 401
            assert (await _sign_in(browser)).status_code == 200


class _Counting(Passwords):
    """Hashes as the product does, and counts what is hashed with what cost: that is nearly all of the time."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_kib=64, lanes=1)
        self.verified: list[str] = []

    def verify(self, stored, password):
        hasher, done = self._hasher, self.verified

        class Noting:
            def verify(self, hashed, password):
                done.append(str(hashed).rpartition("$")[0].rpartition("$")[0])
                return hasher.verify(hashed, password)

            def __getattr__(self, name):
                return getattr(hasher, name)

        self._hasher = Noting()
        try:
            return super().verify(stored, password)
        finally:
            self._hasher = hasher


async def test_an_unknown_name_takes_as_much_work_as_a_wrong_password(api):
    passwords = _Counting()
    put(api.cloud.engine, "Known", {EVERYWHERE: Role.VIEWER})
    with api.cloud.engine.begin() as connection:
        hashed = passwords.hash(PASSWORD)
        connection.execute(Account.__table__.update().where(Account.id == "known").values(password_hash=hashed))
    async with _client(api, passwords=passwords) as browser:
        for name in ("Nobody", "Known"):
            assert (await _sign_in(browser, name, "a wrong one")).status_code == 401
    unknown, known = passwords.verified
    assert unknown == known  # algorithm, version, memory, passes and lanes


# Other pages, and other machines


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 403),  # a cookie alone never suffices
        ({"origin": "http://plant.example:8080"}, 204),
        ({"sec-fetch-site": "same-origin"}, 204),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "cross-site", "origin": "http://plant.example:8080"}, 403),
        ({"sec-fetch-site": "same-origin", "origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://plant.example:9090"}, 403),
    ],
)
async def test_a_cookie_alone_never_suffices_for_a_change(api, headers, status):
    async with _client(api) as browser:
        await _sign_in(browser)
        del browser.headers["sec-fetch-site"]
        sent = {"content-type": "application/json", **headers}
        assert (await browser.delete("/api/v1/session", headers=sent)).status_code == status
        assert await _who(browser) == (None if status == 204 else "A. Keller")


async def test_another_page_cannot_sign_a_browser_in(api):
    async with _client(api) as browser:
        body = {"name": "A. Keller", "password": PASSWORD}
        for headers in ({"origin": "http://evil.example"}, {"sec-fetch-site": "cross-site"}):
            assert (await browser.post("/api/v1/session", json=body, headers=headers)).status_code == 403


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost:8080", "[::1]:8080"])
async def test_the_demo_signs_in_by_itself(api, host):
    http = HttpSettings(signed_in_as="demo")
    async with _client(api, f"http://{host}", http) as browser:
        person = (await browser.get("/api/v1/session")).json()["person"]
        assert (person["name"], person["how"], person["roles"]) == ("demo", "automatic", {"*": "admin"})
        assert (await browser.get("/")).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example:8080",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "evil.example@127.0.0.1",
        "127.0.0.1@evil.example",
        "127.0.0.1/x",
        "192.0.2.1",
        "[2001:db8::1]",
        "[",
        "",
        "a b",
    ],
)
async def test_a_name_that_somebody_else_points_here_is_not_signed_in(api, host):
    """DNS rebinding: evil.example resolves to 127.0.0.1, and the browser takes it for one site."""
    http = HttpSettings(signed_in_as="demo")
    async with _client(api, "http://127.0.0.1:8080", http) as browser:
        headers = {"host": host}
        assert (await browser.get("/api/v1/machines", headers=headers)).status_code == 401
        assert (await browser.get("/api/v1/session", headers=headers)).json()["person"] is None


@pytest.mark.parametrize("stated", [True, False])
async def test_a_body_that_is_too_long_is_refused(api, stated):
    async def parts():
        for _ in range(300):
            yield b"x" * 1_000

    body = b"x" * 300_000 if stated else parts()
    async with _client(api) as browser:
        answer = await browser.post("/api/v1/session", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == 413


async def test_every_answer_forbids_what_a_browser_might_do_with_it(api):
    for path in ("/api/v1/machines", "/healthz", "/", "/sign-in", "/no/such/page", "/api/v1/no"):
        headers = (await api.client.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff", path
        assert "frame-ancestors 'none'" in headers["content-security-policy"], path
        assert headers["x-frame-options"] == "DENY", path
        assert headers["referrer-policy"] == "same-origin", path
        assert "strict-transport-security" not in headers
    assert "no-cache" in (await api.client.get("/api/v1/machines")).headers["cache-control"]


async def test_metrics_are_open_on_this_machine_and_need_a_person_elsewhere(api):
    async with _client(api) as scraper:
        assert (await scraper.get("/metrics")).status_code == 200
    async with _client(api, http=HttpSettings(behind_tls_proxy=True)) as scraper:
        assert (await scraper.get("/metrics")).status_code == 401
        for path in ("/healthz", "/readyz"):
            assert (await scraper.get(path)).status_code == 200
