"""Bundles on the disk: whole under their hash or not there, and never changed."""

from __future__ import annotations

import hashlib
import os

import pytest

from cloud.bundle_files import read_bundle, store_bundle
from cloud.errors import NotFoundError, StoreError

DATA = bytes(range(256)) * 10


def test_a_bundle_comes_back_by_its_hash(tmp_path):
    digest = store_bundle(tmp_path, DATA)
    assert digest == hashlib.sha256(DATA).hexdigest()
    assert read_bundle(tmp_path, digest) == DATA
    assert [path.name for path in (tmp_path / "models").iterdir()] == [digest]


def test_storing_it_again_leaves_the_file_alone(tmp_path):
    path = tmp_path / "models" / store_bundle(tmp_path, DATA)
    before = path.stat().st_ino
    store_bundle(tmp_path, DATA)
    assert path.stat().st_ino == before


def test_it_is_synced_before_it_gets_its_name(tmp_path, monkeypatch):
    happened = []
    fsync = os.fsync

    def noted(descriptor):
        names = {path.name for path in (tmp_path / "models").iterdir()}
        happened.append(any(not name.startswith(".") for name in names))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    store_bundle(tmp_path, DATA)
    assert happened == [False, True]  # the file without its name, then the folder with it


def test_a_disk_that_would_not_have_it_leaves_nothing(tmp_path, monkeypatch):
    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="No space left"):
        store_bundle(tmp_path, DATA)
    assert list((tmp_path / "models").iterdir()) == []


def test_a_file_that_is_not_what_it_was_is_not_given_out(tmp_path):
    digest = store_bundle(tmp_path, DATA)
    (tmp_path / "models" / digest).write_bytes(DATA[:-1])
    with pytest.raises(StoreError, match="not what it was"):
        read_bundle(tmp_path, digest)
    with pytest.raises(NotFoundError):
        read_bundle(tmp_path, "0" * 64)
