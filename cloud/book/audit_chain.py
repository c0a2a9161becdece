"""The chain of the audit log: each row carries a hash over itself and over the row before. Pure.

A row that was changed no longer fits its own hash; one that was removed, added or moved no longer fits its neighbour;
rows missing at the end no longer fit the head, which is kept apart. The form of a row never changes: rows that are
years old must still fit.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

BEGINNING: Final = "0" * 64
"""What stands before the first row."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What one row says: who did what to what, when."""

    at_ms: int
    who: str
    what: str
    subject: str
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Link:
    """One row in the chain: its number from 1, what it says, and its hash."""

    number: int
    entry: Entry
    hash: str


@dataclass(frozen=True, slots=True)
class Head:
    """How long the log is, and the hash of its last row."""

    count: int
    hash: str


@dataclass(frozen=True, slots=True)
class Break:
    """The first place where a log does not hold.

    Attributes:
        number: of the row that is wrong or missing.
        why: in words.
    """

    number: int
    why: str


def link_hash(number: int, entry: Entry, previous: str) -> str:
    """Return the hash of a row: SHA-256 over canonical JSON of what it says, its number and the hash before.

    Source of the canonical form: RFC 8785 for texts, whole numbers and nested objects of them.
    """
    document = {
        "at_ms": entry.at_ms,
        "detail": entry.detail,
        "number": number,
        "previous": previous,
        "subject": entry.subject,
        "what": entry.what,
        "who": entry.who,
    }
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def first_break(links: Iterable[Link], head: Head | None, known: Head | None = None) -> Break | None:
    """Return the first place where the log does not hold, or None.

    Args:
        links: rows in the order of their numbers.
        head: what the head says, None where it is gone.
        known: what somebody wrote down of the head earlier: also who can change the whole database cannot change
            that.
    """
    end = Head(0, BEGINNING)
    for link in links:
        if (why := _why_not_next(link, end)) is not None:
            # A number that was skipped is told, not the row behind the gap, which is innocent.
            return Break(min(link.number, end.count + 1), why)
        end = Head(link.number, link.hash)
        if known is not None and known.count == end.count and known.hash != end.hash:
            return Break(end.count, "is another one than when its hash was written down")
    return _break_at_end(end, head, known)


def _why_not_next(link: Link, end: Head) -> str | None:
    """Return why a row cannot follow what was read so far."""
    if link.number != end.count + 1:
        return "is missing"
    if link.hash != link_hash(link.number, link.entry, end.hash):
        return "was changed, moved or put in: its hash does not fit it and the row before"
    return None


def _break_at_end(end: Head, head: Head | None, known: Head | None) -> Break | None:
    """Return what is wrong with the end of a log whose rows fit each other."""
    if head is None:
        return Break(end.count + 1, "may be missing: the head of the log is gone")
    if head.count > end.count:
        return Break(end.count + 1, f"is missing: the log ends early, {head.count} rows were written")
    if head != end:
        return Break(end.count, "does not fit the head of the log: it was put in, or the head was changed")
    if known is not None and known.count > end.count:
        return Break(end.count + 1, f"is missing: {known.count} rows were there when the head was written down")
    return None
