"""Which of a machine's features differs most from its baseline, and a sentence about it for the people of a plant.

In order: leave out what nobody would hear (bands far below the loudest one of their channel), prefer what rose (damage
adds vibration), take the largest ratio, and say it in plain words: what was measured, where, from how much to how much.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from models.signal.acoustics import level_db
from models.signal.features import LEVEL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from models.signal.bands import BandLayout
    from models.signal.machine_features import MachineFeatures

NOTABLE_RISE: Final = 0.1
"""Logarithm of a ratio: 10 %, more than features of a healthy machine usually differ from their mean."""
AUDIBLE_SHARE: Final = 0.03
"""A band below this share of its channel's loudest (30 dB) may change by any factor without anybody caring."""
TIMES_FROM: Final = 2.0
"""Ratio from which `3 times` reads better than `by 200 %`."""
WORDS: Final = {
    "acceleration_rms": "acceleration",
    "acceleration_peak": "the highest peak of acceleration",
    "crest_factor": "the crest factor (peak over RMS)",
    "kurtosis": "the kurtosis (how much of the vibration comes in blows)",
    "velocity_rms": "vibration velocity from 10 to 1000 Hz",
    "acceleration_mean": "the sensor's offset",
    "skewness": "the skewness",
    "sound_level": "the sound level",
    "sound_level_a": "the A-weighted sound level",
    "sound_pressure_peak": "the highest peak of sound pressure",
    "sound_pressure_mean": "the microphone's offset",
}
"""Features that are no band, as people call them."""
BANDS: Final = "band_"
ENVELOPES: Final = "envelope_"


@dataclass(frozen=True, slots=True)
class Change:
    """The feature that differs most.

    Attributes:
        channel: `{point}.{axis}`.
        what: feature in plain words, with the edges of its band.
        before, now: baseline and present value; of a level, its sound pressure in Pa.
        unit: what people read both in; empty for a bare number.
        is_sound: a microphone heard it.
    """

    channel: str
    what: str
    before: float
    now: float
    unit: str
    is_sound: bool = False

    @property
    def log_ratio(self) -> float:
        """Return the logarithm of now over before."""
        return math.log(self.now / self.before)

    @property
    def sentence(self) -> str:
        """Return what people read."""
        opening = "Sound differs from its baseline" if self.is_sound else "Vibration differs from its baseline"
        if abs(self.log_ratio) <= NOTABLE_RISE:
            opening += " a little in many values at once"
        way = "rose" if self.now > self.before else "fell"
        before, now = self.before, self.now
        if self.unit == LEVEL:
            before, now = float(level_db(before)), float(level_db(now))
        unit = f" {self.unit}" if self.unit else ""
        return (
            f"{opening}, most in {self.what} at {self.channel}: it {way} from {_digits(before)} to {_digits(now)}{unit}"
            f" ({self._how_much}). The cause cannot be named yet."
        )

    @property
    def _how_much(self) -> str:
        ratio = self.now / self.before
        if self.unit == LEVEL:
            return f"{20.0 * math.log10(ratio):+.1f} dB".replace("-", "−")
        return f"{ratio:.1f} times" if ratio >= TIMES_FROM else f"{'+' if ratio >= 1 else '−'}{abs(ratio - 1):.0%}"


def largest_change(
    features: NDArray[np.float32],
    baseline: NDArray[np.float32],
    channels: Sequence[str],
    extractor: MachineFeatures,
) -> Change | None:
    """Return the feature that differs most from its baseline, None where nothing can be compared.

    Args:
        features: now, (channels, features) in the features' units, as the extractor gives them.
        baseline: when healthy, the same; NaN for what is not judged.
        channels: their names.
        extractor: that computed the features; it knows names, units and bands.
    """
    now, before = (extractor.amplitudes(values).astype(np.float64) for values in (features, baseline))
    comparable = np.isfinite(now) & np.isfinite(before) & (now > 0) & (before > 0)
    for kind in (BANDS, ENVELOPES):
        columns = np.array([name.startswith(kind) for name in extractor.names])
        if columns.any():
            louder = np.where(comparable, np.maximum(now, before), 0.0)[:, columns]
            comparable[:, columns] &= louder >= AUDIBLE_SHARE * louder.max(axis=1, keepdims=True)
    if not comparable.any():
        return None
    ratio = np.log(np.divide(now, before, out=np.ones_like(now), where=comparable))
    ranked = ratio if ratio.max() > NOTABLE_RISE else np.abs(ratio)
    row, column = divmod(int(np.argmax(np.where(comparable, ranked, -np.inf))), now.shape[1])
    unit, is_sound = extractor.units_of(row)[column], bool(extractor.is_sound[row])
    return Change(
        channel=channels[row],
        what=_in_words(extractor.names_of(row)[column], extractor.layout, is_sound=is_sound),
        before=float(before[row, column]),
        now=float(now[row, column]),
        unit="" if unit == "1" else unit,
        is_sound=is_sound,
    )


def _in_words(name: str, layout: BandLayout, *, is_sound: bool) -> str:
    if name.startswith(BANDS):
        low_hz, high_hz = layout.band_hz(int(name.removeprefix(BANDS)))
        what = "sound pressure" if is_sound else "acceleration"
        return f"{what} from {_digits(low_hz)} to {_digits(high_hz)} Hz"
    if name.startswith(ENVELOPES):
        low_hz, high_hz = layout.carrier_hz(int(name.removeprefix(ENVELOPES)))
        what = "sound" if is_sound else "vibration"
        return f"the envelope of the {what} from {_digits(low_hz)} to {_digits(high_hz)} Hz"
    return WORDS.get(name, name)


def _digits(value: float) -> str:
    """Return three significant digits without an exponent.

    >>> _digits(0.041937), _digits(1184.2), _digits(10.0)
    ('0.0419', '1180', '10')
    """
    return f"{float(f'{value:.3g}'):.10g}"
