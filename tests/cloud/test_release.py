"""A bundle is registered, signed, published and released; broken off anywhere, the same again completes it."""

from __future__ import annotations

import time

import pytest
from support.bundles import small_bundle
from support.update_plant import FIRST, PUMPS, plant

from cloud.book.accounts import Doing
from cloud.book.model_registry import change_version, version
from cloud.book.opening import open_book
from cloud.bundle_files import read_bundle
from cloud.errors import (
    ConflictError,
    NotFoundError,
    RequestError,
    VersionTakenError,
)
from cloud.registry import Step, VersionState
from cloud.release import release, take_bundle
from cloud.updates.repository import UpdateRepository

NOW = Doing("M. Ruiz", time.time_ns() // 1_000_000)
DATA = small_bundle(version="1.4.0")


@pytest.fixture
def engine(tmp_path):
    made = open_book(f"sqlite:///{tmp_path / 'book.sqlite'}")
    yield made
    made.dispose()


@pytest.fixture
def line(tmp_path):
    with plant(tmp_path / "plant") as made:
        yield made


def taken(engine, tmp_path, data=DATA, *, by_person=False):
    return take_bundle(engine, tmp_path, data, NOW, by_person=by_person)


def test_what_the_bundle_says_is_what_the_registry_knows(engine, tmp_path):
    row = taken(engine, tmp_path)
    assert (row.machine_class, row.version, row.name) == ("pump", "1.4.0", "feed-pumps")
    assert row.metrics == {"false_alarm_share": 0.0}
    assert row.training == ["0" * 64]
    assert read_bundle(tmp_path, row.sha256) == DATA


def test_a_released_version_is_what_a_gateway_gets(engine, tmp_path, line):
    row = release(engine, tmp_path, line.repository, taken(engine, tmp_path).id, NOW)
    assert (row.state, row.target_name) == (VersionState.RELEASED, f"{PUMPS}/feed-pumps-3")
    update = line.fetch(row.target_name)
    assert update.targets[0].path.read_bytes() == DATA
    assert update.targets[0].custom["model_version"] == "1.4.0"
    assert row.target_name != FIRST


def test_released_twice_it_is_published_once(engine, tmp_path, line):
    row = release(engine, tmp_path, line.repository, taken(engine, tmp_path).id, NOW)
    again = release(engine, tmp_path, line.repository, taken(engine, tmp_path).id, NOW)
    assert (again.target_name, again.edition) == (row.target_name, row.edition)


def test_a_release_that_broke_off_between_signature_and_book_is_completed(engine, tmp_path, line, monkeypatch):
    row = taken(engine, tmp_path)
    with monkeypatch.context() as broken:
        broken.setattr("cloud.release.change_version", _power_cut)
        with pytest.raises(KeyboardInterrupt):
            release(engine, tmp_path, line.repository, row.id, NOW)
    assert version(engine, row.id).state == VersionState.APPROVED
    completed = release(engine, tmp_path, line.repository, row.id, NOW)
    assert completed.target_name == f"{PUMPS}/feed-pumps-3"
    names = line.repository.targets_of(_role("pump"))
    assert sum(one.sha256 == row.sha256 for one in names.values()) == 1


def test_nothing_is_signed_before_a_person_has_approved_it(engine, tmp_path, line):
    row = taken(engine, tmp_path, by_person=True)
    before = line.repository.in_force()
    with pytest.raises(ConflictError, match="candidate"):
        release(engine, tmp_path, line.repository, row.id, NOW)
    assert line.repository.in_force() == before
    change_version(engine, row.id, Step.APPROVE, NOW)
    assert release(engine, tmp_path, line.repository, row.id, NOW).state == VersionState.RELEASED


def test_the_same_version_with_other_content_is_refused(engine, tmp_path):
    taken(engine, tmp_path)
    with pytest.raises(VersionTakenError):
        taken(engine, tmp_path, small_bundle(version="1.4.0", name="others"))


@pytest.mark.parametrize(
    ("data", "words"),
    [(DATA[:-1], "damaged"), (b"no bundle at all", "no bundle"), (small_bundle(version="3"), "semantic version")],
)
def test_what_cannot_be_registered_is_one_line(engine, tmp_path, data, words):
    with pytest.raises(RequestError, match=words) as caught:
        taken(engine, tmp_path, data)
    assert "\n" not in str(caught.value)


def test_a_class_that_was_never_added_and_a_cloud_without_a_repository_say_what_to_do(engine, tmp_path, line):
    row = taken(engine, tmp_path, small_bundle(version="1.0.0", machine_class="turbine"))
    with pytest.raises(NotFoundError, match="add-class"):
        release(engine, tmp_path, line.repository, row.id, NOW)
    with pytest.raises(NotFoundError, match="keys init"):
        release(engine, tmp_path, UpdateRepository(tmp_path / "nothing"), row.id, NOW)
    assert version(engine, row.id).state == VersionState.APPROVED


def _role(owner):
    from models.contract.update_names import UpdateRole

    return UpdateRole.of("gateway-models", owner)


def _power_cut(*_, **__):
    raise KeyboardInterrupt
