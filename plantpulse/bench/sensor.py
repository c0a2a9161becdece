"""A sensor for the benchmark: blocks come off a file as they come off a driver, and nothing else stays in memory.

As fast as possible they come from memory instead: what is measured then is what the agent makes of samples it has.

What the healthy machine sounds like is one file, played again and again; from `fault_from_s` on it is another one, of
the same length, for good or for a part of each period. A file holds blocks of a quarter of a second, one after the
other, float32 (channels, samples) in m/s². It is a source like those of `edge_agent.sources`; the benchmark's own
process adds it to their table.
"""

from __future__ import annotations

import contextlib
import math
import time
from pathlib import Path  # noqa: TC003 - pydantic reads the annotations
from typing import TYPE_CHECKING, BinaryIO, Final

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from edge_agent.sources.base import Pace, SourceFacts
from models.signal.windows import Block

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from numpy.typing import NDArray

    from edge_agent.sources.base import SourcePosition, SourceRequest

KIND: Final = "benchmark"
BLOCK_S: Final = 0.25
WORD_BYTES: Final = 2


class Options(BaseModel):
    """The keys of `[machine.source]` with kind = "benchmark"."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    healthy: Path = Field(strict=False)
    faulty: Path = Field(strict=False)
    fault_from_s: float
    fault_every_s: float = math.inf
    fault_for_s: float = math.inf

    def is_faulty(self, at_s: float) -> bool:
        """Return whether the machine is ill at a time of its stream."""
        since_s = at_s - self.fault_from_s
        return since_s >= 0.0 and math.fmod(since_s, self.fault_every_s) < self.fault_for_s


class Sensor:
    """The source; implements `edge_agent.sources.base.Source`."""

    def __init__(self, request: SourceRequest, options: Options, facts: SourceFacts) -> None:
        self._request = request
        self._options = options
        self.facts = facts
        self.detail = ""

    async def blocks(self, start: SourcePosition) -> AsyncIterator[Block]:
        """Yield blocks for ever; a run of the benchmark starts at 0 and is never continued."""
        rate = self.facts.sample_rate_hz
        count = round(BLOCK_S * rate)
        shape = (len(self.facts.channels), count)
        now_ns = time.time_ns()
        first_ns = now_ns if self._request.start_ns is None else self._request.start_ns
        pace = Pace(first_ns, now_ns, self._request.speed)
        healthy, faulty = (self._request.directory / path for path in (self._options.healthy, self._options.faulty))
        read = _in_memory if self._request.speed == math.inf else _from_file
        with contextlib.ExitStack() as files:
            healthy_block, faulty_block = (
                read(files.enter_context(path.open("rb")), shape) for path in (healthy, faulty)
            )
            index = start.next_index
            while True:
                end_ns = first_ns + round((index + count) * 1e9 / rate)
                await pace.wait(end_ns, time.time_ns)
                block = faulty_block if self._options.is_faulty(index / rate) else healthy_block
                yield Block(index, start.epoch, block(index // count), end_ns, self.facts.speed_rpm, WORD_BYTES)
                index += count


def _in_memory(file: BinaryIO, shape: tuple[int, int]) -> Callable[[int], NDArray[np.float32]]:
    """Return what gives the block of a number, from memory: nothing but the agent's work takes time."""
    blocks = np.frombuffer(file.read(), np.float32).reshape(-1, *shape)
    return lambda number: blocks[number % len(blocks)]


def _from_file(file: BinaryIO, shape: tuple[int, int]) -> Callable[[int], NDArray[np.float32]]:
    """Return what gives the block of a number, from the file, as from a driver: each in memory of its own."""
    block_bytes = shape[0] * shape[1] * np.dtype(np.float32).itemsize
    size = file.seek(0, 2)

    def block(number: int) -> NDArray[np.float32]:
        file.seek(number * block_bytes % size)
        return np.frombuffer(file.read(block_bytes), np.float32).reshape(shape)

    return block


def open_source(request: SourceRequest, options: Options) -> Sensor:
    """Return the sensor of one machine, which must state its rate."""
    rate = request.sample_rate_hz or 0.0
    names = tuple(channel.name for channel in request.channels)
    return Sensor(request, options, SourceFacts(names, rate, WORD_BYTES, rate, request.speed_rpm))
