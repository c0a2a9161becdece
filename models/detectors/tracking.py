"""Tracking baseline of every channel: has a level moved faster than it usually wanders?

For slow series of several channels (pressure, flow, current, vibration levels once a second). Levels wander with
weather and load, so a baseline that stands still cries wolf, and one that follows everything learns the fault. In
order:

1. Channels that wander more slowly than the short mean lasts are left out (temperatures: `discord` judges them).
2. Every channel is averaged over a short and a long window: a step is seen at once, a faint shift once it has lasted.
3. Each mean is compared with its own centre, which follows by 1/τ of the distance, clipped at 3 σ, and stands still
   in alarm. The scale of the comparison is what the learning rows did against the same moving centre.
4. After an alarm the long mean, once it holds nothing older, is the new normal. Until then nothing can be judged and
   the scores are NaN. The level from before the alarm stays normal as well, because that is
   where a repaired process comes back to.

Assumes learning rows without a fault, and faults that move a level, not only a correlation (`t2_q` sees those). A drift
slower than τ is followed and never seen; a fault that begins while a new level is being adopted is adopted with it.

Source: Lucas and Saccucci (1990), Exponentially weighted moving average control schemes (a fast and a slow chart
together see large and small shifts); Huber (1964), Robust estimation of a location parameter (the clipped update).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final, Self

import numpy as np

from models.detectors.base import LearningRows, Persistence, StreamScores
from models.detectors.calibration import LARGEST_GROWTH, USUAL_WINDOWS
from models.detectors.errors import DetectorError
from models.detectors.scaling import MAD_TO_SIGMA
from models.state_bytes import pack, unpack

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

CLIP_SIGMA: Final = 3.0
SLOW_SHARE: Final = 0.75
"""A channel is slow when three quarters of its variance are left in the means of the short window."""
LEARNT_QUANTILE: Final = 0.95
"""Of the learning deviations: a start-up transient or one bump in 400 rows is less than the remaining twentieth."""
LEAST_MAD_SHARE: Final = 0.3
"""Of the standard deviation: channels of coarse resolution stand on one value most of the time, and their MAD is 0."""
RESOLUTION: Final = 1e-4
"""Of the level: no industrial transmitter is that accurate; a channel without scatter must not alarm at a digit."""
TINY: Final = float(np.finfo(np.float32).tiny)
MEMORIES: Final = 10.0
MIN_LONG_WINDOWS: Final = 5
"""Learning rows hold at least so many long windows: the scale of the long mean is learnt from nothing else."""
_VERSION: Final = 2
_STATE: Final = "tracking state"


@dataclass(frozen=True, slots=True)
class TrackingSettings:
    """How a tracking baseline behaves; rows are what comes at the series' own rate.

    Attributes:
        windows: rows of the short and of the long mean; the long one at least twice the short one.
        tracking_rows: τ; the centre follows by 1/τ of the distance. Far beyond the longest fault to be seen.
        margin: over the learnt deviation, for as many windows as usual (`calibration.USUAL_WINDOWS`).

    Raises:
        DetectorError: the numbers contradict each other.
    """

    windows: tuple[int, int] = (10, 30)
    tracking_rows: float = 1000.0
    margin: float = 2.25

    def __post_init__(self) -> None:
        short, long = self.windows
        if not 2 <= 2 * short <= long <= self.tracking_rows or self.margin <= 0.0:
            raise DetectorError(f"{self}: the long window must be twice the short one or more, tracking longer still")


@dataclass(frozen=True, slots=True)
class TrackingState:
    """What has to be remembered between rows; its size does not grow.

    Attributes:
        recent: newest rows of the judged channels, oldest first, one less than the long window.
        centre: normal level of each mean, (2, d).
        before: level from before the last alarm, (2, d); NaN until there was one.
        settling_rows: still to come until a new level is adopted.
        in_alarm: as told with the last rows.
    """

    recent: Floats
    centre: Floats
    before: Floats
    settling_rows: int
    in_alarm: bool

    def to_bytes(self) -> bytes:
        """Return the state as bytes."""
        arrays = {"recent": self.recent, "centre": self.centre, "before": self.before}
        values = {"settling_rows": self.settling_rows, "in_alarm": self.in_alarm}
        return pack(_STATE, _VERSION, values, arrays)


@dataclass(frozen=True, slots=True)
class Tracking:
    """Learnt levels and how far they usually are from where they have been; score 1.0 = threshold.

    Attributes:
        settings: how it behaves.
        judged: indices of the channels that are fast enough, (d,).
        channels: of the series.
        centre: level of each mean at the end of the learning rows, (2, d).
        sigma: robust scatter of each mean, (2, d).
        limits: distance that scores 1.0, (2, d).
        usual: median score of the learning rows.
    """

    name: ClassVar[str] = "tracking"
    least_row_s: ClassVar[float] = 0.0
    per_phase: ClassVar[bool] = True
    """A level that is normal in one phase is a fault in another."""
    persistence: ClassVar[Persistence | None] = None

    settings: TrackingSettings
    judged: NDArray[np.int64]
    channels: int
    centre: Floats
    sigma: Floats
    limits: Floats
    usual: float

    @classmethod
    def learning_rows(cls, settings: TrackingSettings | None = None) -> LearningRows:
        """Return what it learns from: what is older than ten times its memory has been forgotten anyway."""
        settings = settings or TrackingSettings()
        return LearningRows(MIN_LONG_WINDOWS * settings.windows[1], round(MEMORIES * settings.tracking_rows))

    @classmethod
    def fit(cls, rows: NDArray[np.floating], *, settings: TrackingSettings | None = None) -> Self:
        """Return the baseline of a series without a fault.

        >>> rng = np.random.default_rng(0)
        >>> learnt = Tracking.fit(rng.normal(5.0, 0.1, size=(400, 2)))
        >>> moved = rng.normal(5.0, 0.1, size=(100, 2)) + [0.0, 0.5]
        >>> _, scores = learnt.step(learnt.start(), moved, in_alarm=False)
        >>> bool(scores.level[-1].max() > 1.0)
        True

        Args:
            rows: (n, channels) in the order of time, evenly spaced.
            settings: None for the defaults.

        Raises:
            DetectorError: too few rows, values that are not finite, or only channels that are too slow.
        """
        settings = settings or TrackingSettings()
        values = _learning_rows(rows, settings.windows[1])
        judged = np.flatnonzero(slow_share(values, settings.windows[0]) < SLOW_SHARE)
        if not judged.size:
            raise DetectorError(
                f"every channel wanders more slowly than {settings.windows[0]} rows: a discord detector judges those"
            )
        means = np.stack([mean for mean, _ in _means(values[:, judged], settings.windows)])
        centre = np.median(means, axis=0)
        mad = MAD_TO_SIGMA * np.median(np.abs(means - centre), axis=0)
        floor = RESOLUTION * np.abs(centre) + TINY
        sigma = np.maximum(np.maximum(mad, LEAST_MAD_SHARE * means.std(axis=0)), floor)
        deviations = np.empty_like(means)
        for row, mean in enumerate(means):
            deviation = mean - centre
            deviations[row] = np.abs(deviation)
            centre = centre + np.clip(deviation, -CLIP_SIGMA * sigma, CLIP_SIGMA * sigma) / settings.tracking_rows
        learnt = np.maximum(np.quantile(deviations, LEARNT_QUANTILE, axis=0), floor)
        margins = [settings.margin * _growth(len(values) / window) for window in settings.windows]
        limits = learnt * np.array(margins)[:, None]
        usual = float(np.median((deviations / limits).max(axis=(1, 2))))
        return cls(settings, judged, values.shape[1], centre, sigma, limits, usual)

    def start(self) -> TrackingState:
        """Return the state before the first row; the first scores come when the long window is full."""
        never = np.full_like(self.centre, np.nan)
        return TrackingState(np.empty((0, self.judged.size)), self.centre, never, 0, in_alarm=False)

    def typical(self, state: TrackingState) -> float:  # noqa: ARG002 - others learn it as they go
        """Return the median score of normal rows."""
        return self.usual

    def interrupted(self, state: TrackingState, lost_rows: int) -> TrackingState:  # noqa: ARG002 - see below
        """Return the state after lost rows: the others follow each other whatever was between, as when learnt."""
        return state

    def step(
        self, state: TrackingState, rows: NDArray[np.floating], *, in_alarm: bool
    ) -> tuple[TrackingState, StreamScores]:
        """Return the state after these rows, and their scores.

        Args:
            state: after the rows before.
            rows: (n, channels); a value that is not finite counts as the channel's normal level.
            in_alarm: whether the stream was in alarm before these rows; hand over one row at a time where the alarm
                is judged row by row.

        Raises:
            DetectorError: another number of channels.
        """
        if rows.ndim != 2 or rows.shape[1] != self.channels:
            raise DetectorError(f"rows of shape {rows.shape}: the baseline was learnt from {self.channels} channels")
        centre, before, settling = state.centre, state.before, state.settling_rows
        long = self.settings.windows[1]
        if in_alarm and not state.in_alarm:
            before = centre
        elif state.in_alarm and not in_alarm:
            settling = long
        new = rows[:, self.judged].astype(np.float64)
        known = np.concatenate([state.recent, np.where(np.isfinite(new), new, centre[0])])
        means = _means(known, self.settings.windows)
        result, reach = StreamScores.unjudged(len(rows), 2, self.channels), CLIP_SIGMA * self.sigma
        for row, (mean, was) in enumerate(means, start=len(rows) - len(means)):
            if settling and not in_alarm:
                settling, centre = settling - 1, np.stack([mean[1], mean[1]])
                continue
            deviation = mean - centre
            scores = np.fmin(np.abs(deviation), np.abs(mean - before)) / self.limits
            result.level[row] = scores.max(axis=1)
            result.unrest[row] = (np.abs(mean[0] - was) / self.limits[0]).max()
            result.channels[row] = 0.0
            result.channels[row, self.judged] = scores.max(axis=0)
            result.now[row, self.judged], result.usual[row, self.judged] = mean[0], centre[0]
            if not in_alarm:
                centre = centre + np.clip(deviation, -reach, reach) / self.settings.tracking_rows
        recent = known[-(long - 1) :]
        return TrackingState(recent, centre, before, settling, in_alarm), result

    def to_bytes(self) -> bytes:
        """Return the fitted baseline as bytes."""
        short, long = self.settings.windows
        values = {
            "short": short,
            "long": long,
            "tracking_rows": self.settings.tracking_rows,
            "margin": self.settings.margin,
            "channels": self.channels,
            "usual": self.usual,
        }
        arrays = {"judged": self.judged, "centre": self.centre, "sigma": self.sigma, "limits": self.limits}
        return pack(self.name, _VERSION, values, arrays)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Return the baseline that was written by `to_bytes`.

        Raises:
            StateError: the bytes are damaged or something else.
        """
        fields = unpack(data, cls.name, _VERSION)
        windows = (fields.value("short"), fields.value("long"))
        settings = TrackingSettings(windows, fields.value("tracking_rows"), fields.value("margin"))
        centre, sigma, limits = (fields.array(name) for name in ("centre", "sigma", "limits"))
        judged, channels, usual = fields.array("judged"), fields.value("channels"), fields.value("usual")
        return cls(settings, judged, channels, centre, sigma, limits, usual)

    def state_from_bytes(self, data: bytes) -> TrackingState:
        """Return the state that was written by its `to_bytes`.

        Raises:
            StateError: the bytes are damaged or something else.
        """
        fields = unpack(data, _STATE, _VERSION)
        return TrackingState(
            fields.array("recent"),
            fields.array("centre"),
            fields.array("before"),
            fields.value("settling_rows"),
            fields.value("in_alarm"),
        )


