"""A server that goes away at the worst moment: nothing lost or doubled, people told, on as soon as it is back."""

from __future__ import annotations

import queue
import socket
import threading
import time
from collections import Counter
from contextlib import contextmanager, suppress

import pytest
from sqlalchemy import URL, event, text
from support.cloud_bench import GATEWAY, NOW_MS, bench, pump_gateway
from support.contract_examples import START_NS, alarm, summary
from support.postgres import TEMPLATE, postgres_book, running_postgres

from cloud.book import postgres
from cloud.book.opening import book_engine, open_book, prepare_book
from cloud.book.reading import BookReader
from cloud.book.settings import BookSettings, book_address, shown
from cloud.book.transactions import writing
from cloud.errors import BookAddressError, BookRefusedError, StoreError
from cloud.ingest import Surroundings, run_ingest
from cloud.planning import Message
from models.contract.errors import ConfigurationError
from models.contract.vocabulary import Severity

pytestmark = pytest.mark.needs("postgresql")

MINUTE_NS = 60_000_000_000


@pytest.fixture(scope="module")
def plant():
    """Return a server as in a plant, fsync included, that tests may crash."""
    with running_postgres(durable=True) as server:
        server.execute(f"CREATE DATABASE {TEMPLATE}")
        open_book(server.url(TEMPLATE)).dispose()
        yield server


@pytest.fixture
def address(plant):
    with postgres_book(plant) as database:
        yield database.url


# What it promises to keep


def test_a_commit_is_on_the_disk(address):
    engine = open_book(address)
    with engine.connect() as connection:
        settings = {
            name: connection.execute(text(f"SHOW {name}")).scalar()
            for name in ("fsync", "synchronous_commit", "transaction_isolation", "lock_timeout")
        }
    engine.dispose()
    assert settings == {
        "fsync": "on",
        "synchronous_commit": "on",
        "transaction_isolation": "read committed",
        "lock_timeout": "10s",
    }


