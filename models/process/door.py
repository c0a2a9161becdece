"""A door left open, found in the air's temperature: it warms more than its cycle explains, and goes on doing so.

A compressor that stops, a defrost, a warm afternoon: each moves the air of a room in its own way, every time much
alike. Ten seconds ahead the air can be foretold from its last two minutes and from what the plant is doing. What an
open door adds is in no cycle, and it goes on as long as the door is open, wherever the temperature has got to by then.
The temperature itself does not say so: behind an open door it soon stands still, behind a closed one it takes minutes
to come back. In order:

1. *Learning*: the air's means of 10 s and the phases (cooling, idle, defrost; `models.process.phases`) of a first day.
2. *Model*: for each phase a least-squares line from the last two minutes and the time in the phase to the next value,
   fitted again and again without what lies 3 σ from it: people open the door meanwhile, for some per cent of the time.
3. *Unexplained*: what comes less what was foretold. Its means over half a minute have a scatter, learnt too.
4. *Left open*: five half minutes in a row each 4 σ above nothing, and together worth at least `rise`. One opening of a
   minute cannot fill five half minutes, nor can two with a pause in which a person does something. What comes in more
   weakly (a cold night, a compressor that starts at that moment) is found after five minutes, at 3 σ in each half.
5. The model's offset follows slowly (seasons) while nobody has opened. The alarm returns when nothing has come in for
   three minutes.

Give it a value a second or more: means of ten have a third of the probe's noise. In a simulated room whose probe has
0.1 K of noise, 75 of 75 forgotten doors were found in three minutes so, 38 with a value every ten seconds. What the
outside hardly warms (15 K warmer than the room) is found later or, below `rise`, not at all.

With a contact at the door the contact is asked instead (`models.process.rules`). Pure: values in, memory out.

Source: Ljung (1999), System Identification, 4.2 (ARX); Rousseeuw and Leroy (1987), 1.2 (reweighted least squares).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np

from models.frozen import replace
from models.state_bytes import pack, unpack

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

STEP_S: Final = 10.0
"""Probes of rooms have time constants of half a minute to a minute: nothing happens between two steps."""
LAGS: Final = (0, 1, 2, 3, 5, 8, 12)
"""Steps back that the next value is foretold from: the probe, the air and the surfaces each have their time in them."""
HELP_LAGS: Final = (0, 3, 8)
"""And from other channels that explain the air, such as the evaporator's temperature, which moves more slowly."""
SETTLING_S: Final = (30.0, 90.0, 300.0)
"""After a switch of the plant the air moves on these times."""
BLOCK_STEPS: Final = 3
PATTERNS: Final = ((5, 4.0), (10, 3.0))
"""So many half minutes in a row, each so many σ: loading takes up to one minute, and three must not pass before people
are told. In twelve simulated months of three rooms (12 hours of openings a day) this gave 6 false alarms and found 335
of 336 open doors within 160 s; at 3.5 and 2.5 σ it was 13 and 335."""
LEAST_RISE: Final = 1.5
"""In kelvin: less is no open door after two minutes, and no harm to goods."""
RETURN_STEPS: Final = 18
RETURN_SIGMA: Final = 1.0
"""Half of the weakest pattern."""
LEARNING_S: Final = 86_400.0
LEAST_ROWS: Final = 120
"""Of a phase: ten per number that is fitted. A phase with fewer is not judged."""
LONGEST_LEARNING: Final = 3
"""Times the learning time: a phase that has not come by then does not hold the others up."""
TRIM_SIGMA: Final = 3.0
TRIMS: Final = 4
BIAS_STEPS: Final = 8_640
"""A day: weather of the season, not of an opening."""
_HISTORY: Final = max(LAGS) + 1
_RECENT: Final = max(RETURN_STEPS, *(blocks * BLOCK_STEPS for blocks, _ in PATTERNS))
_OFFSET: Final = 1 + len(SETTLING_S)
_VERSION: Final = 1
LOWER_TAIL: Final = ((0.25, 0.674), (0.05, 1.645), (0.01, 2.326))
"""Shares of a normal distribution, and how many standard deviations below its median they lie."""
_NOWHERE_S: Final = 1e9
"""Time in a phase whose beginning nobody saw: long settled."""


