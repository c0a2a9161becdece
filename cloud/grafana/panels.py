"""Panels as dataclasses and as Grafana's JSON: what each shows, in which unit, with which limits and colours. Pure.

Source: Grafana's dashboard schema, kinds `Panel`, `FieldConfig` and the panel plugins' `PanelCfg`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from cloud.grafana.palette import QUIET, colour

if TYPE_CHECKING:
    from collections.abc import Mapping

SOURCE_UID: Final = "plantpulse-influxdb"
SOURCE: Final = {"type": "influxdb", "uid": SOURCE_UID}

Json = dict[str, Any]


class Kind(StrEnum):
    """Kinds of panels, by the name of Grafana's plugin."""

    TREND = "timeseries"
    STATES = "state-timeline"
    TABLE = "table"
    STAT = "stat"


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit and what lies beyond it means; the first one of a panel has no value: it is where everything begins."""

    value: float | None
    meaning: str


BASE: Final = Limit(None, QUIET)


@dataclass(frozen=True, slots=True)
class Column:
    """How one field, or every field whose name matches an expression, differs from the panel's defaults.

    Attributes:
        name: of the field, or an expression between slashes.
        properties: Grafana's property ids with their values.
    """

    name: str
    properties: Mapping[str, Any]

    def as_json(self) -> Json:
        """Return it as an override."""
        matcher = "byRegexp" if self.name.startswith("/") else "byName"
        return {
            "matcher": {"id": matcher, "options": self.name},
            "properties": [{"id": name, "value": value} for name, value in self.properties.items()],
        }


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel.

    Attributes:
        kind: of it.
        title: what it shows, in words.
        description: what a person must know to read it.
        unit: Grafana's unit id, or `suffix:text`.
        queries: Flux.
        width: columns of 24.
        height: rows of 30 px.
        decimals: how many are shown.
        limits: thresholds, beginning with `BASE`.
        lines: whether limits are drawn as lines.
        lowest, highest: ends of the axis, where the quantity has ends.
        name: of a series, from its labels.
        columns: overrides.
        words: text that stands for a value, with the meaning of its colour; an expression between slashes matches.
        links: (title, address) of a click on a value.
        options: of the panel's plugin beside the usual ones.
    """

    kind: Kind
    title: str
    description: str
    unit: str
    queries: tuple[str, ...]
    width: int
    height: int
    decimals: int | None = None
    limits: tuple[Limit, ...] = (BASE,)
    lines: bool = False
    lowest: float | None = None
    highest: float | None = None
    name: str | None = None
    columns: tuple[Column, ...] = ()
    words: tuple[tuple[str, str, str], ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self, number: int, x: int, y: int) -> Json:
        """Return Grafana's JSON.

        Args:
            number: id within the dashboard.
            x: column of its left edge.
            y: row of its upper edge.
        """
        return {
            "id": number,
            "type": self.kind.value,
            "title": self.title,
            "description": self.description,
            "datasource": SOURCE,
            "gridPos": {"x": x, "y": y, "w": self.width, "h": self.height},
            "targets": [
                {"refId": chr(ord("A") + index), "datasource": SOURCE, "query": query}
                for index, query in enumerate(self.queries)
            ],
            "fieldConfig": {"defaults": self._defaults(), "overrides": [one.as_json() for one in self.columns]},
            "options": _options(self.kind) | dict(self.options),
        }

    def _defaults(self) -> Json:
        found: Json = {
            "unit": self.unit,
            "thresholds": {
                "mode": "absolute",
                "steps": [{"value": one.value, "color": colour(one.meaning)} for one in self.limits],
            },
            "color": {"mode": "palette-classic" if self.kind is Kind.TREND else "thresholds"},
            "custom": self._custom(),
        }
        optional = {
            "decimals": self.decimals,
            "min": self.lowest,
            "max": self.highest,
            "displayName": self.name,
        }
        found |= {name: value for name, value in optional.items() if value is not None}
        if self.words:
            found["mappings"] = [_word(index, *word) for index, word in enumerate(self.words)]
        if self.links:
            found["links"] = [{"title": title, "url": url, "targetBlank": False} for title, url in self.links]
        return found

    def _custom(self) -> Json:
        if self.kind is Kind.TREND:
            return {
                "drawStyle": "line",
                "lineInterpolation": "linear",
                "lineWidth": 1,
                "fillOpacity": 0,
                "showPoints": "auto",
                # A gap in the data is a gap in the line; five minutes are five usual intervals.
                "spanNulls": 300_000,
                "thresholdsStyle": {"mode": "dashed" if self.lines else "off"},
            }
        return {"fillOpacity": 90, "lineWidth": 0} if self.kind is Kind.STATES else {}


def words_as_mappings(*words: tuple[str, str, str]) -> list[Json]:
    """Return mappings for an override: (text or expression, what is shown, meaning of its colour)."""
    return [_word(index, *word) for index, word in enumerate(words)]


def _word(index: int, text: str, shown: str, meaning: str) -> Json:
    result = {"text": shown, "color": colour(meaning), "index": index}
    if text.startswith("/"):
        return {"type": "regex", "options": {"pattern": text, "result": result}}
    return {"type": "value", "options": {text: result}}


def _options(kind: Kind) -> Json:
    """Return the usual options of a kind of panel."""
    reduce = {"calcs": ["lastNotNull"], "fields": "", "values": False}
    table: dict[Kind, Json] = {
        Kind.TREND: {
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
        Kind.STATES: {
            "mergeValues": True,
            "showValue": "auto",
            "alignValue": "left",
            "rowHeight": 0.8,
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
            "tooltip": {"mode": "single", "sort": "none"},
        },
        Kind.TABLE: {"showHeader": True, "cellHeight": "sm"},
        Kind.STAT: {
            "reduceOptions": reduce,
            "colorMode": "value",
            "graphMode": "none",
            "justifyMode": "auto",
            "textMode": "auto",
            "orientation": "auto",
        },
    }
    return table[kind]
