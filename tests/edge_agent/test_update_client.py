"""What a gateway does about updates that nobody attacks: any line, any source, once or again."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import ssl
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from support.authority import Authority
from support.update_plant import FIRST, PUMPS, QUICK, SECOND, plant
from support.update_server import UpdateServer, broken_off, dripping

from edge_agent.update_errors import UpdateError
from edge_agent.update_transfer import Limits
from models.contract.errors import InputError

BIG = bytes(range(256)) * 2000


@pytest.fixture
def line(tmp_path):
    with plant(tmp_path) as one:
        yield one


def _code(line, *names, **how):
    with pytest.raises(UpdateError) as caught:
        line.fetch(*names, **how)
    return caught.value.code


def _ranges(line):
    return [asked for name, asked in line.server.asked if name.endswith("base-3")]


def _process(line, *arguments, source=None):
    command = [sys.executable, "-m", "edge_agent.update_process", "--root", line.folder / "root.json"]
    command += ["--source", source or line.server.address, "--trusted", line.trusted, "--into", line.into]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False, timeout=60)
    assert done.stderr == ""
    assert done.stdout.count("\n") == 1
    return done.returncode, json.loads(done.stdout)


def test_a_process_of_its_own_says_in_one_line_what_was_verified(line):
    code, said = _process(line, "--target", SECOND, "--allow", f"{PUMPS}/*")
    assert code == 0
    assert said["targets"][0]["custom"] == {"name": "base", "version": 2}
    assert said["targets"][0]["length"] == len(line.publish(2))
    assert said["versions"]["gateway-models.pump"] == 3


def test_a_process_says_the_code_of_what_was_refused(line):
    line.server.attacks["timestamp.json"] = None
    code, said = _process(line, "--target", SECOND, "--allow", f"{PUMPS}/*")
    assert (code, said["error"]["code"]) == (1, "unreachable")
    code, said = _process(line, "--target", SECOND)
    assert (code, said["error"]["code"]) == (2, "bad_arguments")
    code, said = _process(line, "--target", SECOND, "--allow", "*/*/*", source="ftp://plant.example")
    assert (code, said["error"]["code"]) == (2, "bad_arguments")


def test_a_process_ends_in_time_whatever_it_waits_for(line):
    line.server.attacks["base-2"] = dripping
    code, said = _process(line, "--target", SECOND, "--allow", f"{PUMPS}/*", "--limit-s", "1.5")
    assert (code, said["error"]["code"]) == (1, "slow_retrieval")


def test_a_stick_is_as_good_as_a_server(line, tmp_path):
    shutil.copytree(line.repository.directory, tmp_path / "stick", ignore=shutil.ignore_patterns("keys", "lock"))
    assert line.fetch(SECOND, sources=[str(tmp_path / "stick")]).targets[0].name == SECOND
    line.publish(3)
    assert _code(line, f"{PUMPS}/base-3", sources=[f"file://{tmp_path}/stick"]) == "unknown_target"


def test_a_stick_leads_nowhere_else(line, tmp_path):
    stick = tmp_path / "stick"
    shutil.copytree(line.repository.directory, stick)
    (stick / "metadata" / "timestamp.json").unlink()
    (stick / "metadata" / "timestamp.json").symlink_to(line.metadata / "timestamp.json")
    assert _code(line, SECOND, sources=[str(stick)]) == "unreachable"
    (stick / "metadata" / "timestamp.json").unlink()
    os.mkfifo(stick / "metadata" / "timestamp.json")
    assert _code(line, SECOND, sources=[str(stick)]) == "unreachable"


def test_what_is_there_is_not_fetched_again(line):
    line.fetch(SECOND)
    line.server.asked.clear()
    line.fetch(SECOND)
    assert [name for name, _ in line.server.asked] == ["metadata/2.root.json", "metadata/timestamp.json"]


def test_a_download_that_breaks_off_goes_on_where_it_was(line):
    line.publish(3, BIG)
    line.server.attacks["base-3"] = broken_off(BIG, 100_000)
    assert line.fetch(f"{PUMPS}/base-3").targets[0].path.read_bytes() == BIG
    assert _ranges(line) == [None, *(f"bytes={at}-" for at in range(100_000, len(BIG), 100_000))]


def test_the_next_process_goes_on_too(line):
    line.publish(3, BIG)
    line.server.attacks["base-3"] = broken_off(BIG, 10_000)
    assert _code(line, f"{PUMPS}/base-3") == "unreachable"
    begun = next(line.into.glob(".*.part")).stat().st_size
    assert begun == 80_000
    line.server.attacks.clear()
    line.server.asked.clear()
    assert line.fetch(f"{PUMPS}/base-3").targets[0].path.read_bytes() == BIG
    assert _ranges(line) == [f"bytes={begun}-"]
    assert not list(line.into.glob(".*.part"))


def test_a_server_without_ranges_starts_over(line):
    line.publish(3, BIG)
    line.server.attacks["base-3"] = broken_off(BIG, 10_000)
    assert _code(line, f"{PUMPS}/base-3") == "unreachable"
    line.server.attacks.clear()
    line.server.takes_ranges = False
    assert line.fetch(f"{PUMPS}/base-3").targets[0].path.read_bytes() == BIG


def test_what_a_bad_mirror_began_a_good_one_starts_anew(line):
    line.publish(3, BIG)
    with UpdateServer(line.server.folder) as bad:
        bad.attacks["base-3"] = broken_off(b"?" * len(BIG), 10_000)
        update = line.fetch(f"{PUMPS}/base-3", sources=[bad.address, line.server.address])
    assert update.targets[0].path.read_bytes() == BIG
    assert _ranges(line) == ["bytes=80000-", None]


def test_a_file_that_rots_on_our_disk_is_fetched_again(line):
    path = line.fetch(FIRST).targets[0].path
    honest = path.read_bytes()
    path.write_bytes(b"rot" + honest[3:])
    assert line.fetch(FIRST).targets[0].path.read_bytes() == honest


def test_more_than_this_gateway_takes(line):
    line.publish(3, BIG)
    assert _code(line, f"{PUMPS}/base-3", max_bytes=len(BIG) - 1) == "too_large"
    assert not [name for name, _ in line.server.asked if name.endswith("base-3")]


def test_nobody_answers(line):
    assert _code(line, SECOND, sources=["http://127.0.0.1:9"]) == "unreachable"


def test_one_update_at_a_time(line):
    with (line.trusted / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert _code(line, SECOND) == "storage"


@pytest.mark.parametrize("damage", [b"", b"{}", b'{"signed": {}, "signatures": []}'])
def test_a_root_that_is_none(line, damage):
    (line.folder / "root.json").write_bytes(damage)
    assert _code(line, SECOND) == "bad_bootstrap_root"


def test_a_root_that_is_missing(line):
    (line.folder / "root.json").unlink()
    assert _code(line, SECOND) == "bad_bootstrap_root"


@pytest.mark.parametrize("damage", [b"", b"{", b"\x00" * 500])
def test_trusted_files_that_a_power_cut_has_damaged_are_fetched_again(line, damage):
    for file in line.trusted.rglob("*.json"):
        file.write_bytes(damage)
    assert line.fetch(SECOND).versions["timestamp"] == 5


def test_an_interrupted_copy_is_swept_away(line):
    (line.trusted / "copy-left").mkdir()
    line.fetch(SECOND)
    assert not list(line.trusted.glob("copy-*"))


def test_https_needs_the_plants_authority(line, tmp_path):
    authority = Authority(tmp_path)
    pair = authority.issue("cloud", 10, host="127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    line.server.socket = context.wrap_socket(line.server.socket, server_side=True, do_handshake_on_connect=False)
    address = line.server.address.replace("http:", "https:")
    own = Limits(QUICK.least_rate_bytes_s, 2.0, authority.file)
    assert line.fetch(SECOND, sources=[address], limits=own).targets[0].name == SECOND
    assert _code(line, SECOND, sources=[address]) == "unreachable"
    with pytest.raises(InputError, match="give certificates as PEM"):
        line.fetch(SECOND, sources=[address], limits=Limits(ca_file=tmp_path / "none.pem"))


def test_the_time_is_passed_in(line):
    assert line.fetch(SECOND, now=datetime.now(UTC)).source == line.server.address
