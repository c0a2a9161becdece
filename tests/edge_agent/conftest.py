"""What the tests of the agent share: small records, a journal in a folder of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.journal import Journal, Stamp
from edge_agent.journal_opening import open_journal
from models.contract.records import MetricValue, Record
from models.contract.vocabulary import ClockQuality, RecordKind

ASSET = "6f1c7a52-94a7-4f5f-8a0e-0d7a2f3c1b12"
STAMP = Stamp("boot", 1, 2, ClockQuality.SYNCHRONISED)


def small_record(number: int, kind: RecordKind = RecordKind.SUMMARY, size: int = 0, machine: str = "pump-1") -> Record:
    """Return a record with this id; `size` bytes of payload are added."""
    metrics = (MetricValue("Score", 0.5, 1_000), MetricValue("Summary/Vector", bytes(size), 1_000))
    return Record(number, kind, ASSET, machine, 1_000_000_000, metrics)


@pytest.fixture
def opened(tmp_path: Path):
    """Return a function that opens the journal of this test (again); all are closed at the end."""
    journals: list[Journal] = []
    said: list[str] = []

    def open_again(**settings) -> Journal:
        defaults = {"max_bytes": 1 << 20, "synchronous": "FULL", "boot_id": "boot", "tell": said.append}
        journal = open_journal(tmp_path / "data", **{**defaults, **settings})
        journals.append(journal)
        return journal

    open_again.said = said
    yield open_again
    for journal in journals:
        if journal._lock is not None:
            journal.close()


@pytest.fixture
def journal(opened) -> Iterator[Journal]:
    """Return a new journal."""
    return opened()
