"""What gateways see of a repository: whole at any moment, the same after the same, renewed before it ends."""

from __future__ import annotations

import shutil
import stat
from datetime import UTC, datetime, timedelta

import pytest
from support.update_plant import FANS, FIRST, PUMPS

from cloud.errors import ConflictError, KeyFileError, NotFoundError, RequestError, UpdateRepositoryError
from cloud.updates.ceremony import add_class, make_repository, rotate
from cloud.updates.durable import write_durably
from cloud.updates.key_files import new_key, read_key, read_keys, write_key
from cloud.updates.metadata import published
from cloud.updates.repository import UpdateRepository
from cloud.updates.settings import UpdateSettings
from edge_agent.update_client import fetch_update
from edge_agent.update_request import UpdateRequest
from models.contract.errors import InputError
from models.contract.update_names import UpdateRole

NOW = datetime.now(UTC).replace(microsecond=0)
ROLE = "gateway-models.pump"
MODEL = {"name": "base", "version": 1}


class Crash(BaseException):
    """The power goes."""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Make a repository with one class and one model; tests work on copies of it."""
    folder = tmp_path_factory.mktemp("made")
    repository = UpdateRepository(folder / "cloud")
    make_repository(repository, folder / "safe", NOW)
    add_class(repository, UpdateRole.parse(PUMPS), read_keys(folder / "safe", None), NOW)
    repository.publish(PUMPS, b"first", MODEL, NOW)
    shutil.copyfile(folder / "cloud" / "metadata" / "1.root.json", folder / "root.json")
    return folder


@pytest.fixture
def there(made, tmp_path):
    shutil.copytree(made, tmp_path / "there")
    return tmp_path / "there"


@pytest.fixture
def repository(there):
    return UpdateRepository(there / "cloud")


def fetch(folder, *names):
    """Fetch as a gateway that was just installed."""
    shutil.rmtree(folder / "gateway", ignore_errors=True)
    sources = (str(folder / "cloud"),)
    into = folder / "gateway" / "into"
    request = UpdateRequest(sources, folder / "root.json", folder / "gateway" / "t", into, names, ("*/*/*",))
    return {one.name: one.path.read_bytes() for one in fetch_update(request, datetime.now(UTC)).targets}


def crashing(folder, after, *, half=False):
    """Return a repository whose machine loses power at a write; `half`: in the middle of it."""
    count = 0

    def write(path, data, mode):
        nonlocal count
        if count == after:
            if half:
                path.with_name(f".{path.name}.writing").write_bytes(data[: len(data) // 2])
            raise Crash
        count += 1
        write_durably(path, data, mode)

    return UpdateRepository(folder / "cloud", write=write)


STEPS = {
    "publish": lambda repository, _: repository.publish(PUMPS, b"second", {"name": "base", "version": 2}, NOW),
    "renew": lambda repository, _: repository.renew(NOW),
    "add-class": lambda repository, keys: add_class(repository, UpdateRole.parse(FANS), keys, NOW),
    "rotate timestamp": lambda repository, keys: rotate(repository, "timestamp", keys, NOW),
    "rotate snapshot": lambda repository, keys: rotate(repository, "snapshot", keys, NOW),
    "rotate class": lambda repository, keys: rotate(repository, PUMPS, keys, NOW),
    "rotate targets": lambda repository, keys: rotate(
        repository, "targets", keys, NOW, into=repository.directory.parent / "new"
    ),
    "rotate root": lambda repository, keys: rotate(
        repository, "root", keys, NOW, into=repository.directory.parent / "new"
    ),
}


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("step", STEPS)
def test_a_crash_at_any_write_leaves_what_gateways_can_read_and_the_same_again_completes_it(there, step, half):
    keys = read_keys(there / "safe", None)
    if step == "renew":
        ageing = UpdateRepository(there / "cloud", UpdateSettings(snapshot_days=1.5))
        ageing.commit(ageing.in_force(), {}, NOW - timedelta(hours=20))
    crashes = 0
    while True:
        try:
            STEPS[step](crashing(there, crashes, half=half), keys)
        except Crash:
            crashes += 1
        else:
            break
        assert fetch(there, FIRST) == {FIRST: b"first"}
    # It writes at least so many files; what is there already from the time before is not written again.
    assert crashes >= 1
    assert fetch(there, FIRST) == {FIRST: b"first"}
    again = UpdateRepository(there / "cloud")
    assert again.publish(PUMPS, b"third", {"name": "base", "version": 3}, NOW).version == 3
    assert fetch(there, FIRST, f"{PUMPS}/base-3") == {FIRST: b"first", f"{PUMPS}/base-3": b"third"}


def test_publishing_writes_the_timestamp_last(there):
    written = []

    def write(path, data, mode):
        written.append(path.name)
        write_durably(path, data, mode)

    UpdateRepository(there / "cloud", write=write).publish(PUMPS, b"second", {"name": "base", "version": 2}, NOW)
    assert [name.split(".", 1)[1] for name in written] == ["base-2", f"{ROLE}.json", "snapshot.json", "json"]


def test_publishing_the_same_again_changes_nothing(there, repository):
    before = {path: path.read_bytes() for path in there.rglob("*") if path.is_file()}
    assert repository.publish(PUMPS, b"first", MODEL, NOW).path == FIRST
    assert {path: path.read_bytes() for path in there.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("role", "data", "custom", "error", "text"),
    [
        (PUMPS, b"other", MODEL, ConflictError, "is out already with other content"),
        (PUMPS, b"first", MODEL | {"rate": 1}, ConflictError, "is out already with other content"),
        (FANS, b"x", MODEL, NotFoundError, "add-class"),
        ("gateway-models/../pump", b"x", MODEL, RequestError, "is no PURPOSE/CLASS"),
        ("models/pump", b"x", MODEL, RequestError, "purpose 'models' is none"),
        (PUMPS, b"x", {"name": "../x", "version": 2}, RequestError, "give at most 128"),
        (PUMPS, b"x", {"name": "x"}, RequestError, "give a whole number from 1"),
        (PUMPS, b"x", MODEL | {"name": "x", "much": "x" * 9000}, RequestError, "at most 8192"),
        (PUMPS, b"x", MODEL | {"name": "x", "rate": float("nan")}, RequestError, "JSON"),
    ],
)
def test_what_cannot_be_published(repository, role, data, custom, error, text):  # noqa: PLR0917 - one table
    with pytest.raises(error, match=text):
        repository.publish(role, data, custom, NOW)


def test_versions_only_rise(repository):
    repository.publish(PUMPS, b"third", {"name": "base", "version": 3}, NOW)
    with pytest.raises(ConflictError, match="version 3 is out already"):
        repository.publish(PUMPS, b"second", {"name": "base", "version": 2}, NOW)
    assert repository.publish(PUMPS, b"other", {"name": "other", "version": 2}, NOW).version == 2
    assert repository.publish(PUMPS, b"first", MODEL, NOW).version == 1


def test_signatures_are_renewed_when_less_than_half_of_their_life_is_left(repository):
    assert repository.renew(NOW + timedelta(hours=11)) == []
    assert repository.renew(NOW + timedelta(hours=13)) == ["timestamp"]
    assert repository.renew(NOW + timedelta(hours=13)) == []
    assert repository.renew(NOW + timedelta(days=4)) == ["snapshot", "timestamp"]
    assert repository.renew(NOW + timedelta(days=46)) == [ROLE, "snapshot", "timestamp"]
    state = repository.in_force()
    assert state.timestamp.expires == NOW + timedelta(days=47)
    assert published(state.targets[ROLE])[FIRST].custom == MODEL


def test_with_keys_from_the_safe_root_and_targets_are_renewed(there, repository):
    due = NOW + timedelta(days=200)
    assert "root" not in repository.renew(due)
    renewed = repository.renew(due, read_keys(there / "safe", None))
    assert renewed == ["targets", "root", "snapshot", "timestamp"]
    assert repository.in_force().root.version == 2


def test_after_a_clock_that_was_ahead_everything_is_signed_again(repository):
    repository.renew(NOW + timedelta(days=5))
    assert repository.renew(NOW) == ["snapshot", "timestamp"]
    assert repository.in_force().timestamp.expires == NOW + timedelta(days=1)


def test_how_long_signatures_are_good_is_said_in_the_configuration(there):
    repository = UpdateRepository(there / "cloud", UpdateSettings(timestamp_days=3, snapshot_days=30, release_days=10))
    repository.publish(PUMPS, b"second", {"name": "base", "version": 2}, NOW)
    state = repository.in_force()
    assert [one.expires - NOW for one in (state.timestamp, state.snapshot, state.targets[ROLE])] == [
        timedelta(days=3),
        timedelta(days=30),
        timedelta(days=10),
    ]


def test_a_class_whose_key_is_in_the_safe_is_signed_by_who_brings_it(there, repository):
    own = new_key()
    add_class(repository, UpdateRole.parse(FANS), read_keys(there / "safe", None), NOW, own=own)
    with pytest.raises(KeyFileError, match=r"1 of the keys .* must sign, 0 of them are at hand"):
        repository.publish(FANS, b"fan", MODEL, NOW)
    repository.publish(FANS, b"fan", MODEL, NOW, keys=[own])
    assert fetch(there, f"{FANS}/base-1") == {f"{FANS}/base-1": b"fan"}
    assert not list(repository.keys_directory.glob("gateway-models.fan*"))


def test_a_class_needs_the_key_of_targets(there, repository):
    roots = [key for file in (there / "safe").glob("root*.pem") for key in read_keys(file, None)]
    with pytest.raises(KeyFileError, match="must sign"):
        add_class(repository, UpdateRole.parse(FANS), roots, NOW)
    with pytest.raises(NotFoundError):
        repository.publish(FANS, b"x", MODEL, NOW)


def test_a_class_of_any_name_can_be_delivered(there, repository):
    role = UpdateRole.of("configurations", "Presse 3 [süd]")
    add_class(repository, role, read_keys(there / "safe", None), NOW)
    name = repository.publish(role.path, b"toml", {"name": "plant", "version": 1}, NOW)
    assert fetch(there, name.path) == {name.path: b"toml"}


@pytest.mark.parametrize("role", ["timestamp", "snapshot", PUMPS])
def test_an_online_key_that_was_replaced_is_gone(there, repository, role):
    before = set(repository.keys_directory.iterdir())
    rotate(repository, role, read_keys(there / "safe", None), NOW)
    after = set(repository.keys_directory.iterdir())
    assert len(before - after) == len(after - before) == 1
    assert fetch(there, FIRST) == {FIRST: b"first"}
    assert repository.renew(NOW + timedelta(days=46)) == [ROLE, "snapshot", "timestamp"]


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets", PUMPS])
def test_a_key_that_was_lost_is_replaced_too(there, repository, role):
    keys = read_keys(there / "safe", None)
    for folder in (repository.keys_directory, there / "safe"):
        for file in folder.glob(f"{role.replace('/', '.')}-*.pem"):
            file.unlink()
    at_hand = keys if role == PUMPS else read_keys(there / "safe", None)
    rotate(repository, role, at_hand, NOW, into=there / "new" if role == "targets" else None)
    assert fetch(there, FIRST) == {FIRST: b"first"}
    repository.publish(PUMPS, b"second", {"name": "base", "version": 2}, NOW)
    assert fetch(there, f"{PUMPS}/base-2") == {f"{PUMPS}/base-2": b"second"}


def test_the_root_changes_with_old_and_new_keys_and_gateways_follow(there, repository):
    one_of_two = [read_key(next(iter((there / "safe").glob("root*.pem"))), None)]
    with pytest.raises(KeyFileError, match=r"2 of the keys .* must sign, 1 of them"):
        rotate(repository, "root", one_of_two, NOW, into=there / "new")
    rotate(repository, "root", read_keys(there / "safe", None), NOW, into=there / "new", root_keys=5, threshold=3)
    assert repository.in_force().authorities["root"].threshold == 3
    assert len(list((there / "new").glob("root*.pem"))) == 5
    with pytest.raises(KeyFileError, match="3 of the keys"):
        rotate(repository, "timestamp", read_keys(there / "safe", None), NOW)
    rotate(repository, "timestamp", read_keys(there / "new", None), NOW)
    assert fetch(there, FIRST) == {FIRST: b"first"}


@pytest.mark.parametrize(("keys", "threshold"), [(3, 4), (0, 0), (3, 0), (3, 1), (21, 2)])
def test_thresholds_that_make_no_sense(tmp_path, keys, threshold):
    with pytest.raises(InputError, match="root keys"):
        make_repository(UpdateRepository(tmp_path), tmp_path / "safe", NOW, root_keys=keys, threshold=threshold)
    assert not (tmp_path / "safe").exists()


def test_a_second_ceremony_is_refused(there, repository):
    with pytest.raises(ConflictError, match="already"):
        make_repository(repository, there / "other", NOW)
    with pytest.raises(InputError, match="holds keys already"):
        make_repository(UpdateRepository(there / "new"), there / "safe", NOW)


def test_private_keys_are_for_their_owner_alone(there, repository):
    for file in [*repository.keys_directory.iterdir(), *(there / "safe").iterdir()]:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert file.read_bytes().startswith(b"-----BEGIN PRIVATE KEY-----")
    next(iter(repository.keys_directory.iterdir())).chmod(0o640)
    with pytest.raises(KeyFileError, match="others may read this private key"):
        repository.renew(NOW)


def test_keys_are_encrypted_where_there_is_a_passphrase(tmp_path):
    path = tmp_path / "a.pem"
    write_key(path, new_key(), b"correct horse")
    assert b"ENCRYPTED" in path.read_bytes()
    assert read_key(path, b"correct horse")
    with pytest.raises(KeyFileError, match="the passphrase does not open it"):
        read_key(path, b"wrong")
    with pytest.raises(KeyFileError, match="is encrypted: give --passphrase-file"):
        read_key(path, None)
    with pytest.raises(KeyFileError, match="is there already"):
        write_key(path, new_key(), None)
    path.write_bytes(b"nonsense")
    with pytest.raises(KeyFileError, match="is no private key"):
        read_key(path, None)


def test_damaged_files_are_named_and_nothing_is_signed(there, repository):
    snapshot = next((there / "cloud" / "metadata").glob("3.snapshot.json"))
    for damage in (b"{}", b""):
        snapshot.write_bytes(damage)
        with pytest.raises(UpdateRepositoryError, match="snapshot"):
            repository.renew(NOW + timedelta(days=1))


def test_without_a_repository_there_is_one_clear_line(tmp_path):
    with pytest.raises(NotFoundError, match="plantpulse cloud keys init"):
        UpdateRepository(tmp_path / "cloud").renew(NOW)
