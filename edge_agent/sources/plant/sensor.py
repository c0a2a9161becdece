"""What a sensor makes of a vibration: its own noise comes before, its failures and its 16 bits here.

The simulated sensor measures ± 50 g with 16 bits, which is what a wired industrial MEMS accelerometer gives.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_agent.sources.plant.faults import SensorFailure, SensorFault

FloatArray = NDArray[np.float64]
Signal = NDArray[np.float32]

STANDARD_GRAVITY_M_S2: Final = 9.80665
RANGE_G: Final = 50.0
WORD_BYTES: Final = 2
STEP_G: Final = RANGE_G / 2 ** (8 * WORD_BYTES - 1)

_CLIP_G: Final = 0.25
"""A clipping sensor's range: someone ordered the seismic type, which one blow drives to its rails."""


def failed(signal: Signal, failure: SensorFailure, time_s: FloatArray, seed: tuple[int, ...]) -> Signal:
    """Return what a failing sensor gives for one channel; outside the failure's time nothing changes.

    Args:
        signal: (n,) acceleration in m/s².
        failure: in which way and when.
        time_s: (n,) seconds since the start.
        seed: names this stretch of this channel, so that random spikes come again when asked again.
    """
    during = (time_s >= failure.from_s) & (time_s < failure.until_s)
    if not during.any():
        return signal
    random = np.random.default_rng(seed)
    return np.asarray(np.where(during, _FAILURES[failure.fault](signal, time_s, random), signal), np.float32)


def _dead(signal: Signal, _time_s: FloatArray, random: np.random.Generator) -> Signal:
    """No supply: only the converter's own noise of a fraction of a step is left."""
    return random.standard_normal(len(signal)).astype(np.float32) * np.float32(0.4 * STEP_G * STANDARD_GRAVITY_M_S2)


def _stuck(signal: Signal, _time_s: FloatArray, _random: np.random.Generator) -> Signal:
    """A frozen register: the same number again and again."""
    return np.full_like(signal, 0.37 * STANDARD_GRAVITY_M_S2)


def _clipping(signal: Signal, _time_s: FloatArray, _random: np.random.Generator) -> Signal:
    """A range too small for the place."""
    rail = np.float32(_CLIP_G * STANDARD_GRAVITY_M_S2)
    return np.clip(signal, -rail, rail)


def _loose_cable(signal: Signal, _time_s: FloatArray, random: np.random.Generator) -> Signal:
    """A plug that touches now and then: dropouts to zero, with a spike to the rails whenever it makes contact."""
    broken = signal.copy()
    for start in random.integers(0, len(signal), max(1, len(signal) // 3000)):
        gap = int(random.integers(10, 400))
        broken[start : start + gap] = 0.0
        broken[start : start + 3] = (
            random.choice([-1.0, 1.0]) * random.uniform(0.6, 1.0) * RANGE_G * STANDARD_GRAVITY_M_S2
        )
    return broken


def _ski_slope(signal: Signal, time_s: FloatArray, _random: np.random.Generator) -> Signal:
    """An overloaded charge amplifier: slow wandering that integrates to an absurd velocity below 20 Hz."""
    frequency_hz = np.geomspace(0.7, 17.0, 9)
    # Golden-ratio phases keep the waves from starting together; nothing here needs to differ between machines.
    phases = 2.0 * np.pi * np.mod(np.arange(len(frequency_hz)) * 0.618, 1.0)
    waves = np.cos(2.0 * np.pi * np.outer(frequency_hz, time_s) + phases[:, None]) * (10.0 / frequency_hz)[:, None]
    return np.asarray(signal + waves.sum(axis=0), np.float32)


_FAILURES: Final = {
    SensorFault.DEAD: _dead,
    SensorFault.STUCK: _stuck,
    SensorFault.CLIPPING: _clipping,
    SensorFault.LOOSE_CABLE: _loose_cable,
    SensorFault.SKI_SLOPE: _ski_slope,
}


def quantised_g(signal: Signal) -> Signal:
    """Return what the sensor reports, in g: whole steps of 16 bits within its range.

    Args:
        signal: acceleration in m/s², any shape.
    """
    steps = np.rint(signal / np.float32(STANDARD_GRAVITY_M_S2 * STEP_G))
    limit = RANGE_G / STEP_G
    return np.asarray(np.clip(steps, -limit, limit - 1.0) * np.float32(STEP_G), np.float32)
