"""The squared envelope spectrum: how the strength of one band of carrier frequencies is modulated.

A rolling element that passes a defect rings a resonance; the ring is the carrier, the rate of passing the modulation.
In this order: rfft, cut out the bins of the carrier band, transform them back (twice as many samples as bins, so that
the square does not alias), square the magnitude, and take its spectrum.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from models.signal.bands import bins_between
from models.signal.errors import BandError
from models.signal.fourier import ifft_unscaled, next_fast_len, rfft
from models.signal.spectra import Spectrum, hann

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

FEWEST_CARRIER_BINS = 8


def squared_envelope(
    transform: NDArray[Any], samples: int, sample_rate_hz: float, low_hz: float, high_hz: float
) -> tuple[NDArray[Any], float]:
    """Return the squared envelope of one carrier band and its own, lower sample rate.

    Args:
        transform: `fourier.rfft` of the samples without their mean, (channels, samples // 2 + 1).
        samples: how many samples were transformed.
        sample_rate_hz: of the samples.
        low_hz: lower edge of the band, inclusive.
        high_hz: upper edge, exclusive; at most Nyquist.

    Returns:
        squared envelope (channels, m) in unit², of a sine of amplitude A it is A²; and its sample rate in Hz.

    Raises:
        BandError: the edges are reversed, beyond Nyquist, or hold fewer than 8 bins.

    Source: Randall and Antoni, Rolling element bearing diagnostics, Mech. Syst. Signal Process. 25 (2011), section 5.
    """
    band = bins_between(low_hz, high_hz, sample_rate_hz / samples, transform.shape[-1])
    bins = band.stop - band.start
    if bins < FEWEST_CARRIER_BINS:
        raise BandError(
            f"a carrier band from {low_hz:g} to {high_hz:g} Hz holds {bins} bins: "
            f"at least {FEWEST_CARRIER_BINS} carry a modulation; widen it or use a longer window"
        )
    length = next_fast_len(2 * bins, real=False)
    padded = np.zeros((*transform.shape[:-1], length), transform.dtype)
    padded[..., :bins] = transform[..., band]
    # Two sides of the spectrum and the length of the forward transform: the magnitude is the amplitude.
    padded *= 2.0 / samples
    analytic = ifft_unscaled(padded)
    return analytic.real**2 + analytic.imag**2, sample_rate_hz * length / samples


def squared_envelope_spectrum(
    samples: NDArray[Any],
    sample_rate_hz: float,
    low_hz: float,
    high_hz: float,
    *,
    highest_hz: float | None = None,
) -> Spectrum:
    """Return the spectrum of the squared envelope of one carrier band.

    Args:
        samples: (channels, n), any unit; float32 stays float32.
        sample_rate_hz: of all channels.
        low_hz: lower edge of the carrier band, inclusive.
        high_hz: upper edge, exclusive.
        highest_hz: modulation frequencies beyond it are left out; None: all, up to the width of the band.

    Returns:
        Spectrum in (unit²)²; bin 0 holds the squared mean of the squared envelope, a modulation line its mean
        square. Of A(1 + m cos Ωt) the line at Ω has power 2 A⁴ m², 2 m² times bin 0 for a small m.

    Raises:
        BandError: as `squared_envelope`.
    """
    (spectrum,) = squared_envelope_spectra(samples, sample_rate_hz, ((low_hz, high_hz),), highest_hz=highest_hz)
    return spectrum


def squared_envelope_spectra(
    samples: NDArray[Any],
    sample_rate_hz: float,
    bands_hz: Sequence[tuple[float, float]],
    *,
    highest_hz: float | None = None,
) -> tuple[Spectrum, ...]:
    """Return `squared_envelope_spectrum` for several carrier bands that share one transform of the samples."""
    real = samples if samples.dtype in (np.float32, np.float64) else samples.astype(np.float64)
    n = real.shape[-1]
    transform = rfft(real - real.mean(axis=-1, keepdims=True))
    spectra = []
    for low_hz, high_hz in bands_hz:
        envelope, _ = squared_envelope(transform, n, sample_rate_hz, low_hz, high_hz)
        length = envelope.shape[-1]
        mean = envelope.mean(axis=-1, keepdims=True)
        # 2/length for sides and transform, 2 for the mean of the window: a line's bin holds its amplitude.
        window = (hann(length) * (4.0 / length)).astype(envelope.dtype)
        lines = rfft((envelope - mean) * window)
        power = 0.5 * (lines.real**2 + lines.imag**2)
        power[..., 0] = mean[..., 0] ** 2
        step_hz = sample_rate_hz / n
        # A band of k bins modulates at most k bins fast; beyond that there is only padding.
        width = int((high_hz - low_hz) / step_hz) + 1
        keep = width if highest_hz is None else min(width, int(highest_hz / step_hz) + 1)
        spectra.append(Spectrum(power[..., :keep], step_hz))
    return tuple(spectra)
