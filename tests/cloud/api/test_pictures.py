"""Waterfall and baseline: what a machine's spectra were like over time, in an answer of bounded size."""

from __future__ import annotations

from base64 import b64decode

import numpy as np
import pytest
from support.contract_examples import ALARM_ID, ASSET, START_NS

from models.contract.evidence import pack_evidence, split_evidence
from models.contract.records import Evidence, EvidenceChannel

DAY_NS = 86_400_000_000_000


def _picture(api, day, level, subject="spectrum", bins=1_000):
    spectrum = np.full(bins, 0.01, np.float32)
    spectrum[177] = level
    channel = EvidenceChannel(
        "DE.H", "m/s²", 25_600.0, np.array([0, 1_000, -1_000], np.int16), 1e-3, spectrum, 0.5, spectrum, 0.5
    )
    end_ns = START_NS + day * DAY_NS
    picture = Evidence(subject, end_ns, 1_480.0, (channel,), (), {})
    parts = split_evidence(pack_evidence(picture), asset_id=ASSET, machine="pump-1", subject=subject, end_ns=end_ns)
    for part in parts:
        api.cloud.arrive(api.gateway.record(part, end_ns // 60_000_000_000 * 100 + part.index))


async def test_a_waterfall_tells_how_a_line_grew(api):
    for day, level in enumerate((0.1, 0.2, 0.8)):
        _picture(api, day, level)
    _picture(api, 3, 9.0, subject=ALARM_ID)  # pictures of alarms would make the picture uneven in time
    found = await api.get(f"/machines/{ASSET}/spectra/waterfall", bins=100)
    assert (found["channel"], found["unit"], found["step_hz"]) == ("DE.H", "m/s²", 5.0)
    assert [row["end"] for row in found["rows"]] == sorted(row["end"] for row in found["rows"])
    steps = np.array([list(b64decode(row["levels"])) for row in found["rows"]])
    assert steps.shape == (3, 100)
    told = found["reference"] * 10 ** (-found["step_db"] * steps[:, int(88.5 // 5)] / 20)
    assert told == pytest.approx([0.1, 0.2, 0.8], rel=0.06)  # half a decibel: once by the package, once here


async def test_a_waterfall_takes_so_many_pictures_spread_over_all_and_the_last_one(api):
    for day in range(10):
        _picture(api, day, 0.1)
    rows = (await api.get(f"/machines/{ASSET}/spectra/waterfall", pictures=5))["rows"]
    assert [row["end"][:10] for row in rows] == [f"2025-10-{day:02}" for day in (10, 12, 14, 16, 18)]
    bounded = await api.client.get(f"/api/v1/machines/{ASSET}/spectra/waterfall", params={"pictures": 91})
    assert bounded.status_code == 422


async def test_the_largest_waterfall_stays_within_its_budget(api):
    _picture(api, 0, 0.1)
    _picture(api, 1, 0.1)
    answer = await api.client.get(f"/api/v1/machines/{ASSET}/spectra/waterfall", params={"bins": 600, "pictures": 90})
    per_row = len(answer.content) / 2
    assert 90 * per_row < 120_000  # bytes: 600 in Base64 are 800, and names


async def test_the_baseline_is_the_median_of_the_oldest(api):
    for day, level in enumerate((0.1, 0.1, 5.0, 0.1, 0.1, 0.1, 0.1, 0.1, 0.9, 0.9)):
        _picture(api, day, level)
    found = await api.get(f"/machines/{ASSET}/spectra/baseline")
    assert found["pictures"] == 8
    (channel,) = found["channels"]
    assert channel["spectrum"]["values"][177] == pytest.approx(0.1, rel=0.03)


async def test_spectra_of_another_resolution_are_no_baseline(api):
    _picture(api, 0, 0.3, bins=400)
    _picture(api, 1, 0.1)
    _picture(api, 2, 0.1)
    (channel,) = (await api.get(f"/machines/{ASSET}/spectra/baseline"))["channels"]
    assert len(channel["spectrum"]["values"]) == 1_000
    assert channel["spectrum"]["values"][177] == pytest.approx(0.1, rel=0.03)


@pytest.mark.parametrize(("what", "part"), [("waterfall", "rows"), ("baseline", "channels")])
async def test_a_machine_without_pictures_has_none(api, what, part):
    assert (await api.get(f"/machines/{ASSET}/spectra/{what}"))[part] == []
    assert (await api.client.get(f"/api/v1/machines/nobody/spectra/{what}")).status_code == 404
