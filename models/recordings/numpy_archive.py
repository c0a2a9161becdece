"""NumPy archives (.npz): every member's header is checked against its size before anything is allocated."""

from __future__ import annotations

import tokenize
import zipfile
import zlib
from typing import IO, TYPE_CHECKING, Any, Final

import numpy as np

from models.recordings.named_arrays import contents_of
from models.recordings.recording import RecordingError

if TYPE_CHECKING:
    from pathlib import Path

    from models.recordings.contents import Contents

MAX_UNPACKED_BYTES: Final = 1 << 30

_BROKEN: Final = (
    zipfile.BadZipFile, zlib.error, tokenize.TokenError, SyntaxError, EOFError, ValueError, OSError, RuntimeError
)  # fmt: skip
"""What a damaged archive or array header makes zipfile and numpy raise."""


def read(path: Path) -> Contents:
    """Return the signals and facts of an archive; objects (pickles) are never loaded.

    Raises:
        RecordingError: truncated, no archive, or larger than 1 GiB when unpacked.
    """
    arrays: dict[str, np.ndarray[Any, np.dtype[np.generic]]] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
            if unpacked > MAX_UNPACKED_BYTES:
                raise RecordingError(f"{path}: unpacks to {unpacked / 2**30:.1f} GiB, more than 1 GiB: split it")
            for member in archive.infolist():
                if not member.filename.endswith(".npy"):
                    continue
                with archive.open(member) as file:
                    _check_header(path, file, member)
                with archive.open(member) as file:
                    array = np.lib.format.read_array(file, allow_pickle=False)
                if array.dtype.kind in "iufbM" and array.size:
                    arrays[member.filename.removesuffix(".npy")] = array
    except _BROKEN as error:
        raise RecordingError(f"{path}: is truncated or no .npz archive ({error}): copy it again") from error
    return contents_of(path, arrays)


def _check_header(path: Path, file: IO[bytes], member: zipfile.ZipInfo) -> None:
    """Refuse a header that promises more than the member holds: it would allocate before it fails."""
    version = np.lib.format.read_magic(file)
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read_header(file)
    if dtype.hasobject:
        raise RecordingError(f"{path}: {member.filename} holds Python objects: save numbers only")
    if int(np.prod([int(side) for side in shape], dtype=object)) * dtype.itemsize > member.file_size:
        raise RecordingError(f"{path}: {member.filename} is shorter than its header says: copy it again")
