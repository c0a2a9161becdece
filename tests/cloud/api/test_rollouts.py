"""Versions of models and their rollouts over HTTP: looked at, approved, started, stopped, each by who may."""

from __future__ import annotations

import asyncio

import pytest
from support.cloud_bench import GATEWAY
from support.model_versions import RUIZ, bundle_facts, released

from cloud.book.model_registry import add_version, change_version
from cloud.event_hub import Change, Subject
from cloud.permissions import EVERYWHERE, Role
from cloud.registry import Step
from cloud.rollout_driver import RolloutDriver

PLAN = {"stages": [{"share": 1.0, "soak_h": 1, "limit_h": 10, "machine_hours": 10}]}


async def post(api, path, body=None, edition=None):
    headers = {} if edition is None else {"If-Match": edition}
    return await api.client.post(f"/api/v1{path}", json=body or {}, headers=headers)


async def begun(api):
    """Start a rollout of a released version; return its document and its ETag."""
    (row,) = released(api.cloud.engine, "1.0.0")
    answer = await post(api, "/rollouts", {"version": row.id, "plan": PLAN})
    assert answer.status_code == 201, answer.text
    return answer.json(), answer.headers["etag"]


async def test_an_engineer_approves_what_they_have_looked_at(api):
    row = add_version(api.cloud.engine, bundle_facts(), RUIZ, by_person=True)
    api.be("E. Ito", {EVERYWHERE: Role.ENGINEER})
    looked = await api.client.get(f"/api/v1/models/versions/{row.id}")
    assert looked.json()["state"] == "candidate"
    assert looked.json()["metrics"] == {"false_alarms_per_1000_h": 0.4, "detected_share": 0.93}
    approved = await post(api, f"/models/versions/{row.id}/approve", edition=looked.headers["etag"])
    assert (approved.status_code, approved.json()["state"], approved.json()["approved_by"]) == (
        200,
        "approved",
        "E. Ito",
    )
    again = await post(api, f"/models/versions/{row.id}/approve", edition=looked.headers["etag"])
    assert again.status_code == 412
    twice = await post(api, f"/models/versions/{row.id}/approve", edition=approved.headers["etag"])
    assert (twice.status_code, twice.headers["content-type"]) == (409, "application/problem+json")
    retired = await post(api, f"/models/versions/{row.id}/retire", edition=approved.headers["etag"])
    assert retired.json()["state"] == "retired"


async def test_an_engineer_rolls_nothing_out(api):
    document, edition = await begun(api)
    api.be("E. Ito", {EVERYWHERE: Role.ENGINEER})
    assert (await post(api, "/rollouts", {"version": document["version_id"]})).status_code == 403
    assert (await post(api, f"/rollouts/{document['id']}/halt", edition=edition)).status_code == 403
    api.be("O. Berg", {"plant": Role.OPS})  # at one site only
    assert (await post(api, f"/rollouts/{document['id']}/halt", edition=edition)).status_code == 403


async def test_a_rollout_begins_with_its_canary(api):
    document, edition = await begun(api)
    assert (document["phase"], document["previous"], edition) == ("running", None, '"1"')
    (gateway,) = document["gateways"]
    assert (gateway["id"], gateway["target"], gateway["stage"]) == (GATEWAY, "1.0.0", 1)
    assert await api.get(f"/rollouts/{document['id']}") == document
    second = await post(api, "/rollouts", {"version": document["version_id"]})
    assert second.status_code == 409
    assert document["id"] in second.json()["detail"]


