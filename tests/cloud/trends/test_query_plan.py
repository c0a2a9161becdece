"""Questions go through the key to one machine's rows: what they cost does not depend on how many machines there are."""

from __future__ import annotations

import re

import pytest
from support.contract_examples import ASSET, START_NS, summary
from support.trend_examples import FOR_GOOD

from cloud.trends.sqlite import SqliteTrendStore
from cloud.trends.store import Reading, StoredSummary

START_MS = START_NS // 1_000_000
HOUR_MS = 3_600_000
RMS = "DE.H/acceleration_rms"


class Watched(SqliteTrendStore):
    """A store that remembers how SQLite went about each question of a reader."""

    def __init__(self, path):
        self.plans = []
        super().__init__(path, FOR_GOOD)

    def _query(self, statement, parameters=()):
        rows = super()._query(f"EXPLAIN QUERY PLAN {statement}", parameters)
        self.plans.append((statement, [row[3] for row in rows]))
        return super()._query(statement, parameters)


@pytest.fixture
def store(tmp_path):
    made = Watched(tmp_path / "trends.sqlite")
    records = []
    for minute in range(0, 12_000, 20):
        one = summary(start_ns=START_NS + minute * 60_000_000_000)
        records.append(StoredSummary(one, minute, minute, late=False, received_ms=START_MS))
    made.write(records, [Reading("g:1", "x", None, START_MS + n, 1, 1.0, "1", 192) for n in range(200)])
    yield made
    made.close()


@pytest.mark.parametrize("hours", [4, 24, 40 * 24, 4_000 * 24])
def test_a_trend_is_found_by_its_key_at_every_grain(store, hours):
    store.trend(ASSET, [RMS, "score"], START_MS, START_MS + hours * HOUR_MS, 2)
    store.span_ms(ASSET)
    store.readings("g:1", "x", START_MS, START_MS + hours * HOUR_MS, 2)
    steps = [step for _, plan in store.plans for step in plan]
    of_tables = [step for step in steps if re.search(r"\b(summary|rollup|vital|reading|reading_rollup)\b", step)]
    assert of_tables
    for step in of_tables:
        assert step.startswith("SEARCH"), step
        assert re.search(r"\((asset|series)=\?", step), step
    # Nothing is sorted: rows come in the order of the key.
    assert not [step for step in steps if "TEMP B-TREE" in step]
