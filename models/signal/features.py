"""Features: named numbers with units from one window, for all channels of a machine at once.

The order of one call, four channels at a time so that everything stays in the processor's cache:

1. mean, removed; moments by dot products (RMS, kurtosis), the peak as the root of the largest square,
2. Hann window and one shared rfft,
3. bands and velocity as sums over that spectrum, by dot products without a copy; velocity and the narrow bands below
   it in one product of matrices,
4. four carrier bands: the bins of a band are transformed back as they are (a zoom), which gives the analytic signal
   of that band at its own low rate; its squared envelope is weighed with the squared window. Carriers of one width
   that lie side by side go through each step together.

A sound goes the same way, with the weights of A in the place of those that make a velocity; what has been summed up
becomes levels at the end (`SOUND_FEATURES`).

`models.signal.reference` computes the same numbers in plain float64; tests hold the two together.
"""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from models.signal.acoustics import a_weighting, check_sound_rate, level_db
from models.signal.bands import BAND_COUNT, CARRIER_COUNT, BandLayout, band_layout
from models.signal.errors import SignalError
from models.signal.fourier import ifft_unscaled, rfft
from models.signal.scratch import CHANNELS_AT_ONCE, aligned_row, carrier_runs, workspaces
from models.signal.spectra import hann

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from models.signal.scratch import Workspace

SPECIFICATION_VERSION: Final = 1
"""Counted up when a feature of the same name gets another meaning; part of the hash."""

WIDEST_SHARED_BINS: Final = 2048
"""Up to this width of the velocity band, one product of matrices is faster than a dot product for each band in it."""

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
"""Every feature of an acceleration; the order of the defaults is the order of the default vector."""

LEVEL: Final = "dB re 20 µPa"


def _of_sound(of_acceleration: FeatureDefinition) -> FeatureDefinition:
    """Return what a microphone has in the place of a feature of acceleration."""
    name, eng_unit, description, default = (
        of_acceleration.name,
        of_acceleration.eng_unit,
        of_acceleration.description,
        of_acceleration.default,
    )
    own = {
        "acceleration_rms": ("sound_level", LEVEL, "Equivalent level of the window without its mean, unweighted."),
        "acceleration_peak": ("sound_pressure_peak", "Pa", "Largest deviation from the mean."),
        "velocity_rms": ("sound_level_a", LEVEL, "A-weighted equivalent level of the window, as in IEC 61672-1."),
        "acceleration_mean": ("sound_pressure_mean", "Pa", "Mean, which shows the offset of a converter."),
    }.get(name)
    if own is not None:
        return FeatureDefinition(*own, default=default)
    if eng_unit == "m/s²":
        return FeatureDefinition(name, "Pa", description.replace("acceleration", "sound pressure"), default=default)
    return of_acceleration


SOUND_FEATURES: Final = tuple(_of_sound(definition) for definition in FEATURES)
"""Every feature of a sound, in the order of `FEATURES`: a machine's channels of both kinds make one rectangle. There is
no velocity of a sound; its place is taken by the other weighted level that one dot product makes of the spectrum."""

_BY_NAME: Final = {
    is_sound: {definition.name: definition for definition in table}
    for is_sound, table in ((False, FEATURES), (True, SOUND_FEATURES))
}
_PLACE: Final = {sound.name: place.name for place, sound in zip(FEATURES, SOUND_FEATURES, strict=True)}
"""Of a feature of sound, the one of acceleration whose place it takes."""
_MOMENTS: Final = ("acceleration_rms", "acceleration_peak", "crest_factor", "kurtosis", "skewness")
_BANDS: Final = tuple(f"band_{number}" for number in range(1, BAND_COUNT + 1))
_ENVELOPES: Final = tuple(f"envelope_{number}" for number in range(1, CARRIER_COUNT + 1))


# Rows of the table that features are picked from. What is the root of a sum comes first, in the order of the sums.
_ROWS: Final = (
    "acceleration_rms", "acceleration_peak", "velocity_rms", *_BANDS, *_ENVELOPES,
    "crest_factor", "kurtosis", "skewness", "acceleration_mean",
)  # fmt: skip
_ROOTS: Final = slice(0, 3 + BAND_COUNT)
_ROW_ENVELOPES: Final = slice(_ROOTS.stop, _ROOTS.stop + CARRIER_COUNT)
_ROW_LEVELS: Final = (0, 2)
"""Of a sound, the rows that become levels."""
_ROW_CREST, _ROW_KURTOSIS, _ROW_SKEWNESS, _ROW_MEAN = range(_ROW_ENVELOPES.stop, _ROW_ENVELOPES.stop + 4)