async def test_what_people_do_needs_the_edition_they_looked_at(api):
    document, edition = await begun(api)
    address = f"/rollouts/{document['id']}"
    assert (await post(api, f"{address}/pause")).status_code == 422
    assert (await post(api, f"{address}/pause", edition='"x"')).status_code == 412
    paused = await post(api, f"{address}/pause", {"why": "shift change"}, edition)
    assert (paused.status_code, paused.json()["phase"]) == (200, "paused")
    assert paused.json()["sentence"].endswith(": shift change")
    assert (await post(api, f"{address}/resume", edition=edition)).status_code == 412
    resumed = await post(api, f"{address}/resume", edition=paused.headers["etag"])
    halted = await post(api, f"{address}/halt", edition=resumed.headers["etag"])
    assert (await post(api, f"{address}/resume", edition=halted.headers["etag"])).status_code == 409
    back = await post(api, f"{address}/rollback", edition=halted.headers["etag"])
    assert back.json()["phase"] == "rolled_back"
    told = [one["what"] for one in (await api.get("/audit", what="rollout"))["items"]][::-1]
    assert told == ["rollout.start", "rollout.pause", "rollout.resume", "rollout.halted", "rollout.rolled_back"]


async def test_waiting_does_not_change_the_edition(api):
    document, edition = await begun(api)
    RolloutDriver(api.cloud.engine).step(api.cloud.now_ms)
    looked = await api.client.get(f"/api/v1/rollouts/{document['id']}")
    assert looked.headers["etag"] == edition
    assert "judge with it" in looked.json()["sentence"]


async def test_pages_are_told(api):
    async with api.hub.listen() as listener:
        document, edition = await begun(api)
        await asyncio.sleep(0)
        assert Change(Subject.ROLLOUT, document["id"]) in await listener.take()
        await post(api, f"/rollouts/{document['id']}/halt", edition=edition)
        await asyncio.sleep(0)
        assert Change(Subject.ROLLOUT, document["id"]) in await listener.take()


async def test_lists_come_in_pages(api):
    rows = released(api.cloud.engine, "1.0.0", "1.1.0", "1.2.0")
    for row in rows:
        api.cloud.now_ms += 1
        started = await post(api, "/rollouts", {"version": row.id, "plan": PLAN})
        await post(api, f"/rollouts/{started.json()['id']}/halt", edition=started.headers["etag"])
    for path, key in (("/rollouts", "version"), ("/models/versions", "version")):
        first = await api.get(path, limit=2)
        rest = await api.get(path, limit=2, cursor=first["next"])
        assert rest["next"] is None
        assert {one[key] for one in (*first["items"], *rest["items"])} == {"1.0.0", "1.1.0", "1.2.0"}
        assert (await api.get(path, machine_class="fan"))["items"] == []
    assert [one["phase"] for one in (await api.get("/rollouts"))["items"]] == ["halted", "superseded", "superseded"]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"version": "x"}, (404, "model version")),
        (
            {"version": "x", "plan": {"stages": [{"share": 2, "soak_h": 1, "limit_h": 2, "machine_hours": 1}]}},
            (422, ""),
        ),
        ({"version": "x", "by": "me"}, (422, "unknown key")),
        ({"plan": PLAN}, (422, "version")),
    ],
)
async def test_what_cannot_be_started_is_said(api, body, told):
    answer = await post(api, "/rollouts", body)
    assert answer.status_code == told[0]
    assert told[1] in answer.json()["detail"]


async def test_a_plan_that_ends_before_all_is_refused(api):
    (row,) = released(api.cloud.engine, "1.0.0")
    plan = {"stages": [{"share": 0.5, "soak_h": 1, "limit_h": 2, "machine_hours": 1}]}
    answer = await post(api, "/rollouts", {"version": row.id, "plan": plan})
    assert (answer.status_code, "end with 1" in answer.json()["detail"]) == (422, True)


async def test_a_candidate_is_not_rolled_out(api):
    row = add_version(api.cloud.engine, bundle_facts(), RUIZ, by_person=True)
    assert (await post(api, "/rollouts", {"version": row.id})).status_code == 409
    change_version(api.cloud.engine, row.id, Step.APPROVE, RUIZ)
    assert (await post(api, "/rollouts", {"version": row.id})).status_code == 409


async def test_nobody_is_404(api):
    for path in ("/rollouts/x", "/models/versions/x"):
        assert (await api.client.get(f"/api/v1{path}")).status_code == 404
