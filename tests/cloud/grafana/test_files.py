"""The files in deploy/grafana are what the code generates, and hold no secret."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml as reference

from cloud.grafana.boards import FOLDER_TITLE, Places
from cloud.grafana.files import rendered, write_files, yaml
from cloud.grafana.flux import Buckets

FOLDER = Path(__file__).resolve().parents[3] / "deploy" / "grafana"


def test_the_files_are_what_the_code_generates():
    """If this fails: plantpulse cloud grafana render -o deploy/grafana."""
    there = {str(path.relative_to(FOLDER)): path.read_text("utf-8") for path in FOLDER.rglob("*.*") if path.is_file()}
    assert there == rendered(Places())


def test_writing_twice_changes_nothing(tmp_path):
    first = {path: path.read_bytes() for path in write_files(tmp_path, Places())}
    assert {path: path.read_bytes() for path in write_files(tmp_path, Places())} == first


def test_address_organisation_and_token_come_from_the_environment():
    text = rendered(Places())["provisioning/datasources/plantpulse.yaml"]
    source = reference.safe_load(text)["datasources"][0]
    assert source["secureJsonData"] == {"token": "$INFLUX_TOKEN"}
    assert (source["url"], source["jsonData"]["organization"]) == ("$INFLUX_URL", "$INFLUX_ORG")


def test_only_there_provisioning_finds_a_dollar():
    """Grafana replaces `$NAME` in files of provisioning; in dashboards it does not."""
    for name, text in rendered(Places()).items():
        if name.startswith("provisioning/"):
            assert set(re.findall(r"\$\w*", text)) <= {"$INFLUX_URL", "$INFLUX_ORG", "$INFLUX_TOKEN"}, name


def test_rules_and_dashboards_share_a_folder():
    files = rendered(Places())
    provider = reference.safe_load(files["provisioning/dashboards/plantpulse.yaml"])["providers"][0]
    group = json.loads(files["provisioning/alerting/plantpulse.json"])["groups"][0]
    assert provider["folder"] == group["folder"] == FOLDER_TITLE
    assert provider["allowUiUpdates"] is False


def test_other_buckets_are_asked_for_everywhere():
    text = "".join(rendered(Places(Buckets("north"))).values())
    assert set(re.findall(r'bucket: \\"(\w+)_', text)) == {"north"}


@pytest.mark.parametrize(
    "value",
    [{"a": [{"b": "1", "c": 2.5}, {"d": {"e": True, "f": None}}]}, {"t": 'x: "y"\n$Z', "é": "no"}],
)
def test_our_yaml_is_yaml(value):
    assert reference.safe_load(yaml(value)) == value