# Rows of the sums that one group of channels leaves behind; features are made of them at the end, for all at once.
_SECOND, _LARGEST, _VELOCITY = range(3)
_BAND: Final = slice(3, 3 + BAND_COUNT)
_ENVELOPE_FIRST: Final = slice(_BAND.stop, _BAND.stop + CARRIER_COUNT)
_ENVELOPE_SECOND: Final = slice(_ENVELOPE_FIRST.stop, _ENVELOPE_FIRST.stop + CARRIER_COUNT)
_FOURTH, _THIRD, _MEAN = range(_ENVELOPE_SECOND.stop, _ENVELOPE_SECOND.stop + 3)
_SUMS: Final = _MEAN + 1


def default_names() -> tuple[str, ...]:
    """Return the names of the default set in their order."""
    return tuple(definition.name for definition in FEATURES if definition.default)


def sound_names(names: Sequence[str]) -> tuple[str, ...]:
    """Return what a microphone has in the place of these features of acceleration.

    >>> sound_names(["velocity_rms", "kurtosis", "acceleration_rms"])
    ('sound_level_a', 'kurtosis', 'sound_level')

    Raises:
        KeyError: a name that is not in `FEATURES`.
    """
    taken = {place: name for name, place in _PLACE.items()}
    return tuple(taken[name] for name in names)


