"""Tokens of links: bound to what they name, to the key, and to nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.errors import DataDirectoryError
from cloud.notifying.acknowledge_links import KEY_FILE, Link, digest_of, read_or_make_key, sign, verify

KEY = bytes(range(32))
LINK = Link("b7c1e7d0-53f3-4f0b-8f5c-1f2e3d4c5b6a", 3, "maintenance", 1_760_000_000_000)


@given(st.text(max_size=64), st.integers(1, 2**31), st.text(max_size=64), st.integers(0, 2**53))
def test_a_token_says_what_was_signed(alarm_id, occurrence, target, expires_ms):
    link = Link(alarm_id, occurrence, target, expires_ms)
    token = sign(KEY, link)
    assert verify(KEY, token) == link
    assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


@given(st.integers(0, 400), st.characters(codec="ascii"))
def test_a_token_with_any_other_character_is_no_token(place, character):
    token = sign(KEY, LINK)
    place %= len(token)
    other = token[:place] + character + token[place + 1 :]
    # The last character of base64 may have bits that mean nothing: then it is the same token, written differently.
    assert other == token or verify(KEY, other) in {None, LINK}
    if verify(KEY, other) == LINK and other != token:
        assert place == len(token) - 1 or not character.isalnum()


@pytest.mark.parametrize("token", ["", "x", "=", "ä", "A" * 5_000, "../..", "a" * 43])
def test_garbage_is_no_token(token):
    assert verify(KEY, token) is None


def test_another_key_opens_nothing_and_each_link_is_written_down_apart():
    assert verify(bytes(32), sign(KEY, LINK)) is None
    others = [replace(LINK, occurrence=4), replace(LINK, target="lead"), replace(LINK, alarm_id="x")]
    assert len({digest_of(link) for link in (LINK, *others)}) == 4


def test_the_key_is_made_once_for_the_owner_alone(tmp_path):
    key = read_or_make_key(tmp_path)
    assert len(key) == 32
    assert (tmp_path / KEY_FILE).stat().st_mode & 0o777 == 0o600
    assert read_or_make_key(tmp_path) == key


def test_a_key_that_others_can_read_or_that_is_none_is_refused(tmp_path):
    read_or_make_key(tmp_path)
    path = tmp_path / KEY_FILE
    path.chmod(0o644)
    with pytest.raises(DataDirectoryError, match="others may read this key"):
        read_or_make_key(tmp_path)
    path.chmod(0o600)
    path.write_text("not hex")
    with pytest.raises(DataDirectoryError, match="is no key"):
        read_or_make_key(tmp_path)
