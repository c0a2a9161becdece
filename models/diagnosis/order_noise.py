"""How loud the noise is around each order of the shaft: what a line must be compared with to know its force.

A structure amplifies some orders and weakens others, as they happen to fall beside its resonances, so the velocity at
an order says little about the force that made it. But the noise of flow and friction comes through the same structure:
close to an order it is amplified as the line itself is. The ratio of both is that of the forces, whatever resonates,
and the forces of a bent coupling, of a blow and of a lost weight differ as their lines do not.

Source: D. J. Ewins, Modal Testing, section 2.7 (response is force times accelerance); R. B. Randall, Vibration-based
Condition Monitoring, section 3.1 (noise as the excitation that every mode shares).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from models.diagnosis.fingerprint import LINE_BINS, ORDER_TOLERANCE, ORDERS
from models.signal.fourier import prev_fast_len
from models.signal.spectra import power_spectrum

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.diagnosis.envelope_lines import FloatArray

REACH_HZ: Final = 4.0
"""How far around an order its noise is taken: a low resonance is a few hertz wide."""
REACH_ORDERS: Final = 0.35
"""And how far at most, so that neither the next order nor the half one is reached with its skirts."""
LEAST_BINS: Final = 6
"""A median of fewer is too random to divide by."""


def noise_around_orders(samples: NDArray[np.floating], sample_rate_hz: float, shaft_hz: float) -> FloatArray:
    """Return the mean square per bin of the noise around each of `ORDERS`, NaN where there is too little of it.

    Args:
        samples: acceleration (channels, samples) in m/s², finite.
        sample_rate_hz: of the samples.
        shaft_hz: turns per second.

    Returns:
        (channels, orders) in (m/s²)².
    """
    return np.stack([_of_channel(channel, sample_rate_hz, shaft_hz) for channel in samples])


def _of_channel(channel: NDArray[np.floating], sample_rate_hz: float, shaft_hz: float) -> FloatArray:
    length = prev_fast_len(channel.size)
    step_hz = sample_rate_hz / length
    spectrum = power_spectrum(channel[None, :length], sample_rate_hz)
    power = spectrum.power[0] / spectrum.noise_bandwidth_bins
    reach = min(REACH_HZ, REACH_ORDERS * shaft_hz) / step_hz
    result = np.full(len(ORDERS), np.nan)
    for column, order in enumerate(ORDERS):
        centre = order * shaft_hz / step_hz
        bins = np.arange(max(1, math.ceil(centre - reach)), min(power.size, math.floor(centre + reach) + 1))
        bins = bins[np.abs(bins - centre) > LINE_BINS + 1 + ORDER_TOLERANCE * centre]
        if bins.size >= LEAST_BINS:
            # The median of Exp(1) is ln 2.
            result[column] = float(np.median(power[bins])) / math.log(2)
    return result
