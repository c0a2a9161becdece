"""What makes a record the same record wherever and however often it arrives (wire.md 2, *Record id*)."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from models.contract.vocabulary import RecordKind

_PERSON: Final = b"plantpulse.rec.1"
"""Keeps these hashes apart from every other use of BLAKE2b; its digit changes if the recipe ever does."""


def record_id(asset_id: str, kind: RecordKind, stream_epoch: int, window_index: int, detail: str = "") -> int:
    """Return the UInt64 that names one record, the same for the same window under any sequence number.

    >>> from models.contract.vocabulary import RecordKind
    >>> record_id("6f1c7a52-94a7-4f5f-8a0e-0d7a2f3c1b11", RecordKind.SUMMARY, 1, 120)
    9352101799930108557

    Args:
        asset_id: UUID of the machine or gateway, in any case.
        kind: of the record.
        stream_epoch: counts restarts of the sample stream that lost their place.
        window_index: first window that the record speaks of, within the epoch.
        detail: tells records of one kind and window apart: an alarm's id, the number of an evidence part.

    Returns:
        An integer from 0 to 2**64 - 1, as likely to be any of them.
    """
    parts = (asset_id.lower(), kind.value, str(stream_epoch), str(window_index), detail)
    text = "\x00".join(parts).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8, person=_PERSON).digest(), "big")
