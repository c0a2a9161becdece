"""Every attack of The Update Framework's and Uptane's lists, by a real server on a real gateway's client.

Each is refused with a name of its own; what was trusted before still is; and once the attack ends, updates go on.

Source: The Update Framework specification 1.0.33, section 1.5.2; Uptane Standard 2.1.0, section 4.2.
"""

from __future__ import annotations

import hashlib
import random
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.update_plant import FANS, FIRST, PUMPS, SECOND, plant
from support.update_server import UpdateServer, dripping, dripping_head, endless

from cloud.updates.ceremony import rotate
from cloud.updates.key_files import new_key
from edge_agent.update_client import MOST_JUMP
from edge_agent.update_errors import MaliciousMirrorError, UpdateError

ROLE = "gateway-models.pump"


@pytest.fixture
def line(tmp_path):
    with plant(tmp_path) as one:
        yield one


@contextmanager
def refused(line, code):
    """An attack goes on inside; afterwards it is over."""
    before = line.kept()
    with pytest.raises(UpdateError) as caught:
        yield caught
    assert caught.value.code == code, str(caught.value)
    assert "\n" not in str(caught.value)
    assert line.kept() == before
    line.server.attacks.clear()
    assert line.fetch(SECOND).targets[0].path.read_bytes() == line.server.honest(_target(line, SECOND))


def _target(line, name):
    folder, _, file = name.rpartition("/")
    return next(f"targets/{folder}/{one.name}" for one in (line.server.folder / "targets" / folder).glob(f"*.{file}"))


def test_without_an_attack_the_second_version_arrives(line):
    update = line.fetch(SECOND)
    assert update.targets[0].custom == {"name": "base", "version": 2}
    assert update.versions["timestamp"] == 5


# Arbitrary software


def test_content_that_nobody_signed(line):
    line.server.attacks["base-2"] = b"x" * len(line.server.honest(_target(line, SECOND)))
    with refused(line, "arbitrary_software"):
        line.fetch(SECOND)


@pytest.mark.parametrize("role", ["timestamp", "snapshot", ROLE])
def test_metadata_signed_by_a_stranger(line, role):
    name = line.newest(role)
    line.server.attacks[name] = line.forged(name, lambda _: None, [new_key()])
    with refused(line, "arbitrary_software"):
        line.fetch(SECOND)


def test_a_class_signed_by_a_stranger_where_snapshot_and_timestamp_were_stolen(line):
    role = line.forged(line.newest(ROLE), lambda _: None, [new_key()])

    def names_it(signed):
        signed.meta[f"{ROLE}.json"].length = len(role)
        signed.meta[f"{ROLE}.json"].hashes = {"sha256": _sha256(role)}

    _attack_online(line, names_it)
    line.server.attacks[line.newest(ROLE)] = role
    with refused(line, "arbitrary_software"):
        line.fetch(SECOND)


def _sha256(data):
    return hashlib.sha256(data).hexdigest()


def _attack_online(line, change, version=None):
    """Sign snapshot and timestamp as somebody who has stolen the online keys."""
    name = line.newest("snapshot")

    def newer(signed):
        signed.version = version or signed.version
        change(signed)

    snapshot = line.forged(name, newer, line.online_keys("snapshot"))

    def leads_there(signed):
        signed.version = version or signed.version
        signed.snapshot_meta.version = version or signed.snapshot_meta.version
        signed.snapshot_meta.length = len(snapshot)
        signed.snapshot_meta.hashes = {"sha256": _sha256(snapshot)}

    timestamp = line.forged("timestamp.json", leads_there, line.online_keys("timestamp"))
    line.server.attacks[f"/{version}.snapshot.json" if version else name] = snapshot
    line.server.attacks["timestamp.json"] = timestamp


# Rollback


def test_an_old_timestamp(line):
    old = line.server.honest("metadata/timestamp.json")
    line.fetch(SECOND)
    line.publish(3)
    line.fetch(f"{PUMPS}/base-3")
    line.server.attacks["timestamp.json"] = old
    with refused(line, "rollback"):
        line.fetch(FIRST)


