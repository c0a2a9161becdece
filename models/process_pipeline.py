"""One process, window by window: features → phase → rules and score → summary. Pure: state in, state out.

The same surface as `models.pipeline`, for slow signals. `ProcessPipeline.step` does, in this order:

1. quality: a channel with less than half of its values cannot be judged; if that lasts, the sensor has an alarm of its
   own. A window of which one channel is missing is counted and left out; the rules of the other channels go on,
2. the new samples of the window: their phases, and every rule through them (limits, rates, doors, sensors that stand
   still). After a gap rules begin their delays anew,
3. features of all channels; the phase of the whole window is the operating state,
4. score: learning until a phase is known; then 1.0 = threshold. What lasts is a condition (`models.alarming`). A
   detector with lags gets the windows before, each a whole window earlier, as far as the phase has lasted,
5. the alarm (family `process`): a rule at once, for it has a delay of its own, or the condition. Its diagnosis says
   which rule in plain words; a rule that joins revises it,
6. what is normal follows the process while nothing is wrong,
7. the summary of the interval; one that closed is handed out.
"""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from models import alarming, summarising
from models.alarming import AlarmSettings
from models.contract.vocabulary import UNKNOWN, QualityCause, Severity, is_steady
from models.frozen import replace
from models.pipeline import HEALTH_SMOOTHING, SENSOR_ALARM, Outcome, PipelineSettings, health_index
from models.process import baseline, door, rules, wording
from models.process.baseline import Collected, Normal
from models.process.errors import ProcessError
from models.process.features import ProcessExtractor, missing
from models.process.phases import DEFAULT, Phase, operating_state, phase_name, phase_numbers
from models.process.rules import DoorRule, LimitRule, RateRule, Rule, StaleRule
from models.process.watching import Watch, Watched, interrupted
from models.process_state import NOTHING_BEFORE, ProcessState
from models.summarising import Judgement, SummaryFacts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from models.alarming import AlarmChange
    from models.contract.records import Diagnosis, Summary
    from models.signal.windows import Window

TOLD_ALARM: Final = AlarmSettings(
    on_windows=(1, 1), on_decisions=(1, 1), decision_s=0.0, off_windows=1, off_decisions=1
)
"""Rules and condition have their own delays and hysteresis; here they only become one alarm."""
ZONES: Final = {Severity.ALERT: "C", Severity.DANGER: "D"}
"""A plant's own limit is an absolute reason as the zones of ISO 20816 are: C must not last, D does damage."""
TRACKING_S: Final = 3 * 86_400.0
"""A normal follows the process within days: faster than seasons, slower than anything that people should be told."""


@dataclass(frozen=True, slots=True)
class ProcessSettings(PipelineSettings):
    """One process as the pipeline needs it; what is not used of a machine's settings stays at its default.

    Attributes:
        units: engUnit of each channel.
        hop_samples: distance of two windows.
        phases: of the process, in the order in which they are asked.
        rules: of the plant.
        learning_s: the learning of a phase takes at least so long: a process has days.
    """

    detectors: tuple[str, ...] = ("mahalanobis",)
    units: tuple[str, ...] = ()
    hop_samples: int = 1
    phases: tuple[Phase, ...] = ()
    rules: tuple[Rule, ...] = ()
    learning_s: float = 86_400.0


@dataclass(frozen=True, slots=True)
class ProcessOutcome(Outcome):
    """What one window led to, with its diagnoses: rules know their reasons.

    Attributes:
        diagnosis: of the alarm of family `process`, None while none stands.
        sensor_diagnosis: of the sensor's alarm, None while nothing is wrong.
    """

    diagnosis: Diagnosis | None = None
    sensor_diagnosis: Diagnosis | None = None


