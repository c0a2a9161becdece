"""Acknowledgements: explicit sets, nothing implied; a gateway deletes what is named and nothing else."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.contract import limits
from models.contract.acknowledgement import (
    Ranges,
    format_acknowledged,
    format_rejected,
    parse_acknowledged,
    parse_rejected,
)
from models.contract.errors import RangeError
from models.contract.vocabulary import RejectReason

INCARNATION = "2d9b3c64-6a0b-4c53-9d57-0f4f0a1b7e90"
NUMBERS = st.sets(st.integers(0, 60) | st.integers(2**64 - 5, 2**64 - 1))


@given(NUMBERS, NUMBERS, st.integers(0, 60))
def test_ranges_are_sets(left: set[int], right: set[int], number: int) -> None:
    """Every operation against Python's own sets."""
    a, b = Ranges.of(left), Ranges.of(right)
    assert list(a) == sorted(left)
    assert len(a) == len(left)
    assert bool(a) == bool(left)
    assert (number in a) == a.contains(number) == (number in left)
    assert set(a.union(b)) == left | right
    assert set(a.difference(b)) == left - right
    assert set(a.intersection(b)) == left & right
    assert set(a.add(number)) == left | {number}
    assert Ranges.of(left | right) == a.union(b)


@given(NUMBERS)
def test_an_acknowledgement_comes_back_as_it_was(numbers: set[int]) -> None:
    ranges = Ranges.of(numbers)
    if numbers:
        assert parse_acknowledged(format_acknowledged(INCARNATION, ranges)) == (INCARNATION, ranges)


def test_the_text_is_as_in_the_contract() -> None:
    ranges = Ranges.of([3, 4, 5, 9, 11, 12])
    assert format_acknowledged(INCARNATION, ranges) == f"{INCARNATION}:3-5,9,11-12"


def test_a_large_range_costs_nothing() -> None:
    """A range is never spelt out: a forged 0-18446744073709551615 is as small as any."""
    _, ranges = parse_acknowledged(f"{INCARNATION}:0-18446744073709551615")
    assert ranges.bounds == ((0, 2**64 - 1),)
    assert 2**63 in ranges


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":",
        INCARNATION,
        f"{INCARNATION}:",
        ":1-2",
        f"{INCARNATION}:2-1",
        f"{INCARNATION}:1,1",
        f"{INCARNATION}:1-3,2-5",
        f"{INCARNATION}:1,2",
        f"{INCARNATION}:9,3",
        f"{INCARNATION}:-1",
        f"{INCARNATION}:1-",
        f"{INCARNATION}:01",
        f"{INCARNATION}: 1",
        f"{INCARNATION}:1;2",
        f"{INCARNATION}:\u0661",  # a digit, but not one of ours
        f"{INCARNATION}:18446744073709551616",
        f"{INCARNATION}:" + "1" * 5_000,
        "x" * 65 + ":1",
        "a b:1",
    ],
)
def test_what_is_not_exactly_an_acknowledgement_deletes_nothing(text: str) -> None:
    with pytest.raises(RangeError):
        parse_acknowledged(text)


def test_one_message_is_bounded_and_split_says_how_to_send_more() -> None:
    ranges = Ranges.of(range(0, 2 * 3 * limits.ACKNOWLEDGED_RANGES, 2))
    with pytest.raises(RangeError, match="split"):
        format_acknowledged(INCARNATION, ranges)
    parts = list(ranges.split(limits.ACKNOWLEDGED_RANGES))
    assert len(parts) == 3
    again = Ranges()
    for part in parts:
        again = again.union(parse_acknowledged(format_acknowledged(INCARNATION, part))[1])
    assert again == ranges


def test_a_full_message_fits_even_with_the_longest_numbers() -> None:
    numbers = Ranges(tuple((2**64 - 2 - 3 * i, 2**64 - 1 - 3 * i) for i in reversed(range(limits.ACKNOWLEDGED_RANGES))))
    assert parse_acknowledged(format_acknowledged(INCARNATION, numbers)) == (INCARNATION, numbers)


def test_rejections_come_back_by_reason() -> None:
    rejected = {RejectReason.MALFORMED: Ranges.of([8]), RejectReason.SCHEMA_TOO_NEW: Ranges.of([4, 5, 9])}
    text = format_rejected(INCARNATION, rejected)
    assert text == f"{INCARNATION}:schema_too_new=4-5,9;malformed=8"
    assert parse_rejected(text) == (INCARNATION, rejected)


@pytest.mark.parametrize(
    "rest", ["", "malformed", "malformed=", "bored=1", "malformed=1;malformed=2", "malformed=1;", "malformed=1,,2"]
)
def test_what_is_not_exactly_a_rejection_is_a_named_error(rest: str) -> None:
    with pytest.raises(RangeError):
        parse_rejected(f"{INCARNATION}:{rest}")


def test_nothing_is_never_acknowledged_or_rejected() -> None:
    with pytest.raises(RangeError):
        format_acknowledged(INCARNATION, Ranges())
    with pytest.raises(RangeError):
        format_rejected(INCARNATION, {RejectReason.MALFORMED: Ranges()})


@given(st.text(alphabet="0123456789-,:;=malfored_ab", max_size=40) | st.text(max_size=40))
def test_any_text_is_understood_or_a_range_error(text: str) -> None:
    for parse in (parse_acknowledged, parse_rejected):
        with contextlib.suppress(RangeError):
            parse(text)