def test_a_snapshot_that_names_older_files_than_we_have_seen(line):
    line.fetch(SECOND)
    _attack_online(line, lambda signed: setattr(signed.meta[f"{ROLE}.json"], "version", 1), version=40)
    with refused(line, "rollback"):
        line.fetch(SECOND)


def test_a_snapshot_that_no_longer_names_a_class(line):
    line.fetch(SECOND)
    _attack_online(line, lambda signed: signed.meta.pop(f"{ROLE}.json"), version=40)
    with refused(line, "rollback"):
        line.fetch(SECOND)


# Freeze


def test_signatures_that_have_ended(line):
    with line.repository.held():
        state = line.repository.in_force()
        before = line.server.honest("metadata/timestamp.json")
        line.repository.commit(state, {}, datetime.now(UTC) - timedelta(days=2), has_news=False)
    line.server.attacks["timestamp.json"] = line.server.honest("metadata/timestamp.json")
    (line.metadata / "timestamp.json").write_bytes(before)
    with refused(line, "freeze"):
        line.fetch(SECOND)


# Endless data


@pytest.mark.parametrize("name", ["timestamp.json", "snapshot.json", "2.root.json", "base-2"])
def test_a_file_without_an_end(line, name):
    line.server.attacks[name] = endless
    with refused(line, "endless_data"):
        line.fetch(SECOND)


def test_one_byte_more_than_was_signed(line):
    line.server.attacks["base-2"] = line.server.honest(_target(line, SECOND)) + b"!"
    with refused(line, "endless_data"):
        line.fetch(SECOND)


# Extraneous dependencies


def test_a_model_that_needs_what_is_none_of_this_gateways_business(line):
    line.publish(1, role=FANS)
    line.publish(3, needs=[f"{FANS}/base-1"])
    with refused(line, "extraneous_dependencies"):
        line.fetch(f"{PUMPS}/base-3")


def test_a_model_that_needs_without_an_end(line):
    for version in range(3, 22):
        line.publish(version, needs=[f"{PUMPS}/base-{version + 1}"])
    with refused(line, "extraneous_dependencies"):
        line.fetch(f"{PUMPS}/base-3")


# Mix and match


@pytest.mark.parametrize("role", ["snapshot", ROLE])
def test_an_older_file_in_the_place_of_the_one_that_belongs_to_the_others(line, role):
    name = line.newest(role)
    version = int(name.partition(".")[0])
    line.server.attacks[name] = line.server.honest(f"metadata/{version - 1}.{role}.json")
    with refused(line, "mix_and_match"):
        line.fetch(SECOND)


def test_the_file_of_another_role(line):
    line.server.attacks["timestamp.json"] = line.server.honest(f"metadata/{line.newest('snapshot')}")
    with refused(line, "mix_and_match"):
        line.fetch(SECOND)


# Wrong software


def test_the_first_model_in_the_place_of_the_second(line):
    first = line.server.honest(_target(line, FIRST))
    assert len(first) == len(line.server.honest(_target(line, SECOND)))
    line.server.attacks["base-2"] = first
    with refused(line, "wrong_software"):
        line.fetch(SECOND)


def test_a_notice_that_names_another_class(line):
    line.publish(1, role=FANS)
    with refused(line, "wrong_software"):
        line.fetch(f"{FANS}/base-1")
    assert not [name for name, _ in line.server.asked if "fan" in name]


def test_a_key_signs_for_its_own_class_only(line):
    """Stolen keys of pumps, snapshot and timestamp do not make a model for fans."""

    def adds(signed):
        signed.targets[f"{FANS}/evil-1"] = signed.targets[FIRST]

    name = line.newest(ROLE)
    role = line.forged(name, adds, line.online_keys(ROLE))

    def names_it(signed):
        signed.meta[f"{ROLE}.json"].length = len(role)
        signed.meta[f"{ROLE}.json"].hashes = {"sha256": _sha256(role)}

    _attack_online(line, names_it)
    line.server.attacks[name] = role
    with refused(line, "unknown_target"):
        line.fetch(f"{FANS}/evil-1", allowed=[f"{FANS}/*"])


