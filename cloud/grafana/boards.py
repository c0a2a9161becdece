"""Dashboards as dataclasses and as Grafana's JSON; rows are filled from left to right, so nothing overlaps. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from cloud.grafana.flux import SITE, Buckets, one_of, read
from cloud.grafana.palette import colour
from cloud.grafana.panels import SOURCE, Json

if TYPE_CHECKING:
    from cloud.grafana.panels import Panel

SCHEMA_VERSION: Final = 41
"""Of the dashboard schema in Grafana 11.6 and 12; newer ones bring older documents up to date themselves."""
FOLDER_UID: Final = "plantpulse"
FOLDER_TITLE: Final = "plantpulse"
TAG: Final = "plantpulse"
WIDTH: Final = 24


@dataclass(frozen=True, slots=True)
class Places:
    """Where things are that dashboards point at.

    Attributes:
        buckets: of the InfluxDB.
        console: address of the cloud's console as people's browsers reach it.
    """

    buckets: Buckets = field(default_factory=Buckets)
    console: str = "http://127.0.0.1:8080"


@dataclass(frozen=True, slots=True)
class Variable:
    """A choice above a dashboard.

    Attributes:
        name: in queries, `${name}`.
        label: what people read.
        query: Flux of a query variable; values of a custom one, `text : value` with commas between.
        kind: `query` or `custom`.
        expression: splits an answer into text and value.
        several: whether more than one, or all, can be chosen.
    """

    name: str
    label: str
    query: str
    kind: str = "query"
    expression: str = ""
    several: bool = False

    def as_json(self) -> Json:
        """Return Grafana's JSON."""
        found: Json = {"name": self.name, "label": self.label, "type": self.kind, "query": self.query, "hide": 0}
        if self.kind == "query":
            # Read again when the range changes: machines come and go.
            found |= {"datasource": SOURCE, "refresh": 2, "sort": 1, "regex": self.expression}
        if self.several:
            found |= {"multi": True, "includeAll": True, "allValue": ".*", "current": _all_of_them()}
        elif self.kind == "custom":
            text, _, value = self.query.split(",")[0].partition(" : ")
            found["current"] = {"selected": True, "text": text.strip(), "value": value.strip()}
        return found


@dataclass(frozen=True, slots=True)
class Dashboard:
    """One dashboard.

    Attributes:
        uid: never changes.
        title: of it.
        description: the question that it answers.
        rows: panels in rows; each row is as high as its highest panel.
        variables: choices above it.
        annotations: (name, Flux, meaning of its colour).
        since: where the range begins.
    """

    uid: str
    title: str
    description: str
    rows: tuple[tuple[Panel, ...], ...]
    variables: tuple[Variable, ...] = ()
    annotations: tuple[tuple[str, str, str], ...] = ()
    since: str = "now-24h"

    def as_json(self, places: Places) -> Json:
        """Return Grafana's JSON."""
        panels: list[Json] = []
        y = 0
        for row in self.rows:
            x = 0
            for panel in row:
                if x + panel.width > WIDTH:
                    raise ValueError(f"{self.title}: {panel.title!r} does not fit into its row")
                panels.append(panel.as_json(len(panels) + 1, x, y))
                x += panel.width
            y += max(panel.height for panel in row)
        return {
            "uid": self.uid,
            "title": self.title,
            "description": self.description,
            "tags": [TAG],
            "timezone": "",
            "editable": True,
            "graphTooltip": 1,
            "schemaVersion": SCHEMA_VERSION,
            "refresh": "1m",
            "time": {"from": self.since, "to": "now"},
            "templating": {"list": [one.as_json() for one in self.variables]},
            "annotations": {"list": [_annotation(*one) for one in self.annotations]},
            "links": _links(places),
            "panels": panels,
        }


def site_variable(buckets: Buckets) -> Variable:
    """Return the choice of sites."""
    query = f"{read(buckets.daily, 'range(start: 0)', 'machine', one_of('site'))}\n  |> group()\n  |> distinct()"
    return Variable("site", "Site", f'{query}\n  |> rename(columns: {{_value: "site"}})', several=True)


def machine_variable(buckets: Buckets) -> Variable:
    """Return the choice of one machine: people read its name, queries get its asset id."""
    condition = one_of("display_name", "site")
    query = (
        f"{read(buckets.daily, 'range(start: 0)', 'machine', condition)}\n  |> group()"
        '\n  |> pivot(rowKey: ["asset"], columnKey: ["_field"], valueColumn: "_value")'
        f"\n  |> filter(fn: (r) => {SITE})"
        '\n  |> map(fn: (r) => ({choice: r.display_name + " | " + r.asset}))'
    )
    return Variable("machine", "Machine", query, expression=r"/(?<text>.+) \| (?<value>.+)/")


def _annotation(name: str, query: str, meaning: str) -> Json:
    return {
        "name": name,
        "datasource": SOURCE,
        "enable": True,
        "hide": False,
        "iconColor": colour(meaning),
        "target": {"refId": "Anno", "query": query},
    }


def _links(places: Places) -> list[Json]:
    usual: Json = {"asDropdown": False, "icon": "external link", "targetBlank": False, "tooltip": ""}
    return [
        usual
        | {
            "type": "dashboards",
            "title": "plantpulse",
            "tags": [TAG],
            "url": "",
            "asDropdown": True,
            "includeVars": True,
            "keepTime": True,
        },
        usual
        | {
            "type": "link",
            "title": "Console",
            "tags": [],
            "url": places.console,
            "tooltip": "acknowledge, shelve, evidence, spectra",
            "includeVars": False,
            "keepTime": False,
        },
    ]


def _all_of_them() -> dict[str, Any]:
    return {"selected": True, "text": ["All"], "value": ["$__all"]}
