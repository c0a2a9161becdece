"""The journal loses nothing, gives no number twice, deletes exactly what is acknowledged and counts what it drops."""

from __future__ import annotations

import sqlite3

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_agent.errors import DataDirectoryError, JournalFullError
from edge_agent.journal import Change, MachineProgress
from edge_agent.sources.base import SourcePosition
from models.contract.acknowledgement import Ranges
from models.contract.vocabulary import DropReason, RecordKind

from .conftest import ASSET, STAMP, small_record

EVERYTHING = 2**63 - 1


def _commit(journal, *records, **more):
    journal.commit([Change(STAMP, tuple(records), **more)])


def _sequences(journal, kind=RecordKind.SUMMARY):
    return [p.sequence for p in journal.pending(kind, after=0, up_to=EVERYTHING, limit=10_000)]


def test_records_come_back_as_they_went_in_oldest_first(journal):
    first, second = small_record(2**64 - 1), small_record(7)
    _commit(journal, first, second)
    pending = journal.pending(RecordKind.SUMMARY, after=0, up_to=EVERYTHING, limit=10)
    assert [(p.sequence, p.record) for p in pending] == [(1, first), (2, second)]


def test_state_position_records_and_counts_are_written_together_or_not_at_all(opened):
    journal = opened()
    progress = MachineProgress(ASSET, SourcePosition(7, 128, "detail"), b"state")
    with pytest.raises(AttributeError):
        journal.commit([Change(STAMP, (small_record(1),), progress, {"windows": 3}), Change(STAMP, (None,))])
    assert journal.progress(ASSET) is None
    assert journal.pending_records == 0
    _commit(journal, small_record(1), progress=progress, counts={"windows": 3})
    journal.close()
    again = opened()
    assert again.progress(ASSET) == progress
    assert again.counters()["windows"] == 3
    assert _sequences(again) == [1]


def test_a_record_that_is_already_waiting_is_not_written_twice(journal):
    _commit(journal, small_record(1))
    _commit(journal, small_record(1), small_record(2))
    assert journal.pending_records == 2
    assert journal.counters()["already_pending"] == 1


def test_a_number_is_never_given_twice_even_when_all_records_are_gone_and_the_agent_restarts(opened):
    journal = opened()
    _commit(journal, small_record(1), small_record(2))
    journal.acknowledge(journal.incarnation, Ranges.of([1, 2]))
    journal.close()
    journal = opened()
    assert journal.last_sequence == 2
    _commit(journal, small_record(3))
    assert _sequences(journal) == [3]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    acknowledged=st.sets(st.integers(0, 60)),
    huge=st.booleans(),
    right=st.booleans(),
)
def test_an_acknowledgement_deletes_exactly_what_it_names_of_this_incarnation(opened, acknowledged, huge, right):
    journal = opened()
    try:
        before = journal.last_sequence
        start = journal.pending_records
        records = [small_record(before * 1000 + n + 1) for n in range(40)]
        _commit(journal, *records)
        waiting = set(_sequences(journal))
        named = {before + n for n in acknowledged} | (set(range(2**64 - 5, 2**64)) if huge else set())
        done = journal.acknowledge(journal.incarnation if right else "another", Ranges.of(named))
        expected = waiting & named if right else set()
        assert set(_sequences(journal)) == waiting - expected
        assert done.deleted == len(expected)
        assert done.unexpected == len(named) - len(expected)
        assert journal.pending_records == start + 40 - len(expected)
    finally:
        journal.close()


def test_an_acknowledgement_of_everything_at_once_is_bounded_work(journal):
    _commit(journal, small_record(1))
    done = journal.acknowledge(journal.incarnation, Ranges(((0, 2**64 - 1),)))
    assert (done.deleted, journal.pending_records) == (1, 0)
    assert journal.counters()["unexpected_acknowledgements"] == 2**32


