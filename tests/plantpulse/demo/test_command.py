"""The command as people and scripts call it, with real processes."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from plantpulse.command_line import main


def free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    numbers = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return numbers


@pytest.fixture
def ports() -> list[str]:
    http, mqtt = free_ports(2)
    return ["--http-port", str(http), "--mqtt-port", str(mqtt)]


@pytest.fixture
def only_temporary(tmp_path: Path) -> Iterator[Path]:
    """Give a folder for temporary files that must be empty again afterwards."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    yield folder
    assert list(folder.iterdir()) == []


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--http-port", "0"], "1 to 65535"),
        (["--seed", "x"], "seed"),
        (["--timeout", "-1"], "above 0"),
    ],
)
def test_bad_arguments_are_refused_by_the_parser(
    words: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as refused:
        main(["demo", *words])
    assert refused.value.code == 2
    assert says in capsys.readouterr().err


def one_line(capsys: pytest.CaptureFixture[str]) -> str:
    complaint = capsys.readouterr().err
    assert complaint.count("\n") == 1
    return complaint


def test_a_busy_port_that_was_asked_for_is_one_line_and_2(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        assert main(["demo", "--http-port", str(port)]) == 2
    complaint = one_line(capsys)
    assert str(port) in complaint
    assert "--http-port" in complaint


def test_a_data_directory_that_is_a_file_is_one_line_and_2(
    tmp_path: Path, ports: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert main(["demo", "--data-dir", str(tmp_path / "file"), *ports]) == 2
    assert "--data-dir" in one_line(capsys)


def test_a_folder_without_recordings_is_one_line_and_2(
    tmp_path: Path, ports: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo", "--recordings", str(tmp_path), *ports]) == 2
    assert "no recordings" in one_line(capsys)


def test_the_control_is_about_the_simulated_plant(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--recordings", str(tmp_path), "--healthy"]) == 2
    assert "--healthy" in one_line(capsys)


def test_a_short_run_prints_seed_address_and_one_json_line_and_leaves_nothing(
    ports: list[str], only_temporary: Path
) -> None:
    words = [sys.executable, "-m", "plantpulse", "demo", "--seed", "4", "--timeout", "12", "--json", *ports]
    ran = subprocess.run(
        words,
        capture_output=True,
        text=True,
        timeout=90,
        env={**os.environ, "TMPDIR": str(only_temporary)},
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr.splitlines()[0] == "seed 4"
    assert f"http://127.0.0.1:{ports[1]}" in ran.stderr
    (line,) = ran.stdout.splitlines()
    said = json.loads(line)
    assert set(said) == {"alarms", "raw_bytes", "sent_bytes", "windows", "replayed_bytes", "seconds", "seed"}
    assert said["seed"] == 4
    assert said["alarms"] == []
    assert said["windows"] > 0
    # Ten times real time for a few seconds, nine channels of 25.6 kHz in 16 bits.
    assert said["raw_bytes"] > 1_000_000
    assert 0 < said["sent_bytes"] < said["raw_bytes"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_within_seconds_with_all_its_processes(
    number: signal.Signals, ports: list[str], only_temporary: Path
) -> None:
    words = [sys.executable, "-m", "plantpulse", "demo", "--seed", "4", *ports]
    with subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "TMPDIR": str(only_temporary)},
    ) as demo:
        deadline = time.monotonic() + 60.0
        while len(children_of(demo.pid)) < 3:
            assert time.monotonic() < deadline
            assert demo.poll() is None
            time.sleep(0.2)
        time.sleep(2.0)
        children = children_of(demo.pid)
        demo.send_signal(number)
        said, _ = demo.communicate(timeout=20)
    assert demo.returncode == 0, said
    assert "Traceback" not in said
    assert not any(Path(f"/proc/{child}").exists() for child in children)
