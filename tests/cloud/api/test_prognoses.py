"""How long a machine has, as the API says it on a machine and on its alarms."""

from __future__ import annotations

import numpy as np
from support.contract_examples import ALARM_ID, ASSET, alarm, summary
from support.simulated_gateway import Sent

from cloud.trends.store import StoredSummary

HOUR_NS = 3_600_000_000_000


def _store_hours(cloud, scores):
    start_ns = cloud.now_ms * 1_000_000 // HOUR_NS * HOUR_NS
    stored = []
    for hour, score in enumerate(scores):
        begin_ns = start_ns + hour * HOUR_NS
        one = summary(start_ns=begin_ns, end_ns=begin_ns + HOUR_NS, score=float(score))
        stored.append(StoredSummary(one, hour + 1, hour, late=False, received_ms=one.end_ns // 1_000_000))
    cloud.trends.write(stored, [])


async def test_a_machine_and_its_alarm_say_how_many_days_are_left(api):
    noise = 0.03 * np.random.default_rng(3).standard_normal(480)
    # From 0.4 at hour 240 by 0.0015 an hour: the limit of 1.0 is reached 160 hours after the last one.
    _store_hours(api.cloud, 0.4 + noise + 0.0015 * np.maximum(np.arange(480) - 240, 0))
    told = (await api.get(f"/machines/{ASSET}"))["prognosis"]
    assert set(told) == {"feature", "limit", "unit", "days_to_limit", "sentence", "reason", "from", "at", "model"}
    assert (told["feature"], told["limit"], told["unit"], told["reason"]) == ("score", 1.0, "1", "rising")
    assert told["days_to_limit"]["low"] < 160 / 24 < told["days_to_limit"]["high"]
    assert told["from"] < told["at"]
    sent: Sent = api.gateway.record(alarm(), 1)
    api.cloud.arrive(sent)
    assert (await api.get(f"/alarms/{ALARM_ID}"))["prognosis"]["sentence"] == told["sentence"]


async def test_what_does_not_rise_has_no_days_and_says_why(api):
    _store_hours(api.cloud, 0.4 + 0.03 * np.random.default_rng(3).standard_normal(480))
    document = await api.get(f"/machines/{ASSET}")
    assert document["prognosis"]["days_to_limit"] is None
    assert document["prognosis"]["sentence"].startswith("No trend")
    assert document["prognoses"][0] == document["prognosis"]


async def test_a_machine_without_data_has_none(api):
    document = await api.get(f"/machines/{ASSET}")
    assert (document["prognosis"], document["prognoses"]) == (None, [])


async def test_the_fleet_does_not_ask(api):
    assert "prognosis" not in (await api.get("/machines"))["items"][0]
