"""Bundles on the disk: whole and as verified, or not there."""

from __future__ import annotations

import errno
import hashlib
import os

import pytest

from edge_agent.errors import DataDirectoryError
from edge_agent.model_files import ModelFiles


@pytest.fixture
def files(tmp_path):
    return ModelFiles(tmp_path / "models")


def test_what_is_stored_is_read_under_its_hash(files):
    sha256 = files.store(b"a model")
    assert sha256 == hashlib.sha256(b"a model").hexdigest()
    assert files.read(sha256) == b"a model"
    assert files.store(b"a model") == sha256


def test_bytes_that_changed_on_the_disk_are_no_model_and_can_be_stored_anew(files):
    sha256 = files.store(b"a model")
    files.path(sha256).write_bytes(b"a modem")
    assert files.read(sha256) is None
    files.store(b"a model")
    assert files.read(sha256) == b"a model"


def test_what_is_missing_is_none(files):
    assert files.read("00" * 32) is None


def test_a_crash_before_the_name_leaves_no_model(files, monkeypatch):
    def power_cut(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", power_cut)
    with pytest.raises(KeyboardInterrupt):
        files.store(b"a model")
    monkeypatch.undo()
    sha256 = hashlib.sha256(b"a model").hexdigest()
    assert files.read(sha256) is None
    files.keep_only([])
    assert list(files.path(sha256).parent.iterdir()) == []


def test_a_full_disk_is_one_line_and_leaves_nothing(files, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DataDirectoryError, match=r"No space left on device.*make room") as caught:
        files.store(b"a model")
    assert "\n" not in str(caught.value)
    assert list(files.path("x").parent.iterdir()) == []


def test_only_what_is_wanted_is_kept_and_what_is_not_ours_is_left_alone(files):
    first, second = files.store(b"one"), files.store(b"two")
    note = files.path(first).with_name("README")
    note.write_text("a person's")
    files.keep_only([second])
    assert (files.read(first), files.read(second)) == (None, b"two")
    assert note.exists()


def test_a_directory_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataDirectoryError, match="cannot be made for models"):
        ModelFiles(tmp_path / "file" / "models")
