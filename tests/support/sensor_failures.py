"""What a converter makes of a signal, and a sensor that fails: each way by what happens in it, none by a rule."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
G_M_S2 = 9.80665


@dataclass(frozen=True)
class _Channel:
    """One channel (samples,) in m/s² that is going to fail."""

    signal: FloatArray
    rate_hz: float
    floor_m_s2: float
    random: np.random.Generator

    @property
    def rms(self) -> float:
        return float(self.signal.std())

    @property
    def size(self) -> int:
        return self.signal.size


def quantised(samples: NDArray[np.float32], range_m_s2: float, bits: int = 16) -> NDArray[np.float32]:
    """Return samples in the steps of a converter, cut off at the ends of its range."""
    step = 2 * range_m_s2 / 2**bits
    return (np.clip(np.rint(samples / step), -(2 ** (bits - 1)), 2 ** (bits - 1) - 1) * step).astype(np.float32)


def spoiled(
    samples: NDArray[np.float32], rate_hz: float, kind: str, random: np.random.Generator, floor_m_s2: float
) -> NDArray[np.float32]:
    """Return one channel (samples,) as a sensor gives it that fails in one way."""
    return WAYS[kind](_Channel(samples.astype(np.float64), rate_hz, floor_m_s2, random)).astype(np.float32)


def _not_finite(channel: _Channel) -> FloatArray:
    signal = channel.signal.copy()
    at = channel.random.integers(0, channel.size, int(channel.random.integers(1, 200)))
    signal[at] = channel.random.choice([np.nan, np.inf, -np.inf])
    return signal


def _stuck(channel: _Channel) -> FloatArray:
    signal = np.full(channel.size, channel.random.normal() * channel.rms)
    if channel.random.random() < 0.5:  # the last bit still moves
        signal += channel.random.integers(0, 2, channel.size) * 16 * G_M_S2 / 2**16
    return signal


def _dead(channel: _Channel) -> FloatArray:
    time_s = np.arange(channel.size) / channel.rate_hz
    hum = channel.random.uniform(0, 2) * channel.floor_m_s2 * np.cos(2 * np.pi * 50.0 * time_s)
    return channel.floor_m_s2 * channel.random.standard_normal(channel.size) + hum


def _clipped(channel: _Channel) -> FloatArray:
    limit = channel.rms * channel.random.uniform(0.8, 1.8)
    return quantised(channel.signal.astype(np.float32), limit).astype(np.float64)


def _saturated(channel: _Channel) -> FloatArray:
    """An amplifier runs into its supply: rounded tops, one side earlier, a little noise behind it."""
    random, rms, signal = channel.random, channel.rms, channel.signal
    top, bottom = rms * random.uniform(0.5, 1.0), rms * random.uniform(0.6, 1.3)
    soft = random.uniform(6, 14)
    squeezed = signal / (1 + np.abs(signal / np.where(signal > 0, top, bottom)) ** soft) ** (1 / soft)
    return np.asarray(squeezed + 1e-4 * rms * random.standard_normal(channel.size))


def _loose_cable(channel: _Channel) -> FloatArray:
    """The contact breaks: noise while it is open, and the amplifier swings back when it closes."""
    random, rate_hz, signal = channel.random, channel.rate_hz, channel.signal.copy()
    rms = channel.rms
    recovery = np.exp(-np.arange(round(0.05 * rate_hz)) / (random.uniform(0.003, 0.02) * rate_hz))
    for _ in range(int(random.integers(4, 20))):
        start = int(random.integers(0, signal.size - round(0.3 * rate_hz)))
        stop = start + int(rate_hz * random.uniform(0.01, 0.15))
        signal[start:stop] = channel.floor_m_s2 * random.standard_normal(stop - start)
        swing = random.normal() * 3 * rms * recovery
        signal[stop : stop + swing.size] += swing[: signal.size - stop]
    return signal


def _ski_slope(channel: _Channel) -> FloatArray:
    """A shaken cable or a warming sensor: a random walk on top of the vibration."""
    size = channel.size
    walk = np.cumsum(channel.random.standard_normal(size))
    spectrum = np.fft.rfft(walk - np.linspace(walk[0], walk[-1], size))
    spectrum[: max(1, int(0.3 * size / channel.rate_hz))] = 0
    slope = np.fft.irfft(spectrum, size)
    return channel.signal + channel.rms * channel.random.uniform(4, 15) * slope / slope.std()


def _unit_g(channel: _Channel) -> FloatArray:
    return channel.signal * channel.random.choice([G_M_S2, 1 / G_M_S2])


def _unit_mm(channel: _Channel) -> FloatArray:
    return channel.signal * channel.random.choice([1000.0, 1 / 1000.0])


def _spikes(channel: _Channel) -> FloatArray:
    """A drive or a contactor beside the cable: samples far off, at random."""
    random, signal, rms = channel.random, channel.signal.copy(), channel.rms
    count = int(random.integers(6, 120))
    at = random.integers(0, signal.size - 1, count)
    signal[at] += rms * random.uniform(15, 60, count) * random.choice([-1, 1], count)
    if random.random() < 0.5:  # a contactor's arc is two samples long
        signal[at + 1] -= rms * random.uniform(5, 15, count)
    return signal


WAYS: Mapping[str, Callable[[_Channel], FloatArray]] = {
    "not_finite": _not_finite,
    "stuck": _stuck,
    "dead": _dead,
    "clipped": _clipped,
    "saturated": _saturated,
    "loose_cable": _loose_cable,
    "ski_slope": _ski_slope,
    "unit_g": _unit_g,
    "unit_mm": _unit_mm,
    "spikes": _spikes,
}
SENSOR_FAULTS = tuple(WAYS)
