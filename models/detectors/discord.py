"""Left discord of a slow series: has anything like the last day and a half ever been there before?

For temperatures and other levels that wander, where neither a limit nor a baseline makes sense. A row is an hour's
mean: noise goes, and a day and a half is a short vector. In order:

1. The newest window of hours is compared with every earlier window that shares no hour with it; the distance to the
   nearest one is the discord. Windows are not normalised: a level that was never there is exactly what is looked for.
2. The few hours that differ most have no say. One odd hour would stay in the window for a day and a half, so that
   no persistence asked of the score afterwards could tell it from a fault; asked inside the window it can.
3. The discord is judged against what the discords of this series have been, a quantile of all so far, so that a
   restless machine gets a wider threshold. Discords in alarm, or above the threshold, do not move it.
4. The newest part of the window is judged by itself (`newest`): the whole window looks back at what is over. It is
   compared with what was there before anything of the whole window could be known, so that what lasts does not end
   an alarm sooner than the whole window would.

Hours that are missing (a gap, a machine that is off) are compared with nothing; half of a window must be there.

Memory is bounded: the oldest hours are forgotten. Assumes that what happened before was mostly normal, and that a
fault does not look like an earlier one: the second time a pattern comes it is known, whatever it meant; labels tell
those apart. Early on little has been seen, so the first windows are never judged.

Source: Yeh et al. (2016), Matrix Profile I; Lu, Wu, Mueen et al. (2022), Matrix Profile XXIV, DAMP (left discords);
Huber (1981), Robust Statistics, trimmed means.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple, Self

import numpy as np

from models.detectors.base import LearningRows, Persistence, StreamScores
from models.detectors.errors import DetectorError
from models.detectors.scaling import MAD_TO_SIGMA
from models.frozen import replace
from models.state_bytes import pack, unpack

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.floating]

LEAST_MAD_SHARE: Final = 0.3
"""Of the standard deviation: a level that rests on one value most of the time has a MAD of 0."""
LEAST_THERE: Final = 0.5
"""With fewer of its hours a window says more about what is missing than about the machine."""
TINY: Final = float(np.finfo(np.float32).tiny)
_VERSION: Final = 2
_STATE: Final = "discord state"


@dataclass(frozen=True, slots=True)
class DiscordSettings:
    """What is compared with what; a row is a block of an hour.

    Attributes:
        window_blocks: blocks of one window: as long as the course of a fault, a day and a half.
        newest_blocks: of them its newest part, which says whether it still is so: half a day.
        odd_blocks: so many blocks that differ most have no say, in either.
        memory_blocks: blocks that are remembered; three months.
        quantile: of the discords so far.
        margin: over that quantile; 1.0 is a score of 1.0 at the quantile itself.

    Raises:
        DetectorError: the numbers contradict each other.
    """

    window_blocks: int = 36
    newest_blocks: int = 12
    odd_blocks: int = 3
    memory_blocks: int = 2160
    quantile: float = 0.8
    margin: float = 1.25

    def __post_init__(self) -> None:
        if not 1 <= self.newest_blocks <= self.window_blocks <= self.memory_blocks // 3:
            raise DetectorError(f"{self}: a newest part within the window, and a memory of at least three windows")
        if not 0 <= 2 * self.odd_blocks <= self.newest_blocks:
            raise DetectorError(f"{self}: at most half of the newest part may be odd")
        if not 0.0 < self.quantile < 1.0 or self.margin <= 0.0:
            raise DetectorError(f"{self}: give a quantile between 0 and 1, and a margin above 0")


@dataclass(frozen=True, slots=True)
class DiscordState:
    """What has to be remembered between rows; bounded by `memory_blocks`.

    Attributes:
        blocks: scaled rows, oldest first, (≤ memory, channels); NaN where missing.
        discords: of whole windows so far, oldest first, (≤ memory,).
        newest_discords: of newest parts, as if they were whole windows, the same.
    """

    blocks: NDArray[np.float32]
    discords: NDArray[np.float32]
    newest_discords: NDArray[np.float32]

    def to_bytes(self) -> bytes:
        """Return the state as bytes."""
        arrays = {"blocks": self.blocks, "discords": self.discords, "newest_discords": self.newest_discords}
        return pack(_STATE, _VERSION, {}, arrays)


class _Nearest(NamedTuple):
    """The earlier window that is most like the newest one.

    Attributes:
        distance: RMS over blocks and channels, less the odd blocks.
        first: its first block.
    """

    distance: float
    first: int


@dataclass(frozen=True, slots=True)
class Discord:
    """The scale of each channel and what was there while it was learnt; score 1.0 = threshold.

    Attributes:
        settings: what is compared with what.
        scale: of the rows, (channels,).
        learnt: scaled learning rows, (m, channels).
    """

    name: ClassVar[str] = "discord"
    least_row_s: ClassVar[float] = 3_600.0
    per_phase: ClassVar[bool] = False
    """A day and a half holds many phases; they are part of the pattern."""
    persistence: ClassVar[Persistence | None] = Persistence((4, 6), 6)
    """Windows an hour apart share all but one of their hours: asking for half a day of such scores would only tell half
    a day later. Half of the newest part is enough to say that it lasts, and that it is over."""

    settings: DiscordSettings
    scale: Floats
    learnt: NDArray[np.float32]

    @classmethod
    def learning_rows(cls, settings: DiscordSettings | None = None) -> LearningRows:
        """Return what it learns from: two windows have a first discord, a third one discords to judge by."""
        settings = settings or DiscordSettings()
        return LearningRows(3 * settings.window_blocks, settings.memory_blocks)

    @classmethod
    def fit(cls, rows: NDArray[np.floating], *, settings: DiscordSettings | None = None) -> Self:
        """Return the detector that remembers these rows as normal.

        >>> days = np.sin(np.arange(24 * 12) * 2 * np.pi / 24)[:, None]  # hourly, a wave a day
        >>> settings = DiscordSettings(window_blocks=24)
        >>> learnt = Discord.fit(days + 0.01 * np.sin(np.arange(288.0) ** 2)[:, None], settings=settings)
        >>> state, scores = learnt.step(learnt.start(), np.concatenate([days[:24], days[:24] + 3]), in_alarm=False)
        >>> scores.level[[23, 47], 0] > 1.0
        array([False,  True])

        Args:
            rows: (n, channels) in the order of time, evenly spaced; NaN where a value is missing.
            settings: None for the defaults.

        Raises:
            DetectorError: too few rows, values that are infinite, or less than a window of a channel there.
        """
        settings = settings or DiscordSettings()
        if rows.ndim != 2 or not rows.shape[1] or len(rows) < 2 * settings.window_blocks:
            raise DetectorError(f"learning rows of shape {rows.shape}: at least {2 * settings.window_blocks} rows")
        there = np.isfinite(rows)
        if np.isinf(rows).any() or (there.sum(axis=0) < settings.window_blocks).any():
            raise DetectorError("learning rows must be finite numbers, and at least a window of each channel there")
        values = rows.astype(np.float64)
        mad = MAD_TO_SIGMA * np.nanmedian(np.abs(values - np.nanmedian(values, axis=0)), axis=0)
        floor = np.finfo(np.float32).eps * np.nanmean(np.abs(values), axis=0) + TINY
        scale = np.maximum(np.maximum(mad, LEAST_MAD_SHARE * np.nanstd(values, axis=0)), floor)
        return cls(settings, scale, (values / scale)[-settings.memory_blocks :].astype(np.float32))

    def start(self) -> DiscordState:
        """Return the state right after the learning rows, with the discords among them."""
        settings = self.settings
        known: tuple[list[float], list[float]] = ([], [])
        for end in range(1, len(self.learnt) + 1):
            errors = _errors(self.learnt[:end], settings.window_blocks)
            for discords, blocks in zip(known, (settings.window_blocks, settings.newest_blocks), strict=True):
                # The newest part is at the end of the whole window; before there is one, it is all there is.
                found = _nearest(errors, blocks, blocks, settings.odd_blocks) if errors.shape[1] >= blocks else None
                if found is not None:
                    discords.append(found.distance)
        return DiscordState(self.learnt, *(np.array(discords, np.float32) for discords in known))

    def typical(self, state: DiscordState) -> float:
        """Return the median score of normal rows."""
        return float(np.median(state.discords)) / self._threshold(state.discords) if len(state.discords) else 0.0

    def interrupted(self, state: DiscordState, lost_rows: int) -> DiscordState:
        """Return the state after so many rows were lost: hours that are missing."""
        lost = min(lost_rows, self.settings.window_blocks)
        if not lost:
            return state
        nothing = np.full((lost, self.scale.size), np.nan, np.float32)
        return replace(state, blocks=np.concatenate([state.blocks, nothing])[-self.settings.memory_blocks :])

    def step(
        self, state: DiscordState, rows: NDArray[np.floating], *, in_alarm: bool
    ) -> tuple[DiscordState, StreamScores]:
        """Return the state after these rows, and their scores.

        Args:
            state: after the rows before.
            rows: (n, channels); a value that is not finite is missing.
            in_alarm: whether an alarm stood before these rows: their discords do not widen the threshold.

        Raises:
            DetectorError: another number of channels.
        """
        if rows.ndim != 2 or rows.shape[1] != self.scale.size:
            raise DetectorError(f"rows of shape {rows.shape}: {self.scale.size} channels were learnt")
        scores = StreamScores.unjudged(len(rows), 1, self.scale.size)
        new = (rows / self.scale).astype(np.float32)
        for row, block in enumerate(np.where(np.isfinite(new), new, np.float32(np.nan))):
            state = self._judged(state, block, row, scores, in_alarm=in_alarm)
        return state, scores

    def _judged(
        self, state: DiscordState, block: NDArray[np.float32], row: int, scores: StreamScores, *, in_alarm: bool
    ) -> DiscordState:
        """Return the state after one block; what it says is written into its row of the scores."""
        settings = self.settings
        whole, part, odd = settings.window_blocks, settings.newest_blocks, settings.odd_blocks
        blocks = np.concatenate([state.blocks, block[None]])[-settings.memory_blocks :]
        state = replace(state, blocks=blocks)
        errors = _errors(blocks, whole)
        found, own = _nearest(errors, whole, whole, odd), _nearest(errors, part, part, odd)
        if own is not None:
            kept = self._kept(state.newest_discords, own.distance, in_alarm=in_alarm)
            state = replace(state, newest_discords=kept)
        if found is None:
            return state
        if len(state.discords) >= whole:
            threshold = self._threshold(state.discords)
            scores.level[row] = found.distance / threshold
            scores.unrest[row] = 0.0
            usual = blocks[found.first : found.first + whole]
            scores.channels[row] = np.sqrt(np.nan_to_num(_mean((usual - blocks[-whole:]) ** 2))) / threshold
            scores.now[row] = _mean(blocks[-part:]) * self.scale
            scores.usual[row] = _mean(usual[-part:]) * self.scale
            # What lasts becomes known to the whole when a window of it shares nothing with the present one.
            unseen = _nearest(errors, part, 2 * whole - part, odd)
            if unseen is not None and len(state.newest_discords):
                scores.newest[row] = unseen.distance / self._threshold(state.newest_discords)
        return replace(state, discords=self._kept(state.discords, found.distance, in_alarm=in_alarm))

    def _threshold(self, discords: NDArray[np.float32]) -> float:
        return self.settings.margin * max(float(np.quantile(discords, self.settings.quantile)), TINY)

    def _kept(self, discords: NDArray[np.float32], distance: float, *, in_alarm: bool) -> NDArray[np.float32]:
        """Return the discords with one more, unless it is none of a normal machine."""
        is_judged = len(discords) >= self.settings.window_blocks
        if is_judged and (in_alarm or distance >= self._threshold(discords)):
            return discords
        return np.append(discords, np.float32(distance))[-self.settings.memory_blocks :]

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
        return DiscordState(*(fields.array(name) for name in ("blocks", "discords", "newest_discords")))


def _errors(blocks: Floats, window: int) -> NDArray[np.float32]:
    """Return the mean square difference of each block and each one of the newest window, (n, window).

    A block of which a channel is missing is judged by the others, NaN where none is there.
    """
    square = (blocks[:, None] - blocks[None, -window:]) ** 2
    if square.shape[2] == 1:
        return np.asarray(square[..., 0])
    whole = not np.isnan(square).any()
    return np.asarray(square.mean(axis=2) if whole else _mean(square, axis=2), np.float32)


def _nearest(errors: NDArray[np.float32], window: int, apart: int, odd: int) -> _Nearest | None:
    """Return the earlier window that is most like the newest one, None where there is none to compare with.

    Args:
        errors: of `_errors`, for a window at least as long.
        window: blocks of a window.
        apart: blocks from the end of the latest window that is compared to the end of the newest one.
        odd: so many blocks that differ most have no say.
    """
    count = len(errors) - apart - window + 1
    if count < 1:
        return None
    of_newest = np.ascontiguousarray(errors[:, errors.shape[1] - window :])
    step, next_one = of_newest.strides
    # The j-th block of a window is compared with the j-th of the newest one: a diagonal.
    pairs = np.lib.stride_tricks.as_strided(of_newest, (count, window), (step, step + next_one), writeable=False)
    # What is missing sorts last, and so is odd first. Sorting a copy is twice as fast as a partition of the view.
    kept = np.sort(np.ascontiguousarray(pairs), axis=1)[:, : window - odd] if odd else pairs
    distances = kept.mean(axis=1)
    if np.isnan(distances).any():
        distances = _mean(kept, axis=1)
        distances[np.isfinite(kept).sum(axis=1) < LEAST_THERE * window] = np.nan
        if np.isnan(distances).all():
            return None
    best = int(np.nanargmin(distances))
    return _Nearest(math.sqrt(float(distances[best])), best)


def _mean(values: Floats, axis: int = 0) -> NDArray[np.float64]:
    """Return the mean of what is there along an axis, NaN where nothing is."""
    there = np.isfinite(values)
    count = there.sum(axis=axis)
    total = np.where(there, values, 0.0).sum(axis=axis, dtype=np.float64)
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan))
