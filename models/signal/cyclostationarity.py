"""How strongly a machine repeats: energy that comes and goes with a known or unknown period.

- `cyclic_indicator` asks about one period: how much of the squared envelope beats at a frequency and its harmonics.
- `cyclic_modulation` looks for all: power over carrier and modulation frequency, and `integrated` over carriers.

Both are ratios to the mean power of the same band, so neither load nor sensitivity changes them; both come with what
noise alone gives.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from models.signal.admission import admitted
from models.signal.averaging import window_length
from models.signal.errors import BandError, ResolutionError, SpeedError
from models.signal.fourier import rfft
from models.signal.spectra import Spectrum, hann

if TYPE_CHECKING:
    from numpy.typing import NDArray

LOBE_BINS: Final = 2
"""To either side of a line: half the main lobe of a Hann window, which holds all but 0.1 % of a line's power."""

NEIGHBOURS: Final = 20
"""Bins to either side of a line's lobe that tell the background."""

FEWEST_FRAMES: Final = 64
"""Below, modulation frequencies are hardly resolved: 32 bins up to the highest."""


@dataclass(frozen=True, slots=True)
class CyclicIndicator:
    """Second-order cyclostationarity at one frequency.

    Attributes:
        value: (channels,), 1: power of the modulation at the frequency and its harmonics over the squared mean.
        chance: (channels,), 1: the same sum as the neighbours of those lines would give.
        lines: (channels, harmonics), each line's own share of the value.
    """

    value: NDArray[np.float64]
    chance: NDArray[np.float64]
    lines: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class CyclicModulation:
    """Modulation power over carrier and modulation frequency.

    Attributes:
        power: (channels, carriers, modulations), 1: mean square of the modulation over the squared mean power.
        carrier_step_hz: distance of two carriers, from 0 Hz.
        modulation_step_hz: distance of two modulation frequencies, from 0 Hz; entry 0 is 0.
    """

    power: NDArray[Any]
    carrier_step_hz: float
    modulation_step_hz: float

    def integrated(self, low_hz: float, high_hz: float) -> Spectrum:
        """Return the mean over the carriers from `low_hz` to `high_hz`, a spectrum in 1 over modulation frequency.

        Raises:
            BandError: the edges are reversed, beyond the carriers, or hold none.

        Source: Abboud et al., Envelope analysis of rotating machine vibrations in variable speed conditions, Mech.
            Syst. Signal Process. 84 (2017), the improved envelope spectrum.
        """
        first = math.ceil(low_hz / self.carrier_step_hz - 1e-9)
        last = math.floor(high_hz / self.carrier_step_hz + 1e-9)
        if not 0 <= first <= last < self.power.shape[1]:
            raise BandError(
                f"carriers from {low_hz:g} to {high_hz:g} Hz: there are some every {self.carrier_step_hz:g} Hz up to "
                f"{(self.power.shape[1] - 1) * self.carrier_step_hz:g} Hz"
            )
        return Spectrum(self.power[:, first : last + 1].mean(axis=1), self.modulation_step_hz)


