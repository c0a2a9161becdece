"""The moment around an alarm that was too large to send: kept on the gateway, fetched by `Evidence/Request`.

The answer is evidence of the alarm like any other, marked in its facts: with what was asked for, or with the reason
why it cannot be had, so that nobody waits for what will never come.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from models.contract.errors import RecordError

if TYPE_CHECKING:
    from collections.abc import Mapping

FACT: Final = "kept_moment"
"""Name of the fact; evidence without it is the picture that came with the alarm."""


@dataclass(frozen=True, slots=True)
class KeptMoment:
    """What the evidence is.

    Attributes:
        alarm_ns: when the alarm was raised, wall time; 0 where that is not known any more.
        refusal: why there is nothing in it; empty if there is.
    """

    alarm_ns: int = 0
    refusal: str = ""

    def fact(self) -> dict[str, Any]:
        """Return the moment as a fact of its evidence."""
        return {FACT: {"alarm_ns": self.alarm_ns, "refusal": self.refusal}}


def kept_moment(facts: Mapping[str, Any]) -> KeptMoment | None:
    """Return what evidence says of itself, None if it is the picture that came with an alarm.

    Raises:
        RecordError: the fact is none of ours.
    """
    said = facts.get(FACT)
    if said is None:
        return None
    alarm_ns, refusal = (said.get("alarm_ns"), said.get("refusal")) if isinstance(said, dict) else (None, None)
    if not isinstance(alarm_ns, int) or isinstance(alarm_ns, bool) or not isinstance(refusal, str):
        raise RecordError(f"evidence: {FACT} is {str(said)[:80]!r}")
    return KeptMoment(alarm_ns, refusal[:500])


@dataclass(frozen=True, slots=True)
class MomentRequest:
    """Which moment is wanted: of which machine's alarm; both are UUIDs."""

    asset_id: str
    alarm_id: str

    @property
    def text(self) -> str:
        """Return the value of `Evidence/Request`."""
        return f"{self.asset_id}/{self.alarm_id}"


def parse_request(text: str) -> MomentRequest:
    """Return what an `Evidence/Request` asks for.

    Raises:
        RecordError: not two UUIDs.
    """
    asset_id, _, alarm_id = text.partition("/")
    try:
        return MomentRequest(str(uuid.UUID(asset_id)), str(uuid.UUID(alarm_id)))
    except ValueError:
        raise RecordError(f"Evidence/Request: {text[:80]!r} is not asset id/alarm id") from None
