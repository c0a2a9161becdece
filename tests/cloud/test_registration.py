"""A bundle comes in: file and row, in this order, and only if they are of the same bytes."""

from __future__ import annotations

import hashlib

import pytest
from support.model_versions import RUIZ, bundle_facts

from cloud.book.model_registry import versions
from cloud.bundle_files import read_bundle
from cloud.errors import RequestError, StoreError, VersionTakenError
from cloud.registration import register_bundle

DATA = b"a bundle"


def facts_of(data, **changes):
    return bundle_facts(sha256=hashlib.sha256(data).hexdigest(), size_bytes=len(data), **changes)


def test_bytes_and_facts_are_kept(book_engine, tmp_path):
    row = register_bundle(book_engine, tmp_path, DATA, facts_of(DATA), RUIZ, by_person=False)
    assert (row.state, read_bundle(tmp_path, row.sha256)) == ("approved", DATA)
    again = register_bundle(book_engine, tmp_path, DATA, facts_of(DATA), RUIZ, by_person=False)
    assert again.id == row.id


def test_other_content_by_the_same_name_is_refused(book_engine, tmp_path):
    register_bundle(book_engine, tmp_path, DATA, facts_of(DATA), RUIZ, by_person=True)
    with pytest.raises(VersionTakenError):
        register_bundle(book_engine, tmp_path, b"another", facts_of(b"another"), RUIZ, by_person=True)
    assert [row.sha256 for row in versions(book_engine, 9)] == [hashlib.sha256(DATA).hexdigest()]


@pytest.mark.parametrize("wrong", [{"sha256": "0" * 64}, {"size_bytes": 7}])
def test_facts_of_other_bytes_are_refused(book_engine, tmp_path, wrong):
    fields = {"sha256": hashlib.sha256(DATA).hexdigest(), "size_bytes": len(DATA)}
    with pytest.raises(RequestError, match="not those"):
        register_bundle(book_engine, tmp_path, DATA, bundle_facts(**(fields | wrong)), RUIZ, by_person=True)
    assert not (tmp_path / "models").exists()


def test_without_its_file_there_is_no_row(book_engine, tmp_path):
    (tmp_path / "models").write_text("in the way", encoding="utf-8")
    with pytest.raises(StoreError):
        register_bundle(book_engine, tmp_path, DATA, facts_of(DATA), RUIZ, by_person=True)
    assert versions(book_engine, 9) == []
