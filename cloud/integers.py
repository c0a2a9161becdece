"""Sparkplug's UInt64 in databases that know signed numbers only."""

from __future__ import annotations


def signed(unsigned: int) -> int:
    """Return a UInt64 as the signed number with the same bits.

    >>> signed(2**64 - 1)
    -1
    """
    return unsigned - 2**64 if unsigned >= 2**63 else unsigned
