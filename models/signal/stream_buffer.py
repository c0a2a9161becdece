"""The samples of a stream that are still needed, side by side in memory, so that every window of them is a view.

Blocks are copied in as they come, once. What is dropped at the front makes room in the end: then the rest moves to the
front of the same memory, unless somebody still holds a view of it; then it moves to new memory and the view stays what
it was. In steady running nothing is allocated.
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
    """A queue of samples of all channels of one stream.

    Args:
        room: samples per channel that it keeps memory for; more may be held for a while.

    Attributes:
        held: samples per channel.
        channels: of what is held; None before the first samples.
    """

    def __init__(self, room: int) -> None:
        self._room = room
        self._memory = np.empty((0, 0), np.float32)
        self._is_own = True
        self._start = 0
        self.held = 0
        self.channels: int | None = None

    @property
    def memory_samples(self) -> int:
        """Return how many samples per channel it takes memory for."""
        return int(self._memory.shape[1])

    def append(self, samples: NDArray[np.float32]) -> None:
        """Add the next samples, (channels, n); the channels must be those of what is held."""
        channels, count = samples.shape
        if self.held == 0 and count > self._room:
            # More than is ever kept, so it is cut where it lies instead of being copied.
            self._memory, self._is_own = np.asarray(samples, np.float32), False
            self._start, self.held, self.channels = 0, count, channels
            return
        self._make_room(channels, count)
        end = self._start + self.held
        self._memory[:, end : end + count] = samples
        self.held += count
        self.channels = channels

    def view(self, offset: int, count: int) -> NDArray[np.float32]:
        """Return `count` samples of each channel from `offset` on; not to be written to."""
        return self._memory[:, self._start + offset : self._start + offset + count]

    def drop(self, count: int) -> None:
        """Forget the first `count` samples."""
        self._start += count
        self.held -= count
        if not self._is_own or self.memory_samples > self._room:
            # A long block must not stay in memory for the sake of its tail.
            self._move(len(self._memory), max(self._room, self.held))

    def clear(self) -> None:
        """Forget all samples."""
        self._start = self.held = 0

    def _make_room(self, channels: int, count: int) -> None:
        needed = self.held + count
        fits = self._is_own and len(self._memory) == channels
        if fits and self._start + needed <= self.memory_samples:
            return
        if fits and needed <= self.memory_samples and sys.getrefcount(self._memory) <= _OWN_REFERENCES:
            self._memory[:, : self.held] = self.view(0, self.held)
            self._start = 0
        else:
            self._move(channels, max(self._room, needed))

    def _move(self, channels: int, room: int) -> None:
        moved = np.empty((channels, room), np.float32)
        if self.held:
            moved[:, : self.held] = self.view(0, self.held)
        self._memory, self._is_own, self._start = moved, True, 0
