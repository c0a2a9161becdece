"""What the machine is doing in a window: off, starting, steady under one named condition, transient or unknown.

Only steady windows may be judged: a baseline knows one condition. The order of the questions:

1. *off*: it stands still by its speed, or is far quieter than the baseline says running sounds like.
2. *unknown*: a context channel that divides conditions (speed, load) has nothing fresh to say.
3. *transient*: speed or load move from window to window; or, without a tachometer, the level is below normal and keeps
   moving one way over seconds, which is what run-up and coast-down look like. A level above normal is what faults do:
   never transient.
4. *starting*: steady again, but only for a few windows since it was off or transient.
5. *unknown* again: without a tachometer, it was seen to leave its normal level downwards and has settled below: it runs
   at a speed or load that nobody has learnt and nobody states.
6. *steady/{name}*: `default` at the nominal speed, `{rpm}rpm` in other bins of speed, and with context that divides
   conditions `{rpm}rpm-load40`; each with its own baseline. A condition first seen after the machine has been learnt in
   another one is new (`is_new`): it is *unknown* to whoever judges until it has been learnt too.
7. *unknown* at last: more different conditions than baselines may be kept, or new ones are not to be learnt.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from models.context import SPEED
from models.contract.vocabulary import OFF, STARTING, TRANSIENT, UNKNOWN, is_steady, steady
from models.frozen import replace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.context import ContextValue

DEFAULT_CONDITION: Final = "default"
TREND_WINDOWS: Final = (6, 12, 24, 48)
"""Stretches over which a level may be seen to move: 3 to 24 s of half-overlapped seconds. A coast-down of four minutes
falls by a fifth in the longest, one of ten seconds by half in the shortest."""
CONTIGUOUS_NS: Final = 5_000_000_000
"""Windows further apart (snapshots every ten minutes) do not show a shaft on its way: it has arrived in between."""
TREND_CORRELATION: Final = 0.85
"""Levels and time must agree so well: scatter alone does in 3 % of stretches of 6 and practically never in longer."""
TREND_LOG: Final = 0.06
"""And the level must have moved by half a decibel over the stretch; less moves no line from one band to the next."""
TREND_KEPT: Final = 0.5
"""A movement that has begun goes on while the level moves at least half as much; mechanical ends are never sharp."""
AWAY_LEVEL_RATIO: Final = 0.7
"""Settled below this (-3 dB, a speed down to 84 %) after it was seen to move, a machine runs under another condition.
Running in, and what a baseline scatters, stays above."""
AWAY_SIGMA: Final = 4.0
SETTLING_SHARE: Final = 5
"""A level within 1 dB of normal is not seen to move any more. A run-up at a steady rate needs an eighth of the time for
that last decibel that it needed from half the speed on; a fifth leaves room."""
LONGEST_SETTLING: Final = 60
STILL_MOVING: Final = 0.25
"""In the last third of a stretch the level still moves at least so fast as over the whole: it has not arrived."""
CONTEXT_STEP: Final = 0.25
"""A change of this share of the width of a condition within one window is a load that moves."""
BIN_EDGE: Final = 0.6
"""A value at the edge of two bins (0.5) must not change its condition with every window."""


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
        falling_level_ratio: a level below this share of the learnt one (-1 dB) is below normal.
        falling_sigma: and it must be so many times the scatter of the learnt level below.
        settle_windows: so many windows after off or transient are *starting*; covers the overlap of windows.
        speed_bin_ratio: neighbouring conditions are this factor apart.
        max_conditions: so many baselines are kept; further conditions are *unknown*.
        speed_measured: the speed that comes with the windows is a tachometer's; a stated one does not know of stops.
        context_widths: (name, width) of the context channels that divide conditions, beside the speed.
        learn_new_states: whether conditions that are first seen after another one has been learnt may be learnt too.
    """

    nominal_speed_rpm: float | None = None
    off_speed_ratio: float = 0.1
    off_rms_m_s2: float = 0.03
    off_level_ratio: float = 0.25
    speed_tolerance: float = 0.01
    falling_level_ratio: float = 0.89
    falling_sigma: float = 2.0
    settle_windows: int = 3
    speed_bin_ratio: float = 1.1
    max_conditions: int = 8
    speed_measured: bool = False
    context_widths: tuple[tuple[str, float], ...] = ()
    learn_new_states: bool = True


