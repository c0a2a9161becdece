"""Versions in the book, whichever database it is in: registered once, stepped with an audit entry, listed in pages."""

from __future__ import annotations

import pytest
from support.model_versions import PUMPS, RUIZ, bundle_facts, put_gateways, released

from cloud.book.accounts import Doing
from cloud.book.model_registry import add_version, change_version, facts_of, version, versions
from cloud.book.reading import BookReader
from cloud.book.rollouts import start_rollout
from cloud.errors import ConflictError, EditionError, NotFoundError, VersionTakenError
from cloud.registry import Step
from cloud.rollout_state import DEFAULT_PLAN


def audited(engine):
    return [row.what for row in BookReader(engine).audit(None, 100)][::-1]


def test_facts_come_back_as_they_went_in(book_engine):
    facts = bundle_facts()
    row = add_version(book_engine, facts, RUIZ, by_person=True)
    assert facts_of(version(book_engine, row.id)) == facts
    assert (row.state, row.registered_by, row.approved_by) == ("candidate", "M. Ruiz", None)


def test_the_same_again_changes_nothing_and_other_content_is_refused(book_engine):
    first = add_version(book_engine, bundle_facts(), RUIZ, by_person=True)
    again = add_version(book_engine, bundle_facts(), Doing("K. Sato", 9_000), by_person=False)
    assert (again.id, again.state, again.registered_by) == (first.id, "candidate", "M. Ruiz")
    with pytest.raises(VersionTakenError):
        add_version(book_engine, bundle_facts(sha256="e" * 64), RUIZ, by_person=True)
    assert len(versions(book_engine, 10)) == 1
    assert audited(book_engine) == ["model.register"]


def test_steps_are_told_in_the_audit_log_and_count_editions(book_engine):
    (row,) = released(book_engine, "1.0.0")
    assert audited(book_engine) == ["model.register", "model.approve", "model.release"]
    assert (row.state, row.approved_by, row.target_name, row.edition) == (
        "released",
        "M. Ruiz",
        "pump-1.0.0.bundle",
        3,
    )
    with pytest.raises(EditionError):
        change_version(book_engine, row.id, Step.RETIRE, RUIZ, edition=2)
    assert change_version(book_engine, row.id, Step.RETIRE, RUIZ, edition=3).state == "retired"
    with pytest.raises(ConflictError):
        change_version(book_engine, row.id, Step.APPROVE, RUIZ)
    assert len(audited(book_engine)) == 4


def test_what_nobody_has_registered_is_not_found(book_engine):
    for act in (lambda: version(book_engine, "x"), lambda: change_version(book_engine, "x", Step.APPROVE, RUIZ)):
        with pytest.raises(NotFoundError, match="model version"):
            act()


def test_lists_come_in_pages_without_a_gap(book_engine):
    rows = released(book_engine, "1.0.0", "1.1.0", "1.2.0")
    add_version(book_engine, bundle_facts(machine_class="fan"), RUIZ, by_person=False)
    first = versions(book_engine, 2)
    rest = versions(book_engine, 9, (first[-1].registered_ms, first[-1].id))
    assert len({row.id for row in (*first, *rest)}) == 4
    assert {row.id for row in versions(book_engine, 9, machine_class=PUMPS)} == {row.id for row in rows}


def test_what_a_rollout_may_still_need_is_not_retired(book_engine):
    (row,) = released(book_engine, "1.0.0")
    put_gateways(book_engine, ["g1"])
    start_rollout(book_engine, "r1", row.id, DEFAULT_PLAN, RUIZ)
    with pytest.raises(ConflictError, match="r1"):
        change_version(book_engine, row.id, Step.RETIRE, RUIZ)
