"""What a process's alarms are made of: which rules and conditions stand, as one alarm, and why in words.

Each reason has its own delay: a rule its `delay_s`, the score of the learnt normal and that of each detector of slow
series the persistence of `models.alarming`. In order:

1. `with_score`, `with_row`: a score goes into its condition. One of the normal is judged window by window; one of a
   series row by row, with the detector's own persistence where it has one, and with the score of its newest part,
2. `told`: whatever stands is one alarm of family `process`, as severe as the worst of it; a reason that joins revises
   it. A plant's own limit is an absolute reason as the zones of ISO 20816 are: C must not last, D does damage,
3. `sensors`: channels that deliver nothing or stand still are an alarm of their own.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from models import alarming
from models.alarming import AlarmMemory, AlarmSettings
from models.contract.vocabulary import QualityCause, Severity
from models.detectors.table import STREAM_DETECTORS
from models.frozen import replace
from models.pipeline import SENSOR_ALARM
from models.process import wording
from models.process.phases import DEFAULT
from models.process.rules import DoorRule, StaleRule

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from models.alarming import AlarmChange
    from models.contract.records import Diagnosis
    from models.process.baseline import Normal
    from models.process.phases import Phase
    from models.process.rules import Rule
    from models.process.streams import Heard
    from models.process_state import ProcessState

TOLD_ALARM: Final = AlarmSettings(
    on_windows=(1, 1), on_decisions=(1, 1), decision_s=0.0, off_windows=1, off_decisions=1
)
"""Rules and conditions have their own delays and hysteresis; here they only become one alarm."""
ZONES: Final = {Severity.ALERT: "C", Severity.DANGER: "D"}
NORMAL: Final = -1
"""The reason that is the condition of the learnt normal; those of series follow below it."""


@dataclass(frozen=True, slots=True)
class Found:
    """What one window said beside the rules.

    Attributes:
        features: of the window, (d,); None where a channel was missing.
        normal: of its phase, None where it is not learnt.
        heard: by detector of slow series, what it said of the row that the window completed.
    """

    features: NDArray[np.float32] | None = None
    normal: Normal | None = None
    heard: Mapping[str, Heard] = field(default_factory=dict)


class ProcessAlarms:
    """Makes the alarms of one process; holds only what never changes.

    Args:
        settings: when the score of the normal, or of a series without a persistence of its own, becomes an alarm.
        rules: of the plant.
        phases: of the process.
        streams: names of its detectors of slow series.
        channels: names.
        units: engUnit of each channel.
        feature_units: engUnit of each feature.
    """

    def __init__(
        self,
        settings: AlarmSettings,
        *,
        rules: Sequence[Rule],
        phases: Sequence[Phase],
        streams: Sequence[str],
        channels: Sequence[str],
        units: Sequence[str],
        feature_units: Sequence[str],
    ) -> None:
        self._settings = settings
        self._rules = tuple(rules)
        self._doors = tuple(rule for rule in rules if isinstance(rule, DoorRule) and rule.contact is None)
        self._phase_names = tuple(phase.name for phase in phases)
        self._series = {name: _settings_of(name, settings) for name in streams}
        self._reasons = {name: NORMAL - number for number, name in enumerate(streams, start=1)}
        self._channels = tuple(channels)
        self._units = dict(zip(channels, units, strict=True))
        self._feature_units = tuple(feature_units)

    def with_score(self, state: ProcessState, score: float | None, end_ns: int) -> ProcessState:
        """Return the state after the score of the learnt normal, None where there is none."""
        condition, _ = alarming.step(state.condition, self._settings, score or 0.0, score is not None, end_ns)
        return replace(state, condition=condition)

    def with_rows(self, state: ProcessState, heard: Mapping[str, Heard], end_ns: int) -> ProcessState:
        """Return the state after what detectors of slow series said about their latest rows."""
        conditions = dict(state.stream_conditions)
        for name, row in heard.items():
            conditions[name], _ = alarming.step(
                conditions.get(name, AlarmMemory()),
                self._series[name],
                row.score,
                judged=True,
                end_ns=end_ns,
                newest=row.newest,
            )
        return replace(state, stream_conditions=conditions) if heard else state

    def told(
        self, state: ProcessState, found: Found, end_ns: int, phase: str
    ) -> tuple[ProcessState, AlarmChange | None, Diagnosis | None]:
        """Return the state after all reasons have become one alarm, its change and why it stands.

        Args:
            state: after rules and conditions.
            found: in the window.
            end_ns: of the window.
            phase: at its end.
        """
        standing = self._standing_rules(state)
        reasons = {number: self._severity(number) for number in standing}
        conditions = {NORMAL: state.condition}
        conditions |= {self._reasons[name]: one for name, one in state.stream_conditions.items()}
        reasons |= {number: one.severity or Severity.WATCH for number, one in conditions.items() if one.active}
        worst = max(reasons.values(), key=list(Severity).index, default=None)
        zone = ZONES.get(worst) if worst is not None else None
        alarm, change = alarming.step(
            state.alarm, TOLD_ALARM, 1.0 if reasons else 0.0, judged=True, end_ns=end_ns, zone=zone
        )
        if not alarm.active:
            return replace(state, alarm=alarm, told=()), change, None
        if change is not None and alarm.occurrence > state.alarm.occurrence:
            # A rule has waited for its delay: it has been so for longer than it is an alarm.
            lasted_s = max((self._stands(state, number)[1] for number in standing), default=0.0)
            begun = [end_ns - round(lasted_s * 1e9), *(one.since_ns for one in conditions.values() if one.active)]
            alarm, change = replace(alarm, since_ns=min(begun)), replace(change, since_ns=min(begun))
        if change is None and not reasons.keys() <= set(state.told):
            alarm, change = alarming.revise(alarm)
        state = replace(state, alarm=alarm, told=tuple(dict.fromkeys((*state.told, *reasons))))
        return state, change, self._diagnosis(state, standing, found, phase) if change is not None else None

    def sensors(
        self, state: ProcessState, causes: tuple[tuple[QualityCause, ...], ...], end_ns: int
    ) -> tuple[ProcessState, AlarmChange | None, tuple[QualityCause, ...], Diagnosis | None]:
        """Return the state after the sensors' own alarm, its change, the causes and what to say.

        Args:
            state: after the rules.
            causes: by channel, what is wrong with it in the window.
            end_ns: of the window.
        """
        named: list[QualityCause] = [cause for one in causes for cause in one]
        diagnosis = None
        bad = next((row for row, one in enumerate(causes) if one), None)
        if bad is not None:
            diagnosis = wording.missing_diagnosis(self._channels[bad], nothing=QualityCause.NO_DATA in causes[bad])
        for number, rule in enumerate(self._rules):
            if isinstance(rule, StaleRule) and state.rules[number].active:
                named.append(QualityCause.CONSTANT)
                diagnosis = diagnosis or wording.stale_diagnosis(self._sentence(state, number, DEFAULT), rule.channel)
        score = 1.0 if named else 0.0
        alarm, change = alarming.step(state.sensor_alarm, SENSOR_ALARM, score, judged=True, end_ns=end_ns)
        return replace(state, sensor_alarm=alarm), change, tuple(dict.fromkeys(named)), diagnosis

    def _standing_rules(self, state: ProcessState) -> list[int]:
        """Return the numbers of the process's rules whose condition stands."""
        doors = iter(state.doors)
        standing = []
        for number, (rule, memory) in enumerate(zip(self._rules, state.rules, strict=True)):
            by_air = isinstance(rule, DoorRule) and rule.contact is None
            active = next(doors).active if by_air else memory.active
            if active and not isinstance(rule, StaleRule):
                standing.append(number)
        return standing

    def _severity(self, number: int) -> Severity:
        rule = self._rules[number]
        return Severity.WATCH if isinstance(rule, StaleRule) else rule.severity

    def _diagnosis(self, state: ProcessState, standing: Sequence[int], found: Found, phase: str) -> Diagnosis | None:
        if standing:
            sentences = [self._sentence(state, number, phase) for number in standing]
            return wording.rules_diagnosis([self._rules[number] for number in standing], sentences, self._channels)
        normal, features = found.normal, found.features
        if state.condition.active and normal is not None and features is not None:
            return wording.difference_diagnosis(
                normal.away(features), features, normal.centre, self._channels, self._feature_units
            )
        active = [name for name in found.heard if state.stream_conditions[name].active]
        if not active:
            return None
        name = max(active, key=lambda one: found.heard[one].score)
        row = found.heard[name]
        channel = self._channels[row.channel]
        return wording.series_diagnosis(
            name, row.score, now=row.now, usual=row.usual, channel=channel, unit=self._units[channel]
        )

    def _sentence(self, state: ProcessState, number: int, phase: str) -> str:
        rule = self._rules[number]
        value, active_s = self._stands(state, number)
        return wording.rule_sentence(
            rule,
            value=value,
            unit=self._units[rule.channel],
            active_s=active_s,
            phase_names=self._phase_names,
            phase=phase,
        )

    def _stands(self, state: ProcessState, number: int) -> tuple[float, float]:
        """Return the value that a standing rule judges, and for how many seconds it has stood."""
        rule, memory = self._rules[number], state.rules[number]
        if isinstance(rule, DoorRule) and rule.contact is None:
            watched = state.doors[self._doors.index(rule)]
            return watched.rise, watched.open_s
        return memory.value, memory.active_s


def is_wrong(state: ProcessState) -> bool:
    """Return whether an alarm stands or a rule is broken: nothing is learnt meanwhile."""
    is_broken = any(one.active for one in state.rules) or any(one.active for one in state.doors)
    return state.alarm.active or is_broken


def _settings_of(name: str, settings: AlarmSettings) -> AlarmSettings:
    """Return when the score of a series becomes an alarm."""
    own = STREAM_DETECTORS[name].persistence
    return settings if own is None else dataclasses.replace(settings, on_decisions=own.on, off_decisions=own.off)
