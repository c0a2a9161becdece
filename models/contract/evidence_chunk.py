"""The metric `Evidence/Chunk`: one part of an evidence package with its header.

Little endian: version (u8), codec (u8, 1 = `models.contract.evidence`), part (u16), of so many (u16), end in ns (i64),
SHA-256 of the whole package (32 bytes), length of the subject (u8), subject, then the part's data.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from models.contract import limits
from models.contract.errors import RecordError, SchemaTooNewError
from models.contract.records import RECORD_SCHEMA

if TYPE_CHECKING:
    from models.contract.records import EvidencePart

_HEADER: Final = struct.Struct("<BBHHq32sB")
_CODEC: Final = 1
_DIGEST: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class EvidenceChunk:
    """What `Evidence/Chunk` holds; meaning as in `EvidencePart`."""

    subject: str
    end_ns: int
    index: int
    total: int
    digest: str
    data: bytes


def pack_evidence_chunk(part: EvidencePart) -> bytes:
    """Return the bytes of `Evidence/Chunk`.

    Raises:
        RecordError: beyond a bound, or a digest or subject that is none.
    """
    if len(part.data) > limits.EVIDENCE_PART_BYTES or not 0 <= part.index < part.total <= limits.EVIDENCE_PARTS:
        raise RecordError(f"evidence part {part.index} of {part.total} with {len(part.data)} bytes is out of bounds")
    if _DIGEST.fullmatch(part.digest) is None:
        raise RecordError(f"evidence part of {part.machine}: a SHA-256 has 64 hex digits, not {part.digest[:80]!r}")
    subject, digest = part.subject.encode(), bytes.fromhex(part.digest)
    try:
        head = _HEADER.pack(RECORD_SCHEMA, _CODEC, part.index, part.total, part.end_ns, digest, len(subject))
    except struct.error as error:
        raise RecordError(f"evidence part of {part.machine}: {error}") from None
    return head + subject + part.data


def unpack_evidence_chunk(data: bytes) -> EvidenceChunk:
    """Return what the bytes of an `Evidence/Chunk` hold.

    Raises:
        SchemaTooNewError: written by a newer version, or with a codec of one.
        RecordError: truncated, or beyond a bound.
    """
    if not data:
        raise RecordError("Evidence/Chunk is empty")
    if data[0] > RECORD_SCHEMA:
        raise SchemaTooNewError(f"Evidence/Chunk in schema {data[0]}: this version reads {RECORD_SCHEMA}")
    if data[0] == 0 or len(data) < _HEADER.size:
        raise RecordError("Evidence/Chunk is truncated or has no version")
    _, codec, index, total, end_ns, digest, length = _HEADER.unpack_from(data)
    if codec != _CODEC:
        raise SchemaTooNewError(f"Evidence/Chunk with codec {codec}: this version reads {_CODEC}")
    place = _HEADER.size + length
    if not index < total <= limits.EVIDENCE_PARTS or not 0 <= len(data) - place <= limits.EVIDENCE_PART_BYTES:
        raise RecordError(f"Evidence/Chunk {index} of {total} with {len(data) - place} bytes is out of bounds")
    try:
        subject = data[_HEADER.size : place].decode()
    except UnicodeDecodeError:
        raise RecordError("Evidence/Chunk: the subject is not UTF-8") from None
    return EvidenceChunk(subject, end_ns, index, total, digest.hex(), data[place:])
