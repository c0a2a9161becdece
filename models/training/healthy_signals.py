"""Healthy machines of many kinds, simulated: what the base autoencoder learns the common pattern from.

The network must not know one machine, it must know how the standardised features of *any* healthy machine move
together: load raises all bands, a passing resonance some of them, kurtosis and crest factor share their bumps. So each
machine is drawn anew (speed, harmonics, resonances, noise colour, how far load and speed wander), and its windows are
standardised by its own first windows, exactly as a gateway does. One machine, in order:

1. shaft harmonics with random levels and phases, gear mesh with shaft sidebands on some,
2. broadband noise through two to five resonances, the noise a process makes,
3. slow wandering of load (all levels) and of each source by itself, from window to window,
4. now and then one knock: healthy machines have a life around them.

Everything follows from the seed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from models.signal.fourier import irfft, rfft

if TYPE_CHECKING:
    from numpy.typing import NDArray

SAMPLE_RATES_HZ: Final = (12_000.0, 25_600.0, 25_600.0, 51_200.0)
WINDOWS_S: Final = (0.1, 0.25, 0.5)
"""What gateways really run; a network that has seen one length only takes another one's scatter for a fault."""
KNOCK_PROBABILITY: Final = 0.01


@dataclass(frozen=True, slots=True)
class HealthyMachine:
    """One healthy machine as its accelerometer hears it; draw one with `draw_machine`.

    Attributes:
        sample_rate_hz, window_samples: of its windows.
        tones_hz, tones_m_s2: frequencies and amplitudes of its lines.
        gains: response to noise per rfft bin of a window, (bins,), RMS 1.
        noise_m_s2: RMS of that noise.
        load_sigma, source_sigma: how far load and each source wander, in logarithms.
        wander_windows: over how many windows they do.
    """

    sample_rate_hz: float
    window_samples: int
    tones_hz: NDArray[np.float64]
    tones_m_s2: NDArray[np.float64]
    gains: NDArray[np.float32]
    noise_m_s2: float
    load_sigma: float
    source_sigma: float
    wander_windows: float


def draw_machine(rng: np.random.Generator) -> HealthyMachine:
    """Return a random healthy machine."""
    rate = float(rng.choice(SAMPLE_RATES_HZ))
    samples = 2 * round(rate * float(rng.choice(WINDOWS_S)) / 2)
    shaft_hz = rng.uniform(8.0, 60.0)
    orders = np.arange(1, rng.integers(3, 12))
    amplitudes = rng.lognormal(-1.0, 0.8, orders.size) / orders
    if rng.random() < 0.4:
        mesh = rng.integers(17, 60)
        orders = np.concatenate([orders, mesh + np.arange(-2, 3)])
        amplitudes = np.concatenate([amplitudes, rng.lognormal(-1.0, 0.8) * np.array([0.1, 0.3, 1.0, 0.3, 0.1])])
    below = orders * shaft_hz < 0.45 * rate
    return HealthyMachine(
        sample_rate_hz=rate,
        window_samples=samples,
        tones_hz=np.asarray(orders[below] * shaft_hz, np.float64),
        tones_m_s2=amplitudes[below],
        gains=_draw_gains(rng, rate, samples),
        noise_m_s2=float(rng.lognormal(-0.3, 0.8)),
        load_sigma=rng.uniform(0.01, 0.12),
        source_sigma=rng.uniform(0.01, 0.08),
        wander_windows=rng.uniform(2.0, 60.0),
    )


def simulate(machine: HealthyMachine, windows: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return consecutive windows of one healthy machine, float32 (windows, samples) in m/s²."""
    n = machine.window_samples
    time_s = np.arange(n) / machine.sample_rate_hz
    load = np.exp(_wander(machine.load_sigma, machine.wander_windows, windows, rng))
    sources = [np.exp(_wander(machine.source_sigma, machine.wander_windows, windows, rng)) for _ in range(2)]
    phases = rng.uniform(0.0, 2.0 * np.pi, machine.tones_hz.size)
    result = np.empty((windows, n), np.float32)
    for window in range(windows):
        spectrum = rfft(rng.standard_normal(n, dtype=np.float32)[None])[0] * machine.gains
        noise = irfft(spectrum[None], n)[0] * (machine.noise_m_s2 * sources[0][window])
        turns = machine.tones_hz[:, None] * (time_s + window * time_s[-1])
        angle = 2.0 * np.pi * (turns % 1.0) + phases[:, None]
        tones = (machine.tones_m_s2 * sources[1][window]) @ np.sin(angle.astype(np.float32))
        result[window] = load[window] * (noise + tones)
        if rng.random() < KNOCK_PROBABILITY:
            result[window] += _knock(machine, rng)
    return result


def _draw_gains(rng: np.random.Generator, rate: float, samples: int) -> NDArray[np.float32]:
    frequency = np.fft.rfftfreq(samples, 1.0 / rate)
    gains = np.full(frequency.size, 0.2) * (1.0 + frequency / rate) ** rng.uniform(-3.0, 3.0)
    for _ in range(rng.integers(2, 6)):
        centre = np.exp(rng.uniform(np.log(200.0), np.log(0.45 * rate)))
        width = centre * rng.uniform(0.03, 0.3)
        gains += rng.lognormal(0.0, 0.7) / np.sqrt(1.0 + ((frequency - centre) / width) ** 2)
    return np.asarray(gains / np.sqrt(np.mean(gains**2)), np.float32)


def _wander(sigma: float, over_windows: float, windows: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return a first-order autoregressive walk around zero, (windows,)."""
    keep = np.exp(-1.0 / over_windows)
    steps = rng.normal(0.0, sigma * np.sqrt(1.0 - keep * keep), windows)
    walk = np.empty(windows)
    at = rng.normal(0.0, sigma)
    for window in range(windows):
        at = keep * at + steps[window]
        walk[window] = at
    return walk


def _knock(machine: HealthyMachine, rng: np.random.Generator) -> NDArray[np.float32]:
    time_s = np.arange(machine.window_samples) / machine.sample_rate_hz
    since_s = time_s - rng.uniform(0.0, time_s[-1])
    ringing_hz = rng.uniform(300.0, 0.3 * machine.sample_rate_hz)
    ring = np.exp(-np.maximum(since_s, 0.0) * ringing_hz / 8.0) * np.sin(2.0 * np.pi * ringing_hz * since_s)
    return np.asarray(np.where(since_s >= 0.0, machine.noise_m_s2 * rng.uniform(2.0, 10.0) * ring, 0.0), np.float32)
