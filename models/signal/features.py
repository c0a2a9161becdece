"""Features: named numbers with units from one window, for all channels of a machine at once.

The order of one call, four channels at a time so that everything stays in the processor's cache:

1. mean, removed; moments by dot products (RMS, kurtosis), the peak as the root of the largest square,
2. Hann window and one shared rfft,
3. bands and velocity as sums over that spectrum, by dot products without a copy,
4. four carrier bands: the bins of a band are transformed back as they are (a zoom), which gives the analytic signal
   of that band at its own low rate; its squared envelope is weighed with the squared window.

`models.signal.reference` computes the same numbers in plain float64; tests hold the two together.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from models.signal.bands import BAND_COUNT, CARRIER_COUNT, BandLayout, band_layout
from models.signal.errors import SignalError
from models.signal.fourier import ifft_unscaled, rfft

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

CHANNELS_AT_ONCE: Final = 4
"""What pocketfft transforms in one go of vector instructions, and small enough for a cache of 2 MB at 25,600 points."""

SPECIFICATION_VERSION: Final = 1
"""Counted up when a feature of the same name gets another meaning; part of the hash."""

POWER_SCALE: Final = 0.5 / (3.0 / 8.0)
"""From squared amplitudes to mean squares, over the mean of the squared Hann window."""

HANN_POWER_4: Final = 35.0 / 128.0
"""Mean of its fourth power, the weight of the squared envelope."""


@dataclass(frozen=True, slots=True)
class FeatureDefinition:
    """One feature.

    Attributes:
        name: as it is trended, `{channel}/{name}`.
        eng_unit: what people read.
        description: one sentence.
        default: part of the set that is computed when nothing else is asked for.
    """

    name: str
    eng_unit: str
    description: str
    default: bool


FEATURES: Final[tuple[FeatureDefinition, ...]] = (
    FeatureDefinition("acceleration_rms", "m/s²", "RMS acceleration without its mean.", default=True),
    FeatureDefinition("acceleration_peak", "m/s²", "Largest deviation from the mean.", default=True),
    FeatureDefinition("crest_factor", "1", "Peak over RMS; 1.41 for a sine, rises with impacts.", default=True),
    FeatureDefinition("kurtosis", "1", "Fourth moment over the squared second; 3 for noise, 1.5 a sine.", default=True),
    FeatureDefinition("velocity_rms", "mm/s", "RMS velocity from 10 Hz to 1000 Hz, as in ISO 20816-3.", default=True),
    *(
        FeatureDefinition(
            f"band_{number}", "m/s²", f"RMS acceleration in log-spaced band {number} of {BAND_COUNT}.", default=True
        )
        for number in range(1, BAND_COUNT + 1)
    ),
    *(
        FeatureDefinition(
            f"envelope_{number}",
            "m/s²",
            f"Root of the RMS modulation of the squared envelope in carrier octave {number} of {CARRIER_COUNT}.",
            default=True,
        )
        for number in range(1, CARRIER_COUNT + 1)
    ),
    FeatureDefinition("acceleration_mean", "m/s²", "Mean, which shows the bias of a failing sensor.", default=False),
    FeatureDefinition("skewness", "1", "Third moment over the cube of the RMS; 0 where symmetric.", default=False),
)
"""Every feature there is; the order of the defaults is the order of the default vector."""

_BY_NAME: Final = {definition.name: definition for definition in FEATURES}
_MOMENTS: Final = ("acceleration_mean", "acceleration_rms", "acceleration_peak", "crest_factor", "kurtosis", "skewness")
_BANDS: Final = tuple(f"band_{number}" for number in range(1, BAND_COUNT + 1))
_ENVELOPES: Final = tuple(f"envelope_{number}" for number in range(1, CARRIER_COUNT + 1))


def default_names() -> tuple[str, ...]:
    """Return the names of the default set in their order."""
    return tuple(definition.name for definition in FEATURES if definition.default)


class FeatureExtractor:
    """Computes a fixed list of features from windows of one rate and length.

    Not re-entrant: scratch memory is kept between calls, so every thread needs its own extractor.

    Args:
        sample_rate_hz: of every window.
        window_samples: length of every window, at least 256.
        names: which features in which order; None: the default set.

    Attributes:
        names: in the order of the columns of the result.
        units: engineering unit of each.
        layout: where the bands lie.
        hash: 16 hex digits that change with anything that changes the meaning of a column.

    Raises:
        SignalError: the rate or window cannot give bands, or a name is not in `FEATURES`.
    """

    def __init__(self, sample_rate_hz: float, window_samples: int, names: Sequence[str] | None = None) -> None:
        self.layout: Final[BandLayout] = band_layout(sample_rate_hz, window_samples)
        self.sample_rate_hz: Final = float(sample_rate_hz)
        self.window_samples: Final = window_samples
        self.names: Final = default_names() if names is None else tuple(names)
        unknown = [name for name in self.names if name not in _BY_NAME]
        if unknown or not self.names or len(set(self.names)) < len(self.names):
            raise SignalError(
                f"cannot compute features {', '.join(unknown) or 'from an empty or repeated list'}: "
                f"choose from {', '.join(_BY_NAME)}"
            )
        self.units: Final = tuple(_BY_NAME[name].eng_unit for name in self.names)
        self.hash: Final = self._specification_hash()
        self._columns = {name: column for column, name in enumerate(self.names)}
        self._needs_moments = any(name in self._columns for name in _MOMENTS)
        self._needs_envelopes = any(name in self._columns for name in _ENVELOPES)
        self._needs_spectrum = (
            self._needs_envelopes or "velocity_rms" in self._columns or any(name in self._columns for name in _BANDS)
        )
        self._prepare()

    def describe(self, name: str) -> str:
        """Return what a feature is, with the edges of its band for this rate and window."""
        text = _BY_NAME[name].description
        if name in _BANDS:
            low_hz, high_hz = self.layout.band_hz(_BANDS.index(name) + 1)
        elif name in _ENVELOPES:
            low_hz, high_hz = self.layout.carrier_hz(_ENVELOPES.index(name) + 1)
        else:
            return text
        return f"{text[:-1]}: {low_hz:.4g} Hz to {high_hz:.4g} Hz."

    def __call__(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the features of one window of each channel.

        Args:
            samples: acceleration in m/s², (channels, window_samples); rows must be contiguous to be fast.

        Returns:
            float32 (channels, features). A channel with samples that are not finite gives features that are not
            finite; one that is constant gives zeros.

        Raises:
            SignalError: the shape does not fit.
        """
        if samples.ndim != 2 or samples.shape[1] != self.window_samples:
            raise SignalError(f"samples of shape {samples.shape}: expected (channels, {self.window_samples})")
        x = np.asarray(samples, np.float32)
        result = np.empty((x.shape[0], len(self.names)), np.float32)
        # Samples that are not finite are the caller's to flag (models.signal.quality); here they only pass through.
        with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
            for first in range(0, x.shape[0], CHANNELS_AT_ONCE):
                group = slice(first, first + CHANNELS_AT_ONCE)
                self._extract(x[group], result[group])
        return result

    def _prepare(self) -> None:
        n, rows = self.window_samples, CHANNELS_AT_ONCE
        self._ones = np.ones(n, np.float32)
        self._centred = np.empty((rows, n), np.float32)
        self._work = np.empty((rows, n), np.float32)
        # Two floats per bin: real and imaginary part lie next to each other in `_parts`.
        self._spectrum = np.empty((rows, n // 2 + 1), np.complex64)
        self._parts = self._spectrum.view(np.float32)
        angle = 2.0 * np.pi / n * np.arange(n)
        # Scaled by 2/n, so that a bin holds the amplitude of its line times the mean of the window, at any length.
        self._hann = ((1.0 - np.cos(angle)) / n).astype(np.float32)
        low, high = self.layout.velocity
        omega = 2.0 * np.pi * self.layout.step_hz * np.arange(low, high)
        self._velocity_parts = slice(2 * low, 2 * high)
        self._velocity_weights = np.repeat(1e6 * POWER_SCALE / omega**2, 2).astype(np.float32)
        self._carriers = []
        longest = max(bins for _, bins in self.layout.carriers)
        self._analytic = np.empty(rows * longest, np.complex64)
        self._squared = np.empty(rows * longest, np.complex64)
        for first, bins in self.layout.carriers:
            weights = (0.5 - 0.5 * np.cos(2.0 * np.pi / bins * np.arange(bins))) ** 2
            self._carriers.append((first, bins, np.repeat(weights, 2).astype(np.float32)))

    def _specification_hash(self) -> str:
        layout = self.layout
        parts = [
            f"version={SPECIFICATION_VERSION}",
            f"rate={self.sample_rate_hz!r}",
            f"window={self.window_samples}",
            f"bands={layout.bands}",
            f"carriers={layout.carriers}",
            f"velocity={layout.velocity}",
            *(f"{name}[{unit}]" for name, unit in zip(self.names, self.units, strict=True)),
        ]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]

    def _extract(self, x: NDArray[np.float32], result: NDArray[np.float32]) -> None:
        rows = x.shape[0]
        centred = self._centred[:rows]
        mean = np.vecdot(x, self._ones) / np.float32(self.window_samples)
        np.subtract(x, mean[:, None], out=centred)
        if self._needs_moments:
            self._moments(mean, centred, result)
        if not self._needs_spectrum:
            return
        np.multiply(centred, self._hann, out=self._work[:rows])
        rfft(self._work[:rows], out=self._spectrum[:rows])
        self._bands(rows, result)
        if self._needs_envelopes:
            self._envelopes(rows, result)

    def _moments(self, mean: NDArray[np.float32], centred: NDArray[np.float32], result: NDArray[np.float32]) -> None:
        n = np.float32(self.window_samples)
        squares = np.multiply(centred, centred, out=self._work[: centred.shape[0]])
        second = np.vecdot(centred, centred) / n
        peak = np.sqrt(squares.max(axis=1))
        rms = np.sqrt(second)
        # A constant channel has no shape: its ratios are 0, not 0/0.
        silent = second == 0
        result[:, self._at("acceleration_mean")] = mean[:, None]
        result[:, self._at("acceleration_rms")] = rms[:, None]
        result[:, self._at("acceleration_peak")] = peak[:, None]
        result[:, self._at("crest_factor")] = np.where(silent, 0, peak / rms)[:, None]
        if self._at("kurtosis"):
            fourth = np.vecdot(squares, squares) / n
            result[:, self._at("kurtosis")] = np.where(silent, 0, fourth / (second * second))[:, None]
        if self._at("skewness"):
            third = np.vecdot(squares, centred) / n
            result[:, self._at("skewness")] = np.where(silent, 0, third / (second * rms))[:, None]

    def _at(self, name: str) -> list[int]:
        """Return the column of a feature as an index that is empty where nobody asked for it."""
        return [self._columns[name]] if name in self._columns else []

    def _bands(self, rows: int, result: NDArray[np.float32]) -> None:
        parts = self._parts[:rows]
        if "velocity_rms" in self._columns:
            low = parts[:, self._velocity_parts]
            mean_square = np.vecdot(low * low, self._velocity_weights)
            result[:, self._columns["velocity_rms"]] = np.sqrt(mean_square)
        edges = self.layout.bands
        for name, low_bin, high_bin in zip(_BANDS, edges[:-1], edges[1:], strict=True):
            if name in self._columns:
                band = parts[:, 2 * low_bin : 2 * high_bin]
                result[:, self._columns[name]] = np.sqrt(np.vecdot(band, band) * POWER_SCALE)

    def _envelopes(self, rows: int, result: NDArray[np.float32]) -> None:
        for name, (first, bins, weights) in zip(_ENVELOPES, self._carriers, strict=True):
            if name not in self._columns:
                continue
            analytic = self._analytic[: rows * bins].reshape(rows, bins)
            squared = self._squared[: rows * bins].reshape(rows, bins)
            ifft_unscaled(self._spectrum[:rows, first : first + bins], out=analytic)
            parts, work = analytic.view(np.float32), squared.view(np.float32)
            # The samples carry the window w, so |analytic|² is w² × squared envelope. Weighing both moments with w⁴
            # makes an unmodulated sine exactly zero: Σ s·w² and Σ s², s = |analytic|², each over Σ w⁴.
            np.multiply(parts, weights, out=work)
            first_moment = np.vecdot(parts, work) / (bins * HANN_POWER_4)
            np.multiply(analytic, analytic, out=squared)
            second_moment = np.vecdot(work, work) / (bins * HANN_POWER_4)
            variance = np.maximum(second_moment - first_moment * first_moment, 0)
            result[:, self._columns[name]] = np.sqrt(np.sqrt(variance))
