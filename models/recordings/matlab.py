"""MATLAB files of version 5 (and 4, 6, 7), nested structs included, through scipy.

Version 7.3 files are HDF5 in disguise and are refused by name: reading them would cost another library for files
that MATLAB can save again in one line.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from models.recordings.named_arrays import contents_of
from models.recordings.recording import RecordingError

if TYPE_CHECKING:
    from pathlib import Path

    from models.recordings.contents import Contents

_HDF5_SIGNATURE: Final = b"\x89HDF\r\n\x1a\n"
_HDF5_OFFSETS: Final = (0, 512)
MAX_DEPTH: Final = 8
MAX_ARRAYS: Final = 10_000


def read(path: Path) -> Contents:
    """Return the signals and facts of a .mat file.

    Raises:
        RecordingError: version 7.3, truncated, or no MATLAB file at all.
    """
    with path.open("rb") as file:
        head = file.read(520)
    if any(head[offset : offset + len(_HDF5_SIGNATURE)] == _HDF5_SIGNATURE for offset in _HDF5_OFFSETS):
        raise RecordingError(f"{path}: is MATLAB version 7.3 (HDF5): save it again with save(name, ..., '-v7')")
    import scipy.io

    try:
        with warnings.catch_warnings():
            # Of a variable given twice the last one counts, as in MATLAB; scipy would print it to standard error.
            warnings.simplefilter("ignore")
            variables = scipy.io.loadmat(path, simplify_cells=True, chars_as_strings=True)
    except (
        Exception
    ) as error:  # scipy lets everything through that a broken file can cause: struct, zlib, index, type errors
        raise RecordingError(
            f"{path}: is truncated or no MATLAB file ({type(error).__name__}: {_first_line(error)}): copy it again"
        ) from error
    arrays: dict[str, np.ndarray[Any, np.dtype[np.generic]]] = {}
    for name, value in variables.items():
        if not name.startswith("__"):
            _collect(name, value, arrays, MAX_DEPTH)
    return contents_of(path, arrays)


def _collect(name: str, value: Any, arrays: dict[str, np.ndarray[Any, np.dtype[np.generic]]], depth: int) -> None:
    """Add every real numeric array below a value under its dotted name."""
    if depth == 0 or len(arrays) >= MAX_ARRAYS:
        return
    if isinstance(value, dict):
        for key, inner in value.items():
            _collect(f"{name}.{key}", inner, arrays, depth - 1)
    elif isinstance(value, list) or (isinstance(value, np.ndarray) and value.dtype.kind == "O"):
        for index, inner in enumerate(np.asarray(value, object).reshape(-1), start=1):
            _collect(f"{name}.{index}", inner, arrays, depth - 1)
    else:
        array = np.asarray(value)
        if array.dtype.kind in "iufb" and array.size:
            arrays[name] = array


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or ["no reason given"])[0][:120]
