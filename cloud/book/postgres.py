"""The book on a PostgreSQL server: how it is reached, and what its errors mean. The only file that knows the driver.

In order: connect with bounds on every wait, look at the server once, see that a pooled connection still lives before
it is used, and translate what goes wrong. Three things can:

- the server cannot do it now (down, restarting, full, busy, out of reach): `StoreError`, try again;
- the server does not want us (password, database, rights): `BookRefusedError`, which is a `StoreError` while a cloud
  runs, because somebody may be changing the password on both sides, and stops one that starts;
- a statement breaks a rule of the tables: `sqlalchemy.exc.IntegrityError`, as from SQLite.

What is left is a mistake of ours and stays what it is.
"""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import create_engine, event
from sqlalchemy.exc import DisconnectionError, IntegrityError, InvalidRequestError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import QueuePool

from cloud.book.json_text import json_text
from cloud.book.settings import shown
from cloud.errors import BookRefusedError, StoreError
from models.contract.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import URL, Engine
    from sqlalchemy.engine import ExceptionContext
    from sqlalchemy.pool import PoolProxiedConnection

DEFAULT_PORT: Final = 5432

CONNECT_S: Final = 5.0
"""A server in the same plant answers within a second; five times that, while a page still waits for its answer."""

ANSWER_S: Final = 30.0
"""No question of ours takes a second; half a minute without a byte is a network that went away."""

LOCK_MS: Final = 10_000
"""As long as SQLite waits for another writer."""

IDLE_TRANSACTION_MS: Final = 60_000
"""A cloud that froze inside a transaction must not keep everybody else from writing."""

POOL_SIZE: Final = 10
POOL_OVERFLOW: Final = 10
"""HTTP answers in up to 40 threads, a question takes milliseconds; twenty stay well below a server's usual hundred."""

REFUSED: Final = ("28", "3D", "42501")
"""SQLSTATE, or the class it begins with: wrong user or password, no such database, no rights."""

UNAVAILABLE: Final = ("08", "25006", "25P03", "40", "53", "55P03", "57", "58", "72", "F0", "P0001", "XX")
"""Connection lost; a standby; idle too long; deadlock; disk or connections used up; lock not available; shut down."""

BROKEN: Final = ("08", "25P03", "57P")
"""Those after which the connection is of no use."""

INTEGRITY: Final = "23"


def postgres_engine(url: URL, *, patient: bool = False) -> Engine:
    """Return an engine; nothing is connected yet.

    Args:
        url: with its password.
        patient: wait for answers as long as it takes: for migrations.

    Raises:
        ConfigurationError: the driver is not installed, or a certificate cannot be read.
    """
    connect = _connector(url, None if patient else ANSWER_S)
    engine = create_engine(
        url.set(drivername="postgresql+pg8000"),
        creator=connect,
        poolclass=_Pool,
        pool_size=POOL_SIZE,
        max_overflow=POOL_OVERFLOW,
        pool_timeout=LOCK_MS / 1000,
        json_serializer=json_text,
    )
    event.listen(engine, "checkout", _see_that_it_lives)
    event.listen(engine, "handle_error", _translator(shown(url)))
    event.listen(engine, "before_cursor_execute", _without_nul, retval=True)
    return engine


class _Pool(QueuePool):
    """Connections to lend; that none is to be had is a matter of the server, too."""

    def connect(self) -> PoolProxiedConnection:
        try:
            return super().connect()
        except (InvalidRequestError, PoolTimeoutError) as error:
            raise StoreError(f"the book's server gave no connection that lasted ({error})") from error


def _connector(url: URL, answer_s: float | None) -> Callable[[], Any]:
    """Return what opens one connection."""
    try:
        import pg8000.dbapi  # type: ignore[import-untyped]  # it has no stubs
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            "book.url: the driver of PostgreSQL is not installed: pip install 'plantpulse[servers]'"
        ) from error

    class Connection(pg8000.dbapi.Connection):  # type: ignore[misc]  # the driver has no stubs
        """A connection whose end is no error: a broken one cannot say good-bye, and nobody needs to hear of it."""

        def close(self) -> None:
            with suppress(pg8000.Error, OSError):
                super().close()

    address = shown(url)
    place, arguments = _arguments(url)

    def connect() -> Any:
        wire = None
        try:
            # A socket of our own, because the driver has one timeout for connecting and for answers.
            wire = _socket(*place)
            wire.settimeout(answer_s)
            connection = Connection(**arguments, sock=wire)
            cursor = connection.cursor()
            for setting, value in (
                ("lock_timeout", LOCK_MS),
                ("idle_in_transaction_session_timeout", IDLE_TRANSACTION_MS),
                # Whatever the server's default: this is what both databases are made equal to.
                ("default_transaction_isolation", "'read committed'"),
                # An acknowledgement deletes the record on the gateway: a commit has to be on the disk.
                ("synchronous_commit", "on"),
            ):
                cursor.execute(f"SET SESSION {setting} = {value}")
            cursor.close()
            connection.commit()
        except Exception as error:  # the driver lets those of its own libraries through
            if url.password is None and isinstance(error, AttributeError):
                error = PermissionError(0, "it wants a password, and none is given")
            if wire is not None:
                wire.close()
            raise _unreachable(error, address) from error
        return connection

    return connect


