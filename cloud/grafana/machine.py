"""Dashboard: is this machine getting worse, and why? Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloud.grafana.boards import Dashboard, Variable, machine_variable, site_variable
from cloud.grafana.flux import IN_RANGE, MACHINE, Buckets, one_of, read, series, windowed
from cloud.grafana.palette import QUIET, colour
from cloud.grafana.panels import Column, Kind, Limit, Panel
from cloud.grafana.words import HEALTH_LIMITS, SCORE_LIMITS, STATES, ZONES
from models.diagnosis.iso20816 import BOUNDARIES_MM_S

if TYPE_CHECKING:
    from cloud.grafana.boards import Places


def machine(places: Places) -> Dashboard:
    """Return the dashboard."""
    buckets = places.buckets
    return Dashboard(
        uid="plantpulse-machine",
        title="plantpulse machine",
        description="Is it getting worse, and why? One machine: condition, vibration, any feature, operating states.",
        variables=(site_variable(buckets), machine_variable(buckets), _feature(buckets), _limits()),
        annotations=(
            ("Alarms", _alarms(buckets, active=1), "urgent"),
            ("Alarms gone", _alarms(buckets, active=0), "ink-2"),
        ),
        since="now-7d",
        rows=(
            (_score(places), _health(buckets), _zone(buckets)),
            (_velocity(buckets), _chosen(buckets)),
            (_states(buckets),),
            (_years(buckets), _learning(buckets)),
        ),
    )


def _feature(buckets: Buckets) -> Variable:
    keys = (
        f'import "influxdata/influxdb/schema"\n\nschema.measurementFieldKeys(bucket: "{buckets.summaries}",'
        ' measurement: "summary", start: -7d)\n'
        # Points and features are joined by a slash; Min and Max are their extremes, the rest is about the summary.
        "  |> filter(fn: (r) => r._value =~ /\\// and r._value !~ /\\/(Min|Max)$/)\n  |> group()\n"
        '  |> rename(columns: {_value: "feature"})'
    )
    return Variable("feature", "Feature", keys)


def _limits() -> Variable:
    """Return the choice of ISO 20816-3's table: which one a machine is in stands on the gateway, not in InfluxDB."""
    rows = sorted(BOUNDARIES_MM_S.items(), key=lambda item: (item[0][0] != 2, item[0][1].value != "rigid"))
    values = ",".join(
        f"group {group} {support.value} : {'|'.join(f'{limit:g}' for limit in limits)}"
        for (group, support), limits in rows
    )
    return Variable("zones", "ISO 20816-3", values, kind="custom")


def _alarms(buckets: Buckets, *, active: int) -> str:
    fields = one_of("active", "severity", "label", "sentence")
    return (
        f"{read(buckets.hourly, IN_RANGE, 'alarm', MACHINE, fields)}\n"
        '  |> pivot(rowKey: ["_time", "component", "family"], columnKey: ["_field"], valueColumn: "_value")\n'
        f"  |> filter(fn: (r) => r.active == {active})\n  |> group()\n"
        "  |> map(fn: (r) => ({time: r._time, title: r.label, text: r.sentence, tags: r.severity}))"
    )


def _score(places: Places) -> Panel:
    query = read(places.buckets.summaries, IN_RANGE, "summary", MACHINE, 'r._field == "score"')
    return Panel(
        Kind.TREND,
        "Score against the alarm limit",
        "How unlike its healthy self it is, the highest in each stretch of time. The dashed line at 1 is the alarm "
        "limit. Absent while it is not judged.",
        "suffix:× limit",
        (series(f"{query}\n  |> {windowed('max')}", "machine"),),
        width=12,
        height=8,
        decimals=2,
        limits=SCORE_LIMITS,
        lines=True,
        lowest=0.0,
        name="score",
        links=(("evidence in the console", f"{places.console}/machines/${{machine}}"),),
    )


def _health(buckets: Buckets) -> Panel:
    query = read(buckets.summaries, IN_RANGE, "summary", MACHINE, 'r._field == "health_index"')
    return Panel(
        Kind.TREND,
        "Health",
        "Health index: 100 is like its baseline. Absent while it is not judged.",
        "suffix:of 100",
        (series(f"{query}\n  |> {windowed('mean')}", "machine"),),
        width=8,
        height=8,
        decimals=0,
        limits=HEALTH_LIMITS,
        lowest=0.0,
        highest=100.0,
        name="health",
    )


def _zone(buckets: Buckets) -> Panel:
    query = read(buckets.summaries, "range(start: -90d)", "summary", MACHINE, 'r._field == "zone"')
    newest = '|> group()\n  |> sort(columns: ["_time"])\n  |> last()\n  |> map(fn: (r) => ({zone: r._value}))'
    return Panel(
        Kind.STAT,
        "Zone by ISO 20816-3",
        "Zone of the newest summary that has one, from the velocity RMS at the worst point. Empty where machine group "
        "and support are not configured on the gateway.",
        "string",
        (f"{query}\n  {newest}",),
        width=4,
        height=8,
        words=ZONES,
        options={"reduceOptions": {"calcs": ["lastNotNull"], "fields": "/.*/", "values": False}},
    )


