"""The metric `Summary/Vector`: everything retraining learns from, in one block of bytes.

Little endian: version (u8), number of bad-window causes (u8), features n (u16), windows (u32), start and end in ns
(i64 each), hash of the feature specification (8 bytes); per cause its length (u8), name and count (u32); then
5 × n float32: mean, minimum, maximum, standard deviation, and the raw features of one sampled window.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from models.contract import limits
from models.contract.errors import RecordError, SchemaTooNewError
from models.contract.records import RECORD_SCHEMA, FeatureStatistics, Summary

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

_HEADER: Final = struct.Struct("<BBHIqq8s")
_COUNT: Final = struct.Struct("<I")
_HASH: Final = re.compile(r"[0-9a-f]{16}", re.ASCII)
_ROWS: Final = 5


@dataclass(frozen=True, slots=True)
class SummaryVector:
    """What `Summary/Vector` holds; meaning and shapes as in `Summary`."""

    start_ns: int
    end_ns: int
    windows: int
    feature_hash: str
    statistics: FeatureStatistics
    sample: NDArray[np.float32]
    bad_windows: Mapping[str, int]


def pack_summary_vector(summary: Summary) -> bytes:
    """Return the bytes of `Summary/Vector`.

    Raises:
        RecordError: arrays of different lengths, too many features or causes, or a hash that is none.
    """
    statistics = summary.statistics
    features = len(summary.feature_names)
    rows = (statistics.mean, statistics.minimum, statistics.maximum, statistics.deviation, summary.sample)
    if any(row.shape != (features,) for row in rows):
        raise RecordError(f"summary of {summary.machine}: {features} feature names, but arrays of other lengths")
    if features > limits.FEATURES_PER_SUMMARY or len(summary.bad_windows) > limits.BAD_WINDOW_CAUSES:
        raise RecordError(f"summary of {summary.machine}: more features or causes than one record may carry")
    if _HASH.fullmatch(summary.feature_hash) is None:
        raise RecordError(f"feature hash {summary.feature_hash[:40]!r} is not 16 hex digits")
    try:
        head = _HEADER.pack(
            RECORD_SCHEMA,
            len(summary.bad_windows),
            features,
            summary.windows,
            summary.start_ns,
            summary.end_ns,
            bytes.fromhex(summary.feature_hash),
        )
        causes = b"".join(
            bytes([len(cause.encode())]) + cause.encode() + _COUNT.pack(count)
            for cause, count in sorted(summary.bad_windows.items())
        )
    except (struct.error, ValueError) as error:
        raise RecordError(f"summary of {summary.machine}: {error}") from None
    return head + causes + np.concatenate(rows).astype("<f4").tobytes()


def unpack_summary_vector(data: bytes) -> SummaryVector:
    """Return what the bytes of a `Summary/Vector` hold.

    Raises:
        SchemaTooNewError: written by a newer version.
        RecordError: truncated, too long, or beyond a bound.
    """
    if not data:
        raise RecordError("Summary/Vector is empty")
    if data[0] > RECORD_SCHEMA:
        raise SchemaTooNewError(f"Summary/Vector in schema {data[0]}: this version reads {RECORD_SCHEMA}")
    if data[0] == 0 or len(data) < _HEADER.size:
        raise RecordError("Summary/Vector is truncated or has no version")
    _, causes, features, windows, start_ns, end_ns, digest = _HEADER.unpack_from(data)
    if causes > limits.BAD_WINDOW_CAUSES or features > limits.FEATURES_PER_SUMMARY or start_ns > end_ns:
        raise RecordError("Summary/Vector states more features or causes than allowed, or ends before it starts")
    bad_windows, place = _unpack_causes(data, causes)
    if len(data) - place != _ROWS * features * 4:
        raise RecordError(f"Summary/Vector has {len(data) - place} bytes for {features} features")
    rows = np.frombuffer(data, "<f4", _ROWS * features, place).astype(np.float32).reshape(_ROWS, features)
    return SummaryVector(
        start_ns=start_ns,
        end_ns=end_ns,
        windows=windows,
        feature_hash=digest.hex(),
        statistics=FeatureStatistics(rows[0], rows[1], rows[2], rows[3]),
        sample=rows[4],
        bad_windows=bad_windows,
    )


def _unpack_causes(data: bytes, causes: int) -> tuple[dict[str, int], int]:
    place = _HEADER.size
    counted: dict[str, int] = {}
    try:
        for _ in range(causes):
            length = data[place]
            name = data[place + 1 : place + 1 + length].decode()
            (counted[name],) = _COUNT.unpack_from(data, place + 1 + length)
            place += 1 + length + _COUNT.size
    except (IndexError, struct.error, UnicodeDecodeError):
        raise RecordError("Summary/Vector: the causes of bad windows cannot be read") from None
    return counted, place
