"""MATLAB files of version 4 to 7, nested structs and cells included.

Read by our own walk over the elements instead of `scipy.io.loadmat`: a single damaged byte in a file makes that
allocate gigabytes or crash the whole process, and an agent must outlive a bad file. Here every element has to fit
into the one around it, and an array is only made from bytes that are there. Numbers are all that is wanted; text,
complex and sparse arrays, function handles and opaque objects are passed over.

Version 7.3 files are HDF5 in disguise and are refused by name: reading them would cost another library for files
that MATLAB can save again in one line.

Source: MathWorks, MAT-File Format, chapter 1 (level 5) and appendix (level 4).
"""

from __future__ import annotations

import math
import struct
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from models.recordings.named_arrays import contents_of
from models.recordings.recording import RecordingError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from models.recordings.contents import Contents

_HDF5_SIGNATURE: Final = b"\x89HDF\r\n\x1a\n"
_HDF5_OFFSETS: Final = (0, 512)

MAX_UNPACKED_BYTES: Final = 1 << 30
MAX_DEPTH: Final = 16
MAX_ARRAYS: Final = 10_000

_HEADER_BYTES: Final = 128
_TAG_BYTES: Final = 8
_MATRIX: Final = 14
_COMPRESSED: Final = 15
_CELL, _STRUCT, _OBJECT, _FIRST_NUMBER, _LAST_NUMBER = 1, 2, 3, 6, 15
_COMPLEX_FLAG: Final = 0x0800
_NUMBER_TYPES: Final = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}

_LEVEL4_HEADER: Final = struct.Struct("iiiii")
_LEVEL4_TYPES: Final = ("f8", "f4", "i4", "i2", "u2", "u1")


class _DamagedError(Exception):
    """A promise that the file cannot keep; becomes a `RecordingError` that names the file."""


def read(path: Path) -> Contents:
    """Return the signals and facts of a .mat file.

    Raises:
        RecordingError: version 7.3, truncated or damaged, or no MATLAB file at all.
    """
    content = path.read_bytes()
    if any(content[offset : offset + len(_HDF5_SIGNATURE)] == _HDF5_SIGNATURE for offset in _HDF5_OFFSETS):
        raise RecordingError(f"{path}: is MATLAB version 7.3 (HDF5): save it again with save(name, ..., '-v7')")
    try:
        arrays = read_arrays(content)
    except (_DamagedError, zlib.error, struct.error) as error:
        raise RecordingError(f"{path}: is truncated or no MATLAB file ({error}): copy it again") from error
    return contents_of(path, arrays)


def read_arrays(content: bytes) -> dict[str, NDArray[np.generic]]:
    """Return every real numeric array in a file by its dotted name (`bearing.gs`, `cells.2`)."""
    if len(content) >= _LEVEL4_HEADER.size and not all(content[:4]):
        # A zero among the first four bytes marks version 4; later versions begin with text.
        return _read_level4(content)
    order = {b"IM": "<", b"MI": ">"}.get(content[126:128])
    if order is None:
        raise _DamagedError("the header has no byte order")
    walk = _Walk(order)
    walk.variables(memoryview(content)[_HEADER_BYTES:])
    return walk.arrays


