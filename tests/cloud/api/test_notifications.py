"""Notifications over HTTP: lists, tests, and links that acknowledge once. Real targets, the real queue."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

import httpx
import pytest
from support.cloud_bench import Bench, bench, pump_gateway
from support.contract_examples import ALARM_ID, END_NS, alarm
from support.people import ADMIN, QUICK, signed_in
from support.receivers import web_server

from cloud.api.application import create_application
from cloud.api.context import ApiContext
from cloud.book.notification_planning import plan_messages
from cloud.book.notification_queue import take
from cloud.event_hub import EventHub
from cloud.http_settings import HttpSettings
from cloud.notifying.acknowledge_links import sign, verify
from cloud.notifying.courier import Notifier, Office
from cloud.notifying.plan import plan_of
from cloud.notifying.settings import NotifySettings
from cloud.notifying.targets import open_targets
from cloud.plant_settings import PlantSettings
from models.contract.vocabulary import AlarmState

HOUR_MS = 3_600_000
BERLIN = ZoneInfo("Europe/Berlin")
CONSOLE = "https://pulse.plant.example"


@dataclass
class Desk:
    """A signed-in browser, the stores below, and a notifier with one webhook."""

    client: httpx.AsyncClient
    cloud: Bench
    gateway: object
    notifier: Notifier

    async def get(self, path: str, **parameters):
        """Return the JSON of a resource that is there."""
        answer = await self.client.get(f"/api/v1{path}", params=parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def raise_alarm(self, window: int = 1, **changes) -> None:
        """Have an alarm raised, and its messages planned."""
        told = alarm(end_ns=END_NS + window * 1_000_000_000, revision=window, **changes)
        self.cloud.arrive(self.gateway.record(told, window))
        plan_messages(self.cloud.engine, plan_of(self.notifier.office.settings, BERLIN), self.cloud.now_ms)

    def token(self) -> str:
        """Return the token that the message of the alarm holds."""
        message = take(self.cloud.engine, "orders", self.cloud.now_ms)
        found = self.notifier.office.links(message.news[0], message).acknowledge
        assert found.startswith(f"{CONSOLE}/acknowledge/")
        return found.removeprefix(f"{CONSOLE}/acknowledge/")

    def be_nobody(self) -> None:
        """Be somebody who has nothing but a link."""
        self.client.cookies.clear()

    async def press(self, token: str) -> httpx.Response:
        """Press the button of the page behind a link."""
        return await self.client.post(f"/api/v1/notifications/links/{token}/acknowledge", json={})


def settings_for(address: str) -> NotifySettings:
    return NotifySettings.model_validate(
        {
            "console": CONSOLE,
            "target": [{"name": "orders", "webhook": address, "secret": "s", "timeout_s": 2}],
            "route": [{"name": "all", "to": ["orders"]}],
        }
    )


@pytest.fixture
async def desk(tmp_path):
    with web_server() as receiver, bench(tmp_path / "cloud") as cloud:
        gateway = pump_gateway()
        cloud.arrive(*gateway.births(cloud.now_ms))
        settings = settings_for(receiver.address)
        office = Office(cloud.engine, settings, BERLIN, bytes(range(32)), lambda: cloud.now_ms)
        notifier = Notifier(office, open_targets(settings))
        notifier.take_up()
        hub = EventHub(asyncio.get_running_loop())
        http = HttpSettings(session_idle_h=720, session_longest_h=720)
        context = ApiContext(
            cloud.engine, cloud.book, cloud.trends, hub, cloud.status, lambda: cloud.now_ms, http, passwords=QUICK,
            notifier=notifier, plant=PlantSettings(time_zone=BERLIN.key),
        )  # fmt: skip
        transport = httpx.ASGITransport(create_application(context))
        headers = {"sec-fetch-site": "same-origin"}
        async with httpx.AsyncClient(transport=transport, base_url="http://plant.example", headers=headers) as client:
            client.cookies.set("plantpulse", signed_in(cloud.engine, "M. Ruiz", cloud.now_ms, ADMIN))
            yield Desk(client, cloud, gateway, notifier)


async def test_a_message_stands_in_the_list_with_its_target_and_no_secret(desk):
    desk.raise_alarm()
    told = await desk.get("/notifications")
    (item,) = told["items"]
    assert (item["target"], item["kind"], item["state"], item["count"]) == ("orders", "alarm", "waiting", 1)
    assert item["alarms"][0]["alarm"] == ALARM_ID
    assert told["enabled"] is True
    (target,) = told["targets"]
    assert (target["name"], target["address"], target["waiting"]) == ("orders", "http://127.0.0.1/…", 1)
    assert "hunter2" not in json.dumps(told)
    counted = (await desk.client.get("/metrics")).text
    assert 'plantpulse_notifications{target="orders",state="waiting"} 1\n' in counted
    assert (await desk.get(f"/notifications/{item['id']}"))["attempts"] == []
    assert (await desk.get("/notifications", state="failed"))["items"] == []


async def test_whom_nobody_told_and_why(desk):
    desk.cloud.arrive(desk.gateway.record(alarm(), 0, historical=True))
    plan_messages(desk.cloud.engine, plan_of(desk.notifier.office.settings, BERLIN), desk.cloud.now_ms)
    (item,) = (await desk.get("/notifications/withheld"))["items"]
    assert (item["why"], item["alarm"], item["machine_name"]) == ("late", ALARM_ID, "pump-1")


async def test_a_test_is_queued_by_those_who_may(desk):
    answer = await desk.client.post("/api/v1/notifications/test", json={"target": "orders"})
    assert answer.status_code == 202
    assert answer.json()["by"] == "M. Ruiz"
    row = (await desk.get("/audit"))["items"][0]
    assert (row["who"], row["what"], row["subject"]) == ("M. Ruiz", "notification.test", "orders")
    wrong = await desk.client.post("/api/v1/notifications/test", json={"target": "order"})
    assert wrong.status_code == 422
    assert "did you mean 'orders'?" in wrong.json()["detail"]
    desk.client.cookies.set(
        "plantpulse", signed_in(desk.cloud.engine, "T. Tech", desk.cloud.now_ms, {"*": "technician"})
    )
    assert (await desk.client.post("/api/v1/notifications/test", json={"target": "orders"})).status_code == 403
    desk.be_nobody()
    assert (await desk.client.get("/api/v1/notifications")).status_code == 401


async def test_people_see_the_messages_about_their_sites_only(desk):
    desk.raise_alarm()
    for site, count in (("plant", 1), ("elsewhere", 0)):
        name = f"Eng {site}"
        secret = signed_in(desk.cloud.engine, name, desk.cloud.now_ms, {site: "engineer"})
        desk.client.cookies.set("plantpulse", secret)
        told = await desk.get("/notifications")
        assert len(told["items"]) == count
        assert len((await desk.get("/alarms"))["items"]) == count


async def test_looking_at_a_link_changes_nothing_and_pressing_the_button_acknowledges_once(desk):
    desk.raise_alarm()
    token = desk.token()
    desk.be_nobody()
    for _ in range(3):  # a mail scanner, and another one
        page = await desk.client.get(f"/acknowledge/{token}")
        assert page.status_code == 200
        assert "Outer-race damage at the drive end is likely." in page.text
        assert "orders by link" in page.text
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cache-control"] == "no-store"
    assert "script-src 'self'; style-src 'self';" in page.headers["content-security-policy"]
    assert desk.cloud.book.alarm(ALARM_ID).state == "unacknowledged"
    pressed = await desk.press(token)
    assert pressed.status_code == 200
    assert pressed.json() == {"alarm": ALARM_ID, "by": "orders by link"}
    assert desk.cloud.book.alarm(ALARM_ID).acknowledged_by == "orders by link"
    again = await desk.press(token)
    assert again.status_code == 409
    assert again.json()["detail"] == "this alarm is already acknowledged by orders by link"
    page = await desk.client.get(f"/acknowledge/{token}")
    assert page.status_code == 410
    assert "already acknowledged by orders by link at 2025-10-09 10:53 +02:00" in page.text
    assert '<button type="button" class="main"' not in page.text


async def test_who_acknowledged_by_link_stands_in_timeline_and_audit(desk):
    desk.raise_alarm()
    await desk.press(desk.token())
    told = await desk.get(f"/alarms/{ALARM_ID}")
    assert ("orders by link", "acknowledged") in [(line["who"], line["what"]) for line in told["timeline"]]
    rows = (await desk.get("/audit"))["items"]
    assert ("orders by link", "alarm.acknowledge", ALARM_ID) in [
        (row["who"], row["what"], row["subject"]) for row in rows
    ]


async def test_two_who_press_at_once_acknowledge_once(desk):
    desk.raise_alarm()
    token = desk.token()
    answers = await asyncio.gather(*(desk.press(token) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]


async def test_a_used_link_does_not_acknowledge_the_alarm_when_it_got_worse(desk):
    desk.raise_alarm()
    token = desk.token()
    await desk.press(token)
    desk.raise_alarm(window=2, severity="danger")  # wants to be seen again, in the same occurrence
    assert desk.cloud.book.alarm(ALARM_ID).acknowledged_by is None
    answer = await desk.press(token)
    assert answer.status_code == 409
    assert answer.json()["detail"] == "this link was used: it acknowledges once"


async def test_an_expired_link_and_one_of_an_earlier_occurrence_say_so(desk):
    desk.raise_alarm()
    token = desk.token()
    desk.cloud.now_ms += 24 * HOUR_MS
    assert "this link has expired" in (await desk.press(token)).json()["detail"]
    assert "This link has expired" in (await desk.client.get(f"/acknowledge/{token}")).text
    desk.raise_alarm(window=2, state=AlarmState.RETURNED)
    desk.raise_alarm(window=3, occurrence=2)
    assert "raised again since" in (await desk.press(token)).json()["detail"]
    assert desk.cloud.book.alarm(ALARM_ID).acknowledged_by is None


async def test_a_link_that_somebody_made_up_or_cut_off_opens_nothing(desk):
    desk.raise_alarm()
    token = desk.token()
    link = verify(desk.notifier.office.key, token)
    forged = sign(bytes(32), replace(link, expires_ms=link.expires_ms + HOUR_MS))
    for wrong in (token[:-4], forged, "x"):
        assert (await desk.press(wrong)).status_code == 404
        page = await desk.client.get(f"/acknowledge/{wrong}")
        assert page.status_code == 404
        assert "was not made by this cloud" in page.text
        assert not re.search(r"Outer-race", page.text)


async def test_without_notify_the_list_is_empty_and_says_so(tmp_path):
    with bench(tmp_path / "cloud") as cloud:
        hub = EventHub(asyncio.get_running_loop())
        context = ApiContext(cloud.engine, cloud.book, cloud.trends, hub, cloud.status, lambda: cloud.now_ms)
        transport = httpx.ASGITransport(create_application(context))
        async with httpx.AsyncClient(transport=transport, base_url="http://plant.example") as client:
            client.cookies.set("plantpulse", signed_in(cloud.engine, "M. Ruiz", cloud.now_ms, ADMIN))
            client.headers["sec-fetch-site"] = "same-origin"
            told = (await client.get("/api/v1/notifications")).json()
            assert told == {"enabled": False, "problem": None, "targets": [], "items": [], "next": None}
            answer = await client.post("/api/v1/notifications/test", json={"target": "orders"})
            assert answer.status_code == 409
            assert "add [notify]" in answer.json()["detail"]
