"""`plantpulse cloud grafana` and `plantpulse demo --grafana`: exit codes, one-line errors, and what they write."""

from __future__ import annotations

import json

import pytest
from support.fake_grafana import TOKEN

from plantpulse.command_line import main
from plantpulse.demo.dashboards import fill_grafana


@pytest.fixture
def environment(monkeypatch):
    for name, value in (("GRAFANA_TOKEN", TOKEN), ("INFLUX_TOKEN", "secret"), ("INFLUX_ORG", "plant")):
        monkeypatch.setenv(name, value)
    return monkeypatch


def push(grafana, *more):
    return main(["cloud", "grafana", "push", "--url", grafana.url, "--influx", "http://127.0.0.1:8086", *more])


@pytest.mark.usefixtures("environment")
def test_push_fills_a_grafana(grafana, capsys):
    assert push(grafana, "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert {one["written"] for one in document["outcomes"]} == {"created"}
    assert len(grafana.dashboards) == 5


@pytest.mark.usefixtures("environment")
def test_push_warns_of_an_edit_and_writes_beside(grafana, capsys):
    push(grafana)
    grafana.edit("plantpulse-egress", title="Mine")
    capsys.readouterr()
    assert push(grafana) == 0
    out, err = capsys.readouterr()
    assert "beside    plantpulse egress" in out
    assert err.count("\n") == 1
    assert "somebody edited it" in err


@pytest.mark.usefixtures("environment")
def test_push_that_had_to_leave_something_says_so_by_its_exit_code(grafana, capsys):
    push(grafana)
    grafana.provisioned.add("plantpulse-fleet")
    assert push(grafana, "--console", "https://plantpulse.example") == 1
    assert "change the file" in capsys.readouterr().err


@pytest.mark.usefixtures("environment")
def test_push_takes_the_influxdb_of_the_cloud_s_configuration(grafana, tmp_path):
    toml = tmp_path / "cloud.toml"
    influx = '[influx]\nurl = "http://influx.example:8086"\norg = "north"\nbucket_prefix = "north"\n'
    notify = '[plant]\ntime_zone = "UTC"\n[notify]\nconsole = "https://pulse.example"\n'
    target = '[[notify.target]]\nname = "shift"\nurl = "mailtos://mail.example?to=a@mail.example"\n'
    route = '[[notify.route]]\nname = "all"\nto = ["shift"]\n'
    toml.write_text(influx + notify + target + route)
    assert main(["cloud", "grafana", "push", "--url", grafana.url, "--config", str(toml)]) == 0
    source = grafana.sources["plantpulse-influxdb"]
    assert (source["url"], source["jsonData"]["organization"]) == ("http://influx.example:8086", "north")
    assert "https://pulse.example/machines/" in json.dumps(grafana.dashboards)
    assert 'bucket: \\"north_summaries\\"' in json.dumps(grafana.dashboards)


def test_a_token_may_be_in_a_file(grafana, environment, tmp_path):
    environment.delenv("GRAFANA_TOKEN")
    path = tmp_path / "grafana.token"
    path.write_text(f"{TOKEN}\n")
    assert push(grafana, "--token-file", str(path)) == 0


@pytest.mark.parametrize(
    ("words", "missing", "code", "says"),
    [
        ((), "GRAFANA_TOKEN", 2, "GRAFANA_TOKEN holds no token"),
        (("--token-file", "nowhere"), None, 2, "--token-file: nowhere cannot be read"),
        ((), "INFLUX_ORG", 2, "INFLUX_ORG"),
        (("--influx", "influx"), None, 2, "--influx 'influx'"),
        (("--url", "grafana"), None, 2, "give the address of a Grafana"),
        (("--console", "here"), None, 2, "--console 'here'"),
        (("--bucket-prefix", 'a"b'), None, 2, "--bucket-prefix"),
        (("--url", "http://127.0.0.1:9"), None, 1, "does not answer"),
    ],
)
def test_what_cannot_be_used_is_one_line(  # noqa: PLR0917 - fixtures and the table's columns
    grafana, environment, capsys, words, missing, code, says
):
    if missing is not None:
        environment.delenv(missing)
    assert push(grafana, *words) == code
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert says in err
    assert not grafana.dashboards


def test_render_writes_the_files(tmp_path, capsys):
    assert main(["cloud", "grafana", "render", "-o", str(tmp_path / "new"), "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["files"]) == 8
    assert (tmp_path / "new" / "dashboards" / "plantpulse-fleet.json").is_file()


def test_render_where_nothing_can_be_written_is_one_line(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["cloud", "grafana", "render", "-o", str(tmp_path / "file")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.usefixtures("environment")
def test_the_demo_brings_the_same_dashboards(grafana):
    notes = fill_grafana(grafana.url, "http://127.0.0.1:8086", "http://127.0.0.1:18080")
    assert notes == [f"dashboards at {grafana.url}/dashboards/f/plantpulse"]
    assert len(grafana.dashboards) == 5
    assert "http://127.0.0.1:18080/machines/" in json.dumps(grafana.dashboards)


@pytest.mark.usefixtures("environment")
def test_the_demo_wants_an_influxdb_to_show(grafana, capsys):
    assert main(["demo", "--grafana", grafana.url]) == 2
    assert "give --influx as well" in capsys.readouterr().err
    assert not grafana.calls
