"""Dashboard: is anything of ours broken? Outbox, drops, clock, processor and memory of every gateway. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloud.grafana.boards import Dashboard, site_variable
from cloud.grafana.flux import IN_RANGE, SITE, one_of, read, series, windowed
from cloud.grafana.palette import colour
from cloud.grafana.panels import BASE, Column, Kind, Limit, Panel
from cloud.grafana.words import AGE_LIMITS

if TYPE_CHECKING:
    from cloud.grafana.boards import Places
    from cloud.grafana.flux import Buckets

GATEWAY = "${__field.labels.gateway}"

CLOCK_LIMIT_S = 0.1
"""Where the agent itself calls a clock no longer synchronised is configured there; a tenth of a second is what an
order of events across machines bears."""


def gateways(places: Places) -> Dashboard:
    """Return the dashboard."""
    buckets = places.buckets
    return Dashboard(
        uid="plantpulse-gateways",
        title="plantpulse gateways",
        description="Is anything of ours broken? What gateways say about themselves, once a minute.",
        variables=(site_variable(buckets),),
        rows=(
            (_list(places),),
            (_pending(buckets), _outbox(buckets)),
            (_dropped(buckets), _clock(buckets)),
            (_processor(buckets), _memory(buckets), _windows(buckets)),
        ),
    )


def _list(places: Places) -> Panel:
    fields = one_of("Outbox/Pending", "Health/OutboxBytes", "Health/CpuPercent", "Health/RssMb", "Clock/Offset")
    query = (
        f"{read(places.buckets.summaries, 'range(start: -30d)', 'reading', fields, SITE)}\n"
        '  |> last()\n  |> group(columns: ["gateway"])\n'
        '  |> pivot(rowKey: ["_time", "gateway"], columnKey: ["_field"], valueColumn: "_value")\n'
        '  |> sort(columns: ["_time"])\n  |> last(column: "Outbox/Pending")\n  |> group()\n'
        "  |> map(fn: (r) => ({r with age: float(v: int(v: now()) - int(v: r._time)) / 1000000000.0}))\n"
        '  |> drop(columns: ["_time"])\n  |> sort(columns: ["age"], desc: true)'
    )
    return Panel(
        Kind.TABLE,
        "Gateways, longest silent first",
        "What each gateway said last, within 30 days. Version, certificate and models are in the console.",
        "short",
        (query,),
        width=24,
        height=7,
        columns=(
            Column(
                "gateway",
                {
                    "displayName": "Gateway",
                    "links": [{"title": "console", "url": f"{places.console}/gateways/${{__data.fields.gateway}}"}],
                },
            ),
            Column(
                "age",
                {
                    "displayName": "Last heard",
                    "unit": "s",
                    "decimals": 0,
                    "custom.cellOptions": {"type": "color-text"},
                    "thresholds": {
                        "mode": "absolute",
                        "steps": [{"value": one.value, "color": _colour(one)} for one in AGE_LIMITS],
                    },
                },
            ),
            Column("Outbox/Pending", {"displayName": "Waiting records", "unit": "none", "decimals": 0}),
            Column("Health/OutboxBytes", {"displayName": "Outbox", "unit": "bytes", "decimals": 1}),
            Column("Health/CpuPercent", {"displayName": "Processor", "unit": "percent", "decimals": 1}),
            Column("Health/RssMb", {"displayName": "Memory", "unit": "decmbytes", "decimals": 0}),
            Column("Clock/Offset", {"displayName": "Clock off by", "unit": "s", "decimals": 3}),
        ),
    )


def _trend(
    buckets: Buckets, title: str, description: str, *, unit: str, condition: str, how: str = "max", **more: object
) -> Panel:
    query = read(buckets.summaries, IN_RANGE, "reading", condition, SITE)
    labels = ("gateway",)
    settings: dict[str, object] = {"width": 12, "height": 8, "lowest": 0.0, "name": GATEWAY} | more
    return Panel(
        Kind.TREND,
        title,
        description,
        unit,
        (series(f"{query}\n  |> {windowed(how)}", *labels),),
        **settings,  # type: ignore[arg-type]  # the caller's fields fit
    )


def _pending(buckets: Buckets) -> Panel:
    return _trend(
        buckets,
        "Records waiting in the outbox",
        "Records that a gateway has decided and the cloud has not stored yet. Growing: the connection or the cloud is "
        "away; nothing is lost while there is room.",
        unit="suffix:records",
        condition='r._field == "Outbox/Pending"',
        decimals=0,
    )


def _outbox(buckets: Buckets) -> Panel:
    return _trend(
        buckets,
        "Size of the outbox",
        "Bytes on the gateway's disk that wait to be stored in the cloud.",
        unit="bytes",
        condition='r._field == "Health/OutboxBytes"',
        decimals=1,
    )


def _dropped(buckets: Buckets) -> Panel:
    dropped = read(buckets.summaries, IN_RANGE, "reading", r"r._field =~ /^Outbox\/Dropped\//", SITE)
    # A gateway names a reason once it has happened: until then its line is made from what it always says.
    none = (
        f"{read(buckets.summaries, IN_RANGE, 'reading', one_of('Outbox/Pending'), SITE)}\n  |> {windowed('last')}\n"
        '  |> map(fn: (r) => ({r with _field: "nothing", _value: 0.0}))'
    )
    return Panel(
        Kind.TREND,
        "Records dropped, by reason",
        "Counted since the gateway was installed; the line 'nothing' only says that it reports. Merged summaries are "
        "no loss, anything else needs a look.",
        "suffix:records",
        (series(f"{dropped}\n  |> {windowed('max')}", "gateway"), series(none, "gateway")),
        width=12,
        height=8,
        decimals=0,
        limits=(BASE, Limit(1.0, "high")),
        lowest=0.0,
        name="${__field.labels.gateway} ${__field.name}",
    )


def _clock(buckets: Buckets) -> Panel:
    return _trend(
        buckets,
        "Clock",
        "How far the gateway's clock is from its time servers; the dashed lines are a tenth of a second.",
        unit="s",
        condition='r._field == "Clock/Offset"',
        how="last",
        decimals=3,
        lowest=None,
        limits=(Limit(None, "high"), Limit(-CLOCK_LIMIT_S, "ink-2"), Limit(CLOCK_LIMIT_S, "high")),
        lines=True,
    )


def _processor(buckets: Buckets) -> Panel:
    return _trend(
        buckets,
        "Processor",
        "Share of one core that the agent takes.",
        unit="percent",
        condition='r._field == "Health/CpuPercent"',
        how="mean",
        decimals=1,
        width=8,
    )


def _memory(buckets: Buckets) -> Panel:
    return _trend(
        buckets,
        "Memory",
        "Resident memory of the agent.",
        unit="decmbytes",
        condition='r._field == "Health/RssMb"',
        decimals=0,
        width=8,
    )


def _windows(buckets: Buckets) -> Panel:
    query = read(buckets.summaries, IN_RANGE, "reading", 'r._field == "Health/Windows"', SITE)
    rate = "derivative(unit: 1m, nonNegative: true)"
    return Panel(
        Kind.TREND,
        "Windows judged per minute",
        "How much of the signal is looked at. Falling to nothing: a sensor, or the agent, has stopped.",
        "suffix:windows/min",
        (series(f"{query}\n  |> {rate}\n  |> {windowed('mean')}", "gateway"),),
        width=8,
        height=8,
        decimals=0,
        lowest=0.0,
        name=GATEWAY,
    )


def _colour(limit: Limit) -> str:
    return colour(limit.meaning)
