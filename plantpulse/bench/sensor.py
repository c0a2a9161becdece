"""A sensor for the benchmark: blocks come off a file as they come off a driver, and nothing else stays in memory.

What the healthy machine sounds like is one file, played again and again; from `fault_from_s` on it is another one, of
the same length. A file holds blocks of a quarter of a second, one after the other, float32 (channels, samples) in m/s².
It is a source like those of `edge_agent.sources`; the benchmark's own process adds it to their table.
"""

from __future__ import annotations

import time
from pathlib import Path  # noqa: TC003 - pydantic reads the annotations
from typing import TYPE_CHECKING, Final

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from edge_agent.sources.base import Pace, SourceFacts
from models.signal.windows import Block

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

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
        block_bytes = shape[0] * count * np.dtype(np.float32).itemsize
        now_ns = time.time_ns()
        first_ns = now_ns if self._request.start_ns is None else self._request.start_ns
        pace = Pace(first_ns, now_ns, self._request.speed)
        healthy, faulty = (self._request.directory / path for path in (self._options.healthy, self._options.faulty))
        with healthy.open("rb") as healthy_file, faulty.open("rb") as faulty_file:
            size = healthy.stat().st_size
            index = start.next_index
            while True:
                end_ns = first_ns + round((index + count) * 1e9 / rate)
                await pace.wait(end_ns, time.time_ns)
                file = healthy_file if index / rate < self._options.fault_from_s else faulty_file
                file.seek(index // count * block_bytes % size)
                samples = np.frombuffer(file.read(block_bytes), np.float32).reshape(shape)
                yield Block(index, start.epoch, samples, end_ns, self.facts.speed_rpm, WORD_BYTES)
                index += count


def open_source(request: SourceRequest, options: Options) -> Sensor:
    """Return the sensor of one machine, which must state its rate."""
    rate = request.sample_rate_hz or 0.0
    names = tuple(channel.name for channel in request.channels)
    return Sensor(request, options, SourceFacts(names, rate, WORD_BYTES, rate, request.speed_rpm))
