"""Gets files of an update from a cloud over HTTP, or from a folder such as a stick; knows nothing of signatures.

Nothing here trusts the other side: no redirects, no compression, bytes are counted while they arrive, and a watch ends
what comes slower than the least rate, from the first byte of the answer's head on. A download that breaks off stays
beside the place where it belongs and is continued from there, by its hash, whoever serves it next.
"""

from __future__ import annotations

import http.client
import os
import socket
import ssl
import stat
import threading
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, Protocol, Self
from urllib.parse import unquote, urlsplit

from edge_agent.update_errors import EndlessDataError, MissingFileError, SlowRetrievalError, UnreachableError
from models.contract.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from datetime import datetime

CHUNK_BYTES: Final = 65_536
MOST_CONTINUED: Final = 8
"""Times that one call continues a download that breaks off; the next call continues it again."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How patient we are.

    Attributes:
        least_rate_bytes_s: slower is refused; 512 bytes/s is a bad cellular link.
        window_s: over how long the rate is looked at; also how long a silence may last.
        ca_file: the plant's own authority, PEM; without it the system's count.
    """

    least_rate_bytes_s: float = 512.0
    window_s: float = 20.0
    ca_file: Path | None = None


class RangeRefusedError(UnreachableError):
    """The source has no such part of a file."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """A file that arrives.

    Attributes:
        start: of its first byte in the whole file.
        chunks: its bytes as they come.
    """

    start: int
    chunks: Iterator[bytes]


class Source(Protocol):
    """Where files come from.

    Attributes:
        name: as a person wrote it.
        time: what it says the time is, where it says so; nobody vouches for it.
    """

    name: str
    time: datetime | None

    def open(self, path: str, start: int = 0) -> AbstractContextManager[Incoming]:
        """Return a file from `start` on, or from 0 where the source cannot do that.

        Raises:
            MissingFileError: the source lacks it.
            UnreachableError: it does not answer, or breaks off.
            SlowRetrievalError: it is too slow.
        """


def open_source(address: str, limits: Limits) -> Source:
    """Return the source with an address: ``http://…``, ``https://…``, ``file:///…`` or a folder.

    Raises:
        InputError: it is none.
    """
    parts = urlsplit(address)
    if parts.scheme in {"http", "https"}:
        return HttpSource(address, limits)
    path = Path(unquote(parts.path) if parts.scheme == "file" else address)
    if parts.scheme not in {"", "file"} or not path.is_dir():
        raise InputError(f"source {address[:200]}: is no folder and no http address: give where the updates are")
    return FolderSource(address, path)


class HttpSource:
    """A cloud, or a mirror of its files."""

    def __init__(self, address: str, limits: Limits) -> None:
        self.name = address
        self.time: datetime | None = None
        self._limits = limits
        parts = urlsplit(address)
        try:
            self._host, self._port = parts.hostname or "", parts.port
        except ValueError as error:
            raise InputError(f"source {address[:200]}: {error}") from error
        if not self._host:
            raise InputError(f"source {address[:200]}: names no host")
        self._path = parts.path.rstrip("/")
        self._context = _tls(limits.ca_file) if parts.scheme == "https" else None

    @contextmanager
    def open(self, path: str, start: int = 0) -> Iterator[Incoming]:
        """Return a file; see `Source`."""
        connection = self._connection()
        try:
            with _Watch(self._limits) as watch:
                with self._named(watch, path):
                    response = self._asked(connection, watch, path, start)
                with closing(response):
                    yield Incoming(self._start(response, path, start), self._chunks(response, watch, path))
        finally:
            connection.close()

    @contextmanager
    def _named(self, watch: _Watch, path: str) -> Iterator[None]:
        """Say in our words what goes wrong with the connection; what goes wrong with our own disk is none of it."""
        try:
            yield
        except (OSError, http.client.HTTPException, ValueError) as error:
            if watch.is_tripped or isinstance(error, TimeoutError):
                raise SlowRetrievalError(
                    f"{self.name}: less than {self._limits.least_rate_bytes_s:g} bytes/s while {path} was fetched"
                ) from error
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise UnreachableError(f"{self.name}: {path} cannot be fetched ({reason[:200]})") from error

    def _connection(self) -> http.client.HTTPConnection:
        if self._context is None:
            return http.client.HTTPConnection(self._host, self._port, timeout=self._limits.window_s)
        return http.client.HTTPSConnection(self._host, self._port, timeout=self._limits.window_s, context=self._context)

    def _asked(
        self, connection: http.client.HTTPConnection, watch: _Watch, path: str, start: int
    ) -> http.client.HTTPResponse:
        headers = {"Accept-Encoding": "identity", "Connection": "close"}
        if start:
            headers["Range"] = f"bytes={start}-"
        connection.connect()
        watch.begin(connection.sock)
        connection.request("GET", f"{self._path}/{path}", headers=headers)
        response = connection.getresponse()
        with suppress(TypeError, ValueError):
            self.time = parsedate_to_datetime(response.headers["Date"])
        return response

    def _start(self, response: http.client.HTTPResponse, path: str, wanted: int) -> int:
        """Return where in the file an answer begins."""
        match response.status:
            case 200:
                return 0
            case 206 if (response.headers.get("Content-Range") or "").startswith(f"bytes {wanted}-"):
                return wanted
            case 416 if wanted:
                raise RangeRefusedError(f"{self.name}: has no such part of {path}")
            case 403 | 404 | 410:
                raise MissingFileError(f"{self.name}: has no {path}")
            case status:
                raise UnreachableError(f"{self.name}: answers {status} for {path}")

    def _chunks(self, response: http.client.HTTPResponse, watch: _Watch, path: str) -> Iterator[bytes]:
        while True:
            with self._named(watch, path):
                chunk = response.read1(CHUNK_BYTES)
                if not chunk and (watch.is_tripped or response.length):
                    raise ConnectionError(f"breaks off {response.length or 'some'} bytes before the end")
            if not chunk:
                return
            watch.count += len(chunk)
            yield chunk


class _Watch:
    """Shuts a connection whose bytes come too slowly; the blocked reader then fails at once."""

    def __init__(self, limits: Limits) -> None:
        self.count = 0
        self.is_tripped = False
        self._socket: socket.socket | None = None
        self._limits = limits
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look, name="update watch", daemon=True)

    def begin(self, connected: socket.socket) -> None:
        """Look from now on; the connection itself lets go of its socket once the answer begins."""
        self._socket = connected
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        if self._thread.is_alive():
            self._thread.join()
        if self._socket is not None:
            # An answer that broke off in its head still holds it, and nobody gets hold of that answer any more.
            left_open = socket.socket.detach(self._socket)
            if left_open >= 0:
                os.close(left_open)

    def _look(self) -> None:
        before = 0
        while not self._done.wait(self._limits.window_s):
            if self.count - before < self._limits.least_rate_bytes_s * self._limits.window_s:
                self.is_tripped = True
                if self._socket is not None:
                    with suppress(OSError):
                        # Of the socket below TLS, whose own state belongs to the reading thread.
                        socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
                return
            before = self.count


class FolderSource:
    """A copy of the repository in a folder: a stick, a share."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.time: datetime | None = None
        self._folder = folder.resolve()

    @contextmanager
    def open(self, path: str, start: int = 0) -> Iterator[Incoming]:
        """Return a file; see `Source`."""
        with self._named(path):
            place = (self._folder / unquote(path)).resolve()
            if not place.is_relative_to(self._folder):
                raise MissingFileError(f"{self.name}: {path} leads out of the folder")
            # A pipe would wait for ever, a device never end.
            if not stat.S_ISREG(place.stat().st_mode):
                raise MissingFileError(f"{self.name}: {path} is no file")
            file = place.open("rb")
        with file:
            file.seek(start)
            yield Incoming(start, self._chunks(file, path))

    def _chunks(self, file: BinaryIO, path: str) -> Iterator[bytes]:
        while True:
            with self._named(path):
                chunk = file.read(CHUNK_BYTES)
            if not chunk:
                return
            yield chunk

    @contextmanager
    def _named(self, path: str) -> Iterator[None]:
        try:
            yield
        except (FileNotFoundError, NotADirectoryError) as error:
            raise MissingFileError(f"{self.name}: has no {path}") from error
        except (OSError, ValueError, RuntimeError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise UnreachableError(f"{self.name}: {path} cannot be read ({reason})") from error


def download(source: Source, path: str, partial: Path, length: int) -> None:
    """Bring a file of a known length to disk, continuing what is there of it.

    Args:
        source: where from.
        path: of the file there.
        partial: where to; belongs to this content alone. It stays if the source breaks off.
        length: of the whole file, bytes.

    Raises:
        EndlessDataError: more bytes come; what is there is removed.
        MissingFileError, UnreachableError, SlowRetrievalError: see `Source`.
        OSError: our own disk does not take it.
    """
    for _ in range(MOST_CONTINUED):
        before = partial.stat().st_size if partial.exists() else 0
        if before == length:
            return
        try:
            _continue(source, path, partial, before if before < length else 0, length)
        except MissingFileError:
            raise
        except RangeRefusedError:
            # What is there is longer than what the source has, so it is of no use.
            partial.unlink(missing_ok=True)
        except UnreachableError:
            if not partial.exists() or partial.stat().st_size <= before:
                raise
    if not partial.exists() or partial.stat().st_size != length:
        raise UnreachableError(f"{source.name}: {path} breaks off again and again; what arrived is kept")


def _continue(source: Source, path: str, partial: Path, start: int, length: int) -> None:
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT, 0o600)
    with os.fdopen(handle, "wb") as file, source.open(path, start) as incoming:
        file.truncate(incoming.start)
        size = file.seek(incoming.start)
        for chunk in incoming.chunks:
            size += len(chunk)
            if size > length:
                partial.unlink(missing_ok=True)
                raise EndlessDataError(f"{source.name}: {path} has more than the {length} bytes that were signed")
            # Through to the system at once: what arrived stays when this process is ended.
            file.write(chunk)
            file.flush()
        if size < length:
            raise UnreachableError(f"{source.name}: {path} ends after {size} of {length} bytes")
        os.fsync(file.fileno())


def _tls(ca_file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:  # ssl.SSLError is one of them
        raise InputError(
            f"ca_file {ca_file}: cannot be used ({error.strerror or error}): give certificates as PEM"
        ) from error