@dataclass(frozen=True)
class DoorModel:
    """How the air of one room moves; does not change until it is learnt anew.

    Attributes:
        weights: (phases, 1 + settling times + lags + lags of helpers), from offset, settling terms and past values to
            the next value; NaN for a phase that was too rare.
        scale: (phases,) scatter of what is unexplained, as means over `BLOCK_STEPS`, in the unit.
    """

    weights: NDArray[np.float64]
    scale: NDArray[np.float64]

    @cached_property
    def rows(self) -> list[list[float]]:
        """The weights as lists: at ten numbers a step plain Python is faster than an array."""
        return [[float(one) for one in row] for row in self.weights]

    @cached_property
    def scales(self) -> list[float]:
        """The scales as a list."""
        return [float(one) for one in self.scale]


@dataclass(frozen=True, slots=True)
class DoorMemory:
    """What is remembered between two steps.

    Attributes:
        phases: so many there are.
        seen: (n, 1 + helpers) values collected for the model; NaN where the stream was interrupted.
        seen_phases: (n,) their phases.
        model: learnt, None while learning.
        bias: (phases) slow offset of what is unexplained.
        history: last values of air and helpers, newest first.
        phase, in_phase_s: of the newest value.
        recent: what was unexplained lately and its phase, oldest first.
        active: the door stands open.
        open_s: for so long, as far as it is known.
    """

    phases: int
    seen: NDArray[np.float32]
    seen_phases: NDArray[np.int8]
    model: DoorModel | None = None
    bias: tuple[float, ...] = ()
    history: tuple[tuple[float, ...], ...] = ()
    phase: int = -1
    in_phase_s: float = _NOWHERE_S
    recent: tuple[tuple[float, int], ...] = ()
    active: bool = False
    open_s: float = 0.0

    @property
    def rise(self) -> float:
        """Return by how much the air is warmer than without what came in lately, in the channel's unit."""
        if self.model is None:
            return 0.0
        added = [0.0] * _HISTORY
        for unexplained, phase in self.recent:
            weights = self.model.rows[phase][_OFFSET : _OFFSET + len(LAGS)]
            now = sum(weight * added[lag] for weight, lag in zip(weights, LAGS, strict=True))
            added = [now + unexplained, *added[:-1]]
        return added[0]

    def to_bytes(self) -> bytes:
        """Return the memory as bytes."""
        values: dict[str, Any] = {
            name: getattr(self, name)
            for name in ("phases", "bias", "history", "phase", "in_phase_s", "recent", "active", "open_s")
        }
        arrays: dict[str, NDArray[Any] | bytes] = {"seen": self.seen, "seen_phases": self.seen_phases}
        if self.model is not None:
            arrays |= {"weights": self.model.weights, "scale": self.model.scale}
        return pack("door", _VERSION, values, arrays)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Return what was written by `to_bytes`.

        Raises:
            StateError: the bytes are damaged or something else.
        """
        fields = unpack(data, "door", _VERSION)
        values: dict[str, Any] = {name: fields.value(name) for name in fields.values}
        values["bias"], values["history"] = tuple(values["bias"]), tuple(map(tuple, values["history"]))
        values["recent"] = tuple((unexplained, phase) for unexplained, phase in values["recent"])
        model = DoorModel(fields.array("weights"), fields.array("scale")) if "weights" in fields.arrays else None
        return cls(**values, seen=fields.array("seen"), seen_phases=fields.array("seen_phases"), model=model)


def begin(phases: int, helpers: int = 0) -> DoorMemory:
    """Return the memory of a room never seen before, with so many phases and channels that help to explain the air."""
    return DoorMemory(phases, np.empty((0, 1 + helpers), np.float32), np.empty(0, np.int8))


def interrupted(memory: DoorMemory) -> DoorMemory:
    """Return the memory after a gap: model and standing alarm stay, the last minutes are forgotten."""
    seen, seen_phases = memory.seen, memory.seen_phases
    if memory.model is None and len(seen) and not np.isnan(seen[-1, 0]):
        seen, seen_phases = np.append(seen, np.full_like(seen[:1], np.nan), axis=0), np.append(seen_phases, np.int8(0))
    return replace(
        memory,
        seen=seen,
        seen_phases=seen_phases,
        history=(),
        phase=-1,
        in_phase_s=_NOWHERE_S,
        recent=(),
    )


def step(
    memory: DoorMemory,
    values: tuple[float, ...],
    phase: int,
    *,
    rise: float = LEAST_RISE,
    learning_s: float = LEARNING_S,
) -> DoorMemory:
    """Return the memory after one mean of `STEP_S`.

    Args:
        memory: after the step before.
        values: air temperature in the channel's unit, then the helpers; NaN where one is missing.
        phase: number of the phase at the end of the step.
        rise: less than this, in the channel's unit, is not worth an alarm.
        learning_s: so long the room is learnt.
    """
    if any(map(math.isnan, values)):
        return interrupted(memory)
    in_phase_s = memory.in_phase_s + STEP_S if phase == memory.phase else 0.0
    if memory.phase < 0:
        in_phase_s = _NOWHERE_S
    if memory.model is None:
        return _learning(memory, values, phase, learning_s)
    recent = memory.recent
    if len(memory.history) == _HISTORY:
        unexplained = values[0] - _foretold(memory.model.rows[memory.phase], memory.history, memory.in_phase_s)
        known = math.isfinite(unexplained)
        recent = (*recent, (unexplained - memory.bias[memory.phase], memory.phase))[-_RECENT:] if known else ()
    history = (values, *memory.history)[:_HISTORY]
    changed = replace(memory, history=history, phase=phase, in_phase_s=in_phase_s, recent=recent)
    return _decided(changed, memory.model.scales, rise) if recent else changed


def _decided(memory: DoorMemory, scales: Sequence[float], rise: float) -> DoorMemory:
    recent = memory.recent
    if memory.active:
        latest = recent[-RETURN_STEPS:]
        mean = sum(one / scales[phase] for one, phase in latest) / len(latest)
        closed = len(latest) == RETURN_STEPS and mean < RETURN_SIGMA
        return replace(memory, active=not closed, open_s=0.0 if closed else memory.open_s + STEP_S)
    newest, phase = recent[-1]
    limit = TRIM_SIGMA * scales[phase]
    bias = list(memory.bias)
    bias[phase] += min(max(newest, -limit), limit) / BIAS_STEPS
    open_s = max(
        (blocks * BLOCK_STEPS * STEP_S for blocks, sigma in PATTERNS if _filled(recent, scales, blocks, sigma)),
        default=0.0,
    )
    active = open_s > 0.0 and memory.rise >= rise
    return replace(memory, bias=tuple(bias), active=active, open_s=open_s if active else 0.0)


def _filled(recent: Sequence[tuple[float, int]], scales: Sequence[float], blocks: int, sigma: float) -> bool:
    """Return whether each of the last blocks reaches `sigma`, in those of the block's last phase; the latest first."""
    if len(recent) < blocks * BLOCK_STEPS:
        return False
    for number in range(blocks):
        end = len(recent) - number * BLOCK_STEPS
        total = sum(recent[place][0] for place in range(end - BLOCK_STEPS, end))
        if total < sigma * BLOCK_STEPS * scales[recent[end - 1][1]]:
            return False
    return True


