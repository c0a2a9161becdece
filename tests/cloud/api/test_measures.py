"""`/alarms/measures` and `/models` on a real book."""

from __future__ import annotations

import pytest
from support.contract_examples import ASSET, START_NS, alarm

from cloud.api.context import iso
from models.contract.vocabulary import AlarmState

MINUTE_NS = 60_000_000_000


def _come_and_go(api, times, apart_ns=10_000_000_000, **changes):
    """Have one alarm become active so many times."""
    for number in range(times):
        since_ns = START_NS + number * apart_ns
        for state, revision in ((AlarmState.ACTIVE, 2 * number + 1), (AlarmState.RETURNED, 2 * number + 2)):
            end_ns = since_ns + (revision % 2 == 0) * apart_ns // 2
            report = alarm(
                state=state, since_ns=since_ns, end_ns=end_ns, occurrence=number + 1, revision=revision, **changes
            )
            api.cloud.arrive(api.gateway.record(report, end_ns // 1_000_000_000 * 10 + revision % 2))


async def _measures(api, **more):
    span = {"from": iso(START_NS // 1_000_000 - 60_000), "to": iso(START_NS // 1_000_000 + 3_600_000)}
    return await api.get("/alarms/measures", **span, **more)


async def test_every_time_that_an_alarm_came_is_counted(api):
    _come_and_go(api, 4)
    found = await _measures(api)
    assert found["annunciations"] == 4
    assert sum(found["per_10_minutes"]["count"]) == 4
    assert [(one["machine"], one["count"]) for one in found["top"]] == [(ASSET, 4)]
    # 10 s apart: four within a minute.
    assert [one["most_in_a_minute"] for one in found["chattering"]] == [4]


async def test_the_span_is_bounded_and_told(api):
    answer = await api.client.get("/api/v1/alarms/measures", params={"from": "2020-01-01T00:00:00Z"})
    assert answer.status_code == 422
    assert "31 days" in answer.json()["detail"]
    found = await api.get("/alarms/measures")
    assert found["to"] == iso(api.cloud.now_ms)
    assert found["annunciations"] == 0


async def test_what_is_shelved_is_listed_with_who_and_why_and_is_not_stale(api):
    api.cloud.arrive(api.gateway.record(alarm(), 1))
    api.cloud.now_ms += 30 * 3_600_000
    (own,) = (await api.get("/alarms"))["items"]
    assert [one["alarm"] for one in (await api.get("/alarms/measures"))["stale"]] == [own["id"]]
    body = {"reason": "Waits for the spare part", "minutes": 60}
    (await api.client.post(f"/api/v1/alarms/{own['id']}/shelve", json=body)).raise_for_status()
    found = await api.get("/alarms/measures")
    assert found["stale"] == []
    (shelved,) = found["withheld"]
    assert (shelved["state"], shelved["withheld"]["reason"]) == ("shelved", "Waits for the spare part")


async def test_people_of_another_site_see_none_of_it(api):
    _come_and_go(api, 2)
    api.be("A. Keller", {"elsewhere": "viewer"})
    found = await _measures(api)
    assert (found["annunciations"], found["top"], found["stale"]) == (0, [], [])


async def test_a_model_is_known_from_the_last_alarm_and_has_its_record(api):
    (before,) = (await api.get("/models"))["items"]
    assert (before["machine_class"], before["version"], before["known_from"]) == ("pump", None, None)
    api.cloud.arrive(api.gateway.record(alarm(), 1))
    (own,) = (await api.get("/alarms"))["items"]
    body = {"finding": "nothing"}
    (await api.client.post(f"/api/v1/alarms/{own['id']}/outcome", json=body)).raise_for_status()
    (item,) = (await api.get("/models"))["items"]
    assert (item["version"], item["known_from"]) == (own["model"], "alarm")
    assert [machine["id"] for machine in item["machines"]] == [ASSET]
    assert (item["record"]["false_alarms"], item["record"]["false_alarm_share"]) == (1, 1.0)


async def test_a_change_of_model_is_told_once(api):
    for revision, model in enumerate(("mahalanobis 1", "mahalanobis 1", "mahalanobis 2", "mahalanobis 2"), start=1):
        report = alarm(revision=revision, end_ns=START_NS + revision * MINUTE_NS, model=model)
        api.cloud.arrive(api.gateway.record(report, revision))
    found = (await api.get("/models/changes", machine=ASSET))["items"]
    assert found == [{"at": iso((START_NS + 3 * MINUTE_NS) // 1_000_000), "model": "mahalanobis 2"}]
    answer = await api.client.get("/api/v1/models/changes", params={"machine": "nobody"})
    assert answer.status_code == 404


@pytest.mark.parametrize("operators", [0, 1_001])
async def test_operators_are_people(api, operators):
    answer = await api.client.get("/api/v1/alarms/measures", params={"operators": operators})
    assert answer.status_code == 422
