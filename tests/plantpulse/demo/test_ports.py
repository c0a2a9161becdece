from __future__ import annotations

import socket

import pytest

from plantpulse.demo.ports import PortBusyError, pick_port


@pytest.fixture
def busy_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield int(listener.getsockname()[1])


def test_an_asked_port_is_taken_as_it_is(free_port: int) -> None:
    assert pick_port(free_port, 8080, "--http-port") == (free_port, None)


def test_an_asked_port_that_is_busy_is_an_error_that_names_port_and_flag(busy_port: int) -> None:
    with pytest.raises(PortBusyError, match=rf"port {busy_port} .*--http-port") as refused:
        pick_port(busy_port, 8080, "--http-port")
    assert "\n" not in str(refused.value)


def test_the_usual_port_gives_way_to_a_free_one_and_says_so(busy_port: int) -> None:
    picked = pick_port(None, busy_port, "--mqtt-port")
    assert picked.number != busy_port
    assert picked.note is not None
    assert str(busy_port) in picked.note
    assert "--mqtt-port" in picked.note
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", picked.number))
