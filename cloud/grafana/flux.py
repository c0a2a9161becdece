"""Flux for the schema of docs/influxdb.md: where a query begins, what a machine is called, what an alarm is now. Pure.

How Grafana reads an answer decides the form of a query. With a column `_value` and a time it becomes time series: each
group a series, the other text columns its labels, so only labels that are wanted may stay. Without `_value` it becomes
a table, one per group, so a table ends with `group()`. A query of a variable takes the first text column of the first
table.

Source: Grafana, data source InfluxDB, template variables and Flux support (`v.timeRangeStart`, `v.windowPeriod`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SITE: Final = "r.site =~ /^${site:regex}$/"
"""The sites that are chosen; all of them is the expression `.*`."""
MACHINE: Final = 'r.asset == "${machine}"'
IN_RANGE: Final = "range(start: v.timeRangeStart, stop: v.timeRangeStop)"
FOR_GOOD: Final = "range(start: 0)"

PLACE_FIELDS: Final = ("display_name", "site", "area", "line", "machine", "class", "gateway", "criticality")


@dataclass(frozen=True, slots=True)
class Buckets:
    """The three buckets of a cloud."""

    prefix: str = "plantpulse"

    @property
    def summaries(self) -> str:
        """Return the bucket of summaries and readings."""
        return f"{self.prefix}_summaries"

    @property
    def hourly(self) -> str:
        """Return the bucket of hourly rollups and alarms."""
        return f"{self.prefix}_hourly"

    @property
    def daily(self) -> str:
        """Return the bucket of daily rollups and of what is latest."""
        return f"{self.prefix}_daily"


def read(bucket: str, span: str, measurement: str, *conditions: str) -> str:
    """Return the beginning of a query.

    >>> print(read("b", "range(start: -1h)", "summary", 'r.asset == "x"'))
    from(bucket: "b")
      |> range(start: -1h)
      |> filter(fn: (r) => r._measurement == "summary" and r.asset == "x")
    """
    every = " and ".join((f'r._measurement == "{measurement}"', *conditions))
    return f'from(bucket: "{bucket}")\n  |> {span}\n  |> filter(fn: (r) => {every})'


def one_of(*fields: str) -> str:
    """Return the condition that a row is of one of these fields.

    >>> one_of("score", "zone")
    '(r._field == "score" or r._field == "zone")'
    """
    return "(" + " or ".join(f'r._field == "{name}"' for name in fields) + ")"


def series(query: str, *labels: str) -> str:
    """Return a query that ends in time series with these labels alone."""
    kept = ", ".join(f'"{name}"' for name in ("_time", "_value", "_field", "_measurement", *labels))
    groups = ", ".join(f'"{name}"' for name in ("_measurement", "_field", *labels))
    return f"{query}\n  |> keep(columns: [{kept}])\n  |> group(columns: [{groups}])"


def windowed(how: str) -> str:
    """Return the thinning to what a panel can show; nothing is invented where nothing was measured."""
    return f"aggregateWindow(every: v.windowPeriod, fn: {how}, createEmpty: false)"


def names(buckets: Buckets) -> str:
    """Return a table of every machine: asset, what people call it, where it is, how critical."""
    wide = read(buckets.daily, FOR_GOOD, "machine", one_of(*PLACE_FIELDS))
    columns = ",\n    ".join(
        f'{name}: if exists r.{name} then r.{name} else "{otherwise}"'
        for name, otherwise in (
            ("display_name", ""),
            ("site", ""),
            ("gateway", ""),
            ("criticality", "medium"),
        )
    )
    return (
        f'{wide}\n  |> group(columns: ["asset", "_field"])\n  |> last()'
        '\n  |> group(columns: ["asset"])\n  |> pivot(rowKey: ["asset"], columnKey: ["_field"], valueColumn: "_value")'
        f"\n  |> group()\n  |> map(fn: (r) => ({{asset: r.asset,\n    {columns}}}))"
    )


def newest(buckets: Buckets, span: str, *fields: str, where: str = "true") -> str:
    """Return a table of the newest summary's fields per machine, with `end_ms`.

    A machine that was renamed has a series for each name: the one that ends last is it now. Where a summary has no
    score or no zone, that of an earlier one is not shown as if it were new.
    """
    conditions = [one_of("end_ms", *fields)] + ([where] if where != "true" else [])
    return (
        f"{read(buckets.summaries, span, 'summary', *conditions)}\n  |> last()"
        '\n  |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")'
        '\n  |> filter(fn: (r) => exists r.end_ms)\n  |> group(columns: ["asset"])\n  |> sort(columns: ["end_ms"])'
        '\n  |> last(column: "end_ms")\n  |> group()'
    )


def conditions_now(buckets: Buckets, span: str, *fields: str) -> str:
    """Return statements that end with `conditions`: each (asset, component, family) as its gateway last reported it.

    With it stand its machine's names and criticality, and the priority that follows: severity stepped up by
    criticality (models/contract/vocabulary.py). It is not a field, because people change criticality afterwards.
    """
    condition = read(buckets.hourly, span, "alarm", one_of("active", "level", *fields))
    columns = ("_time", "asset", "component", "family", "active", "level", *fields)
    kept = ", ".join(f'"{name}"' for name in columns)
    return (
        f"machines = {names(buckets)}\n\nalarms = {condition}\n"
        '  |> last()\n  |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")'
        f'\n  |> keep(columns: [{kept}])\n  |> group(columns: ["asset", "component", "family"])'
        '\n  |> sort(columns: ["_time"])\n  |> last(column: "level")\n  |> group()'
        '\n\nconditions = join(tables: {a: alarms, m: machines}, on: ["asset"])'
        "\n  |> map(fn: (r) => ({r with rank: int(v: r.level) - 1"
        ' + (if r.criticality == "high" then 2 else if r.criticality == "medium" then 1 else 0)}))'
        '\n  |> map(fn: (r) => ({r with priority: if r.rank >= 3 then "urgent" else if r.rank == 2 then "high"'
        ' else if r.rank == 1 then "medium" else "low"}))\n'
    )


def count_of_conditions(buckets: Buckets, span: str, condition: str) -> str:
    """Return how many conditions of the chosen sites are like this; 0 where there is none: a blank is no answer."""
    return (
        f'import "array"\n\n{conditions_now(buckets, span)}\nfound = conditions\n'
        f"  |> filter(fn: (r) => {SITE})\n  |> map(fn: (r) => ({{count: if {condition} then 1 else 0}}))\n\n"
        'union(tables: [found, array.from(rows: [{count: 0}])])\n  |> sum(column: "count")'
    )
