"""From one model to another: a verified model is in service at every moment, whatever happens in which order."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.model_update import (
    BUILT_IN,
    Cause,
    Deed,
    Evidence,
    Model,
    Phase,
    Update,
    UpdateSettings,
    answered,
    fetched,
    given_up,
    looked_at,
    wanted,
)

CAREFUL = UpdateSettings(shadow_s=100.0, shadow_windows=50, shadow_longest_s=1_000.0, probation_s=200.0)
SHA = "ab" * 32
NEW = Model("3", "gateway-models/pump/pump-3.bundle")
VERIFIED = Model(NEW.version, NEW.target, SHA)
GOOD = Evidence(windows=60, beyond=1, other_beyond=1)
BAD = Evidence(windows=60, beyond=59, other_beyond=1)


def at(phase):
    """Return a class that is on its way from the built-in model to `NEW`."""
    update, _ = wanted(Update(), NEW, 1_000.0)
    if phase is Phase.FETCHING:
        return update
    update, _ = fetched(update, SHA, 1_010.0)
    if phase is Phase.TESTING:
        return update
    update, _ = answered(update, 1_020.0)
    if phase is Phase.SHADOW:
        return update
    return looked_at(update, GOOD, CAREFUL, 1_120.0)[0]


def test_the_whole_way():
    update, deeds = wanted(Update(), NEW, 1_000.0)
    assert (update.phase, deeds) == (Phase.FETCHING, (Deed.FETCH, Deed.REPORT))
    update, deeds = fetched(update, SHA, 1_010.0)
    assert (update.phase, deeds) == (Phase.TESTING, (Deed.TEST, Deed.REPORT))
    update, deeds = answered(update, 1_020.0)
    assert (update.phase, deeds) == (Phase.SHADOW, (Deed.BEGIN_SHADOW, Deed.REPORT))
    assert update.active == Model()
    assert looked_at(update, GOOD, CAREFUL, 1_119.0) == (update, ())
    assert looked_at(update, Evidence(windows=49), CAREFUL, 1_120.0) == (update, ())
    update, deeds = looked_at(update, GOOD, CAREFUL, 1_120.0)
    assert deeds == (Deed.END_SHADOW, Deed.SWITCH, Deed.REPORT)
    assert (update.active, update.previous, update.phase) == (VERIFIED, Model(), Phase.PROBATION)
    assert looked_at(update, GOOD, CAREFUL, 1_319.0) == (update, ())
    update, deeds = looked_at(update, GOOD, CAREFUL, 1_320.0)
    assert deeds == (Deed.COMMIT, Deed.REPORT)
    assert (update.active, update.previous, update.candidate, update.phase) == (VERIFIED, Model(), None, Phase.IDLE)


@pytest.mark.parametrize(
    ("phase", "step", "cause"),
    [
        (Phase.FETCHING, lambda update: given_up(update, Cause.FETCH, "rollback", 2_000.0), Cause.FETCH),
        (Phase.FETCHING, lambda update: given_up(update, Cause.UNSUITABLE, "damaged", 2_000.0), Cause.UNSUITABLE),
        (Phase.TESTING, lambda update: given_up(update, Cause.TEST, "hung", 2_000.0), Cause.TEST),
        (Phase.SHADOW, lambda update: looked_at(update, BAD, CAREFUL, 1_030.0), Cause.SHADOW),
        (Phase.SHADOW, lambda update: looked_at(update, Evidence(errors=1), CAREFUL, 1_030.0), Cause.SHADOW),
        (Phase.SHADOW, lambda update: looked_at(update, Evidence(windows=3), CAREFUL, 2_020.0), Cause.SHADOW),
        (
            Phase.SHADOW,
            lambda update: looked_at(update, Evidence(90, p99_ms=5.0, other_p99_ms=1.0), CAREFUL, 1_200.0),
            Cause.SHADOW,
        ),
        (Phase.PROBATION, lambda update: looked_at(update, BAD, CAREFUL, 1_130.0), Cause.PROBATION),
        (Phase.PROBATION, lambda update: given_up(update, Cause.PROBATION, "it crashed", 1_130.0), Cause.PROBATION),
    ],
)
def test_every_failure_leaves_the_model_before_in_service_with_a_named_cause(phase, step, cause):
    before = at(phase)
    update, deeds = step(before)
    assert (update.active, update.candidate, update.phase, update.cause) == (Model(), None, Phase.IDLE, cause)
    assert update.failed.version == "3"
    assert update.detail
    assert deeds[-1] is Deed.REPORT
    assert (Deed.RETURN in deeds) is (phase is Phase.PROBATION)
    assert (Deed.END_SHADOW in deeds) is (phase is Phase.SHADOW)


def test_what_has_failed_is_not_tried_again_unless_somebody_asks():
    update, _ = given_up(at(Phase.FETCHING), Cause.FETCH, "expired", 2_000.0)
    assert wanted(update, NEW, 3_000.0) == (update, ())
    assert wanted(update, NEW, 3_000.0, again=True)[0].phase is Phase.FETCHING
    assert wanted(update, Model("4", "pump-4"), 3_000.0)[0].phase is Phase.FETCHING


@pytest.mark.parametrize("phase", [Phase.FETCHING, Phase.TESTING, Phase.SHADOW])
def test_another_wish_takes_the_place_of_an_update_that_is_not_in_service_yet(phase):
    update, deeds = wanted(at(phase), Model("4", "pump-4"), 2_000.0)
    assert (update.candidate.version, update.phase) == ("4", Phase.FETCHING)
    assert (Deed.END_SHADOW in deeds) is (phase is Phase.SHADOW)
    update, _ = wanted(at(phase), Model(), 2_000.0)
    assert (update.candidate, update.phase, update.active) == (None, Phase.IDLE, Model())


def test_the_version_before_is_one_step_back_while_on_probation_and_tested_anew_later():
    update, deeds = wanted(at(Phase.PROBATION), Model(), 1_200.0)
    assert (update.active, deeds) == (Model(), (Deed.RETURN, Deed.REPORT))
    committed, _ = looked_at(at(Phase.PROBATION), GOOD, CAREFUL, 1_400.0)
    update, deeds = wanted(committed, Model(BUILT_IN), 1_500.0)
    assert (update.phase, deeds) == (Phase.TESTING, (Deed.TEST, Deed.REPORT))


def test_a_wish_that_names_no_hash_means_the_model_that_is_there():
    committed, _ = looked_at(at(Phase.PROBATION), GOOD, CAREFUL, 1_400.0)
    assert wanted(committed, NEW, 1_500.0) == (committed, ())
    assert wanted(committed, Model(NEW.version, NEW.target, "cd" * 32), 1_500.0)[0].phase is Phase.FETCHING


def test_a_third_version_waits_until_probation_is_over():
    update = at(Phase.PROBATION)
    assert wanted(update, Model("4", "pump-4"), 1_200.0) == (update, ())


def test_a_signed_file_that_is_not_the_wanted_one_is_refused():
    update, _ = wanted(Update(), Model("3", NEW.target, "cd" * 32), 1_000.0)
    update, _ = fetched(update, SHA, 1_010.0)
    assert (update.phase, update.cause) == (Phase.IDLE, Cause.FETCH)


@pytest.mark.parametrize("phase", list(Phase))
def test_a_state_survives_as_json(phase):
    update = Update() if phase is Phase.IDLE else at(phase)
    assert Update.from_json(json.loads(json.dumps(update.to_json()))) == update


MODELS = st.sampled_from([Model(), NEW, VERIFIED, Model("4", "pump-4"), Model("2", "pump-2", "ef" * 32)])
EVENTS = st.one_of(
    st.tuples(st.just("wanted"), MODELS, st.booleans()),
    st.tuples(st.just("fetched"), st.sampled_from([SHA, "ef" * 32])),
    st.tuples(st.just("answered")),
    st.tuples(st.just("looked_at"), st.sampled_from([GOOD, BAD, Evidence(), Evidence(errors=1)])),
    st.tuples(st.just("given_up"), st.sampled_from(list(Cause))),
)


def _apply(update, event, now_s):
    name, *rest = event
    if name == "wanted":
        return wanted(update, rest[0], now_s, again=rest[1])
    if name == "fetched":
        return fetched(update, rest[0], now_s)
    if name == "answered":
        return answered(update, now_s)
    if name == "looked_at":
        return looked_at(update, rest[0], CAREFUL, now_s)
    return given_up(update, rest[0], "it happened", now_s)


@settings(max_examples=500, deadline=None)
@given(st.lists(st.tuples(EVENTS, st.sampled_from([1.0, 60.0, 250.0, 2_000.0])), max_size=40))
def test_in_any_order_of_events_the_model_in_service_has_been_verified_and_tested(events):
    update, now_s = Update(), 0.0
    passed = {BUILT_IN}
    for event, after_s in events:
        now_s += after_s
        before = update
        update, deeds = _apply(update, event, now_s)
        if event[0] == "answered" and before.phase is Phase.TESTING:
            passed.add(before.candidate.version)
        assert update.active.version in passed
        assert update.active.version == BUILT_IN or update.active.sha256
        assert (update.candidate is None) == (update.phase is Phase.IDLE)
        assert (update.active != before.active) == bool({Deed.SWITCH, Deed.RETURN} & set(deeds))
        assert Deed.SWITCH not in deeds or before.phase is Phase.SHADOW
        assert update.phase is not Phase.PROBATION or update.previous is not None
        assert deeds == () or deeds[-1] is Deed.REPORT
        assert update != before or deeds == ()
