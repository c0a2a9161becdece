"""Every query of every variable, panel, annotation and rule, on a real InfluxDB: it runs, and there is an answer."""

from __future__ import annotations

from datetime import timedelta

import pytest
from support.believable_plant import STORIES
from support.grafana_queries import as_grafana_reads, ask, chosen_values, interpolated, queries

from cloud.grafana.boards import Places
from cloud.grafana.files import dashboards
from cloud.grafana.rules import rules

pytestmark = pytest.mark.needs("influxdb")

BOARDS = {one["uid"]: one for one in dashboards(Places())}
RULES = {one.uid: one for one in rules(Places())}
SPAN = timedelta(days=2)
MACHINE = "Raw water pump 1"
"""Its alarm came and went within these two days, so that both annotations have something to show."""


def answers(board, plant):
    """Return the rows of every query of a dashboard by its name."""
    values = chosen_values(board, plant, SPAN, MACHINE)
    return {name: (query, ask(plant, interpolated(query, values, SPAN))) for name, query in queries(board)}


def of_rule(uid, plant):
    rule = RULES[uid]
    return ask(plant, interpolated(rule.query, {}, timedelta(seconds=rule.span_s)))


@pytest.mark.parametrize("uid", BOARDS)
def test_every_query_has_rows_that_grafana_can_show(uid, plant):
    found = answers(BOARDS[uid], plant)
    assert len(found) >= sum(len(panel["targets"]) for panel in BOARDS[uid]["panels"])
    assert [name for name, (_, rows) in found.items() if not rows] == []
    for query, rows in found.values():
        as_grafana_reads(query, rows)


@pytest.mark.parametrize("uid", BOARDS)
def test_a_site_or_a_machine_without_data_is_no_error(uid, plant):
    """Before the first summary, and where nothing is chosen, a panel is empty or says 0; it never fails."""
    values = chosen_values(BOARDS[uid], plant, SPAN, MACHINE) | {"site": "nowhere"}
    values |= {"machine": "00000000-0000-0000-0000-000000000000"} if "machine" in values else {}
    for name, query in queries(BOARDS[uid]):
        for row in ask(plant, interpolated(query, values, SPAN)):
            assert row.get("count", "0") == "0" or name == "Machines A", name


def test_the_fleet_has_every_machine_worst_first(plant):
    _, rows = answers(BOARDS["plantpulse-fleet"], plant)["Machines, worst first A"]
    assert len(rows) == len(STORIES)
    scores = [float(row["score"]) for row in rows]
    assert scores == sorted(scores, reverse=True)
    assert rows[0]["machine"] == "Cooling tower fan 2", "the one that wears out fastest"
    learning = next(row for row in rows if row["machine"] == "Spindle motor")
    assert float(learning["score"]) == -1.0, "not judged is shown as such, never as a good score"


def test_active_conditions_are_counted_by_priority(plant):
    """A danger of medium criticality is urgent, an alert high (models/contract/vocabulary.py)."""
    found = answers(BOARDS["plantpulse-alarms"], plant)
    counts = {name: int(rows[0]["count"]) for name, (_, rows) in found.items() if name.endswith("now A")}
    assert counts == {"Urgent now A": 1, "High now A": 1, "Medium now A": 0, "Low now A": 0}
    _, rows = found["Active conditions, most urgent first A"]
    assert [(row["machine"], row["priority"]) for row in rows] == [
        ("Cooling tower fan 2", "urgent"),
        ("Blower A", "high"),
    ]
    assert "Imbalance is likely" in rows[1]["sentence"]


def test_the_share_of_the_raw_stream_is_what_gateways_counted(plant):
    _, rows = answers(BOARDS["plantpulse-egress"], plant)["Share of the raw stream A"]
    # The plant sends one byte for 2,400 measured ones; whole bytes are counted.
    assert float(rows[0]["share"]) == pytest.approx(1 / 2_400, rel=1e-3)


@pytest.mark.parametrize("uid", RULES)
def test_every_rule_has_a_series_for_everything_it_watches(uid, plant):
    rows = of_rule(uid, plant)
    assert rows
    assert as_grafana_reads(RULES[uid].query, rows) == "series"
    # One value a series: the newest, which the rule reduces to.
    assert len({row["table"] for row in rows}) == len(rows)


def test_rules_break_for_what_is_wrong_and_for_nothing_else(plant):
    broken = {}
    for uid, rule in RULES.items():
        over = [row for row in of_rule(uid, plant) if float(row["_value"]) > rule.above]
        broken[uid] = {row.get("machine") or row["gateway"] for row in over}
    silent = broken.pop("plantpulse-machine-silent")
    assert silent == {"Compressor east", "Compressor west"}, "their gateway is offline"
    assert broken == {
        "plantpulse-alarm-medium": set(),
        "plantpulse-alarm-high": {"Blower A"},
        "plantpulse-alarm-urgent": {"Cooling tower fan 2"},
        "plantpulse-gateway-silent": set(),
        "plantpulse-outbox-growing": set(),
        "plantpulse-egress-above-budget": set(),
    }


def test_labels_that_a_rule_speaks_of_are_there(plant):
    import re

    for uid, rule in RULES.items():
        spoken = set(re.findall(r"\.Labels\.(\w+)", rule.summary + rule.description + rule.link))
        assert spoken, uid
        assert spoken <= set(of_rule(uid, plant)[0]), uid


def test_a_growing_outbox_and_a_spent_budget_break_their_rules(plant):
    """A gateway whose records wait and that sends a hundredth of what it measures."""
    import time

    def lines(minutes_ago, pending, raw, sent):
        ns = time.time_ns() - minutes_ago * 60_000_000_000
        tags = "reading,gateway=other-plant:full,site=other-plant"
        return f"{tags} Outbox/Pending={pending},Health/RawBytes={raw},Health/SentBytes={sent} {ns}"

    plant.write("plantpulse_summaries", lines(40, 10.0, 0.0, 0.0) + "\n" + lines(1, 90.0, 1e9, 1e7))
    for uid, expected in (("plantpulse-outbox-growing", 80.0), ("plantpulse-egress-above-budget", 0.01)):
        values = {row["gateway"]: float(row["_value"]) for row in of_rule(uid, plant)}
        assert values["other-plant:full"] == pytest.approx(expected)
        assert expected > RULES[uid].above
