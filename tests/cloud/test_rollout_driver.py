"""Rollouts in the book, in both databases: moved on by reports and time, whole after every crash."""

from __future__ import annotations

import pytest
from sqlalchemy import event, text
from sqlalchemy.orm import Session
from support.model_versions import PUMPS, RUIZ, put_gateways, released

from cloud.book import audit_log
from cloud.book.accounts import Doing
from cloud.book.model_registry import version
from cloud.book.model_reports import note_health, note_report
from cloud.book.reading import BookReader
from cloud.book.rollouts import (
    command_rollout,
    list_rollouts,
    read_rollout,
    start_rollout,
    steering_ids,
    wished_versions,
)
from cloud.book.sites import bound_to
from cloud.book.tables import Gateway
from cloud.book.transactions import writing
from cloud.errors import ConflictError, EditionError, RolloutRunningError, StoreError
from cloud.event_hub import Change, Subject
from cloud.rollout_driver import RolloutDriver
from cloud.rollout_state import (
    HOUR_MS,
    Command,
    Evidence,
    GatewayReport,
    GatewayState,
    HealthSample,
    Phase,
    Plan,
    Stage,
    Verb,
)

PLAN = Plan((Stage(0.25, HOUR_MS, 10 * HOUR_MS, 10.0, 0.0), Stage(1.0, HOUR_MS, 10 * HOUR_MS, 10.0, 0.25)))
NAMES = ["g0", "g1", "g2", "g3"]
GOOD = Evidence(1, 100.0, 100, 10_000.0)
BAD = Evidence(40, 101.0, 100, 10_000.0)
TABLES = ("model_version", "rollout", "rollout_gateway", "wished_version", "model_report", "model_health", "audit")


@pytest.fixture
def plant(book_engine):
    """Give a plant whose four gateways run 1.0.0, and a rollout of 1.1.0 that has begun."""
    put_gateways(book_engine, NAMES)
    first, second = released(book_engine, "1.0.0", "1.1.0")
    with writing(book_engine, "the champion") as session:
        session.merge(version(book_engine, first.id)).state = "champion"
        for name in NAMES:
            report = GatewayReport(f"plant:{name}", PUMPS, online=True, running="1.0.0", state=GatewayState.COMMITTED)
            note_report(session, report, 0)
    start_rollout(book_engine, "r1", second.id, PLAN, Doing("K. Sato", 0))
    return book_engine


def having(engine, wanted="1.1.0"):
    """Return the gateways that are to run a version."""
    ids = [f"plant:{name}" for name in NAMES]
    return [one for one in ids if wished_versions(engine, one).get(PUMPS, ("",))[0] == wanted]


def take(engine, gateways, evidence, number="1.1.0"):
    with writing(engine, "reports") as session:
        for gateway_id in gateways:
            took = GatewayReport(gateway_id, PUMPS, True, number, number, GatewayState.COMMITTED)  # noqa: FBT003
            note_report(session, took, 0)
            note_health(session, PUMPS, HealthSample(gateway_id, number, evidence), 0)


def dump(engine):
    with engine.connect() as connection:
        return {
            name: sorted(map(repr, connection.execute(text(f"SELECT * FROM {name}"))))  # noqa: S608 - our own names
            for name in TABLES
        }


def phase_of(engine, rollout_id="r1"):
    return read_rollout(engine, rollout_id)[1].phase


def audited(engine):
    return [(row.who, row.what) for row in BookReader(engine).audit(None, 100) if row.what.startswith("rollout")][::-1]


def complete(engine):
    driver = RolloutDriver(engine)
    take(engine, having(engine), GOOD)
    driver.step(0)
    driver.step(HOUR_MS)
    take(engine, having(engine), GOOD)
    driver.step(HOUR_MS)
    driver.step(2 * HOUR_MS)
    return driver


def test_what_a_gateway_is_to_run_is_told_with_name_and_hash(plant):
    (canary,) = having(plant)
    ((row, _),) = list_rollouts(plant, 9)
    wanted = version(plant, row.version_id)
    assert wished_versions(plant, canary) == {PUMPS: ("1.1.0", "pump-1.1.0.bundle", wanted.sha256)}
    assert wished_versions(plant, "plant:nobody") == {}


