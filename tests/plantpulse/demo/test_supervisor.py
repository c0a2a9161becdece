"""Real processes: what is killed comes back, what is stopped stays away, what cannot live is given up."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from plantpulse.demo.supervisor import ChildError, Supervisor


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    one = Supervisor(tmp_path)
    yield one
    one.stop()


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
    except OSError:
        return False
    return True


def wait_for(what: Callable[[], object], timeout_s: float = 20.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not what():
        assert time.monotonic() < deadline, "nothing came of it in time"
        time.sleep(0.05)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] != "Z"


def test_a_killed_process_is_started_again_and_told_of_once(supervisor: Supervisor, free_port: int) -> None:
    child = supervisor.start("broker", ["broker", "--port", str(free_port)])
    wait_for(lambda: answers(free_port))
    first = child.process.pid
    os.kill(first, signal.SIGKILL)
    died: list[str] = []
    wait_for(lambda: died.extend(supervisor.check()) or (child.process and child.process.pid != first))
    assert died == ["broker"]
    assert child.restarts == 1
    wait_for(lambda: answers(free_port))


def test_stopping_leaves_nothing_behind(supervisor: Supervisor, free_port: int) -> None:
    child = supervisor.start("broker", ["broker", "--port", str(free_port)])
    wait_for(lambda: answers(free_port))
    pid = child.process.pid
    started = time.monotonic()
    supervisor.stop()
    assert time.monotonic() - started < 8.0
    assert not is_running(pid)
    assert not answers(free_port)


def test_what_cannot_live_is_given_up_with_its_last_words(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.start("cloud", ["cloud", "serve", "--config", str(tmp_path / "nowhere.toml")])

    def check_for_ever() -> None:
        deadline = time.monotonic() + 60.0
        while time.monotonic() < deadline:
            supervisor.check()
            time.sleep(0.1)

    with pytest.raises(ChildError, match=r"cloud does not stay alive.*nowhere\.toml"):
        check_for_ever()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel's parent-death signal is Linux's")
def test_a_killed_demo_takes_its_processes_with_it(tmp_path: Path, free_port: int) -> None:
    code = (
        "import sys, time; from pathlib import Path; from plantpulse.demo.supervisor import Supervisor;"
        f"s = Supervisor(Path({str(tmp_path)!r})); c = s.start('broker', ['broker', '--port', '{free_port}']);"
        "print(c.process.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        pid = int(parent.stdout.readline())
        wait_for(lambda: answers(free_port))
        parent.kill()
    wait_for(lambda: not is_running(pid), timeout_s=10.0)
