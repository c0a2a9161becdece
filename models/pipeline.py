"""One machine, window by window: features → operating state → score → decision → summary. Pure: state in, state out.

`Pipeline.step` does, in this order:

1. quality: a window with samples that are no measurement is counted and left out; if that lasts, the sensor has an
   alarm of its own,
2. features of all channels at once,
3. operating state: only steady running is judged, each steady condition against its own baseline; one that is first
   seen after another has been learnt is *unknown* until it has been learnt too,
4. score: learning until the baseline is there; then 1.0 = threshold. The velocity of every channel is judged from the
   first day, by the zones of ISO 20816-3 and by its alarm and trip limits,
5. the alarm condition (`models.alarming`),
6. the baseline follows the machine while it is normal,
7. the summary of the interval; one that closed is handed out.

The agent writes the new state's bytes and the records of the outcome in one transaction. From these bytes the pipeline
continues to the bit, so a window that is seen again after a restart gives the same records.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

import numpy as np

from models import alarming, learning, operating_state, summarising
from models.alarming import AlarmSettings
from models.context import SPEED
from models.contract.vocabulary import TRANSIENT, UNKNOWN, QualityCause, is_steady
from models.detectors.scaling import row_medians
from models.frozen import replace
from models.line_shift import REMEMBERED, Lines, is_moving, line_spectrum
from models.machine_model import MachineModel
from models.operating_state import LearntLevel
from models.pipeline_state import (
    Outcome,
    PipelineSettings,
    PipelineSettingsError,
    PipelineState,
    check_detectors,
    sound_rows,
    velocity_limits,
)
from models.process_change import ProcessChange, process_change
from models.signal.machine_features import MachineFeatures
from models.summarising import Judgement, SummaryFacts
from models.velocity_judging import UNHEALTHY_ZONES, VelocityJudge

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.alarming import AlarmChange
    from models.contract.records import Summary
    from models.learning import Baseline
    from models.signal.windows import Window
    from models.velocity_judging import Velocity

__all__ = ["Outcome", "Pipeline", "PipelineSettings", "PipelineSettingsError", "health_index"]

SENSOR_CAUSES: Final = (QualityCause.NOT_FINITE, QualityCause.CONSTANT, QualityCause.CLIPPED)
"""What is the sensor's or its cable's doing. A gap or a clock jump lies in the stream: such a window is good."""
BLIND_CAUSES: Final = {QualityCause.NOT_FINITE, QualityCause.CONSTANT, QualityCause.TOO_SHORT, QualityCause.NO_DATA}
"""With these nothing can be computed. A clipped window only understates: it may raise an alarm, never clear one."""
SENSOR_ALARM: Final = AlarmSettings(
    on_windows=(5, 5), on_decisions=(5, 5), decision_s=0.0, off_windows=10, off_decisions=1, alert_score=1.0
)
"""Five windows without a break are no loose moment of a plug. Alert: nobody is watching the machine meanwhile."""
HEALTH_SMOOTHING: Final = 0.2
"""Weight of the newest window in the health index: it follows within about ten windows and does not twitch."""


class Pipeline:
    """Judges the windows of one machine; holds only what never changes.

    Args:
        settings: of the machine.
        model: what judges it; None: the detectors of the settings, with what comes with the program.

    Raises:
        PipelineSettingsError: nothing to judge by.
        SignalError: rate, window or feature names that cannot work.
        UnsuitableBundleError: the model was made for other features.
    """

    def __init__(self, settings: PipelineSettings, model: MachineModel | None = None) -> None:
        self.settings = settings
        self.model = MachineModel.built_in(settings.detectors) if model is None else model
        is_sound = sound_rows(settings)
        self.extractor = MachineFeatures(
            settings.sample_rate_hz, settings.window_samples, is_sound, settings.feature_names
        )
        names = self.extractor.names
        rows = range(len(is_sound))
        self.feature_units = tuple(unit for row in rows for unit in self.extractor.units_of(row))
        # What the machine does is told by what touches it, as long as something does: a microphone hears the others.
        mixed = any(is_sound) and not all(is_sound)
        self._leading = [row for row in rows if not is_sound[row]] if mixed else slice(None)
        self.operating = settings.operating
        if all(is_sound):
            # That limit is an acceleration; whether a machine is heard at all is told by its learnt level alone.
            self.operating = replace(self.operating, off_rms_m_s2=0.0)
        if self.operating.nominal_speed_rpm is None:
            self.operating = replace(self.operating, nominal_speed_rpm=settings.speed_rpm)
        if settings.context:
            widths = [
                (c.name, c.state_width) for c in settings.context if c.state_width is not None and c.name != SPEED
            ]
            self.operating = replace(self.operating, context_widths=tuple(widths))
        self.facts = SummaryFacts(
            asset_id=settings.asset_id,
            machine=settings.machine,
            feature_hash=self.extractor.hash,
            feature_names=tuple(
                f"{channel}/{name}"
                for row, channel in enumerate(settings.channel_names)
                for name in self.extractor.names_of(row)
            ),
            interval_ns=round(settings.summary_interval_s * 1e9),
            window_ns=round(settings.window_samples / settings.sample_rate_hz * 1e9),
        )
        self._rms_index = names.index("acceleration_rms") if "acceleration_rms" in names else None
        self._velocity_index = names.index("velocity_rms") if "velocity_rms" in names else None
        self._judged = np.flatnonzero([name in learning.judged(names) for name in names])
        if not self._judged.size:
            raise PipelineSettingsError(f"machine {settings.machine}: none of its features can be judged; add another")
        self.model.check_features(self.extractor.hash)
        check_detectors(settings, self.model.detectors, learning.judged(names))
        self._nothing_normal = np.full((len(settings.channel_names), len(names)), np.nan, np.float32)
        limits = velocity_limits(settings, is_sound, has_velocity=self._velocity_index is not None)
        column = int(np.searchsorted(self._judged, self._velocity_index or 0))
        self._velocity = VelocityJudge(limits, self._leading, self._velocity_index or 0, column)
        told = (self.extractor.hash, settings.channel_names, settings.learning_windows)
        self.signature = hashlib.blake2b(repr(told).encode(), digest_size=8).hexdigest()

    def start(self) -> PipelineState:
        """Return the state of a machine never seen before."""
        return PipelineState(signature=self.signature, model_key=self.model.key)

    def resume(self, data: bytes, before: MachineModel | None = None) -> PipelineState:
        """Return the state to go on with.

        When features or channels are others than those of the bytes, the baselines are learnt anew; when the model is
        another, they go on as far as they fit. The alarms stay as they are.

        Args:
            data: of a state.
            before: the model that it was written with; None: this one.

        Raises:
            StateError: the bytes are damaged or of another version.
        """
        before = self.model if before is None else before
        state = PipelineState.from_bytes(data, before.network)
        if state.signature != self.signature:
            anew = PipelineState(signature=self.signature, model_key=self.model.key)
            return replace(anew, alarm=state.alarm, sensor_alarm=state.sensor_alarm)
        if state.model_key != self.model.key:
            state = self._migrated(state, before)
        return self._with_healthy_velocities(state)

    def step(self, state: PipelineState, window: Window) -> tuple[PipelineState, Outcome]:
        """Return the state after one window and what it led to.

        Args:
            state: after the window before.
            window: of all channels, in SI units: m/s², or Pa of microphones.
        """
        causes = _causes(window)
        sensor_causes = tuple(cause for cause in causes if cause in SENSOR_CAUSES)
        sensor_score = 1.0 if sensor_causes else 0.0
        sensor_alarm, sensor_change = alarming.step(
            state.sensor_alarm, SENSOR_ALARM, sensor_score, judged=True, end_ns=window.end_ns
        )
        state = replace(state, sensor_alarm=sensor_alarm)
        if BLIND_CAUSES.intersection(causes):
            state, outcome = self._leave_out(state, window, causes)
        else:
            state, outcome = self._judge(state, window, clipped=QualityCause.CLIPPED in causes)
        return state, replace(outcome, sensor_change=sensor_change, sensor_causes=sensor_causes)

    def close(self, state: PipelineState) -> tuple[PipelineState, Summary | None, tuple[int, int] | None]:
        """Return the state without its open summary, that summary and its key: for the end of a stream."""
        if state.summary is None:
            return state, None, None
        summary = state.summary
        return (
            replace(state, summary=None),
            summarising.close(summary, self.facts),
            (summary.epoch, summary.first_index),
        )

    def _leave_out(
        self, state: PipelineState, window: Window, causes: tuple[QualityCause, ...]
    ) -> tuple[PipelineState, Outcome]:
        """Count a window that nothing can be computed from in the summary that is open."""
        same_state = state.summary.operating_state if state.summary else UNKNOWN
        state, summary, key = self._turn_summary(state, window, same_state, begin_as=UNKNOWN)
        progress = _progress(state, UNKNOWN, self.settings.learning_windows)
        assert state.summary is not None  # noqa: S101 - _turn_summary opened it
        state = replace(state, summary=summarising.add_bad(state.summary, self.facts, causes, window.end_ns, progress))
        outcome = Outcome(None, UNKNOWN, None, None, None, progress, None, None, (), summary, key, None)
        return state, outcome

    def _judge(self, state: PipelineState, window: Window, *, clipped: bool) -> tuple[PipelineState, Outcome]:
        features = self.extractor(window.samples)
        if not np.isfinite(features).all():
            # Finite samples whose squares are not: no sensor measures that.
            return self._leave_out(state, window, (QualityCause.NOT_FINITE,))
        if not operating_state.is_contiguous(state.operating, window.end_ns):
            state = replace(state, shifts=())
        amplitudes = self.extractor.amplitudes(features)
        operating = operating_state.step(
            state.operating,
            self.operating,
            rms_m_s2=self._level(amplitudes, window),
            learnt=state.learnt_level,
            speed_rpm=window.speed_rpm,
            context=window.context,
            is_learnt=state.is_learnt,
            end_ns=window.end_ns,
        )
        state = replace(state, operating=operating)
        score = health = change = baseline = None
        if is_steady(operating.state):
            vector = learning.to_vector(amplitudes[:, self._judged])
            baseline = state.baseline(operating.state)
            score = None if baseline is None else baseline.score(vector)
            state = self._watch_lines(state, window, score)
            operating = state.operating
        name = state.operating.state
        velocity = self._velocity.judge(features, name, state.healthy_mm_s.get(name), is_active=state.alarm.active)
        if is_steady(operating.state):
            if baseline is not None and score is not None:
                state, health = self._health(state, score, baseline, velocity)
            state, change = self._alarm(state, score, velocity, window, clipped=clipped)
            if not clipped:
                state = self._learn(state, vector, window.end_ns, score, velocity)
        else:
            score = baseline = None
            if velocity.crossing is not None:
                state, change = self._alarm(state, None, velocity, window, clipped=clipped)
        progress = _progress(state, operating.state, self.settings.learning_windows)
        # What has not been learnt is not named as if it were known: its windows belong to no baseline's trend.
        name = UNKNOWN if operating.is_new and state.baseline(operating.state) is None else operating.state
        state, summary, key = self._turn_summary(state, window, name)
        assert state.summary is not None  # noqa: S101 - _turn_summary opened it
        judgement = Judgement(score, health, velocity.zone, progress)
        opened = summarising.add(state.summary, self.facts, features.ravel(), window.end_ns, judgement)
        normal = None if baseline is None else self._normal(baseline)
        told = (change, None, (), summary, key, normal, velocity.crossing)
        outcome = Outcome(features, name, score, health, velocity.zone, progress, *told)
        return replace(state, summary=opened), outcome

    def process_change(self, state: PipelineState, outcome: Outcome) -> ProcessChange | None:
        """Return why a window beyond its baseline is the process's doing and no fault's, None where nothing says so.

        Args:
            state: after the window.
            outcome: of the window.
        """
        baseline = state.baseline(outcome.operating_state)
        is_too_high = outcome.crossing is not None or outcome.zone in UNHEALTHY_ZONES
        if baseline is None or outcome.features is None or is_too_high:
            return None
        vector = learning.to_vector(self.extractor.amplitudes(outcome.features)[:, self._judged])
        on_score = self.settings.alarm.on_score
        names, sounds = self.settings.channel_names, self.settings.sound_channels
        return process_change(baseline, vector, names, state.shifts, on_score, sound_channels=sounds)

    def _watch_lines(self, state: PipelineState, window: Window, score: float | None) -> PipelineState:
        """Return the state after a look at the lines: learnt with the baseline, and asked where a window is beyond it.

        Lines that move together are a shaft that changes its speed. The level shows that only later.
        """
        operating = state.operating
        if (self.operating.speed_measured and window.speed_rpm is not None) or state.alarm.active:
            return state
        known = state.lines.get(operating.state)
        if score is None:
            spectrum = line_spectrum(window.samples, window.sample_rate_hz)
            return replace(state, lines={**state.lines, operating.state: (known or Lines.none()).added(spectrum)})
        if score < self.settings.alarm.on_score or known is None:
            return replace(state, shifts=()) if state.shifts else state
        shift = known.shift(line_spectrum(window.samples, window.sample_rate_hz))
        shifts = () if shift is None else (*state.shifts, shift)[-REMEMBERED:]
        if is_moving(shifts):
            operating = replace(operating, state=TRANSIENT, settled_windows=0)
        return replace(state, operating=operating, shifts=shifts)

    def _normal(self, baseline: Baseline) -> NDArray[np.float32]:
        """Return the baseline's centre in the features' units, (channels, features); NaN for what is not judged."""
        normal = self._nothing_normal.copy()
        normal[:, self._judged] = baseline.centre.reshape(len(normal), -1)
        return self.extractor.shown(normal)

    def _quietest(self, level: LearntLevel | None, learnt: Baseline) -> LearntLevel | None:
        """Return the level of normal running, now that one more condition has been learnt."""
        if self._rms_index is None:
            return level
        column = int(np.searchsorted(self._judged, self._rms_index))
        scaling = learnt.fit.scaling
        parts = (part.reshape(learnt.fit.channels, -1) for part in (scaling.centre, scaling.scale))
        centre, scale = (part[self._leading, column] for part in parts)
        found = LearntLevel(float(np.median(np.exp(centre))), float(np.median(scale)))
        return found if level is None or found.rms_m_s2 < level.rms_m_s2 else level

    def _level(self, amplitudes: NDArray[np.float32], window: Window) -> float:
        if self._rms_index is not None:
            return float(row_medians(amplitudes[None, self._leading, self._rms_index])[0])
        return float(np.median(np.sqrt(np.mean(np.square(window.samples[self._leading]), axis=1))))

    def _with_healthy_velocities(self, state: PipelineState) -> PipelineState:
        """Return the state with the healthy velocity of everything that has been learnt; limits may be newer."""
        if self._velocity.limits is None:
            return state
        missing = {
            name: self._velocity.healthy(known)
            for name, known in state.learnt.items()
            if isinstance(known, learning.Baseline) and name not in state.healthy_mm_s
        }
        return replace(state, healthy_mm_s={**state.healthy_mm_s, **missing}) if missing else state

    def _health(
        self, state: PipelineState, score: float, baseline: Baseline, velocity: Velocity
    ) -> tuple[PipelineState, float]:
        before = state.smoothed_score
        smoothed = score if before is None else before + HEALTH_SMOOTHING * (score - before)
        health = min(health_index(smoothed, baseline.typical_score), velocity.health_cap)
        return replace(state, smoothed_score=smoothed), health

    def _alarm(
        self, state: PipelineState, score: float | None, velocity: Velocity, window: Window, *, clipped: bool
    ) -> tuple[PipelineState, AlarmChange | None]:
        settings = self.settings.alarm
        # The margin keeps an alarm that stands; it makes none more severe.
        counted = max(score or 0.0, settings.on_score if velocity.is_held else 0.0)
        counted, zone = self._velocity.weighed(counted, velocity, settings.alert_score)
        raises = settings.counts_for(counted, zone) >= settings.on_score
        judged = (score is not None or self._velocity.limits is not None) and (not clipped or raises)
        alarm, change = alarming.step(state.alarm, settings, counted, judged, window.end_ns, zone=zone)
        return replace(state, alarm=alarm), change

    def _learn(
        self,
        state: PipelineState,
        vector: NDArray[np.float32],
        end_ns: int,
        score: float | None,
        velocity: Velocity,
    ) -> PipelineState:
        """Learn from a window, or follow it; never from a machine in alarm or one that should be stopped."""
        if state.alarm.active or (velocity.crossing is not None and velocity.crossing.is_trip):
            return state
        name, settings = state.operating.state, self.settings
        known = state.learnt.get(name) or learning.begin(vector.size)
        if isinstance(known, learning.Learning):
            known = learning.learn(
                known,
                vector,
                end_ns,
                windows=settings.learning_windows,
                model=self.model,
                channels=len(settings.channel_names),
                decision_ns=settings.alarm.decision_ns,
            )
            if isinstance(known, learning.Baseline):
                state = replace(state, learnt_level=self._quietest(state.learnt_level, known))
                state = self._with_healthy_velocities(state.with_learnt(name, known))
        elif score is not None:
            state, known = self._joined(state, known, vector, end_ns, score)
            known = known.followed(
                vector,
                end_ns,
                score=score,
                tracking_decisions=settings.tracking_decisions,
                decision_ns=settings.alarm.decision_ns,
            )
        return state.with_learnt(name, known)

    def _migrated(self, state: PipelineState, before: MachineModel) -> PipelineState:
        """Return the state with the baselines of another model, as far as they go on under this one."""
        same = before.network_hash == self.model.network_hash and state.model_key == before.key
        learnt: dict[str, learning.Learning | Baseline] = {}
        for name, known in state.learnt.items():
            kept = known
            if isinstance(known, learning.Baseline):
                kept = learning.migrated(known, self.model, same_network=same) or learning.begin(known.drift.size)
            learnt[name] = kept
        return replace(state, learnt=learnt, joining={}, model_key=self.model.key)

    def _joined(
        self, state: PipelineState, known: Baseline, vector: NDArray[np.float32], end_ns: int, score: float
    ) -> tuple[PipelineState, Baseline]:
        """Return state and baseline after a window that detectors which are still lacking may learn from."""
        if score >= learning.THRESHOLD or not learning.missing(known, self.model):
            return state, known
        name = state.operating.state
        collected = state.joining.get(name) or learning.begin(vector.size)
        windows = self.settings.learning_windows
        known, left = learning.join(known, collected, vector, end_ns, windows=windows, model=self.model)
        others = {other: one for other, one in state.joining.items() if other != name}
        return replace(state, joining=others if left is None else {**others, name: left}), known

    def _turn_summary(
        self, state: PipelineState, window: Window, operating_name: str, begin_as: str | None = None
    ) -> tuple[PipelineState, Summary | None, tuple[int, int] | None]:
        """Return the state with an open summary that the window belongs to, and the one that had to close for it."""
        place = {"epoch": window.epoch, "end_ns": window.end_ns}
        opened = state.summary
        if opened and summarising.belongs(opened, self.facts, **place, operating_state=operating_name):
            return state, None, None
        state, summary, key = self.close(state)
        begun = summarising.begin(self.facts, **place, index=window.index, operating_state=begin_as or operating_name)
        return replace(state, summary=begun), summary, key


def health_index(score: float, typical_score: float) -> float:
    """Return 0–100: 100 where healthy windows usually are, 50 at the threshold, towards 0 beyond it.

    >>> [round(health_index(score, 0.4)) for score in (0.3, 0.4, 1.0, 2.0, 4.0)]
    [100, 100, 50, 12, 3]

    Args:
        score: smoothed, 1.0 = threshold.
        typical_score: median score of healthy windows, below 1.
    """
    excess = max(0.0, score - typical_score) / max(1.0 - typical_score, 0.1)
    return 100.0 / (1.0 + excess * excess)


def _causes(window: Window) -> tuple[QualityCause, ...]:
    causes = list(window.quality)
    known = window.is_checked or QualityCause.NOT_FINITE in causes
    if not known and not np.isfinite(window.samples).all():
        causes.append(QualityCause.NOT_FINITE)
    return tuple(causes)


def _progress(state: PipelineState, name: str, windows: int) -> float:
    """Return how far learning is: of this condition, or else of the one that is furthest."""
    known = [state.learnt[name]] if name in state.learnt else list(state.learnt.values())
    return max(
        (len(one.vectors) / windows if isinstance(one, learning.Learning) else 1.0 for one in known), default=0.0
    )
