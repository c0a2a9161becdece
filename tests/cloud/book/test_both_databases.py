"""What the book promises whichever database it is in: the same values back, one writer at a time, the same errors."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from support.cloud_bench import GATEWAY, bench, pump_gateway
from support.contract_examples import ALARM_ID, ASSET, alarm

from cloud import alarm_desk
from cloud.batch import StoredAlarm
from cloud.book.alarm_writing import write_alarm
from cloud.book.answering import answer
from cloud.book.reading import BookReader
from cloud.book.tables import Alarm, AlarmOccurrence, Counter, Gateway, Machine, Quarantined
from cloud.book.transactions import taking_in, writing
from cloud.errors import ConflictError, StoreError
from cloud.sparkplug_outcomes import NodeId
from models.contract.vocabulary import Severity

BOTH_ARE_THERE_S = 10.0


@pytest.fixture
def cloud(tmp_path, book_database):
    with bench(tmp_path / "cloud", book=book_database.url) as made:
        gateway = pump_gateway()
        made.arrive(*gateway.births(made.now_ms))
        made.arrive(gateway.record(alarm(severity=Severity.ALERT), 0))
        yield made


# The same values back


def test_integers_of_64_bits(book_engine):
    values = {"least": -(2**63), "most": 2**63 - 1, "none": 0}
    with Session(book_engine) as session, session.begin():
        session.add_all(Counter(name=name, value=value) for name, value in values.items())
    assert BookReader(book_engine).counters() == values


def test_json_keeps_nothing_apart_from_null(book_engine):
    """A column without JSON is NULL and can be asked for; numbers that are no JSON are null in it."""
    with Session(book_engine) as session, session.begin():
        session.add(_gateway(health={"rss_mb": float("nan"), "dropped": {"ü\0": float("-inf")}, "end_ns": 2**62}))
        session.flush()
        session.add(_machine("a"))
    with Session(book_engine) as session:
        assert session.get(Gateway, GATEWAY).health == {"rss_mb": None, "dropped": {"ü\0": None}, "end_ns": 2**62}
        assert session.scalars(select(Machine.id).where(Machine.maintenance.is_(None))).all() == ["a"]
        assert session.get(Machine, "a").maintenance is None


def test_bytes_and_texts_of_the_world(book_engine):
    every_byte = bytes(range(256))
    with Session(book_engine) as session, session.begin():
        session.add(_garbage("Größe µ 轴承 🛠 %s :x", every_byte))
    with Session(book_engine) as session:
        (row,) = session.scalars(select(Quarantined))
        assert (row.detail, row.payload) == ("Größe µ 轴承 🛠 %s :x", every_byte)


def test_a_sign_that_one_database_refuses_holds_up_no_batch(book_engine):
    with Session(book_engine) as session, session.begin():
        session.add(_garbage("a\0b", b""))
        session.execute(
            insert(Quarantined),
            [
                {"at_ms": 1, "topic": "x\0", "reason": "malformed", "detail": "\0", "size": 0, "payload": b""}
                for _ in range(2)
            ],
        )
    with Session(book_engine) as session:
        assert len(session.scalars(select(Quarantined)).all()) == 3


def test_defaults_of_the_tables_are_there_for_rows_that_do_not_name_them(cloud):
    with cloud.engine.begin() as connection:
        names = [column.name for column in Alarm.__table__.columns if column.name not in {"latched", "id", "family"}]
        listed = ", ".join(f'"{name}"' for name in names)
        connection.execute(
            text(f"INSERT INTO alarm (id, family, {listed}) SELECT 'new', 'other', {listed} FROM alarm")  # noqa: S608
        )
    assert cloud.book.alarm("new").latched is False


def test_a_broken_rule_of_the_tables_is_the_same_error(book_engine):
    with pytest.raises(IntegrityError), Session(book_engine) as session, session.begin():
        session.add_all([Counter(name="a", value=1), Counter(name="a", value=2)])
    with pytest.raises(IntegrityError), Session(book_engine) as session, session.begin():
        session.add(_machine("without a gateway"))
    assert BookReader(book_engine).counters() == {}


def test_what_goes_wrong_is_told_without_statement_and_values(book_engine):
    with pytest.raises(StoreError) as told, writing(book_engine, "the secret") as session:
        session.add_all([Counter(name="hunter2", value=1), Counter(name="hunter2", value=2)])
    assert str(told.value).startswith("the secret was not stored: ")
    assert "hunter2" not in str(told.value)
    assert "INSERT" not in str(told.value)


# One writer at a time


def test_two_people_acknowledge_at_once_and_one_is_told_who_was_first(cloud):
    """Both have asked before either is answered; with two connections of their own."""
    together = threading.Barrier(2, timeout=BOTH_ARE_THERE_S)

    def acknowledge(who):
        together.wait()
        try:
            answer(
                cloud.engine,
                ALARM_ID,
                lambda standing: alarm_desk.acknowledge(standing, who, "", cloud.now_ms),
                what="alarm.acknowledge",
                at_ms=cloud.now_ms,
                detail={},
            )
        except ConflictError as error:
            return str(error)
        return who

    with ThreadPoolExecutor(2) as threads:
        for attempt in range(10):
            told = list(threads.map(acknowledge, ("M. Ruiz", "K. Sato")))
            (first,) = {"M. Ruiz", "K. Sato"} & set(told)
            assert f"this alarm is already acknowledged by {first}" in told
            happened = [entry.what for entry in cloud.book.timeline(ALARM_ID)]
            assert happened.count("acknowledged") == attempt + 1
            assert len(cloud.book.audit(None, 100)) == attempt + 1
            with writing(cloud.engine, "the next attempt") as session:
                session.get(Alarm, ALARM_ID).acknowledged_by = None


def test_who_decides_is_alone_from_the_first_question_on(cloud):
    """Overlap made certain: the second asks while the first has read and not yet written."""
    has_read, may_write, seen = threading.Event(), threading.Event(), []

    def slow(standing):
        has_read.set()
        assert not may_write.wait(0.5)  # nobody gets in meanwhile
        return alarm_desk.acknowledge(standing, "M. Ruiz", "", cloud.now_ms)

    def quick(standing):
        seen.append(standing.acknowledgement)
        may_write.set()
        return alarm_desk.reset(standing, "K. Sato", "", cloud.now_ms)

    def ask(act):
        answer(cloud.engine, ALARM_ID, act, what="alarm.test", at_ms=cloud.now_ms, detail={})

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(ask, slow)
        assert has_read.wait(BOTH_ARE_THERE_S)
        second = threads.submit(ask, quick)
        first.result()
        with pytest.raises(ConflictError):
            second.result()
    assert [one.by for one in seen] == ["M. Ruiz"]


def test_a_report_that_comes_while_somebody_acknowledges_takes_nothing_back(cloud):
    """Ingest read the alarm as unacknowledged; what it writes must not be that."""
    has_begun, told = threading.Event(), alarm(revision=2, severity=Severity.ALERT)

    def acknowledge():
        has_begun.wait(BOTH_ARE_THERE_S)
        answer(
            cloud.engine,
            ALARM_ID,
            lambda standing: alarm_desk.acknowledge(standing, "M. Ruiz", "", cloud.now_ms),
            what="alarm.acknowledge",
            at_ms=cloud.now_ms,
            detail={},
        )

    person = threading.Thread(target=acknowledge)
    person.start()
    with taking_in(cloud.engine, "the report") as session:
        write_alarm(session, StoredAlarm(NodeId("plant", "gateway-1"), told, 77, late=False, received_ms=cloud.now_ms))
        has_begun.set()
        person.join(0.3)
        assert person.is_alive()
    person.join()
    row = cloud.book.alarm(ALARM_ID)
    assert (row.revision, row.acknowledged_by, row.state) == (2, "M. Ruiz", "acknowledged")


def test_readers_wait_for_nobody(cloud):
    with writing(cloud.engine, "something long") as session:
        session.get(Machine, ASSET).display_name = "Feed pump"
        session.flush()
        with ThreadPoolExecutor(1) as threads:
            assert threads.submit(cloud.book.machine, ASSET).result(timeout=2.0).display_name is None


def test_a_decision_that_fails_leaves_nothing(cloud):
    with pytest.raises(ZeroDivisionError), writing(cloud.engine, "half of it") as session:  # noqa: PT012 - one transaction
        session.add(AlarmOccurrence(edge_id="x", occurrence=1, alarm_id=ALARM_ID, since_ms=1, severity="alert"))
        session.get(AlarmOccurrence, ("x", 1)).since_ms //= 0  # a defect between two changes
    with Session(cloud.engine) as session:
        assert session.get(AlarmOccurrence, ("x", 1)) is None


def _gateway(**changes):
    fields = {"id": GATEWAY, "group_name": "plant", "name": "gateway-1", "foreign_node": False, "online": True}
    return Gateway(**(fields | {"first_seen_ms": 1, "last_seen_ms": 1} | changes))


def _machine(machine_id):
    return Machine(
        id=machine_id,
        gateway_id=GATEWAY,
        device="pump-1",
        alive=True,
        channels=[],
        features=[],
        facts={},
        first_seen_ms=1,
    )


def _garbage(detail, payload):
    return Quarantined(at_ms=1, topic="spBv1.0", reason="malformed", detail=detail, size=len(payload), payload=payload)