def _foretold(weights: Sequence[float], history: Sequence[tuple[float, ...]], in_phase_s: float) -> float:
    total = weights[0]
    for weight, time_s in zip(weights[1:_OFFSET], SETTLING_S, strict=True):
        total += weight * math.exp(-in_phase_s / time_s)
    place = _OFFSET
    for column in range(len(history[0])):
        for lag in LAGS if column == 0 else HELP_LAGS:
            total += weights[place] * history[lag][column]
            place += 1
    return total


def _learning(memory: DoorMemory, values: tuple[float, ...], phase: int, learning_s: float) -> DoorMemory:
    seen = np.append(memory.seen, np.array([values], np.float32), axis=0)
    seen_phases = np.append(memory.seen_phases, np.int8(phase))
    memory = replace(memory, seen=seen, seen_phases=seen_phases, phase=phase)
    needed = round(learning_s / STEP_S)
    if len(seen) < needed:
        return memory
    if len(seen) < LONGEST_LEARNING * needed and np.bincount(seen_phases, minlength=memory.phases).min() < LEAST_ROWS:
        return memory
    nothing = begin(memory.phases, len(values) - 1)
    return replace(nothing, model=fit(seen, seen_phases, memory.phases), bias=(0.0,) * memory.phases)


def fit(values: NDArray[np.float32], phases: NDArray[np.int8], count: int) -> DoorModel:
    """Return how the air moves in each phase.

    Args:
        values: (n, 1 + helpers) means of `STEP_S`; NaN where the stream was interrupted.
        phases: (n,) number of the phase of each.
        count: so many phases there are.
    """
    terms, following, of_phase = _design(values.astype(np.float64), phases)
    weights = np.full((count, terms.shape[1]), np.nan)
    unexplained = np.full(len(following), np.nan)
    for phase in range(count):
        rows = np.flatnonzero((of_phase == phase) & np.isfinite(terms).all(axis=1) & np.isfinite(following))
        if len(rows) >= LEAST_ROWS:
            weights[phase] = _robust_line(terms[rows], following[rows])
            unexplained[rows] = following[rows] - terms[rows] @ weights[phase]
    blocks = np.convolve(unexplained, np.ones(BLOCK_STEPS) / BLOCK_STEPS, "valid")
    ends = of_phase[BLOCK_STEPS - 1 :]
    # A coarse converter may give no scatter at all; a step of its own is then the least that can be seen.
    steps = np.abs(np.diff(values[np.isfinite(values[:, 0]), 0]))
    floor = float(steps[steps > 0].min()) / math.sqrt(12.0) / BLOCK_STEPS if (steps > 0).any() else 1.0
    scale = np.full(count, np.inf)
    for phase in range(count):
        own = blocks[(ends == phase) & np.isfinite(blocks)]
        if own.size:
            scale[phase] = max(_lower_scatter(own), floor)
    return DoorModel(weights, scale)


