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
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from models.signal.bands import BAND_COUNT, CARRIER_COUNT, BandLayout, band_layout
from models.signal.errors import SignalError
from models.signal.fourier import ifft_unscaled, rfft
from models.signal.spectra import hann

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

CHANNELS_AT_ONCE: Final = 4
"""What pocketfft transforms in one go of vector instructions, and small enough for a cache of 2 MB at 25,600 points."""

SPECIFICATION_VERSION: Final = 1
"""Counted up when a feature of the same name gets another meaning; part of the hash."""

CACHE_LINE_BYTES: Final = 64

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
            f"Root of the RMS modulation of the squared envelope in carrier band {number} of {CARRIER_COUNT}.",
            default=True,
        )
        for number in range(1, CARRIER_COUNT + 1)
    ),
    FeatureDefinition("acceleration_mean", "m/s²", "Mean, which shows the bias of a failing sensor.", default=False),
    FeatureDefinition("skewness", "1", "Third moment over the cube of the RMS; 0 where symmetric.", default=False),
)
"""Every feature there is; the order of the defaults is the order of the default vector."""

_BY_NAME: Final = {definition.name: definition for definition in FEATURES}
_MOMENTS: Final = ("acceleration_rms", "acceleration_peak", "crest_factor", "kurtosis", "skewness")
_BANDS: Final = tuple(f"band_{number}" for number in range(1, BAND_COUNT + 1))
_ENVELOPES: Final = tuple(f"envelope_{number}" for number in range(1, CARRIER_COUNT + 1))


