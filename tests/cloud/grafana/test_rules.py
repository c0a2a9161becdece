"""Alert rules as Grafana's unified alerting evaluates them: a query, its newest value, a threshold."""

from __future__ import annotations

import json
import re

import pytest

from cloud.grafana.boards import Places
from cloud.grafana.egress import BUDGET
from cloud.grafana.files import dashboards
from cloud.grafana.rules import INTERVAL_S, group, group_for_files, rules

PLACES = Places(console="https://plantpulse.example")
RULES = {rule["uid"]: rule for rule in group(PLACES)["rules"]}
DURATION = re.compile(r"(\d+)([smh])")


def test_what_people_are_told_of():
    assert set(RULES) == {
        "plantpulse-alarm-medium",
        "plantpulse-alarm-high",
        "plantpulse-alarm-urgent",
        "plantpulse-machine-silent",
        "plantpulse-gateway-silent",
        "plantpulse-outbox-growing",
        "plantpulse-egress-above-budget",
    }
    assert len({rule["title"] for rule in RULES.values()}) == len(RULES)
    assert all(len(uid) <= 40 for uid in RULES), "Grafana takes no longer uid"


@pytest.mark.parametrize("uid", RULES)
def test_a_query_its_newest_value_and_a_threshold(uid):
    query, reduce, threshold = RULES[uid]["data"]
    assert query["datasourceUid"] == "plantpulse-influxdb"
    assert reduce["model"] | {"datasource": None} == {
        "refId": "B",
        "datasource": None,
        "type": "reduce",
        "expression": "A",
        "reducer": "last",
        "settings": {"mode": "dropNN"},
    }
    assert threshold["model"]["expression"] == "B"
    assert RULES[uid]["condition"] == threshold["refId"] == "C"
    assert {reduce["datasourceUid"], threshold["datasourceUid"]} == {"__expr__"}


@pytest.mark.parametrize("uid", RULES)
def test_a_rule_knows_no_variables(uid):
    """Alert queries are evaluated without a dashboard; `v.timeRangeStart` comes from the rule's own range."""
    assert "${" not in json.dumps(RULES[uid])
    assert RULES[uid]["data"][0]["relativeTimeRange"]["from"] >= 3_600


@pytest.mark.parametrize("uid", RULES)
def test_people_get_a_sentence_what_to_do_and_a_link(uid):
    annotations = RULES[uid]["annotations"]
    assert annotations["summary"].endswith((".", "}}"))
    assert annotations["description"].endswith(".")
    assert re.fullmatch(
        r"https://plantpulse\.example/(machines|gateways)/\{\{ \.Labels\.\w+ \}\}", annotations["console"]
    )
    assert RULES[uid]["labels"]["priority"] in {"low", "medium", "high", "urgent"}


@pytest.mark.parametrize("uid", RULES)
def test_a_rule_leads_to_a_panel_that_exists(uid):
    annotations = RULES[uid]["annotations"]
    board = next(one for one in dashboards(PLACES) if one["uid"] == annotations["__dashboardUid__"])
    assert int(annotations["__panelId__"]) in {panel["id"] for panel in board["panels"]}


def test_how_long_something_must_last():
    """A multiple of the evaluation, as Grafana wants it; alarms have their own delays on the gateway."""
    for uid, rule in RULES.items():
        number, unit = DURATION.fullmatch(rule["for"]).groups()
        lasts_s = int(number) * {"s": 1, "m": 60, "h": 3600}[unit]
        assert lasts_s % INTERVAL_S == 0
        assert (lasts_s == 0) == uid.startswith("plantpulse-alarm")


def test_silence_is_not_taken_for_health():
    """No data at all is told where the rule is about silence; where it is about a value, silence has its own rule."""
    told = {uid for uid, rule in RULES.items() if rule["noDataState"] == "NoData"}
    assert told == {"plantpulse-machine-silent", "plantpulse-gateway-silent"}
    assert {rule["execErrState"] for rule in RULES.values()} == {"Error"}


def test_the_budget_is_the_dashboard_s():
    assert next(rule.above for rule in rules(PLACES) if rule.uid == "plantpulse-egress-above-budget") == BUDGET


def test_the_file_says_the_same_as_the_api():
    """Keys of a file: Grafana, pkg/services/provisioning/alerting/rules_types.go, AlertRuleV1."""
    known = {"uid", "title", "condition", "data", "dashboardUid", "panelId", "noDataState", "execErrState", "for"}
    known |= {"annotations", "labels", "isPaused"}
    whole = group_for_files(PLACES)["groups"][0]
    assert whole["interval"] == f"{INTERVAL_S}s"
    for rule in whole["rules"]:
        assert set(rule) == known
        same = known - {"dashboardUid", "panelId"}
        assert {name: rule[name] for name in same} == {name: RULES[rule["uid"]][name] for name in same}
