"""`plantpulse cloud keys` as people type it: the ceremony, classes, rotation, renewal; each mistake is one line."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from support.update_plant import PUMPS

from cloud.updates.key_files import read_key
from cloud.updates.repository import UpdateRepository
from plantpulse.command_line import main


@pytest.fixture
def keys(tmp_path, capsys, monkeypatch):
    """Return a function that runs one command and returns exit code, output and complaint."""
    (tmp_path / "cloud.toml").write_text('[cloud]\ndata_dir = "cloud"\n', encoding="utf-8")
    monkeypatch.chdir(tmp_path)

    def run(*words):
        code = main(["cloud", "keys", *words, "--config", "cloud.toml"])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_the_ceremony_and_what_follows(keys, tmp_path):
    code, out, _ = keys("init", "--root-keys", "3", "--threshold", "2", "--offline", "safe", "--json")
    assert code == 0
    assert json.loads(out)["root"] == str(tmp_path / "cloud" / "updates" / "metadata" / "1.root.json")
    assert len(list((tmp_path / "safe").glob("root-*.pem"))) == 3
    assert keys("add-class", "gateway-models", "pump", "--offline", "safe")[0] == 0
    assert keys("add-class", "node-firmware", "rp2040", "--offline", "safe", "--offline-key", "stick/rp.pem")[0] == 0
    assert keys("rotate", "timestamp", "--offline", "safe")[0] == 0
    assert keys("rotate", PUMPS, "--offline", "safe")[0] == 0
    assert (
        keys("rotate", "root", "--offline", "safe", "--into", "safe-2", "--root-keys", "5", "--threshold", "3")[0] == 0
    )
    assert keys("rotate", "targets", "--offline", "safe", "--offline", "safe-2", "--into", "safe-2")[0] == 0
    assert json.loads(keys("renew", "--json")[1]) == {"renewed": []}
    code, out, _ = keys("status", "--json")
    rows = {row["role"]: row for row in json.loads(out)["roles"]}
    assert code == 0
    assert (rows["root"]["version"], rows["root"]["threshold"], rows["root"]["keys"]) == (4, 3, 5)
    assert rows["timestamp"]["expires_in_days"] == pytest.approx(1, abs=0.01)
    assert {role for role, row in rows.items() if row["online"]} == {"timestamp", "snapshot", "gateway-models.pump"}
    repository = UpdateRepository(tmp_path / "cloud" / "updates")
    repository.publish(
        "node-firmware/rp2040", b"uf2", {"name": "node", "version": 1}, datetime.now(UTC),
        [read_key(tmp_path / "stick" / "rp.pem", None)],
    )  # fmt: skip
    assert "online" in keys("status")[1]


def test_online_and_offline_keys_can_be_encrypted(keys, tmp_path):
    (tmp_path / "cloud.toml").write_text(
        '[cloud]\ndata_dir = "cloud"\n[updates]\npassphrase_file = "online"\n', encoding="utf-8"
    )
    (tmp_path / "online").write_text("one\n", encoding="utf-8")
    (tmp_path / "offline").write_text("two\n", encoding="utf-8")
    assert keys("init", "--offline", "safe", "--passphrase-file", "offline")[0] == 0
    files = [*(tmp_path / "safe").iterdir(), *(tmp_path / "cloud" / "updates" / "keys").iterdir()]
    assert len(files) == 6
    assert all(b"ENCRYPTED" in file.read_bytes() for file in files)
    assert keys("renew")[0] == 0
    code, _, complaint = keys("add-class", "gateway-models", "pump", "--offline", "safe")
    assert (code, complaint.count("\n")) == (2, 1)
    assert "is encrypted" in complaint


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["status"], "plantpulse cloud keys init"),
        (["renew"], "plantpulse cloud keys init"),
        (["rotate", "timestamp"], "plantpulse cloud keys init"),
        (["init", "--offline", "safe", "--threshold", "4"], "4 of 3 root keys"),
        (["add-class", "models", "pump", "--offline", "."], "purpose 'models' is none"),
        (["renew", "--offline", "nowhere"], "there is no such file or folder"),
        (["renew", "--passphrase-file", "nowhere"], "the passphrase cannot be read"),
    ],
)
def test_before_the_ceremony_each_mistake_is_one_line(keys, words, expected):
    code, out, complaint = keys(*words)
    assert (code, out, complaint.count("\n")) == (2, "", 1)
    assert expected in complaint


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["init", "--offline", "other"], "is an update repository already"),
        (["add-class", "gateway-models", "fan"], "1 of the keys"),
        (["add-class", "gateway-models", "pump", "--offline", "safe"], "has a key already"),
        (["rotate", "root", "--offline", "safe"], "say where with --into"),
        (["rotate", "snapshot"], "2 of the keys"),
        (["rotate", "pumps", "--offline", "safe"], "is no PURPOSE/CLASS"),
        (["rotate", "gateway-models/fan", "--offline", "safe"], "there is no role with a key"),
    ],
)
def test_after_the_ceremony_each_mistake_is_one_line(keys, words, expected):
    keys("init", "--offline", "safe")
    keys("add-class", "gateway-models", "pump", "--offline", "safe")
    code, out, complaint = keys(*words)
    assert (code, out, complaint.count("\n")) == (2, "", 1)
    assert expected in complaint
