"""Everything a process's pipeline must remember between windows, and its bytes.

Frozen: a step returns a new one. Bounded: thinned windows per phase, a day of ten-second means while a door is learnt.
Exact: what is read back from the bytes continues to the bit.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np

from models.alarming import AlarmMemory
from models.frozen import fields_of
from models.pipeline_state import alarm_memory
from models.process.baseline import Collected, Normal
from models.process.door import DoorMemory
from models.process.rules import RuleMemory
from models.process.streams import stream_from_bytes
from models.state_bytes import pack, unpack
from models.summarising import OpenSummary

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from models.process.streams import StreamMemory

_KIND: Final = "process"
_VERSION: Final = 2
NOTHING_BEFORE: Final = np.empty((0, 0), np.float32)
_ALARMS: Final = ("condition", "alarm", "sensor_alarm")


@dataclass(frozen=True, slots=True)
class ProcessState:
    """What one process's pipeline remembers.

    Attributes:
        signature: of features, channels, phases and detectors that were learnt with.
        rules_signature: of the rules that `rules` and `doors` belong to.
        place: (epoch, index) of the last window; the next one must follow without a gap.
        learnt: by operating state, what is being or has been learnt.
        rules: one memory per rule.
        doors: one per rule that watches a door by the air.
        partial: sums of air and helpers and their number, of the ten seconds that are open; one per door.
        before: (n, d) features of the latest windows of the present phase without a break, the newest first; as many as
            detectors with lags ask for.
        streams: by detector of slow series, what it remembers.
        condition: whether the score of the learnt normal has been high for long enough.
        stream_conditions: by detector of slow series, the same of its score.
        alarm: what people are told: the condition or a rule.
        told: the reasons they have been told: numbers of rules, and below 0 of conditions (`models.process_alarms`).
        sensor_alarm: a sensor delivers nothing or stands still.
        smoothed_score: behind the health index.
        summary: that is still open.
    """

    signature: str
    rules_signature: str
    place: tuple[int, int] | None = None
    learnt: Mapping[str, Collected | Normal] = field(default_factory=dict)
    rules: tuple[RuleMemory, ...] = ()
    doors: tuple[DoorMemory, ...] = ()
    partial: tuple[tuple[tuple[float, ...], int], ...] = ()
    before: NDArray[np.float32] = field(default_factory=lambda: NOTHING_BEFORE)
    streams: Mapping[str, StreamMemory] = field(default_factory=dict)
    condition: AlarmMemory = field(default_factory=AlarmMemory)
    stream_conditions: Mapping[str, AlarmMemory] = field(default_factory=dict)
    alarm: AlarmMemory = field(default_factory=AlarmMemory)
    told: tuple[int, ...] = ()
    sensor_alarm: AlarmMemory = field(default_factory=AlarmMemory)
    smoothed_score: float | None = None
    summary: OpenSummary | None = None

    def normal(self, operating_state: str) -> Normal | None:
        """Return what is normal in an operating state, None while it is being learnt."""
        known = self.learnt.get(operating_state)
        return known if isinstance(known, Normal) else None

    def to_bytes(self) -> bytes:
        """Return the state as bytes; the same state gives the same bytes."""
        values: dict[str, Any] = {
            name: getattr(self, name)
            for name in ("signature", "rules_signature", "place", "partial", "told", "smoothed_score")
        }
        values |= {name: fields_of(getattr(self, name)) for name in _ALARMS}
        values["learnt"] = [[name, isinstance(known, Normal)] for name, known in self.learnt.items()]
        values["rules"] = [fields_of(memory) for memory in self.rules]
        values["doors"] = len(self.doors)
        values["streams"] = list(self.streams)
        values["stream_conditions"] = {name: fields_of(memory) for name, memory in self.stream_conditions.items()}
        arrays: dict[str, NDArray[Any] | bytes] = {
            f"learnt/{name}": known.to_bytes() for name, known in self.learnt.items()
        }
        arrays |= {f"door/{number}": memory.to_bytes() for number, memory in enumerate(self.doors)}
        arrays |= {f"stream/{name}": memory.to_bytes() for name, memory in self.streams.items()}
        if len(self.before):
            arrays["before"] = self.before
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
        learnt: dict[str, Collected | Normal] = {}
        for name, is_normal in fields.value("learnt"):
            part = fields.nested(f"learnt/{name}")
            learnt[name] = Normal.from_bytes(part) if is_normal else Collected.from_bytes(part)
        place = fields.value("place")
        return cls(
            signature=fields.value("signature"),
            rules_signature=fields.value("rules_signature"),
            place=None if place is None else (place[0], place[1]),
            learnt=learnt,
            rules=tuple(_rule_memory(values) for values in fields.value("rules")),
            doors=tuple(DoorMemory.from_bytes(fields.nested(f"door/{n}")) for n in range(fields.value("doors"))),
            partial=tuple((tuple(sums), count) for sums, count in fields.value("partial")),
            before=fields.array("before") if "before" in fields.arrays else NOTHING_BEFORE,
            streams={
                name: stream_from_bytes(name, fields.nested(f"stream/{name}")) for name in fields.value("streams")
            },
            stream_conditions={
                name: alarm_memory(values) for name, values in fields.value("stream_conditions").items()
            },
            **{name: alarm_memory(fields.value(name)) for name in _ALARMS},
            told=tuple(fields.value("told")),
            smoothed_score=fields.value("smoothed_score"),
            summary=OpenSummary.from_bytes(fields.nested("summary")) if "summary" in fields.arrays else None,
        )


def _rule_memory(values: Mapping[str, Any]) -> RuleMemory:
    sums, count = values["partial"]
    return RuleMemory(**{**values, "points": tuple(values["points"]), "partial": (sums, count)})
