"""Serves a repository of updates over real HTTP, honestly or as whoever attacks it would."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

Attack = bytes | None | Callable[[BaseHTTPRequestHandler], None]
"""Other content, no such file, or whatever a function does with the request."""


class _Request(BaseHTTPRequestHandler):
    server: UpdateServer

    def do_GET(self):
        name = unquote(self.path.lstrip("/"))
        self.server.asked.append((name, self.headers.get("Range")))
        attack = self.server.attack_on(name)
        if callable(attack):
            with suppress(OSError):
                attack(self)
            return
        data = self.server.honest(name) if isinstance(attack, str) else attack
        if data is None:
            self.send_error(404)
            return
        start = 0
        if (wanted := self.headers.get("Range")) and self.server.takes_ranges:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(data):
                self.send_error(416)
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        with suppress(OSError):
            self.wfile.write(data[start:])

    def date_time_string(self, timestamp=None):
        return super().date_time_string(time.time() + self.server.clock_ahead_s if timestamp is None else timestamp)

    def log_message(self, *_):
        """Tests are quiet."""


class UpdateServer(ThreadingHTTPServer):
    """One mirror of a folder.

    Attributes:
        attacks: by the end of a file's name; empty: an honest mirror.
        asked: names and ranges, in order.
        clock_ahead_s: of what it says the time is.
    """

    # Closing waits for what is still being answered, so that no socket outlives its test.
    daemon_threads = False
    request_queue_size = 64

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Request)
        self.folder = folder
        self.attacks: dict[str, Attack] = {}
        self.asked: list[tuple[str, str | None]] = []
        self.takes_ranges = True
        self.clock_ahead_s = 0.0

    @property
    def address(self) -> str:
        """Return where it is."""
        return f"http://127.0.0.1:{self.server_port}"

    def attack_on(self, name: str) -> Attack | str:
        """Return what is done instead of the honest answer, or that nothing is."""
        return next((attack for end, attack in self.attacks.items() if name.endswith(end)), "honest")

    def honest(self, name: str) -> bytes | None:
        """Return what an honest mirror sends."""
        path = self.folder / name
        return path.read_bytes() if path.is_file() else None

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


def endless(request: BaseHTTPRequestHandler) -> None:
    """Send without an end."""
    request.send_response(200)
    request.end_headers()
    while True:
        request.wfile.write(b"x" * 65_536)


def dripping(request: BaseHTTPRequestHandler) -> None:
    """Send a byte now and then, for longer than anybody waits."""
    request.send_response(200)
    request.send_header("Content-Length", "1000000")
    request.end_headers()
    for _ in range(1000):
        request.wfile.write(b"x")
        time.sleep(0.05)


def dripping_head(request: BaseHTTPRequestHandler) -> None:
    """Never come to the end of the answer's head."""
    for _ in range(1000):
        request.wfile.write(b"H")
        time.sleep(0.05)


def broken_off(data: bytes, after: int) -> Callable[[BaseHTTPRequestHandler], None]:
    """Return an attack that hangs up after so many bytes of what was asked for."""

    def attack(request: BaseHTTPRequestHandler) -> None:
        start = int((request.headers.get("Range") or "bytes=0-").removeprefix("bytes=").removesuffix("-"))
        request.send_response(206 if start else 200)
        if start:
            request.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        request.send_header("Content-Length", str(len(data) - start))
        request.end_headers()
        request.wfile.write(data[start : start + after])

    return attack
