"""Waits grow to a bound, are never the same, and become short again after a good time."""

from __future__ import annotations

import random
import statistics

import pytest

from edge_agent.backoff import Backoff


@pytest.fixture
def backoff():
    return Backoff(1.0, 60.0, 30.0, random.Random(1))


def test_waits_double_on_average_up_to_the_longest():
    waits = [
        [backoff.wait_s(0.0) for _ in range(10)]
        for backoff in (Backoff(1, 60, 30, random.Random(n)) for n in range(2000))
    ]
    means = [statistics.mean(column) for column in zip(*waits, strict=True)]
    # Uniform from 0: half the longest. 2000 draws have a standard error of 1.3 %; four of them.
    assert means[:6] == pytest.approx([0.5, 1.0, 2.0, 4.0, 8.0, 16.0], rel=0.06)
    assert means[6:] == pytest.approx([30.0] * 4, rel=0.06)


def test_after_a_good_time_the_next_wait_is_short_again(backoff):
    for _ in range(10):
        backoff.wait_s(1.0)
    assert backoff.wait_s(31.0) <= 1.0


def test_a_week_of_failures_does_not_overflow(backoff):
    assert all(0.0 <= backoff.wait_s(0.0) <= 60.0 for _ in range(20_000))
