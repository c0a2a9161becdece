"""What the steps of a judgement look at: the circumstances of a diagnosis, and one channel that runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.contract.records import Diagnosis
from models.diagnosis.rotor_faults import BAD_MM_S

if TYPE_CHECKING:
    from models.contract.records import EvidenceLine
    from models.contract.vocabulary import DiagnosisLabel
    from models.diagnosis import wording
    from models.diagnosis.bearing_doubts import BearingFinding
    from models.diagnosis.bearing_lines import Candidate
    from models.diagnosis.bearings import Bearing
    from models.diagnosis.fingerprint import Fingerprint
    from models.diagnosis.gear_faults import GearFinding
    from models.diagnosis.iso20816 import Zone
    from models.diagnosis.mesh import Gear
    from models.diagnosis.report import BearingAt, Damage
    from models.diagnosis.rotor_faults import RotorFinding
    from models.diagnosis.shaft_speed import SpeedEstimate


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is the same for all channels of one diagnosis.

    Attributes:
        sample_rate_hz: of all channels.
        step_hz: distance of the bins of a spectrum of the whole stretch.
        speed: of the shaft.
        bearings: what may be damaged, at which points.
        baseline: the healthy reference, or None.
        now: the fingerprint of what is being judged.
        machine_group: of ISO 20816-3, or None.
        support: of ISO 20816-3, or None.
        points: measurement points of all channels.
        running: per channel, whether its level is that of a running machine.
        levels_known: samples are in m/s², so levels can be compared with absolute limits.
        gears: wheels whose teeth are counted.
        rotor: what grew at the shaft's orders over all running accelerometers together, or None.
        is_sound: per channel, whether it is a microphone.
    """

    sample_rate_hz: float
    step_hz: float
    speed: SpeedEstimate
    bearings: tuple[BearingAt, ...]
    baseline: Fingerprint | None
    now: Fingerprint
    machine_group: int | None
    support: str | None
    points: tuple[str, ...]
    running: tuple[bool, ...]
    levels_known: bool
    gears: tuple[Gear, ...] = ()
    rotor: RotorFinding | None = None
    is_sound: tuple[bool, ...] = ()


@dataclass(frozen=True, slots=True)
class Kind:
    """Bearings with the same orders, and the points where they sit; a bearing without a point may be at any."""

    bearing: Bearing
    points: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RunningChannel:
    """A channel whose sensor is good and whose machine runs."""

    row: int
    name: str
    kinds: tuple[Kind, ...]
    bearings: BearingFinding | None
    damage: Damage | None
    gear: GearFinding | None
    zone: Zone | None
    baseline: Fingerprint | None
    about: Circumstances

    @property
    def is_sound(self) -> bool:
        """Return whether it is a microphone."""
        return self.about.is_sound[self.row]

    @property
    def velocity_mm_s(self) -> float:
        """Return its velocity, RMS from 10 to 1000 Hz, in mm/s."""
        return float(self.about.now.velocity_mm_s[self.row])

    @property
    def is_bad(self) -> bool:
        """Return whether the velocity is bad by ISO 20816-3, in every table of it when the machine is unknown."""
        if self.is_sound:
            return False
        if self.zone is not None:
            return self.zone.letter in "CD"
        return self.about.levels_known and self.velocity_mm_s >= BAD_MM_S

    def lines(self, candidate: Candidate) -> tuple[EvidenceLine, ...]:
        """Return a candidate's lines, with its place where several bearings must be told apart."""
        kind = self.kinds[candidate.bearing_index]
        return candidate.lines("/".join(kind.points) if len(self.kinds) > 1 else None)

    @property
    def fundamentals(self) -> tuple[EvidenceLine, ...]:
        """Return the first line of every part that was looked for."""
        return () if self.bearings is None else tuple(self.lines(one)[0] for one in self.bearings.candidates)


def say(
    label: DiagnosisLabel,
    channel: str,
    confidence: float,
    words: wording.Words,
    evidence: tuple[EvidenceLine, ...] = (),
) -> Diagnosis:
    """Return a diagnosis of one channel, its confidence rounded."""
    return Diagnosis(label, channel, round(confidence, 3), words.sentence, words.next_step, evidence)
