"""What a diagnosis takes and gives: bearings at points, one report per channel, one verdict for the machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from models.contract.records import Diagnosis, EvidenceLine
    from models.diagnosis.bearing_doubts import BearingFinding
    from models.diagnosis.bearing_lines import Candidate
    from models.diagnosis.bearings import Bearing
    from models.diagnosis.iso20816 import Zone
    from models.diagnosis.sensor import SensorCause
    from models.diagnosis.shaft_speed import SpeedEstimate


def point_of(channel_name: str) -> str:
    """Return the measurement point of a channel, the name before the dot.

    >>> point_of("DE.H")
    'DE'
    """
    return channel_name.split(".", maxsplit=1)[0]


@dataclass(frozen=True, slots=True)
class BearingAt:
    """A bearing and the measurement point it sits at; None: any sensor of the machine may hear it."""

    bearing: Bearing
    point: str | None = None


@dataclass(frozen=True, slots=True)
class Damage:
    """Bearing damage that one channel names.

    Attributes:
        lead: the line it is named by.
        bearing_name: type of the bearing.
        places: points whose bearing has this very line; one channel alone cannot tell them apart.
    """

    lead: Candidate
    bearing_name: str
    places: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ChannelReport:
    """What one channel says.

    Attributes:
        name: `{point}.{axis}` or `{point}`.
        causes: why it is not of good quality; empty when it is.
        diagnosis: with its evidence.
        component: the point it speaks of: of the damaged bearing, which another sensor may hear, or its own;
            `DE or NDE` where that is open.
        bearings: what the search for bearing lines found, for drawing and tests.
        damage: of a bearing, where it is named.
        velocity_rms_mm_s: 10 to 1000 Hz; NaN of a microphone, which has none.
        zone: by ISO 20816-3, or None when group and support are not known.
    """

    name: str
    causes: tuple[SensorCause, ...]
    diagnosis: Diagnosis
    component: str
    bearings: BearingFinding | None
    damage: Damage | None
    velocity_rms_mm_s: float
    zone: Zone | None

    @property
    def point(self) -> str:
        """Return the measurement point, the name before the dot."""
        return point_of(self.name)

    @property
    def places(self) -> tuple[str, ...]:
        """Return the points that the damaged bearing may be at, or the one that the diagnosis speaks of."""
        return (self.component,) if self.damage is None else self.damage.places


@dataclass(frozen=True, slots=True)
class Report:
    """What is wrong with a machine.

    Attributes:
        channels: one report each, in the order given.
        verdict: for the machine; `channel` says where it shows best.
        component: the point that the verdict speaks of; `DE or NDE` where that is open.
        speed: of the shaft, stated, estimated and used.
        lines: the lines that were looked for on the verdict's channel, matched or not.
        places: the points that are left open, most likely first; one where the place is clear.
    """

    channels: tuple[ChannelReport, ...]
    verdict: Diagnosis
    component: str
    speed: SpeedEstimate
    lines: tuple[EvidenceLine, ...]
    places: tuple[str, ...] = ()
