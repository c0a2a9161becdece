"""What a machine's watch remembers over a restart, and its bytes: committed together with the records of each step."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from edge_agent.alarm_reports import StandingAlarm
from models.context import ContextSample
from models.contract.alarm_json import format_alarm, parse_alarm
from models.contract.vocabulary import FailureFamily
from models.diagnosis.fingerprint import Fingerprint, FingerprintError
from models.frozen import replace
from models.signal.windows import WindowerPosition
from models.state_bytes import pack, unpack

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from edge_agent.process_reports import Judge
    from models.diagnosis.diagnose import Gear
    from models.pipeline_state import PipelineState
    from models.process_state import ProcessState

_STATE: Final = ("machine", 1)


@dataclass(frozen=True, slots=True)
class PendingMoment:
    """An alarm whose moment is to be kept; times in wall ns."""

    alarm_id: str
    alarm_ns: int
    due_ns: int


@dataclass(frozen=True, slots=True)
class MachineMemory:
    """What survives a restart, beside the source's position.

    Attributes:
        windower: where the stream was cut last.
        pipeline: its state.
        standing: by family, the alarms that have been reported.
        fingerprints: by operating state, how the healthy machine sounds; as bytes.
        picture_due_ns: data time of the next picture without an alarm; 0 before the baseline is learnt.
        moments: alarms whose moment is to be kept once enough has followed.
        owed: alarms that were told and whose pictures were not made yet.
        learning_since_ms: what is normal was learnt from data after this; 0: from the first.
    """

    pipeline: PipelineState | ProcessState
    windower: WindowerPosition = field(default_factory=WindowerPosition)
    standing: Mapping[FailureFamily, StandingAlarm] = field(default_factory=dict)
    fingerprints: Mapping[str, bytes] = field(default_factory=dict)
    picture_due_ns: int = 0
    moments: tuple[PendingMoment, ...] = ()
    owed: tuple[str, ...] = ()
    learning_since_ms: int = 0

    def with_fingerprint(self, operating_state: str, data: bytes) -> MachineMemory:
        """Return the memory with how the healthy machine sounds in one operating state."""
        return replace(self, fingerprints={**self.fingerprints, operating_state: data})

    def fingerprints_without(self, gears: Sequence[Gear]) -> set[str]:
        """Return the operating states whose fingerprint was made when other gears were stated, or cannot be read."""
        return {name for name, data in self.fingerprints.items() if _gears_of(data) != tuple(gears)}

    def to_bytes(self) -> bytes:
        """Return the memory as bytes."""
        at = self.windower
        values: dict[str, Any] = {
            "windower": [at.epoch, at.next_needed_index, at.seen_index, at.seen_end_ns, at.gap, at.jump_index],
            "context": [[sample.name, sample.time_ns, sample.value] for sample in at.context],
            "standing": [
                [
                    family.value,
                    format_alarm(alarm.report),
                    alarm.review_in,
                    alarm.review_every,
                    list(alarm.places),
                    alarm.limit,
                    list(alarm.suspected),
                ]
                for family, alarm in self.standing.items()
            ],
            "fingerprints": list(self.fingerprints),
            "picture_due_ns": self.picture_due_ns,
            "moments": [[one.alarm_id, one.alarm_ns, one.due_ns] for one in self.moments],
            "owed": list(self.owed),
            "learning_since_ms": self.learning_since_ms,
        }
        arrays: dict[str, NDArray[Any] | bytes] = {
            f"fingerprint/{name}": one for name, one in self.fingerprints.items()
        }
        return pack(*_STATE, values, {**arrays, "pipeline": self.pipeline.to_bytes()})

    @classmethod
    def from_bytes(cls, data: bytes, pipeline: Judge) -> MachineMemory:
        """Return what `to_bytes` wrote.

        Raises:
            StateError: damaged, or of another version.
        """
        fields = unpack(data, *_STATE)
        return cls(
            pipeline=pipeline.resume(fields.nested("pipeline")),
            windower=replace(
                WindowerPosition(*fields.value("windower")),
                context=tuple(ContextSample(*sample) for sample in fields.values.get("context", ())),
            ),
            standing=dict(_standing(parts) for parts in fields.value("standing")),
            fingerprints={name: fields.nested(f"fingerprint/{name}") for name in fields.value("fingerprints")},
            picture_due_ns=fields.value("picture_due_ns"),
            moments=tuple(PendingMoment(*one) for one in fields.values.get("moments", ())),
            owed=tuple(fields.values.get("owed", ())),
            learning_since_ms=fields.values.get("learning_since_ms", 0),
        )


def _standing(parts: Sequence[Any]) -> tuple[FailureFamily, StandingAlarm]:
    """Return an alarm as it was stored; the last parts are newer than the first alarms."""
    family, report, review_in, review_every, *found = parts
    places, limit, suspected = found or ((), "", ())
    alarm = StandingAlarm(parse_alarm(report), review_in, review_every, tuple(places), limit, tuple(suspected))
    return FailureFamily(family), alarm


def _gears_of(fingerprint: bytes) -> tuple[Gear, ...] | None:
    try:
        return Fingerprint.from_bytes(fingerprint).gears
    except FingerprintError:
        return None


def pipeline_part(data: bytes) -> tuple[bytes, int]:
    """Return the pipeline's part of a stored memory, and the time of the last sample that was seen, in ns.

    Raises:
        StateError: damaged, or of another version.
    """
    fields = unpack(data, *_STATE)
    return fields.nested("pipeline"), WindowerPosition(*fields.value("windower")).seen_end_ns
