"""The JSON that the console and other people's scripts rely on."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from support.cloud_bench import GATEWAY, NOW_MS
from support.contract_examples import ALARM_ID, ASSET, GATEWAY_ASSET, START_NS, alarm, summary
from support.simulated_gateway import ForeignNode, SimulatedGateway

from cloud.api.context import iso
from cloud.book.answering import end_what_is_over
from models.contract.evidence import pack_evidence, split_evidence
from models.contract.records import Evidence, EvidenceChannel, EvidenceLine, GatewayHealth
from models.contract.vocabulary import AlarmState, ClockQuality, Severity

MINUTE_NS = 60_000_000_000
START = "2025-10-09T08:53:20.000Z"


def _summaries(api, count, **changes):
    sent = [
        api.gateway.record(summary(start_ns=START_NS + minute * MINUTE_NS, **changes), minute)
        for minute in range(count)
    ]
    api.cloud.arrive(*sent)


def _evidence(api, subject, end_ns=START_NS):
    spectrum = np.zeros(100, np.float32)
    spectrum[10] = 2.0
    channel = EvidenceChannel(
        "DE.H", "m/s²", 25_600.0, np.array([0, 1_000, -1_000], np.int16), 1e-3, spectrum, 0.5, spectrum, 0.25
    )
    line = EvidenceLine("BPFO", 3.585, 88.4, 88.5, 14.0, matched=True)
    picture = Evidence(subject, end_ns, 1_480.0, (channel,), (line,), {"operating_state": "steady/default"})
    parts = split_evidence(
        pack_evidence(picture), asset_id=ASSET, machine="pump-1", subject=subject, end_ns=end_ns, part_bytes=200
    )
    for part in parts:
        api.cloud.arrive(api.gateway.record(part, end_ns // MINUTE_NS * 100 + part.index))


async def test_an_empty_plant_answers_with_empty_lists(api):
    for path in ("/alarms", "/audit"):
        assert await api.get(path) == {"items": [], "next": None}
    (machine,) = (await api.get("/machines"))["items"]
    assert machine["last_data"] is None
    assert machine["stale"] is True


async def test_a_machine_in_the_fleet(api):
    _summaries(api, 5)
    (machine,) = (await api.get("/machines"))["items"]
    assert machine == {
        "id": ASSET,
        "name": "pump-1",
        "path": "plant",
        "class": "pump",
        "gateway": GATEWAY,
        "operating_state": "steady/default",
        "health_index": 96.5,
        "score": 0.375,
        "zone": "A",
        "learning_progress": 1.0,
        "last_data": "2025-10-09T08:58:20.000Z",
        "stale": False,
        "open_alarms": {"urgent": 0, "high": 0, "medium": 0, "low": 0},
        "verdict": None,
        "health_trend": {"t_ms": [START_NS // 1_000_000 + 60_000 * minute for minute in range(5)], "value": [96.5] * 5},
        "maintenance": None,
    }


async def test_the_fleet_is_asked_for_by_gateway_a_page_at_a_time(api):
    other = SimulatedGateway(
        "plant",
        "gateway-2",
        "00000000-0000-4000-8000-0000000000d0",
        [
            dataclasses.replace(
                api.gateway.machines[0], name=name, asset_id=f"00000000-0000-4000-8000-0000000000{name}"
            )
            for name in ("d9", "d8", "d7")
        ],
    )
    api.cloud.arrive(*other.births(api.cloud.now_ms))
    assert len((await api.get("/machines"))["items"]) == 4
    first = await api.get("/machines", gateway="plant:gateway-2", limit=2)
    assert [machine["name"] for machine in first["items"]] == ["d7", "d8"]  # in the order of ids
    rest = await api.get("/machines", gateway="plant:gateway-2", limit=2, cursor=first["next"])
    assert [machine["name"] for machine in rest["items"]] == ["d9"]
    assert rest["next"] is None
    assert [machine["id"] for machine in (await api.get("/machines", gateway=GATEWAY))["items"]] == [ASSET]
    assert (await api.get("/machines", gateway="plant:nobody"))["items"] == []


async def test_one_machine_has_channels_features_and_facts(api):
    machine = await api.get(f"/machines/{ASSET}")
    assert machine["channels"] == [{"name": "DE.H", "unit": "g", "sample_rate_hz": 25_600.0, "bearing": "SKF 6205"}]
    assert machine["features"][2] == {"name": "DE.H/velocity_rms", "unit": "mm/s"}
    assert machine["facts"] == {"speed_rpm": 1480.0, "machine_group": 2, "support": "rigid"}


async def test_the_health_trend_has_at_most_sixty_points(api):
    for start in range(0, 600, 200):
        sent = [
            api.gateway.record(summary(start_ns=START_NS + minute * 30 * MINUTE_NS), minute)
            for minute in range(start, start + 200)
        ]
        api.cloud.arrive(*sent)
    (machine,) = (await api.get("/machines"))["items"]
    assert 40 <= len(machine["health_trend"]["value"]) <= 60


@pytest.mark.parametrize("cause", ["silence", "death", "device death", "no broker"])
async def test_a_machine_is_stale_when_nothing_can_be_heard_of_it(api, cause):
    _summaries(api, 1)
    match cause:
        case "silence":
            api.cloud.now_ms += 301_000
        case "death":
            api.cloud.arrive(api.gateway.death(api.cloud.now_ms))
        case "device death":
            api.cloud.arrive(api.gateway.device_death("pump-1", api.cloud.now_ms))
        case "no broker":
            api.cloud.status.broker_connected = False
    assert (await api.get(f"/machines/{ASSET}"))["stale"] is True


async def test_the_verdict_is_that_of_the_open_alarm_that_matters_most(api):
    api.cloud.arrive(api.gateway.record(alarm(severity=Severity.ALERT), 0))
    machine = await api.get(f"/machines/{ASSET}")
    assert machine["open_alarms"] == {"urgent": 0, "high": 1, "medium": 0, "low": 0}
    assert machine["verdict"]["label"] == "outer_race"
    assert machine["verdict"]["severity"] == "alert"


async def test_trends_of_several_features_and_states(api):
    _summaries(api, 10)
    trend = await api.get(
        f"/machines/{ASSET}/trends",
        feature=["DE.H/acceleration_rms", "score"],
        **{"from": START, "to": "2025-10-09T09:03:20Z"},
    )
    assert trend["from"] == START
    assert trend["bucket_s"] == 60.0
    rms, score = trend["series"]
    assert (rms["feature"], rms["unit"], rms["mean"], rms["min"], rms["max"]) == (
        "DE.H/acceleration_rms",
        "m/s²",
        [2.5] * 10,
        [2.0] * 10,
        [3.25] * 10,
    )
    assert score["mean"] == [0.375] * 10
    assert rms["late"] == [False] * 10
    assert trend["states"]["value"] == ["steady/default", None]


async def test_trends_without_times_are_those_of_the_last_week_of_data(api):
    _summaries(api, 3)
    trend = await api.get(f"/machines/{ASSET}/trends", feature="score")
    assert trend["from"] == START
    assert len(trend["series"][0]["t_ms"]) == 3


@pytest.mark.parametrize(
    "parameters",
    [{"from": "yesterday"}, {"points": 1}, {"points": 5_000}, {"from": START, "to": START}, {"from": "9" * 40}],
)
async def test_a_parameter_that_cannot_be_used_is_a_problem_that_names_it(api, parameters):
    answer = await api.client.get(f"/api/v1/machines/{ASSET}/trends", params=parameters)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert next(iter(parameters)) in answer.json()["detail"]


@pytest.mark.parametrize(
    "path",
    [
        "/machines/nobody",
        "/machines/nobody/trends",
        "/machines/nobody/spectra",
        f"/machines/{ASSET}/spectra/latest",
        "/alarms/none",
        "/alarms/none/evidence",
        "/gateways/none",
        "/no/such/resource",
    ],
)
async def test_what_is_not_there_is_a_problem_document(api, path):
    answer = await api.client.get(f"/api/v1{path}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == 404
    assert answer.json()["instance"] == f"/api/v1{path}"


async def test_spectra_of_a_machine(api):
    _evidence(api, "spectrum")
    _evidence(api, "spectrum", START_NS + 10 * MINUTE_NS)
    listed = await api.get(f"/machines/{ASSET}/spectra")
    assert [item["subject"] for item in listed["items"]] == ["spectrum", "spectrum"]
    latest = await api.get(f"/machines/{ASSET}/spectra/latest")
    assert latest["id"] == listed["items"][0]["id"]
    older = await api.get(f"/machines/{ASSET}/spectra/{listed['items'][1]['id']}")
    assert older["end"] == START
    (channel,) = older["channels"]
    assert channel["waveform"] == {"dt_s": 1 / 25_600, "values": [0.0, 1.0, -1.0]}
    assert channel["spectrum"]["step_hz"] == 0.5
    # Spectra travel as half decibels: 3 % is the widest step.
    assert channel["spectrum"]["values"][10] == pytest.approx(2.0, rel=0.03)
    assert older["fault_lines"][0]["line"] == "BPFO"


async def test_alarms_and_their_evidence(api):
    api.cloud.arrive(api.gateway.record(alarm(), 0))
    (item,) = (await api.get("/alarms"))["items"]
    assert (item["id"], item["state"], item["evidence"]) == (ALARM_ID, "unacknowledged", "none")
    assert item["machine_name"] == "pump-1"
    assert item["acknowledged"] is None
    _evidence(api, ALARM_ID)
    assert (await api.get(f"/alarms/{ALARM_ID}"))["evidence"] == "complete"
    assert (await api.get(f"/alarms/{ALARM_ID}/evidence"))["subject"] == ALARM_ID


async def test_alarms_by_state(api):
    api.cloud.arrive(api.gateway.record(alarm(), 0))
    for state, count in (("open", 1), ("unacknowledged", 1), ("acknowledged", 0), ("normal", 0)):
        assert len((await api.get("/alarms", state=state))["items"]) == count
    assert (await api.get("/alarms", machine="other"))["items"] == []
    answer = await api.client.get("/api/v1/alarms", params={"state": "loud"})
    assert answer.status_code == 422


@pytest.mark.parametrize(
    ("asked", "is_found"),
    [
        ({"q": "PUMP-1  likely"}, True),
        ({"q": "outer_race"}, True),
        ({"q": "inner_race"}, False),
        ({"q": "lüfter"}, True),
        ({"q": "100 % üble"}, True),
        ({"q": "pump_1"}, False),
        ({"q": "pump%1"}, False),
        ({"priority": "high"}, True),
        ({"priority": "low"}, False),
        ({"q": "pump", "priority": "high", "state": "open"}, True),
    ],
)
async def test_alarms_by_words_and_priority(api, asked, is_found):
    said = dataclasses.replace(alarm().diagnosis, sentence="Lüfter: outer-race damage is likely, 100 % Üble Sache.")
    api.cloud.arrive(api.gateway.record(alarm(diagnosis=said), 0))
    assert bool((await api.get("/alarms", **asked))["items"]) == is_found


async def test_a_search_in_alarms_is_bounded_and_a_priority_is_one(api):
    for asked in ({"q": "x" * 201}, {"priority": "loud"}):
        assert (await api.client.get("/api/v1/alarms", params=asked)).status_code == 422


async def test_acknowledging_is_told_to_everyone_and_audited(api):
    api.cloud.arrive(api.gateway.record(alarm(), 0), after_ms=120_000)
    async with api.hub.listen() as listener:
        answer = await api.client.post(f"/api/v1/alarms/{ALARM_ID}/acknowledge", json={"comment": "bearing ordered"})
        assert answer.status_code == 200
        changes = {(change.subject.value, change.identifier) for change in await listener.take()}
    assert changes == {("alarm", ALARM_ID), ("machine", ASSET)}
    document = answer.json()
    assert document["state"] == "acknowledged"
    assert document["acknowledged"]["by"] == "M. Ruiz"
    assert [entry["what"] for entry in document["timeline"]] == ["raised", "acknowledged"]
    (entry,) = (await api.get("/audit"))["items"]
    assert (entry["who"], entry["what"], entry["subject"]) == ("M. Ruiz", "alarm.acknowledge", ALARM_ID)


async def test_the_second_acknowledgement_is_a_conflict(api):
    api.cloud.arrive(api.gateway.record(alarm(), 0))
    address = f"/api/v1/alarms/{ALARM_ID}/acknowledge"
    await api.client.post(address, json={})
    api.be("J. Lind")
    answer = await api.client.post(address, json={})
    assert answer.status_code == 409
    assert "M. Ruiz" in answer.json()["detail"]


async def test_an_acknowledgement_survives_the_next_report_of_the_same_alarm(api):
    api.cloud.arrive(api.gateway.record(alarm(revision=1, severity=Severity.ALERT), 0))
    await api.client.post(f"/api/v1/alarms/{ALARM_ID}/acknowledge", json={})
    returned = alarm(revision=2, severity=Severity.ALERT, state=AlarmState.RETURNED)
    api.cloud.arrive(api.gateway.record(returned, 1))
    assert (await api.get(f"/alarms/{ALARM_ID}"))["state"] == "normal"


@pytest.mark.parametrize("body", [{"by": "J. Lind"}, {"else": 1}, {"comment": "x" * 2_001}, []])
async def test_an_acknowledgement_takes_nothing_unknown_and_its_person_from_the_session(api, body):
    api.cloud.arrive(api.gateway.record(alarm(), 0))
    answer = await api.client.post(f"/api/v1/alarms/{ALARM_ID}/acknowledge", json=body)
    assert answer.status_code == 422
    assert ("session" in answer.json()["detail"]) == ("by" in body)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content-type": "text/plain"}, 415),
        ({"content-type": "application/x-www-form-urlencoded"}, 415),
        ({"content-type": "application/json", "origin": "http://evil.example"}, 403),
        ({"content-type": "application/json", "origin": "null"}, 403),
        ({"content-type": "application/json", "origin": "http://plant.example:8080"}, 200),
        ({"content-type": "application/json; charset=utf-8"}, 200),
    ],
)
async def test_no_other_page_can_make_a_browser_change_something(api, headers, status):
    api.cloud.arrive(api.gateway.record(alarm(), 0))
    answer = await api.client.post(f"/api/v1/alarms/{ALARM_ID}/acknowledge", content=b"{}", headers=headers)
    assert answer.status_code == status


async def _post(api, path, **body):
    answer = await api.client.post(f"/api/v1{path}", json=body)
    return answer.status_code, answer.json()


async def test_shelving_until_a_time(api):
    api.cloud.arrive(api.gateway.record(alarm(), 0))
    status, document = await _post(api, f"/alarms/{ALARM_ID}/shelve", reason="waits for the part", minutes=60)
    assert (status, document["state"]) == (200, "shelved")
    assert document["withheld"] == {
        "by": "M. Ruiz",
        "at": iso(api.cloud.now_ms),
        "reason": "waits for the part",
        "until": iso(api.cloud.now_ms + 3_600_000),
    }
    assert (await api.get("/alarms", state="open"))["items"] == []
    assert (await api.get("/machines"))["items"][0]["open_alarms"] == {"urgent": 0, "high": 0, "medium": 0, "low": 0}
    assert end_what_is_over(api.cloud.engine, api.cloud.now_ms + 3_599_999) == set()
    # As after a week without a cloud: it ended when it should have.
    changes = end_what_is_over(api.cloud.engine, api.cloud.now_ms + 7 * 86_400_000)
    assert {change.identifier for change in changes} == {ALARM_ID, ASSET}
    document = await api.get(f"/alarms/{ALARM_ID}")
    assert (document["state"], document["withheld"]) == ("unacknowledged", None)
    assert document["timeline"][-1]["what"] == "shelving_ended"
    assert document["timeline"][-1]["at"] == iso(api.cloud.now_ms + 3_600_000)


async def test_out_of_service_and_back(api):
    api.cloud.arrive(api.gateway.record(alarm(), 0))
    status, document = await _post(api, f"/alarms/{ALARM_ID}/take-out-of-service", reason="sensor is being moved")
    assert (status, document["state"], document["withheld"]["until"]) == (200, "out_of_service", None)
    status, problem = await _post(api, f"/alarms/{ALARM_ID}/shelve", reason="again", minutes=5)
    assert (status, "out of service by M. Ruiz" in problem["detail"]) == (409, True)
    assert (await _post(api, f"/alarms/{ALARM_ID}/put-in-service"))[1]["state"] == "unacknowledged"
    assert [entry["what"] for entry in (await api.get("/audit"))["items"]] == [
        "alarm.put_in_service",
        "alarm.take_out_of_service",
    ]


async def test_a_dangerous_alarm_stays_until_it_is_reset(api):
    api.cloud.arrive(api.gateway.record(alarm(revision=1, severity=Severity.DANGER), 0))
    await _post(api, f"/alarms/{ALARM_ID}/acknowledge")
    assert (await _post(api, f"/alarms/{ALARM_ID}/reset"))[0] == 409
    returned = alarm(revision=2, severity=Severity.DANGER, state=AlarmState.RETURNED)
    api.cloud.arrive(api.gateway.record(returned, 1))
    assert len((await api.get("/alarms", state="open"))["items"]) == 1
    assert (await _post(api, f"/alarms/{ALARM_ID}/reset", comment="bearing changed"))[1]["state"] == "normal"


async def test_maintenance_suppresses_what_was_and_what_comes(api):
    api.cloud.arrive(api.gateway.record(alarm(revision=1, severity=Severity.ALERT), 0))
    status, machine = await _post(api, f"/machines/{ASSET}/maintain", reason="new bearing", minutes=120)
    assert (status, machine["maintenance"]["reason"]) == (200, "new bearing")
    assert (await api.get(f"/alarms/{ALARM_ID}"))["state"] == "suppressed"
    other = alarm(alarm_id="11111111-0000-4000-8000-000000000002", component="NDE", revision=1, severity=Severity.ALERT)
    api.cloud.arrive(api.gateway.record(other, 1))
    assert {item["state"] for item in (await api.get("/alarms"))["items"]} == {"suppressed"}
    status, machine = await _post(api, f"/machines/{ASSET}/end-maintenance")
    assert (status, machine["maintenance"]) == (200, None)
    assert {item["state"] for item in (await api.get("/alarms"))["items"]} == {"unacknowledged"}
    assert (await _post(api, f"/machines/{ASSET}/end-maintenance"))[0] == 409
    assert (await _post(api, "/machines/nobody/maintain", reason="x", minutes=1))[0] == 404


async def test_maintenance_ends_by_the_clock(api):
    api.cloud.arrive(api.gateway.record(alarm(), 0))
    await _post(api, f"/machines/{ASSET}/maintain", reason="new bearing", minutes=120)
    end_what_is_over(api.cloud.engine, api.cloud.now_ms + 7_200_000)
    assert (await api.get(f"/machines/{ASSET}"))["maintenance"] is None
    assert (await api.get(f"/alarms/{ALARM_ID}"))["state"] == "unacknowledged"
    assert (await api.get("/audit"))["items"][0]["who"] == "clock"


@pytest.mark.parametrize(
    "body",
    [
        {"minutes": 5},
        {"reason": "x"},
        {"reason": " ", "minutes": 5},
        {"reason": "x", "minutes": 0},
        {"reason": "x", "minutes": 10_081},
        {"reason": "x", "minutes": 1.5},
    ],
)
async def test_shelving_needs_a_reason_and_an_end_within_a_week(api, body):
    api.cloud.arrive(api.gateway.record(alarm(), 0))
    assert (await _post(api, f"/alarms/{ALARM_ID}/shelve", **body))[0] == 422


async def test_what_was_found_is_a_label_with_the_evidence_of_its_alarm(api):
    api.cloud.arrive(api.gateway.record(alarm(severity=Severity.ALERT), 0), after_ms=120_000)
    _evidence(api, ALARM_ID)
    status, document = await _post(
        api, f"/alarms/{ALARM_ID}/outcome", finding="outer_race", action="bearing changed", part="6205"
    )
    assert (status, document["state"]) == (200, "acknowledged")
    assert document["outcome"]["part"] == "6205"
    assert document["timeline"][-1]["detail"] == "outer race; bearing changed; 6205 replaced"
    (label,) = (await api.get("/labels"))["items"]
    assert (label["alarm"], label["finding"], label["told"]) == (ALARM_ID, "outer_race", document["label"])
    assert label["evidence"] is not None
    assert (await api.get("/labels", machine="other"))["items"] == []


async def test_a_missed_fault_is_a_label_on_a_stretch_of_time(api):
    body = {"machine": ASSET, "from": "2025-10-01T00:00:00Z", "to": "2025-10-02T00:00:00Z", "finding": "imbalance"}
    status, label = await _post(api, "/labels", **body)
    assert (status, label["alarm"], label["from"]) == (201, None, "2025-10-01T00:00:00.000Z")
    assert (await _post(api, "/labels", **(body | {"to": body["from"]})))[0] == 422
    assert (await _post(api, "/labels", **(body | {"finding": "gremlins"})))[0] == 422
    assert (await _post(api, "/labels", **(body | {"machine": "nobody"})))[0] == 404


async def test_track_records_of_machines_and_models(api):
    api.cloud.arrive(api.gateway.record(alarm(severity=Severity.ALERT), 0))
    told = (await api.get(f"/alarms/{ALARM_ID}"))["label"]
    await _post(api, f"/alarms/{ALARM_ID}/outcome", finding="nothing")
    # Said again: the last word counts.
    await _post(api, f"/alarms/{ALARM_ID}/outcome", finding=told)
    await _post(api, "/labels", machine=ASSET, finding="gear", **{"from": "2025-10-01", "to": "2025-10-02"})
    # While the alarm was active something was found: that was not missed.
    begun = (await api.get(f"/alarms/{ALARM_ID}"))["since"]
    await _post(api, "/labels", machine=ASSET, finding=told, **{"from": begun, "to": "2025-12-01T00:00:00Z"})
    record = await api.get("/labels/track-record")
    (machine,) = record["machines"]
    assert (machine["name"], machine["right"], machine["named"], machine["missed"]) == (ASSET, 1, 1, 1)
    assert (machine["false_alarm_share"], machine["missed_share"]) == (0.0, 0.5)
    (model,) = record["models"]
    assert (model["right"], model["missed"], model["missed_share"]) == (1, 0, 0.0)


async def test_a_gateway_with_its_health(api):
    health = GatewayHealth(
        gateway="gateway-1",
        asset_id=GATEWAY_ASSET,
        end_ns=START_NS,
        agent_version="0.2.0",
        pending_records=3,
        outbox_bytes=4_096,
        dropped={"budget_evidence": 2},
        clock_quality=ClockQuality.HOLDOVER,
        clock_offset_s=0.5,
        cpu_percent=1.5,
        rss_mb=64.0,
        raw_bytes=10_000_000,
        sent_bytes=5_000,
        windows=120,
    )
    api.cloud.arrive(api.gateway.record(health, 0))
    (item,) = (await api.get("/gateways"))["items"]
    assert item["last_seen"] == "2025-10-09T08:53:22.000Z"
    assert (item["pending"], item["dropped"], item["clock_quality"]) == (3, {"budget_evidence": 2}, "holdover")
    assert (item["raw_bytes"], item["sent_bytes"], item["records_stored"]) == (10_000_000, 5_000, 1)
    assert item["machines"] == [ASSET]
    document = await api.get(f"/gateways/{GATEWAY}")
    metric = next(metric for metric in document["metrics"] if metric["name"] == "Health/CpuPercent")
    assert metric == {"name": "Health/CpuPercent", "value": 1.5, "unit": "%", "at": START, "quality": "good"}


async def test_a_foreign_node_has_an_address_even_with_odd_names(api):
    node = ForeignNode("packaging", "line 4:plc")
    api.cloud.arrive(node.birth(NOW_MS, {"speed": 3.0}))
    foreign = next(item for item in (await api.get("/gateways"))["items"] if item["foreign"])
    document = await api.get("/gateways/packaging%3Aline%204%253Aplc")
    assert document["id"] == foreign["id"]
    assert next(metric for metric in document["metrics"] if metric["name"] == "speed")["value"] == 3.0


async def test_what_a_dead_node_last_said_is_stale(api):
    api.cloud.arrive(api.gateway.death(api.cloud.now_ms))
    document = await api.get(f"/gateways/{GATEWAY}")
    assert {metric["quality"] for metric in document["metrics"]} == {"stale"}


async def test_long_lists_come_in_pages_without_holes_or_doubles(api):
    for number in range(7):
        report = alarm(alarm_id=f"{number:08d}-0000-4000-8000-000000000000", component=f"C{number}")
        api.cloud.arrive(api.gateway.record(report, number))
    seen, cursor = [], None
    while True:
        page = await api.get("/alarms", limit=3, **({"cursor": cursor} if cursor else {}))
        seen += [item["id"] for item in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 7


@pytest.mark.parametrize("cursor", ["x", "é", "WzEsMl0", "bnVsbA", "W10"])
async def test_a_cursor_that_is_none_is_a_problem(api, cursor):
    for path in ("/alarms", "/machines", "/audit", f"/machines/{ASSET}/spectra"):
        answer = await api.client.get(f"/api/v1{path}", params={"cursor": cursor})
        assert answer.status_code == 422, path


async def test_every_resource_is_described(api):
    document = await api.get("/openapi.json")
    for path in (
        "/machines",
        "/machines/{machine_id}/trends",
        "/alarms/{alarm_id}/acknowledge",
        "/alarms/{alarm_id}/shelve",
        "/gateways",
        "/audit",
    ):
        assert f"/api/v1{path}" in document["paths"]


async def test_health_readiness_and_metrics(api):
    _summaries(api, 2)
    assert (await api.client.get("/healthz")).status_code == 200
    assert (await api.client.get("/readyz")).json() == {"ready": True, "problems": [], "warnings": []}
    api.cloud.status.trends_notice = "3 summaries are set aside"
    api.cloud.status.trends_aside["cardinality"] = 3
    assert (await api.client.get("/readyz")).json()["warnings"] == ["3 summaries are set aside"]
    api.cloud.status.broker_connected = False
    api.cloud.status.broker_problem = "no connection (Connection refused)"
    answer = await api.client.get("/readyz")
    assert answer.status_code == 503
    assert "Connection refused" in answer.json()["problems"][0]
    text = (await api.client.get("/metrics")).text
    assert "plantpulse_records_stored_total 2\n" in text
    assert 'plantpulse_trends_aside_total{reason="cardinality"} 3\n' in text
    assert f'plantpulse_gateway_online{{gateway="{GATEWAY}"}} 1\n' in text
