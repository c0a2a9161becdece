"""Takes values out of received metrics by name and expected type; unknown names do not matter."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NoReturn, TypeVar

import numpy as np

from models.contract.errors import RecordError
from models.contract.limits import UINT64_MAX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from models.contract.records import MetricScalar, MetricValue

Value = TypeVar("Value")


def as_float32(value: float | None) -> float | None:
    """Return the number that a Float metric carries, so that a record says the same before and after the wire.

    >>> as_float32(0.1)
    0.10000000149011612
    """
    if value is None or not math.isfinite(value):
        return None
    return float(np.float32(value))


class MetricReader:
    """The metrics of one record by name; where a name stands twice, the later one counts."""

    def __init__(self, received: Iterable[MetricValue]) -> None:
        self._values: dict[str, MetricScalar | None] = {metric.name: metric.value for metric in received}

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def text(self, name: str) -> str:
        """Return a text without NUL, which PostgreSQL cannot store."""
        value = self._values.get(name)
        if not isinstance(value, str) or "\x00" in value:
            self._fail(name, "text")
        return value

    def data(self, name: str) -> bytes:
        """Return bytes."""
        value = self._values.get(name)
        if not isinstance(value, bytes):
            self._fail(name, "bytes")
        return value

    def number(self, name: str) -> float:
        """Return a finite number."""
        value = self._values.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            self._fail(name, "finite number")
        return float(value)

    def count(self, name: str) -> int:
        """Return an integer from 0 to 2**63 - 1, which is what every database can store."""
        value = self.uint64(name)
        if value >= 2**63:
            self._fail(name, "count")
        return value

    def uint64(self, name: str) -> int:
        """Return an integer from 0 to 2**64 - 1."""
        value = self._values.get(name)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= UINT64_MAX:
            self._fail(name, "number of 64 bits")
        return value

    def one_of(self, kind: Callable[[str], Value], name: str) -> Value:
        """Return a member of an enum by its value."""
        text = self.text(name)
        try:
            return kind(text)
        except ValueError:
            raise RecordError(f"{name} {text[:80]!r} is not known to this version") from None

    def optional(self, read: Callable[[str], Value], name: str) -> Value | None:
        """Return what `read` returns for the name, or None where the metric is absent or null."""
        return None if self._values.get(name) is None else read(name)

    def _fail(self, name: str, expected: str) -> NoReturn:
        state = "missing" if self._values.get(name) is None else f"no {expected}"
        raise RecordError(f"{name} is {state}")
