"""A machine's whole record through what ships: windows through the pipeline, or trends through the same judges.

Of some public sets only trends are left (one level per bearing and snapshot). They go through the very functions that
the pipeline calls, in its order: operating state, score, alarm, then learning or following. What comes out is the same
for both: when it was judged, the scores, and every alarm with its begin and end.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

import numpy as np

from models import alarming, learning, operating_state
from models.alarming import AlarmMemory
from models.contract.vocabulary import AlarmState, Severity, is_steady
from models.detectors.mahalanobis import Mahalanobis
from models.learning import Baseline, Learning
from models.machine_model import MachineModel
from models.neighbours import shared_change
from models.operating_state import LearntLevel, OperatingMemory
from models.pipeline import PipelineSettings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from models.pipeline import Outcome
    from models.signal.windows import Window

State = TypeVar("State")
NS_PER_S: Final = 1_000_000_000
SHIPPED: Final = PipelineSettings("00000000-0000-0000-0000-000000000000", "machine", ("DE.H",), 25_600.0, 25_600)
"""What a gateway judges with when its configuration says nothing; rate and window are the recording's own."""
_ONE_SCORER: Final = MachineModel.built_in((Mahalanobis.name,))
STANDARD_GRAVITY: Final = 9.80665


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alarm of a record; times in seconds of the record.

    Attributes:
        told_s: when people were told.
        returned_s: when it returned, infinity where it stands to the end.
        severity: when it was told.
    """

    told_s: float
    returned_s: float
    severity: Severity


@dataclass(frozen=True, slots=True)
class Judged:
    """One machine's record, judged.

    Attributes:
        times_s: end of each window, (n,).
        scores: 1.0 = threshold, NaN where it was not judged, (n,).
        states: operating state of each window.
        alarms: in the order of time.
    """

    times_s: NDArray[np.float64]
    scores: NDArray[np.float64]
    states: tuple[str, ...]
    alarms: tuple[Alarm, ...]

    @property
    def elapsed_s(self) -> NDArray[np.float64]:
        """Return how long each window stands for, (n,): the time since the one before."""
        return np.diff(self.times_s, prepend=self.times_s[:1])

    def standing(self) -> NDArray[np.bool_]:
        """Return whether an alarm stands at the end of each window, (n,)."""
        spans = [(self.times_s >= one.told_s) & (self.times_s < one.returned_s) for one in self.alarms]
        return np.asarray(np.logical_or.reduce([np.zeros(len(self.times_s), np.bool_), *spans]))

    def told_between(self, begin_s: float, end_s: float) -> tuple[Alarm, ...]:
        """Return the alarms that were told at or after `begin_s` and before `end_s`."""
        return tuple(one for one in self.alarms if begin_s <= one.told_s < end_s)

    def judged_s(self, begin_s: float, end_s: float) -> float:
        """Return for how much of this time there was a score."""
        within = (self.times_s >= begin_s) & (self.times_s < end_s) & np.isfinite(self.scores)
        return float(self.elapsed_s[within].sum())

    def alarmed_s(self, begin_s: float, end_s: float) -> float:
        """Return for how much of this time an alarm stood."""
        within = (self.times_s >= begin_s) & (self.times_s < end_s) & self.standing()
        return float(self.elapsed_s[within].sum())

    @property
    def last_standing(self) -> Alarm | None:
        """Return the alarm that stands at the end of the record, if any."""
        return self.alarms[-1] if self.alarms and math.isinf(self.alarms[-1].returned_s) else None


class Judge(Protocol[State]):
    """A pipeline of either kind."""

    def start(self) -> State:
        """Return the state of a machine never seen before."""

    def step(self, state: State, window: Window) -> tuple[State, Outcome]:
        """Return the state after one window and what it led to."""


def through_pipeline(
    pipeline: Judge[State], windows: Iterable[Window], state: State | None = None
) -> tuple[Judged, State]:
    """Return a record judged by the whole pipeline, and the state to go on with.

    Args:
        pipeline: of the machine.
        windows: in the order of time.
        state: from an earlier record of the same machine, None for a machine never seen.
    """
    state = pipeline.start() if state is None else state
    collected = _Collected()
    for window in windows:
        state, outcome = pipeline.step(state, window)
        score = math.nan if outcome.score is None else outcome.score
        collected.add(window.end_ns, score, outcome.operating_state, outcome.change)
    return collected.judged(), state


def through_judges(
    levels: NDArray[np.floating],
    times_s: NDArray[np.floating],
    *,
    neighbours: bool = False,
    settings: PipelineSettings = SHIPPED,
) -> tuple[Judged, ...]:
    """Return the trends of several machines or points, each judged by itself at the same times.

    Args:
        levels: (snapshots, members) RMS acceleration or another level of it, in m/s².
        times_s: of the snapshots.
        neighbours: take away from each member what more than half of them show at the same time.
        settings: what judges.
    """
    members = [_Member(settings) for _ in range(levels.shape[1])]
    for snapshot, time_s in zip(levels, times_s, strict=True):
        vectors = [learning.to_vector(np.array([[level]], np.float32)) for level in snapshot]
        shared = 0.0
        if neighbours:
            deviations = [[member.deviation(vector) for member, vector in zip(members, vectors, strict=True)]]
            shared = float(shared_change(np.array(deviations))[0])
        for member, vector, level in zip(members, vectors, snapshot, strict=True):
            member.step(vector, float(level), shared, round(float(time_s) * NS_PER_S))
    return tuple(member.collected.judged() for member in members)


class _Collected:
    """What was judged so far."""

    def __init__(self) -> None:
        self._times_s: list[float] = []
        self._scores: list[float] = []
        self._states: list[str] = []
        self._alarms: list[Alarm] = []

    def add(self, end_ns: int, score: float, state: str, change: alarming.AlarmChange | None) -> None:
        time_s = end_ns / NS_PER_S
        self._times_s.append(time_s)
        self._scores.append(score)
        self._states.append(state)
        if change is None:
            return
        if change.state is AlarmState.RETURNED:
            self._alarms[-1] = replace(self._alarms[-1], returned_s=time_s)
        elif not self._alarms or math.isfinite(self._alarms[-1].returned_s):
            self._alarms.append(Alarm(time_s, math.inf, change.severity))

    def judged(self) -> Judged:
        return Judged(np.array(self._times_s), np.array(self._scores), tuple(self._states), tuple(self._alarms))


class _Member:
    """One of several trends."""

    def __init__(self, settings: PipelineSettings) -> None:
        self.collected = _Collected()
        self._settings = settings
        self._operating = OperatingMemory()
        self._known: Learning | Baseline = learning.begin(1)
        self._alarm = AlarmMemory()

    def deviation(self, vector: NDArray[np.float32]) -> float:
        """Return how far a vector is from what is normal now, in scales of the learnt; NaN before it is learnt."""
        if isinstance(self._known, Learning):
            return math.nan
        return float(self._known.fit.scaling.standardise(vector - self._known.drift)[0])

    def step(self, vector: NDArray[np.float32], level_m_s2: float, shared: float, end_ns: int) -> None:
        settings, known = self._settings, self._known
        self._operating = operating_state.step(
            self._operating,
            settings.operating,
            rms_m_s2=level_m_s2,
            learnt=_learnt_level(known),
            speed_rpm=None,
            end_ns=end_ns,
        )
        score, change = math.nan, None
        if is_steady(self._operating.state):
            own = vector
            if isinstance(known, Baseline):
                own = (vector - np.float32(shared) * known.fit.scaling.scale).astype(np.float32)
                score = known.score(own)
            judged = not math.isnan(score)
            self._alarm, change = alarming.step(self._alarm, settings.alarm, score, judged, end_ns)
            if not self._alarm.active:
                self._known = self._learn(own, end_ns, score)
        self.collected.add(end_ns, score, self._operating.state, change)

    def _learn(self, vector: NDArray[np.float32], end_ns: int, score: float) -> Learning | Baseline:
        settings = self._settings
        if isinstance(self._known, Baseline):
            return self._known.followed(
                vector,
                end_ns,
                score=score,
                tracking_decisions=settings.tracking_decisions,
                decision_ns=settings.alarm.decision_ns,
            )
        return learning.learn(
            self._known,
            vector,
            end_ns,
            windows=settings.learning_windows,
            model=_ONE_SCORER,
            channels=1,
            decision_ns=settings.alarm.decision_ns,
        )


def _learnt_level(known: Learning | Baseline) -> LearntLevel | None:
    if isinstance(known, Learning):
        return None
    scaling = known.fit.scaling
    return LearntLevel(float(np.exp(scaling.centre[0])), float(scaling.scale[0]))
