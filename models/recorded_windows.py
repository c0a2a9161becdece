"""Windows of whole recordings, cut and measured in one way for fitting and for scoring.

A recording is brought down to the model's rate, each uninterrupted stretch is cut into half-overlapping windows, and a
window becomes the vector of logarithms that detectors take; one that is no measurement has none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from models import learning
from models.contract.units import is_sound
from models.operating_state import OperatingSettings
from models.signal.machine_features import MachineFeatures
from models.signal.resampling import resample_down

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from models.recordings.recording import Recording

OVERLAP: Final = 0.5
OFF_RMS_M_S2: Final = OperatingSettings().off_rms_m_s2
"""Quieter than this on every channel the machine is off, as a gateway sees it."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Samples without a gap, at the model's rate: float32 (channels, n), and when they begin."""

    start_s: float
    samples: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class MeasuredWindow:
    """One window.

    Attributes:
        end_s: of it, after the first sample of the recording.
        vector: logarithms of the judged features, (channels · features,); None for what is no measurement.
        is_running: whether the machine is on.
    """

    end_s: float
    vector: NDArray[np.float32] | None
    is_running: bool


class WindowMeasurer:
    """Measures the windows of channels of one rate.

    Args:
        units: of each channel; None where nobody stated it.
        sample_rate_hz, window_samples: of every window.

    Attributes:
        extractor: of the features.
        judged: names of those that make the vector, of one channel.
        hop_samples: from window to window.

    Raises:
        SignalError: rate or window that cannot work.
    """

    def __init__(self, units: Sequence[str | None], sample_rate_hz: float, window_samples: int) -> None:
        sound = np.array([unit is not None and is_sound(unit) for unit in units])
        self.extractor = MachineFeatures(sample_rate_hz, window_samples, sound.tolist())
        names = self.extractor.names
        self.judged = learning.judged(names)
        self.sample_rate_hz = sample_rate_hz
        self.window_samples = window_samples
        self.hop_samples = max(round(window_samples * (1.0 - OVERLAP)), 1)
        self._columns = np.flatnonzero([name in self.judged for name in names])
        self._rms = names.index("acceleration_rms")
        # Only of these does the level say whether the machine is on: a microphone hears the others.
        self._tells_level = ~sound & np.array([unit is not None for unit in units])

    def __call__(self, stretches: Sequence[Stretch]) -> Iterator[MeasuredWindow]:
        """Yield the windows of stretches, in the order of time."""
        for stretch in stretches:
            for number, window in enumerate(windows_of(stretch.samples, self.window_samples, self.hop_samples)):
                end = number * self.hop_samples + self.window_samples
                yield self._measured(stretch.start_s + end / self.sample_rate_hz, window)

    def _measured(self, end_s: float, window: NDArray[np.float32]) -> MeasuredWindow:
        features = self.extractor(np.ascontiguousarray(window)) if np.isfinite(window).all() else None
        if features is None or not np.isfinite(features).all():
            return MeasuredWindow(end_s, None, is_running=True)
        levels = features[self._tells_level, self._rms]
        is_running = not levels.size or bool((levels >= OFF_RMS_M_S2).any())
        vector = learning.to_vector(self.extractor.amplitudes(features)[:, self._columns])
        return MeasuredWindow(end_s, vector, is_running)


def stretches_of(recording: Recording, sample_rate_hz: float) -> list[Stretch]:
    """Return a recording's stretches at a rate.

    Raises:
        SignalError: the recording's rate is lower, or a stretch is shorter than the filter.
    """
    own_hz = recording.sample_rate_hz or sample_rate_hz
    return [Stretch(one.start_s, resample_down(one.samples, own_hz, sample_rate_hz)) for one in recording.segments]


def window_count(samples: int, window_samples: int) -> int:
    """Return how many half-overlapping windows fit into so many samples.

    >>> [window_count(samples, 100) for samples in (99, 100, 149, 150, 1000)]
    [0, 1, 1, 2, 19]
    """
    hop = max(round(window_samples * (1.0 - OVERLAP)), 1)
    return max((samples - window_samples) // hop + 1, 0)


def windows_of(samples: NDArray[np.float32], window_samples: int, hop_samples: int) -> NDArray[np.float32]:
    """Return all windows of one stretch, a view (windows, channels, window_samples)."""
    if samples.shape[1] < window_samples:
        return np.empty((0, len(samples), window_samples), np.float32)
    cut = np.lib.stride_tricks.sliding_window_view(samples, window_samples, axis=1)
    return cut[:, ::hop_samples].transpose(1, 0, 2)
