"""A small rollout that tests begin with, and what its gateways do."""

from __future__ import annotations

from support.rollout_fleet import NEW, OLD, PUMPS

from cloud.rollout import react, start
from cloud.rollout_state import HOUR_MS, Evidence, GatewayReport, GatewayState, HealthSample, Plan, Stage, Standing

SHORT = Plan((Stage(0.25, HOUR_MS, 10 * HOUR_MS, 10.0, 0.0), Stage(1.0, HOUR_MS, 10 * HOUR_MS, 10.0, 0.25)))
GOOD = Evidence(1, 100.0, 100, 10_000.0)
BAD = Evidence(40, 100.0, 100, 10_000.0)
THIN = Evidence(0, 2.0, 100, 10_000.0)


def begun(count=4, plan=SHORT, *, previous=OLD, away=()):
    """Return a rollout to gateways g0, g1, … and the ids that have the new version."""
    names = [f"g{number}" for number in range(count)]
    standings = [Standing(name, online=name not in away, running=None if name in away else previous) for name in names]
    rollout, decisions = start("r1", PUMPS, NEW, previous, plan, standings, (), 0)
    return rollout, [one.gateway_id for one in decisions]


def take(rollout, gateways, evidence=GOOD, now_ms=0):
    """Have gateways judge with the new version and count."""
    for name in gateways:
        took = GatewayReport(name, PUMPS, online=True, running=NEW, state=GatewayState.COMMITTED)
        rollout, none = react(rollout, took, now_ms)
        assert none == ()
        rollout, none = react(rollout, HealthSample(name, NEW, evidence), now_ms)
        assert none == ()
    return rollout
