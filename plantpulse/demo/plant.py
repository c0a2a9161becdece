"""The simulated plant of the demo: a pump, a fan and a motor; the seed decides which one fails, how, and when.

Times are machine time. The plant is watched in time-lapse: with the default of ten times real time, the baseline of
four minutes is learnt in 25 seconds, and the fault begins right after.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import numpy as np

from plantpulse.demo.story import DemoChannel, DemoMachine, Story

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_SPEED: Final = 10.0
"""Ten machines' seconds per second: three machines at 25.6 kHz then need less than one core in all."""

TIME_LAPSE_S: Final = 1500.0
"""Machine time until the time-lapse has caught up with the clock and goes on in real time: two and a half minutes of
waiting, so that what is on the screen is soon the present."""

SAMPLE_RATE_HZ: Final = 25_600.0
LEARNING_WINDOWS: Final = 480
"""Four minutes of windows of 1 s, half overlapping: several turns of everything that varies in a healthy machine."""

ONSET_S: Final = (290.0, 340.0)
TIME_CONSTANT_S: Final = 150.0

FAULTS: Final = ("outer_race", "inner_race", "imbalance", "misalignment", "looseness")
"""What may grow; each ends as an alarm of this label."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """A machine of the demo: class, rated speed, bearing at both ends, what passes per turn."""

    name: str
    machine_class: str
    speed_rpm: float
    bearing: str
    passing_orders: tuple[float, ...]


_KINDS: Final = (
    _Kind("pump-1", "pump", 1480.0, "SKF 6205", (6.0,)),
    _Kind("fan-1", "fan", 1180.0, "SKF 6205", (9.0,)),
    _Kind("motor-1", "motor", 1780.0, "ER-16K", ()),
)

_CHANNELS: Final = ("DE.H", "DE.A", "NDE.H")
"""Drive end horizontal and axial, far end horizontal: the least that tells imbalance from misalignment."""


def simulated_story(seed: int, *, healthy: bool, start: datetime, speed: float = DEFAULT_SPEED) -> Story:
    """Return the plant of one seed.

    Args:
        seed: the same seed gives the same plant, to the last sample.
        healthy: nothing fails.
        start: wall time of the first sample.
        speed: machine seconds per second.
    """
    random = np.random.default_rng([seed, 0])
    failing = int(random.integers(len(_KINDS)))
    fault = {
        "fault": str(random.choice(FAULTS)),
        "point": str(random.choice(["DE", "NDE"])),
        "onset_s": round(float(random.uniform(*ONSET_S)), 1),
        "time_constant_s": TIME_CONSTANT_S,
        "plateau": round(float(random.uniform(0.9, 1.15)), 2),
    }
    if fault["fault"] == "misalignment":
        fault["point"] = "DE"  # where the coupling is
    # One of the healthy ones is stopped now and then: a stop is no fault, and nothing may be made of it.
    stopping = (failing + 1 + int(random.integers(len(_KINDS) - 1))) % len(_KINDS)
    machines = []
    for number, kind in enumerate(_KINDS):
        source: dict[str, object] = {
            "kind": "simulated",
            "speed": speed,
            "start": start.astimezone(UTC).isoformat(),
            "seed": int(random.integers(2**31)),
            "passing_orders": list(kind.passing_orders),
            "velocity_rms_mm_s": round(float(random.uniform(0.75, 1.15)), 2),
            "acceleration_rms_m_s2": round(float(random.uniform(1.5, 3.0)), 2),
        }
        if number == stopping:
            source |= _stops(kind.speed_rpm, first_stop_s=round(float(random.uniform(330.0, 420.0)), 1))
        if number == failing and not healthy:
            source["fault"] = [fault]
        machines.append(_machine(kind, source))
    name = _KINDS[failing].name
    return Story(
        seed=seed,
        machines=tuple(machines),
        headline="three healthy machines; nothing is going to fail"
        if healthy
        else "three machines; one of them is going to fail",
        failing=None if healthy else (name, str(fault["fault"])),
    )


def _machine(kind: _Kind, source: Mapping[str, object]) -> DemoMachine:
    return DemoMachine(
        name=kind.name,
        machine_class=kind.machine_class,
        channels=tuple(DemoChannel(name, "g", bearing=kind.bearing) for name in _CHANNELS),
        source=source,
        speed_rpm=kind.speed_rpm,
        sample_rate_hz=SAMPLE_RATE_HZ,
        machine_group=2,
        learning_windows=LEARNING_WINDOWS,
    )


def _stops(speed_rpm: float, first_stop_s: float) -> dict[str, object]:
    """Return a programme: it runs, is stopped for a minute and a half, and runs up again, over and over."""
    set_points = (
        (0.0, speed_rpm, 1.0),
        (first_stop_s, speed_rpm, 1.0),
        (first_stop_s + 25.0, 0.0, 0.0),
        (first_stop_s + 90.0, 0.0, 0.0),
        (first_stop_s + 110.0, speed_rpm, 1.0),
    )
    programme = [{"at_s": at_s, "speed_rpm": rpm, "load": load} for at_s, rpm, load in set_points]
    return {"programme": programme, "programme_period_s": 900.0}


def start_of_time_lapse(now: datetime, speed: float) -> datetime:
    """Return when a time-lapse of `TIME_LAPSE_S` must begin so that it ends as it reaches the clock."""
    elapsed_s = TIME_LAPSE_S * (1.0 - 1.0 / speed) if speed > 1.0 else 0.0
    return datetime.fromtimestamp(now.timestamp() - elapsed_s, UTC)
