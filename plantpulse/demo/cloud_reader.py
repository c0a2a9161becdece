"""What the demo knows of its own plant: only what the cloud tells everybody over HTTP.

A cloud that is starting, or has just been killed, answers nothing: that is `None`, never an error.
"""

from __future__ import annotations

import http.client
import json
import urllib.request
from dataclasses import dataclass
from typing import Any, Final

from models.contract.vocabulary import AlarmState, DiagnosisLabel, FailureFamily

_TIMEOUT_S: Final = 3.0

UNNAMED: Final = frozenset({DiagnosisLabel.CHANGED.value, DiagnosisLabel.UNCERTAIN.value})
"""Labels of an alarm whose cause is not known yet; more windows may still name it."""


@dataclass(frozen=True, slots=True)
class MachineView:
    """One machine as the fleet page shows it."""

    name: str
    operating_state: str
    learning_progress: float
    health_index: float | None
    score: float | None
    zone: str | None


@dataclass(frozen=True, slots=True)
class AlarmView:
    """One alarm as the alarm list shows it."""

    id: str
    machine: str
    label: str
    family: str
    condition: str
    severity: str
    sentence: str
    since: str

    @property
    def is_fault(self) -> bool:
        """Return whether the machine itself is said to be ill."""
        return self.family == FailureFamily.MECHANICAL.value

    @property
    def is_active(self) -> bool:
        """Return whether the condition is there now."""
        return self.condition == AlarmState.ACTIVE.value

    @property
    def is_named(self) -> bool:
        """Return whether the alarm says which fault it is."""
        return self.label not in UNNAMED


@dataclass(frozen=True, slots=True)
class PlantView:
    """Everything at one moment."""

    machines: tuple[MachineView, ...]
    alarms: tuple[AlarmView, ...]


class CloudReader:
    """Reads the API of the demo's cloud.

    Args:
        address: such as `http://127.0.0.1:8080`.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        # A proxy of the environment has no business between two processes of one machine.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def is_ready(self) -> bool:
        """Return whether the cloud answers."""
        return self._get("/healthz") is not None

    def plant(self) -> PlantView | None:
        """Return machines and alarms, or None while the cloud does not answer."""
        machines, alarms = self._items("/api/v1/machines"), self._items("/api/v1/alarms")
        if machines is None or alarms is None:
            return None
        names = {item["id"]: item["name"] for item in machines}
        return PlantView(
            machines=tuple(_machine(item) for item in machines),
            alarms=tuple(_alarm(item, names) for item in alarms),
        )

    def _items(self, path: str) -> list[dict[str, Any]] | None:
        body = self._get(path)
        if body is None:
            return None
        try:
            return list(json.loads(body)["items"])
        except (ValueError, KeyError, TypeError):
            return None

    def _get(self, path: str) -> bytes | None:
        try:
            with self._opener.open(self._address + path, timeout=_TIMEOUT_S) as answer:
                return bytes(answer.read())
        except (OSError, http.client.HTTPException):
            # Not there, not yet, or killed in the middle of its answer.
            return None


def _machine(item: dict[str, Any]) -> MachineView:
    return MachineView(
        name=item["name"],
        operating_state=item.get("operating_state") or "",
        learning_progress=item.get("learning_progress") or 0.0,
        health_index=item.get("health_index"),
        score=item.get("score"),
        zone=item.get("zone"),
    )


def _alarm(item: dict[str, Any], names: dict[str, str]) -> AlarmView:
    return AlarmView(
        id=item["id"],
        machine=item.get("machine_name") or names.get(item["machine"], item["machine"]),
        label=item["label"],
        family=item["family"],
        condition=item["condition"],
        severity=item["severity"],
        sentence=item["sentence"],
        since=item["since"],
    )
