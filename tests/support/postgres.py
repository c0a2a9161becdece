"""A real PostgreSQL in a directory of its own, one for a whole run, and a book in it for each test.

`postgres_server` starts it once: superuser "plantpulse" with a password, on loopback and on a Unix socket. Books are
copies of a migrated template, because migrating takes longer than a test. That server does without fsync: its tests
ask whether both databases mean the same, and a database per test would be a hundred waits for the disk. Tests of
crashes run a server of their own, as in a plant (`running_postgres(durable=True)`).
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import URL, Engine, create_engine, text

from cloud.book.opening import book_url, open_book

PASSWORD = "a: p@ss/word%41"  # noqa: S105 - of a server that lives as long as the tests; every sign is a trap of addresses
TEMPLATE = "book_template"


def _programs() -> Path:
    """Return where the newest installed server's programs are; Debian keeps them out of the path."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("initdb")
    return found[-1].parent if found else Path(on_path or "initdb").parent


class PostgresServer:
    """One server; `restart` ends it as a crash does and starts it again on the same port."""

    def __init__(self, port: int, *, durable: bool) -> None:
        """Make the cluster; `start` runs it."""
        self.port = port
        # Not under pytest's own directory: only its owner may enter that, and the server refuses to be root.
        self.directory = Path(tempfile.mkdtemp(prefix="plantpulse-postgres-"))
        self._user = "postgres" if os.geteuid() == 0 else None
        password = self.directory / "password"
        password.write_text(PASSWORD, encoding="utf-8")
        if self._user:
            owner = pwd.getpwnam(self._user)
            for path in (self.directory, password):
                os.chown(path, owner.pw_uid, owner.pw_gid)
        self._data = self.directory / "data"
        self._run(
            *("initdb", "-D", str(self._data), "-U", "plantpulse", "--pwfile", str(password), "-A", "scram-sha-256"),
            # As in plants, a letter is a letter also beyond A to Z; and the order is the same everywhere.
            *("-E", "UTF8", "--locale", "C.UTF-8"),
        )
        with (self._data / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write(
                f"port = {port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = '{self.directory}'\n"
                "shared_buffers = 64MB\nmax_connections = 60\nlog_min_messages = fatal\n"
                f"fsync = {'on' if durable else 'off'}\n"
            )

    def start(self) -> None:
        """Start and wait until connections are accepted."""
        self._run("pg_ctl", "-D", str(self._data), "-l", str(self.directory / "log"), "-w", "-t", "60", "start")

    def stop(self, how: str = "fast") -> None:
        """Stop: `fast` says good-bye, `immediate` is a crash that recovers at the next start."""
        with contextlib.suppress(subprocess.CalledProcessError):
            self._run("pg_ctl", "-D", str(self._data), "-m", how, "-w", "stop")

    def restart(self, how: str = "immediate") -> None:
        """Restart on the same port."""
        self._run(
            *(
                "pg_ctl",
                "-D",
                str(self._data),
                "-l",
                str(self.directory / "log"),
                "-m",
                how,
                "-w",
                "-t",
                "60",
                "restart",
            )
        )

    def url(self, database: str) -> URL:
        """Return the address of a database, password included."""
        return URL.create("postgresql", "plantpulse", PASSWORD, "127.0.0.1", self.port, database)

    def execute(self, *statements: str) -> None:
        """Run statements that cannot be in a transaction."""
        engine = create_engine(self.url("postgres").set(drivername="postgresql+pg8000"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            for statement in statements:
                connection.execute(text(statement))
        engine.dispose()

    def _run(self, program: str, *arguments: str) -> None:
        # Its output goes to a file: a started server would keep a pipe open for ever.
        with tempfile.TemporaryFile() as output:
            finished = subprocess.run(
                [str(_programs() / program), *arguments],
                stdout=output,
                stderr=output,
                user=self._user,
                group=self._user,
                extra_groups=[] if self._user else None,
                cwd=self.directory,
                env=os.environ | {"LC_ALL": "C"},
                check=False,
            )
            if finished.returncode != 0:
                output.seek(0)
                raise RuntimeError(f"{program}: {output.read().decode(errors='replace')}")


@contextlib.contextmanager
def running_postgres(*, durable: bool) -> Iterator[PostgresServer]:
    """Run a server of one's own."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    server = PostgresServer(port, durable=durable)
    try:
        server.start()
        yield server
    finally:
        server.stop("immediate")
        shutil.rmtree(server.directory, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """Return the server of this run, with a migrated and empty book to copy."""
    with running_postgres(durable=False) as server:
        server.execute(f"CREATE DATABASE {TEMPLATE}")
        open_book(server.url(TEMPLATE)).dispose()
        yield server


@dataclass(frozen=True, slots=True)
class BookDatabase:
    """An empty, migrated book of one test; `url` is None for SQLite in the cloud's own directory."""

    name: str
    url: URL | None
    server: PostgresServer | None


_NUMBERS = count(1)


@contextlib.contextmanager
def postgres_book(server: PostgresServer, template: str = TEMPLATE) -> Iterator[BookDatabase]:
    """Copy a template for one test."""
    name = f"book_{next(_NUMBERS)}"
    server.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    try:
        yield BookDatabase("postgresql", server.url(name), server)
    finally:
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.needs("postgresql"))])
def book_database(request: pytest.FixtureRequest) -> Iterator[BookDatabase]:
    """Return an empty book, once in each database: what holds for one holds for the other."""
    if request.param == "sqlite":
        yield BookDatabase("sqlite", None, None)
        return
    with postgres_book(request.getfixturevalue("postgres_server")) as database:
        yield database


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.needs("postgresql"))])
def empty_address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[URL]:
    """Return the address of a database without tables, once of each kind."""
    if request.param == "sqlite":
        yield URL.create("sqlite", database=str(tmp_path / "book.sqlite"))
        return
    with postgres_book(request.getfixturevalue("postgres_server"), "template1") as database:
        assert database.url is not None
        yield database.url


@pytest.fixture
def book_engine(book_database: BookDatabase, tmp_path: Path) -> Iterator[Engine]:
    """Return an engine on an empty book, once in each database."""
    engine = open_book(book_database.url or book_url(tmp_path / "book.sqlite"))
    yield engine
    engine.dispose()
