"""When a message that was not taken is handed over again. Pure."""

from __future__ import annotations

from typing import Final

FIRST_RETRY_S: Final = 4.0
"""A service that restarts, or a mail server that greylists for seconds, is back by the third attempt."""
LAST_RETRY_S: Final = 600.0
"""Nobody waits longer than ten minutes for a target that works again; it is also woken by any success before."""


def retry_delay_s(attempts: int, chance: float) -> float:
    """Return how long to wait after so many failed attempts.

    Args:
        attempts: at least one.
        chance: 0 to 1, of a random source: targets that failed together are not tried again together.

    Source: exponential backoff with "equal jitter" (M. Brooker, AWS Architecture Blog, 2015): never at once, because
        a target that has just refused gains nothing from it.
    """
    longest_s = min(FIRST_RETRY_S * 2.0 ** min(attempts - 1, 30), LAST_RETRY_S)
    return longest_s * (0.5 + 0.5 * chance)