# Malicious mirrors


def test_a_bad_mirror_does_not_keep_us_from_a_good_one(line):
    with UpdateServer(line.server.folder) as bad:
        bad.attacks["base-2"] = b"x" * len(line.server.honest(_target(line, SECOND)))
        update = line.fetch(SECOND, sources=[bad.address, line.server.address])
    assert update.source == line.server.address
    assert [(source, error.code) for source, error in update.refused] == [(bad.address, "arbitrary_software")]


def test_bad_mirrors_only(line):
    line.server.attacks["timestamp.json"] = b"{}"
    with UpdateServer(line.server.folder) as other:
        other.attacks["base-2"] = endless
        with refused(line, "malicious_mirror") as caught:
            line.fetch(SECOND, sources=[line.server.address, other.address])
    assert isinstance(caught.value, MaliciousMirrorError)
    assert [error.code for _, error in caught.value.refused] == ["damaged_metadata", "endless_data"]


# Fast-forward


def test_versions_that_no_work_explains(line):
    _attack_online(line, lambda _: None, version=2**31)
    with refused(line, "fast_forward"):
        line.fetch(SECOND)


def test_a_modest_fast_forward_ends_with_other_keys(line):
    """A thief who stays below what we refuse blocks updates, until the stolen keys are replaced."""
    _attack_online(line, lambda _: None, version=MOST_JUMP // 2)
    assert line.fetch(SECOND).versions["timestamp"] == MOST_JUMP // 2
    line.server.attacks.clear()
    with pytest.raises(UpdateError) as caught:
        line.fetch(SECOND)
    assert caught.value.code == "rollback"
    keys = line.safe_keys()
    for role in ("timestamp", "snapshot"):
        rotate(line.repository, role, keys, datetime.now(UTC))
    line.publish(3)
    assert line.fetch(f"{PUMPS}/base-3").versions["timestamp"] < 100


# Key compromise below the threshold


def test_a_root_signed_by_one_stolen_key_of_two(line):
    thief = new_key()

    def takes_over(signed):
        signed.version += 1
        signed.roles["timestamp"].keyids = []

    line.server.attacks["2.root.json"] = line.forged("1.root.json", takes_over, [*line.safe_keys("root")[:1], thief])
    with refused(line, "key_compromise_below_threshold"):
        line.fetch(SECOND)


def test_a_root_signed_by_two_is_taken_even_if_the_rest_is_kept_from_us(line):
    """Who has keys replaced wants gateways to know, whatever a mirror does afterwards."""
    rotate(line.repository, "timestamp", line.safe_keys(), datetime.now(UTC))
    line.server.attacks["timestamp.json"] = None
    with pytest.raises(UpdateError) as caught:
        line.fetch(SECOND)
    assert caught.value.code == "unreachable"
    assert (line.trusted / "root_history" / "2.root.json").is_file()


# Slow retrieval


@pytest.mark.parametrize("how", [dripping, dripping_head])
@pytest.mark.parametrize("name", ["timestamp.json", "base-2"])
def test_a_file_that_comes_byte_by_byte(line, name, how):
    line.server.attacks[name] = how
    with refused(line, "slow_retrieval"):
        line.fetch(SECOND)


# Partial bundle


def test_a_bundle_of_which_a_part_is_kept_from_us(line):
    line.publish(3)
    line.publish(4, needs=[f"{PUMPS}/base-3"])
    line.server.attacks["base-3"] = None
    with refused(line, "partial_bundle"):
        line.fetch(f"{PUMPS}/base-4")
    together = line.fetch(f"{PUMPS}/base-4")
    assert [one.name for one in together.targets] == [f"{PUMPS}/base-4", f"{PUMPS}/base-3"]


def test_a_bundle_of_which_a_part_was_never_signed(line):
    with refused(line, "partial_bundle"):
        line.fetch(SECOND, f"{PUMPS}/base-9")


# The clock


@pytest.mark.parametrize("now", [datetime(1970, 1, 1, 0, 5, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=UTC)])
def test_a_clock_from_before_anything_was_signed(line, now):
    with refused(line, "clock_off") as caught:
        line.fetch(SECOND, now=now)
    assert "set the clock" in str(caught.value)


def test_a_clock_far_ahead_is_told_from_a_freeze_by_what_the_server_says(line):
    with line.repository.held():
        state = line.repository.in_force()
        before = line.server.honest("metadata/timestamp.json")
        line.repository.commit(state, {}, datetime.now(UTC) - timedelta(days=40), has_news=False)
    line.server.attacks["timestamp.json"] = line.server.honest("metadata/timestamp.json")
    (line.metadata / "timestamp.json").write_bytes(before)
    line.server.clock_ahead_s = -40 * 86_400
    with refused(line, "clock_off"):
        line.fetch(SECOND)


# Damage


DAMAGED = {
    "nothing": lambda _: b"",
    "truncated": lambda data: data[: len(data) // 2],
    "nested without end": lambda _: b"[" * 15_000,
    "no object": lambda _: b"7",
    "not UTF-8": lambda data: b"\xff" + data,
    "a number without end": lambda _: b'{"signed": {"version": ' + b"9" * 15_000 + b"}}",
    "of no kind": lambda data: data.replace(b'"_type"', b'"_typ"'),
}


@pytest.mark.parametrize("how", DAMAGED)
@pytest.mark.parametrize("role", ["timestamp", "snapshot", ROLE])
def test_metadata_that_cannot_be_read(line, role, how):
    name = line.newest(role)
    line.server.attacks[name] = DAMAGED[how](line.server.honest(f"metadata/{name}"))
    before = line.kept()
    with pytest.raises(UpdateError) as caught:
        line.fetch(SECOND)
    assert caught.value.code in {"damaged_metadata", "arbitrary_software", "endless_data", "mix_and_match"}
    assert line.kept() == before


def test_whatever_is_damaged_nothing_is_believed(tmp_path_factory):
    """Bytes flipped, cut, doubled, made huge in any file: refused, or of no consequence; never a crash."""
    chance = random.Random(7)
    with plant(tmp_path_factory.mktemp("damage")) as line:
        names = ["timestamp.json", line.newest("snapshot"), line.newest(ROLE), "2.root.json", "base-2"]
        honest = line.server.honest(_target(line, SECOND))
        before = {path: Path(path).read_bytes() for path in line.kept()}
        refusals = 0
        for _ in range(120):
            name = chance.choice(names)
            real = name if name != "2.root.json" else "1.root.json"
            data = bytearray(honest if name == "base-2" else line.server.honest(f"metadata/{real}"))
            line.server.attacks = {name: _damaged(chance, data)}
            try:
                update = line.fetch(SECOND)
            except UpdateError:
                refusals += 1
                assert line.kept() == before
            else:
                assert update.targets[0].path.read_bytes() == honest
                for path in set(line.kept()) - set(before):
                    Path(path).unlink()
                for path, kept in before.items():
                    Path(path).write_bytes(kept)
        assert refusals > 90
        line.server.attacks.clear()
        assert line.fetch(SECOND)


def _damaged(chance, data):
    match chance.randrange(5):
        case 0:
            for _ in range(chance.randint(1, 8)):
                data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        case 1:
            del data[chance.randrange(len(data)) :]
        case 2:
            start = chance.randrange(len(data))
            data[start:start] = chance.randbytes(chance.randint(1, 2000))
        case 3:
            start = chance.randrange(len(data))
            del data[start : start + chance.randint(1, 50)]
        case _:
            data += data * chance.randint(1, 300)
    return bytes(data)
