"""Everything a machine's pipeline must remember between windows, and its bytes.

Frozen: a step returns a new one. Bounded: at most `OperatingSettings.max_conditions` baselines. Exact: what is read
back from the bytes continues to the bit.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final, Self

from models.alarming import AlarmMemory, Decision
from models.contract.vocabulary import Severity
from models.frozen import replace
from models.learning import Baseline, Learning
from models.line_shift import Lines
from models.operating_state import LearntLevel, OperatingMemory
from models.state_bytes import pack, unpack
from models.summarising import OpenSummary

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

_KIND: Final = "pipeline"
_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class PipelineState:
    """What one machine's pipeline remembers.

    Attributes:
        signature: of features, channels and detectors that the baselines were learnt with.
        operating: what the machine was doing.
        learnt: by operating state, what is being or has been learnt.
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
    operating: OperatingMemory = field(default_factory=OperatingMemory)
    learnt: Mapping[str, Learning | Baseline] = field(default_factory=dict)
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
            "operating": asdict(self.operating),
            "learnt": [[name, isinstance(known, Baseline)] for name, known in self.learnt.items()],
            "learnt_level": None if self.learnt_level is None else asdict(self.learnt_level),
            "healthy_mm_s": [[name, velocities] for name, velocities in self.healthy_mm_s.items()],
            "alarm": asdict(self.alarm),
            "sensor_alarm": asdict(self.sensor_alarm),
            "smoothed_score": self.smoothed_score,
            "lines": [[name, lines.windows] for name, lines in self.lines.items()],
            "shifts": list(self.shifts),
        }
        arrays: dict[str, NDArray[Any] | bytes] = {
            f"learnt/{name}": known.to_bytes() for name, known in self.learnt.items()
        }
        arrays |= {f"lines/{name}": lines.mean for name, lines in self.lines.items()}
        if self.summary is not None:
            arrays["summary"] = self.summary.to_bytes()
        return pack(_KIND, _VERSION, values, arrays)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Return the state that was written by `to_bytes`.

        Raises:
            StateError: the bytes are damaged or of another version.
        """
        fields = unpack(data, _KIND, _VERSION)
        operating, level = fields.value("operating"), fields.value("learnt_level")
        learnt: dict[str, Learning | Baseline] = {}
        for name, is_baseline in fields.value("learnt"):
            part = fields.nested(f"learnt/{name}")
            learnt[name] = Baseline.from_bytes(part) if is_baseline else Learning.from_bytes(part)
        return cls(
            signature=fields.value("signature"),
            operating=OperatingMemory(
                **{
                    **operating,
                    **{name: tuple(value) for name, value in operating.items() if isinstance(value, list)},
                }
            ),
            learnt=learnt,
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
