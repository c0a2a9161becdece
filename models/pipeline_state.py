"""What a machine's pipeline is told, what it says of a window, and what it must remember, with its bytes.

Settings and outcomes never change. The state is frozen as well: a step returns a new one. Bounded: at most
`OperatingSettings.max_conditions` baselines. Exact: what is read back from the bytes continues to the bit.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Self

from models.alarming import AlarmMemory, AlarmSettings, Decision
from models.contract.errors import InputError
from models.contract.vocabulary import Severity
from models.detectors.calibration import MIN_WINDOWS
from models.detectors.table import DETECTORS
from models.diagnosis.iso20816 import VelocityLimits
from models.frozen import fields_of, replace
from models.learning import Baseline, Learning
from models.line_shift import Lines
from models.operating_state import LearntLevel, OperatingMemory, OperatingSettings
from models.signal.acoustics import check_sound_rate
from models.signal.errors import SignalError
from models.state_bytes import pack, unpack
from models.summarising import OpenSummary

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from models.alarming import AlarmChange
    from models.context import ContextChannel
    from models.contract.records import Summary
    from models.contract.vocabulary import QualityCause
    from models.diagnosis.iso20816 import Crossing, UserBands
    from models.runtimes.base import Network

_KIND: Final = "pipeline"
_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class PipelineSettings:
    """One machine as the pipeline needs it.

    Attributes:
        asset_id, machine: whose windows.
        channel_names: `{point}.{axis}`, in the order of the samples.
        sample_rate_hz, window_samples: of every window.
        feature_names: None for the default set; microphones have what stands in their place.
        sound_channels: names of those that are microphones, in Pa; the others are accelerometers.
        speed_rpm: nominal speed, or None.
        machine_group, support: ISO 20816-3; both or none.
        bands: limits of the velocity that a person set; they go before those of the standard.
        learning_windows: so many good windows make the baseline of a condition, at least 8.
        tracking_decisions: time constant with which an old baseline follows a normal machine, in decisions of the
            alarm (300 minutes: five hours; a third of it follows faults away sooner).
        summary_interval_s: a summary every so often.
        detectors: rows of `models.detectors.table.DETECTORS`; the score is their largest.
        alarm, operating: see there.
        context: channels of a controller; those with a `state_width` divide operating states.
    """

    asset_id: str
    machine: str
    channel_names: tuple[str, ...]
    sample_rate_hz: float
    window_samples: int
    feature_names: tuple[str, ...] | None = None
    speed_rpm: float | None = None
    machine_group: int | None = None
    support: str | None = None
    bands: UserBands | None = None
    learning_windows: int = 60
    tracking_decisions: int = 300
    summary_interval_s: float = 60.0
    detectors: tuple[str, ...] = ("mahalanobis", "autoencoder")
    alarm: AlarmSettings = field(default_factory=AlarmSettings)
    operating: OperatingSettings = field(default_factory=OperatingSettings)
    context: tuple[ContextChannel, ...] = ()
    sound_channels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one window led to.

    Attributes:
        features: (channels, features) in `Pipeline.feature_units`, None when the window could not be used.
        operating_state: of this window.
        score: 1.0 = threshold; None while learning or not judged.
        health_index: 0–100, smoothed, 100 = like its baseline; None like the score.
        zone: ISO 20816-3 zone A–D of the worst channel, None when not configured or not steady.
        learning_progress: 0–1 of the present condition.
        change: of the machine's alarm (family `mechanical`).
        sensor_change: of the sensor's alarm (family `sensor`).
        sensor_causes: why, for this window.
        summary: one that this window closed.
        summary_key: (epoch, first window index) of that summary, for its record id.
        baseline: what is normal now, (channels, features) in the features' units; None before it is learnt.
        crossing: the velocity that is above its alarm or trip limit in this window, None where none is.
    """

    features: NDArray[np.float32] | None
    operating_state: str
    score: float | None
    health_index: float | None
    zone: str | None
    learning_progress: float
    change: AlarmChange | None
    sensor_change: AlarmChange | None
    sensor_causes: tuple[QualityCause, ...]
    summary: Summary | None
    summary_key: tuple[int, int] | None
    baseline: NDArray[np.float32] | None
    crossing: Crossing | None = None


class PipelineSettingsError(InputError):
    """Settings of a machine that cannot work; says which and what would do."""


