"""Memory is given back, and everything still works afterwards."""

from __future__ import annotations

import gc
import subprocess
import sys
import weakref

import pytest

from edge_agent.memory import _clean_file_mappings, leave_loaded_alone, with_room

SMAPS = b"""\
00400000-00500000 r-xp 00000000 08:01 42 /usr/lib/clean.so
Private_Dirty:         0 kB
Anonymous:             0 kB
00500000-00600000 r--p 00000000 08:01 42 /usr/lib/relocated.so
Private_Dirty:         8 kB
Anonymous:             8 kB
00600000-00700000 rw-p 00000000 08:01 42 /usr/lib/data.so
Private_Dirty:         0 kB
Anonymous:             0 kB
00700000-00800000 r-xp 00000000 00:00 0 [vdso]
Private_Dirty:         0 kB
Anonymous:             0 kB
"""


def test_only_files_that_nobody_changed_in_memory_are_given_back():
    assert _clean_file_mappings(SMAPS) == {b"00400000-00500000 r-xp 00000000 08:01 42 /usr/lib/clean.so"}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux knows how")
def test_less_is_resident_and_numpy_still_computes():
    """In a process of its own, because a test must not disturb the others."""
    program = """
from edge_agent.memory import give_back_memory, prefer_little_memory, resident_mb
prefer_little_memory()
import numpy as np
import edge_agent.agent
before = resident_mb()
give_back_memory()
after = resident_mb()
assert abs(np.linalg.inv(np.eye(50) * 2.0).trace() - 25.0) < 1e-9
print(before - after)
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert float(result.stdout) > 5.0


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux knows how")
def test_what_took_the_place_of_a_clean_mapping_stays():
    """In a process of its own. Given back, changed pages would be read from the file again."""
    program = """
import mmap, tempfile
from edge_agent import memory
file = tempfile.TemporaryFile()
file.write(b"a" * 8192)
file.flush()
clean = mmap.mmap(file.fileno(), 8192, mmap.MAP_PRIVATE, mmap.PROT_READ)
assert clean[0] == ord("a")
memory.give_back_memory()
known = len(memory._clean)
clean.close()
changed = mmap.mmap(file.fileno(), 8192, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_WRITE)
changed[:8192] = b"b" * 8192
memory.with_room(lambda: None)
assert changed[:] == b"b" * 8192
print(known)
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert int(result.stdout) > 5


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux knows how")
def test_the_largest_is_of_this_process_alone_and_is_not_forgotten():
    """Started from a process that is far larger: `ru_maxrss` would say so, this must not."""
    ballast = bytearray(b"x") * 150_000_000
    program = """
from edge_agent.memory import largest_resident_mb, resident_mb
before = largest_resident_mb()
room = bytearray(b"x") * 30_000_000
del room
assert 28.0 < largest_resident_mb() - before < 40.0
assert resident_mb() < largest_resident_mb()
print(before)
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert float(result.stdout) < 60.0 < len(ballast) / 1e6


def test_with_room_hands_through_what_the_work_returns_and_raises():
    """The work itself is an ordinary call."""
    assert with_room(divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        with_room(divmod, 7, 0)


class _Cycle:
    def __init__(self):
        self.itself = self


def test_garbage_is_searched_among_what_came_after_starting_alone():
    loaded = len(gc.get_objects())
    try:
        leave_loaded_alone()
        frozen, left = gc.get_freeze_count(), len(gc.get_objects())
        later = weakref.ref(_Cycle())
        gc.collect()
    finally:
        gc.unfreeze()
    assert frozen > 0.5 * loaded
    assert left < 0.1 * loaded
    assert later() is None
