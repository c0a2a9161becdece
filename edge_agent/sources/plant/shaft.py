"""What turns with the shaft: harmonics and half orders of imbalance, misalignment, looseness, vanes and gears.

Each cause has a pattern: which orders, how strong in velocity, how it spreads over the directions and the points,
and with which phases. A pattern is drawn once; a second of signal is then one matrix product of the patterns with
the powers of the shaft's rotating phasor.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edge_agent.sources.plant.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex64]

HALF_ORDERS = 2
"""Orders are counted in halves: the phasor turns half as fast as the shaft, so that a loose foot can be drawn."""

_DIRECTIONS: Mapping[str, Mapping[str, float]] = {
    # Share by axis letter: rigid in V, softer in H; only misalignment pushes along the shaft.
    "running": {"H": 1.0, "V": 0.75, "A": 0.4},
    "imbalance": {"H": 1.0, "V": 0.85, "A": 0.12},
    "misalignment": {"H": 0.7, "V": 0.65, "A": 1.0},
    "looseness": {"H": 0.75, "V": 1.0, "A": 0.35},
}

_FAULT_VELOCITY_MM_S: Mapping[Fault, Mapping[float, float]] = {
    # Velocity RMS per order at severity 1 and rated speed, in the strongest direction.
    Fault.IMBALANCE: {1.0: 6.5},
    Fault.MISALIGNMENT: {1.0: 2.6, 2.0: 5.2, 3.0: 2.2, 4.0: 0.5},
    Fault.LOOSENESS: {
        **{order: 3.4 / order**0.6 for order in (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0)},
        **{order: 1.5 / order**0.5 for order in (0.5, 1.5, 2.5, 3.5, 4.5)},
    },
}

_COMB_ORDERS = 40
_COMB_M_S2 = 0.02
"""Fits, keyways and couplings leave a faint line at every order of the shaft (RMS, about 2 mg each)."""

_OTHER_END: Mapping[Fault, float] = {Fault.IMBALANCE: 0.75, Fault.MISALIGNMENT: 0.45, Fault.LOOSENESS: 0.3}
"""What reaches the far end of the machine; misalignment acts at the coupling, looseness at one foot."""


@dataclass(frozen=True, slots=True)
class ChannelAt:
    """Where a sensor sits: measurement point and axis (H horizontal, V vertical, A along the shaft)."""

    point: str
    axis: str

    @classmethod
    def named(cls, name: str) -> ChannelAt:
        """Return the place of a channel such as `DE.H`; an unknown axis counts as horizontal."""
        point, _, axis = name.partition(".")
        return cls(point, axis if axis in {"H", "V", "A"} else "H")


@dataclass(frozen=True, slots=True)
class ShaftPattern:
    """The lines of one cause: acceleration amplitudes in m/s² at rated speed, complex (channels, orders)."""

    half_orders: tuple[int, ...]
    amplitude: ComplexArray


def running_pattern(
    channels: Sequence[ChannelAt],
    rated_hz: float,
    velocity_rms_mm_s: float,
    passing_orders: Sequence[float],
    random: np.random.Generator,
) -> ShaftPattern:
    """Return the lines of a healthy machine: residual imbalance and alignment, and what passes (vanes, teeth).

    Args:
        channels: where the sensors sit.
        rated_hz: rated shaft speed in Hz.
        velocity_rms_mm_s: of all lines together, on a horizontal channel.
        passing_orders: vane, blade or tooth counts.
        random: draws phases and small differences.
    """
    share = {1.0: 0.8, 2.0: 0.35, 3.0: 0.15, 4.0: 0.08}
    for order in passing_orders:
        share[float(order)] = share.get(float(order), 0.0) + 0.4
    norm = np.sqrt(sum(value**2 for value in share.values()))
    velocity = {order: velocity_rms_mm_s * value / norm for order, value in share.items()}
    for order in range(1, _COMB_ORDERS + 1):
        level_m_s2 = _COMB_M_S2 * float(random.lognormal(0.0, 0.5))
        velocity.setdefault(float(order), level_m_s2 * 1e3 / (2.0 * np.pi * order * rated_hz))
    reach = [_DIRECTIONS["running"][channel.axis] for channel in channels]
    return _pattern(channels, rated_hz, velocity, reach, random)


def fault_pattern(
    channels: Sequence[ChannelAt], rated_hz: float, fault: Fault, point: str, random: np.random.Generator
) -> ShaftPattern:
    """Return the lines that imbalance, misalignment or looseness add at severity 1 and rated speed."""
    reach = [
        _DIRECTIONS[fault.value][channel.axis] * (1.0 if channel.point == point else _OTHER_END[fault])
        for channel in channels
    ]
    return _pattern(channels, rated_hz, _FAULT_VELOCITY_MM_S[fault], reach, random)


def _pattern(
    channels: Sequence[ChannelAt],
    rated_hz: float,
    velocity_rms_mm_s: Mapping[float, float],
    reach: Sequence[float],
    random: np.random.Generator,
) -> ShaftPattern:
    orders = np.array(sorted(velocity_rms_mm_s))
    rms_mm_s = np.array([velocity_rms_mm_s[order] for order in orders])
    peak_m_s2 = rms_mm_s * 1e-3 * np.sqrt(2.0) * 2.0 * np.pi * orders * rated_hz
    own_phase = random.uniform(0.0, 2.0 * np.pi, len(orders))
    rows = []
    for channel, share in zip(channels, reach, strict=True):
        # A rotating force passes H a quarter turn before V; the rest of the phase is the machine's own.
        lead = {"H": 0.0, "V": -np.pi / 2.0, "A": np.pi}[channel.axis] + random.normal(0.0, 0.15, len(orders))
        spread = random.uniform(0.85, 1.15, len(orders))
        rows.append(share * peak_m_s2 * spread * np.exp(1j * (own_phase + lead)))
    return ShaftPattern(tuple(round(order * HALF_ORDERS) for order in orders), np.array(rows, np.complex64))


def phasor_powers(turns: FloatArray, half_orders: Sequence[int]) -> ComplexArray:
    """Return exp(2πi · order · turns), complex (half orders, n), for shaft angles (n,) in turns.

    Powers are made by multiplication: float32 keeps them within 1e-5 up to order 60, which is 100 dB below a line.
    """
    half_turn = np.exp(np.complex64(1j) * (np.pi * np.mod(turns, 2.0)).astype(np.float32))
    wanted = {order: row for row, order in enumerate(half_orders)}
    powers = np.empty((len(half_orders), len(turns)), np.complex64)
    power = np.ones_like(half_turn)
    for order in range(1, max(half_orders, default=0) + 1):
        power = power * half_turn
        if order in wanted:
            powers[wanted[order]] = power
    return powers
