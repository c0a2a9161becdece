"""Running a dashboard's queries against a real InfluxDB: what Grafana puts into them before it sends them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from support.influx import InfluxDaemon

Row = dict[str, str]


def ask(daemon: InfluxDaemon, query: str) -> list[Row]:
    """Return the rows of a query; one that fails after its first rows says so in a table of its own."""
    rows = daemon.flux(query)
    wrong = [row["error"] for row in rows if "error" in row]
    assert not wrong, f"{wrong[0]}: {query}"
    return rows


def interpolated(query: str, values: Mapping[str, str], span: timedelta, step: str = "5m") -> str:
    """Return a query with a range that ends now and the values of the variables.

    Source: Grafana, pkg/tsdb/influxdb/flux/macros.go: the words `v.…` are replaced by text before the query is sent.
    """
    now = datetime.now(UTC)
    words = {
        "v.timeRangeStart": _rfc3339(now - span),
        "v.timeRangeStop": _rfc3339(now),
        "v.windowPeriod": step,
    }
    for word, text in words.items():
        query = query.replace(word, text)
    return re.sub(r"\$\{(\w+)(?::regex)?\}", lambda match: values[match[1]], query)


def chosen_values(dashboard: Mapping[str, Any], daemon: InfluxDaemon, span: timedelta, machine: str) -> dict[str, str]:
    """Return a value for each variable, as its own query or its own list offers it.

    Args:
        dashboard: as it is generated.
        daemon: the InfluxDB.
        span: of time.
        machine: name of the one to choose.
    """
    values: dict[str, str] = {}
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "custom":
            values[variable["name"]] = variable["query"].split(",")[0].partition(" : ")[2]
            continue
        offered = offers(variable, ask(daemon, interpolated(variable["query"], values, span)))
        assert offered, f"{dashboard['title']}: nothing to choose for {variable['name']}"
        if variable.get("includeAll"):
            values[variable["name"]] = variable["allValue"]
        elif variable["name"] == "machine":
            values["machine"] = offered[machine]
        else:
            wished = [value for value in offered.values() if value.endswith("/velocity_rms")]
            values[variable["name"]] = wished[0]
    return values


def offers(variable: Mapping[str, Any], rows: list[Row]) -> dict[str, str]:
    """Return value by text of a variable's answer: the first column of text, through its expression."""
    found = {}
    for row in rows:
        column = next(name for name in row if name not in {"", "result", "table", "_start", "_stop"})
        text = value = row[column]
        if expression := variable["regex"]:
            match = re.fullmatch(expression.strip("/").replace("(?<", "(?P<"), row[column])
            assert match, f"{row[column]!r} does not fit {expression}"
            text, value = match["text"], match["value"]
        found[text] = value
    return found


def queries(dashboard: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield name and text of every query of a dashboard's panels and annotations."""
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            yield f"{panel['title']} {target['refId']}", target["query"]
    for annotation in dashboard["annotations"]["list"]:
        yield f"annotation {annotation['name']}", annotation["target"]["query"]


def as_grafana_reads(query: str, rows: list[Row]) -> str:
    """Return `series` or `table`, whichever Grafana makes of an answer; fails where it can make nothing of it.

    Source: Grafana, pkg/tsdb/influxdb/flux/builder.go: `_value` with a time is a series with text labels, and anything
    else a table of one frame for each group.
    """
    columns = set(rows[0]) - {"", "result"}
    if "_value" in columns:
        assert "_time" in columns, f"a series needs a time: {query}"
        assert {"_start", "_stop"}.isdisjoint(columns), f"the range must not become a label: {query}"
        return "series"
    assert {row["table"] for row in rows} == {"0"}, f"a table must be one group: {query}"
    return "table"


def _rfc3339(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
