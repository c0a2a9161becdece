"""How long to wait before the next try: longer each time, and never the same for two gateways."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from random import Random

_DOUBLINGS: Final = 16
"""Beyond, no wait that makes sense is reached any more; a week of failures must not overflow."""


class Backoff:
    """The waits of one thing that may fail.

    Args:
        first_s: longest first wait.
        longest_s: no wait is longer.
        stable_s: what worked for so long was good: the next wait is short again.
        random: for jitter.
    """

    def __init__(self, first_s: float, longest_s: float, stable_s: float, random: Random) -> None:
        self._first_s = first_s
        self._longest_s = longest_s
        self._stable_s = stable_s
        self._random = random
        self._failures = 0

    def wait_s(self, worked_s: float) -> float:
        """Return how long to wait now, after it worked for so long (0: not at all).

        Full jitter: after a power cut, what failed together must not come back all at once.
        """
        if worked_s > self._stable_s:
            self._failures = 0
        longest_s = min(self._first_s * 2.0 ** min(self._failures, _DOUBLINGS), self._longest_s)
        self._failures += 1
        return self._random.uniform(0.0, longest_s)
