"""Dashboard: what leaves the plant, against the budget of a thousandth of what was measured. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cloud.grafana.boards import Dashboard, site_variable
from cloud.grafana.flux import IN_RANGE, SITE, one_of, read, series, windowed
from cloud.grafana.palette import QUIET
from cloud.grafana.panels import BASE, Kind, Limit, Panel

if TYPE_CHECKING:
    from cloud.grafana.boards import Places
    from cloud.grafana.flux import Buckets

BUDGET: Final = 0.001
"""At least 99.9 % fewer bytes than the raw stream, everything included: what the product promises."""
BUDGET_LIMITS: Final = (BASE, Limit(BUDGET, "high"))
GATEWAY: Final = "${__field.labels.gateway}"
COUNTERS: Final = one_of("Health/SentBytes", "Health/RawBytes")


def egress(places: Places) -> Dashboard:
    """Return the dashboard."""
    buckets = places.buckets
    return Dashboard(
        uid="plantpulse-egress",
        title="plantpulse egress",
        description="What leaves the plant, against the budget of a thousandth of what was measured.",
        variables=(site_variable(buckets),),
        rows=(
            (_share_now(buckets), _total(buckets, "Sent"), _total(buckets, "Raw")),
            (_share(buckets),),
            (_rate(buckets, "Sent"), _rate(buckets, "Raw")),
        ),
    )


def increases(bucket: str, span: str, *conditions: str) -> str:
    """Return how much the counters of sent and measured bytes grew in a span, per gateway, in columns.

    A gateway that is installed anew counts from nothing; what it counted in between is not made up.
    """
    return (
        f"{read(bucket, span, 'reading', COUNTERS, *conditions)}\n"
        "  |> difference(nonNegative: true)\n  |> sum()\n"
        '  |> group(columns: ["gateway"])\n'
        '  |> pivot(rowKey: ["gateway"], columnKey: ["_field"], valueColumn: "_value")\n'
        '  |> rename(columns: {"Health/SentBytes": "sent", "Health/RawBytes": "raw"})'
    )


def _share_now(buckets: Buckets) -> Panel:
    query = (
        f"{increases(buckets.summaries, IN_RANGE, SITE)}\n  |> group()\n"
        "  |> reduce(identity: {sent: 0.0, raw: 0.0},"
        " fn: (r, accumulator) => ({sent: accumulator.sent + r.sent, raw: accumulator.raw + r.raw}))\n"
        "  |> map(fn: (r) => ({share: if r.raw > 0.0 then r.sent / r.raw else 0.0}))"
    )
    return Panel(
        Kind.STAT,
        "Share of the raw stream",
        "Bytes on the sockets in both directions, evidence, health and handshakes included, per byte that the sensors "
        "measured, in the chosen time. The budget is 0.1 %.",
        "percentunit",
        (query,),
        width=8,
        height=5,
        decimals=3,
        limits=BUDGET_LIMITS,
    )


def _total(buckets: Buckets, what: str) -> Panel:
    said = {
        "Sent": ("Sent and received", "Bytes on the gateways' sockets, both directions, in the chosen time."),
        "Raw": ("Measured", "Samples times the word size of the sensor, in the chosen time."),
    }
    title, description = said[what]
    counter = one_of(f"Health/{what}Bytes")
    query = (
        f"{read(buckets.summaries, IN_RANGE, 'reading', counter, SITE)}\n"
        "  |> difference(nonNegative: true)\n  |> sum()\n  |> group()\n  |> sum()\n"
        '  |> rename(columns: {_value: "bytes"})'
    )
    return Panel(
        Kind.STAT, title, description, "decbytes", (query,), width=8, height=5, decimals=2, limits=(Limit(None, QUIET),)
    )


def _share(buckets: Buckets) -> Panel:
    hourly = "aggregateWindow(every: 1h, fn: sum, createEmpty: false)"
    query = (
        f"{read(buckets.summaries, IN_RANGE, 'reading', COUNTERS, SITE)}\n"
        '  |> group(columns: ["gateway", "_field"])\n  |> sort(columns: ["_time"])\n'
        f"  |> difference(nonNegative: true)\n  |> {hourly}\n"
        '  |> group(columns: ["gateway"])\n'
        '  |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")\n'
        '  |> filter(fn: (r) => exists r["Health/SentBytes"] and exists r["Health/RawBytes"])\n'
        '  |> filter(fn: (r) => r["Health/RawBytes"] > 0.0)\n'
        '  |> map(fn: (r) => ({_time: r._time, gateway: r.gateway, _measurement: "reading", _field: "share",'
        ' _value: r["Health/SentBytes"] / r["Health/RawBytes"]}))'
    )
    return Panel(
        Kind.TREND,
        "Share of the raw stream per hour, with the budget",
        "Hour by hour per gateway. The dashed line is the budget of 0.1 %; an hour with evidence may lie above it, a "
        "day should not. Hours in which nothing was measured are left out.",
        "percentunit",
        (series(query, "gateway"),),
        width=24,
        height=9,
        decimals=3,
        limits=BUDGET_LIMITS,
        lines=True,
        lowest=0.0,
        name=GATEWAY,
    )


def _rate(buckets: Buckets, what: str) -> Panel:
    title = {"Sent": "Sent and received", "Raw": "Measured"}[what]
    query = read(buckets.summaries, IN_RANGE, "reading", one_of(f"Health/{what}Bytes"), SITE)
    rate = "derivative(unit: 1s, nonNegative: true)"
    return Panel(
        Kind.TREND,
        f"{title} per second",
        "Rate of the gateway's own counter; a restart of the agent leaves no dip, because counters are kept on disk.",
        "Bps",
        (series(f"{query}\n  |> {rate}\n  |> {windowed('mean')}", "gateway"),),
        width=12,
        height=8,
        decimals=1,
        lowest=0.0,
        name=GATEWAY,
    )
