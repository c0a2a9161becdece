"""Cut a stream of blocks into windows of fixed length, and say openly where the stream was not continuous.

A source delivers blocks; each says which sample of which epoch it begins with and what the clock said at its end.
`Windower.push` then, in this order:

1. drops samples it already had (a source that resumes a little too early after a restart),
2. notices a new epoch or missing samples: the partial window is thrown away, the next one is flagged `GAP`,
3. notices a clock that jumped in either direction: samples stay in order, every window over the seam (and at least
   the next one) is flagged `CLOCK_JUMP`,
4. cuts as many windows as are complete; a window is named by its end, timed by the block it ends in, and carries what
   the context channels said during it (`models.context`).

Windows start every `hop_samples`, counted anew after a gap. What must survive a restart is `Windower.position`;
the partial window is not part of it, the source is asked again for samples from `next_needed_index` on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from models import context
from models.context import ContextSeries
from models.contract.vocabulary import QualityCause
from models.signal.errors import SignalError, StreamError
from models.signal.stream_buffer import StreamBuffer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from models.context import ContextChannel, ContextSample, ContextValue

NS_PER_S: Final = 1_000_000_000
CLOCK_TOLERANCE_S: Final = 0.128
"""Beyond this an NTP client steps the clock instead of slewing it (RFC 5905, STEPT); reading delays stay below."""


@dataclass(frozen=True, slots=True)
class Block:
    """What a source delivers at once.

    Attributes:
        first_index: index of the first sample, counted from 0 at the start of the epoch.
        epoch: counted up whenever the source cannot continue its count (new file set, sensor restarted).
        samples: float32 (channels, n) in SI.
        end_ns: wall time UTC right after the last sample.
        speed_rpm: shaft speed during the block, or None.
        word_bytes: size of one sample as the sensor delivers it; for counting raw bytes.
        context: what controllers and slow sensors said meanwhile, at their own times.
    """

    first_index: int
    epoch: int
    samples: NDArray[np.float32]
    end_ns: int
    speed_rpm: float | None = None
    word_bytes: int = 4
    context: tuple[ContextSample, ...] = ()

    @property
    def end_index(self) -> int:
        """Return the index one past the last sample."""
        return self.first_index + int(self.samples.shape[1])


@dataclass(frozen=True, slots=True)
class Window:
    """A fixed stretch of samples of all channels of one machine.

    Attributes:
        samples: float32 (channels, window_samples) in SI; a view, not to be written to.
        sample_rate_hz: of all channels.
        index: number within the epoch: first sample // hop. Unique and rising, also across gaps and restarts.
        epoch: of the stream.
        end_ns: wall time UTC right after the last sample.
        speed_rpm: shaft speed at the end of the window, or None.
        quality: what is wrong with its place in the stream (GAP, CLOCK_JUMP); the samples themselves are judged by
            `models.signal.quality`.
        context: one value per context channel of the windower, stale ones as None.
        is_checked: `quality` also says what `models.signal.quality` finds in the samples.
    """

    samples: NDArray[np.float32]
    sample_rate_hz: float
    index: int
    epoch: int
    end_ns: int
    speed_rpm: float | None
    quality: tuple[QualityCause, ...] = ()
    context: tuple[ContextValue, ...] = ()
    is_checked: bool = False


@dataclass(frozen=True, slots=True)
class WindowerPosition:
    """Where a windower stands; small enough to be committed with every record.

    Attributes:
        epoch: of the stream, or None before the first block.
        next_needed_index: first sample of the next window; the source resumes here.
        seen_index: one past the last sample that was pushed.
        seen_end_ns: wall time of that sample.
        gap: the next window is flagged `GAP`.
        jump_index: windows that start before this sample and end after it are flagged `CLOCK_JUMP`; None: no jump.
        context: the samples of slow channels that the next window can still need.
    """

    epoch: int | None = None
    next_needed_index: int = 0
    seen_index: int = 0
    seen_end_ns: int = 0
    gap: bool = False
    jump_index: int | None = None
    context: tuple[ContextSample, ...] = ()


class Windower:
    """Cuts one machine's stream into windows; no clock and no I/O, only the samples that are still needed.

    Args:
        sample_rate_hz: samples per second of every channel.
        window_samples: length of a window.
        hop_samples: distance of two window starts; equal to `window_samples` without overlap.
        position: where to go on after a restart.
        channels: of context, to be joined to the windows; samples of others are not kept.
        keep_samples: so many of the latest samples can be asked for (`latest`), for diagnosis and evidence.

    Raises:
        SignalError: a rate, length or hop that cannot work.
    """

    def __init__(
        self,
        sample_rate_hz: float,
        window_samples: int,
        hop_samples: int,
        position: WindowerPosition | None = None,
        channels: Sequence[ContextChannel] = (),
        *,
        keep_samples: int = 0,
    ) -> None:
        if not (np.isfinite(sample_rate_hz) and sample_rate_hz > 0):
            raise SignalError(f"a sample rate of {sample_rate_hz} Hz cannot be windowed: give a rate above 0")
        if window_samples < 1 or not 1 <= hop_samples <= window_samples:
            raise SignalError(
                f"windows of {window_samples} samples every {hop_samples}: both must be at least 1, "
                "and the hop at most the window"
            )
        self.sample_rate_hz = sample_rate_hz
        self.window_samples = window_samples
        self.hop_samples = hop_samples
        start = position or WindowerPosition()
        self._epoch = start.epoch
        self._next_start = start.next_needed_index
        self._seen_index = start.seen_index
        self._seen_end_ns = start.seen_end_ns
        self._gap = start.gap
        self._jump_index = start.jump_index
        self._channels = tuple(channels)
        self._context = ContextSeries(start.context)
        # Whole hops, so that few windows lie over the end; two windows at least, so that it is few of them.
        hops = -(-max(2 * window_samples, window_samples + 2 * hop_samples, keep_samples) // hop_samples)
        self._buffer = StreamBuffer(hops * hop_samples, keep_samples)

    @property
    def position(self) -> WindowerPosition:
        """Return what a restarted windower needs to go on as if nothing had happened."""
        return WindowerPosition(
            self._epoch,
            self._next_start,
            self._seen_index,
            self._seen_end_ns,
            self._gap,
            self._jump_index,
            self._context.samples,
        )

    def latest(self) -> NDArray[np.float32]:
        """Return the latest uninterrupted samples, (channels, n), at most `keep_samples`; not to be written to."""
        return self._buffer.latest()

    def push(self, block: Block) -> list[Window]:
        """Return the windows that this block completes, oldest first.

        Args:
            block: the next samples; windows of a long block are views of its array, which must not be written to.

        Raises:
            StreamError: the epoch went backwards, or the number of channels changed within an epoch.
        """
        self._check_shape(block)
        in_sequence = self._enter_epoch(block)
        if block.end_index <= self._next_start + self._buffer.held:
            return []
        if in_sequence:
            self._note_clock(block)
        if self._channels and block.context:
            names = {channel.name for channel in self._channels}
            self._context = self._context.added(sample for sample in block.context if sample.name in names)
        if block.first_index > self._next_start + self._buffer.held:
            self._restart_at(block.first_index)
        self._seen_index, self._seen_end_ns = block.end_index, block.end_ns
        already_held = self._next_start + self._buffer.held - block.first_index
        self._buffer.append(block.samples[:, already_held:])
        return self._cut(block) if self._buffer.held >= self.window_samples else []

    def _check_shape(self, block: Block) -> None:
        if block.samples.ndim != 2:
            raise StreamError(f"a block of shape {block.samples.shape}: expected (channels, samples)")
        before = self._buffer.channels
        if before not in (None, block.samples.shape[0]) and block.epoch == self._epoch:
            raise StreamError(
                f"the stream changed from {before} to {block.samples.shape[0]} channels at sample "
                f"{block.first_index}: a source must start a new epoch for that"
            )

    def _enter_epoch(self, block: Block) -> bool:
        """Return whether the block belongs to the epoch already running; start its epoch if not."""
        if block.epoch == self._epoch:
            return True
        if self._epoch is not None and block.epoch < self._epoch:
            raise StreamError(
                f"the stream went back from epoch {self._epoch} to {block.epoch}: a source must only count up"
            )
        first_ever = self._epoch is None
        self._epoch = block.epoch
        self._jump_index = None
        self._restart_at(block.first_index)
        self._gap = not first_ever
        return False

    def _restart_at(self, index: int) -> None:
        self._buffer.clear()
        self._next_start = index
        self._gap = True

    def _note_clock(self, block: Block) -> None:
        elapsed_ns = (block.end_index - self._seen_index) * NS_PER_S / self.sample_rate_hz
        jump_ns = block.end_ns - self._seen_end_ns - elapsed_ns
        if abs(jump_ns) > CLOCK_TOLERANCE_S * NS_PER_S:
            self._jump_index = max(block.first_index, self._seen_index)
            # Times before the jump say nothing about times after it.
            self._context = ContextSeries()

    def _cut(self, block: Block) -> list[Window]:
        windows = []
        offset = 0
        while self._buffer.held - offset >= self.window_samples:
            end_index = self._next_start + self.window_samples
            after_ns = round((block.end_index - end_index) * NS_PER_S / self.sample_rate_hz)
            joined = self._joined(block.end_ns - after_ns) if self._channels else ()
            speed_rpm = context.speed_rpm(joined) if joined else None
            windows.append(
                Window(
                    samples=self._buffer.view(offset, self.window_samples),
                    sample_rate_hz=self.sample_rate_hz,
                    index=self._next_start // self.hop_samples,
                    epoch=block.epoch,
                    end_ns=block.end_ns - after_ns,
                    speed_rpm=block.speed_rpm if speed_rpm is None else speed_rpm,
                    quality=self._flags(),
                    context=joined,
                )
            )
            offset += self.hop_samples
            self._next_start += self.hop_samples
        self._buffer.drop(offset)
        return windows

    def _joined(self, end_ns: int) -> tuple[ContextValue, ...]:
        """Return what each context channel says about the window that ends now, and forget what is no longer needed."""
        start_ns = end_ns - round(self.window_samples * NS_PER_S / self.sample_rate_hz)
        joined = tuple(context.join(self._context, channel, start_ns, end_ns) for channel in self._channels)
        self._context = self._context.since(start_ns)
        return joined

    def _flags(self) -> tuple[QualityCause, ...]:
        causes = []
        if self._gap:
            causes.append(QualityCause.GAP)
            self._gap = False
        if self._jump_index is not None and self._next_start <= self._jump_index:
            causes.append(QualityCause.CLOCK_JUMP)
        else:
            self._jump_index = None
        return tuple(causes)
