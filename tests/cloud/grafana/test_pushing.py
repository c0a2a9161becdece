"""Bringing dashboards to a Grafana: over what we wrote, beside what a person edited, never over it.

The server here is written from Grafana's documentation (tests/support/fake_grafana.py); Grafana itself was not run.
"""

from __future__ import annotations

import copy
import json
import socket

import pytest
from support.fake_grafana import TOKEN

from cloud.grafana.boards import Places
from cloud.grafana.client import GrafanaClient
from cloud.grafana.files import dashboards
from cloud.grafana.pushing import (
    HASH_TAG,
    GrafanaError,
    Source,
    Stored,
    Written,
    content_hash,
    is_edited,
    push,
    push_dashboard,
    signed,
)
from models.contract.errors import InputError

SOURCE = Source("http://127.0.0.1:8086", "plant", "secret-of-influx")
FLEET = dashboards(Places())[0]
BESIDE = "plantpulse-fleet-beside"


@pytest.fixture
def client(grafana):
    return GrafanaClient(grafana.url, TOKEN)


def pushed(client, places=None):
    return {one.uid: one for one in push(client, places or Places(), SOURCE)}


def written(outcomes):
    return {one.written for one in outcomes.values()}


def test_an_empty_grafana_gets_everything(grafana, client):
    outcomes = pushed(client)
    assert written(outcomes) == {Written.CREATED}
    assert set(grafana.dashboards) == {one["uid"] for one in dashboards(Places())}
    assert set(grafana.placed.values()) == {"plantpulse"} == set(grafana.folders)
    assert grafana.sources["plantpulse-influxdb"]["secureJsonData"] == {"token": "secret-of-influx"}
    assert {rule["provenance"] for rule in grafana.groups["plantpulse", "plantpulse"]["rules"]} == {"api"}
    assert "secret-of-influx" not in json.dumps([*grafana.dashboards.values(), *grafana.groups.values()])


def test_a_second_push_writes_no_dashboard(grafana, client):
    pushed(client)
    before = copy.deepcopy(grafana.dashboards)
    outcomes = pushed(client)
    assert [one.written for one in outcomes.values()] == [Written.UNCHANGED] * 6 + [Written.UPDATED]
    assert grafana.dashboards == before
    assert [one.warning for one in outcomes.values()] == [None] * 7


def test_a_new_version_of_ours_replaces_the_old_one(grafana, client):
    pushed(client)
    outcomes = pushed(client, Places(console="https://plantpulse.example"))
    assert outcomes["plantpulse-fleet"].written is Written.UPDATED
    stored = grafana.dashboards["plantpulse-fleet"]
    assert stored["version"] == 2
    assert "https://plantpulse.example" in str(stored)
    assert [tag for tag in stored["tags"] if tag.startswith(HASH_TAG)] == [HASH_TAG + content_hash(stored)]


@pytest.mark.parametrize(
    "change", [{"title": "Mine"}, {"panels": []}, {"refresh": "5s"}, {"tags": ["plantpulse"]}, {"mine": True}]
)
def test_what_a_person_edited_stays_and_ours_goes_beside_it(grafana, client, change):
    pushed(client)
    grafana.edit("plantpulse-fleet", **change)
    edited = copy.deepcopy(grafana.dashboards["plantpulse-fleet"])
    outcomes = pushed(client, Places(console="https://plantpulse.example"))
    assert grafana.dashboards["plantpulse-fleet"] == edited
    assert outcomes[BESIDE].written is Written.BESIDE
    assert "somebody edited it" in outcomes[BESIDE].warning
    assert grafana.dashboards[BESIDE]["title"] == "plantpulse fleet (generated)"
    # Again: the one beside is ours, and kept up to date.
    again = pushed(client, Places(console="https://other.example"))
    assert again[BESIDE].written is Written.BESIDE
    assert "https://other.example" in str(grafana.dashboards[BESIDE])
    assert grafana.dashboards["plantpulse-fleet"] == edited


def test_where_both_are_edited_both_stay(grafana, client):
    pushed(client)
    grafana.edit("plantpulse-fleet", title="Mine")
    pushed(client)
    grafana.edit(BESIDE, title="Mine too")
    before = copy.deepcopy(grafana.dashboards)
    outcomes = pushed(client)
    assert outcomes[BESIDE].written is Written.LEFT
    assert "delete one of them" in outcomes[BESIDE].warning
    assert grafana.dashboards == before


def test_an_edit_between_our_look_and_our_write_is_not_overwritten(grafana, client):
    """The version that we saw is sent along, and Grafana answers 412."""
    pushed(client)
    grafana.before_saving = lambda: grafana.edit("plantpulse-fleet", title="Quicker than you")
    outcome = push_dashboard(client, FLEET | {"refresh": "2m"})
    assert outcome.written is Written.BESIDE
    assert grafana.dashboards["plantpulse-fleet"]["title"] == "Quicker than you"


def test_a_dashboard_that_is_created_meanwhile_is_not_overwritten(grafana, client):
    client.ensure_folder("plantpulse", "plantpulse")

    def somebody():
        grafana._store({"uid": "plantpulse-fleet", "title": "Mine", "tags": []}, "plantpulse", "")

    grafana.before_saving = somebody
    assert push_dashboard(client, FLEET).written is Written.BESIDE
    assert grafana.dashboards["plantpulse-fleet"]["title"] == "Mine"


