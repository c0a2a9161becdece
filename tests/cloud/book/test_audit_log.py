"""The audit log in both databases: one order whoever writes, no way to change it, and tampering is found."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from cloud.book.audit_chain import Head
from cloud.book.audit_log import AuditFilter, append, every_row, rows, verify
from cloud.book.transactions import taking_in, writing
from cloud.errors import StoreError

ALL = AuditFilter()


def say(engine, count, who="A. Keller", what="alarm.acknowledge", first=0):
    for number in range(first, first + count):
        with writing(engine, "a word") as session:
            append(session, at_ms=number, who=who, what=what, subject=f"s{number}", detail={"n": number})


def tamper(engine, *statements):
    """Do what somebody with the database's own tools can do: first take the triggers away."""
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            connection.execute(text("DROP TRIGGER audit_no_update"))
            connection.execute(text("DROP TRIGGER audit_no_delete"))
        else:
            connection.execute(text("ALTER TABLE audit DISABLE TRIGGER USER"))
        for statement in statements:
            connection.execute(text(statement))


def test_a_log_holds_and_its_head_can_be_known(book_engine):
    assert verify(book_engine)[1] is None
    say(book_engine, 3)
    head, found = verify(book_engine)
    assert (head.count, found) == (3, None)
    say(book_engine, 2, first=3)
    assert verify(book_engine, known=head)[1] is None
    assert verify(book_engine, known=Head(2, "0" * 64))[1].number == 2


@pytest.mark.parametrize(
    ("statements", "row"),
    [
        (["UPDATE audit SET who = 'nobody' WHERE key = 3"], 3),
        (["UPDATE audit SET detail = '{\"n\": 7}' WHERE key = 2"], 2),
        (["UPDATE audit SET at_ms = at_ms + 1 WHERE key = 1"], 1),
        (["DELETE FROM audit WHERE key = 4"], 4),
        (["DELETE FROM audit WHERE key = 1"], 1),
        (["DELETE FROM audit WHERE key = 6"], 6),
        (["DELETE FROM audit WHERE key > 2"], 3),
        (["DELETE FROM audit"], 1),
        (["UPDATE audit SET key = 99 WHERE key = 2", "UPDATE audit SET key = 2 WHERE key = 3",
          "UPDATE audit SET key = 3 WHERE key = 99"], 2),
        (["DELETE FROM audit WHERE key = 6", "UPDATE audit_head SET count = 5"], 5),
        (["DELETE FROM audit_head"], 7),
        (["INSERT INTO audit (key, at_ms, who, what, subject, detail, hash) VALUES (7, 1, 'a', 'b', 'c', '{}', 'd')"],
         7),
    ],
)  # fmt: skip
def test_tampering_is_found_and_the_first_row_is_named(book_engine, statements, row):
    say(book_engine, 6)
    tamper(book_engine, *statements)
    assert verify(book_engine)[1].number == row


@pytest.mark.parametrize("statement", ["UPDATE audit SET who = 'x'", "DELETE FROM audit WHERE key = 1"])
def test_the_database_itself_refuses_to_change_a_row(book_engine, statement):
    say(book_engine, 1)
    with pytest.raises((DBAPIError, StoreError)), book_engine.begin() as connection:
        connection.execute(text(statement))
    assert verify(book_engine)[1] is None


def test_many_writers_at_once_make_one_chain(book_engine):
    """People and ingest, which takes its turn otherwise: 4 threads, 60 rows."""

    def write(writer):
        turn = writing if writer % 2 else taking_in
        for number in range(15):
            with turn(book_engine, "a word") as session:
                append(session, at_ms=number, who=f"w{writer}", what="x", subject=str(number), detail={})

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    head, found = verify(book_engine)
    assert (head.count, found) == (60, None)
    for writer in range(4):
        said = [row.subject for row in rows(book_engine, AuditFilter(who=f"w{writer}"), None, 100)]
        assert said == [str(number) for number in reversed(range(15))]


def test_what_was_rolled_back_leaves_no_gap(book_engine):
    say(book_engine, 1)
    with Session(book_engine) as session:
        append(session, at_ms=1, who="a", what="b", subject="c", detail={})
        session.rollback()
    say(book_engine, 1, first=1)
    assert verify(book_engine)[0].count == 2
    assert verify(book_engine)[1] is None


def test_whatever_people_write_comes_back_as_it_was_hashed(book_engine):
    said = {"comment": "a\0b \ud800 ü 轴承 \u2028", "list": [1, None, float("nan"), "x"], "big": 2**53, "third": 1 / 3}
    with writing(book_engine, "a word") as session:
        append(session, at_ms=0, who="J\0", what="x", subject="\ud800", detail=said)
    assert verify(book_engine)[1] is None
    (row,) = rows(book_engine, ALL, None, 10)
    assert row.detail["big"] == 2**53


def test_a_filter_and_pages(book_engine):
    say(book_engine, 3, what="alarm.shelve")
    say(book_engine, 3, who="M. Ruiz", what="alarm.acknowledge", first=3)
    say(book_engine, 1, who="M. Ruiz", what="alarms", first=6)

    def subjects(**wanted):
        return [row.subject for row in rows(book_engine, AuditFilter(**wanted), None, 100)]

    assert subjects(who="M. Ruiz") == ["s6", "s5", "s4", "s3"]
    assert subjects(what="alarm") == ["s5", "s4", "s3", "s2", "s1", "s0"]
    assert subjects(what="alarm.shelve", from_ms=1, to_ms=2) == ["s1"]
    assert subjects(what="alarm%") == []
    assert subjects(subject="s4") == ["s4"]
    assert [row.subject for row in rows(book_engine, ALL, 3, 10)] == ["s1", "s0"]
    assert len(list(every_row(book_engine, ALL))) == 7


def test_every_row_is_read_in_pages(book_engine, monkeypatch):
    monkeypatch.setattr("cloud.book.audit_log.PAGE_ROWS", 3)
    say(book_engine, 7)
    assert [row.key for row in every_row(book_engine, ALL)] == [7, 6, 5, 4, 3, 2, 1]
    assert verify(book_engine)[1] is None
