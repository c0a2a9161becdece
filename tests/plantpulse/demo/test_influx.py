"""`plantpulse demo --influx`: what is wrong is said before anything is started, and the cloud is told of it."""

from __future__ import annotations

import tomllib

import pytest
from support.influx import ORG, running_influx

from plantpulse.command_line import main
from plantpulse.demo.files import cloud_toml


def _said(capsys, monkeypatch, *, url, token=None, org=None):
    for name, value in (("INFLUX_TOKEN", token), ("INFLUX_ORG", org)):
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    code = main(["demo", "--influx", url])
    (line,) = capsys.readouterr().err.splitlines()
    return code, line


def test_without_token_or_organisation_it_says_which(capsys, monkeypatch):
    assert _said(capsys, monkeypatch, url="http://127.0.0.1:1", org="plant")[0] == 2
    code, line = _said(capsys, monkeypatch, url="http://127.0.0.1:1", token="x")  # noqa: S106 - it is none
    assert (code, "INFLUX_ORG" in line) == (2, True)


def test_an_address_that_is_none_is_bad_usage(capsys, monkeypatch):
    code, line = _said(capsys, monkeypatch, url="influx", token="x", org="plant")  # noqa: S106 - it is none
    assert (code, "http://127.0.0.1:8086" in line) == (2, True)


def test_a_server_that_does_not_answer_ends_the_demo_before_it_begins(capsys, monkeypatch, free_port):
    code, line = _said(capsys, monkeypatch, url=f"http://127.0.0.1:{free_port}", token="x", org="plant")  # noqa: S106 - it is none
    assert (code, "does not answer" in line) == (1, True)


@pytest.mark.needs("influxdb")
def test_a_token_that_is_refused_ends_the_demo_before_it_begins(capsys, monkeypatch, tmp_path):
    with running_influx(tmp_path / "influx") as daemon:
        code, line = _said(capsys, monkeypatch, url=daemon.url, token="wrong", org=ORG)  # noqa: S106 - it is none
    assert (code, "refuses the token (401)" in line) == (1, True)


def test_the_token_stays_out_of_the_files():
    told = tomllib.loads(cloud_toml(http_port=1, mqtt_port=2, influx="http://127.0.0.1:8086"))
    assert told["influx"] == {"url": "http://127.0.0.1:8086"}
    assert "influx" not in tomllib.loads(cloud_toml(http_port=1, mqtt_port=2))
