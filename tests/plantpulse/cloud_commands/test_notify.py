"""`plantpulse cloud notify test` and what `cloud check` says of [notify], as people run them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from support.receivers import mail_server, web_server


def run(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "plantpulse", "cloud", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def configuration(tmp_path: Path, target: str) -> Path:
    path = tmp_path / "cloud.toml"
    path.write_text(
        '[cloud]\ndata_dir = "data"\n[plant]\ntime_zone = "UTC"\n'
        f'[notify]\n[[notify.target]]\nname = "shift"\n{target}\n'
        '[[notify.route]]\nname = "all"\nto = ["shift"]\n',
        encoding="utf-8",
    )
    return path


def test_a_test_message_arrives(tmp_path):
    with mail_server() as mail:
        path = configuration(tmp_path, f'url = "{mail.address}"')
        done = run("notify", "test", "--config", path, "--target", "shift", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["ok"], found["target"], found["outcome"], found["problem"]) == (True, "shift", "delivered", None)
    assert mail.mails[0]["Subject"] == "plantpulse: test message"


def test_a_target_that_refuses_is_told_and_the_exit_code_says_so(tmp_path):
    with web_server(lambda _: 403) as web:
        path = configuration(tmp_path, f'webhook = "{web.address}"\nsecret = "s"')
        done = run("notify", "test", "--config", path, "--target", "shift")
    assert done.returncode == 1
    assert done.stderr == ("plantpulse cloud: shift did not take the message: answered 403 Forbidden: no such asset\n")


@pytest.mark.parametrize(
    ("target", "words", "facts"),
    [
        ('url = "json://x"', ("notify", "test", "--target", "shfit"), ("'shfit'", "did you mean 'shift'?")),
        ('url = "jsom://hunter2"', ("check",), ("[[notify.target]] 'shift'", "did you mean 'json'?")),
        ('url = "jsom://hunter2"', ("serve",), ("[[notify.target]] 'shift'", "did you mean 'json'?")),
        ('url_file = "x"\nquite = []', ("check",), (":9", "unknown key 'quite'", "did you mean 'quiet'?")),
    ],
)
def test_a_mistake_is_one_line_without_secrets(tmp_path, target, words, facts):
    done = run(*words, "--config", configuration(tmp_path, target))
    assert done.returncode == 2
    assert done.stderr.startswith("plantpulse cloud: ")
    assert done.stderr.count("\n") == 1, done.stderr
    for fact in facts:
        assert fact in done.stderr
    assert "hunter2" not in done.stderr


def test_without_notify_there_is_nothing_to_test(tmp_path):
    path = tmp_path / "cloud.toml"
    path.write_text("", encoding="utf-8")
    done = run("notify", "test", "--config", path, "--target", "shift")
    assert done.returncode == 2
    assert "there is no [notify]" in done.stderr
