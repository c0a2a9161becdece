"""Alert rules: what should reach people through Grafana where plantpulse's own notifications are not used. Pure.

A rule is a Flux query (A), its newest value per series (B), and a threshold on it (C), as Grafana's unified alerting
evaluates it. Rules know no variables, so they look at every site.

- A condition's sentence is a label of its series, because annotations know labels and numbers only. So a sentence that
  is revised is a new alert of the same rule, and its old one resolves.
- Annotations say `.Labels`, never with a dollar: provisioning would replace that by an environment variable.
- Every query gives every machine or gateway its number, healthy ones too: "no data" then means that nothing is there
  at all, or the query has failed, and neither is taken for "all is well".

Source: Grafana, alerting provisioning HTTP API, `AlertRuleGroup`; file provisioning of alerting resources.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from cloud.grafana.alarms import alarms
from cloud.grafana.boards import FOLDER_TITLE, FOLDER_UID
from cloud.grafana.egress import BUDGET, egress, increases
from cloud.grafana.fleet import ALARMS_SINCE, fleet
from cloud.grafana.flux import conditions_now, names, newest, one_of, read, series
from cloud.grafana.gateways import gateways
from cloud.grafana.panels import SOURCE, SOURCE_UID, Json
from cloud.grafana.words import STALE_AFTER_S

if TYPE_CHECKING:
    from cloud.grafana.boards import Places
    from cloud.grafana.flux import Buckets

BOARDS: Final = (fleet, alarms, gateways, egress)
GROUP: Final = "plantpulse"
INTERVAL_S: Final = 60
"""Gateways report once a minute."""
DAY_S: Final = 86_400
NOTICED_S: Final = 30 * DAY_S
"""A gateway or machine that has been silent for a month was noticed, or was taken away."""
OUTBOX_GROWTH: Final = 60.0
"""Records more than an hour ago: with a summary a minute per machine, one machine's data that does not get through."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Attributes:
        uid: never changes.
        title: of it.
        query: Flux; one series per machine or gateway, its labels are known to `summary`.
        above: it is broken while the newest value is greater.
        lasts: how long it must be broken, such as `5m`.
        span_s: how far back `v.timeRangeStart` is.
        labels: for routes and silences.
        summary: one sentence, in Go's template language.
        description: what it means and what to do.
        link: path in the console.
        no_data: what it is when the query gives nothing: `OK`, `NoData` or `Alerting`.
        dashboard, panel: uid and title of what shows more.
    """

    uid: str
    title: str
    query: str
    above: float
    lasts: str
    span_s: int
    labels: tuple[tuple[str, str], ...]
    summary: str
    description: str
    link: str
    no_data: str
    dashboard: str
    panel: str

    def as_json(self, places: Places) -> Json:
        """Return the rule as the HTTP API takes it."""
        return {
            "uid": self.uid,
            "orgID": 1,
            "folderUID": FOLDER_UID,
            "ruleGroup": GROUP,
            "title": self.title,
            "condition": "C",
            "data": [self._query(), _reduce(), _threshold(self.above)],
            "noDataState": self.no_data,
            "execErrState": "Error",
            "for": self.lasts,
            "isPaused": False,
            "labels": dict(self.labels) | {"from": "plantpulse"},
            "annotations": {
                "summary": self.summary,
                "description": self.description,
                "console": places.console + self.link,
                # Grafana takes both or none of these two.
                "__dashboardUid__": self.dashboard,
                "__panelId__": str(_panel_id(places, self.dashboard, self.panel)),
            },
        }

    def _query(self) -> Json:
        return {
            "refId": "A",
            "relativeTimeRange": {"from": self.span_s, "to": 0},
            "datasourceUid": SOURCE_UID,
            "model": {
                "refId": "A",
                "datasource": SOURCE,
                "query": self.query,
                "intervalMs": INTERVAL_S * 1000,
                "maxDataPoints": 43_200,
            },
        }


def _panel_id(places: Places, dashboard: str, title: str) -> int:
    """Return the id of a panel; there must be one."""
    board = next(board for make in BOARDS if (board := make(places)).uid == dashboard)
    return next(int(panel["id"]) for panel in board.as_json(places)["panels"] if panel["title"] == title)


def _reduce() -> Json:
    return _expression("B", {"type": "reduce", "expression": "A", "reducer": "last", "settings": {"mode": "dropNN"}})


def _threshold(above: float) -> Json:
    condition = {"evaluator": {"type": "gt", "params": [above]}}
    return _expression("C", {"type": "threshold", "expression": "B", "conditions": [condition]})


def _expression(name: str, what: dict[str, Any]) -> Json:
    return {
        "refId": name,
        "relativeTimeRange": {"from": 0, "to": 0},
        "datasourceUid": "__expr__",
        "model": {"refId": name, "datasource": {"type": "__expr__", "uid": "__expr__"}} | what,
    }


def rules(places: Places) -> tuple[Rule, ...]:
    """Return every rule."""
    buckets = places.buckets
    raised = [_alarm(buckets, priority) for priority in ("medium", "high", "urgent")]
    return (*raised, _machine_silent(buckets), _gateway_silent(buckets), _outbox(buckets), _egress(buckets))


def group(places: Places) -> Json:
    """Return the group of rules as the HTTP API takes it."""
    return {
        "title": GROUP,
        "folderUid": FOLDER_UID,
        "interval": INTERVAL_S,
        "rules": [one.as_json(places) for one in rules(places)],
    }


def group_for_files(places: Places) -> Json:
    """Return the group as a file for provisioning has it: the folder by its title, the interval in words."""
    found = []
    for one in rules(places):
        rule = one.as_json(places)
        # The file says these for the whole group, and the panel in fields of its own as well.
        kept = {name: value for name, value in rule.items() if name not in {"orgID", "folderUID", "ruleGroup"}}
        panel = int(rule["annotations"]["__panelId__"])
        found.append(kept | {"dashboardUid": one.dashboard, "panelId": panel})
    whole = {"orgId": 1, "name": GROUP, "folder": FOLDER_TITLE, "interval": f"{INTERVAL_S}s", "rules": found}
    return {"apiVersion": 1, "groups": [whole]}


def _alarm(buckets: Buckets, priority: str) -> Rule:
    query = (
        f"{conditions_now(buckets, ALARMS_SINCE, 'severity', 'label', 'sentence')}\nconditions\n"
        '  |> map(fn: (r) => ({_time: now(), _measurement: "alarm", _field: "active",'
        f' _value: if r.active == 1 and r.level >= 2 and r.priority == "{priority}" then 1.0 else 0.0,'
        " machine: r.display_name, asset: r.asset, site: r.site, component: r.component, family: r.family,"
        " severity: r.severity, diagnosis: r.label, sentence: r.sentence}))"
    )
    labels = ("machine", "asset", "site", "component", "family", "severity", "diagnosis", "sentence")
    return Rule(
        uid=f"plantpulse-alarm-{priority}",
        title=f"Alarm of priority {priority}",
        query=series(query, *labels),
        above=0.5,
        # The gateway has waited long enough already: alarms have their own delays and hysteresis.
        lasts="0s",
        span_s=DAY_S,
        labels=(("priority", priority),),
        summary="{{ .Labels.machine }} {{ .Labels.component }}: {{ .Labels.sentence }}",
        description="{{ .Labels.severity }} on {{ .Labels.machine }} at {{ .Labels.site }}: {{ .Labels.diagnosis }}. "
        "The evidence, and the button to acknowledge, are in the console.",
        link="/machines/{{ .Labels.asset }}",
        no_data="OK",
        dashboard="plantpulse-alarms",
        panel="Active conditions, most urgent first",
    )


def _machine_silent(buckets: Buckets) -> Rule:
    query = (
        f"machines = {names(buckets)}\n\nstate = {newest(buckets, 'range(start: v.timeRangeStart)', 'windows')}\n"
        '  |> keep(columns: ["asset", "end_ms"])\n\njoin(tables: {s: state, m: machines}, on: ["asset"])\n'
        '  |> map(fn: (r) => ({_time: now(), _measurement: "summary", _field: "age",'
        " _value: float(v: int(v: now()) / 1000000 - r.end_ms) / 1000.0, machine: r.display_name, asset: r.asset,"
        " site: r.site, gateway: r.gateway}))"
    )
    return Rule(
        uid="plantpulse-machine-silent",
        title="Machine without data",
        query=series(query, "machine", "asset", "site", "gateway"),
        above=float(STALE_AFTER_S),
        lasts="10m",
        span_s=NOTICED_S,
        labels=(("priority", "medium"),),
        summary="{{ .Labels.machine }} has sent nothing for {{ humanizeDuration .Values.B.Value }}.",
        description="Nothing is known about {{ .Labels.machine }} at {{ .Labels.site }} now. Look whether its gateway "
        "{{ .Labels.gateway }} is silent too: then it is the gateway, else the sensor.",
        link="/machines/{{ .Labels.asset }}",
        no_data="NoData",
        dashboard="plantpulse-fleet",
        panel="Machines, worst first",
    )


def _gateway_silent(buckets: Buckets) -> Rule:
    query = (
        f"{read(buckets.summaries, 'range(start: v.timeRangeStart)', 'reading', one_of('Outbox/Pending'))}\n"
        '  |> last()\n  |> map(fn: (r) => ({_time: now(), _measurement: "reading", _field: "age",'
        " _value: float(v: int(v: now()) - int(v: r._time)) / 1000000000.0, gateway: r.gateway, site: r.site}))"
    )
    return Rule(
        uid="plantpulse-gateway-silent",
        title="Gateway silent",
        query=series(query, "gateway", "site"),
        above=float(STALE_AFTER_S),
        lasts="5m",
        span_s=NOTICED_S,
        labels=(("priority", "high"),),
        summary="Gateway {{ .Labels.gateway }} has said nothing for {{ humanizeDuration .Values.B.Value }}.",
        description="Gateways report once a minute. Its machines are still judged and its records kept on its disk; "
        "look at its power, its network and the broker.",
        link="/gateways/{{ .Labels.gateway }}",
        no_data="NoData",
        dashboard="plantpulse-gateways",
        panel="Gateways, longest silent first",
    )


def _outbox(buckets: Buckets) -> Rule:
    pending = read(buckets.summaries, "range(start: -1h)", "reading", one_of("Outbox/Pending"))
    # Growth is last less first: a spread would also be broken by an outbox that has just emptied itself.
    query = (
        f"waiting = {pending}\n\nfirst = waiting\n  |> first()\n  |> group()\n"
        '  |> keep(columns: ["gateway", "site", "_value"])\n\nlast = waiting\n  |> last()\n  |> group()\n'
        '  |> keep(columns: ["gateway", "site", "_value"])\n\n'
        'join(tables: {a: first, b: last}, on: ["gateway", "site"])\n'
        '  |> map(fn: (r) => ({_time: now(), _measurement: "reading", _field: "growth",'
        " _value: r._value_b - r._value_a, gateway: r.gateway, site: r.site}))"
    )
    return Rule(
        uid="plantpulse-outbox-growing",
        title="Outbox growing",
        query=series(query, "gateway", "site"),
        above=OUTBOX_GROWTH,
        lasts="10m",
        span_s=3_600,
        labels=(("priority", "medium"),),
        summary="Gateway {{ .Labels.gateway }}: {{ humanize .Values.B.Value }} more records wait than an hour ago.",
        description="What it decided is not stored: the cloud does not acknowledge, or not fast enough. "
        "Nothing is lost while its disk has room.",
        link="/gateways/{{ .Labels.gateway }}",
        # A silent gateway has its own rule.
        no_data="OK",
        dashboard="plantpulse-gateways",
        panel="Records waiting in the outbox",
    )


def _egress(buckets: Buckets) -> Rule:
    query = (
        f"{increases(buckets.summaries, 'range(start: -24h)')}\n  |> group()\n"
        "  |> filter(fn: (r) => exists r.raw and exists r.sent and r.raw > 0.0)\n"
        '  |> map(fn: (r) => ({_time: now(), _measurement: "reading", _field: "share", _value: r.sent / r.raw,'
        " gateway: r.gateway}))"
    )
    return Rule(
        uid="plantpulse-egress-above-budget",
        title="Egress above its budget",
        query=series(query, "gateway"),
        above=BUDGET,
        lasts="1h",
        span_s=DAY_S,
        labels=(("priority", "low"),),
        summary="Gateway {{ .Labels.gateway }} has sent {{ humanizePercentage .Values.B.Value }} of what it measured"
        " in a day; "
        f"the budget is {BUDGET:.1%}.",
        description="Many reconnects, much evidence on demand, or slow signals that hardly measure anything: see which "
        "kind of record grew on the gateway's page.",
        link="/gateways/{{ .Labels.gateway }}",
        no_data="OK",
        dashboard="plantpulse-egress",
        panel="Share of the raw stream per hour, with the budget",
    )
