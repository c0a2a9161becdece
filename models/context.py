"""What a machine is asked to do while it is measured: speed, load, temperature and the like, joined to windows.

Such values come from a controller or a slow sensor, at their own times and seldom. In order:

1. `ContextSample`: one value with its time, of a named channel; its unit is the channel's (`ContextChannel`).
2. `ContextSeries` keeps the few samples that a coming window can still need; bounded, and small enough to be stored.
3. `join` answers for one stretch of time: the mean of what was measured within it, or else the sample nearest to it
   in time, or else `None`: *stale*. A value that is older than the tolerance is not known any more, however plausible.

A channel with a `state_width` divides operating states (`models.operating_state`); the others are only carried.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from models.contract.errors import InputError
from models.contract.units import convert, parse_unit

if TYPE_CHECKING:
    from collections.abc import Iterable

SPEED: Final = "speed"
"""The name under which a shaft's speed comes; it then is the window's speed."""
MAX_SAMPLES: Final = 256
"""Kept per channel: a controller that is read a hundred times a second, over two seconds."""


class ContextError(InputError):
    """A context channel that cannot be used; says which and why."""


@dataclass(frozen=True, slots=True)
class ContextSample:
    """One value of a context channel.

    Attributes:
        name: of the channel.
        time_ns: wall time UTC at which it was true.
        value: in the channel's unit.
    """

    name: str
    time_ns: int
    value: float


@dataclass(frozen=True, slots=True)
class ContextChannel:
    """What is known of one context channel before its first value.

    Attributes:
        name: `speed`, `load`, `temperature` or a name of the plant's own.
        unit: of its values, from `models.contract.units`.
        tolerance_s: a value further from the window than this is stale. Controllers are read every second or so: ten
            missed readings are a dead link.
        state_width: values so far apart are different operating states, in the channel's unit; None: only carried.
        constant: the value it always has, for what nobody measures; None: it is measured.

    Raises:
        ContextError: a number that cannot be, or a speed in a unit that is none.
    """

    name: str
    unit: str = "1"
    tolerance_s: float = 10.0
    state_width: float | None = None
    constant: float | None = None

    def __post_init__(self) -> None:
        quantity = parse_unit(self.unit).quantity
        if self.name == SPEED and quantity != "frequency":
            raise ContextError(f"context speed in {self.unit}: a speed is in rpm or Hz")
        if not self.tolerance_s > 0.0:
            raise ContextError(f"context {self.name}: tolerance_s = {self.tolerance_s:g} must be above 0")
        if self.state_width is not None and not 0.0 < self.state_width < math.inf:
            raise ContextError(f"context {self.name}: state_width = {self.state_width:g} must be above 0")
        if self.constant is not None and not math.isfinite(self.constant):
            raise ContextError(f"context {self.name}: {self.constant} is no value")


@dataclass(frozen=True, slots=True)
class ContextValue:
    """What a context channel says about one window.

    Attributes:
        name: of the channel.
        value: in its unit; None when it is stale.
        unit: of the value.
    """

    name: str
    value: float | None
    unit: str = "1"


@dataclass(frozen=True, slots=True)
class ContextSeries:
    """The latest samples of all channels, ascending in time per channel; at most `MAX_SAMPLES` of each.

    Attributes:
        samples: of all channels, each channel's in the order of their times.
    """

    samples: tuple[ContextSample, ...] = ()

    def added(self, samples: Iterable[ContextSample]) -> ContextSeries:
        """Return the series with more samples; what is no number or already there is left out.

        >>> load = ContextSample("load", 5, 40.0)
        >>> len(ContextSeries().added([load, load, ContextSample("load", 6, float("nan"))]).samples)
        1
        """
        known = {(sample.name, sample.time_ns) for sample in self.samples}
        fresh: dict[tuple[str, int], ContextSample] = {}
        for sample in samples:
            if math.isfinite(sample.value) and (sample.name, sample.time_ns) not in known:
                fresh[sample.name, sample.time_ns] = sample
        if not fresh:
            return self
        ordered = sorted([*self.samples, *fresh.values()], key=lambda sample: (sample.name, sample.time_ns))
        kept: list[ContextSample] = []
        names = [sample.name for sample in ordered]
        for name in dict.fromkeys(names):
            kept += [sample for sample in ordered if sample.name == name][-MAX_SAMPLES:]
        return ContextSeries(tuple(kept))

    def since(self, time_ns: int) -> ContextSeries:
        """Return what a window that begins at this time or later can need: later samples, and the last one before."""
        last: dict[str, int] = {}
        for sample in self.samples:
            if sample.time_ns <= time_ns:
                last[sample.name] = max(sample.time_ns, last.get(sample.name, sample.time_ns))
        kept = tuple(sample for sample in self.samples if sample.time_ns >= last.get(sample.name, time_ns))
        return self if len(kept) == len(self.samples) else replace(self, samples=kept)


def join(series: ContextSeries, channel: ContextChannel, start_ns: int, end_ns: int) -> ContextValue:
    """Return what a channel says about the time from `start_ns` to `end_ns`.

    >>> load = ContextChannel("load", "%", tolerance_s=2e-9)
    >>> series = ContextSeries().added([ContextSample("load", time, value) for time, value in [(10, 40.0), (20, 60.0)]])
    >>> [join(series, load, start, start + 4).value for start in (7, 12, 15, 18, 30)]
    [40.0, 40.0, 60.0, 60.0, None]

    Args:
        series: of all channels.
        channel: which one, and how old it may be.
        start_ns: of the window, wall time UTC.
        end_ns: of the window.

    Returns:
        The mean of the samples within the window; without any, the sample nearest to it, if within the tolerance.
    """
    if channel.constant is not None:
        return ContextValue(channel.name, channel.constant, channel.unit)
    own = [sample for sample in series.samples if sample.name == channel.name]
    within = [sample.value for sample in own if start_ns < sample.time_ns <= end_ns]
    if within:
        return ContextValue(channel.name, math.fsum(within) / len(within), channel.unit)
    away = [(max(start_ns - sample.time_ns, sample.time_ns - end_ns), sample.value) for sample in own]
    distance_ns, value = min(away, default=(math.inf, 0.0))
    is_fresh = distance_ns <= channel.tolerance_s * 1e9
    return ContextValue(channel.name, value if is_fresh else None, channel.unit)


def speed_rpm(values: Iterable[ContextValue]) -> float | None:
    """Return the shaft speed among joined values in turns per minute, None where none is known.

    >>> speed_rpm([ContextValue("load", 40.0, "%"), ContextValue("speed", 25.0, "Hz")])
    1500.0
    """
    for value in values:
        if value.name == SPEED and value.value is not None:
            return convert(value.value, value.unit, "rpm")
    return None
