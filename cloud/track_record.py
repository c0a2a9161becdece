"""How often alarms were right, from what people found: per machine and per model. Pure.

Only what somebody looked at counts. An alarm where nothing was found is a *false alarm*; one where something was found
was *right*, and *named* if the diagnosis had that name; a finding in a stretch of time in which no alarm told of it is
*missed*. Shares of a few are shares of a few, so the counts always stand beside them.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from models.contract.vocabulary import DiagnosisLabel, Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


NAMED_AS: Final = {DiagnosisLabel.PROCESS_CHANGED.value: Finding.PROCESS.value}
"""Diagnoses that a person would call otherwise."""


@dataclass(frozen=True, slots=True)
class Found:
    """One label, as much of it as counts here.

    Attributes:
        alarm_id: None where no alarm had told.
        told: the diagnosis of the alarm, None without one.
        model: what judged, None without an alarm.
    """

    machine_id: str
    alarm_id: str | None
    finding: Finding
    told: str | None
    model: str | None


@dataclass(slots=True)
class TrackRecord:
    """Counts of what was looked at."""

    right: int = 0
    named: int = 0
    false_alarms: int = 0
    missed: int = 0

    @property
    def false_alarm_share(self) -> float | None:
        """Return the share of false alarms among all that were looked at, None if none was."""
        looked_at = self.right + self.false_alarms
        return self.false_alarms / looked_at if looked_at else None

    @property
    def missed_share(self) -> float | None:
        """Return the share of missed ones among all that were found, None if nothing was."""
        found = self.right + self.missed
        return self.missed / found if found else None


def track_records(labels: Iterable[Found]) -> tuple[Mapping[str, TrackRecord], Mapping[str, TrackRecord]]:
    """Return the records by machine and by model.

    Args:
        labels: in the order in which they were said; of those of one alarm the last counts. What was missed has no
            model: it counts for the machine alone.
    """
    last: dict[object, Found] = {}
    for number, label in enumerate(labels):
        key = number if label.alarm_id is None else label.alarm_id
        last[key] = label
    by_machine: dict[str, TrackRecord] = defaultdict(TrackRecord)
    by_model: dict[str, TrackRecord] = defaultdict(TrackRecord)
    for label in last.values():
        _count(by_machine[label.machine_id], label)
        if label.model:
            _count(by_model[label.model], label)
    return by_machine, by_model


def _count(record: TrackRecord, label: Found) -> None:
    if label.alarm_id is None:
        record.missed += label.finding is not Finding.NOTHING
    elif label.finding is Finding.NOTHING:
        record.false_alarms += 1
    else:
        record.right += 1
        record.named += NAMED_AS.get(label.told or "", label.told) == label.finding
