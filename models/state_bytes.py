"""Bytes for states: numbers and arrays in, bytes out, and back to the bit.

The agent commits a machine's state with the records it caused, in one transaction, so the bytes must be exact, small,
quick to make and safe to read from a damaged disk. pickle runs code and npz costs a zip; this is a header of JSON
(scalars, and the arrays' names, types and shapes), then the arrays, then a CRC:

    "PPST"  u32 header length  header  arrays, one after the other, little endian  u32 CRC-32 of all before
"""

from __future__ import annotations

import json
import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from models.contract.errors import PlantpulseError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

MAGIC: Final = b"PPST"
MAX_BYTES: Final = 16 * 1024 * 1024
"""No state is larger: sixteen operating states of sixteen channels stay below a tenth of it."""
DTYPES: Final = {"<f4", "<f8", "<i8", "|u1", "|i1"}
_LENGTH: Final = struct.Struct("<I")

Scalar = None | bool | int | float | str


class StateError(PlantpulseError):
    """Bytes that are no state, damaged, or of another kind or version: start afresh."""


@dataclass(frozen=True, slots=True)
class Fields:
    """The contents of one packed state; nested states are arrays of bytes.

    Attributes:
        values: scalars and lists of scalars.
        arrays: by name.
    """

    values: Mapping[str, Any]
    arrays: Mapping[str, NDArray[Any]]

    def nested(self, name: str) -> bytes:
        """Return the bytes of a state inside this one.

        Raises:
            StateError: there is none by this name.
        """
        return self.array(name).tobytes()

    def array(self, name: str) -> NDArray[Any]:
        """Return one array.

        Raises:
            StateError: there is none by this name.
        """
        if name not in self.arrays:
            raise StateError(f"state has no array {name!r}")
        return self.arrays[name]

    def value(self, name: str) -> Any:
        """Return one scalar or list.

        Raises:
            StateError: there is none by this name.
        """
        if name not in self.values:
            raise StateError(f"state has no value {name!r}")
        return self.values[name]


def pack(kind: str, version: int, values: Mapping[str, Any], arrays: Mapping[str, NDArray[Any] | bytes]) -> bytes:
    """Return the bytes of one state; the same contents give the same bytes.

    >>> fields = unpack(pack("toy", 1, {"n": 3}, {"x": np.float32([1, 2])}), "toy", 1)
    >>> fields.value("n"), fields.array("x")
    (3, array([1., 2.], dtype=float32))
    """
    table, body = [], []
    for name, content in arrays.items():
        array = np.frombuffer(content, np.uint8) if isinstance(content, bytes) else np.ascontiguousarray(content)
        if array.dtype.str not in DTYPES:
            raise TypeError(f"{kind} state: array {name} has type {array.dtype}")
        table.append([name, array.dtype.str, array.shape])
        body.append(array.tobytes())
    header = json.dumps([kind, version, values, table], separators=(",", ":")).encode()
    data = b"".join([MAGIC, _LENGTH.pack(len(header)), header, *body])
    return data + _LENGTH.pack(zlib.crc32(data))


def unpack(data: bytes, kind: str, version: int) -> Fields:
    """Return what was packed.

    Raises:
        StateError: the bytes are too long, damaged, of another kind or another version.
    """
    start = len(MAGIC) + _LENGTH.size
    if not start + _LENGTH.size <= len(data) <= MAX_BYTES or data[: len(MAGIC)] != MAGIC:
        raise StateError(f"{kind} state: {len(data)} bytes that are no state; start afresh")
    end = len(data) - _LENGTH.size
    if _LENGTH.unpack_from(data, end)[0] != zlib.crc32(data[:end]):
        raise StateError(f"{kind} state is damaged (its checksum does not fit); start afresh")
    (header_bytes,) = _LENGTH.unpack_from(data, len(MAGIC))
    try:
        found_kind, found_version, values, table = json.loads(data[start : start + header_bytes])
        if (found_kind, found_version) != (kind, version):
            raise StateError(f"{kind} state version {version} expected, {found_kind} {found_version} found")
        arrays, at = {}, start + header_bytes
        for name, dtype, shape in table:
            if dtype not in DTYPES:
                raise StateError(f"{kind} state: array {name} has type {dtype}")
            count = int(np.prod(shape, dtype=np.int64))
            array = np.frombuffer(data[:end], dtype, count, at).reshape(shape)
            arrays[name], at = array, at + array.nbytes
    except (ValueError, TypeError) as error:
        raise StateError(f"{kind} state cannot be read: {error}") from error
    return Fields(values, arrays)
