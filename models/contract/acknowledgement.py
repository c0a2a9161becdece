"""Which records are stored: explicit sets of closed ranges, nothing implied below or between (wire.md 2).

`Ranges` is the set; `format_acknowledged` and `format_rejected` are what the host writes, the parse functions what
the gateway reads. `{incarnation}:3-7,9` and `{incarnation}:schema_too_new=4-5;malformed=8`.
"""

from __future__ import annotations

import bisect
import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from models.contract import limits
from models.contract.errors import RangeError
from models.contract.vocabulary import RejectReason

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_NUMBER: Final = re.compile(r"(0|[1-9][0-9]{0,19})(?:-(0|[1-9][0-9]{0,19}))?", re.ASCII)
_INCARNATION: Final = re.compile(r"[0-9A-Za-z-]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Ranges:
    """A set of integers from 0 to 2**64 - 1 as closed ranges, ascending, never touching each other.

    >>> Ranges.of([5, 3, 4, 9]).bounds
    ((3, 5), (9, 9))
    """

    bounds: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        for first, last in self.bounds:
            if not 0 <= first <= last <= limits.UINT64_MAX:
                raise RangeError(f"{first}-{last} is no range of sequence numbers")
        for (_, end), (start, _) in pairwise(self.bounds):
            if start <= end + 1:
                raise RangeError(f"ranges must ascend with a gap between them: {end} is followed by {start}")

    @classmethod
    def of(cls, numbers: Iterable[int]) -> Ranges:
        """Return the set of the numbers, in whatever order and however often they come."""
        return cls(_merged((number, number) for number in numbers))

    def add(self, number: int) -> Ranges:
        """Return the set with one more number."""
        return self if number in self else Ranges(_merged((*self.bounds, (number, number))))

    def __contains__(self, number: int) -> bool:
        place = bisect.bisect_right(self.bounds, number, key=lambda bound: bound[0])
        return place > 0 and number <= self.bounds[place - 1][1]

    def contains(self, number: int) -> bool:
        """Return whether the number is in the set; the same as `number in ranges`."""
        return number in self

    def __len__(self) -> int:
        return sum(last - first + 1 for first, last in self.bounds)

    def __bool__(self) -> bool:
        return bool(self.bounds)

    def __iter__(self) -> Iterator[int]:
        for first, last in self.bounds:
            yield from range(first, last + 1)

    def union(self, other: Ranges) -> Ranges:
        """Return what is in this set, in the other or in both."""
        return Ranges(_merged((*self.bounds, *other.bounds)))

    def difference(self, other: Ranges) -> Ranges:
        """Return what is in this set and not in the other.

        >>> Ranges(((1, 9),)).difference(Ranges(((3, 4), (9, 12)))).bounds
        ((1, 2), (5, 8))
        """
        left: list[tuple[int, int]] = []
        for first, last in self.bounds:
            start = first
            place = max(bisect.bisect_right(other.bounds, first, key=lambda bound: bound[0]) - 1, 0)
            for low, high in other.bounds[place:]:
                if low > last:
                    break
                if low > start:
                    left.append((start, low - 1))
                start = max(start, high + 1)
            if start <= last:
                left.append((start, last))
        return Ranges(tuple(left))

    def intersection(self, other: Ranges) -> Ranges:
        """Return what is in both sets."""
        return self.difference(self.difference(other))

    def split(self, most: int) -> Iterator[Ranges]:
        """Return sets of at most so many ranges each, together this one: an acknowledgement is bounded."""
        for start in range(0, len(self.bounds), most):
            yield Ranges(self.bounds[start : start + most])


def _merged(bounds: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    merged: list[tuple[int, int]] = []
    for first, last in sorted(bounds):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return tuple(merged)


def _format(ranges: Ranges) -> str:
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges.bounds)


def _parse(text: str) -> Ranges:
    bounds: list[tuple[int, int]] = []
    for part in text.split(","):
        match = _NUMBER.fullmatch(part)
        if match is None:
            raise RangeError(f"{part[:50]!r} is neither a number nor a range")
        first = int(match[1])
        bounds.append((first, first if match[2] is None else int(match[2])))
    return Ranges(tuple(bounds))


def _check(incarnation: str, text: str, ranges: int) -> str:
    if _INCARNATION.fullmatch(incarnation) is None:
        raise RangeError(f"{incarnation[:80]!r} is no incarnation of an outbox")
    if ranges > limits.ACKNOWLEDGED_RANGES or len(text) > limits.ACKNOWLEDGED_CHARS:
        raise RangeError(f"{ranges} ranges in one message: at most {limits.ACKNOWLEDGED_RANGES}, use Ranges.split")
    return text


def _take_apart(text: str) -> tuple[str, str]:
    if len(text) > limits.ACKNOWLEDGED_CHARS:
        raise RangeError(f"an acknowledgement of {len(text)} characters: at most {limits.ACKNOWLEDGED_CHARS} are read")
    incarnation, colon, rest = text.partition(":")
    if not colon or not rest or text.count(",") + text.count(";") >= limits.ACKNOWLEDGED_RANGES:
        raise RangeError(f"{text[:80]!r} is not incarnation:ranges with at most {limits.ACKNOWLEDGED_RANGES} ranges")
    return _check(incarnation, incarnation, 0), rest


def format_acknowledged(incarnation: str, ranges: Ranges) -> str:
    """Return the value of `Outbox/Acknowledged`.

    >>> format_acknowledged("0b8f6a1c", Ranges(((3, 7), (9, 9))))
    '0b8f6a1c:3-7,9'

    Args:
        incarnation: of the outbox that the numbers belong to.
        ranges: what is stored, at least one number.

    Raises:
        RangeError: nothing to acknowledge, more ranges than a message may carry, or no incarnation.
    """
    if not ranges:
        raise RangeError("nothing to acknowledge")
    return _check(incarnation, f"{incarnation}:{_format(ranges)}", len(ranges.bounds))


def parse_acknowledged(text: str) -> tuple[str, Ranges]:
    """Return incarnation and numbers of an `Outbox/Acknowledged`.

    Raises:
        RangeError: anything but what `format_acknowledged` writes; a gateway must not delete on a guess.
    """
    incarnation, rest = _take_apart(text)
    return incarnation, _parse(rest)


def format_rejected(incarnation: str, rejected: Mapping[RejectReason, Ranges]) -> str:
    """Return the value of `Outbox/Rejected`: numbers that are in quarantine, by reason.

    >>> format_rejected("0b8f6a1c", {RejectReason.MALFORMED: Ranges(((8, 8),))})
    '0b8f6a1c:malformed=8'

    Raises:
        RangeError: nothing rejected, more ranges than a message may carry, or no incarnation.
    """
    parts = [f"{reason.value}={_format(rejected[reason])}" for reason in RejectReason if rejected.get(reason)]
    if not parts:
        raise RangeError("nothing to reject")
    ranges = sum(len(ranges.bounds) for ranges in rejected.values())
    return _check(incarnation, f"{incarnation}:{';'.join(parts)}", ranges)


def parse_rejected(text: str) -> tuple[str, dict[RejectReason, Ranges]]:
    """Return incarnation and numbers by reason of an `Outbox/Rejected`.

    Raises:
        RangeError: anything but what `format_rejected` writes.
    """
    incarnation, rest = _take_apart(text)
    rejected: dict[RejectReason, Ranges] = {}
    for part in rest.split(";"):
        name, _, numbers = part.partition("=")
        try:
            reason = RejectReason(name)
        except ValueError:
            raise RangeError(f"{name[:50]!r} is no reason to reject a record") from None
        if reason in rejected:
            raise RangeError(f"reason {reason.value} stands twice")
        rejected[reason] = _parse(numbers)
    return incarnation, rejected