@dataclass(slots=True)
class _Walk:
    """One pass over the elements of a version 5 file."""

    order: str
    arrays: dict[str, NDArray[np.generic]] = field(default_factory=dict)
    unpacked_bytes: int = 0

    def variables(self, data: memoryview, *, packed: bool = False) -> None:
        """Collect the variables that follow each other in a piece of the file."""
        position = 0
        while position + _TAG_BYTES <= len(data):
            kind, body, position = self._element(data, position)
            if kind == _COMPRESSED and not packed:
                unpacker = zlib.decompressobj()
                inside = unpacker.decompress(body, MAX_UNPACKED_BYTES - self.unpacked_bytes)
                self.unpacked_bytes += len(inside)
                if not unpacker.eof:
                    raise _DamagedError("a compressed variable is cut off, or more than 1 GiB")
                self.variables(memoryview(inside), packed=True)
            elif kind == _MATRIX:
                self._matrix(body, None, MAX_DEPTH)
            else:
                raise _DamagedError(f"an element of type {kind} stands where a variable should")
        if position < len(data):
            raise _DamagedError("the last variable is cut off")

    def _element(self, data: memoryview, position: int) -> tuple[int, memoryview, int]:
        """Return the type and content of the element at a position, and where the next one begins."""
        if position + _TAG_BYTES > len(data):
            raise _DamagedError("an array ends before it is complete")
        kind, length = struct.unpack_from(f"{self.order}II", data, position)
        start = position + _TAG_BYTES
        if kind >> 16:
            # A small element: its length in the upper half of the first word, its content in the second.
            kind, length, start = kind & 0xFFFF, kind >> 16, position + 4
            following = position + _TAG_BYTES
            fits = length <= 4
        else:
            # Everything is padded to 8 bytes but what is compressed.
            following = start + length + (-length % _TAG_BYTES if kind != _COMPRESSED else 0)
            fits = start + length <= len(data)
        if not fits:
            raise _DamagedError(f"an element of {length} bytes stands where {len(data) - start} are left")
        return int(kind), data[start : start + length], following

    def _matrix(self, body: memoryview, path: str | None, depth: int) -> None:
        """Collect one array; `path` is its name if it stands inside a struct or cell."""
        if depth == 0 or len(self.arrays) >= MAX_ARRAYS:
            raise _DamagedError(f"more than {MAX_DEPTH} structs inside each other, or {MAX_ARRAYS} arrays")
        if not len(body):
            return  # an empty cell
        _, flags, position = self._element(body, 0)
        word = struct.unpack_from(f"{self.order}I", flags)[0]
        array_class = word & 0xFF
        if not (_CELL <= array_class <= _OBJECT or _FIRST_NUMBER <= array_class <= _LAST_NUMBER):
            return
        _, dimensions, position = self._element(body, position)
        sides = struct.unpack(f"{self.order}{len(dimensions) // 4}i", dimensions)
        _, name, position = self._element(body, position)
        path = bytes(name).decode("ascii", "replace") if path is None else path
        if not path:
            return  # MATLAB's own bookkeeping for function handles
        if any(side < 0 for side in sides):
            raise _DamagedError(f"{path} has a negative dimension")
        if array_class >= _FIRST_NUMBER:
            if not word & _COMPLEX_FLAG:
                self._numbers(body, position, path, sides)
        elif array_class == _CELL:
            self._cells(body, position, [f"{path}.{n}" for n in self._counted(sides, 1, body)], depth)
        else:
            self._structs(body, position, path, sides, depth, is_object=array_class == _OBJECT)

    def _counted(self, sides: tuple[int, ...], members: int, body: memoryview) -> range:
        """Return 1 … n for the arrays in a cell or struct; each needs at least its tag."""
        count = math.prod(sides)
        if count * members * _TAG_BYTES > len(body):
            raise _DamagedError(f"{' × '.join(map(str, sides))} arrays stand in {len(body)} bytes")
        return range(1, count + 1)

    def _numbers(self, body: memoryview, position: int, path: str, sides: tuple[int, ...]) -> None:
        kind, data, _ = self._element(body, position)
        code = _NUMBER_TYPES.get(kind)
        if code is None:
            raise _DamagedError(f"{path} holds numbers of unknown type {kind}")
        dtype = np.dtype(f"{self.order}{code}")
        if math.prod(sides) * dtype.itemsize != len(data):
            raise _DamagedError(f"{path} of {' × '.join(map(str, sides))} has {len(data)} bytes")
        if len(data):
            self.arrays[path] = np.squeeze(np.frombuffer(data, dtype).reshape(sides, order="F"))

    def _cells(self, body: memoryview, position: int, paths: list[str], depth: int) -> None:
        for path in paths:
            kind, inner, position = self._element(body, position)
            if kind != _MATRIX:
                raise _DamagedError(f"{path} is no array")
            self._matrix(inner, path, depth - 1)

    def _structs(
        self, body: memoryview, position: int, path: str, sides: tuple[int, ...], depth: int, *, is_object: bool
    ) -> None:
        if is_object:
            _, _, position = self._element(body, position)
        _, length, position = self._element(body, position)
        _, names, position = self._element(body, position)
        width = struct.unpack_from(f"{self.order}i", length)[0]
        if width < 1 or len(names) % width:
            raise _DamagedError(f"the fields of {path} have no names")
        fields = [
            bytes(names[at : at + width]).split(b"\0")[0].decode("ascii", "replace")
            for at in range(0, len(names), width)
        ]
        numbers = self._counted(sides, len(fields), body)
        prefixes = [path] if len(numbers) == 1 else [f"{path}.{number}" for number in numbers]
        self._cells(body, position, [f"{prefix}.{name}" for prefix in prefixes for name in fields], depth)


def _read_level4(content: bytes) -> dict[str, NDArray[np.generic]]:
    """Return the real full matrices of a version 4 file."""
    arrays: dict[str, NDArray[Any]] = {}
    position = 0
    while position < len(content):
        if position + _LEVEL4_HEADER.size > len(content):
            raise _DamagedError("the last variable is cut off")
        order = "<" if 0 <= struct.unpack_from("<i", content, position)[0] < 10_000 else ">"
        kind, rows, columns, imaginary, name_bytes = struct.unpack_from(f"{order}iiiii", content, position)
        number_type, matrix_type = kind % 100 // 10, kind % 10
        if not 0 <= kind < 10_000 or number_type >= len(_LEVEL4_TYPES) or rows < 0 or columns < 0 or name_bytes < 1:
            raise _DamagedError("a variable has no valid header")
        dtype = np.dtype(f"{order}{_LEVEL4_TYPES[number_type]}")
        name_at = position + _LEVEL4_HEADER.size
        data_at = name_at + name_bytes
        size = rows * columns * dtype.itemsize
        position = data_at + size * (2 if imaginary else 1)
        if position > len(content):
            raise _DamagedError(
                f"a variable of {rows} × {columns} stands where {len(content) - data_at} bytes are left"
            )
        if matrix_type == 0 and not imaginary and size:
            name = content[name_at:data_at].split(b"\0")[0].decode("ascii", "replace")
            numbers = np.frombuffer(content, dtype, rows * columns, data_at)
            arrays[name] = np.squeeze(numbers.reshape((rows, columns), order="F"))
    return arrays
