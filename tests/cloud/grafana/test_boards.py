"""What every dashboard owes its reader: a question, units, descriptions, limits, and the console's colours."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest

from cloud.grafana import palette
from cloud.grafana.boards import Dashboard, Places
from cloud.grafana.egress import BUDGET
from cloud.grafana.files import dashboards
from cloud.grafana.panels import Kind, Panel
from models.diagnosis.iso20816 import BOUNDARIES_MM_S

BOARDS = {one["uid"]: one for one in dashboards(Places())}
PANELS = [pytest.param(panel, id=f"{uid} {panel['title']}") for uid, one in BOARDS.items() for panel in one["panels"]]
STYLE = Path(palette.__file__).parents[1] / "console" / "static" / "console.css"


def panel(uid, title):
    return next(one for one in BOARDS[uid]["panels"] if one["title"] == title)


def test_there_is_one_dashboard_for_each_question():
    assert list(BOARDS) == [f"plantpulse-{name}" for name in ("fleet", "machine", "alarms", "gateways", "egress")]
    assert all(one["description"].count("?") or "budget" in one["description"] for one in BOARDS.values())


@pytest.mark.parametrize("one", PANELS)
def test_a_panel_says_what_it_shows_and_in_which_unit(one):
    assert one["title"]
    assert len(one["description"]) > 20
    assert one["description"].endswith(".")
    assert one["fieldConfig"]["defaults"]["unit"]
    assert one["targets"]


@pytest.mark.parametrize("uid", BOARDS)
def test_no_two_panels_overlap_and_none_leaves_the_grid(uid):
    places = [one["gridPos"] for one in BOARDS[uid]["panels"]]
    assert all(at["x"] >= 0 and at["x"] + at["w"] <= 24 for at in places)
    for a, b in itertools.combinations(places, 2):
        apart = (
            a["x"] + a["w"] <= b["x"]
            or b["x"] + b["w"] <= a["x"]
            or a["y"] + a["h"] <= b["y"]
            or b["y"] + b["h"] <= a["y"]
        )
        assert apart, (a, b)


def test_a_row_that_is_too_wide_is_refused():
    wide = Panel(Kind.STAT, "Wide", "More than fits.", "short", ("",), width=13, height=4)
    with pytest.raises(ValueError, match="does not fit"):
        Dashboard("u", "T", "Why?", ((wide, wide),)).as_json(Places())


def test_ids_are_unique_within_a_dashboard():
    for one in BOARDS.values():
        numbers = [panel["id"] for panel in one["panels"]]
        assert numbers == sorted(set(numbers))


def test_the_palette_is_the_console_s():
    """Every colour of both themes, by its name in the style sheet."""
    text = STYLE.read_text(encoding="utf-8")
    light = text[text.index(":root {") : text.index("@media (prefers-color-scheme: dark)")]
    dark = text[text.index(':root[data-theme="dark"] {') :]
    for theme, part in (("light", light), ("dark", dark[: dark.index("}")])):
        said = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", part))
        ours = {name: getattr(colour, theme) for name, colour in palette.PALETTE.items()}
        assert ours == {name: said[name] for name in ours}


def test_no_other_colour_is_used():
    known = {colour.dark for colour in palette.PALETTE.values()}
    assert set(re.findall(r"#[0-9a-fA-F]{3,8}\b", str(BOARDS))) <= known


def test_limits_are_alarm_limits_zones_and_the_budget():
    score = panel("plantpulse-machine", "Score against the alarm limit")["fieldConfig"]["defaults"]
    assert [step["value"] for step in score["thresholds"]["steps"]] == [None, 1.0]
    share = panel("plantpulse-egress", "Share of the raw stream per hour, with the budget")["fieldConfig"]["defaults"]
    assert [step["value"] for step in share["thresholds"]["steps"]] == [None, BUDGET] == [None, 0.001]
    assert share["custom"]["thresholdsStyle"]["mode"] == "dashed"
    zones = next(one for one in BOARDS["plantpulse-machine"]["templating"]["list"] if one["name"] == "zones")
    offered = {tuple(map(float, entry.split(" : ")[1].split("|"))) for entry in zones["query"].split(",")}
    assert offered == set(BOUNDARIES_MM_S.values())


def test_thresholds_rise_as_grafana_wants_them():
    for one in BOARDS.values():
        for each in one["panels"]:
            values = [step["value"] for step in each["fieldConfig"]["defaults"]["thresholds"]["steps"]]
            assert values[0] is None
            assert values[1:] == sorted(values[1:])


def test_every_variable_of_a_query_exists():
    for one in BOARDS.values():
        known = {variable["name"] for variable in one["templating"]["list"]}
        for each in one["panels"]:
            used = {name for target in each["targets"] for name in re.findall(r"\$\{(\w+)", target["query"])}
            assert used <= known, each["title"]


def test_dashboards_lead_to_each_other_and_to_the_console():
    places = Places(console="https://plantpulse.example")
    for one in dashboards(places):
        kinds = {link["type"]: link for link in one["links"]}
        assert kinds["dashboards"]["tags"] == ["plantpulse"]
        assert "plantpulse" in one["tags"]
        assert kinds["link"]["url"] == "https://plantpulse.example"
    text = str(dashboards(places))
    for target in re.findall(r"/d/(plantpulse-\w+)", text):
        assert target in BOARDS
    assert "https://plantpulse.example/machines/${__data.fields.asset}" in text
    assert "127.0.0.1" not in text


def test_operating_states_have_a_timeline_and_alarms_are_annotations():
    assert panel("plantpulse-machine", "Operating state and zone")["type"] == "state-timeline"
    assert [one["name"] for one in BOARDS["plantpulse-machine"]["annotations"]["list"]] == ["Alarms", "Alarms gone"]
