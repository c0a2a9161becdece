"""What the machine is doing in a window: off, starting, steady under one named condition, transient or unknown.

Only steady windows may be judged: a baseline knows one condition. The order of the questions:

1. *off*: it stands still by its speed, or is far quieter than the baseline says running sounds like.
2. *transient*: the speed moves from window to window; or, without a speed, the level is below normal and keeps moving
   one way, which is what run-up and coast-down look like. A level above normal is what faults do: never transient.
3. *starting*: steady again, but only for a few windows since it was off or transient.
4. *steady/{name}*: `default` at the nominal speed, `{rpm}rpm` in other bins of speed, each with its own baseline.
5. *unknown*: more different speeds than baselines may be kept.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

from models.contract.vocabulary import OFF, STARTING, TRANSIENT, UNKNOWN, is_steady, steady

DEFAULT_CONDITION: Final = "default"


@dataclass(frozen=True, slots=True)
class OperatingSettings:
    """When a machine counts as off, moving or steady.

    Attributes:
        nominal_speed_rpm: the speed called `default`; None: the first steady speed that is seen.
        off_speed_ratio: below this share of nominal it is off; nothing runs usefully at a tenth of its speed.
        off_rms_m_s2: quieter than this on every channel it is off; the noise of an industrial accelerometer on a
            standing machine is a few mg.
        off_level_ratio: below this share of the learnt level it is off (IMS rig: 0.3 of the early median separates).
        speed_tolerance: a change of speed per window beyond this share is transient; slip and load move less.
        falling_level_ratio: a level below this share of the learnt one *and* moving is run-up or coast-down (-2 dB).
        moving_level_ratio: what counts as moving, over two steps in the same direction (1.12 = 1 dB).
        moving_sigma: and it must be so many times the scatter of the learnt level.
        settle_windows: so many windows after off or transient are *starting*; covers the overlap of windows.
        speed_bin_ratio: neighbouring conditions are this factor apart.
        max_conditions: so many baselines are kept; further speeds are *unknown*.
    """

    nominal_speed_rpm: float | None = None
    off_speed_ratio: float = 0.1
    off_rms_m_s2: float = 0.03
    off_level_ratio: float = 0.25
    speed_tolerance: float = 0.01
    falling_level_ratio: float = 0.8
    moving_level_ratio: float = 1.12
    moving_sigma: float = 3.0
    settle_windows: int = 3
    speed_bin_ratio: float = 1.1
    max_conditions: int = 8


@dataclass(frozen=True, slots=True)
class OperatingMemory:
    """What has to be remembered between windows.

    Attributes:
        state: of the last window that could be looked at.
        conditions: names of the steady conditions seen so far, in the order of their first window.
        nominal_speed_rpm: the first steady speed seen when none is configured.
        last_speed_rpm: of the window before.
        last_rms_m_s2: of the two windows before, older first.
        last_bin: bin of speed that the machine is in, for hysteresis at its edges.
        settled_windows: windows since it was last off or transient.
    """

    state: str = UNKNOWN
    conditions: tuple[str, ...] = ()
    nominal_speed_rpm: float | None = None
    last_speed_rpm: float | None = None
    last_rms_m_s2: tuple[float, ...] = ()
    last_bin: int = 0
    settled_windows: int = 0


@dataclass(frozen=True, slots=True)
class LearntLevel:
    """How loud normal running is, in the quietest condition that has been learnt.

    Attributes:
        rms_m_s2: median over the channels of their acceleration RMS.
        sigma: its scatter from window to window, in logarithms.
    """

    rms_m_s2: float
    sigma: float


def step(
    memory: OperatingMemory,
    settings: OperatingSettings,
    *,
    rms_m_s2: float,
    learnt: LearntLevel | None,
    speed_rpm: float | None,
) -> OperatingMemory:
    """Return the memory after one window; its `state` is the window's operating state.

    >>> settings = OperatingSettings(nominal_speed_rpm=1500.0, settle_windows=1)
    >>> memory, states = OperatingMemory(), []
    >>> for speed in [0.0, 700.0, 1490.0, 1495.0, 1494.0]:
    ...     memory = step(memory, settings, rms_m_s2=1.0, learnt=None, speed_rpm=speed)
    ...     states.append(memory.state)
    >>> states
    ['off', 'transient', 'transient', 'starting', 'steady/default']

    Args:
        memory: after the window before.
        settings: see there.
        rms_m_s2: broadband level of the window: median over the channels of their acceleration RMS.
        learnt: the level of normal running, None before something is learnt.
        speed_rpm: shaft speed during the window, None when it is not measured.
    """
    previous = memory
    nominal = settings.nominal_speed_rpm or memory.nominal_speed_rpm
    memory = replace(memory, last_speed_rpm=speed_rpm, last_rms_m_s2=(*memory.last_rms_m_s2[-1:], rms_m_s2))
    if _is_off(settings, rms_m_s2, learnt, speed_rpm, nominal):
        return replace(memory, state=OFF, settled_windows=0)
    if _is_moving(previous, settings, rms_m_s2, learnt, speed_rpm):
        return replace(memory, state=TRANSIENT, settled_windows=0)
    settled_windows = min(memory.settled_windows + 1, settings.settle_windows + 1)
    memory = replace(memory, settled_windows=settled_windows)
    never_stood_still = previous.state == UNKNOWN or is_steady(previous.state)
    if settled_windows <= settings.settle_windows and not never_stood_still:
        return replace(memory, state=STARTING)
    return _steady(memory, settings, speed_rpm, nominal)


def _is_off(
    settings: OperatingSettings,
    rms_m_s2: float,
    learnt: LearntLevel | None,
    speed_rpm: float | None,
    nominal_speed_rpm: float | None,
) -> bool:
    if rms_m_s2 < settings.off_rms_m_s2:
        return True
    if speed_rpm is not None and speed_rpm <= settings.off_speed_ratio * (nominal_speed_rpm or 0.0):
        return True
    return learnt is not None and rms_m_s2 < settings.off_level_ratio * learnt.rms_m_s2


def _is_moving(
    previous: OperatingMemory,
    settings: OperatingSettings,
    rms_m_s2: float,
    learnt: LearntLevel | None,
    speed_rpm: float | None,
) -> bool:
    if speed_rpm is not None:
        last = previous.last_speed_rpm
        return last is not None and abs(speed_rpm - last) > settings.speed_tolerance * max(abs(last), abs(speed_rpm))
    if learnt is None or len(previous.last_rms_m_s2) < 2 or rms_m_s2 >= settings.falling_level_ratio * learnt.rms_m_s2:
        return False
    levels = [math.log(max(level, 1e-9)) for level in (*previous.last_rms_m_s2, rms_m_s2)]
    first, second = levels[1] - levels[0], levels[2] - levels[1]
    limit = max(math.log(settings.moving_level_ratio), settings.moving_sigma * learnt.sigma)
    return first * second > 0.0 and abs(first + second) > limit


def _steady(
    memory: OperatingMemory, settings: OperatingSettings, speed_rpm: float | None, nominal_speed_rpm: float | None
) -> OperatingMemory:
    name, speed_bin = DEFAULT_CONDITION, 0
    if speed_rpm:
        if nominal_speed_rpm is None:
            nominal_speed_rpm = speed_rpm
            memory = replace(memory, nominal_speed_rpm=speed_rpm)
        position = math.log(speed_rpm / nominal_speed_rpm) / math.log(settings.speed_bin_ratio)
        # A speed at the edge of two bins must not change its condition with every window.
        speed_bin = memory.last_bin if abs(position - memory.last_bin) <= 0.6 else round(position)
        if speed_bin:
            name = f"{nominal_speed_rpm * settings.speed_bin_ratio**speed_bin:.0f}rpm"
    memory = replace(memory, last_bin=speed_bin)
    if name not in memory.conditions:
        if len(memory.conditions) >= settings.max_conditions:
            return replace(memory, state=UNKNOWN)
        memory = replace(memory, conditions=(*memory.conditions, name))
    return replace(memory, state=steady(name))