def test_a_crash_in_the_middle_of_ingest_loses_and_doubles_nothing(tmp_path, plant, address):
    """`pg_ctl restart -m immediate` while records come; what is acknowledged is what is stored, once."""
    minutes, crashes = 150, 2
    gateway = pump_gateway()
    inbox, stop, sent = queue.Queue(), threading.Event(), []

    def feed():
        for number in range(minutes):
            end_ns = START_NS + number * MINUTE_NS
            report = alarm(revision=number + 1, severity=Severity.ALERT, end_ns=end_ns)
            _put(inbox, gateway.record(report if number % 4 == 0 else summary(start_ns=end_ns), number))
            time.sleep(0.01)

    with bench(tmp_path, book=address) as cloud:
        _put(inbox, *gateway.births(NOW_MS))
        around = Surroundings(inbox, sent.append, lambda _: None, _now_ms, time.monotonic, stop, 1.0)
        threads = [
            threading.Thread(target=feed),
            threading.Thread(target=run_ingest, args=(cloud.ingest, cloud.status, around)),
        ]
        for thread in threads:
            thread.start()
        try:
            for crash in range(crashes):
                _until(lambda crash=crash: len(_acknowledged(cloud, gateway, sent)) > 20 * crash)
                plant.restart("immediate")
            _until(lambda: len(_acknowledged(cloud, gateway, sent)) == minutes)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        known = cloud.book.gateway(GATEWAY)
        assert (known.records_stored, known.records_duplicate, known.quarantined) == (minutes, 0, 0)
        with cloud.engine.connect() as connection:
            assert connection.execute(text("SELECT count(*) FROM alarm_report")).scalar() == -(-minutes // 4)
            assert connection.execute(text("SELECT first, last FROM received")).all() == [(1, minutes)]
        assert cloud.trends._query("SELECT count(*) FROM summary") == [(minutes - -(-minutes // 4),)]
        assert cloud.status.store_problem is None


def test_a_batch_that_was_stored_without_a_word_is_not_stored_again(tmp_path, plant, address):
    """The server commits and the connection breaks before it can say so: nobody knows, until it is asked again."""
    with _deaf_to_commits(plant.port) as wire:
        gateway = pump_gateway()
        with bench(tmp_path, book=address.set(port=wire.port)) as cloud:
            cloud.arrive(*gateway.births(NOW_MS))
            garbage = Message("spBv1.0/plant/NOTHING/gateway-1", b"x", retained=False, received_ms=NOW_MS)
            records = [gateway.record(summary(), 0), gateway.record(alarm(), 0)]
            arrivals = [Message(one.topic, one.payload, retained=False, received_ms=NOW_MS) for one in records]
            batch = cloud.ingest.plan([*arrivals, garbage], NOW_MS)
            wire.deaf.set()
            with pytest.raises(StoreError, match="not available"):
                cloud.ingest.store(batch)
            assert wire.swallowed == 1
            assert cloud.ingest.commands(batch, NOW_MS + 1_000) == []
            changes = cloud.ingest.store(batch)
            cloud.commands = cloud.ingest.commands(batch, NOW_MS + 1_000)
            assert cloud.acknowledged(gateway).bounds == ((1, 2),)
            assert Counter(change.subject.value for change in changes)["alarm"] == 1
            known = cloud.book.gateway(GATEWAY)
            assert (known.records_stored, known.records_duplicate) == (2, 0)
            with cloud.engine.connect() as connection:
                assert connection.execute(text("SELECT count(*) FROM quarantine")).scalar() == 1


def test_a_batch_that_was_not_stored_is_stored_at_the_next_try(tmp_path, plant, address):
    """The connection breaks before the commit: the same error, the other answer."""
    gateway = pump_gateway()
    with bench(tmp_path, book=address) as cloud:
        cloud.arrive(*gateway.births(NOW_MS))
        sent = gateway.record(summary(), 0)
        message = Message(sent.topic, sent.payload, retained=False, received_ms=NOW_MS)
        batch = cloud.ingest.plan([message], NOW_MS)

        event.listen(cloud.engine, "commit", lambda _connection: plant.restart("immediate"), once=True)
        with pytest.raises(StoreError):
            cloud.ingest.store(batch)
        assert cloud.book.gateway(GATEWAY).records_stored == 0
        cloud.ingest.store(batch)
        assert cloud.book.gateway(GATEWAY).records_stored == 1


# What people are told


def test_a_server_that_is_down_is_a_problem_until_it_is_back(plant, address):
    engine = open_book(address)
    reader = BookReader(engine)
    assert reader.machines() == []
    plant.stop("immediate")
    try:
        with pytest.raises(StoreError, match="Connection refused"):
            reader.machines()
        with (
            pytest.raises(StoreError, match=r"the answer was not stored: .*Connection refused"),
            writing(engine, "the answer"),
        ):
            pass
        with pytest.raises(StoreError, match="Connection refused"):
            open_book(address)
    finally:
        plant.start()
    # With the same engine: connections that died are replaced, not shown to anybody.
    assert [reader.machines() for _ in range(5)] == [[]] * 5
    engine.dispose()


def test_connections_that_died_meanwhile_are_replaced_before_somebody_gets_one(plant, address):
    engine = open_book(address)
    kept = [engine.connect() for _ in range(4)]
    for connection in kept:
        connection.close()
    plant.restart("immediate")
    for _ in range(4):
        assert BookReader(engine).machines() == []
    engine.dispose()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"password": "wrong-and-secret"}, "password authentication failed"),
        ({"password": None}, "it wants a password"),
        ({"username": "nobody"}, "password authentication failed"),
        ({"database": "nowhere"}, "does not exist"),
    ],
)
def test_a_server_that_refuses_stops_a_start_and_names_no_password(address, change, words):
    refused = address._replace(**change)
    with pytest.raises(BookAddressError, match=words) as told:
        open_book(refused)
    with pytest.raises(BookRefusedError, match=words), book_engine(refused).connect():
        pass
    for secret in ("wrong-and-secret", str(address.password)):
        assert secret not in str(told.value) + repr(book_engine(refused)) + shown(refused)


def test_a_password_that_is_changed_while_a_cloud_runs_is_a_problem_and_no_end(plant, address):
    plant.execute("CREATE ROLE other LOGIN SUPERUSER PASSWORD 'old'")
    engine = open_book(address.set(username="other", password="old"))  # noqa: S106 - of this test
    plant.execute("ALTER ROLE other PASSWORD 'new'")
    engine.dispose()
    with pytest.raises(StoreError, match="refuses"):
        BookReader(engine).machines()
    plant.execute("ALTER ROLE other PASSWORD 'old'")
    assert BookReader(engine).machines() == []
    engine.dispose()