class ProcessPipeline:
    """Judges the windows of one process; holds only what never changes.

    Args:
        settings: of the process.

    Raises:
        ProcessError: a rule or phase names a channel that is not there, or a window cannot serve its rules.
        DetectorError: a detector that is not known.
    """

    def __init__(self, settings: ProcessSettings) -> None:
        self.settings = settings
        self._row = {name: row for row, name in enumerate(settings.channel_names)}
        _check(settings)
        self.extractor = ProcessExtractor(settings.sample_rate_hz, settings.window_samples, settings.units)
        self.feature_units = self.extractor.units
        names = self.extractor.names
        self.facts = SummaryFacts(
            asset_id=settings.asset_id,
            machine=settings.machine,
            feature_hash=self.extractor.hash,
            feature_names=tuple(f"{channel}/{name}" for channel in settings.channel_names for name in names),
            interval_ns=round(settings.summary_interval_s * 1e9),
            window_ns=round(settings.window_samples / settings.sample_rate_hz * 1e9),
        )
        self._doors = tuple(rule for rule in settings.rules if isinstance(rule, DoorRule) and rule.contact is None)
        self._phase_names = tuple(phase.name for phase in settings.phases)
        self._tracking_windows = max(1, round(TRACKING_S * settings.sample_rate_hz / settings.hop_samples))
        self._watch = Watch(settings.rules, settings.phases, settings.channel_names, settings.sample_rate_hz)
        self._lags = max(baseline.LAGS.get(name, 0) for name in settings.detectors)
        # Overlapping windows share their samples: a lag is the first that shares none.
        self._lag_windows = -(-settings.window_samples // settings.hop_samples)
        told = (self.extractor.hash, settings.channel_names, settings.phases, settings.detectors, self._lags)
        self.signature = _digest(told, settings.learning_windows, settings.learning_s)
        self.rules_signature = _digest(settings.rules, settings.phases, settings.channel_names)

    def start(self) -> ProcessState:
        """Return the state of a process never seen before."""
        begun = self._watch.start()
        return ProcessState(
            self.signature, self.rules_signature, rules=begun.rules, doors=begun.doors, partial=begun.partial
        )

    def resume(self, data: bytes) -> ProcessState:
        """Return the state to go on with; what was learnt with other channels, phases or rules is learnt anew.

        Raises:
            StateError: the bytes are damaged or of another version.
        """
        state, begun = ProcessState.from_bytes(data), self.start()
        if state.rules_signature != self.rules_signature:
            state = replace(
                state,
                rules_signature=begun.rules_signature,
                rules=begun.rules,
                doors=begun.doors,
                partial=begun.partial,
                told=(),
            )
        if state.signature != self.signature:
            state = replace(state, signature=self.signature, learnt={}, condition=begun.condition, summary=None)
            state = replace(state, smoothed_score=None, before=NOTHING_BEFORE)
        return state

    def step(self, state: ProcessState, window: Window) -> tuple[ProcessState, ProcessOutcome]:
        """Return the state after one window and what it led to.

        Args:
            state: after the window before.
            window: of all channels, in the units of the plant; what its quality says of the samples is not used.
        """
        causes = missing(window.samples)
        state, phase = self._through_rules(state, window)
        if any(causes):
            state, outcome = self._leave_out(state, window, tuple(dict.fromkeys(c for one in causes for c in one)))
        else:
            state, outcome = self._judge(state, window)
        state, change, diagnosis = self._told(state, outcome, window, phase)
        state, sensor_change, sensor_causes, sensor_diagnosis = self._sensors(state, causes, window)
        return replace(state, place=(window.epoch, window.index)), dataclasses.replace(
            outcome,
            change=change,
            diagnosis=diagnosis,
            sensor_change=sensor_change,
            sensor_causes=sensor_causes,
            sensor_diagnosis=sensor_diagnosis,
        )

    def close(self, state: ProcessState) -> tuple[ProcessState, Summary | None, tuple[int, int] | None]:
        """Return the state without its open summary, that summary and its key: for the end of a stream."""
        if state.summary is None:
            return state, None, None
        opened = state.summary
        key = (opened.epoch, opened.first_index)
        return replace(state, summary=None), summarising.close(opened, self.facts), key

    def _through_rules(self, state: ProcessState, window: Window) -> tuple[ProcessState, str]:
        """Return the state after the window's new samples have gone through all rules, and the phase at its end."""
        settings = self.settings
        new = window.samples[:, -settings.hop_samples :]
        if state.place != (window.epoch, window.index - 1) or QualityCause.GAP in window.quality:
            new = window.samples
            watched = interrupted(Watched(state.rules, state.doors, state.partial))
            state = replace(
                state, rules=watched.rules, doors=watched.doors, partial=watched.partial, before=NOTHING_BEFORE
            )
        numbers = phase_numbers(settings.phases, settings.channel_names, new)
        phase = phase_name(settings.phases, int(numbers[-1]))
        watched = self._watch.step(Watched(state.rules, state.doors, state.partial), new, numbers)
        return replace(state, rules=watched.rules, doors=watched.doors, partial=watched.partial), phase

    def _leave_out(
        self, state: ProcessState, window: Window, causes: tuple[QualityCause, ...]
    ) -> tuple[ProcessState, ProcessOutcome]:
        """Count a window that lacks a channel in the summary that is open."""
        same_state = state.summary.operating_state if state.summary else UNKNOWN
        state, summary, key = self._turn_summary(state, window, same_state, begin_as=UNKNOWN)
        progress = self._progress(state, UNKNOWN, window.end_ns)
        assert state.summary is not None  # noqa: S101 - _turn_summary opened it
        opened = summarising.add_bad(state.summary, self.facts, causes, window.end_ns, progress)
        state = replace(state, summary=opened, before=NOTHING_BEFORE)
        return state, ProcessOutcome(None, UNKNOWN, None, None, None, progress, None, None, (), summary, key, None)

    def _judge(self, state: ProcessState, window: Window) -> tuple[ProcessState, ProcessOutcome]:
        settings = self.settings
        features = self.extractor(window.samples)
        vector = features.ravel()
        numbers = phase_numbers(settings.phases, settings.channel_names, window.samples)
        name = operating_state(settings.phases, numbers)
        score = health = normal = None
        state, vectors = self._with_before(state, name, vector)
        if is_steady(name):
            known = state.normal(name)
            if known is not None:
                score = known.score(vectors)
                normal = known.centre.reshape(features.shape)
            if known is not None and score is not None:
                state, health = self._health(state, score, known)
            condition, _ = alarming.step(
                state.condition, settings.alarm, score or 0.0, score is not None, window.end_ns
            )
            state = self._learn(replace(state, condition=condition), name, vectors, window.end_ns)
        progress = self._progress(state, name, window.end_ns)
        state, summary, key = self._turn_summary(state, window, name)
        assert state.summary is not None  # noqa: S101 - _turn_summary opened it
        judgement = Judgement(score, health, None, progress)
        opened = summarising.add(state.summary, self.facts, vector, window.end_ns, judgement)
        outcome = ProcessOutcome(features, name, score, health, None, progress, None, None, (), summary, key, normal)
        return replace(state, summary=opened), outcome

    def _health(self, state: ProcessState, score: float, known: Normal) -> tuple[ProcessState, float]:
        before = state.smoothed_score
        smoothed = score if before is None else before + HEALTH_SMOOTHING * (score - before)
        return replace(state, smoothed_score=smoothed), health_index(smoothed, known.typical_score)

    def _with_before(
        self, state: ProcessState, name: str, vector: NDArray[np.float32]
    ) -> tuple[ProcessState, NDArray[np.float32]]:
        """Return the state that remembers the window, and the window with those before it as far as they are known."""
        if not self._lags:
            return state, vector[None]
        if not is_steady(name):
            return replace(state, before=NOTHING_BEFORE), vector[None]
        every, most = self._lag_windows, self._lags * self._lag_windows
        same_phase = len(state.before) > 0 and state.summary is not None and state.summary.operating_state == name
        known = np.concatenate([vector[None], state.before]) if same_phase else vector[None]
        return replace(state, before=known[:most]), known[::every][: 1 + self._lags]

    def _learn(self, state: ProcessState, name: str, vectors: NDArray[np.float32], end_ns: int) -> ProcessState:
        """Learn from a window, or follow it; never while something is wrong."""
        if state.alarm.active or any(one.active for one in state.rules) or any(one.active for one in state.doors):
            return state
        settings = self.settings
        known = state.learnt.get(name)
        if isinstance(known, Normal):
            return replace(state, learnt={**state.learnt, name: known.followed(vectors[0], self._tracking_windows)})
        if len(vectors) <= self._lags:
            return state
        collected = baseline.collect(known, vectors.ravel(), end_ns, settings.learning_windows)
        learnt: Collected | Normal = collected
        if self._collected_share(collected, end_ns) >= 1.0:
            minutes = settings.window_samples / settings.sample_rate_hz / 60.0
            learnt = baseline.fit_normal(collected.vectors, settings.units, minutes, settings.detectors)
        return replace(state, learnt={**state.learnt, name: learnt})

    def _collected_share(self, collected: Collected, end_ns: int) -> float:
        settings = self.settings
        spent = (end_ns - collected.first_ns) / 1e9 / settings.learning_s if settings.learning_s > 0.0 else 1.0
        return min(collected.windows / settings.learning_windows, spent, 1.0)

    def _progress(self, state: ProcessState, name: str, end_ns: int) -> float:
        """Return how far learning is: of this phase, or else of the one that is furthest."""
        known = [state.learnt[name]] if name in state.learnt else list(state.learnt.values())
        shares = [self._collected_share(one, end_ns) if isinstance(one, Collected) else 1.0 for one in known]
        return max(shares, default=0.0)

    def _told(
        self, state: ProcessState, outcome: ProcessOutcome, window: Window, phase: str
    ) -> tuple[ProcessState, AlarmChange | None, Diagnosis | None]:
        """Return the state after rules and condition have become one alarm, its change and why it stands."""
        standing = self._standing_rules(state)
        severities = [self._severity(number) for number in standing]
        reasons = list(standing)
        if state.condition.active:
            severities.append(state.condition.severity or Severity.WATCH)
            reasons.append(-1)
        worst = max(severities, key=list(Severity).index, default=None)
        zone = ZONES.get(worst) if worst is not None else None
        alarm, change = alarming.step(
            state.alarm, TOLD_ALARM, 1.0 if reasons else 0.0, judged=True, end_ns=window.end_ns, zone=zone
        )
        if not alarm.active:
            return replace(state, alarm=alarm, told=()), change, None
        if change is not None and alarm.occurrence > state.alarm.occurrence:
            # A rule has waited for its delay: it has been so for longer than it is an alarm.
            lasted_s = max((self._stands(state, number)[1] for number in standing), default=0.0)
            since_ns = min(alarm.since_ns, window.end_ns - round(lasted_s * 1e9))
            alarm, change = replace(alarm, since_ns=since_ns), replace(change, since_ns=since_ns)
        is_new = not set(reasons) <= set(state.told)
        if change is None and is_new:
            alarm, change = alarming.revise(alarm)
        told = tuple(dict.fromkeys((*state.told, *reasons)))
        state = replace(state, alarm=alarm, told=told)
        return state, change, self._diagnosis(state, standing, outcome, phase) if change is not None else None

    def _standing_rules(self, state: ProcessState) -> list[int]:
        """Return the numbers of the process's rules whose condition stands."""
        doors = iter(state.doors)
        standing = []
        for number, (rule, memory) in enumerate(zip(self.settings.rules, state.rules, strict=True)):
            by_air = isinstance(rule, DoorRule) and rule.contact is None
            active = next(doors).active if by_air else memory.active
            if active and not isinstance(rule, StaleRule):
                standing.append(number)
        return standing

    def _severity(self, number: int) -> Severity:
        rule = self.settings.rules[number]
        return Severity.WATCH if isinstance(rule, StaleRule) else rule.severity

    def _diagnosis(
        self, state: ProcessState, standing: Sequence[int], outcome: ProcessOutcome, phase: str
    ) -> Diagnosis | None:
        settings = self.settings
        if standing:
            found = [settings.rules[number] for number in standing]
            sentences = [self._sentence(state, number, phase) for number in standing]
            return wording.rules_diagnosis(found, sentences, settings.channel_names)
        known = state.normal(outcome.operating_state)
        if outcome.features is None or known is None:
            return None
        vector = outcome.features.ravel()
        return wording.difference_diagnosis(
            known.away(vector), vector, known.centre, settings.channel_names, self.feature_units
        )

    def _sentence(self, state: ProcessState, number: int, phase: str) -> str:
        rule = self.settings.rules[number]
        value, active_s = self._stands(state, number)
        unit = self.settings.units[self._row[rule.channel]]
        return wording.rule_sentence(
            rule, value=value, unit=unit, active_s=active_s, phase_names=self._phase_names, phase=phase
        )

    def _stands(self, state: ProcessState, number: int) -> tuple[float, float]:
        """Return the value that a standing rule judges, and for how many seconds it has stood."""
        rule, memory = self.settings.rules[number], state.rules[number]
        if isinstance(rule, DoorRule) and rule.contact is None:
            watched = state.doors[self._doors.index(rule)]
            return watched.rise, watched.open_s
        return memory.value, memory.active_s

    def _sensors(
        self, state: ProcessState, causes: tuple[tuple[QualityCause, ...], ...], window: Window
    ) -> tuple[ProcessState, AlarmChange | None, tuple[QualityCause, ...], Diagnosis | None]:
        """Return the state after the sensors' own alarm, its change, the causes and what to say."""
        found: list[QualityCause] = [cause for one in causes for cause in one]
        diagnosis = None
        bad = next((row for row, one in enumerate(causes) if one), None)
        if bad is not None:
            nothing = QualityCause.NO_DATA in causes[bad]
            diagnosis = wording.missing_diagnosis(self.settings.channel_names[bad], nothing=nothing)
        for number, rule in enumerate(self.settings.rules):
            if isinstance(rule, StaleRule) and state.rules[number].active:
                found.append(QualityCause.CONSTANT)
                diagnosis = diagnosis or wording.stale_diagnosis(self._sentence(state, number, DEFAULT), rule.channel)
        alarm, change = alarming.step(
            state.sensor_alarm, SENSOR_ALARM, 1.0 if found else 0.0, judged=True, end_ns=window.end_ns
        )
        return replace(state, sensor_alarm=alarm), change, tuple(dict.fromkeys(found)), diagnosis

    def _turn_summary(
        self, state: ProcessState, window: Window, operating_name: str, begin_as: str | None = None
    ) -> tuple[ProcessState, Summary | None, tuple[int, int] | None]:
        """Return the state with an open summary that the window belongs to, and the one that had to close for it."""
        opened, end_ns = state.summary, window.end_ns
        epoch = window.epoch
        if opened and summarising.belongs(
            opened, self.facts, epoch=epoch, end_ns=end_ns, operating_state=operating_name
        ):
            return state, None, None
        state, summary, key = self.close(state)
        begun = summarising.begin(
            self.facts, epoch=epoch, index=window.index, end_ns=end_ns, operating_state=begin_as or operating_name
        )
        return replace(state, summary=begun), summary, key


def _digest(*parts: object) -> str:
    return hashlib.blake2b(repr(parts).encode(), digest_size=8).hexdigest()


def _check(settings: ProcessSettings) -> None:
    where = f"machine {settings.machine}"
    known = settings.channel_names
    if len(settings.units) != len(known):
        raise ProcessError(
            f"{where}: {len(known)} channels and {len(settings.units)} units: give each channel its unit"
        )
    named = [(f"phase {phase.name!r}", phase.channel) for phase in settings.phases]
    named += [("a rule", channel) for rule in settings.rules for channel in rules.channels_of(rule)]
    for what, channel in named:
        if channel not in known:
            raise ProcessError(f"{where}: {what} names channel {channel!r}, which is none of {', '.join(known)}")
    names = [phase.name for phase in settings.phases]
    if len(set(names)) < len(names) or DEFAULT in names:
        raise ProcessError(f"{where}: every phase needs a name of its own, and none may be called {DEFAULT!r}")
    for rule in settings.rules:
        for name in rule.not_in if isinstance(rule, LimitRule | RateRule) else ():
            if name not in (*names, DEFAULT):
                raise ProcessError(f"{where}: the rule of {rule.channel} rests in {name!r}, which is no phase")
        if isinstance(rule, DoorRule) and rule.contact is None and settings.sample_rate_hz * door.STEP_S < 0.999:
            raise ProcessError(
                f"{where}: a door is known by the air with a value every {door.STEP_S:g} s; "
                f"the channels come every {1.0 / settings.sample_rate_hz:g} s: give the rule a contact"
            )