def test_tags_that_people_add_are_kept_and_are_no_edit(grafana, client):
    pushed(client)
    grafana.edit("plantpulse-fleet", tags=[*grafana.dashboards["plantpulse-fleet"]["tags"], "hall 3"])
    outcomes = pushed(client, Places(console="https://plantpulse.example"))
    assert outcomes["plantpulse-fleet"].written is Written.UPDATED
    assert "hall 3" in grafana.dashboards["plantpulse-fleet"]["tags"]


def test_a_document_that_grafana_itself_brought_up_to_date_is_still_ours(grafana, client):
    """Newer ones rewrite an old schema when they store it: the newest entry of the history is still our message."""
    pushed(client)
    grafana.dashboards["plantpulse-fleet"]["schemaVersion"] = 99
    outcomes = pushed(client, Places(console="https://plantpulse.example"))
    assert outcomes["plantpulse-fleet"].written is Written.UPDATED


def test_what_comes_from_a_file_is_left_to_the_file(grafana, client):
    pushed(client)
    grafana.provisioned.add("plantpulse-fleet")
    before = copy.deepcopy(grafana.dashboards["plantpulse-fleet"])
    outcome = pushed(client, Places(console="https://plantpulse.example"))["plantpulse-fleet"]
    assert outcome.written is Written.LEFT
    assert "change the file" in outcome.warning
    assert grafana.dashboards["plantpulse-fleet"] == before


def test_rules_that_a_person_may_edit_are_left_alone(grafana, client):
    pushed(client)
    group = grafana.groups["plantpulse", "plantpulse"]
    group["rules"][0] |= {"provenance": "", "title": "Mine"}
    before = copy.deepcopy(group)
    outcome = pushed(client)["plantpulse"]
    assert outcome.written is Written.LEFT
    assert "'Mine'" in outcome.warning
    assert grafana.groups["plantpulse", "plantpulse"] == before


def test_a_data_source_that_asks_elsewhere_is_left_alone(grafana, client):
    grafana.sources["plantpulse-influxdb"] = {"uid": "plantpulse-influxdb", "url": "http://other:8086"}
    outcome = pushed(client)["plantpulse-influxdb"]
    assert outcome.written is Written.LEFT
    assert "http://other:8086" in outcome.warning
    assert grafana.sources["plantpulse-influxdb"]["url"] == "http://other:8086"


def test_without_a_data_source_people_are_told(client):
    first, *_ = push(client, Places(), None)
    assert first.written is Written.LEFT
    assert "--influx" in first.warning


def test_the_hash_knows_content_and_not_grafana_s_numbers():
    assert content_hash(FLEET | {"id": 7, "version": 9, "tags": ["x"]}) == content_hash(FLEET)
    assert content_hash(FLEET | {"refresh": "5s"}) != content_hash(FLEET)
    assert content_hash(dict(reversed(FLEET.items()))) == content_hash(FLEET)


def test_what_carries_no_hash_or_two_is_not_ours():
    ours = signed(FLEET)
    assert not is_edited(Stored(ours))
    assert is_edited(Stored(FLEET))
    assert is_edited(Stored(ours | {"tags": [*ours["tags"], HASH_TAG + "0" * 16]}))
    assert is_edited(Stored(ours | {"title": "x"}, message=""))


def test_a_wrong_token(grafana):
    with pytest.raises(GrafanaError, match="refuses the token \\(401\\)"):
        pushed(GrafanaClient(grafana.url, "wrong"))


def test_nobody_there():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with pytest.raises(GrafanaError, match="does not answer: start it"):
        pushed(GrafanaClient(f"http://127.0.0.1:{port}", TOKEN))


def test_one_that_hangs():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = GrafanaClient(f"http://127.0.0.1:{silent.getsockname()[1]}", TOKEN, timeout_s=0.3)
        with pytest.raises(GrafanaError, match="did not answer in time"):
            pushed(client)


@pytest.mark.parametrize("answer", [["hello"], "<html>welcome</html>", {"hello": 1}])
def test_a_server_that_is_none(grafana, client, answer):
    """Somebody gave the address of another server: its answers are no documents of Grafana's."""
    grafana.always = (200, answer)
    with pytest.raises(GrafanaError, match="not one of Grafana's API"):
        pushed(client)


def test_a_refusal_says_what_grafana_says(grafana, client):
    grafana.always = (500, {"message": "database is locked"})
    with pytest.raises(GrafanaError, match=r"\(500\).*database is locked"):
        pushed(client)


@pytest.mark.parametrize("url", ["grafana", "ftp://x", "http://", "http://x:port", "http://me:secret@x"])
def test_an_address_that_is_none(url):
    with pytest.raises(InputError):
        GrafanaClient(url, TOKEN)


def test_one_below_a_path(grafana):
    with pytest.raises(GrafanaError):
        pushed(GrafanaClient(f"{grafana.url}/monitoring/", TOKEN))
    assert grafana.calls[0] == "GET /monitoring/api/folders/plantpulse"
