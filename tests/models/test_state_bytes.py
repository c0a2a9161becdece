"""Bytes of states: exact, and safe to read from a damaged disk."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.state_bytes import StateError, pack, unpack

PACKED = pack("toy", 3, {"n": 1 << 62, "x": 0.1, "name": "Ü", "none": None}, {"a": np.arange(6.0).reshape(2, 3)})


def test_numbers_come_back_to_the_bit():
    fields = unpack(PACKED, "toy", 3)
    assert (fields.value("n"), fields.value("x"), fields.value("name"), fields.value("none")) == (
        1 << 62,
        0.1,
        "Ü",
        None,
    )
    np.testing.assert_array_equal(fields.array("a"), np.arange(6.0).reshape(2, 3))


def test_infinities_nan_and_empty_arrays_are_numbers_too():
    odd = np.array([np.nan, np.inf, -np.inf, -0.0], np.float32)
    fields = unpack(pack("toy", 1, {}, {"odd": odd, "empty": np.empty((0, 5), np.float32)}), "toy", 1)
    assert fields.array("odd").tobytes() == odd.tobytes()
    assert fields.array("empty").shape == (0, 5)


@pytest.mark.parametrize("data", [b"", b"PPST", PACKED[:-1], PACKED + b"x", b"x" * 100])
def test_what_is_no_state_is_refused(data):
    with pytest.raises(StateError):
        unpack(data, "toy", 3)


@given(st.integers(0, len(PACKED) - 1), st.integers(1, 255))
@settings(max_examples=100)
def test_every_flipped_byte_is_noticed(place, change):
    damaged = bytearray(PACKED)
    damaged[place] ^= change
    with pytest.raises(StateError):
        unpack(bytes(damaged), "toy", 3)


def test_another_kind_or_version_is_refused_by_name():
    with pytest.raises(StateError, match="other state version 3"):
        unpack(PACKED, "other", 3)
    with pytest.raises(StateError, match="version 4 expected"):
        unpack(PACKED, "toy", 4)


def test_a_missing_part_is_named():
    fields = unpack(PACKED, "toy", 3)
    with pytest.raises(StateError, match="no array 'b'"):
        fields.array("b")
    with pytest.raises(StateError, match="no value 'b'"):
        fields.value("b")