def test_a_good_one_completes_and_becomes_champion(plant):
    driver = complete(plant)
    row, rollout = read_rollout(plant, "r1")
    assert rollout.phase is Phase.COMPLETED
    assert (version(plant, row.version_id).state, version(plant, row.previous_id).state) == ("champion", "released")
    assert len(having(plant)) == 4
    assert audited(plant) == [
        ("K. Sato", "rollout.start"),
        ("clock", "rollout.stage_ended"),
        ("clock", "rollout.stage_ended"),
        ("clock", "rollout.completed"),
    ]
    assert driver.step(3 * HOUR_MS) == set()
    put_gateways(plant, ["late"])
    assert Change(Subject.GATEWAY, "plant:late") in driver.step(4 * HOUR_MS)
    assert wished_versions(plant, "plant:late")[PUMPS][0] == "1.1.0"
    head, broken = audit_log.verify(plant)
    assert (broken, head is not None) == (None, True)


def test_a_worse_one_is_taken_back_everywhere(plant):
    canary = having(plant)
    take(plant, canary, BAD)
    changes = RolloutDriver(plant).step(0)
    assert Change(Subject.ROLLOUT, "r1") in changes
    assert (phase_of(plant), having(plant)) == (Phase.ROLLED_BACK, [])
    assert having(plant, "1.0.0") == [f"plant:{name}" for name in NAMES]
    row, rollout = read_rollout(plant, "r1")
    assert "more alarms" in rollout.sentence
    assert version(plant, row.previous_id).state == "champion"


def test_taking_back_what_was_complete_makes_the_old_one_champion_again(plant):
    complete(plant)
    edition = read_rollout(plant, "r1")[1].edition
    command_rollout(plant, "r1", Command(Verb.ROLL_BACK, "K. Sato", edition, "noisy at night"), 3 * HOUR_MS)
    row, _ = read_rollout(plant, "r1")
    assert (version(plant, row.version_id).state, version(plant, row.previous_id).state) == ("released", "champion")
    assert having(plant, "1.0.0") == [f"plant:{name}" for name in NAMES]


def fail(plant):
    """Have the canary fail, and try again before anybody looks."""
    (canary,) = having(plant)
    with writing(plant, "reports") as session:
        failed = GatewayReport(canary, PUMPS, True, "1.0.0", "1.1.0", GatewayState.FAILED, "hash")  # noqa: FBT003
        note_report(session, failed, 0)
        again = GatewayReport(canary, PUMPS, online=True, state=GatewayState.FETCHING)
        note_report(session, again, 1)
    RolloutDriver(plant).step(0)


def test_a_failure_counts_although_the_gateway_tries_again_at_once(plant):
    fail(plant)
    assert phase_of(plant) is Phase.ROLLED_BACK


def test_a_second_try_of_a_version_starts_without_the_first_ones_failures_and_counts(plant):
    fail(plant)
    take(plant, ["plant:g0", "plant:g1"], BAD)
    row, _ = read_rollout(plant, "r1")
    start_rollout(plant, "r2", row.version_id, PLAN, RUIZ)
    RolloutDriver(plant).step(0)
    rollout = read_rollout(plant, "r2")[1]
    admitted = [one for one in rollout.gateways.values() if one.admitted is not None]
    assert (rollout.phase, len(admitted), admitted[0].has_failed) == (Phase.RUNNING, 1, False)
    assert admitted[0].evidence == Evidence()
    assert (read_rollout(plant, "r1")[1].superseded_by, steering_ids(plant)) == ("r2", ["r2"])


def test_without_a_version_before_taking_back_leaves_no_wish_not_even_an_older_one(book_engine):
    put_gateways(book_engine, NAMES)
    first, second = released(book_engine, "1.0.0", "1.1.0")
    start_rollout(book_engine, "r1", first.id, PLAN, RUIZ)
    take(book_engine, having(book_engine, "1.0.0"), GOOD, "1.0.0")
    RolloutDriver(book_engine).step(0)
    for rollout_id, verb in (("r1", Verb.HALT), ("r2", Verb.ROLL_BACK)):
        edition = read_rollout(book_engine, rollout_id)[1].edition
        command_rollout(book_engine, rollout_id, Command(verb, "K. Sato", edition), 0)
        if rollout_id == "r1":
            assert len(having(book_engine, "1.0.0")) == 1  # it judges, and keeps it
            start_rollout(book_engine, "r2", second.id, PLAN, RUIZ)
    assert having(book_engine, "") == [f"plant:{name}" for name in NAMES]


