"""How the housing answers on its way from where something happens to where a sensor sits.

Each measurement point has a few modes (natural frequencies with damping). A blow or a rush of fluid excites them all;
near sensors hear it louder than far ones, and every direction a little differently. The responses are made once, as
filters of limited length, so that a second of signal needs one multiplication of spectra and the ring-down that runs
over its end is simply added to the next.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from edge_agent.sources.plant.shaft import ChannelAt

FloatArray = NDArray[np.float64]
Spectrum = NDArray[np.complex64]

RING_DOWN_S = 0.17
"""Length of every filter: twelve time constants of the slowest mode."""

_LEAD_S = 0.01
"""Delay common to all filters; what a band-limited response has before its start falls into it."""

_AXIS_GAIN = {"H": 1.0, "V": 0.85, "A": 0.5}

_FAR = 0.3
"""What the far end of the machine hears of a blow."""


@dataclass(frozen=True, slots=True)
class Mode:
    """One natural mode: frequency in Hz, damping ratio, and its share of the response."""

    frequency_hz: float
    damping: float
    share: float


def drawn_modes(random: np.random.Generator) -> tuple[Mode, ...]:
    """Return the modes of one bearing housing: a foot-and-frame mode, then housing, ring and sensor-mount modes."""
    bands = ((350.0, 650.0, 0.16), (1200.0, 1900.0, 0.35), (2600.0, 4200.0, 1.0), (5500.0, 8500.0, 0.7))
    return tuple(
        Mode(float(random.uniform(low, high)), float(random.uniform(0.02, 0.045)), share) for low, high, share in bands
    )


def struck_modes(modes: tuple[Mode, ...], random: np.random.Generator) -> tuple[Mode, ...]:
    """Return what a blow in the bearing excites: the housing's modes, and the rotor itself on its oil film or grease.

    The rotor's heavily damped mode is what carries a late bearing fault into the velocity below 1000 Hz.
    """
    return (*modes, Mode(float(random.uniform(150.0, 280.0)), 0.1, 0.9))


def transfer(modes: tuple[Mode, ...], channel: ChannelAt, point: str, random: np.random.Generator) -> tuple[Mode, ...]:
    """Return the modes as one channel hears them from one point: shifted a little, weaker from afar."""
    reach = _AXIS_GAIN[channel.axis] * (1.0 if channel.point == point else _FAR)
    return tuple(
        Mode(
            mode.frequency_hz * float(random.uniform(0.97, 1.03)),
            mode.damping,
            mode.share * reach * float(random.uniform(0.75, 1.25)),
        )
        for mode in modes
    )


@dataclass(frozen=True, slots=True)
class FilterGrid:
    """The grid on which filters live: a second of signal plus the ring-down.

    Attributes:
        sample_rate_hz: of the signal.
        samples: of one second (block).
        ring_down: samples of a filter.
    """

    sample_rate_hz: float
    samples: int
    ring_down: int

    @classmethod
    def of(cls, sample_rate_hz: float) -> FilterGrid:
        """Return the grid for a rate; the whole length is a product of 2, 3 and 5 so that its FFT is fast."""
        samples = round(sample_rate_hz)
        length = _next_fast_length(samples + round(RING_DOWN_S * sample_rate_hz))
        return cls(sample_rate_hz, samples, length - samples)

    @property
    def length(self) -> int:
        """Return block and ring-down together."""
        return self.samples + self.ring_down

    @property
    def frequency_hz(self) -> FloatArray:
        """Return the frequencies of the filters' bins, (length // 2 + 1,)."""
        return np.asarray(np.fft.rfftfreq(self.length, 1.0 / self.sample_rate_hz), np.float64)

    def modal(self, modes: tuple[Mode, ...]) -> Spectrum:
        """Return the acceleration response of some modes to a force: peaks of their shares, falling with f² below.

        Source: accelerance of a single-degree-of-freedom system, Ewins, Modal Testing, section 2.
        """
        frequency = self.frequency_hz
        response = np.zeros(len(frequency), complex)
        for mode in modes:
            ratio = frequency / mode.frequency_hz
            peak_one = -2.0 * mode.damping * ratio**2 / (1.0 - ratio**2 + 2j * mode.damping * ratio)
            # Far above itself a mode moves as a rigid mass, which the modes above it cancel.
            response += mode.share * peak_one / (1.0 + (ratio / 3.0) ** 4)
        # No sensor hears beyond its mounting.
        top_hz = 0.4 * self.sample_rate_hz
        return self._limited(response / (1.0 + (frequency / top_hz) ** 8))

    def pink(self, corner_hz: float) -> Spectrum:
        """Return a noise shape of RMS 1 for white noise of RMS 1: falls with 1/f (power) up to a corner, then flat."""
        frequency = np.maximum(self.frequency_hz, 2.0)
        shaped = self._limited(np.sqrt(1.0 + corner_hz / frequency))
        return self.unit_noise(shaped)

    def unit_noise(self, response: Spectrum) -> Spectrum:
        """Return the filter scaled so that white noise of RMS 1 comes out with RMS 1."""
        return np.asarray(response / self.noise_gain(response), np.complex64)

    def noise_gain(self, response: Spectrum) -> float:
        """Return the RMS with which white noise of RMS 1 comes out."""
        return float(np.sqrt(np.sum(np.fft.irfft(response.astype(complex), self.length) ** 2)))

    def _limited(self, response: NDArray[np.number]) -> Spectrum:
        """Return the filter cut to the ring-down, with a soft end, delayed by the common lead."""
        lead = round(_LEAD_S * self.sample_rate_hz)
        taps = np.roll(np.fft.irfft(response, self.length), lead)
        window = np.zeros(self.length)
        window[: self.ring_down] = 1.0
        window[:lead] = np.sin(np.linspace(0.0, np.pi / 2.0, lead)) ** 2
        fade = self.ring_down // 4
        window[self.ring_down - fade : self.ring_down] = np.cos(np.linspace(0.0, np.pi / 2.0, fade)) ** 2
        return np.asarray(np.fft.rfft(taps * window), np.complex64)


def _next_fast_length(at_least: int) -> int:
    length = at_least
    while True:
        rest = length
        for factor in (2, 3, 5):
            while rest % factor == 0:
                rest //= factor
        if rest == 1 and length % 2 == 0:
            return length
        length += 1
