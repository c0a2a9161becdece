"""A cloud that is not there, or is killed while it answers, is no error of the demo."""

from __future__ import annotations

import socket
import threading

import pytest

from plantpulse.demo.cloud_reader import CloudReader


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 1394\r\n\r\n", id="no body"),
        pytest.param(b'HTTP/1.1 200 OK\r\nContent-Length: 1394\r\n\r\n{"items": [', id="half a body"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", id="another body"),
        pytest.param(b"no HTTP at all\r\n\r\n", id="no HTTP"),
    ],
)
def test_an_answer_that_breaks_off_is_none(said):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer():
            for _ in range(2):
                with server.accept()[0] as connection:
                    connection.recv(4096)
                    connection.sendall(said)

        threading.Thread(target=answer, daemon=True).start()
        port = server.getsockname()[1]
        assert CloudReader(f"http://127.0.0.1:{port}").plant() is None


def test_a_cloud_that_is_not_there_is_none():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert CloudReader(f"http://127.0.0.1:{port}").plant() is None
