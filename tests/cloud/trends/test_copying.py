"""Embedded → InfluxDB: everything once, however often it is broken off, and both sides counted."""

from __future__ import annotations

import numpy as np
import pytest
from support.contract_examples import ASSET, START_NS, summary
from support.trend_examples import FOR_GOOD

from cloud.errors import DataDirectoryError, StoreError
from cloud.trends.copying import copy_trends
from cloud.trends.embedded_export import EmbeddedExport
from cloud.trends.sqlite import SqliteTrendStore
from cloud.trends.store import MachinePlace, Reading, StoredSummary

pytestmark = pytest.mark.needs("influxdb")

MINUTE_NS = 60_000_000_000
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
START_MS = START_NS // 1_000_000
OTHER = "11111111-2222-4333-8444-555555555555"
NAMES = ("DE.H/acceleration_rms", "DE.H/kurtosis", "score", "health_index")
SOURCE = "plant:gateway-1"
PLACES = {ASSET: MachinePlace(ASSET, SOURCE, "plant", "pump-1", "pump")}
ALWAYS = (0, 2**63 // 1_000_000 - 1)


def _stored(minute, **changes):
    one = summary(start_ns=START_NS + minute * MINUTE_NS, shift=minute / 1_000, **changes)
    return StoredSummary(one, 2**63 + minute, minute, late=minute % 50 == 7, received_ms=one.end_ns // 1_000_000)


@pytest.fixture
def embedded(tmp_path):
    """Return a file of four days, of which only the last has its summaries still."""
    path = tmp_path / "trends.sqlite"
    store = SqliteTrendStore(path, FOR_GOOD.model_copy(update={"summary_days": 1.0, "minute_days": 1.0}))
    store.write(
        [
            _stored(minute, operating_state=("off", "steady/default")[minute % 60 < 40])
            for minute in range(0, 4 * 1_440, 5)
        ],
        [],
    )
    store.write([_stored(minute, asset_id=OTHER) for minute in range(0, 300, 5)], [])
    readings = [
        Reading(SOURCE, "Health/CpuPercent", "%", START_MS + 60_000 * n, n, n / 7, str(n), 192) for n in range(300)
    ]
    store.write([], [*readings, Reading(SOURCE, "Health/Gateway", None, START_MS, 0, None, "gateway-1", 192)])
    assert store.prune(START_MS + 30 * DAY_MS) > 500
    yield path, store
    store.close()


def _copy(path, store, progress=lambda *_: None, span=ALWAYS):
    export = EmbeddedExport(path, *span)
    try:
        return copy_trends(export, store, PLACES, progress)
    finally:
        export.close()


def _answers(store):
    seen = []
    for asset_id in (ASSET, OTHER):
        for days, points in ((5, 2_000), (5, 3), (1, 50)):
            trend = store.trend(asset_id, NAMES, START_MS, START_MS + days * DAY_MS, points)
            for series in trend.series:
                numbers = np.concatenate([series.mean, series.low, series.high]).tolist()
                seen.append((series.name, trend.bucket_ms, series.t_ms.tolist(), series.late.tolist(), numbers))
            seen.append((trend.states.t_ms, trend.states.value))
        seen.append((store.span_ms(asset_id), store.latest_machines()[asset_id]))
    series = store.readings(SOURCE, "Health/CpuPercent", START_MS, START_MS + DAY_MS, 2_000)
    seen.append((series.t_ms.tolist(), series.mean.tolist(), store.latest_readings(SOURCE)))
    return seen


def _same(mine, theirs):
    return all(
        left[:-1] == right[:-1]
        and (left[-1] == pytest.approx(right[-1], rel=1e-9) if len(left) == 5 else left == right)
        for left, right in zip(mine, theirs, strict=True)
    )


def test_after_a_copy_both_stores_answer_the_same(embedded, opened):
    path, source = embedded
    store = opened()
    copied = _copy(path, store)
    assert copied.complete
    for sides in (copied.summaries, copied.hours, copied.days, copied.readings):
        assert sides.source == sides.target > 0
    assert _same(_answers(opened()), _answers(source))


def test_a_second_copy_copies_nothing(embedded, opened):
    path, _ = embedded
    _copy(path, opened())
    again = _copy(path, opened())
    assert (again.summaries.copied, again.hours.copied, again.days.copied, again.readings.copied) == (0, 0, 0, 0)
    assert again.complete


def test_a_copy_that_was_broken_off_goes_on(embedded, opened):
    path, source = embedded

    def break_off(_what, done, _total):
        if done == 1:
            raise StoreError("the power went")

    with pytest.raises(StoreError):
        _copy(path, opened(), break_off)
    rest = _copy(path, opened())
    assert rest.complete
    assert rest.summaries.copied < rest.summaries.source
    assert _same(_answers(opened()), _answers(source))


def test_what_ingest_wrote_in_the_meantime_stays(embedded, opened):
    """A plant that changed its store in the middle of an hour gets whole hours."""
    path, source = embedded
    more = [_stored(4 * 1_440 - 5 + minute) for minute in range(1, 5)]
    store = opened()
    store.know(list(PLACES.values()))
    store.write(more, [])
    source.write(more, [])
    assert _copy(path, opened()).complete
    assert _same(_answers(opened()), _answers(source))


def test_only_a_stretch_of_time(embedded, opened):
    path, _ = embedded
    first_ms = START_MS + 3 * DAY_MS + 12 * HOUR_MS
    copied = _copy(path, opened(), span=(first_ms, first_ms + HOUR_MS))
    assert copied.summaries.source == copied.summaries.target == 12


def test_no_file_is_one_clear_line(tmp_path):
    with pytest.raises(DataDirectoryError, match="no embedded trend store"):
        EmbeddedExport(tmp_path / "nothing.sqlite", *ALWAYS)
    (tmp_path / "text.sqlite").write_text("not a database at all, but long enough to be read" * 10)
    with pytest.raises(DataDirectoryError, match="is no embedded trend store"):
        EmbeddedExport(tmp_path / "text.sqlite", *ALWAYS)
