"""What goes wrong with a machine or with a sensor, and how far it has come at any time."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


class Fault(StrEnum):
    """What can be wrong with a simulated machine; the names are those a diagnosis gives."""

    OUTER_RACE = "outer_race"
    INNER_RACE = "inner_race"
    BALL = "ball"
    IMBALANCE = "imbalance"
    MISALIGNMENT = "misalignment"
    LOOSENESS = "looseness"

    @property
    def strikes(self) -> bool:
        """Return whether it is a bearing fault: something strikes with every pass."""
        return self in {Fault.OUTER_RACE, Fault.INNER_RACE, Fault.BALL}


@dataclass(frozen=True, slots=True)
class FaultGrowth:
    """One fault that begins, grows and settles.

    Attributes:
        fault: which one.
        point: measurement point whose bearing or foot is hit, e.g. `DE`.
        onset_s: before it nothing is wrong.
        time_constant_s: after this time 63 % of the plateau is reached.
        plateau: final severity; 1.0 is a fault that puts the machine into ISO 20816 zone C or D.
    """

    fault: Fault
    point: str
    onset_s: float
    time_constant_s: float
    plateau: float = 1.0

    def severity(self, time_s: FloatArray) -> FloatArray:
        """Return how far the fault has come, 0 to plateau, (n,) for times (n,) in seconds.

        It creeps first, then runs, then settles (a Weibull curve of shape 2).
        """
        elapsed = np.maximum(time_s - self.onset_s, 0.0) / self.time_constant_s
        return np.asarray(self.plateau * -np.expm1(-(elapsed**2)))


class SensorFault(StrEnum):
    """What can be wrong with a simulated sensor."""

    DEAD = "dead"
    STUCK = "stuck"
    CLIPPING = "clipping"
    LOOSE_CABLE = "loose_cable"
    SKI_SLOPE = "ski_slope"


@dataclass(frozen=True, slots=True)
class SensorFailure:
    """One sensor that fails for a while.

    Attributes:
        fault: in which way.
        channel: full channel name, e.g. `DE.H`.
        from_s, until_s: when; until infinity when nobody repairs it.
    """

    fault: SensorFault
    channel: str
    from_s: float
    until_s: float = float("inf")
