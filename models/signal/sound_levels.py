"""Levels of a whole recording of sound, however long and uneven it is.

The features of a window weigh its middle more than its ends, which matters when the window is a recording of a minute
in which a door slams. Here, in order: the level of the samples themselves; the share of it that A leaves, from a
spectrum averaged over overlapping seconds; both together are the A-weighted level.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from models.signal.acoustics import a_weighting, check_sound_rate, level_db
from models.signal.averaging import averaged_spectrum

if TYPE_CHECKING:
    from numpy.typing import NDArray

RESOLUTION_HZ: Final = 1.0
"""Where slow machines sound, at 30 Hz, A rises by 5 dB in a third of an octave: a line must not be wide."""


@dataclass(frozen=True, slots=True)
class SoundLevels:
    """Equivalent levels of a recording.

    Attributes:
        unweighted_db: LZeq in dB re 20 µPa, without the mean, (channels,).
        a_weighted_db: LAeq in dB re 20 µPa, (channels,).
    """

    unweighted_db: NDArray[np.float32]
    a_weighted_db: NDArray[np.float32]


def sound_levels(samples: NDArray[Any], sample_rate_hz: float) -> SoundLevels:
    """Return the equivalent levels of a recording.

    >>> tone = np.sqrt(2.0) * np.sin(2 * np.pi * 1000.0 * np.arange(48_000) / 48_000)
    >>> levels = sound_levels(tone[None], 48_000.0)
    >>> round(float(levels.unweighted_db[0]), 1), round(float(levels.a_weighted_db[0]), 1)
    (94.0, 94.0)

    Args:
        samples: sound pressure in Pa, (channels, n), finite.
        sample_rate_hz: of all channels.

    Raises:
        SignalError: too few samples a second for sound, or too few at all.

    Source: IEC 61672-1:2013, 3.9, time-averaged sound level; Annex E, A-weighting.
    """
    check_sound_rate(sample_rate_hz)
    resolution_hz = max(RESOLUTION_HZ, sample_rate_hz / samples.shape[1])
    spectrum = averaged_spectrum(samples, sample_rate_hz, resolution_hz=resolution_hz).spectrum
    total = spectrum.power.sum(axis=1, dtype=np.float64)
    left = spectrum.power.astype(np.float64) @ a_weighting(spectrum.frequency_hz) ** 2
    share = np.divide(left, total, out=np.zeros_like(left), where=total > 0.0)
    rms = np.std(samples, axis=1, dtype=np.float64)
    return SoundLevels(level_db(rms), level_db(rms * np.sqrt(share)))