def test_two_for_one_class_are_refused_and_nothing_is_written(plant):
    row, _ = read_rollout(plant, "r1")
    before = dump(plant)
    with pytest.raises(RolloutRunningError, match="r1"):
        start_rollout(plant, "r2", row.version_id, PLAN, RUIZ)
    with pytest.raises(EditionError):
        command_rollout(plant, "r1", Command(Verb.PAUSE, "K. Sato", 7), 0)
    assert dump(plant) == before


def test_the_tables_themselves_refuse_a_second_one(plant):
    with pytest.raises(StoreError), writing(plant, "a second rollout") as session:
        session.execute(
            text(
                "INSERT INTO rollout (id, machine_class, version_id, open_class, phase, by, started_ms, changed_ms,"
                " document) SELECT 'r9', machine_class, version_id, open_class, phase, by, 1, 1, document FROM rollout"
            )
        )


def test_only_what_is_released_is_rolled_out(book_engine):
    (row,) = released(book_engine, "1.0.0")
    with writing(book_engine, "the state") as session:
        session.merge(version(book_engine, row.id)).state = "approved"
    with pytest.raises(ConflictError, match="release it first"):
        start_rollout(book_engine, "r1", row.id, PLAN, RUIZ)


def test_who_sees_one_site_sees_its_gateways_alone(plant):
    put_gateways(plant, ["g9"], site="paint")
    RolloutDriver(plant).step(0)
    assert len(read_rollout(plant, "r1")[1].gateways) == 5
    assert list(read_rollout(bound_to(plant, {"paint"}), "r1")[1].gateways) == ["paint:g9"]


def test_a_gateway_that_was_away_is_given_the_old_one_on_return(plant):
    with Session(plant) as session, session.begin():
        away = having(plant, "")[-1]
        session.get(Gateway, away).online = False
    take(plant, having(plant), BAD)
    driver = RolloutDriver(plant)
    driver.step(0)
    with Session(plant) as session, session.begin():
        session.get(Gateway, away).online = True
    driver.step(1)
    assert wished_versions(plant, away)[PUMPS][0] == "1.0.0"


class _PowerCutError(Exception):
    """The process is gone."""


@pytest.mark.parametrize("evidence", [GOOD, BAD], ids=["a stage ends", "it is taken back"])
def test_a_crash_between_any_two_writes_leaves_nothing_half_done(plant, evidence):
    """At every statement of the step once: the book is as before, and the next step does the whole of it."""
    take(plant, having(plant), evidence)
    driver = RolloutDriver(plant)
    if evidence is GOOD:
        driver.step(0)
    before, left = dump(plant), [0]

    def cut(_connection, _cursor, statement, *_rest):
        if statement.lstrip().upper().startswith(("INSERT", "UPDATE", "DELETE", "COMMIT")):
            left[0] -= 1
            if left[0] == 0:
                raise _PowerCutError

    event.listen(plant, "before_cursor_execute", cut)
    cuts = 0
    try:
        while True:
            left[0] = cuts + 1
            try:
                driver.step(HOUR_MS)
                break
            except _PowerCutError:
                left[0] = 0
                assert dump(plant) == before
                cuts += 1
    finally:
        event.remove(plant, "before_cursor_execute", cut)
    assert cuts >= 5
    assert dump(plant) != before
    after = read_rollout(plant, "r1")[1]
    assert (after.phase, after.stage) == ((Phase.RUNNING, 1) if evidence is GOOD else (Phase.ROLLED_BACK, 0))
    assert {one.gateway_id for one in after.gateways.values() if one.target == "1.1.0"} == set(having(plant))
    again = dump(plant)
    assert driver.step(HOUR_MS) <= {Change(Subject.ROLLOUT, "r1")}
    assert [dump(plant)[name] for name in ("wished_version", "audit")] == [
        again[name] for name in ("wished_version", "audit")
    ]