@dataclass(frozen=True, slots=True)
class PipelineState:
    """What one machine's pipeline remembers.

    Attributes:
        signature: of the features and channels that the baselines were learnt of.
        model_key: of the model that they were learnt with (`models.machine_model.MachineModel.key`).
        operating: what the machine was doing.
        learnt: by operating state, what is being or has been learnt.
        joining: by operating state that has been learnt, what is being collected for detectors that it lacks.
        learnt_level: broadband level of the quietest baseline, None before there is one.
        healthy_mm_s: by operating state that has been learnt, velocity RMS of each channel that has one, when healthy;
            only where there are limits on it.
        alarm, sensor_alarm: the two alarm conditions.
        smoothed_score: behind the health index.
        lines: by operating state, the lines that were learnt; only where no speed is measured.
        shifts: of these lines in the latest windows beyond the threshold.
        summary: that is still open.
    """

    signature: str
    model_key: str = ""
    operating: OperatingMemory = field(default_factory=OperatingMemory)
    learnt: Mapping[str, Learning | Baseline] = field(default_factory=dict)
    joining: Mapping[str, Learning] = field(default_factory=dict)
    learnt_level: LearntLevel | None = None
    healthy_mm_s: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    alarm: AlarmMemory = field(default_factory=AlarmMemory)
    sensor_alarm: AlarmMemory = field(default_factory=AlarmMemory)
    smoothed_score: float | None = None
    lines: Mapping[str, Lines] = field(default_factory=dict)
    shifts: tuple[int, ...] = ()
    summary: OpenSummary | None = None

    def baseline(self, operating_state: str) -> Baseline | None:
        """Return what is normal in an operating state, None while it is being learnt."""
        known = self.learnt.get(operating_state)
        return known if isinstance(known, Baseline) else None

    @property
    def is_learnt(self) -> bool:
        """Return whether at least one operating state has been learnt."""
        return any(isinstance(known, Baseline) for known in self.learnt.values())

    def learning_progress(self, windows: int) -> dict[str, float]:
        """Return how far the learning of each operating state is, 0 to 1.

        Args:
            windows: so many make a baseline.
        """
        return {
            name: 1.0 if isinstance(known, Baseline) else min(len(known.vectors) / windows, 1.0)
            for name, known in self.learnt.items()
        }

    def with_learnt(self, operating_state: str, known: Learning | Baseline) -> PipelineState:
        """Return the state with what is known of one condition replaced."""
        return replace(self, learnt={**self.learnt, operating_state: known})

    def to_bytes(self) -> bytes:
        """Return the state as bytes; the same state gives the same bytes."""
        values: dict[str, Any] = {
            "signature": self.signature,
            "model_key": self.model_key,
            "operating": fields_of(self.operating),
            "learnt": [[name, isinstance(known, Baseline)] for name, known in self.learnt.items()],
            "joining": list(self.joining),
            "learnt_level": None if self.learnt_level is None else fields_of(self.learnt_level),
            "healthy_mm_s": [[name, velocities] for name, velocities in self.healthy_mm_s.items()],
            "alarm": fields_of(self.alarm),
            "sensor_alarm": fields_of(self.sensor_alarm),
            "smoothed_score": self.smoothed_score,
            "lines": [[name, lines.windows] for name, lines in self.lines.items()],
            "shifts": list(self.shifts),
        }
        arrays: dict[str, NDArray[Any] | bytes] = {
            f"learnt/{name}": known.to_bytes() for name, known in self.learnt.items()
        }
        arrays |= {f"joining/{name}": learning.to_bytes() for name, learning in self.joining.items()}
        arrays |= {f"lines/{name}": lines.mean for name, lines in self.lines.items()}
        if self.summary is not None:
            arrays["summary"] = self.summary.to_bytes()
        return pack(_KIND, _VERSION, values, arrays)

    @classmethod
    def from_bytes(cls, data: bytes, network: Network | None = None) -> Self:
        """Return the state that was written by `to_bytes`.

        Args:
            data: of `to_bytes`.
            network: that the detectors were fitted with; None: the one that comes with the program.

        Raises:
            StateError: the bytes are damaged or of another version.
        """
        fields = unpack(data, _KIND, _VERSION)
        operating, level = fields.value("operating"), fields.value("learnt_level")
        learnt: dict[str, Learning | Baseline] = {}
        for name, is_baseline in fields.value("learnt"):
            part = fields.nested(f"learnt/{name}")
            learnt[name] = Baseline.from_bytes(part, network) if is_baseline else Learning.from_bytes(part)
        return cls(
            signature=fields.value("signature"),
            model_key=fields.values.get("model_key", ""),
            operating=OperatingMemory(
                **{
                    **operating,
                    **{name: tuple(value) for name, value in operating.items() if isinstance(value, list)},
                }
            ),
            learnt=learnt,
            joining={
                name: Learning.from_bytes(fields.nested(f"joining/{name}")) for name in fields.values.get("joining", ())
            },
            learnt_level=None if level is None else LearntLevel(**level),
            healthy_mm_s={name: tuple(velocities) for name, velocities in fields.values.get("healthy_mm_s", ())},
            alarm=alarm_memory(fields.value("alarm")),
            sensor_alarm=alarm_memory(fields.value("sensor_alarm")),
            smoothed_score=fields.value("smoothed_score"),
            lines={
                name: Lines(fields.array(f"lines/{name}"), windows) for name, windows in fields.values.get("lines", ())
            },
            shifts=tuple(fields.values.get("shifts", ())),
            summary=OpenSummary.from_bytes(fields.nested("summary")) if "summary" in fields.arrays else None,
        )


