"""What one channel hears of a gear wheel: its mesh, and what modulates it once per turn of the wheel.

Good teeth make lines at the mesh frequency and its harmonics. What changes amplitude and phase of the mesh once per
turn makes sidebands, whose spacing says which of the two wheels it is. In order, for one channel:

1. Find the line of the mesh near teeth times speed and follow its phase: the teeth themselves are the tachometer, so
   that a speed that wanders does not smear the lines.
2. Bring each harmonic of the mesh down to zero frequency, turn its phase back, and average it over the wheel's turns:
   a time-synchronous average in the frequency domain, of the mesh and `SIDEBANDS` orders to each side.
3. Between the orders there is only noise and the other wheel: that is the background which lines must stand out from.

Source: P. D. McFadden, J. Vib. Acoust. Stress 108 (1986) 165-170 (phase and amplitude of the demodulated mesh);
J. Hanna et al., "Detection of wind turbine gear tooth defects using sideband energy ratio", Bently Nevada (2011).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from models.contract.errors import InputError
from models.contract.records import EvidenceLine
from models.diagnosis.envelope_lines import local_background
from models.signal.fourier import ifft, next_fast_len, prev_fast_len, rfft

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from models.diagnosis.envelope_lines import FloatArray

HARMONICS: Final = 3
"""Of the mesh; higher ones are mostly beyond the sensor."""
SIDEBANDS: Final = 6
"""To each side: Hanna et al. sum six; a single bad tooth makes more, but these are enough to see it."""
SEARCH: Final = 0.003
"""How far the mesh may lie from teeth times speed, relative: what a speed without a clear comb leaves open."""
TRACKING_SHARE: Final = 0.45
"""Half width of the band in which the phase of the mesh is followed, in turns of the slowest wheel: below its first
sideband, which must not be followed away."""
LINE_RATIO: Final = 12.0
"""A bin this far above its background is a line: noise does it once in 160,000 bins."""
HIGHEST_SHARE: Final = 0.8
"""Of half the sampling rate: above it the anti-aliasing filter decides."""
MIN_TURNS: Final = 8.0
"""Of the wheel: below, its sidebands, two bins wide to each side, do not separate from what is halfway between them."""
MIN_TEETH: Final = 6
MAX_TEETH: Final = 1000
MAX_ORDER: Final = 100.0
NEAR: Final = 1
"""Good wheels run out a little, which shows once per turn: the first sideband. A bad tooth is short and shows in those
beyond; both groups are judged on their own."""


class GearError(InputError):
    """A tooth count or a shaft order that no gear can have."""


@dataclass(frozen=True, slots=True)
class Gear:
    """One toothed wheel.

    Attributes:
        teeth: how many.
        order: turns of this wheel per turn of the shaft whose speed is stated; 1 when it sits on that shaft.
    """

    teeth: int
    order: float = 1.0

    def __post_init__(self) -> None:
        """Refuse what cannot be a gear."""
        if self.teeth != int(self.teeth) or not MIN_TEETH <= self.teeth <= MAX_TEETH:
            raise GearError(f"a gear wheel has {MIN_TEETH} to {MAX_TEETH} teeth, a whole number, not {self.teeth!r}")
        if not (math.isfinite(self.order) and 0.0 < self.order <= MAX_ORDER):
            raise GearError(
                f"the wheel with {self.teeth} teeth has shaft order {self.order!r}; give its turns per turn of the "
                f"stated shaft, above 0 and at most {MAX_ORDER:g}"
            )

    @property
    def mesh_order(self) -> float:
        """Return how many teeth mesh per turn of the stated shaft."""
        return self.teeth * self.order

    @classmethod
    def parsed(cls, text: str) -> Gear:
        """Return a gear from `TEETH` or `TEETH@ORDER`; an order may be a ratio of teeth, `57@20/57`.

        Raises:
            GearError: something else.

        >>> Gear.parsed("20"), Gear.parsed("57@20/57").order == 20 / 57
        (Gear(teeth=20, order=1.0), True)
        """
        teeth, _, order = text.partition("@")
        above, _, below = order.partition("/")
        try:
            return cls(int(teeth), float(above or 1.0) / float(below or 1.0))
        except (ValueError, ZeroDivisionError):
            raise GearError(f"gear {text!r}: give TEETH or TEETH@ORDER, for example 57@0.3509 or 57@20/57") from None


class MeshLevels(NamedTuple):
    """RMS acceleration of a wheel's mesh and sidebands when healthy, per harmonic (HARMONICS,); NaN not measured.

    Attributes:
        mesh: of the teeth.
        near: of the first sideband to each side.
        far: of the sidebands beyond.
    """

    mesh: FloatArray
    near: FloatArray
    far: FloatArray

    @property
    def sides(self) -> float:
        """Return the RMS of all sidebands."""
        return float(np.sqrt(np.nansum(self.near**2 + self.far**2)))


@dataclass(frozen=True, slots=True)
class MeshLines:
    """What one channel hears of one wheel.

    Attributes:
        gear: the wheel.
        mesh_hz: where its mesh was found.
        mesh_of: RMS of each harmonic of the mesh in the unit of the samples, NaN not measured, (HARMONICS,).
        near_of: RMS of its first sidebands at the wheel's turning speed, noise taken away, (HARMONICS,).
        far_of: the same of those beyond, (HARMONICS,).
        matched_of: how many of them stand out, (HARMONICS,).
        ratio_db: of the sidebands over the background, (HARMONICS, 2 · SIDEBANDS), from the lowest to the highest.
    """

    gear: Gear
    mesh_hz: float
    mesh_of: FloatArray
    near_of: FloatArray
    far_of: FloatArray
    matched_of: NDArray[np.intp]
    ratio_db: FloatArray

    @property
    def mesh(self) -> float:
        """Return the RMS of all harmonics of the mesh."""
        return float(np.sqrt(np.nansum(self.mesh_of**2)))

    @property
    def sides(self) -> float:
        """Return the RMS of all sidebands."""
        return float(np.sqrt(np.nansum(self.near_of**2 + self.far_of**2)))

    @property
    def matched(self) -> int:
        """Return how many sidebands stand out."""
        return int(self.matched_of.sum())

    def lines(self, shaft_hz: float) -> tuple[EvidenceLine, ...]:
        """Return the mesh and the sidebands of its most modulated harmonic, matched or not."""
        numbers = [number for number in range(-SIDEBANDS, SIDEBANDS + 1) if number]
        row = int(np.argmax(np.nan_to_num(self.near_of**2 + self.far_of**2)))
        harmonic = row + 1
        centre, expected = harmonic * self.mesh_hz, harmonic * self.gear.mesh_order
        name = "GMF" if harmonic == 1 else f"{harmonic}x GMF"
        wheel_hz = self.mesh_hz / self.gear.teeth
        found = [EvidenceLine(name, expected, expected * shaft_hz, centre, None, matched=True)]
        for number, ratio in zip(numbers, self.ratio_db[row], strict=True):
            stands_out = bool(ratio > 10 * math.log10(LINE_RATIO))
            order = expected + number * self.gear.order
            found.append(
                EvidenceLine(
                    line=f"{name}{number:+d}x{self.gear.teeth}T",
                    order=order,
                    expected_hz=order * shaft_hz,
                    found_hz=centre + number * wheel_hz if stands_out else None,
                    snr_db=round(float(ratio), 1) if stands_out else None,
                    matched=stands_out,
                )
            )
        return tuple(found)


def mesh_lines(
    samples: NDArray[np.floating], sample_rate_hz: float, shaft_hz: float, gears: Sequence[Gear]
) -> tuple[MeshLines | None, ...]:
    """Return what one channel hears of each wheel; None where its mesh is no line or the record too short.

    Args:
        samples: acceleration (samples,), any unit, finite.
        sample_rate_hz: of the samples.
        shaft_hz: turns per second of the stated shaft.
        gears: wheels; those with a common mesh are told apart by their turning speeds.
    """
    if not gears:
        return ()
    length = prev_fast_len(samples.size)
    spectrum = np.asarray(rfft(samples[:length] - samples[:length].mean(dtype=np.float64)), np.complex128) / length
    return tuple(_of_wheel(spectrum, sample_rate_hz / length, shaft_hz, gear, gears) for gear in gears)


def _of_wheel(
    spectrum: NDArray[np.complex128], step_hz: float, shaft_hz: float, gear: Gear, gears: Sequence[Gear]
) -> MeshLines | None:
    wheel_hz, mesh_hz = gear.order * shaft_hz, gear.mesh_order * shaft_hz
    half = math.ceil((SIDEBANDS + 1) * wheel_hz / step_hz)
    top = HIGHEST_SHARE * (spectrum.size - 1)
    if wheel_hz < MIN_TURNS * step_hz or mesh_hz / step_hz + half > top or mesh_hz / step_hz <= half:
        return None
    centre = _mesh_bin(spectrum, step_hz, mesh_hz, wheel_hz)
    if centre is None:
        return None
    slowest = min(other.order for other in gears if abs(other.mesh_order / gear.mesh_order - 1) < SEARCH)
    harmonics = [number for number in range(1, HARMONICS + 1) if number * centre + half <= top]
    zooms = np.stack([_zoom(spectrum, number * centre, half) for number in harmonics])
    reach = max(2, round(TRACKING_SHARE * slowest * shaft_hz / step_hz))
    phase = np.unwrap(np.angle(_zoom(spectrum, centre, half, keep=reach)))
    count = zooms.shape[1]
    # The mesh turns by one tooth per cycle: its phase is the angle of the wheel.
    half_turn = np.exp(-0.5j * (2 * np.pi * centre * np.arange(count) / count + phase) / gear.teeth)
    weights = np.hanning(count)
    turned = zooms * np.exp(-1j * np.outer(np.array(harmonics), phase)) * (weights / weights.sum())
    # Columns are whole orders of the wheel and, between them, halves.
    first = -2 * SIDEBANDS - 1
    power = np.empty((len(harmonics), 4 * SIDEBANDS + 3))
    rotation = half_turn**first
    for column in range(power.shape[1]):
        power[:, column] = np.abs(turned @ rotation) ** 2
        rotation = rotation * half_turn
    return _measured(gear, power, centre * step_hz)


def _measured(gear: Gear, power: FloatArray, mesh_hz: float) -> MeshLines:
    """Return the levels from the powers at half orders −SIDEBANDS − ½ … SIDEBANDS + ½, (harmonics, columns)."""
    background = np.maximum(np.median(power[:, 0::2], axis=1) / math.log(2), np.finfo(float).tiny)
    whole = power[:, 1::2]
    sides = np.delete(whole, SIDEBANDS, axis=1)
    ratio = sides / background[:, None]
    stands_out = ratio > LINE_RATIO
    clean = np.where(stands_out, sides - background[:, None], 0.0)
    near = slice(SIDEBANDS - NEAR, SIDEBANDS + NEAR)
    count = power.shape[0]
    matched_of, ratio_db = np.zeros(HARMONICS, np.intp), np.full((HARMONICS, 2 * SIDEBANDS), -30.0)
    matched_of[:count] = np.count_nonzero(stands_out, axis=1)
    ratio_db[:count] = 10 * np.log10(np.maximum(ratio, 1e-3))

    def rms(power_of: FloatArray) -> FloatArray:
        # One-sided bins hold half the amplitude of a line: its mean square is twice theirs.
        result = np.full(HARMONICS, np.nan)
        result[:count] = np.sqrt(2 * power_of)
        return result

    return MeshLines(
        gear=gear,
        mesh_hz=mesh_hz,
        mesh_of=rms(whole[:, SIDEBANDS]),
        near_of=rms(clean[:, near].sum(axis=1)),
        far_of=rms(np.delete(clean, near, axis=1).sum(axis=1)),
        matched_of=matched_of,
        ratio_db=ratio_db,
    )


def _mesh_bin(spectrum: NDArray[np.complex128], step_hz: float, mesh_hz: float, wheel_hz: float) -> int | None:
    """Return the bin of the mesh's line, or None where there is none; a sideband is never taken for it."""
    reach = max(2, round(min(SEARCH * mesh_hz, TRACKING_SHARE * wheel_hz) / step_hz))
    expected = round(mesh_hz / step_hz)
    around = max(1, round(mesh_hz / step_hz - 40.0 / step_hz))
    power = np.abs(spectrum[around : round(mesh_hz / step_hz + 40.0 / step_hz)]) ** 2
    first, last = expected - reach - around, expected + reach - around + 1
    peak = first + int(np.argmax(power[first:last]))
    if power[peak] < LINE_RATIO * local_background(power, step_hz)[peak]:
        return None
    return around + peak


def _zoom(spectrum: NDArray[np.complex128], centre: int, half: int, keep: int | None = None) -> NDArray[np.complex128]:
    """Return the analytic signal of `half` bins to each side of a centre, moved down to zero frequency, in its unit.

    Args:
        spectrum: one-sided, divided by its length.
        centre: bin that becomes zero frequency.
        half: bins to each side that set the rate of the result, so that results share their instants.
        keep: bins to each side that are used; all when not given.
    """
    used = half if keep is None else min(keep, half)
    size = next_fast_len(2 * half + 1, real=False)
    bins = np.zeros(size, np.complex128)
    bins[: used + 1] = spectrum[centre : centre + used + 1]
    bins[size - used :] = spectrum[centre - used : centre]
    return np.asarray(ifft(bins) * size, np.complex128)
