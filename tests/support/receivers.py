"""Real receivers of messages on loopback: a mail server and a web server, which accept, refuse, hang, or break off."""

from __future__ import annotations

import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Received:
    """What a receiver got, in order, with the time of its arrival (time.time())."""

    address: str = ""
    port: int = 0
    times_s: list[float] = field(default_factory=list)
    mails: list[Message] = field(default_factory=list)
    posts: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)


@contextmanager
def mail_server(refuse: Callable[[], bool] = lambda: False) -> Iterator[Received]:
    """Run a mail server (RFC 5321, the least of it) that keeps what it gets.

    Args:
        refuse: asked at the end of each mail; True answers 451.
    """
    got = Received()

    class Session(socketserver.StreamRequestHandler):
        def say(self, words: str) -> None:
            self.wfile.write(words.encode() + b"\r\n")

        def handle(self) -> None:
            self.say("220 receiver")
            for raw in self.rfile:
                word = raw.split()[0].upper() if raw.split() else b""
                if word == b"DATA":
                    self.say("354 go on")
                    lines = []
                    for line in self.rfile:
                        if line == b".\r\n":
                            break
                        lines.append(line[1:] if line.startswith(b"..") else line)
                    if refuse():
                        self.say("451 not now")
                        continue
                    got.mails.append(message_from_bytes(b"".join(lines)))
                    got.times_s.append(time.time())
                    self.say("250 kept")
                elif word == b"QUIT":
                    self.say("221 bye")
                    return
                else:
                    self.say("250 receiver")

    with _serving(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Session), got):
        got.address = f"mailto://127.0.0.1:{got.port}?smtp=127.0.0.1&from=pulse@plant.example&to=shift@plant.example"
        yield got


@contextmanager
def web_server(answer: Callable[[int], int | None] = lambda _count: 200, **headers: str) -> Iterator[Received]:
    """Run a web server that keeps what is posted to it.

    Args:
        answer: the status for the n-th request, counted from 1; None hangs until `released`.
        headers: of every answer.
    """
    got = Received()

    class Request(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            got.posts.append(({name.lower(): value for name, value in self.headers.items()}, body))
            got.times_s.append(time.time())
            status = answer(len(got.posts))
            if status is None:
                got.released.wait(30)
                return
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            said = b"no such asset" if status >= 400 else b""
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with _serving(ThreadingHTTPServer(("127.0.0.1", 0), Request), got):
        got.address = f"http://127.0.0.1:{got.port}/orders?token=hunter2"
        yield got


@contextmanager
def _serving(server: socketserver.TCPServer, got: Received) -> Iterator[None]:
    server.daemon_threads = True  # type: ignore[attr-defined]  # of ThreadingMixIn
    got.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="receiver")
    thread.start()
    try:
        yield
    finally:
        got.released.set()
        server.shutdown()
        thread.join()
        server.server_close()