def alarm_memory(values: Mapping[str, Any]) -> AlarmMemory:
    """Return the memory of an alarm from its values in a packed state."""
    severity = values["severity"]
    return AlarmMemory(
        **{
            **values,
            "recent": tuple((score, end_ns) for score, end_ns in values["recent"]),
            "decisions": tuple(Decision(*counts) for counts in values.get("decisions", ())),
            "severity": None if severity is None else Severity(severity),
        }
    )


def sound_rows(settings: PipelineSettings) -> list[bool]:
    """Return of each channel whether it is a microphone.

    Raises:
        PipelineSettingsError: one is to be a microphone that is no channel.
    """
    unknown = [name for name in settings.sound_channels if name not in settings.channel_names]
    if unknown:
        raise PipelineSettingsError(
            f"machine {settings.machine}: {unknown[0]!r} is to be a microphone, but no channel of it; its channels are "
            f"{', '.join(settings.channel_names)}"
        )
    if settings.sound_channels:
        try:
            check_sound_rate(settings.sample_rate_hz)
        except SignalError as error:
            what = f"machine {settings.machine}, channel {settings.sound_channels[0]}"
            raise PipelineSettingsError(f"{what}: {error}") from None
    return [name in settings.sound_channels for name in settings.channel_names]


def check_detectors(settings: PipelineSettings, detectors: Sequence[str], feature_names: tuple[str, ...]) -> None:
    """Refuse detectors that cannot judge these features, and too few windows to learn from.

    Raises:
        PipelineSettingsError: names what would do.
    """
    suiting = [name for name, detector in DETECTORS.items() if detector.suits(feature_names)]
    unfit = [name for name in detectors if name not in suiting]
    if unfit or not detectors:
        raise PipelineSettingsError(
            f"machine {settings.machine}: detectors {unfit} are unknown or do not suit its features; "
            f"choose from {', '.join(suiting)}"
        )
    if settings.learning_windows < MIN_WINDOWS:
        raise PipelineSettingsError(
            f"machine {settings.machine}: {settings.learning_windows} learning windows are too few for a baseline; "
            f"give at least {MIN_WINDOWS}, better 60"
        )


def velocity_limits(
    settings: PipelineSettings, is_sound: Sequence[bool], *, has_velocity: bool
) -> VelocityLimits | None:
    """Return what judges the velocity of the channels that have one, None where nothing is stated to judge it by.

    Raises:
        PipelineSettingsError: limits are set and no channel has a velocity.
        InputError: a machine group that the standard does not know, or limits that contradict it.
    """
    names = [name for name, sound in zip(settings.channel_names, is_sound, strict=True) if not sound]
    if not has_velocity or not names:
        if settings.bands is not None:
            raise PipelineSettingsError(
                f"machine {settings.machine}: no channel has a velocity that bands could judge; leave them out, or "
                "measure acceleration and keep the feature velocity_rms"
            )
        return None
    limits = VelocityLimits(names, settings.machine_group, settings.support, settings.bands)
    return limits if limits.has_any else None
