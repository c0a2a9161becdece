"""Dashboard: what needs me now? Every machine with its condition, worst first. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cloud.grafana.boards import Dashboard, site_variable
from cloud.grafana.flux import IN_RANGE, SITE, count_of_conditions, names, newest, one_of, read, series, windowed
from cloud.grafana.palette import QUIET, colour
from cloud.grafana.panels import BASE, Column, Kind, Limit, Panel, words_as_mappings
from cloud.grafana.words import AGE_LIMITS, HEALTH_LIMITS, SCORE_LIMITS, STALE_AFTER_S, STATES, ZONES

if TYPE_CHECKING:
    from cloud.grafana.boards import Places
    from cloud.grafana.flux import Buckets

ALARMS_SINCE: Final = "range(start: -365d)"
"""How far back an alarm that is still active may have been reported last."""
NOT_JUDGED: Final = ("-1", "not judged", "uncertain")
"""A table has a number in each row; neither score nor health can be -1."""
SHOWN: Final = 20
"""Lines that a chart of the fleet bears; with a thousand of them nobody sees the one that matters."""
TO_MACHINE: Final = "/d/plantpulse-machine?var-machine=${__field.labels.asset}&${__url_time_range}"


def fleet(places: Places) -> Dashboard:
    """Return the dashboard."""
    return Dashboard(
        uid="plantpulse-fleet",
        title="plantpulse fleet",
        description="What needs me now? Every machine with its condition, worst first.",
        variables=(site_variable(places.buckets),),
        rows=(
            _numbers(places.buckets),
            (_machines(places),),
            (_health(places.buckets), _score(places.buckets)),
            (_states(places.buckets),),
        ),
    )


def _numbers(buckets: Buckets) -> tuple[Panel, ...]:
    machines = f"{read(buckets.daily, 'range(start: 0)', 'machine', one_of('site'))}\n  |> group()"
    in_sites = (
        "|> filter(fn: (r) => r._value =~ /^${site:regex}$/)\n  |> count()\n  |> map(fn: (r) => ({count: r._value}))"
    )
    return (
        Panel(
            Kind.STAT,
            "Machines",
            "Machines that the cloud has ever heard of at the chosen sites.",
            "suffix:machines",
            (f"{machines}\n  {in_sites}",),
            width=6,
            height=4,
            decimals=0,
        ),
        _active(buckets, "Danger", "stop or act now", 3, "urgent"),
        _active(buckets, "Alert", "plan what to do", 2, "high"),
        Panel(
            Kind.STAT,
            "Without data",
            f"Machines whose newest summary ended more than {STALE_AFTER_S // 60} minutes ago, within 90 days: "
            "the sensor, the gateway or the network is silent. Nothing is known about them now.",
            "suffix:machines",
            (_silent(buckets),),
            width=6,
            height=4,
            decimals=0,
            limits=(BASE, Limit(1.0, "stale")),
        ),
    )


def _silent(buckets: Buckets) -> str:
    """Return how many machines have no new data."""
    return (
        f"{newest(buckets, 'range(start: -90d)', 'windows', where=SITE)}\n"
        f"  |> map(fn: (r) => ({{silent: if r.end_ms < {_ms_ago(STALE_AFTER_S)} then 1 else 0}}))\n"
        '  |> sum(column: "silent")'
    )


def _active(buckets: Buckets, title: str, advice: str, level: int, meaning: str) -> Panel:
    query = count_of_conditions(buckets, ALARMS_SINCE, f"r.active == 1 and r.level == {level}")
    return Panel(
        Kind.STAT,
        title,
        f"Alarm conditions of this severity that are there now: {advice}. What people did with them (acknowledged, "
        "shelved) is in the console.",
        "suffix:alarms",
        (query,),
        width=6,
        height=4,
        decimals=0,
        limits=(BASE, Limit(1.0, meaning)),
    )


def _machines(places: Places) -> Panel:
    buckets = places.buckets
    state = newest(buckets, "range(start: -90d)", "score", "health_index", "zone", "state", where=SITE)
    query = (
        f"machines = {names(buckets)}\n\nstate = {state}\n\n"
        'join(tables: {s: state, m: machines}, on: ["asset"])\n'
        "  |> map(fn: (r) => ({machine: r.display_name, health: if exists r.health_index then r.health_index"
        ' else -1.0, score: if exists r.score then r.score else -1.0, zone: if exists r.zone then r.zone else "",'
        " state: r.state, age: float(v: int(v: now()) / 1000000 - r.end_ms) / 1000.0, asset: r.asset}))\n"
        '  |> sort(columns: ["score"], desc: true)'
    )
    return Panel(
        Kind.TABLE,
        "Machines, worst first",
        "The newest summary of each machine. A score of 1 is the alarm limit; not judged: it is off, still "
        "learning, or there is no evidence. Zone by ISO 20816-3 where group and support are configured.",
        "short",
        (query,),
        width=24,
        height=10,
        columns=_columns(places),
    )


def _columns(places: Places) -> tuple[Column, ...]:
    return (
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
        Column(
            "health",
            {
                "displayName": "Health",
                "unit": "suffix:of 100",
                "decimals": 0,
                "thresholds": _steps(HEALTH_LIMITS),
                "mappings": words_as_mappings(NOT_JUDGED),
                "custom.cellOptions": {"type": "color-text"},
            },
        ),
        Column(
            "score",
            {
                "displayName": "Score",
                "unit": "suffix:× limit",
                "decimals": 2,
                "thresholds": _steps(SCORE_LIMITS),
                "mappings": words_as_mappings(NOT_JUDGED),
                "custom.cellOptions": {"type": "color-text"},
            },
        ),
        Column(
            "zone",
            {
                "displayName": "Zone",
                "mappings": words_as_mappings(*ZONES),
                "custom.cellOptions": {"type": "color-text"},
            },
        ),
        Column("state", {"displayName": "Operating state", "mappings": words_as_mappings(*STATES)}),
        Column(
            "age",
            {
                "displayName": "Age of data",
                "unit": "s",
                "decimals": 0,
                "thresholds": _steps(AGE_LIMITS),
                "custom.cellOptions": {"type": "color-text"},
            },
        ),
        Column("asset", {"custom.hidden": True}),
    )


def _worst(buckets: Buckets, field: str, how: str) -> str:
    """Return the series of one field, of the machines that are nearest their limit now."""
    now = newest(buckets, "range(start: -90d)", "score", where=SITE)
    thinned = f"{read(buckets.summaries, IN_RANGE, 'summary', one_of(field), SITE)}\n  |> {windowed(how)}"
    worst = (
        f'worst = {now}\n  |> filter(fn: (r) => exists r.score)\n  |> sort(columns: ["score"], desc: true)\n'
        f'  |> limit(n: {SHOWN})\n  |> findColumn(fn: (key) => true, column: "asset")'
    )
    return series(
        f"{worst}\n\n{thinned}\n  |> filter(fn: (r) => contains(value: r.asset, set: worst))", "machine", "asset"
    )


def _health(buckets: Buckets) -> Panel:
    return Panel(
        Kind.TREND,
        "Health, machines nearest their limit",
        f"Health index while they are judged: 100 is like the baseline, 0 is far from it. The {SHOWN} worst now.",
        "suffix:of 100",
        (_worst(buckets, "health_index", "mean"),),
        width=12,
        height=9,
        decimals=0,
        limits=HEALTH_LIMITS,
        lowest=0.0,
        highest=100.0,
        name="${__field.labels.machine}",
        links=(("trends", TO_MACHINE),),
    )


def _score(buckets: Buckets) -> Panel:
    return Panel(
        Kind.TREND,
        "Score, machines nearest their limit",
        f"The highest score in each stretch of time, of the {SHOWN} worst now. The dashed line at 1 is the alarm "
        "limit; an alarm needs more than one window above it.",
        "suffix:× limit",
        (_worst(buckets, "score", "max"),),
        width=12,
        height=9,
        decimals=2,
        limits=SCORE_LIMITS,
        lines=True,
        lowest=0.0,
        name="${__field.labels.machine}",
        links=(("trends", TO_MACHINE),),
    )


def _states(buckets: Buckets) -> Panel:
    state = read(buckets.summaries, IN_RANGE, "summary", 'r._field == "state"', SITE)
    return Panel(
        Kind.STATES,
        "Operating states",
        "What each machine was doing. Only steady running is judged; off and starting are no faults.",
        "string",
        (series(f"{state}\n  |> {windowed('last')}", "machine", "asset"),),
        width=24,
        height=8,
        limits=(Limit(None, QUIET),),
        name="${__field.labels.machine}",
        words=STATES,
    )


def _steps(limits: tuple[Limit, ...]) -> dict[str, object]:
    return {"mode": "absolute", "steps": [{"value": one.value, "color": colour(one.meaning)} for one in limits]}


def _ms_ago(seconds: int) -> str:
    return f"int(v: now()) / 1000000 - {seconds * 1000}"