def _velocity(buckets: Buckets) -> Panel:
    query = read(buckets.summaries, IN_RANGE, "summary", MACHINE, r"r._field =~ /\/velocity_rms$/")
    edges = ", ".join(
        f'edge(at: {at}, number: {number}, name: "{name}")'
        for number, name in enumerate(("A|B", "B|C", "C|D"))
        for at in ("v.timeRangeStart", "v.timeRangeStop")
    )
    zones = (
        'import "array"\nimport "strings"\n\nlimits = strings.split(v: "${zones}", t: "|")\n'
        "edge = (at, number, name) =>\n"
        '  array.from(rows: [{_time: at, _value: float(v: limits[number]), _measurement: "zones", _field: name}])\n\n'
        f'union(tables: [{edges}])\n  |> group(columns: ["_measurement", "_field"])\n  |> sort(columns: ["_time"])'
    )
    dashed = {"custom.lineStyle": {"fill": "dash", "dash": [8, 6]}, "custom.spanNulls": True}
    return Panel(
        Kind.TREND,
        "Velocity RMS with the zones of ISO 20816-3",
        "Velocity RMS, 10 to 1000 Hz, at every point, with the upper limits of zones A, B and C for the group and "
        "support chosen above. The console knows which table a machine is in; choose the same here.",
        "suffix:mm/s",
        (series(f"{query}\n  |> {windowed('mean')}"), zones),
        width=12,
        height=10,
        decimals=2,
        lowest=0.0,
        name="${__field.name}",
        columns=(
            Column("A|B", dashed | {"color": {"mode": "fixed", "fixedColor": colour(QUIET)}}),
            Column("B|C", dashed | {"color": {"mode": "fixed", "fixedColor": colour("high")}}),
            Column("C|D", dashed | {"color": {"mode": "fixed", "fixedColor": colour("urgent")}}),
        ),
    )


def _chosen(buckets: Buckets) -> Panel:
    def query(suffix: str, how: str, name: str) -> str:
        condition = f'r._field == "${{feature}}{suffix}"'
        thinned = f"{read(buckets.summaries, IN_RANGE, 'summary', MACHINE, condition)}\n  |> {windowed(how)}"
        # A name of our own: overrides know no variables.
        return series(f'{thinned}\n  |> map(fn: (r) => ({{r with _field: "{name}"}}))', "machine")

    thin = {"custom.lineWidth": 0, "custom.fillBelowTo": "lowest window", "custom.fillOpacity": 15}
    return Panel(
        Kind.TREND,
        "${feature}",
        "The feature chosen above: mean over the windows of each summary, with the lowest and the highest window. Its "
        "unit stands with its trend in the console, InfluxDB does not keep units.",
        "short",
        (
            query("", "mean", "mean"),
            query("/Min", "min", "lowest window"),
            query("/Max", "max", "highest window"),
        ),
        width=12,
        height=10,
        name="${__field.name}",
        columns=(Column("highest window", thin), Column("lowest window", {"custom.lineWidth": 0})),
    )


def _states(buckets: Buckets) -> Panel:
    query = read(buckets.summaries, IN_RANGE, "summary", MACHINE, one_of("state", "zone"))
    return Panel(
        Kind.STATES,
        "Operating state and zone",
        "What the machine was doing, and its zone by ISO 20816-3, on the same time axis as above.",
        "string",
        (series(f"{query}\n  |> {windowed('last')}"),),
        width=24,
        height=5,
        limits=(Limit(None, QUIET),),
        name="${__field.name}",
        words=STATES + ZONES,
    )


def _years(buckets: Buckets) -> Panel:
    condition = 'r._field == "${feature}"'
    return Panel(
        Kind.TREND,
        "${feature}, hour by hour, running only",
        "Hourly means of the feature chosen above while the machine ran steadily: standstill is not averaged in. Kept "
        "for five years.",
        "short",
        (series(f"{read(buckets.hourly, IN_RANGE, 'hour', MACHINE, condition)}\n  |> {windowed('mean')}", "machine"),),
        width=16,
        height=8,
        name="${__field.name}",
    )


def _learning(buckets: Buckets) -> Panel:
    query = read(buckets.summaries, IN_RANGE, "summary", MACHINE, 'r._field == "learning_progress"')
    return Panel(
        Kind.TREND,
        "Learning",
        "How far the baseline is learnt; before it is complete nothing is judged.",
        "percentunit",
        (series(f"{query}\n  |> {windowed('last')}", "machine"),),
        width=8,
        height=8,
        decimals=0,
        limits=(Limit(None, "uncertain"), Limit(1.0, QUIET)),
        lowest=0.0,
        highest=1.0,
        name="learnt",
    )
