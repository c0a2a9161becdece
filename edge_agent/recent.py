"""The latest uninterrupted seconds of one machine, for diagnosis and evidence."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.signal.windows import Block


class RecentSamples:
    """Keeps at most so many samples per channel; forgets all of them where the stream is interrupted.

    Args:
        samples: per channel.
    """

    def __init__(self, samples: int) -> None:
        self._most = samples
        self._blocks: deque[Block] = deque()
        self._held = 0

    def push(self, block: Block) -> None:
        """Add the next block."""
        if self._blocks:
            last = self._blocks[-1]
            if block.epoch != last.epoch or block.first_index != last.end_index:
                self._blocks.clear()
                self._held = 0
        self._blocks.append(block)
        self._held += block.samples.shape[1]
        while self._held - self._blocks[0].samples.shape[1] >= self._most:
            self._held -= self._blocks.popleft().samples.shape[1]

    def samples(self) -> NDArray[np.float32]:
        """Return (channels, n), the latest last."""
        if not self._blocks:
            return np.zeros((0, 0), np.float32)
        joined = np.concatenate([block.samples for block in self._blocks], axis=1)
        return joined[:, -self._most :]
