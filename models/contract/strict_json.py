"""JSON on the wire: only what the standard allows, bounded, every value of the type that is expected."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import numpy as np

from models.contract.errors import RecordError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Value = TypeVar("Value")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _finite_number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:20]} is too large")
    return number


def format_object(document: Mapping[str, Any], what: str) -> str:
    """Return the shortest JSON text of an object; numpy scalars count as the numbers they are.

    Raises:
        RecordError: a number is not finite, or a value is none of JSON's.
    """
    try:
        return json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain)
    except (TypeError, ValueError) as error:
        raise RecordError(f"{what}: {error}") from None


def _plain(value: object) -> object:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} cannot be sent")


def without_infinities(value: Any) -> Any:
    """Return the value with null for each number that JSON does not have, in lists and objects too."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: without_infinities(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [without_infinities(entry) for entry in value]
    return value


def parse_object(text: str, max_bytes: int, what: str) -> dict[str, Any]:
    """Return the JSON object in a text.

    Args:
        text: from the wire.
        max_bytes: bound of its length in UTF-8.
        what: what it is, for the error.

    Raises:
        RecordError: too long, not JSON (NaN and Infinity are not), nested without end, or not an object.
    """
    try:
        size = len(text.encode())
        if size > max_bytes:
            raise RecordError(f"{what}: {size} bytes, at most {max_bytes} are read")
        document = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite_number)
    except (ValueError, RecursionError) as error:
        raise RecordError(f"{what}: {error}") from None
    if not isinstance(document, dict):
        raise RecordError(f"{what}: a JSON object was expected, not {type(document).__name__}")
    return document


class Reader:
    """Takes values out of a JSON object by key and expected type; unknown keys do not matter."""

    def __init__(self, document: dict[str, Any], what: str) -> None:
        self._document = document
        self._what = what

    def _fail(self, key: str, expected: str) -> NoReturn:
        raise RecordError(f"{self._what}: {key} must be {expected}")

    def text(self, key: str, max_chars: int = 4096) -> str:
        """Return a text that every database can store: no NUL, no half characters."""
        value = self._document.get(key)
        if not isinstance(value, str) or len(value) > max_chars:
            self._fail(key, f"a text of at most {max_chars} characters")
        if "\x00" in value or any("\ud800" <= character <= "\udfff" for character in value):
            self._fail(key, "a text without NUL and half characters")
        return value

    def number(self, key: str) -> float:
        """Return a finite number."""
        value = self._document.get(key)
        if isinstance(value, bool) or not isinstance(value, int | float):
            self._fail(key, "a number")
        try:
            number = float(value)
        except OverflowError:
            self._fail(key, "a finite number")
        if not math.isfinite(number):
            self._fail(key, "a finite number")
        return number

    def integer(self, key: str) -> int:
        """Return an integer from 0 to 2**63 - 1, which is what every database can store."""
        value = self._document.get(key)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**63:
            self._fail(key, "an integer from 0 to 2**63 - 1")
        return value

    def boolean(self, key: str) -> bool:
        """Return true or false."""
        value = self._document.get(key)
        if not isinstance(value, bool):
            self._fail(key, "true or false")
        return value

    def optional(self, read: Callable[[str], Value], key: str) -> Value | None:
        """Return what `read` returns for the key, or None where it is absent or null."""
        return None if self._document.get(key) is None else read(key)

    def one_of(self, kind: Callable[[str], Value], key: str) -> Value:
        """Return a member of an enum by its value."""
        try:
            return kind(self.text(key))
        except ValueError:
            raise RecordError(f"{self._what}: {key} has a value this version does not know") from None

    def object(self, key: str) -> dict[str, Any]:
        """Return an object."""
        value = self._document.get(key)
        if not isinstance(value, dict):
            self._fail(key, "an object")
        return value

    def objects(self, key: str, most: int) -> list[dict[str, Any]]:
        """Return a list of at most so many objects."""
        value = self._document.get(key)
        if not isinstance(value, list) or len(value) > most or not all(isinstance(entry, dict) for entry in value):
            self._fail(key, f"a list of at most {most} objects")
        return value