@dataclass(frozen=True, slots=True)
class OperatingMemory:
    """What has to be remembered between windows.

    Attributes:
        state: of the last window that could be looked at.
        conditions: names of the steady conditions seen so far, in the order of their first window.
        new_conditions: those of them that were first seen after another one had been learnt.
        nominal_speed_rpm: the first steady speed seen when none is configured.
        last_speed_rpm: of the window before.
        last_rms_m_s2: of the windows before, older first.
        last_bin: bin of speed that the machine is in, for hysteresis at its edges.
        last_context: values that divide conditions, of the window before; empty when they were not known.
        context_bins: the bins they were in.
        settled_windows: windows since it was last off or transient.
        moving_windows: for how many windows the level moved before.
        is_away: it was seen to leave its normal level downwards and has not come back.
        last_ns: end of the window before.
    """

    state: str = UNKNOWN
    conditions: tuple[str, ...] = ()
    new_conditions: tuple[str, ...] = ()
    nominal_speed_rpm: float | None = None
    last_speed_rpm: float | None = None
    last_rms_m_s2: tuple[float, ...] = ()
    last_bin: int = 0
    last_context: tuple[float, ...] = ()
    context_bins: tuple[int, ...] = ()
    settled_windows: int = 0
    moving_windows: int = 0
    is_away: bool = False
    last_ns: int | None = None

    @property
    def is_new(self) -> bool:
        """Return whether the present state was first seen after the machine had been learnt in another one."""
        return is_steady(self.state) and any(self.state == steady(name) for name in self.new_conditions)


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
    context: Sequence[ContextValue] = (),
    is_learnt: bool = False,
    end_ns: int | None = None,
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
        speed_rpm: shaft speed during the window, None when it is not known.
        context: what the context channels say about the window; those that nobody asked for are ignored.
        is_learnt: whether at least one condition has been learnt.
        end_ns: end of the window; None: it follows the one before without a gap.
    """
    if not is_contiguous(memory, end_ns):
        memory = replace(memory, last_rms_m_s2=(), is_away=False)
    memory = replace(memory, last_ns=end_ns)
    previous = memory
    nominal = settings.nominal_speed_rpm or memory.nominal_speed_rpm
    levels = (*memory.last_rms_m_s2[1 - TREND_WINDOWS[-1] :], rms_m_s2)
    memory = replace(memory, last_speed_rpm=speed_rpm, last_rms_m_s2=levels)
    values = _dividing(context, settings)
    if _is_off(settings, rms_m_s2, learnt, speed_rpm, nominal):
        return replace(memory, state=OFF, settled_windows=0, is_away=False, last_context=values or ())
    if values is None or (settings.speed_measured and speed_rpm and rms_m_s2 < settings.off_rms_m_s2):
        # A shaft that turns without a sound: the sensor does not hear it.
        return replace(memory, state=UNKNOWN, last_context=())
    memory, has_changed_bin = _binned(memory, settings, values)
    if has_changed_bin or _has_stepped(previous, settings, speed_rpm, values):
        # Levels of another condition say nothing about where this one goes.
        return replace(memory, state=TRANSIENT, settled_windows=0, is_away=False, last_rms_m_s2=(rms_m_s2,))
    has_tachometer = settings.speed_measured and speed_rpm is not None
    was_moving = previous.state == TRANSIENT
    if not has_tachometer and _level_moves(levels, settings, learnt, was_moving=was_moving):
        is_away = not settings.context_widths and _is_away(memory, settings, learnt)
        moving_windows = min(memory.moving_windows + 1, LONGEST_SETTLING * SETTLING_SHARE)
        return replace(memory, state=TRANSIENT, settled_windows=0, moving_windows=moving_windows, is_away=is_away)
    return _settled(memory, settings, learnt, speed_rpm, is_learnt=is_learnt)


def is_contiguous(memory: OperatingMemory, end_ns: int | None) -> bool:
    """Return whether a window that ends now follows the one before closely enough to show a movement."""
    if end_ns is None or memory.last_ns is None:
        return True
    return abs(end_ns - memory.last_ns) <= CONTIGUOUS_NS


def is_running(state: str) -> bool:
    """Return whether an absolute limit such as an ISO zone may judge: it runs, though perhaps nobody knows how."""
    return is_steady(state) or state == UNKNOWN


def _dividing(context: Sequence[ContextValue], settings: OperatingSettings) -> tuple[float, ...] | None:
    """Return the values that divide conditions, in the order of the settings; None when one of them is not known."""
    known = {value.name: value.value for value in context}
    if SPEED in known and known[SPEED] is None:
        return None
    values = [known.get(name) for name, _width in settings.context_widths]
    return None if None in values else tuple(value for value in values if value is not None)


def _binned(
    memory: OperatingMemory, settings: OperatingSettings, values: tuple[float, ...]
) -> tuple[OperatingMemory, bool]:
    """Return the memory with the bins that the values are in, and whether one of them is another than before."""
    before = memory.context_bins
    bins = []
    for place, (value, (_name, width)) in enumerate(zip(values, settings.context_widths, strict=True)):
        position = value / width
        stays = len(before) == len(values) and abs(position - before[place]) <= BIN_EDGE
        bins.append(before[place] if stays else round(position))
    has_changed = len(before) == len(bins) and tuple(bins) != before
    return replace(memory, last_context=values, context_bins=tuple(bins)), has_changed


def _is_off(
    settings: OperatingSettings,
    rms_m_s2: float,
    learnt: LearntLevel | None,
    speed_rpm: float | None,
    nominal_speed_rpm: float | None,
) -> bool:
    if speed_rpm is not None and speed_rpm <= settings.off_speed_ratio * (nominal_speed_rpm or 0.0):
        return True
    if speed_rpm is not None and settings.speed_measured:
        return False
    if rms_m_s2 < settings.off_rms_m_s2:
        return True
    return learnt is not None and rms_m_s2 < settings.off_level_ratio * learnt.rms_m_s2


def _has_stepped(
    previous: OperatingMemory, settings: OperatingSettings, speed_rpm: float | None, values: tuple[float, ...]
) -> bool:
    """Return whether speed or context moved since the window before."""
    if len(previous.last_context) == len(values):
        pairs = zip(values, previous.last_context, settings.context_widths, strict=True)
        if any(abs(now - before) > CONTEXT_STEP * width for now, before, (_name, width) in pairs):
            return True
    last = previous.last_speed_rpm
    if speed_rpm is None or last is None:
        return False
    return abs(speed_rpm - last) > settings.speed_tolerance * max(abs(last), abs(speed_rpm))


def _level_moves(
    levels: tuple[float, ...], settings: OperatingSettings, learnt: LearntLevel | None, *, was_moving: bool
) -> bool:
    """Return whether the level, below normal, keeps moving one way: a shaft that runs up or down unmeasured."""
    if not _is_below(settings.falling_level_ratio, settings.falling_sigma, levels[-1], learnt):
        return False
    least = TREND_LOG * (TREND_KEPT if was_moving else 1.0)
    return any(abs(_trend(levels, windows)) > least for windows in TREND_WINDOWS)


def _trend(levels: tuple[float, ...], windows: int) -> float:
    """Return by how much the logarithm of the level moved along a line and still moves; 0 where it does not.

    >>> round(_trend((1.0, 0.9, 0.81), 3), 3), _trend((1.0, 0.5, 1.0), 3)
    (-0.211, 0.0)
    """
    if len(levels) < windows:
        return 0.0
    logs = [math.log(max(level, 1e-9)) for level in levels[-windows:]]
    mean = math.fsum(logs) / windows
    places = [place - (windows - 1) / 2.0 for place in range(windows)]
    joint = math.fsum(place * (log - mean) for place, log in zip(places, logs, strict=True))
    over_time = math.fsum(place * place for place in places)
    scatter = math.fsum((log - mean) ** 2 for log in logs)
    if scatter <= 0.0 or abs(joint) < TREND_CORRELATION * math.sqrt(over_time * scatter):
        return 0.0
    trend = joint / over_time * (windows - 1)
    third = windows // 3
    newest = math.fsum(logs[-third:]) - math.fsum(logs[-2 * third : -third])
    return trend if newest / third / trend > STILL_MOVING / 3.0 else 0.0


def _is_below(ratio: float, sigma: float, rms_m_s2: float, learnt: LearntLevel | None) -> bool:
    """Return whether a level is below this share of the learnt one and beyond so many times its scatter."""
    if learnt is None:
        return False
    return rms_m_s2 < learnt.rms_m_s2 * math.exp(-max(-math.log(ratio), sigma * learnt.sigma))


def _is_away(memory: OperatingMemory, settings: OperatingSettings, learnt: LearntLevel | None) -> bool:
    """Return whether a level that moves has left normal downwards or comes from a stop: now, or earlier."""
    if memory.is_away or learnt is None:
        return memory.is_away
    off = settings.off_level_ratio * learnt.rms_m_s2
    return any(level < off or not _is_below(AWAY_LEVEL_RATIO, 0.0, level, learnt) for level in memory.last_rms_m_s2)


def _settled(
    memory: OperatingMemory,
    settings: OperatingSettings,
    learnt: LearntLevel | None,
    speed_rpm: float | None,
    *,
    is_learnt: bool,
) -> OperatingMemory:
    """Return the memory after a window in which nothing moves; `memory.state` is still the one before."""
    settled_windows = min(memory.settled_windows + 1, LONGEST_SETTLING + 1)
    memory = replace(memory, settled_windows=settled_windows)
    settling = max(settings.settle_windows, memory.moving_windows // SETTLING_SHARE)
    never_stood_still = memory.state == UNKNOWN or is_steady(memory.state)
    if settled_windows <= settling and not never_stood_still:
        return replace(memory, state=STARTING)
    if memory.is_away and _is_below(AWAY_LEVEL_RATIO, AWAY_SIGMA, memory.last_rms_m_s2[-1], learnt):
        return replace(memory, state=UNKNOWN)
    memory, name = _named(replace(memory, is_away=False, moving_windows=0), settings, speed_rpm)
    if name in memory.conditions:
        return replace(memory, state=steady(name))
    if len(memory.conditions) >= settings.max_conditions or (is_learnt and not settings.learn_new_states):
        return replace(memory, state=UNKNOWN)
    new = (*memory.new_conditions, name) if is_learnt else memory.new_conditions
    return replace(memory, state=steady(name), conditions=(*memory.conditions, name), new_conditions=new)


def _named(
    memory: OperatingMemory, settings: OperatingSettings, speed_rpm: float | None
) -> tuple[OperatingMemory, str]:
    """Return the memory with the bin of speed, and the name of the condition."""
    parts = []
    if speed_rpm:
        nominal = settings.nominal_speed_rpm or memory.nominal_speed_rpm or speed_rpm
        position = math.log(speed_rpm / nominal) / math.log(settings.speed_bin_ratio)
        number = memory.last_bin if abs(position - memory.last_bin) <= BIN_EDGE else round(position)
        memory = replace(memory, last_bin=number, nominal_speed_rpm=memory.nominal_speed_rpm or nominal)
        if number or settings.context_widths:
            parts.append(f"{nominal * settings.speed_bin_ratio**number:.0f}rpm")
    else:
        memory = replace(memory, last_bin=0)
    for (name, width), number in zip(settings.context_widths, memory.context_bins, strict=True):
        parts.append(f"{name}{number * width:g}")
    return memory, "-".join(parts) or DEFAULT_CONDITION