class FeatureExtractor:
    """Computes a fixed list of features from windows of one rate and length.

    Not re-entrant: scratch memory is kept between calls, so every thread needs its own extractor.

    Args:
        sample_rate_hz: of every window.
        window_samples: length of every window, at least 256.
        names: which features in which order; None: the default set.
        is_sound: the samples are pressures in Pa; names are then those of `SOUND_FEATURES`.

    Attributes:
        names: in the order of the columns of the result.
        units: engineering unit of each.
        layout: where the bands lie.
        hash: 16 hex digits that change with anything that changes the meaning of a column.

    Raises:
        SignalError: the rate or window cannot give bands, or a name is not in `FEATURES`.
    """

    def __init__(
        self,
        sample_rate_hz: float,
        window_samples: int,
        names: Sequence[str] | None = None,
        *,
        is_sound: bool = False,
    ) -> None:
        layout = band_layout(sample_rate_hz, window_samples)
        if is_sound:
            check_sound_rate(sample_rate_hz)
            # A weighs everything that was recorded; the last bin of an even length counts half and is left out.
            layout = replace(layout, velocity=(1, (window_samples + 1) // 2))
        self.layout: Final[BandLayout] = layout
        self.sample_rate_hz: Final = float(sample_rate_hz)
        self.window_samples: Final = window_samples
        self.is_sound: Final = is_sound
        known = _BY_NAME[is_sound]
        usual = default_names()
        self.names: Final = (sound_names(usual) if is_sound else usual) if names is None else tuple(names)
        unknown = [name for name in self.names if name not in known]
        if unknown or not self.names or len(set(self.names)) < len(self.names):
            raise SignalError(
                f"cannot compute features {', '.join(unknown) or 'from an empty or repeated list'}: "
                f"choose from {', '.join(known)}"
            )
        self.units: Final = tuple(known[name].eng_unit for name in self.names)
        self.hash: Final = self._specification_hash()
        places = [_PLACE[name] if is_sound else name for name in self.names]
        wanted = set(places)
        self._needs_third = "skewness" in wanted
        self._needs_moments = not wanted.isdisjoint(_MOMENTS)
        self._needs_envelopes = not wanted.isdisjoint(_ENVELOPES)
        self._needs_spectrum = self._needs_envelopes or not wanted.isdisjoint(("velocity_rms", *_BANDS))
        self._ones = aligned_row(np.ones(window_samples))
        # Scaled by 2/n, so that a bin holds the amplitude of its line times the mean of the window, at any length.
        self._hann = aligned_row(hann(window_samples) * 2.0 / window_samples)
        bins = np.arange(*self.layout.velocity)
        omega = 2.0 * np.pi * self.layout.step_hz * bins
        of_sound = POWER_SCALE * a_weighting(self.layout.step_hz * bins) ** 2
        self._low_weights = _low_weights(self.layout, of_sound if is_sound else 1e6 * POWER_SCALE / omega**2)
        self._runs = carrier_runs(self.layout)
        self._carrier_weights = [aligned_row(np.repeat(hann(run.bins) ** 2, 2)) for run in self._runs]
        self._carrier_norms = np.array([[bins * HANN_POWER_4] for _, bins in self.layout.carriers], np.float32)
        self._workspaces = workspaces(self.layout, window_samples, self._low_weights.shape[1] - 1)
        self._root_weights = np.full((_ROOTS.stop, 1), POWER_SCALE, np.float32)
        self._root_weights[[_SECOND, _LARGEST, _VELOCITY], 0] = 1.0 / window_samples, 1.0, 1.0
        self._columns = [_ROWS.index(place) for place in places]

    def describe(self, name: str) -> str:
        """Return what a feature is, with the edges of its band for this rate and window."""
        text = _BY_NAME[self.is_sound][name].description
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
            samples: acceleration in m/s², or sound pressure in Pa, (channels, window_samples); rows must be
                contiguous to be fast.

        Returns:
            float32 (channels, features). A channel with samples that are not finite gives features that are not
            finite; one that is constant gives zeros, and the lowest level there is.

        Raises:
            SignalError: the shape does not fit.
        """
        if samples.ndim != 2 or samples.shape[1] != self.window_samples:
            raise SignalError(f"samples of shape {samples.shape}: expected (channels, {self.window_samples})")
        x = np.asarray(samples, np.float32)
        sums = np.zeros((_SUMS, x.shape[0]), np.float32)
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
        np.matmul(x, self._ones, out=mean)
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
        low = self._low_weights
        sums[_VELOCITY : _VELOCITY + low.shape[1]] = np.matmul(space.velocity_squares, low).T
        for band, total in zip(space.bands, sums[_VELOCITY + low.shape[1] : _BAND.stop], strict=True):
            np.vecdot(band, band, out=total)
        if self._needs_envelopes:
            self._envelopes(space, sums)

    def _envelopes(self, space: Workspace, sums: NDArray[np.float32]) -> None:
        # The samples carry the window w, so |analytic|² is w² × squared envelope. Weighing both moments with w⁴
        # makes an unmodulated sine exactly zero: Σ s·w² and Σ s², s = |analytic|², each over Σ w⁴.
        for run, carrier, weights in zip(self._runs, space.carriers, self._carrier_weights, strict=True):
            ifft_unscaled(carrier.spectrum, out=carrier.analytic)
            squares = carrier.squares
            np.square(squares, out=squares)
            np.vecdot(squares, weights, out=sums[_ENVELOPE_FIRST][run.rows].T)
            # s is the sum of two neighbours p and q, and p² + q² + 2pq needs no array of it: the first two are the
            # squared length of p + qi, the last is the imaginary part of its square.
            crossed = np.matmul(carrier.analytic[..., None, :], carrier.analytic[..., :, None])[..., 0, 0].imag
            np.add(np.vecdot(squares, squares), crossed, out=sums[_ENVELOPE_SECOND][run.rows].T)

    def _finish(self, sums: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the features (channels, features) from the sums (sums, channels)."""
        # Rows that are not computed are not asked for either.
        rows = np.empty((len(_ROWS), sums.shape[1]), np.float32)
        np.multiply(sums[_ROOTS], self._root_weights, out=rows[_ROOTS])
        np.sqrt(rows[_ROOTS], out=rows[_ROOTS])
        if self._needs_moments:
            rms, peak = rows[_SECOND], rows[_LARGEST]
            square = rms * rms
            # A constant channel has no shape: its ratios are 0, not 0/0.
            rows[_ROW_CREST : _ROW_SKEWNESS + 1] = 0.0
            has_shape = square != 0
            np.divide(peak, rms, out=rows[_ROW_CREST], where=has_shape)
            np.divide(sums[_FOURTH] / self.window_samples, square * square, out=rows[_ROW_KURTOSIS], where=has_shape)
            if self._needs_third:
                np.divide(sums[_THIRD] / self.window_samples, square * rms, out=rows[_ROW_SKEWNESS], where=has_shape)
        if self._needs_envelopes:
            envelopes = rows[_ROW_ENVELOPES]
            first = sums[_ENVELOPE_FIRST] / self._carrier_norms
            np.divide(sums[_ENVELOPE_SECOND], self._carrier_norms, out=envelopes)
            envelopes -= first * first
            np.maximum(envelopes, 0, out=envelopes)
            np.sqrt(envelopes, out=envelopes)
            np.sqrt(envelopes, out=envelopes)
        rows[_ROW_MEAN] = sums[_MEAN]
        if self.is_sound:
            for row in _ROW_LEVELS:
                rows[row] = level_db(rows[row])
        return np.ascontiguousarray(rows[self._columns].T)


def _low_weights(layout: BandLayout, velocity_weights: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Return what each part of a bin counts for in the velocity and in each band inside it, (2 · bins, 1 + bands).

    Args:
        layout: of the bands.
        velocity_weights: of each bin of the velocity band.
    """
    low, high = layout.velocity
    bands = itertools.pairwise(layout.bands) if high - low <= WIDEST_SHARED_BINS else ()
    inside = [(first, end) for first, end in bands if low <= first and end <= high]
    weights = np.zeros((1 + len(inside), 2 * (high - low)), np.float32)
    weights[0] = np.repeat(velocity_weights, 2)
    for row, (first, end) in zip(weights[1:], inside, strict=True):
        row[2 * (first - low) : 2 * (end - low)] = 1.0
    return weights.T
