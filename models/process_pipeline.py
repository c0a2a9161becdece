"""One process, window by window: features → phase → rules and score → summary. Pure: state in, state out.

The same surface as `models.pipeline`, for slow signals. `ProcessPipeline.step` does, in this order:

1. quality: a channel with less than half of its values cannot be judged; if that lasts, the sensor has an alarm of its
   own. A window of which one channel is missing is counted and left out; the rules of the other channels go on,
2. the new samples of the window: their phases, and every rule through them (limits, rates, doors, sensors that stand
   still). After a gap rules begin their delays anew,
3. features of all channels; the phase of the whole window is the operating state,
4. score: learning until a phase is known; then 1.0 = threshold. What lasts is a condition (`models.alarming`). A
   detector with lags gets the windows before, each a whole window earlier, as far as the phase has lasted,
5. detectors of slow series: the window's new samples become rows of theirs (`models.process.streams`),
6. what is normal follows the process while nothing is wrong,
7. the alarm (family `process`, `models.process_alarms`): a rule at once, for it has a delay of its own, or what lasts.
   Its diagnosis says which rule in plain words; a reason that joins revises it,
8. the summary of the interval; one that closed is handed out.
"""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from models import process_alarms, summarising
from models.alarming import AlarmSettings
from models.contract.vocabulary import UNKNOWN, QualityCause, is_steady
from models.detectors.table import DETECTORS, STREAM_DETECTORS
from models.frozen import replace
from models.pipeline import HEALTH_SMOOTHING, Outcome, PipelineSettings, health_index
from models.process import baseline, door, rules, usual
from models.process.baseline import Collected, Normal
from models.process.errors import ProcessError
from models.process.features import ProcessExtractor, missing
from models.process.phases import DEFAULT, Phase, operating_state, phase_name, phase_numbers
from models.process.rules import DoorRule, LimitRule, RateRule, Rule
from models.process.streams import Stream, StreamMemory
from models.process.watching import Watch, Watched, interrupted
from models.process_alarms import Found, ProcessAlarms
from models.process_state import NOTHING_BEFORE, ProcessState
from models.summarising import Judgement, SummaryFacts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from models.contract.records import Diagnosis, Summary
    from models.process.streams import Heard
    from models.signal.windows import Window

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
        detectors: rows of `models.detectors.table`, of vectors or of slow series.
        options: by detector of slow series, settings of its own kind; what is left out has the usual ones.
    """

    learning_windows: int = usual.LEARNING_WINDOWS
    alarm: AlarmSettings = field(default_factory=lambda: AlarmSettings(on_windows=usual.ON_WINDOWS))
    detectors: tuple[str, ...] = ("mahalanobis",)
    units: tuple[str, ...] = ()
    hop_samples: int = 1
    phases: tuple[Phase, ...] = ()
    rules: tuple[Rule, ...] = ()
    learning_s: float = usual.LEARNING_S
    options: Mapping[str, Any] = field(default_factory=dict)


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
        ProcessError: a rule or phase names a channel that is not there, a detector is not known, or a window cannot
            serve its rules.
    """

    def __init__(self, settings: ProcessSettings) -> None:
        self.settings = settings
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
        self._scorers = tuple(name for name in settings.detectors if name not in STREAM_DETECTORS)
        self._streams = {
            name: Stream(
                name,
                channels=len(settings.channel_names),
                sample_rate_hz=settings.sample_rate_hz,
                hop_samples=settings.hop_samples,
                learning_windows=settings.learning_windows,
                learning_s=settings.learning_s,
                options=settings.options.get(name),
            )
            for name in settings.detectors
            if name in STREAM_DETECTORS
        }
        self._alarms = ProcessAlarms(
            settings.alarm,
            rules=settings.rules,
            phases=settings.phases,
            streams=tuple(self._streams),
            channels=settings.channel_names,
            units=settings.units,
            feature_units=self.feature_units,
        )
        self._tracking_windows = max(1, round(TRACKING_S * settings.sample_rate_hz / settings.hop_samples))
        self._watch = Watch(settings.rules, settings.phases, settings.channel_names, settings.sample_rate_hz)
        self._lags = max((baseline.LAGS.get(name, 0) for name in self._scorers), default=0)
        # Overlapping windows share their samples: a lag is the first that shares none.
        self._lag_windows = -(-settings.window_samples // settings.hop_samples)
        told = (self.extractor.hash, settings.channel_names, settings.phases, settings.detectors, self._lags)
        self.signature = _digest(
            told, settings.learning_windows, settings.learning_s, settings.hop_samples, settings.options
        )
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
            state = replace(state, signature=self.signature, learnt={}, streams={}, before=NOTHING_BEFORE)
            state = replace(state, condition=begun.condition, stream_conditions={}, smoothed_score=None, summary=None)
        return state

    def step(self, state: ProcessState, window: Window) -> tuple[ProcessState, ProcessOutcome]:
        """Return the state after one window and what it led to.

        Args:
            state: after the window before.
            window: of all channels, in the units of the plant; what its quality says of the samples is not used.
        """
        causes = missing(window.samples)
        state, phase, follows = self._through_rules(state, window)
        if any(causes):
            found_causes = tuple(dict.fromkeys(cause for one in causes for cause in one))
            state, outcome, found = self._leave_out(state, window, found_causes, follows=follows)
        else:
            state, outcome, found = self._judge(state, window, follows=follows)
        state, change, diagnosis = self._alarms.told(state, found, window.end_ns, phase)
        state, sensor_change, sensor_causes, sensor_diagnosis = self._alarms.sensors(state, causes, window.end_ns)
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

    def _through_rules(self, state: ProcessState, window: Window) -> tuple[ProcessState, str, bool]:
        """Return the state after the window's new samples have gone through all rules, and the phase at its end.

        Beside them whether the window follows the one before without a gap.
        """
        settings = self.settings
        new = window.samples[:, -settings.hop_samples :]
        follows = state.place == (window.epoch, window.index - 1) and QualityCause.GAP not in window.quality
        if not follows:
            new = window.samples
            watched = interrupted(Watched(state.rules, state.doors, state.partial))
            state = replace(
                state, rules=watched.rules, doors=watched.doors, partial=watched.partial, before=NOTHING_BEFORE
            )
        numbers = phase_numbers(settings.phases, settings.channel_names, new)
        phase = phase_name(settings.phases, int(numbers[-1]))
        watched = self._watch.step(Watched(state.rules, state.doors, state.partial), new, numbers)
        return replace(state, rules=watched.rules, doors=watched.doors, partial=watched.partial), phase, follows

    def _through_streams(
        self, state: ProcessState, window: Window, name: str, *, follows: bool
    ) -> tuple[ProcessState, dict[str, Heard]]:
        """Return the state after the window's new samples have gone through all detectors of slow series."""
        memories, heard = dict(state.streams), {}
        is_wrong = process_alarms.is_wrong(state)
        for detector, stream in self._streams.items():
            memories[detector], row = stream.step(
                memories.get(detector, StreamMemory()),
                window.samples,
                name,
                window.end_ns,
                follows=follows,
                is_wrong=is_wrong,
            )
            if row is not None:
                heard[detector] = row
        state = replace(state, streams=memories) if memories else state
        return self._alarms.with_rows(state, heard, window.end_ns), heard

    def _leave_out(
        self, state: ProcessState, window: Window, causes: tuple[QualityCause, ...], *, follows: bool
    ) -> tuple[ProcessState, ProcessOutcome, Found]:
        """Count a window that lacks a channel in the summary that is open; a series goes on without it."""
        state, heard = self._through_streams(state, window, UNKNOWN, follows=follows)
        same_state = state.summary.operating_state if state.summary else UNKNOWN
        state, summary, key = self._turn_summary(state, window, same_state, begin_as=UNKNOWN)
        progress = self._progress(state, UNKNOWN, window.end_ns)
        assert state.summary is not None  # noqa: S101 - _turn_summary opened it
        opened = summarising.add_bad(state.summary, self.facts, causes, window.end_ns, progress)
        state = replace(state, summary=opened, before=NOTHING_BEFORE)
        outcome = ProcessOutcome(None, UNKNOWN, None, None, None, progress, None, None, (), summary, key, None)
        return state, outcome, Found(heard=heard)

    def _judge(
        self, state: ProcessState, window: Window, *, follows: bool
    ) -> tuple[ProcessState, ProcessOutcome, Found]:
        settings = self.settings
        features = self.extractor(window.samples)
        vector = features.ravel()
        numbers = phase_numbers(settings.phases, settings.channel_names, window.samples)
        name = operating_state(settings.phases, numbers)
        state, vectors = self._with_before(state, name, vector)
        known = state.normal(name) if is_steady(name) else None
        score = None if known is None else known.score(vectors)
        if is_steady(name):
            state = self._alarms.with_score(state, score, window.end_ns)
            state = self._learn(state, name, vectors, window.end_ns)
        state, heard = self._through_streams(state, window, name, follows=follows)
        score = max((one for one in (score, *self._stream_scores(state)) if one is not None), default=None)
        state, health = (state, None) if score is None else self._health(state, score, known)
        progress = self._progress(state, name, window.end_ns)
        state, summary, key = self._turn_summary(state, window, name)
        assert state.summary is not None  # noqa: S101 - _turn_summary opened it
        judgement = Judgement(score, health, None, progress)
        opened = summarising.add(state.summary, self.facts, vector, window.end_ns, judgement)
        normal = None if known is None else known.centre.reshape(features.shape)
        outcome = ProcessOutcome(features, name, score, health, None, progress, None, None, (), summary, key, normal)
        return replace(state, summary=opened), outcome, Found(vector, known, heard)

    def _stream_scores(self, state: ProcessState) -> list[float | None]:
        """Return the latest score of each detector of slow series: it holds until the next row."""
        return [memory.score for memory in state.streams.values()]

    def _health(self, state: ProcessState, score: float, known: Normal | None) -> tuple[ProcessState, float]:
        typical = [memory.typical for memory in state.streams.values()]
        typical += [] if known is None else [known.typical_score]
        before = state.smoothed_score
        smoothed = score if before is None else before + HEALTH_SMOOTHING * (score - before)
        return replace(state, smoothed_score=smoothed), health_index(smoothed, max(typical))

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
        if not self._scorers or process_alarms.is_wrong(state):
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
            learnt = baseline.fit_normal(collected.vectors, settings.units, minutes, self._scorers)
        return replace(state, learnt={**state.learnt, name: learnt})

    def _collected_share(self, collected: Collected, end_ns: int) -> float:
        settings = self.settings
        spent = (end_ns - collected.first_ns) / 1e9 / settings.learning_s if settings.learning_s > 0.0 else 1.0
        return min(collected.windows / settings.learning_windows, spent, 1.0)

    def _progress(self, state: ProcessState, name: str, end_ns: int) -> float:
        """Return how far learning is: of this phase, or else of the one that is furthest; that of the last judge."""
        streams = [
            stream.progress(state.streams.get(detector, StreamMemory()), name, end_ns)
            for detector, stream in self._streams.items()
        ]
        if not self._scorers:
            return min(streams)
        known = [state.learnt[name]] if name in state.learnt else list(state.learnt.values())
        shares = [self._collected_share(one, end_ns) if isinstance(one, Collected) else 1.0 for one in known]
        return min(max(shares, default=0.0), *streams) if streams else max(shares, default=0.0)

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
    unknown = [name for name in settings.detectors if name not in DETECTORS and name not in STREAM_DETECTORS]
    if unknown:
        raise ProcessError(f"{where}: detector {unknown[0]!r} is none of {', '.join((*DETECTORS, *STREAM_DETECTORS))}")
    _check_rules(settings, where)


def _check_rules(settings: ProcessSettings, where: str) -> None:
    """Check that phases and rules name what is there, and that doors have values often enough."""
    known = settings.channel_names
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
