"""A book bound to sites shows those and nothing else, whoever asks it and however."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased
from support.cloud_bench import GATEWAY, bench, pump_gateway
from support.contract_examples import ALARM_ID, ASSET, alarm

from cloud.book.sites import bound_to, is_bound, site_of_alarm, site_of_gateway, site_of_machine, visible
from cloud.book.tables import Alarm, Gateway, Machine
from cloud.event_hub import EVERYTHING, Change, Subject


@pytest.fixture
def engine(tmp_path, book_database):
    with bench(tmp_path / "cloud", book=book_database.url) as cloud:
        gateway = pump_gateway()
        cloud.arrive(*gateway.births(cloud.now_ms))
        cloud.arrive(gateway.record(alarm(), 0))
        yield cloud.engine


def test_the_site_of_things(engine):
    assert site_of_gateway(engine, GATEWAY) == "plant"
    assert site_of_machine(engine, ASSET) == "plant"
    assert site_of_alarm(engine, ALARM_ID) == "plant"
    for site_of in (site_of_gateway, site_of_machine, site_of_alarm):
        assert site_of(engine, "nobody") is None


@pytest.mark.parametrize(("sites", "count"), [({"plant"}, 1), ({"plant", "other"}, 1), ({"other"}, 0), (set(), 0)])
def test_every_kind_of_question_is_bound(engine, sites, count):
    bound = bound_to(engine, sites)
    other = aliased(Machine)
    with Session(bound) as session:
        for table, key in ((Gateway, GATEWAY), (Machine, ASSET), (Alarm, ALARM_ID)):
            assert len(session.scalars(select(table)).all()) == count
            assert len(session.scalars(select(table.id)).all()) == count
            assert (session.get(table, key) is not None) == bool(count)
        assert session.scalar(select(func.count()).select_from(Alarm)) == count
        assert len(session.execute(select(Alarm.id, other.id).join(other, other.id == Alarm.machine_id)).all()) == count
    assert is_bound(bound)


def test_the_book_of_everybody_is_not_bound_by_that_of_somebody(engine):
    bound_to(engine, {"other"})
    assert bound_to(engine, None) is engine
    assert not is_bound(engine)
    with Session(engine) as session:
        assert len(session.scalars(select(Machine)).all()) == 1


def test_pages_are_told_of_their_own_sites(engine):
    changes = [Change(Subject.MACHINE, ASSET), Change(Subject.ALARM, ALARM_ID), Change(Subject.GATEWAY, GATEWAY)]
    assert visible(bound_to(engine, {"plant"}), [*changes, EVERYTHING]) == [*changes, EVERYTHING]
    assert visible(bound_to(engine, {"other"}), [*changes, EVERYTHING]) == [EVERYTHING]
