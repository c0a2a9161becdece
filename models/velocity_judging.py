"""What the velocity of a window says: its zone, and which limits were crossed; from the first day, without a baseline.

Where a machine has learnt a state, the alarm limit stands above what is healthy there (ISO 20816-3, 6.5); a limit does
not follow the machine as its baseline does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from models import operating_state

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from models.diagnosis.iso20816 import Crossing, VelocityLimits
    from models.learning import Baseline

LIMIT_RETURN_MARGIN: Final = 1.05
"""While the alarm stands, a limit of the velocity is left only 5 % below it."""
HEALTH_CAP_BY_ZONE: Final = {"C": 50.0, "D": 20.0}
"""A machine that always shook too much is like its baseline and still not healthy."""
UNHEALTHY_ZONES: Final = frozenset(HEALTH_CAP_BY_ZONE)


@dataclass(frozen=True, slots=True)
class Velocity:
    """What is to be said of a window's velocity.

    Attributes:
        zone: of the worst channel.
        crossing: of an alarm or trip limit.
        is_held: it keeps an alarm that stands.
    """

    zone: str | None
    crossing: Crossing | None
    is_held: bool

    @property
    def health_cap(self) -> float:
        """Return the highest health index, 0 to 100, that a machine with this velocity may have."""
        cap = HEALTH_CAP_BY_ZONE.get(self.zone or "", 100.0)
        if self.crossing is None:
            return cap
        return min(cap, HEALTH_CAP_BY_ZONE["D" if self.crossing.is_trip else "C"])


NO_VELOCITY: Final = Velocity(None, None, is_held=False)


class VelocityJudge:
    """Judges the velocity of one machine's windows.

    Args:
        limits: None where nothing is to be judged.
        rows: channels with a velocity.
        feature: column of the velocity among the features.
        judged: its column among the judged ones.
    """

    def __init__(self, limits: VelocityLimits | None, rows: Sequence[int] | slice, feature: int, judged: int) -> None:
        self.limits = limits
        self._rows = rows
        self._feature = feature
        self._judged = judged

    def judge(
        self, features: NDArray[np.float32], state: str, healthy_mm_s: tuple[float, ...] | None, *, is_active: bool
    ) -> Velocity:
        """Return what is to be said of the velocity, nothing where the machine does not run.

        Args:
            features: (channels, features) of the window.
            state: operating state.
            healthy_mm_s: what each channel has learnt in this state, None before that.
            is_active: an alarm stands.
        """
        if self.limits is None or not operating_state.is_running(state):
            return NO_VELOCITY
        velocities = features[self._rows, self._feature].tolist()
        crossing = self.limits.crossed(velocities, healthy_mm_s)
        is_held = is_active and (
            crossing is not None
            or self.limits.crossed(velocities, healthy_mm_s, margin=LIMIT_RETURN_MARGIN) is not None
        )
        return Velocity(self.limits.zone(max(velocities)), crossing, is_held)

    def healthy(self, learnt: Baseline) -> tuple[float, ...]:
        """Return the velocity of each channel as it was learnt, mm/s."""
        centre = learnt.fit.scaling.centre.reshape(learnt.fit.channels, -1)[self._rows, self._judged]
        return tuple(float(f"{velocity:.6g}") for velocity in np.exp(centre))

    def weighed(self, score: float, velocity: Velocity, alert_score: float) -> tuple[float, str | None]:
        """Return score and zone as the alarm condition is to count them.

        Above the trip is danger, as zone D. Above the alarm is alert, and with a danger score danger where the zone is
        not for long-term operation either: a quiet machine that doubled its velocity is still a quiet machine. Below
        its alarm nothing speaks for danger, whatever the zone: its baseline, or a person, says that it may be so.
        """
        nothing_absolute = "B" if self.limits is not None and self.limits.has_trip else None
        if velocity.crossing is None:
            return score, nothing_absolute
        if velocity.crossing.is_trip:
            return score, "D"
        if velocity.zone in UNHEALTHY_ZONES:
            return score, "C"
        return max(score, alert_score), nothing_absolute
