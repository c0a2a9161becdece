"""How often somebody may ask: sign-ins by name and by address, the API by token.

In memory, and the only file that knows the library. A moving window: no burst at the turn of a minute. Counts are of
one process and gone after a restart, which helps nobody who guesses: at these rates the shortest password that is
allowed lasts for ages, restarts or not.
"""

from __future__ import annotations

import ipaddress
import math
import time
from typing import TYPE_CHECKING, Final

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from cloud.errors import TooManyError

if TYPE_CHECKING:
    from collections.abc import Sequence

SIGN_IN_MINUTES: Final = 5
SIGN_INS_BY_NAME: Final = 10
"""A person mistypes a few times; 10 in 5 minutes are 2,880 guesses a day."""

SIGN_INS_BY_ADDRESS: Final = 40
"""A shift that begins at terminals behind one address signs in within minutes."""

REQUESTS_BY_TOKEN: Final = 1_200
"""A minute. A script that reads a thousand machines one by one every minute stays below."""

IPV6_SITE_BITS: Final = 64
"""What one subscriber has at least, and may choose addresses from. Source: RFC 6177, section 2."""


class RateLimits:
    """Counts, and refuses what is too much.

    Args:
        sign_ins_by_name, sign_ins_by_address: in five minutes.
        requests_by_token: in a minute.
    """

    def __init__(
        self,
        *,
        sign_ins_by_name: int = SIGN_INS_BY_NAME,
        sign_ins_by_address: int = SIGN_INS_BY_ADDRESS,
        requests_by_token: int = REQUESTS_BY_TOKEN,
    ) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._by_name = RateLimitItemPerMinute(sign_ins_by_name, SIGN_IN_MINUTES, namespace="name")
        self._by_address = RateLimitItemPerMinute(sign_ins_by_address, SIGN_IN_MINUTES, namespace="address")
        self._by_token = RateLimitItemPerMinute(requests_by_token, namespace="token")

    def count_sign_in(self, account: str, address: str) -> None:
        """Count an attempt before it is looked at, so that many at once are no more than many in turn.

        Raises:
            TooManyError: this name or this address has tried too often; nothing is said about the password.
        """
        # The address first: names that an attacker makes up are kept in memory no faster than this allows.
        self._count(self._by_address, "too many sign-ins from this address", [_site(address)])
        self._count(self._by_name, "too many sign-ins by this name", [account])

    def forget_sign_ins(self, account: str) -> None:
        """Let somebody who did sign in begin anew."""
        self._limiter.clear(self._by_name, account)

    def count_request(self, token: str) -> None:
        """Count a request of a token.

        Raises:
            TooManyError: it asks too often.
        """
        self._count(self._by_token, "too many requests by this token", [token])

    def _count(self, item: RateLimitItem, what: str, keys: Sequence[str]) -> None:
        if not self._limiter.hit(item, *keys):
            reset_s = self._limiter.get_window_stats(item, *keys).reset_time - time.time()
            raise TooManyError(what, max(1, math.ceil(reset_s)))


def _site(address: str) -> str:
    """Return what one guesser has: an IPv4 address, or a network of IPv6 addresses."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(known) if known.version == 4 else str(ipaddress.ip_network((known, IPV6_SITE_BITS), strict=False))
