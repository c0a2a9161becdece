"""The features of all channels of one machine, where some channels measure acceleration and others sound.

A rectangle of channels by features: what a microphone has in the place of a feature of acceleration stands in its
column (`models.signal.features.SOUND_FEATURES`), so that everything that judges channels alike need not know which is
which. In order: each kind of channel goes through its own extractor; where logarithms are wanted, levels become the
pressures that they stand for again (`amplitudes`), and levels once more for people (`shown`).
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

import numpy as np

from models.signal.acoustics import level_db, pressure_pa
from models.signal.features import LEVEL, FeatureExtractor, default_names, sound_names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from models.signal.bands import BandLayout


class MachineFeatures:
    """Computes the features of windows of one machine.

    Not re-entrant, like the extractors inside.

    Args:
        sample_rate_hz: of every window.
        window_samples: length of every window.
        is_sound: of each channel, whether it is a microphone.
        names: which features, by their names for acceleration; None: the default set.

    Attributes:
        names: of the columns, as they are called for acceleration.
        is_sound: (channels,).
        layout: where the bands lie; the same for both kinds.
        hash: 16 hex digits that change with anything that changes the meaning of a value.

    Raises:
        SignalError: rate, window or names that cannot work; a microphone that is too slow.
    """

    def __init__(
        self,
        sample_rate_hz: float,
        window_samples: int,
        is_sound: Sequence[bool],
        names: Sequence[str] | None = None,
    ) -> None:
        self.names: Final = default_names() if names is None else tuple(names)
        self.is_sound: Final[NDArray[np.bool_]] = np.array(is_sound, bool)
        # Made even for microphones alone: it refuses names that are not there.
        self._motion = FeatureExtractor(sample_rate_hz, window_samples, self.names)
        self._sound: FeatureExtractor | None = None
        self.layout: Final[BandLayout] = self._motion.layout
        self.hash: str = self._motion.hash
        of_sound, sound_units = self.names, self._motion.units
        if self.is_sound.any():
            of_sound = sound_names(self.names)
            self._sound = FeatureExtractor(sample_rate_hz, window_samples, of_sound, is_sound=True)
            sound_units = self._sound.units
            told = f"{self._motion.hash} {self._sound.hash} {self.is_sound.astype(int).tolist()}"
            self.hash = hashlib.sha256(told.encode()).hexdigest()[:16]
        self._names_of: Final = (self.names, of_sound)
        self._units_of: Final = (self._motion.units, sound_units)
        self._is_level: Final = self.is_sound[:, None] & np.array([unit == LEVEL for unit in sound_units])

    def names_of(self, row: int) -> tuple[str, ...]:
        """Return what the features of one channel are called."""
        return self._names_of[int(self.is_sound[row])]

    def units_of(self, row: int) -> tuple[str, ...]:
        """Return the engUnits of the features of one channel."""
        return self._units_of[int(self.is_sound[row])]

    def __call__(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the features of one window, (channels, features).

        Args:
            samples: m/s², or Pa of microphones, (channels, window_samples).

        Raises:
            SignalError: the shape does not fit.
        """
        if self._sound is None:
            return self._motion(samples)
        if self.is_sound.all():
            return self._sound(samples)
        features = np.empty((len(samples), len(self.names)), np.float32)
        features[self.is_sound] = self._sound(samples[self.is_sound])
        features[~self.is_sound] = self._motion(samples[~self.is_sound])
        return features

    def amplitudes(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the features with every level as its sound pressure in Pa: what ratios and logarithms may be taken of.

        Args:
            features: (channels, features).
        """
        if self._sound is None:
            return features
        return np.where(self._is_level, pressure_pa(np.where(self._is_level, features, np.float32(0.0))), features)

    def shown(self, amplitudes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what `amplitudes` was made of, (channels, features); NaN stays NaN."""
        if self._sound is None:
            return amplitudes
        return np.where(self._is_level, level_db(amplitudes), amplitudes)