def _arguments(url: URL) -> tuple[tuple[str, int], dict[str, Any]]:
    """Return where the server is (host, or directory of its Unix socket, and port), and what the driver is told."""
    query = {name: value if isinstance(value, str) else value[0] for name, value in url.query.items()}
    host = query.get("host") or url.host or "localhost"
    mode = "disable" if host.startswith("/") else query.get("sslmode", "prefer")
    return (host, url.port or DEFAULT_PORT), {
        "user": url.username or "plantpulse",
        "password": None if url.password is None else str(url.password),
        "database": url.database,
        "application_name": "plantpulse",
        # For the name in the server's certificate.
        "host": host,
        "ssl_context": _tls(mode, query.get("sslrootcert")),
    }


def _socket(host: str, port: int) -> socket.socket:
    """Return a connected socket that notices a peer that is gone."""
    if host.startswith("/"):
        wire = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        wire.settimeout(CONNECT_S)
        try:
            wire.connect(f"{host}/.s.PGSQL.{port}")
        except OSError:
            wire.close()
            raise
        return wire
    wire = socket.create_connection((host, port), CONNECT_S)
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    # Questions are small and wait for an answer each.
    wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return wire


def _tls(mode: str, authorities: str | None) -> ssl.SSLContext | bool | None:
    """Return what the driver calls `ssl_context`: None takes what the server offers, False nothing, True insists."""
    if mode in {"disable", "prefer", "require"} and not (mode == "require" and authorities):
        return {"disable": False, "prefer": None, "require": True}[mode]
    try:
        context = ssl.create_default_context(cafile=authorities)
    except OSError as error:
        raise ConfigurationError(f"book.url: sslrootcert {authorities}: cannot be read ({error.strerror})") from error
    # As PostgreSQL's own programs have it: only verify-full compares the name.
    context.check_hostname = mode == "verify-full"
    return context


def _see_that_it_lives(connection: Any, _record: object, _proxy: object) -> None:
    """Have the pool replace a connection that died since it was used last, whatever kind of error tells so."""
    try:
        cursor = connection.cursor()
        cursor.execute("SELECT 1")
        cursor.close()
        connection.rollback()
    except Exception as error:
        raise DisconnectionError from error


def _unreachable(error: Exception, address: str) -> StoreError:
    """Return what a failed connection means."""
    state, words = _told(error)
    if state.startswith(REFUSED) or "password" in words:
        return BookRefusedError(
            f"{address}: the server of the book refuses ({words}): look at user, password (book.password_file) and"
            " database of book.url"
        )
    return StoreError(f"{address}: the book's server cannot be reached ({words})")


def _translator(address: str) -> Callable[[ExceptionContext], Exception | None]:
    """Return what SQLAlchemy asks about every error."""

    def translate(context: ExceptionContext) -> Exception | None:
        error = context.original_exception
        state, words = _told(error)
        if state.startswith(INTEGRITY):
            return IntegrityError(context.statement, None, error, hide_parameters=True)
        # The driver tells of broken connections without a state, or lets the socket's own error through.
        is_broken = state.startswith(BROKEN) if state else isinstance(error, OSError) or _is_of_driver(error)
        if is_broken or state.startswith((*UNAVAILABLE, *REFUSED)):
            context.is_disconnect = is_broken
            kind = BookRefusedError if state.startswith(REFUSED) else StoreError
            return kind(f"{address}: the book's server is not available ({words})")
        return None

    return translate


def _is_of_driver(error: BaseException) -> bool:
    return type(error).__name__ == "InterfaceError" and type(error).__module__.startswith("pg8000")


def _told(error: BaseException) -> tuple[str, str]:
    """Return SQLSTATE, empty if there is none, and a reason in words.

    Source: PostgreSQL, appendix A (error codes) and 55.8 (error and notice message fields).
    """
    fields = error.args[0] if error.args else None
    if isinstance(fields, dict):
        return str(fields.get("C", "")), str(fields.get("M", "no reason given"))
    cause = error if isinstance(error, OSError) else error.__cause__
    if isinstance(cause, OSError):
        return "", cause.strerror or str(cause) or type(cause).__name__
    return "", str(error).split(" (timeout is")[0] or type(error).__name__


def _without_nul(
    _connection: object, _cursor: object, statement: str, parameters: Any, _context: object, executemany: object
) -> tuple[str, Any]:
    """Write U+FFFD for U+0000, which SQLite keeps and PostgreSQL refuses: one sign must not hold up a batch."""
    # Several rows in one statement come as one flat row, and so does what is no "many" at all.
    if executemany and parameters and not isinstance(parameters[0], str | int | float | bytes | bool | None):
        return statement, [_clean(row) for row in parameters]
    return statement, _clean(parameters)


def _clean(row: Any) -> Any:
    if not any(isinstance(value, str) and "\0" in value for value in row):
        return row
    return tuple(value.replace("\0", "\ufffd") if isinstance(value, str) else value for value in row)