def test_the_budget_drops_health_then_summaries_then_evidence_and_alarms_last(opened):
    journal = opened(max_bytes=60_000)
    kinds = (RecordKind.ALARM, RecordKind.EVIDENCE, RecordKind.SUMMARY, RecordKind.HEALTH)
    for number, kind in enumerate(kinds):
        _commit(journal, small_record(number + 1, kind, 10_000))
    assert journal.dropped() == {}
    for number in range(10, 13):
        _commit(journal, small_record(number, RecordKind.ALARM, 13_000))
    assert journal.dropped() == {
        DropReason.BUDGET_HEALTH: 1,
        DropReason.BUDGET_SUMMARY: 1,
        DropReason.BUDGET_EVIDENCE: 1,
    }
    _commit(journal, small_record(20, RecordKind.ALARM, 13_000))
    assert journal.dropped()[DropReason.BUDGET_ALARM] == 1
    assert journal.outbox_bytes <= 60_000
    assert _sequences(journal, RecordKind.ALARM) == [5, 6, 7, 8]


def test_what_cannot_be_one_payload_is_dropped_and_counted_and_the_rest_goes_on(journal):
    _commit(journal, small_record(1, size=200_000), small_record(2))
    assert journal.dropped() == {DropReason.OVERSIZED: 1}
    assert [p.record.record_id for p in journal.pending(RecordKind.SUMMARY, after=0, up_to=9, limit=9)] == [2]


def test_a_full_disk_writes_nothing_of_a_change_and_is_survived(journal):
    _commit(journal, small_record(1))
    (pages,) = journal._connection.execute("PRAGMA page_count").fetchone()
    journal._connection.execute(f"PRAGMA max_page_count={pages + 3}")
    progress = MachineProgress(ASSET, SourcePosition(1, 2), b"state")
    change = Change(STAMP, tuple(small_record(n, size=50_000) for n in (2, 3)), progress)
    with pytest.raises(JournalFullError, match="free space on the disk"):
        journal.commit([change])
    assert (journal.pending_records, journal.progress(ASSET)) == (1, None)
    journal._connection.execute("PRAGMA max_page_count=1000000")
    journal.commit([change])
    assert (journal.pending_records, journal.progress(ASSET)) == (3, progress)


def test_a_damaged_record_does_not_hold_up_the_others(journal, tmp_path):
    _commit(journal, small_record(1), small_record(2))
    other = sqlite3.connect(tmp_path / "data" / "journal.sqlite")
    other.execute("UPDATE outbox SET payload = zeroblob(40) WHERE sequence = 1")
    other.commit()
    other.close()
    assert _sequences(journal) == [2]
    assert journal.dropped() == {DropReason.CORRUPT: 1}


def test_records_in_flight_are_left_out_when_others_are_asked_for(journal):
    _commit(journal, *(small_record(n) for n in range(1, 6)))
    found = journal.pending(RecordKind.SUMMARY, after=1, up_to=5, limit=2, excluding={2, 3})
    assert [p.sequence for p in found] == [4, 5]


def test_bd_seq_starts_at_zero_counts_over_restarts_and_wraps(opened):
    journal = opened()
    assert [journal.next_bd_seq() for _ in range(3)] == [0, 1, 2]
    journal.close()
    journal = opened()
    assert [journal.next_bd_seq() for _ in range(254)][-2:] == [255, 0]


def test_a_data_directory_belongs_to_one_agent(opened):
    opened()
    with pytest.raises(DataDirectoryError, match="another agent uses this data_dir"):
        opened()


def test_a_data_directory_that_cannot_be_written_is_one_clear_line(tmp_path, opened):
    (tmp_path / "data").write_text("a file where a folder should be")
    with pytest.raises(DataDirectoryError, match=r"data: cannot be used as data_dir"):
        opened()


def test_the_incarnation_stays_over_an_ordinary_restart(opened):
    first = opened()
    first.close()
    assert opened().incarnation == first.incarnation


@pytest.mark.parametrize(
    ("synchronous", "boot_id", "stays"),
    [
        ("FULL", "another boot", True),
        ("NORMAL", "boot", True),
        ("NORMAL", "another boot", False),
        ("NORMAL", "", False),
    ],
)
def test_the_incarnation_changes_after_an_unclean_boot_only_when_the_disk_was_not_waited_for(
    opened, synchronous, boot_id, stays
):
    first = opened(synchronous=synchronous)
    _kill(first)
    assert (opened(boot_id=boot_id, synchronous=synchronous).incarnation == first.incarnation) is stays


