"""Long lists in pages: a cursor says after which item the next page begins.

A cursor is the sort key of the last item, so nothing is skipped or shown twice when the list grows in between.
"""

from __future__ import annotations

import base64
import binascii
import json

from cloud.errors import RequestError


def encode_cursor(*key: int | str) -> str:
    """Return a sort key as an opaque word.

    >>> decode_cursor(encode_cursor(17, "a"), int, str)
    (17, 'a')
    """
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")


def decode_cursor(cursor: str, *kinds: type[int | str]) -> tuple[int | str, ...]:
    """Return the sort key in a cursor.

    Raises:
        RequestError: not a cursor of this list.
    """
    try:
        key = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError) as error:
        raise RequestError("cursor: take it from the field next of the page before") from error
    fits = isinstance(key, list) and len(key) == len(kinds)
    if not fits or not all(isinstance(part, kind) for part, kind in zip(key, kinds, strict=True)):
        raise RequestError("cursor: it belongs to another list")
    return tuple(key)