# Rows of the sums that one group of channels leaves behind; features are made of them at the end, for all at once.
_MEAN, _SECOND, _LARGEST, _THIRD, _FOURTH, _VELOCITY = range(6)
_BAND: Final = slice(6, 6 + BAND_COUNT)
_ENVELOPE_FIRST: Final = slice(_BAND.stop, _BAND.stop + CARRIER_COUNT)
_ENVELOPE_SECOND: Final = slice(_ENVELOPE_FIRST.stop, _ENVELOPE_FIRST.stop + CARRIER_COUNT)
_SUMS: Final = _ENVELOPE_SECOND.stop


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
        wanted = set(self.names)
        self._needs_third = "skewness" in wanted
        self._needs_moments = not wanted.isdisjoint(_MOMENTS)
        self._needs_envelopes = not wanted.isdisjoint(_ENVELOPES)
        self._needs_spectrum = self._needs_envelopes or not wanted.isdisjoint(("velocity_rms", *_BANDS))
        self._ones = _aligned_row(np.ones(window_samples))
        # Scaled by 2/n, so that a bin holds the amplitude of its line times the mean of the window, at any length.
        self._hann = _aligned_row(hann(window_samples) * 2.0 / window_samples)
        low, high = self.layout.velocity
        omega = 2.0 * np.pi * self.layout.step_hz * np.arange(low, high)
        self._velocity_weights = _aligned_row(np.repeat(1e6 * POWER_SCALE / omega**2, 2))
        carrier_bins = [bins for _, bins in self.layout.carriers]
        self._carrier_weights = [_aligned_row(np.repeat(hann(bins) ** 2, 2)) for bins in carrier_bins]
        self._carrier_norms = np.array([[bins * HANN_POWER_4] for bins in carrier_bins], np.float32)
        self._workspaces = _workspaces(self.layout, window_samples)

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
        sums = np.empty((_SUMS, x.shape[0]), np.float32)
        # Samples that are not finite are the caller's to flag (models.signal.quality); here they only pass through.
        with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
            for first in range(0, x.shape[0], CHANNELS_AT_ONCE):
                group = x[first : first + CHANNELS_AT_ONCE]
                self._sum_up(group, sums[:, first : first + group.shape[0]])
            return self._finish(sums)

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

    def _sum_up(self, x: NDArray[np.float32], sums: NDArray[np.float32]) -> None:
        """Write the sums of one group of channels, (sums, channels of the group)."""
        space = self._workspaces[x.shape[0] - 1]
        mean = sums[_MEAN]
        np.vecdot(x, self._ones, out=mean)
        mean *= 1.0 / self.window_samples
        np.subtract(x, mean[:, None], out=space.centred)
        if self._needs_moments:
            np.square(space.centred, out=space.squares)
            np.vecdot(space.centred, space.centred, out=sums[_SECOND])
            np.max(space.squares, axis=1, out=sums[_LARGEST])
            np.vecdot(space.squares, space.squares, out=sums[_FOURTH])
            if self._needs_third:
                np.vecdot(space.squares, space.centred, out=sums[_THIRD])
        if not self._needs_spectrum:
            return
        np.multiply(space.centred, self._hann, out=space.centred)
        rfft(space.centred, out=space.spectrum)
        np.square(space.velocity, out=space.velocity_squares)
        np.vecdot(space.velocity_squares, self._velocity_weights, out=sums[_VELOCITY])
        for band, total in zip(space.bands, sums[_BAND], strict=True):
            np.vecdot(band, band, out=total)
        if self._needs_envelopes:
            self._envelopes(space, sums)

    def _envelopes(self, space: _Workspace, sums: NDArray[np.float32]) -> None:
        # The samples carry the window w, so |analytic|² is w² × squared envelope. Weighing both moments with w⁴
        # makes an unmodulated sine exactly zero: Σ s·w² and Σ s², s = |analytic|², each over Σ w⁴.
        for carrier, weights, first, second in zip(
            space.carriers, self._carrier_weights, sums[_ENVELOPE_FIRST], sums[_ENVELOPE_SECOND], strict=True
        ):
            ifft_unscaled(carrier.spectrum, out=carrier.analytic)
            np.multiply(carrier.parts, weights, out=carrier.product_parts)
            np.vecdot(carrier.parts, carrier.product_parts, out=first)
            np.square(carrier.analytic, out=carrier.products)
            np.vecdot(carrier.product_parts, carrier.product_parts, out=second)

    def _finish(self, sums: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the features (channels, features) from the sums (sums, channels)."""
        n = np.float32(self.window_samples)
        values: dict[str, NDArray[np.float32]] = {"acceleration_mean": sums[_MEAN]}
        if self._needs_moments:
            second = sums[_SECOND] / n
            rms = np.sqrt(second)
            peak = np.sqrt(sums[_LARGEST])
            # A constant channel has no shape: its ratios are 0, not 0/0.
            silent = second == 0
            values["acceleration_rms"] = rms
            values["acceleration_peak"] = peak
            values["crest_factor"] = np.where(silent, 0, peak / rms)
            values["kurtosis"] = np.where(silent, 0, sums[_FOURTH] / n / (second * second))
            if self._needs_third:
                values["skewness"] = np.where(silent, 0, sums[_THIRD] / n / (second * rms))
        if self._needs_spectrum:
            values["velocity_rms"] = np.sqrt(sums[_VELOCITY])
            values.update(zip(_BANDS, np.sqrt(sums[_BAND] * np.float32(POWER_SCALE)), strict=True))
        if self._needs_envelopes:
            first = sums[_ENVELOPE_FIRST] / self._carrier_norms
            variance = sums[_ENVELOPE_SECOND] / self._carrier_norms - first * first
            values.update(zip(_ENVELOPES, np.sqrt(np.sqrt(np.maximum(variance, 0))), strict=True))
        return np.stack([values[name] for name in self.names], axis=1)


@dataclass(frozen=True, slots=True)
class _CarrierSpace:
    """Views for one carrier band: its bins, its analytic signal, and a place for products."""

    spectrum: NDArray[np.complex64]
    analytic: NDArray[np.complex64]
    parts: NDArray[np.float32]
    products: NDArray[np.complex64]
    product_parts: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Workspace:
    """Scratch for a group of channels; groups of any size share one piece of memory.

    Memory is used twice where its first content is done with, so that a group stays inside the cache: the squares lie
    where the spectrum will be, the analytic signals of the carriers where the samples were. `*_parts`, `velocity` and
    `bands` see complex numbers as real and imaginary parts side by side.
    """

    centred: NDArray[np.float32]
    squares: NDArray[np.float32]
    spectrum: NDArray[np.complex64]
    velocity: NDArray[np.float32]
    velocity_squares: NDArray[np.float32]
    bands: tuple[NDArray[np.float32], ...]
    carriers: tuple[_CarrierSpace, ...]


def _workspaces(layout: BandLayout, window_samples: int) -> tuple[_Workspace, ...]:
    """Return the scratch for groups of 1, 2, … `CHANNELS_AT_ONCE` channels."""
    samples = _aligned(CHANNELS_AT_ONCE, window_samples, np.float32)
    spectrum = _aligned(CHANNELS_AT_ONCE, window_samples // 2 + 1, np.complex64)
    velocity = _aligned(CHANNELS_AT_ONCE, 2 * (layout.velocity[1] - layout.velocity[0]), np.float32)
    return tuple(
        _workspace(layout, window_samples, samples[:rows], spectrum[:rows], velocity[:rows])
        for rows in range(1, CHANNELS_AT_ONCE + 1)
    )


def _workspace(
    layout: BandLayout,
    window_samples: int,
    samples: NDArray[np.float32],
    spectrum: NDArray[np.complex64],
    velocity: NDArray[np.float32],
) -> _Workspace:
    parts = spectrum.view(np.float32)
    # The widest carrier has a tenth as many bins as there are samples: signal and products both fit into their row.
    halves = samples.view(np.complex64)
    analytic, products = np.split(halves[:, : halves.shape[1] // 16 * 16], 2, axis=1)
    low, high = layout.velocity
    return _Workspace(
        centred=samples[:, :window_samples],
        squares=parts[:, :window_samples],
        spectrum=spectrum[:, : window_samples // 2 + 1],
        velocity=parts[:, 2 * low : 2 * high],
        velocity_squares=velocity[:, : 2 * (high - low)],
        bands=tuple(parts[:, 2 * first : 2 * end] for first, end in itertools.pairwise(layout.bands)),
        carriers=tuple(
            _CarrierSpace(
                spectrum=spectrum[:, first : first + bins],
                analytic=analytic[:, :bins],
                parts=analytic[:, :bins].view(np.float32),
                products=products[:, :bins],
                product_parts=products[:, :bins].view(np.float32),
            )
            for first, bins in layout.carriers
        ),
    )


def _aligned(rows: int, columns: int, dtype: type[Any]) -> NDArray[Any]:
    """Return zeros of at least `columns` columns whose rows begin on cache lines.

    Products of such rows take half the time of rows that begin anywhere.
    """
    stride = -(-columns * np.dtype(dtype).itemsize // CACHE_LINE_BYTES) * CACHE_LINE_BYTES
    memory = np.zeros(rows * stride + CACHE_LINE_BYTES, np.uint8)
    start = -memory.ctypes.data % CACHE_LINE_BYTES
    grid: NDArray[Any] = memory[start : start + rows * stride].view(dtype).reshape(rows, -1)
    return grid


def _aligned_row(values: NDArray[np.float64]) -> NDArray[np.float32]:
    row: NDArray[np.float32] = _aligned(1, values.size, np.float32)[0, : values.size]
    row[:] = values
    return row
