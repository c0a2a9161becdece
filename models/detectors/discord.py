"""Left discord of a slow series: has anything like the last day and a half ever been there before?

For temperatures and other levels that wander, where neither a limit nor a baseline makes sense. In order:

1. Rows are averaged to blocks (an hour of 5-minute values): noise goes, and the search is a hundred times cheaper.
2. The newest window of blocks is compared with every earlier window that shares no block with it; the distance to the
   nearest one is the discord. Windows are not normalised: a level that was never there is exactly what is looked for.
3. The discord is judged against what the discords of this series have been, a quantile of all so far, so that a
   restless machine gets a wider threshold. Discords in alarm, or above the threshold, do not move it.

Memory is bounded: the oldest blocks are forgotten. Assumes that what happened before was mostly normal, and that a
fault does not look like an earlier one: the second time a pattern comes it is known, whatever it meant; labels tell
those apart. Early on little has been seen, so the first windows are never judged.

Source: Yeh et al. (2016), Matrix Profile I; Lu, Wu, Mueen et al. (2022), Matrix Profile XXIV, DAMP (left discords).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final, Self

import numpy as np

from models.detectors.base import StreamScores
from models.detectors.errors import DetectorError
from models.detectors.scaling import MAD_TO_SIGMA
from models.state_bytes import pack, unpack

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

LEAST_MAD_SHARE: Final = 0.3
"""Of the standard deviation: a level that rests on one value most of the time has a MAD of 0."""
TINY: Final = float(np.finfo(np.float32).tiny)
_VERSION: Final = 1
_STATE: Final = "discord state"


@dataclass(frozen=True, slots=True)
class DiscordSettings:
    """What is compared with what; defaults for values every five minutes.

    Attributes:
        block_rows: rows that are averaged to one block.
        window_blocks: blocks of one window: as long as the course of a fault, a day and a half.
        memory_blocks: blocks that are remembered; three months.
        quantile: of the discords so far.
        margin: over that quantile; 1.0 is a score of 1.0 at the quantile itself.

    Raises:
        DetectorError: the numbers contradict each other.
    """

    block_rows: int = 12
    window_blocks: int = 36
    memory_blocks: int = 2160
    quantile: float = 0.8
    margin: float = 1.25

    def __post_init__(self) -> None:
        if self.block_rows < 1 or not 1 <= self.window_blocks <= self.memory_blocks // 3:
            raise DetectorError(f"{self}: blocks of at least one row, and a memory of at least three windows")
        if not 0.0 < self.quantile < 1.0 or self.margin <= 0.0:
            raise DetectorError(f"{self}: give a quantile between 0 and 1, and a margin above 0")


@dataclass(frozen=True, slots=True)
class DiscordState:
    """What has to be remembered between rows; bounded by `memory_blocks`.

    Attributes:
        blocks: scaled means, oldest first, (≤ memory, channels).
        rows: of the block that is not full yet, (< block_rows, channels).
        discords: so far, oldest first, (≤ memory,).
    """

    blocks: Floats
    rows: Floats
    discords: Floats

    def to_bytes(self) -> bytes:
        """Return the state as bytes."""
        return pack(_STATE, _VERSION, {}, {"blocks": self.blocks, "rows": self.rows, "discords": self.discords})


@dataclass(frozen=True, slots=True)
class Discord:
    """The scale of each channel and what was there while it was learnt; score 1.0 = threshold.

    Attributes:
        settings: what is compared with what.
        scale: of the block means, (channels,).
        learnt: scaled blocks of the learning rows, (m, channels).
    """

    name: ClassVar[str] = "discord"

    settings: DiscordSettings
    scale: Floats
    learnt: Floats

    @classmethod
    def fit(cls, rows: NDArray[np.floating], *, settings: DiscordSettings | None = None) -> Self:
        """Return the detector that remembers these rows as normal.

        >>> days = np.sin(np.arange(24 * 12) * 2 * np.pi / 24)[:, None]  # hourly, a wave a day
        >>> settings = DiscordSettings(block_rows=1, window_blocks=24)
        >>> learnt = Discord.fit(days + 0.01 * np.sin(np.arange(288.0) ** 2)[:, None], settings=settings)
        >>> state, scores = learnt.step(learnt.start(), np.concatenate([days[:24], days[:24] + 3]), in_alarm=False)
        >>> scores.level[[23, 47], 0] > 1.0
        array([False,  True])

        Args:
            rows: (n, channels) in the order of time, evenly spaced, at least two blocks.
            settings: None for the defaults.

        Raises:
            DetectorError: too few rows, or values that are not finite.
        """
        settings = settings or DiscordSettings()
        if rows.ndim != 2 or not rows.shape[1] or len(rows) < 2 * settings.block_rows:
            raise DetectorError(f"learning rows of shape {rows.shape}: at least two blocks of {settings.block_rows}")
        if not np.isfinite(rows).all():
            raise DetectorError("learning rows must be finite numbers")
        blocks = _blocks(rows.astype(np.float64), settings.block_rows)
        mad = MAD_TO_SIGMA * np.median(np.abs(blocks - np.median(blocks, axis=0)), axis=0)
        floor = np.finfo(np.float32).eps * np.abs(blocks).mean(axis=0) + TINY
        scale = np.maximum(np.maximum(mad, LEAST_MAD_SHARE * blocks.std(axis=0)), floor)
        return cls(settings, scale, (blocks / scale)[-settings.memory_blocks :])

    def start(self) -> DiscordState:
        """Return the state right after the learning rows, with the discords among them."""
        discords = [_discord(self.learnt[:end], self.settings.window_blocks) for end in range(1, len(self.learnt) + 1)]
        known = np.array([distance for distance in discords if distance is not None])
        return DiscordState(self.learnt, np.empty((0, self.scale.size)), known)

    def step(
        self, state: DiscordState, rows: NDArray[np.floating], *, in_alarm: bool
    ) -> tuple[DiscordState, StreamScores]:
        """Return the state after these rows, and their scores: one where a block ends, NaN elsewhere.

        Args:
            state: after the rows before.
            rows: (n, channels); a value that is not finite counts as the last block's.
            in_alarm: whether an alarm stood before these rows: their discords do not widen the threshold.

        Raises:
            DetectorError: another number of channels.
        """
        if rows.ndim != 2 or rows.shape[1] != self.scale.size:
            raise DetectorError(f"rows of shape {rows.shape}: {self.scale.size} channels were learnt")
        settings = self.settings
        new = rows / self.scale
        known = np.concatenate([state.rows, np.where(np.isfinite(new), new, state.blocks[-1])])
        blocks, discords = state.blocks, state.discords
        level = np.full((len(rows), 1), np.nan)
        for number, block in enumerate(_blocks(known, settings.block_rows)):
            blocks = np.concatenate([blocks, block[None]])[-settings.memory_blocks :]
            distance = _discord(blocks, settings.window_blocks)
            if distance is None:
                continue
            if len(discords) >= settings.window_blocks:
                threshold = settings.margin * max(float(np.quantile(discords, settings.quantile)), TINY)
                level[(number + 1) * settings.block_rows - len(state.rows) - 1] = distance / threshold
                if in_alarm or distance >= threshold:
                    continue
            discords = np.append(discords, distance)[-settings.memory_blocks :]
        left = known[len(known) // settings.block_rows * settings.block_rows :]
        return DiscordState(blocks, left, discords), StreamScores(level, np.where(np.isnan(level[:, 0]), np.nan, 0.0))

    def to_bytes(self) -> bytes:
        """Return the fitted detector as bytes."""
        values = {name: getattr(self.settings, name) for name in DiscordSettings.__dataclass_fields__}
        return pack(self.name, _VERSION, values, {"scale": self.scale, "learnt": self.learnt})

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Return the detector that was written by `to_bytes`.

        Raises:
            StateError: the bytes are damaged or something else.
        """
        fields = unpack(data, cls.name, _VERSION)
        settings = DiscordSettings(**{name: fields.value(name) for name in DiscordSettings.__dataclass_fields__})
        return cls(settings, fields.array("scale"), fields.array("learnt"))

    def state_from_bytes(self, data: bytes) -> DiscordState:
        """Return the state that was written by its `to_bytes`.

        Raises:
            StateError: the bytes are damaged or something else.
        """
        fields = unpack(data, _STATE, _VERSION)
        return DiscordState(fields.array("blocks"), fields.array("rows"), fields.array("discords"))


def _blocks(rows: Floats, block_rows: int) -> Floats:
    """Return the means of all full blocks, (n // block_rows, channels)."""
    full = len(rows) // block_rows
    return np.asarray(rows[: full * block_rows].reshape(full, block_rows, rows.shape[1]).mean(axis=1))


def _discord(blocks: Floats, window: int) -> float | None:
    """Return the RMS distance of the last window from the nearest one without a block in common, None without one."""
    if len(blocks) < 2 * window:
        return None
    earlier = np.lib.stride_tricks.sliding_window_view(blocks[:-window], window, axis=0)
    difference = earlier - blocks[-window:].T
    return float(np.sqrt(np.einsum("mcw,mcw->m", difference, difference).min() / difference[0].size))
