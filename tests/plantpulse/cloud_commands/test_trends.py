"""`plantpulse cloud trends copy` and what `cloud check` says of an InfluxDB: exit codes, one line, one document."""

from __future__ import annotations

import json
import re

import pytest
from support.contract_examples import ASSET, START_NS, summary
from support.influx import ORG, TOKEN, running_influx
from support.trend_examples import FOR_GOOD

from cloud.data_directory import held_data_directory
from cloud.trends.sqlite import SqliteTrendStore
from cloud.trends.store import StoredSummary
from plantpulse.command_line import main

pytestmark = pytest.mark.needs("influxdb")

MINUTE_NS = 60_000_000_000


@pytest.fixture(scope="module")
def influx(tmp_path_factory):
    with running_influx(tmp_path_factory.mktemp("influx")) as daemon:
        yield daemon


@pytest.fixture
def plant(influx, tmp_path, request):
    """Return the configuration of a cloud whose trends were embedded so far, with a hundred minutes in them."""
    (tmp_path / "data").mkdir()
    store = SqliteTrendStore(tmp_path / "data" / "trends.sqlite", FOR_GOOD)
    minutes = [summary(start_ns=START_NS + minute * MINUTE_NS) for minute in range(100)]
    store.write([StoredSummary(one, n, n, late=False, received_ms=0) for n, one in enumerate(minutes)], [])
    store.close()
    (tmp_path / "influx.token").write_text(TOKEN + "\n")
    path = tmp_path / "cloud.toml"
    prefix = re.sub(r"[^a-z0-9]", "_", request.node.name)[:60]
    path.write_text(
        f'[cloud]\ndata_dir = "data"\n[retention]\nsummary_days = 30000\nhour_days = 30000\n'
        f'[influx]\nurl = "{influx.url}"\norg = "{ORG}"\ntoken_file = "influx.token"\nbucket_prefix = "{prefix}"\n'
    )
    return path


def _copy(path, *words):
    return main(["cloud", "trends", "copy", "--config", str(path), *words])


def test_a_copy_is_counted_on_both_sides_and_the_second_has_nothing_to_do(plant, capsys):
    assert _copy(plant, "--json") == 0
    first = json.loads(capsys.readouterr().out)
    assert first["summaries"] == {"source": 100, "copied": 100, "target": 100}
    assert first["hours"]["source"] == first["hours"]["target"] > 0
    assert first["complete"] is True
    assert _copy(plant) == 0
    said = capsys.readouterr().out.splitlines()[0].split()
    assert said == ["summaries", "100", "in", "the", "file", "0", "copied", "100", "in", "InfluxDB"]


def test_a_cloud_that_runs_has_to_be_stopped_first(plant, capsys):
    with held_data_directory(plant.parent / "data"):
        assert _copy(plant) == 2
    assert "stop it first" in capsys.readouterr().err


def test_without_influx_in_the_configuration_there_is_nowhere_to_copy_to(plant, capsys):
    plant.write_text('[cloud]\ndata_dir = "data"\n')
    assert _copy(plant) == 2
    assert "[influx]" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [(("--from", "soon"), "'soon' is no time"), (("--source", "none.sqlite"), "no embedded trend store")],
)
def test_arguments_that_cannot_be_used_are_one_line(plant, capsys, words, said):
    assert _copy(plant, *words) == 2
    assert said in capsys.readouterr().err


def test_only_a_stretch_of_time(plant, capsys):
    first_ms = START_NS // 1_000_000
    assert _copy(plant, "--from", str(first_ms), "--to", str(first_ms + 10 * 60_000), "--json") == 0
    assert json.loads(capsys.readouterr().out)["summaries"]["source"] == 10


def test_a_server_that_does_not_answer_is_one_line_and_1(plant, capsys, free_port):
    text = plant.read_text()
    plant.write_text(text.replace(text.partition('url = "http://')[2].partition('"')[0], f"127.0.0.1:{free_port}"))
    assert _copy(plant) == 1
    assert "does not answer" in capsys.readouterr().err
    assert main(["cloud", "check", "--config", str(plant)]) == 1
    assert f"InfluxDB http://127.0.0.1:{free_port}: does not answer" in capsys.readouterr().err


def test_check_says_that_the_token_is_refused(plant, capsys):
    (plant.parent / "influx.token").write_text("another")
    assert main(["cloud", "check", "--config", str(plant)]) == 1
    said = capsys.readouterr().err
    assert "refuses the token (401)" in said
    assert "another" not in said.replace("another influx", "")


def test_what_was_set_aside_goes_in_once_the_budget_is_raised(plant, capsys):
    tight = plant.read_text().replace("[influx]", "[influx]\nmax_series = 2")
    plant.write_text(tight)
    assert _copy(plant, "--json") == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["set_aside"], found["complete"]) == (100, False)
    plant.write_text(tight.replace("max_series = 2", "max_series = 200"))
    aside = plant.parent / "data" / "trends-aside.sqlite"
    assert _copy(plant, "--source", str(aside), "--json") == 0
    assert json.loads(capsys.readouterr().out)["summaries"] == {"source": 100, "copied": 100, "target": 100}
    store = SqliteTrendStore(aside, FOR_GOOD)
    assert ASSET in store.latest_machines()
    store.close()
