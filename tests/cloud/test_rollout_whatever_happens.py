"""What random events can never do to a rollout: leave the table, reach too many gateways, leave the fleet apart."""

from __future__ import annotations

import math

from hypothesis import given, settings
from hypothesis import strategies as st
from support.rollout_examples import SHORT, take
from support.rollout_fleet import NEW, OLD, PUMPS

from cloud.errors import ConflictError, EditionError
from cloud.rollout import WATCHED, react, start
from cloud.rollout_state import (
    HOUR_MS,
    Command,
    Evidence,
    GatewayReport,
    GatewayState,
    HealthSample,
    Phase,
    SetTarget,
    Standing,
    Tick,
    Verb,
    from_json,
    to_json,
)

R, P, H, C, B, S = (
    Phase.RUNNING,
    Phase.PAUSED,
    Phase.HALTED,
    Phase.COMPLETED,
    Phase.ROLLED_BACK,
    Phase.SUPERSEDED,
)
STEPS = {
    (R, P),
    (R, H),
    (R, B),
    (R, C),
    (P, R),
    (P, H),
    (P, B),
    (H, B),
    (H, S),
    (C, B),
}


NAMES = [f"g{number}" for number in range(6)]
ALL_IS_WELL = "all is well"
"""Whoever has the version judges with it and counts as many alarms as before; else chance seldom ends a stage."""
counts = st.integers(0, 60)
hours = st.floats(0, 200, allow_nan=False)
reports = st.builds(
    GatewayReport,
    st.sampled_from([*NAMES, "late-1", "late-2"]),
    st.sampled_from([PUMPS, PUMPS, PUMPS, "compressor"]),
    online=st.booleans(),
    running=st.sampled_from([None, OLD, NEW, "0.9.0"]),
    target=st.sampled_from([None, OLD, NEW]),
    state=st.one_of(st.none(), st.sampled_from(GatewayState)),
    error=st.sampled_from([None, "hash"]),
)
samples = st.builds(
    HealthSample,
    st.sampled_from(NAMES),
    st.sampled_from([NEW, NEW, OLD]),
    st.builds(Evidence, counts, hours, counts, hours, counts, hours, st.sampled_from([0, 0, 0, 1])),
)
commands = st.tuples(st.sampled_from(Verb), st.sampled_from([0, 0, 0, 1]))
moments = st.tuples(
    st.sampled_from([0, HOUR_MS // 2, HOUR_MS, 3 * HOUR_MS]),
    st.one_of(reports, reports, samples, st.just(Tick()), st.just(Tick()), st.just(ALL_IS_WELL), commands),
)


@settings(max_examples=250, deadline=None)
@given(st.sets(st.sampled_from(NAMES)), st.lists(moments, max_size=60), st.sampled_from([OLD, None]))
def test_random_events_never_leave_the_table_and_never_reach_more_than_the_stage_allows(away, happened, previous):
    rollout, decisions = begun_with(away, previous)
    wishes, now_ms = {}, 0
    for passed_ms, event in [(0, None), *happened]:
        now_ms += passed_ms
        before = rollout
        if event is not None:
            asked = event
            if event == ALL_IS_WELL:
                having = [name for name, one in rollout.gateways.items() if one.admitted is not None]
                rollout, asked = take(rollout, having, now_ms=now_ms), Tick()
            if isinstance(event, tuple):
                asked = Command(event[0], "M. Ruiz", rollout.edition - event[1])
            try:
                rollout, decisions = react(rollout, asked, now_ms)
            except (ConflictError, EditionError):
                assert isinstance(asked, Command)
                continue
        assert before.phase == rollout.phase or (before.phase, rollout.phase) in STEPS
        assert rollout.stage in {before.stage, before.stage + 1}
        assert rollout.edition >= before.edition
        wishes.update({one.gateway_id: one.version for one in decisions if isinstance(one, SetTarget)})
        assert {name: one.target for name, one in rollout.gateways.items() if one.target} == {
            name: version for name, version in wishes.items() if version
        }
        have_it = sum(version == NEW for version in wishes.values())
        if rollout.phase in WATCHED:
            allowed = max(1, math.floor(SHORT.stages[rollout.stage].share * len(rollout.gateways) + 1e-9))
            assert have_it <= rollout.quota <= allowed or have_it == rollout.quota == 0
        assert from_json(to_json(rollout)) == rollout
    final = _ended(rollout, wishes, now_ms)
    for name in [*NAMES, "late-1"]:
        assert wishes.get(name) == final


def begun_with(away, previous):
    standings = [Standing(name, online=name not in away, running=previous) for name in NAMES]
    return start("r1", PUMPS, NEW, previous, SHORT, standings, (), 0)


def _ended(rollout, wishes, now_ms):
    """End a rollout in whatever way is left, let everybody come back, and return what they are to run."""
    if rollout.phase in WATCHED:
        rollout, decisions = react(rollout, Command(Verb.ROLL_BACK, "M. Ruiz", rollout.edition), now_ms)
        wishes.update({one.gateway_id: one.version for one in decisions if isinstance(one, SetTarget)})
    final = NEW if rollout.phase is Phase.COMPLETED else rollout.previous
    for name in [*NAMES, "late-1"]:
        back = GatewayReport(name, PUMPS, online=True, running=wishes.get(name), state=GatewayState.COMMITTED)
        rollout, _ = react(rollout, back, now_ms)
    rollout, decisions = react(rollout, Tick(), now_ms)
    wishes.update({one.gateway_id: one.version for one in decisions if isinstance(one, SetTarget)})
    assert react(rollout, Tick(), now_ms) == (rollout, ())
    return final
