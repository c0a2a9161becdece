"""Passwords: what is stored, what is refused, and that nothing is told by the work it takes."""

from __future__ import annotations

import statistics
import time

import pytest

from cloud.errors import RequestError
from cloud.passwords import LONGEST, SHORTEST, Passwords

GOOD = "correct horse battery"


@pytest.fixture(scope="module")
def quick():
    return Passwords(time_cost=1, memory_kib=8, lanes=1)


def test_the_right_password_and_no_other(quick):
    stored = quick.hash(GOOD)
    assert stored.startswith("$argon2id$")
    assert GOOD not in stored
    assert quick.verify(stored, GOOD)
    assert not quick.verify(stored, GOOD + " ")
    assert not quick.verify(stored, "")
    assert quick.hash(GOOD) != stored  # salted


@pytest.mark.parametrize("stored", [None, "", "plain", "$argon2id$broken"])
def test_nothing_fits_what_is_no_hash(quick, stored):
    assert not quick.verify(stored, GOOD)
    assert not quick.verify(stored, "the password of nobody")


@pytest.mark.parametrize("length", [0, SHORTEST - 1, LONGEST + 1, 10_000_000])
def test_length_is_bounded(quick, length):
    with pytest.raises(RequestError, match="12 to 256"):
        quick.hash("x" * length)
    began_s = time.perf_counter()
    assert not quick.verify(None, "x" * max(length, LONGEST + 1))
    assert time.perf_counter() - began_s < 0.05  # not even looked at


def test_other_parameters_are_noticed(quick):
    stored = quick.hash(GOOD)
    assert not quick.is_outdated(stored)
    stronger = Passwords(time_cost=2, memory_kib=16, lanes=1)
    assert stronger.is_outdated(stored)
    assert stronger.verify(stored, GOOD)


def test_by_default_as_the_standard_recommends():
    """Source: RFC 9106, section 4, second recommended option: Argon2id, t = 3, p = 4, m = 64 MiB."""
    assert "$m=65536,t=3,p=4$" in Passwords().hash(GOOD)


def test_a_name_that_nobody_has_costs_as_much_as_a_wrong_password():
    """Enough memory that the hash is nearly all of the time; medians of seven within a factor of 1.5 of each other.

    Without the hash of nobody the factor would be above a thousand.
    """
    passwords = Passwords(time_cost=2, memory_kib=8_192, lanes=1)
    stored = passwords.hash(GOOD)
    passwords.verify(None, GOOD)  # made at first use

    def median_s(known: str | None) -> float:
        spent = []
        for _ in range(7):
            began_s = time.perf_counter()
            passwords.verify(known, "a wrong password")
            spent.append(time.perf_counter() - began_s)
        return statistics.median(spent)

    assert 1 / 1.5 < median_s(None) / median_s(stored) < 1.5