def test_the_incarnation_changes_when_the_file_was_put_back_from_a_copy(opened, tmp_path):
    first = opened()
    _commit(first, small_record(1))
    first.close()
    path = tmp_path / "data" / "journal.sqlite"
    copy = path.read_bytes()
    path.rename(path.with_suffix(".old"))
    path.write_bytes(copy)
    again = opened()
    assert again.incarnation != first.incarnation
    assert _sequences(again) == [1]
    assert "(restored)" in opened.said[-1]


def test_salvage_of_a_file_that_is_no_database(opened, tmp_path):
    first = opened()
    first.close()
    path = tmp_path / "data" / "journal.sqlite"
    path.write_bytes(b"garbage" * 1000)
    again = opened()
    assert again.incarnation != first.incarnation
    assert again.pending_records == 0
    assert [p.name for p in path.parent.glob("journal.sqlite.corrupt-*")]
    assert any("was damaged: set aside" in line for line in opened.said)
    assert again.counters()["salvages"] == 1


def test_salvage_of_damaged_pages_in_the_middle_cost_only_what_lies_on_them(opened, tmp_path):
    first = opened()
    progress = MachineProgress(ASSET, SourcePosition(1, 2), b"state")
    _commit(first, *(small_record(n, size=2_000) for n in range(1, 201)), progress=progress)
    first.close()
    path = tmp_path / "data" / "journal.sqlite"
    data = bytearray(path.read_bytes())
    middle = len(data) // 2 // 4096 * 4096
    data[middle : middle + 8192] = b"\xff" * 8192
    path.write_bytes(data)
    again = opened()
    ids = [p.record.record_id for p in again.pending(RecordKind.SUMMARY, after=0, up_to=EVERYTHING, limit=1_000)]
    # Two pages of the tree are gone: leaf pages hold two such records each, and what is left is in order.
    assert len(ids) >= 190
    assert ids == sorted(ids)
    assert again.progress(ASSET) == progress
    assert again.incarnation != first.incarnation


def test_salvage_of_a_truncated_file(opened, tmp_path):
    first = opened()
    _commit(first, *(small_record(n, size=500) for n in range(1, 101)))
    first.close()
    path = tmp_path / "data" / "journal.sqlite"
    path.write_bytes(path.read_bytes()[:-20_000])
    again = opened()
    assert 0 < again.pending_records < 100
    _commit(again, small_record(1_000))


def test_births_declare_what_waiting_records_speak_of_even_when_the_machine_has_left(opened):
    journal = opened()
    assert journal.declared({"old": {"a": (9, "g")}}) == {"old": {"a": (9, "g")}}
    _commit(journal, small_record(1))
    assert journal.declared({"new": {"b": (9, None)}}) == {"new": {"b": (9, None)}, "old": {"a": (9, "g")}}
    journal.acknowledge(journal.incarnation, Ranges.of([1]))
    assert journal.declared({"new": {"b": (9, None)}}) == {"new": {"b": (9, None)}}


def _kill(journal) -> None:
    """Leave the journal as a killed process does: without its last word."""
    import os

    journal._connection.close()
    os.close(journal._lock)
    journal._lock = None


def test_records_are_counted_by_machine_over_every_way_they_go(opened):
    journal = opened()
    journal.commit([Change(STAMP, tuple(small_record(number, size=1_000) for number in range(1, 6)))])
    assert (journal.pending_of("pump-1"), journal.pending_of("fan-2")) == (5, 0)
    journal.acknowledge(journal.incarnation, Ranges.of([1, 2]))
    journal.drop(3, DropReason.CORRUPT)
    assert journal.pending_of("pump-1") == journal.pending_records == 2
    journal.close()
    again = opened()
    assert again.pending_of("pump-1") == again.pending_records == 2
