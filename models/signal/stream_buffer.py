"""The latest samples of a stream in one ring of memory: those that windows still need, and those worth keeping.

Blocks are copied in as they come, once. A window is a view of the ring, or a copy where it lies over the ring's end;
the ring is a whole number of hops long, so that this is rare. Whoever holds a view keeps it: the stream goes on in new
memory then. In steady running nobody does, and nothing is allocated.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_OWN_REFERENCES: Final = 2
"""The attribute, and the argument of `sys.getrefcount`; every view holds one more."""


class StreamBuffer:
    """A queue of samples of all channels of one stream, with some memory of what has left it.

    Args:
        room: samples per channel that it has memory for; more may be held for a while.
        keep: so many of the latest samples can be asked for, whether they are still held or not; at most `room`.

    Attributes:
        held: samples per channel in the queue.
        channels: of what is held; None before the first samples.
    """

    def __init__(self, room: int, keep: int = 0) -> None:
        self._room = max(room, keep)
        self._keep = keep
        self._memory = np.empty((0, 0), np.float32)
        self._is_own = True
        # Where the next sample goes, and how many before it are still what they were.
        self._end = 0
        self._known = 0
        self.held = 0
        self.channels: int | None = None

    @property
    def memory_samples(self) -> int:
        """Return how many samples per channel it takes memory for."""
        return int(self._memory.shape[1])

    def append(self, samples: NDArray[np.float32]) -> None:
        """Add the next samples, (channels, n); the channels must be those of what is held."""
        self.channels, count = samples.shape
        if self.held == 0 and count > self._room:
            # More than is ever kept, so it is cut where it lies instead of being copied.
            self._memory, self._is_own = np.asarray(samples, np.float32), False
            self._end, self._known, self.held = count, count, count
            return
        self._make_room(self.channels, count)
        at = self._end % self.memory_samples
        first = min(count, self.memory_samples - at)
        self._memory[:, at : at + first] = samples[:, :first]
        if first < count:
            self._memory[:, : count - first] = samples[:, first:]
        self._end = (at + count) % self.memory_samples
        self._known = min(self._known + count, self.memory_samples)
        self.held += count

    def view(self, offset: int, count: int) -> NDArray[np.float32]:
        """Return `count` held samples of each channel from `offset` on; not to be written to."""
        return self._before_end(self.held - offset, count)

    def latest(self) -> NDArray[np.float32]:
        """Return the latest samples, at most `keep`, (channels, n); they cannot be written to."""
        count = min(self._known, self._keep)
        start = self._start_of(count)
        if start + count > self.memory_samples and self._nobody_looks():
            # Turned in place, a row at a time: asked for rarely, and then there is no memory to spare for a copy.
            for row in self._memory:
                row[:] = np.roll(row, -start)
            self._end = (self._end - start) % self.memory_samples
        found = self._before_end(count, count)
        found.flags.writeable = False
        return found

    def drop(self, count: int) -> None:
        """Take the first `count` samples out of the queue."""
        self.held -= count
        if not self._is_own or self.memory_samples > self._room:
            # A long block must not stay in memory for the sake of its tail.
            self._move(len(self._memory), max(self._room, self.held))

    def clear(self) -> None:
        """Forget all samples."""
        self._end = self._known = self.held = 0

    def _start_of(self, count: int) -> int:
        """Return where the last `count` samples begin."""
        return (self._end - count) % self.memory_samples if self.memory_samples else 0

    def _before_end(self, distance: int, count: int) -> NDArray[np.float32]:
        """Return `count` samples, the first of which lies `distance` before the end."""
        start = self._start_of(distance)
        beyond = start + count - self.memory_samples
        if beyond <= 0:
            return self._memory[:, start : start + count]
        return np.concatenate([self._memory[:, start:], self._memory[:, :beyond]], axis=1)

    def _make_room(self, channels: int, count: int) -> None:
        needed = self.held + count
        fits = len(self._memory) == channels and needed <= self.memory_samples
        if not (fits and self._is_own and self._nobody_looks()):
            self._move(channels, max(self._room, needed))

    def _nobody_looks(self) -> bool:
        return sys.getrefcount(self._memory) <= _OWN_REFERENCES

    def _move(self, channels: int, room: int) -> None:
        moved = np.empty((channels, room), np.float32)
        count = max(self.held, min(self._known, self._keep))
        if count:
            moved[:, :count] = self._before_end(count, count)
        self._memory, self._is_own = moved, True
        self._end = self._known = count