def test_a_server_that_keeps_other_text_is_refused(plant, address):
    plant.execute("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    with pytest.raises(BookAddressError, match="LATIN1"):
        open_book(address.set(database="latin"))


def test_a_disk_that_is_full_and_a_standby_are_problems_that_pass(address):
    engine = open_book(address)
    for state in ("53100", "25006", "57P03", "40P01", "55P03"):
        with pytest.raises(StoreError), engine.connect() as connection:
            connection.exec_driver_sql(f"DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{state}'; END $$")
    assert BookReader(engine).machines() == []
    engine.dispose()


def test_who_waits_too_long_for_another_writer_is_told(monkeypatch, address):
    monkeypatch.setattr(postgres, "LOCK_MS", 100)
    engine = open_book(address)
    with (
        writing(engine, "something long"),
        pytest.raises(StoreError, match=r"the answer was not stored: .*lock timeout"),
        writing(engine, "the answer"),
    ):
        pass
    engine.dispose()


def test_a_server_that_does_not_answer_at_the_start_is_tried_again(plant, address):
    plant.stop("fast")
    engine = book_engine(address)
    with pytest.raises(StoreError):
        prepare_book(engine)
    plant.start()
    prepare_book(engine)
    engine.dispose()


# How it is told where the server is


def test_a_unix_socket(plant, address):
    engine = open_book(address._replace(host=None, query={"host": str(plant.directory)}))
    assert BookReader(engine).machines() == []
    engine.dispose()


def test_a_server_without_tls_is_not_spoken_to_where_tls_is_asked_for(address):
    for mode in ("require", "verify-full"):
        with pytest.raises(StoreError, match="refuses SSL"):
            open_book(address.set(query={"sslmode": mode}))


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgresql://u:hunter2@h/d?sslmod=require", "did you mean 'sslmode'"),
        ("postgresql://u:hunter2@h/d?sslmode=maybe", "verify-full"),
        ("mysql://u:hunter2@h/d", "no address of a PostgreSQL database"),
        ("postgresql://u:hunter2@h", "names no database"),
        ("postgresql://u:hunter2@h:port/d", "cannot be read"),
        ("", "cannot be read"),
    ],
)
def test_an_address_that_cannot_be_is_refused_without_being_repeated(url, words):
    with pytest.raises(ValueError, match=words) as told:
        BookSettings(url=url)
    assert "hunter2" not in str(told.value)


def test_where_the_password_comes_from(monkeypatch, tmp_path):
    file = tmp_path / "password"
    file.write_text("from the file\n", encoding="utf-8")
    url = "postgresql://plant:inside@db/book"
    assert book_address(BookSettings(url=url), tmp_path).password == "inside"  # noqa: S105 - a word
    monkeypatch.setenv("PLANTPULSE_BOOK_PASSWORD", "around")
    assert book_address(BookSettings(url=url), tmp_path).password == "around"  # noqa: S105 - a word
    settings = BookSettings(url=url, password_file=file)
    assert book_address(settings, tmp_path).password == "from the file"  # noqa: S105 - a word
    file.write_text("", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="one line"):
        book_address(settings, tmp_path)
    file.unlink()
    with pytest.raises(ConfigurationError, match="cannot be read"):
        book_address(settings, tmp_path)


def test_without_an_address_the_book_is_a_file_in_the_data_directory(tmp_path):
    assert book_address(BookSettings(), tmp_path) == URL.create("sqlite", database=str(tmp_path / "book.sqlite"))


def _now_ms():
    return NOW_MS + int(time.monotonic() * 1000)


def _put(inbox, *sent):
    for one in sent:
        inbox.put(Message(one.topic, one.payload, retained=False, received_ms=NOW_MS))


def _acknowledged(cloud, gateway, sent):
    cloud.commands = list(sent)
    return cloud.acknowledged(gateway)


def _until(condition, seconds=60.0):
    deadline_s = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline_s:
            raise TimeoutError
        time.sleep(0.05)


class _Wire:
    """A wire to the server that can swallow the answer to one commit and break."""

    def __init__(self, to_port):
        self.to_port = to_port
        self.deaf = threading.Event()
        self.swallowed = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]

    def run(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.to_port))
            committing = threading.Event()
            for source, target, is_client in ((client, server, True), (server, client, False)):
                pump = threading.Thread(target=self._pump, args=(source, target, committing, is_client), daemon=True)
                pump.start()

    def _pump(self, source, target, committing, is_client):
        try:
            while data := source.recv(65_536):
                if is_client and self.deaf.is_set() and b"commit" in data.lower():
                    committing.set()
                elif not is_client and committing.is_set():
                    self.deaf.clear()
                    self.swallowed += 1
                    break
                target.sendall(data)
        except OSError:
            pass
        for one in (source, target):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


@contextmanager
def _deaf_to_commits(port):
    wire = _Wire(port)
    thread = threading.Thread(target=wire.run, daemon=True)
    thread.start()
    try:
        yield wire
    finally:
        wire.listener.shutdown(socket.SHUT_RDWR)
        wire.listener.close()
        thread.join()