def cyclic_indicator(envelope: Spectrum, frequency_hz: float, *, harmonics: int = 3) -> CyclicIndicator:
    """Return how much of a band's power beats at a frequency, from its squared-envelope spectrum.

    Remove what repeats exactly (the synchronous average) before the envelope, so that gears do not count.

    Args:
        envelope: of `models.signal.envelope`, whose bin 0 holds the squared mean.
        frequency_hz: cyclic frequency, such as a fault's.
        harmonics: how many multiples are summed, as far as the spectrum reaches.

    Raises:
        SpeedError: a frequency that is not above 0.
        BandError: the frequency lies beyond the spectrum.
        ResolutionError: lines at that frequency cannot be told apart: the record is too short.

    Source: Raad, Antoni and Sidahmed, Indicators of cyclostationarity, Mech. Syst. Signal Process. 22 (2008),
        ICS2 with the sum over multiples of one cyclic frequency.
    """
    if not (math.isfinite(frequency_hz) and frequency_hz > 0):
        raise SpeedError(f"a cyclic frequency of {frequency_hz:g} Hz does not repeat: give one above 0")
    spacing = frequency_hz / envelope.step_hz
    if spacing < 2 * LOBE_BINS + 1:
        raise ResolutionError(
            f"{frequency_hz:g} Hz is not resolved by bins of {envelope.step_hz:.3g} Hz: "
            f"record at least {(2 * LOBE_BINS + 1) / frequency_hz:.3g} s"
        )
    bins = envelope.power.shape[-1]
    centres = [round(k * spacing) for k in range(1, harmonics + 1) if round(k * spacing) + LOBE_BINS < bins]
    if not centres:
        raise BandError(f"{frequency_hz:g} Hz lies beyond the envelope's {(bins - 1) * envelope.step_hz:g} Hz")
    power = envelope.power.astype(np.float64)
    mean_square = np.maximum(power[:, :1], np.finfo(np.float64).tiny)
    reach = min(NEIGHBOURS, int(spacing / 2) - LOBE_BINS)
    lines, chances = [], []
    for centre in centres:
        lobe = slice(centre - LOBE_BINS, centre + LOBE_BINS + 1)
        around = np.r_[
            max(1, lobe.start - max(reach, 1)) : lobe.start, lobe.stop : min(bins, lobe.stop + max(reach, 1))
        ]
        lines.append(power[:, lobe].sum(axis=1) / envelope.noise_bandwidth_bins)
        # The median of exponential values is ln 2 of their mean.
        background = np.median(power[:, around], axis=1) / math.log(2.0)
        chances.append(background * (2 * LOBE_BINS + 1) / envelope.noise_bandwidth_bins)
    shares = np.stack(lines, axis=1) / mean_square
    return CyclicIndicator(shares.sum(axis=1), (np.stack(chances, axis=1) / mean_square).sum(axis=1), shares)


def cyclic_modulation(
    samples: NDArray[Any], sample_rate_hz: float, *, carrier_resolution_hz: float, highest_hz: float
) -> CyclicModulation:
    """Return how the power at every carrier frequency is modulated.

    Memory: carriers × modulations numbers per channel for the result; at work, at least four times the samples of one
    channel, more when the hop that the highest modulation asks for is shorter than a quarter of a window.

    Args:
        samples: (channels, n), any unit; float32 stays float32.
        sample_rate_hz: of all channels.
        carrier_resolution_hz: distance of two carriers; must exceed `highest_hz`, or the window smooths it away.
        highest_hz: modulation frequencies up to here.

    Raises:
        SampleError, RateError: see `admission.admitted`.
        ResolutionError: the record is too short, or the carriers too narrow for the modulation.

    Source: Antoni and Hanson, Detection of surface ships from interception of cyclostationary signature with the
        cyclic modulation coherence, IEEE J. Oceanic Eng. 37 (2012).
    """
    real = admitted(samples, sample_rate_hz)
    if not 0 < highest_hz <= carrier_resolution_hz:
        raise ResolutionError(
            f"modulation up to {highest_hz:g} Hz does not pass carriers {carrier_resolution_hz:g} Hz apart: "
            "make them at least as wide as the highest modulation"
        )
    length = window_length(real.shape[1], sample_rate_hz, carrier_resolution_hz)
    # Power is sampled four times per period of the highest modulation: the window has smoothed what would alias.
    hop = max(1, min(length // 4, int(sample_rate_hz / (4 * highest_hz))))
    frames = (real.shape[1] - length) // hop + 1
    if frames < FEWEST_FRAMES:
        raise ResolutionError(
            f"{real.shape[1] / sample_rate_hz:.3g} s resolve no modulation: "
            f"record at least {(FEWEST_FRAMES * hop + length) / sample_rate_hz:.3g} s"
        )
    frame_rate_hz = sample_rate_hz / hop
    keep = int(highest_hz / frame_rate_hz * frames) + 1
    window = hann(length).astype(real.dtype)
    over_time = (hann(frames) * (4.0 / frames)).astype(real.dtype)
    centred = real - real.mean(axis=1, keepdims=True)
    cut = np.lib.stride_tricks.sliding_window_view(centred, length, axis=1)[:, ::hop]
    result = np.empty((real.shape[0], length // 2 + 1, keep), real.dtype)
    for channel in range(real.shape[0]):
        parts = rfft(cut[channel] * window)
        power = (parts.real**2 + parts.imag**2).T
        mean = power.mean(axis=1, keepdims=True)
        relative = power / np.maximum(mean, np.finfo(power.dtype).tiny) - 1.0
        lines = rfft(relative * over_time)[:, :keep]
        result[channel] = 0.5 * (lines.real**2 + lines.imag**2)
    result[:, :, 0] = 0.0
    return CyclicModulation(result, sample_rate_hz / length, frame_rate_hz / frames)