def _design(
    values: NDArray[np.float64], phases: NDArray[np.int8]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int8]]:
    """Return the terms (n - 1, ·) that each next value (n - 1,) is foretold from, and the phases of the terms."""
    n = len(values)
    index = np.arange(n)
    broken = np.asarray(~np.isfinite(values).all(axis=1))
    switched = np.concatenate([[True], (phases[1:] != phases[:-1]) | broken[:-1]])
    began = np.maximum.accumulate(np.where(switched, index, 0))
    in_phase_s = (index - began) * STEP_S
    # The beginning of the first phase, and of one after a gap, was not seen.
    in_phase_s[(began == 0) | np.concatenate([[True], broken[:-1]])[began]] = _NOWHERE_S
    columns = [np.ones(n), *(np.exp(-in_phase_s / time_s) for time_s in SETTLING_S)]
    for column in range(values.shape[1]):
        past = LAGS if column == 0 else HELP_LAGS
        columns += [np.concatenate([np.full(lag, np.nan), values[: n - lag, column]]) for lag in past]
    gaps = np.cumsum(broken)
    whole = np.concatenate([np.zeros(max(LAGS), bool), gaps[max(LAGS) :] == gaps[: n - max(LAGS)]])
    terms = np.stack(columns, axis=1)
    terms[~whole] = np.nan
    return terms[:-1], values[1:, 0], phases[:-1]


def _robust_line(terms: NDArray[np.float64], following: NDArray[np.float64]) -> NDArray[np.float64]:
    kept = np.ones(len(following), bool)
    weights: NDArray[np.float64] = np.zeros(terms.shape[1])
    for _ in range(TRIMS):
        weights = np.asarray(np.linalg.lstsq(terms[kept], following[kept], rcond=None)[0], np.float64)
        off = following - terms @ weights
        centre = np.median(off)
        sigma = 1.4826 * float(np.median(np.abs(off - centre)))
        kept = np.abs(off - centre) <= TRIM_SIGMA * max(sigma, 1e-9)
    return weights


def _lower_scatter(values: NDArray[np.float64]) -> float:
    """Return the largest standard deviation that the lower tail speaks for: openings only ever add."""
    median = float(np.median(values))
    return max((median - float(np.quantile(values, share))) / sigma for share, sigma in LOWER_TAIL)
