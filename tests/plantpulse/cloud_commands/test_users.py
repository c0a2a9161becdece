"""`plantpulse cloud users` and `audit verify` as people and scripts call them."""

from __future__ import annotations

import io
import json
import os
import pty
import sqlite3
import subprocess
import sys
import time

import pytest

from plantpulse.command_line import main

PASSWORD = "correct horse battery"  # noqa: S105 - of a person made up


@pytest.fixture
def configuration(tmp_path):
    path = tmp_path / "cloud.toml"
    path.write_text('[cloud]\ndata_dir = "data"\n', encoding="utf-8")
    return path


@pytest.fixture
def cloud(configuration, monkeypatch, capsys):
    """Call a sub-command; return exit code, standard output and standard error."""

    def call(*words, typed=""):
        monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
        try:
            code = main(["cloud", *words, "--config", str(configuration)])
        except SystemExit as ended:
            code = ended.code
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def _one_line(result, *facts):
    code, _, complaint = result
    assert (code, complaint.count("\n")) == (2, 1), complaint
    for fact in facts:
        assert fact in complaint


def test_the_first_admin_and_others(cloud):
    assert "nobody yet" in cloud("users", "list")[1]
    assert cloud("users", "add", "M. Ruiz", "--role", "admin", typed=f"{PASSWORD}\n") == (0, "M. Ruiz: added\n", "")
    words = ("users", "add", "A. Keller", "--role", "technician", "--site", "press", "--site", "paint", "--json")
    code, said, _ = cloud(*words, typed=f"{PASSWORD}\n")
    assert (code, json.loads(said)["roles"]) == (0, {"press": "technician", "paint": "technician"})
    assert cloud("users", "role", "A. Keller", "--role", "viewer", "--site", "foundry", "--add")[0] == 0
    assert cloud("users", "password", "A. Keller", typed="another password\n")[0] == 0
    assert cloud("users", "disable", "A. Keller")[0] == 0
    listed = json.loads(cloud("users", "list", "--json")[1])["users"]
    assert [(one["name"], one["disabled"], len(one["roles"])) for one in listed] == [
        ("A. Keller", True, 3),
        ("M. Ruiz", False, 1),
    ]
    assert "technician at press" in cloud("users", "list")[1]
    assert cloud("users", "enable", "A. Keller")[0] == 0
    assert cloud("users", "remove", "A. Keller")[0] == 0
    assert cloud("audit", "verify")[1].startswith("the audit log holds: 7 rows")


def test_mistakes_are_one_line(cloud):
    _one_line(cloud("users", "add", "A. Keller", "--role", "techncian", typed=PASSWORD), "did you mean 'technician'")
    _one_line(cloud("users", "add", "A. Keller", "--role", "viewer", typed="short\n"), "12 to 256")
    _one_line(cloud("users", "add", "A. Keller", "--role", "viewer", typed=""), "no password")
    _one_line(cloud("users", "add", "clock", "--role", "viewer", typed=PASSWORD), "no person")
    _one_line(cloud("users", "add", "A. Keller", "--role", "viewer", "--password", PASSWORD), "unrecognized")
    assert cloud("users", "password", "Nobody", typed=PASSWORD)[0] == 1


def test_the_last_admin_stays(cloud):
    cloud("users", "add", "M. Ruiz", "--role", "admin", typed=PASSWORD)
    for words in (("disable", "M. Ruiz"), ("remove", "M. Ruiz"), ("role", "M. Ruiz", "--role", "ops")):
        code, _, complaint = cloud("users", *words)
        assert (code, "must be left" in complaint) == (1, True)


def test_a_terminal_asks_twice_and_shows_nothing(configuration):
    """Through a real terminal: what is typed is not echoed, and two different words change nothing."""

    def add(*typed):
        ours, theirs = pty.openpty()
        words = [sys.executable, "-m", "plantpulse", "cloud", "users", "add", "T. Typist", "--role", "viewer"]
        with subprocess.Popen(
            [*words, "--config", str(configuration)],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=_take_terminal,  # noqa: PLW1509 - the test has one thread
        ) as process:
            os.close(theirs)
            shown = b""
            for word in typed:
                while not shown.rstrip().endswith(b":"):
                    shown += os.read(ours, 1_000)
                time.sleep(0.1)  # until the echo is off
                os.write(ours, word.encode() + b"\n")
                shown += os.read(ours, 1_000)
            code = process.wait(30)
        os.close(ours)
        return code, shown

    code, shown = add(PASSWORD, PASSWORD + "x")
    assert code == 2
    assert PASSWORD.encode() not in shown
    code, shown = add(PASSWORD, PASSWORD)
    assert code == 0
    assert PASSWORD.encode() not in shown


def _take_terminal():
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def _tamper(configuration, statement):
    book = sqlite3.connect(configuration.parent / "data" / "book.sqlite")
    book.executescript(f"DROP TRIGGER audit_no_update; DROP TRIGGER audit_no_delete; {statement};")
    book.close()


@pytest.mark.parametrize(
    ("statement", "row"),
    [
        ("UPDATE audit SET who = 'somebody else' WHERE key = 2", 2),
        ("DELETE FROM audit WHERE key = 1", 1),
        ("DELETE FROM audit WHERE key = 3", 3),
    ],
)
def test_verify_names_the_first_row_that_was_touched(cloud, configuration, statement, row):
    cloud("users", "add", "M. Ruiz", "--role", "admin", typed=PASSWORD)
    cloud("users", "add", "A. Keller", "--role", "viewer", typed=PASSWORD)
    cloud("users", "remove", "A. Keller")
    assert cloud("audit", "verify")[0] == 0
    _tamper(configuration, statement)
    code, said, complaint = cloud("audit", "verify", "--json")
    assert code == 1
    assert json.loads(said)["first_broken_row"] == row
    assert f"row {row} " in complaint


def test_a_head_that_was_written_down_tells_of_a_log_made_anew(cloud, configuration):
    cloud("users", "add", "M. Ruiz", "--role", "admin", typed=PASSWORD)
    head = json.loads(cloud("audit", "verify", "--json")[1])["head"]
    assert cloud("audit", "verify", "--known", head)[0] == 0
    _tamper(configuration, "DELETE FROM audit; UPDATE audit_head SET count = 0, hash = printf('%064d', 0)")
    assert cloud("audit", "verify")[0] == 0
    assert cloud("audit", "verify", "--known", head)[0] == 1
    _one_line(cloud("audit", "verify", "--known", "x"), "COUNT:HASH")


def test_verify_without_a_book_makes_none(cloud, configuration):
    _one_line(cloud("audit", "verify"), "no audit log")
    assert not (configuration.parent / "data").exists()
