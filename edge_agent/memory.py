"""Little memory for a small gateway: what is asked of the libraries, and what is given back to the system.

`prefer_little_memory` runs before numpy is imported. `give_back_memory` runs after each step of starting and then once
a minute: freed heap, and pages of program files that only starting needed (a third of the agent is code of libraries
that runs once). Such pages are clean copies of files: when one is needed after all, the kernel reads it again. Rare
work that needs much for a moment, such as a diagnosis, runs through `with_room`, so that its peak does not come on top
of what the last one left.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import re
import resource
import sys
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
T = TypeVar("T")

_M_ARENA_MAX: Final = -8
_M_MMAP_THRESHOLD: Final = -3
_M_TRIM_THRESHOLD: Final = -1
"""Source: mallopt(3)."""
_LARGE_BYTES: Final = 1_048_576
"""A window of four channels is smaller and stays in the heap, where it is fast; what a diagnosis needs is larger and
goes back to the system at once. Left to itself, glibc keeps up to 32 MB of such pieces."""
_MADV_DONTNEED: Final = 4
"""Source: madvise(2)."""
_MAPPING: Final = re.compile(rb"[0-9a-f]+-[0-9a-f]+ (\S{4}) \S+ \S+ (\d+)")
"""Source: proc_pid_maps(5); the first line of each mapping in smaps is its line in maps."""

_clean: frozenset[bytes] = frozenset()
"""Lines of mappings that can be given back, as they were when last looked for."""


def prefer_little_memory() -> None:
    """Ask for one thread of mathematics, one heap, and large pieces outside of it.

    A gateway watches some channels on one core: threads for mathematics and a heap for each of them cost more than
    they give there.
    """
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
    libc = _libc()
    # Not every C library knows these; without them only memory is lost.
    with contextlib.suppress(AttributeError):
        if libc is not None:
            libc.mallopt(_M_ARENA_MAX, 1)
            libc.mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
            libc.mallopt(_M_TRIM_THRESHOLD, _LARGE_BYTES)


def give_back_memory() -> None:
    """Return freed heap and clean pages of program files to the system; nothing happens where that is not known."""
    _look_for_clean_pages()
    _give_back()


def leave_loaded_alone() -> None:
    """Never again look for garbage among what is there now; for the end of starting.

    Python goes through everything that is loaded whenever enough is new: a hundred thousand objects, 40 ms in which no
    window is judged.
    """
    gc.collect()
    gc.freeze()


def with_room(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return what `work` returns; what can be given back is given back before it and after it.

    Somebody waits for it: which pages are clean is what `give_back_memory` has found last, because looking for them
    takes five times as long as giving them back.
    """
    if not _clean:
        _look_for_clean_pages()
    _give_back()
    try:
        return work(*args, **kwargs)
    finally:
        _give_back()


def _look_for_clean_pages() -> None:
    global _clean  # noqa: PLW0603 - the address space of a process is one
    with contextlib.suppress(OSError), open("/proc/self/smaps", "rb") as file:  # noqa: PTH123 - a pseudo file
        _clean = _clean_file_mappings(file.read())


def _give_back() -> None:
    """Give back freed heap, and of the clean mappings those that are still there as they were."""
    libc = _libc()
    if libc is None:
        return
    with contextlib.suppress(AttributeError):
        libc.malloc_trim(0)
    try:
        with open("/proc/self/maps", "rb") as file:  # noqa: PTH123 - a pseudo file
            mappings = file.read().splitlines()
    except OSError:
        return
    libc.madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    for mapping in _clean.intersection(mappings):
        first, last = (int(address, 16) for address in mapping.split(maxsplit=1)[0].split(b"-"))
        libc.madvise(first, last - first, _MADV_DONTNEED)


def _clean_file_mappings(smaps: bytes) -> frozenset[bytes]:
    """Return the lines of mappings of files that nobody may write to and of which no page was ever changed in memory.

    Pages that were changed (relocated by the loader) exist nowhere else and must stay. Whatever takes the place of a
    mapping has another line: other rights, another place in its file, another file.
    """
    clean: set[bytes] = set()
    candidate: bytes | None = None
    for line in smaps.splitlines():
        header = _MAPPING.match(line)
        if header is not None:
            is_file = header[2] != b"0" and header[1] in (b"r-xp", b"r--p")
            candidate = line if is_file else None
        elif candidate is not None and line.startswith((b"Private_Dirty:", b"Anonymous:")):
            if line.split()[1] != b"0":
                candidate = None
            elif line.startswith(b"Anonymous:"):
                clean.add(candidate)
    return frozenset(clean)


def _libc() -> ctypes.CDLL | None:
    if not sys.platform.startswith("linux"):
        return None
    try:
        return ctypes.CDLL(None)
    except OSError:
        return None


def largest_resident_mb() -> float:
    """Return the most memory that this process ever had in RAM, in MB.

    Not `ru_maxrss`: that one is inherited from whoever started the process.
    """
    try:
        with open("/proc/self/status", encoding="ascii") as file:  # noqa: PTH123 - a pseudo file
            return next(int(line.split()[1]) * 1024 / 1e6 for line in file if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def resident_mb() -> float:
    """Return the memory of this process that is in RAM, in MB."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123 - a pseudo file, read every minute
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
