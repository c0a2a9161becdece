"""The alarm condition: from a score per window to active and returned, without flapping.

It is a pure function so that the agent, a replay in the cloud and a test all decide the same. In order:

1. A window that could not be judged changes nothing: no evidence is neither alarm nor all-clear.
2. What a window counts for (`counts_for`): its score, up to alert. A score says how unlike its healthy self a machine
   is, not how close to breaking: a sensitive detector passes four times its threshold while the machine still runs as
   smoothly as a new one. Danger needs an absolute reason, the ISO 20816-3 zone: D alone, C with a danger score.
3. The alarm's *level* is the k-th largest of the last n judged windows. One bump cannot reach it; the condition must
   have been there in k windows.
4. Not active and level at or above `on_score`: the alarm becomes active, with the severity of that level.
5. Active: the severity may only rise until the alarm returns, so that people are not told the same thing twice.
6. Where no zone is known, a danger score that has lasted `danger_windows` in a row becomes danger: nothing passing,
   such as a warm-up or a step of the process, holds it that long.
7. Active and `off_windows` judged windows in a row below `off_score` (lower than `on_score`: hysteresis): it returns.

Source: ISA-18.2 / IEC 62682, alarm hysteresis and on/off delay; ISO 20816-1, section 6 (zones A to D; C is not for
long-term operation, D causes damage).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

from models.contract.errors import InputError
from models.contract.vocabulary import AlarmState, Severity

ON_SCORE: Final = 1.0
"""A score of 1.0 is the threshold by definition (wire.md 5)."""


class AlarmSettingsError(InputError):
    """Alarm settings that contradict each other."""


@dataclass(frozen=True, slots=True)
class AlarmSettings:
    """When a condition becomes an alarm, how severe it is, and when it has gone.

    Attributes:
        on_windows: (k, n): active when k of the last n judged windows reach `on_score`.
        off_windows: returned after so many judged windows in a row below `off_score`.
        on_score: the level that raises the alarm.
        off_score: lower than `on_score`; the distance is the hysteresis.
        alert_score, danger_score: levels from which the severity is alert and danger; below it is watch.
        danger_windows: so many judged windows in a row at a danger score are danger where no ISO zone is known;
            half an hour of the usual two windows a second.

    Raises:
        AlarmSettingsError: the numbers contradict each other.
    """

    on_windows: tuple[int, int] = (3, 5)
    off_windows: int = 10
    on_score: float = ON_SCORE
    off_score: float = 0.8
    alert_score: float = 2.0
    danger_score: float = 4.0
    danger_windows: int = 3_600

    def __post_init__(self) -> None:
        k, n = self.on_windows
        if not 1 <= k <= n:
            raise AlarmSettingsError(f"alarm.on_windows = [{k}, {n}]: give [k, n] with 1 <= k <= n, such as [3, 5]")
        if self.off_windows < 1:
            raise AlarmSettingsError(f"alarm.off_windows = {self.off_windows}: must be at least 1")
        if self.danger_windows < k:
            raise AlarmSettingsError(
                f"alarm.danger_windows = {self.danger_windows}: must be at least the {k} windows that raise an alarm"
            )
        if not 0.0 < self.off_score <= self.on_score:
            raise AlarmSettingsError(
                f"alarm.off_score = {self.off_score}: must be above 0 and not above on_score = {self.on_score}"
            )
        if not self.on_score <= self.alert_score <= self.danger_score:
            raise AlarmSettingsError(
                "alarm scores must rise: "
                f"on_score = {self.on_score}, alert_score = {self.alert_score}, danger_score = {self.danger_score}"
            )

    def counts_for(self, score: float, zone: str | None) -> float:
        """Return the level that one window counts for.

        >>> settings = AlarmSettings()
        >>> [settings.severity(settings.counts_for(9.0, zone)).value for zone in (None, "A", "C")]
        ['alert', 'alert', 'danger']
        >>> [settings.severity(settings.counts_for(0.3, zone)).value for zone in ("A", "C", "D")]
        ['watch', 'alert', 'danger']

        Args:
            score: 1.0 = threshold.
            zone: of ISO 20816-3, None where it is not known.
        """
        if zone == "D":
            return max(score, self.danger_score)
        return max(score, self.alert_score) if zone == "C" else min(score, self.alert_score)

    def severity(self, level: float) -> Severity:
        """Return the severity of an active alarm at this level.

        >>> AlarmSettings().severity(2.5)
        <Severity.ALERT: 'alert'>
        """
        if level >= self.danger_score:
            return Severity.DANGER
        return Severity.ALERT if level >= self.alert_score else Severity.WATCH


@dataclass(frozen=True, slots=True)
class AlarmMemory:
    """What has to be remembered between windows; bounded by n of `on_windows`.

    Attributes:
        recent: (level, end_ns) of the last n judged windows, oldest first.
        active: whether the alarm stands.
        quiet_windows: judged windows in a row below `off_score` while active.
        severity: of the present or last occurrence, None before the first.
        since_ns: start of the present or last occurrence: end of the first window that counted towards it.
        occurrence: how often it has become active.
        revision: how many reports there have been.
        high_windows: judged windows in a row at a danger score, without a zone to judge it by.
    """

    recent: tuple[tuple[float, int], ...] = ()
    active: bool = False
    quiet_windows: int = 0
    severity: Severity | None = None
    since_ns: int = 0
    occurrence: int = 0
    revision: int = 0
    high_windows: int = 0


@dataclass(frozen=True, slots=True)
class AlarmChange:
    """Something people must be told: the alarm became active, more severe, revised, or it returned."""

    state: AlarmState
    severity: Severity
    since_ns: int
    occurrence: int
    revision: int


def step(
    memory: AlarmMemory,
    settings: AlarmSettings,
    score: float,
    judged: bool,  # noqa: FBT001 - a fact about the score before it, not a switch
    end_ns: int,
    *,
    zone: str | None = None,
) -> tuple[AlarmMemory, AlarmChange | None]:
    """Return the memory after one window, and the change that people must be told, if any.

    >>> memory, settings = AlarmMemory(), AlarmSettings(on_windows=(2, 3), off_windows=2)
    >>> for second, score in enumerate([0.3, 1.2, 0.4, 1.5, 0.2, 0.1]):
    ...     memory, change = step(memory, settings, score, True, second)
    ...     if change:
    ...         print(second, change.state, change.severity, change.since_ns)
    3 active watch 1
    5 returned watch 1

    Args:
        memory: after the window before.
        settings: thresholds and delays.
        score: 1.0 = threshold; ignored when not judged. A score that is no number counts as not judged.
        judged: whether the window could be judged at all (steady running, good signal, something learnt).
        end_ns: the window's end in ns UTC.
        zone: of ISO 20816-3, A to D; None where it is not known.
    """
    if not judged or math.isnan(score):
        return memory, None
    k, n = settings.on_windows
    counted = settings.counts_for(score, zone)
    recent = (*memory.recent, (counted, end_ns))[-n:]
    high_windows = memory.high_windows + 1 if zone is None and score >= settings.danger_score else 0
    memory = replace(memory, recent=recent, high_windows=min(high_windows, settings.danger_windows))
    level = sorted(scored for scored, _ in recent)[-k] if len(recent) >= k else 0.0
    if memory.high_windows >= settings.danger_windows:
        level = max(level, settings.danger_score)
    if memory.active:
        return _step_active(memory, settings, counted, level)
    if level < settings.on_score:
        return memory, None
    since_ns = next(at for scored, at in recent if scored >= settings.on_score)
    return _changed(
        replace(
            memory,
            active=True,
            quiet_windows=0,
            severity=settings.severity(level),
            since_ns=since_ns,
            occurrence=memory.occurrence + 1,
        )
    )


def revise(memory: AlarmMemory) -> tuple[AlarmMemory, AlarmChange]:
    """Return the memory and the report of a revised diagnosis: the same alarm, one revision later.

    Raises:
        ValueError: there has been no alarm to revise.
    """
    if memory.severity is None:
        raise ValueError("no alarm to revise")
    return _changed(memory)


def _step_active(
    memory: AlarmMemory, settings: AlarmSettings, counted: float, level: float
) -> tuple[AlarmMemory, AlarmChange | None]:
    quiet_windows = memory.quiet_windows + 1 if counted < settings.off_score else 0
    memory = replace(memory, quiet_windows=quiet_windows)
    if quiet_windows >= settings.off_windows:
        # What was recent belongs to the occurrence that has ended and must not help to start the next one.
        return _changed(replace(memory, active=False, quiet_windows=0, recent=(), high_windows=0))
    severity = settings.severity(level)
    steps = list(Severity)
    if memory.severity is None or steps.index(severity) <= steps.index(memory.severity):
        return memory, None
    return _changed(replace(memory, severity=severity))


def _changed(memory: AlarmMemory) -> tuple[AlarmMemory, AlarmChange]:
    memory = replace(memory, revision=memory.revision + 1)
    assert memory.severity is not None  # noqa: S101 - a report exists only after the first occurrence
    state = AlarmState.ACTIVE if memory.active else AlarmState.RETURNED
    return memory, AlarmChange(state, memory.severity, memory.since_ns, memory.occurrence, memory.revision)
