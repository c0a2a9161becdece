"""Dashboard: which conditions are there, since when, and how often? Pure.

What people did with an alarm is in the book, not in InfluxDB: acknowledging, shelving and outcomes stay in the console.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloud.grafana.boards import Dashboard, site_variable
from cloud.grafana.fleet import ALARMS_SINCE
from cloud.grafana.flux import IN_RANGE, SITE, conditions_now, count_of_conditions, one_of, read, series
from cloud.grafana.palette import QUIET, colour
from cloud.grafana.panels import BASE, Column, Kind, Limit, Panel, words_as_mappings
from cloud.grafana.words import PRIORITIES

if TYPE_CHECKING:
    from cloud.grafana.boards import Places
    from cloud.grafana.flux import Buckets


def alarms(places: Places) -> Dashboard:
    """Return the dashboard."""
    buckets = places.buckets
    return Dashboard(
        uid="plantpulse-alarms",
        title="plantpulse alarms",
        description="Which alarm conditions are there, since when, and how often? Acknowledge them in the console.",
        variables=(site_variable(buckets),),
        since="now-30d",
        rows=(
            tuple(_priority(buckets, name, meaning) for name, _, meaning in PRIORITIES),
            (_active(places),),
            (_raised(buckets), _severity(buckets)),
            (_reports(places),),
        ),
    )


def _priority(buckets: Buckets, name: str, meaning: str) -> Panel:
    condition = f'r.active == 1 and r.priority == "{name}"'
    query = count_of_conditions(buckets, ALARMS_SINCE, condition)
    return Panel(
        Kind.STAT,
        f"{name.capitalize()} now",
        f"Conditions of priority {name} that are there now: severity stepped up by the machine's criticality.",
        "suffix:alarms",
        (query,),
        width=6,
        height=4,
        decimals=0,
        limits=(BASE, Limit(1.0, meaning)),
    )


def _active(places: Places) -> Panel:
    texts = ("severity", "label", "sentence", "since_ms", "occurrence")
    statements = conditions_now(places.buckets, ALARMS_SINCE, *texts)
    query = (
        f"{statements}\nconditions\n  |> filter(fn: (r) => {SITE} and r.active == 1)\n"
        '  |> sort(columns: ["rank", "since_ms"], desc: true)\n'
        "  |> map(fn: (r) => ({priority: r.priority, machine: r.display_name, component: r.component,"
        " family: r.family, label: r.label, sentence: r.sentence, since: time(v: r.since_ms * 1000000),"
        " occurrences: r.occurrence, asset: r.asset}))"
    )
    return Panel(
        Kind.TABLE,
        "Active conditions, most urgent first",
        "One line per machine, component and failure family, as last reported. Empty is good news.",
        "string",
        (query,),
        width=24,
        height=9,
        columns=(
            Column(
                "priority",
                {
                    "displayName": "Priority",
                    "mappings": words_as_mappings(*PRIORITIES),
                    "custom.cellOptions": {"type": "color-text"},
                },
            ),
            Column(
                "machine",
                {
                    "displayName": "Machine",
                    "links": [
                        {"title": "trends", "url": "/d/plantpulse-machine?var-machine=${__data.fields.asset}"},
                        {"title": "console", "url": f"{places.console}/machines/${{__data.fields.asset}}"},
                    ],
                },
            ),
            Column("sentence", {"displayName": "What is the matter", "custom.width": 560}),
            Column("since", {"displayName": "Since", "unit": "dateTimeAsLocal"}),
            Column("occurrences", {"displayName": "Occurrences", "unit": "none", "decimals": 0}),
            Column("asset", {"custom.hidden": True}),
        ),
    )


def _raised(buckets: Buckets) -> Panel:
    query = read(buckets.hourly, IN_RANGE, "alarm", 'r._field == "active"', "r._value == 1", SITE)
    counted = "aggregateWindow(every: 1d, fn: count, createEmpty: true)"
    return Panel(
        Kind.TREND,
        "Reports of active conditions per day",
        "Reports of gateways that a condition came, changed or is still there, per family. Many a day from one machine "
        "is a chattering alarm.",
        "suffix:reports",
        (
            series(
                f'{query}\n  |> group(columns: ["_measurement", "_field", "family"])\n  |> {counted}',
                "family",
            ),
        ),
        width=12,
        height=8,
        decimals=0,
        lowest=0.0,
        name="${__field.labels.family}",
    )


def _severity(buckets: Buckets) -> Panel:
    query = (
        f"{read(buckets.hourly, IN_RANGE, 'alarm', one_of('severity', 'active'), SITE)}\n"
        '  |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")\n'
        '  |> map(fn: (r) => ({_time: r._time, _measurement: "alarm", _field: "severity",'
        ' _value: if r.active == 1 then r.severity else "gone",'
        " machine: r.machine, component: r.component, family: r.family}))"
    )
    return Panel(
        Kind.STATES,
        "Severity over time",
        "The severity that each condition was reported with, until its next report; 'gone' once it has returned.",
        "string",
        (series(query, "machine", "component", "family"),),
        width=12,
        height=8,
        limits=(Limit(None, QUIET),),
        name="${__field.labels.machine} ${__field.labels.component}",
        words=(
            ("watch", "● watch", "medium"),
            ("alert", "◆ alert", "high"),
            ("danger", "▲ danger", "urgent"),
            ("gone", "○ gone", QUIET),
        ),
    )


def _reports(places: Places) -> Panel:
    fields = one_of("state", "severity", "label", "sentence", "operating_state", "model")
    query = (
        f"{read(places.buckets.hourly, IN_RANGE, 'alarm', fields, SITE)}\n"
        '  |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")\n'
        '  |> group()\n  |> sort(columns: ["_time"], desc: true)\n  |> limit(n: 500)\n'
        "  |> map(fn: (r) => ({time: r._time, machine: r.machine, component: r.component, state: r.state,"
        " severity: r.severity, label: r.label, sentence: r.sentence, operating_state: r.operating_state,"
        " model: r.model}))"
    )
    stroked = {"custom.cellOptions": {"type": "color-text"}}
    return Panel(
        Kind.TABLE,
        "Reports, newest first",
        "Every report of the chosen time, at most 500: what was said, in which operating state, by which model.",
        "string",
        (query,),
        width=24,
        height=10,
        columns=(
            Column("time", {"displayName": "Time", "unit": "dateTimeAsLocal"}),
            Column(
                "state",
                stroked
                | {
                    "mappings": words_as_mappings(
                        ("active", "▲ active", "urgent"), ("returned", "○ returned", "ink-2")
                    ),
                    "color": {"mode": "fixed", "fixedColor": colour(QUIET)},
                },
            ),
            Column("sentence", {"custom.width": 480}),
        ),
    )
