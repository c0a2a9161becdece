"""A fleet that hears its wishes from the book and reports into it: what is decided purely holds for what is written."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session
from support.model_versions import RUIZ, put_gateways, released
from support.rollout_fleet import NEW, OLD, PUMPS, Fleet

from cloud.book.model_registry import version
from cloud.book.model_reports import note_health, note_report
from cloud.book.rollouts import read_rollout, start_rollout, wished_versions
from cloud.book.tables import Gateway
from cloud.book.transactions import writing
from cloud.errors import RolloutRunningError
from cloud.rollout_driver import RolloutDriver
from cloud.rollout_state import HOUR_MS, GatewayReport, HealthSample, Phase, Plan, Stage

GATEWAYS, AWAY = 20, 4
CANARY = 4
PLAN = Plan((Stage(0.25, 12 * HOUR_MS, 96 * HOUR_MS, 100.0, 0.0), Stage(1.0, 6 * HOUR_MS, 96 * HOUR_MS, 200.0, 0.1)))
RATE = 0.05


def begun(engine, ratio):
    fleet = Fleet.of(GATEWAYS, AWAY, {OLD: RATE, NEW: ratio * RATE}, 3)
    fleet.machines = 10
    names = [name.removeprefix("plant:") for name in fleet.agents]
    put_gateways(engine, names[:-AWAY])
    put_gateways(engine, names[-AWAY:], online=False)
    first, second = released(engine, OLD, NEW)
    with writing(engine, "the champion") as session:
        session.merge(version(engine, first.id)).state = "champion"
    start_rollout(engine, "r1", second.id, PLAN, RUIZ)
    return fleet


def hour(engine, fleet, driver, now_ms):
    """Let an hour pass: gateways hear, work and report through the book, and the driver decides."""
    with writing(engine, "reports") as session:
        for agent in fleet.agents.values():
            if not agent.online:
                continue
            wish = wished_versions(engine, agent.gateway_id).get(PUMPS)
            agent.wish = wish[0] if wish else None
            fleet.had_new |= {agent.gateway_id} if agent.wish == NEW else set()
            fleet.work(agent)
            said = (agent.running, agent.wish, agent.state)
            note_report(session, GatewayReport(agent.gateway_id, PUMPS, True, *said), now_ms)  # noqa: FBT003
            if agent.running == NEW:
                note_health(session, PUMPS, HealthSample(agent.gateway_id, NEW, agent.evidence), now_ms)
    driver.step(now_ms)


def run(engine, fleet, hours, from_h=0):
    for number in range(from_h, from_h + hours):
        # A new one each time: it remembers nothing.
        hour(engine, fleet, RolloutDriver(engine), number * HOUR_MS)
        if not read_rollout(engine, "r1")[1].is_open and from_h == 0:
            return


def come_back(engine, fleet):
    for agent in fleet.agents.values():
        agent.online = True
    with Session(engine) as session, session.begin():
        session.execute(update(Gateway).values(online=True))


@pytest.mark.parametrize(("ratio", "phase", "runs"), [(3.0, Phase.ROLLED_BACK, OLD), (1.0, Phase.COMPLETED, NEW)])
def test_worse_stays_with_the_canary_good_reaches_all(book_engine, ratio, phase, runs):
    fleet = begun(book_engine, ratio)
    run(book_engine, fleet, 80)
    row, rollout = read_rollout(book_engine, "r1")
    assert rollout.phase is phase, rollout.sentence
    assert len(fleet.had_new) == (CANARY if phase is Phase.ROLLED_BACK else GATEWAYS - AWAY)
    come_back(book_engine, fleet)
    run(book_engine, fleet, 9, from_h=100)
    assert fleet.versions() == {runs}
    champion = row.version_id if phase is Phase.COMPLETED else row.previous_id
    assert version(book_engine, champion).state == "champion"


def test_of_two_who_start_at_once_one_is_refused(book_engine):
    put_gateways(book_engine, ["g1"])
    first, second = released(book_engine, OLD, NEW)

    def start(rollout_id, version_id):
        try:
            return start_rollout(book_engine, rollout_id, version_id, PLAN, RUIZ).id
        except RolloutRunningError as error:
            return error

    with ThreadPoolExecutor(2) as threads:
        ended = list(threads.map(start, ("r1", "r2"), (first.id, second.id)))
    (won,) = (one for one in ended if isinstance(one, str))
    (lost,) = (one for one in ended if isinstance(one, RolloutRunningError))
    assert lost.rollout_id == won