def slow_share(rows: Floats, window: int) -> Floats:
    """Return the share of each channel's variance that is left in means of so many rows, (channels,).

    White noise leaves 1/window, a level that hardly moves within the window leaves all. A constant channel has none.

    >>> rows = np.column_stack([np.arange(100.0), np.arange(100.0) % 2, np.ones(100)])
    >>> slow_share(rows, 10).round(2)
    array([0.99, 0.  , 0.  ])

    Args:
        rows: (n, channels), n at least the window.
        window: rows.
    """
    blocks = rows[: len(rows) // window * window].reshape(-1, window, rows.shape[1]).mean(axis=1)
    variance = rows.var(axis=0)
    # A constant column's variance is rounding; divided by at least that it stays small.
    return np.asarray(
        blocks.var(axis=0) / np.maximum(variance, np.finfo(np.float64).eps * (rows**2).mean(axis=0) + TINY)
    )


def _growth(windows: float) -> float:
    """Return how much wider the margin is where fewer independent windows were learnt than usual."""
    return min(max(1.0, math.sqrt(USUAL_WINDOWS / windows)), LARGEST_GROWTH)


def _learning_rows(rows: NDArray[np.floating], long: int) -> Floats:
    if rows.ndim != 2 or not rows.shape[1] or len(rows) < MIN_LONG_WINDOWS * long:
        raise DetectorError(f"learning rows of shape {rows.shape}: at least {MIN_LONG_WINDOWS * long} rows are needed")
    if not np.isfinite(rows).all():
        raise DetectorError("learning rows must be finite numbers")
    return rows.astype(np.float64)


def _means(rows: Floats, windows: tuple[int, int]) -> list[tuple[Floats, Floats]]:
    """Return the short and the long mean (2, d) at every row from where the long window is full.

    With each pair comes the short mean of just before, (d,), that has no row in common with the present one.
    """
    short, long = windows
    count = len(rows) - long + 1
    if count <= 0:
        return []
    # Sums of what is left over an offset: differences of large sums would lose the small changes.
    offset = rows[:1]
    sums = np.concatenate([np.zeros_like(offset), np.cumsum(rows - offset, axis=0)])
    ends = np.arange(long, long + count)
    pairs = np.stack([(sums[ends] - sums[ends - window]) / window for window in windows], axis=1) + offset
    earlier = (sums[ends - short] - sums[ends - 2 * short]) / short + offset
    return list(zip(pairs, earlier, strict=True))
