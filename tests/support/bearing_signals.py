"""Vibration made for one property at a time: impacts with slip, lines at orders, noise. Seeded, m/s²."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.diagnosis.bearings import Bearing

Signal = NDArray[np.float64]


def noise(seconds: float, rate_hz: float, seed: int, level: float = 1.0) -> Signal:
    """Return white noise (samples,) of a given RMS."""
    return level * np.random.default_rng(seed).standard_normal(round(seconds * rate_hz))


def impacts(
    seconds: float, rate_hz: float, frequency_hz: float, seed: int, *, height: float = 5.0, resonance_hz: float = 3100.0
) -> Signal:
    """Return blows at a mean frequency, 1 % jitter each, that ring one resonance for about a millisecond."""
    random = np.random.default_rng(seed)
    count = int(seconds * frequency_hz) - 1
    times = np.cumsum(1 / frequency_hz * (1 + 0.01 * random.standard_normal(count)))
    samples = np.zeros(round(seconds * rate_hz))
    index = np.rint(times * rate_hz).astype(int)
    samples[index[index < samples.size]] = height * (
        1 + 0.2 * random.standard_normal(int((index < samples.size).sum()))
    )
    ring_s = np.arange(round(0.008 * rate_hz)) / rate_hz
    ring = np.exp(-ring_s / 0.0012) * np.sin(2 * np.pi * resonance_hz * ring_s)
    return np.convolve(samples, ring)[: samples.size]


def shaft_lines(seconds: float, rate_hz: float, shaft_hz: float, velocity_mm_s: dict[float, float]) -> Signal:
    """Return acceleration with a line of the given velocity RMS at each order of the shaft."""
    time_s = np.arange(round(seconds * rate_hz)) / rate_hz
    total = np.zeros(time_s.size)
    for number, (order, rms_mm_s) in enumerate(velocity_mm_s.items()):
        angular = 2 * np.pi * order * shaft_hz
        total += np.sqrt(2) * rms_mm_s / 1000 * angular * np.cos(angular * time_s + 1.7 * number)
    return total


def any_bearing(random: np.random.Generator) -> Bearing:
    """Return a bearing as makers build them: 7 to 17 balls that fit their circle, radial or angular contact."""
    balls = int(random.integers(7, 18))
    size = min(float(random.uniform(0.12, 0.32)), 0.85 * float(np.sin(np.pi / balls)))
    return Bearing.from_geometry(f"{balls} x {size:.4f}", balls, size, 1.0, float(random.choice([0, 0, 0, 15, 30, 40])))


def any_machine(seconds: float, rate_hz: float, shaft_hz: float, random: np.random.Generator) -> Signal:
    """Return what is no fault: mostly a shaft's lines, some machines with even orders only, mains, a second shaft."""
    orders = {float(order): float(random.uniform(0.02, 0.6)) / order for order in range(1, 31)}
    if random.random() < 0.3:
        orders = {order: level for order, level in orders.items() if order == 1 or order % 2 == 0}
    signal = np.zeros(round(seconds * rate_hz))
    if random.random() < 0.8:
        signal += shaft_lines(seconds, rate_hz, shaft_hz, orders)
    if random.random() < 0.3:
        mains = {float(order): float(random.uniform(0.02, 0.3)) / order for order in range(1, 31)}
        signal += shaft_lines(seconds, rate_hz, float(random.choice([50.0, 60.0])), mains)
    if random.random() < 0.3:
        second = {float(order): float(random.uniform(0.02, 0.6)) / order for order in range(1, 31)}
        signal += shaft_lines(seconds, rate_hz, shaft_hz * float(random.uniform(0.2, 4)), second)
    return signal


def blows(
    random: np.random.Generator, part: str, bearing: Bearing, *, seconds: float, rate_hz: float, shaft_hz: float
) -> Signal:
    """Return the blows of a damaged `outer_race`, `inner_race` or `ball`, with slip, at any height and resonance.

    What goes round is struck harder where the load is: an inner race once a turn of the shaft, a ball of the cage.
    """
    order = {"outer_race": bearing.bpfo, "inner_race": bearing.bpfi, "ball": 2 * bearing.bsf}[part]
    signal = impacts(
        seconds,
        rate_hz,
        order * shaft_hz * (1 - float(random.uniform(0, 0.01))),
        int(random.integers(1 << 30)),
        height=float(random.uniform(1, 10)),
        resonance_hz=float(random.uniform(2000, 0.4 * rate_hz)),
    )
    load_hz = {"outer_race": 0.0, "inner_race": shaft_hz, "ball": bearing.ftf * shaft_hz}[part]
    time_s = np.arange(signal.size) / rate_hz
    loaded: Signal = signal * (1 + float(random.uniform(0, 1)) * np.cos(2 * np.pi * load_hz * time_s))
    return loaded
