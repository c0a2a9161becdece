"""How long a message waits for its next try."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cloud.notifying.retrying import FIRST_RETRY_S, LAST_RETRY_S, retry_delay_s


@given(st.integers(1, 10_000), st.floats(0, 1), st.floats(0, 1))
def test_it_grows_is_bounded_and_never_nothing(attempts, chance, other):
    delay_s = retry_delay_s(attempts, chance)
    assert FIRST_RETRY_S / 2 <= delay_s <= LAST_RETRY_S
    # Jitter is at most half: twice as many attempts later it is never shorter.
    assert retry_delay_s(attempts + 1, other) >= delay_s or retry_delay_s(attempts + 1, 1.0) >= delay_s


def test_the_first_tries_come_within_a_minute_and_the_tenth_after_more_than_one():
    assert sum(retry_delay_s(attempts, 1.0) for attempts in range(1, 5)) == 60.0
    assert retry_delay_s(10, 0.0) > 60.0
