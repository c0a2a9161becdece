"""What a machine sounds like when it is healthy: the reference that a change is measured against.

A fingerprint holds, per channel, the vibration velocity at the orders of the shaft (imbalance, misalignment and
looseness live there), the mesh of gears that are given with its sidebands, the level in third-octave bands, and how
much that level scatters by itself. One stretch of signal makes one; several are combined into a better one, whose
scatter is then the machine's own.
"""

from __future__ import annotations

import json
import math
import struct
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from models.contract.errors import InputError
from models.diagnosis.envelope_lines import local_background
from models.diagnosis.inputs import as_signal, check_rate, check_speed
from models.diagnosis.mesh import HARMONICS, Gear, GearError, MeshLevels, mesh_lines
from models.diagnosis.shaft_speed import estimate_speed
from models.signal.fourier import pairs_of, prev_fast_len
from models.signal.spectra import power_spectrum, velocity_rms

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from models.diagnosis.envelope_lines import FloatArray
    from models.diagnosis.mesh import MeshLines

ORDERS: Final = (0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0)
"""Orders of the shaft at which velocity is measured; halves belong to looseness."""
LINE_BINS: Final = 2
"""A Hann line fills two bins to each side of its centre."""
LINE_RATIO: Final = 12.0
"""A bin this far above its background is a line: noise does it once in 160,000 bins."""
ORDER_TOLERANCE: Final = 0.004
"""How far a line may lie from its order, on top of one bin: what the speed estimate leaves open."""
MIN_BINS_PER_TURN: Final = 5.0
"""Orders closer than this many bins melt together and are not measured."""
BAND_LOWEST_HZ: Final = 25.0
BAND_HIGHEST_SHARE: Final = 0.8
"""Highest band relative to half the sampling rate: above it the anti-aliasing filter decides the level."""
BAND_MIN_BINS: Final = 8
"""A band of fewer bins scatters too much to compare."""
CHANCE_DB: Final = 4.34
"""Standard deviation of the level of one bin of noise, 10 / ln 10."""
FORMATS: Final = (b"PPFP1", b"PPFP2")
"""As they were written over time: without and with gears. The last one is written."""
MAX_BYTES: Final = 1 << 20
MAX_CHANNELS: Final = 1024


class FingerprintError(InputError):
    """Bytes that are no fingerprint, or one that does not fit what it is compared with."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A healthy reference.

    Of a microphone, pressures in Pa stand in the place of accelerations in m/s²; nothing is read from its velocities.

    Attributes:
        sample_rate_hz: of what it was made from.
        speed_rpm: of the shaft, or None when unknown; then there are no orders.
        order_mm_s: velocity RMS of the line at each of `ORDERS`, NaN where not measurable, (channels, orders).
        velocity_mm_s: velocity RMS 10 to 1000 Hz, (channels,).
        acceleration_m_s2: acceleration RMS, (channels,).
        band_hz: centre of each third-octave band, (bands,).
        band_db: level in dB above 1 m/s², (channels, bands).
        band_spread_db: standard deviation of that level when nothing changes, (channels, bands).
        gears: wheels whose mesh was measured.
        gear_m_s2: RMS acceleration of mesh, near and far sidebands of each, per harmonic of the mesh, NaN where it was
            no line, (channels, gears, 3, HARMONICS).
    """

    sample_rate_hz: float
    speed_rpm: float | None
    order_mm_s: FloatArray
    velocity_mm_s: FloatArray
    acceleration_m_s2: FloatArray
    band_hz: FloatArray
    band_db: FloatArray
    band_spread_db: FloatArray
    gears: tuple[Gear, ...] = ()
    gear_m_s2: FloatArray = field(default_factory=lambda: np.zeros((0, 0, 3, HARMONICS)))

    def seen_order_mm_s(self, channel: int) -> FloatArray:
        """Return the velocity at each of `ORDERS`, or what could have hidden in the noise where no line stood out.

        A longer record, or a steadier one, shows lines that were always there; only what is above this grew. The noise
        per bin follows from the level of the third-octave band around the order and from how many bins its scatter
        by chance stands for. NaN where orders were not measured, (orders,).
        """
        seen: FloatArray = self.order_mm_s[channel].copy()
        if self.speed_rpm is None or not self.band_hz.size:
            return seen
        orders_hz = np.array(ORDERS) * self.speed_rpm / 60.0
        nearest = np.abs(np.log(self.band_hz[:, None] / orders_hz)).argmin(axis=0)
        bins = 1.5 * (CHANCE_DB / self.band_spread_db[channel, nearest]) ** 2
        hidden = LINE_RATIO * 10.0 ** (self.band_db[channel, nearest] / 10) / np.maximum(bins, 1.0)
        limit_mm_s = 1000.0 * np.sqrt(hidden) / (2 * math.pi * orders_hz)
        within = orders_hz >= BAND_LOWEST_HZ
        seen[within & (seen == 0.0)] = limit_mm_s[within & (seen == 0.0)]
        return seen

    def mesh_levels(self, channel: int, gears: Sequence[Gear]) -> tuple[MeshLevels | None, ...]:
        """Return what a channel heard of each wheel, None for those that were not measured."""
        return tuple(
            MeshLevels(*self.gear_m_s2[channel, self.gears.index(gear)]) if gear in self.gears else None
            for gear in gears
        )

    def to_bytes(self) -> bytes:
        """Return the fingerprint as bytes: a header in JSON, then the arrays as float32."""
        header = json.dumps(
            {
                "channels": int(self.velocity_mm_s.size),
                "bands": int(self.band_hz.size),
                "sample_rate_hz": self.sample_rate_hz,
                "speed_rpm": self.speed_rpm,
                "gears": [[gear.teeth, gear.order] for gear in self.gears],
            },
            sort_keys=True,
        ).encode()
        arrays = b"".join(np.asarray(array, "<f4").tobytes() for array in self._arrays())
        return FORMATS[-1] + struct.pack("<H", len(header)) + header + arrays

    @classmethod
    def from_bytes(cls, data: bytes) -> Fingerprint:
        """Return the fingerprint that `to_bytes` wrote.

        Raises:
            FingerprintError: something else, or damaged.
        """
        try:
            if len(data) > MAX_BYTES or not data.startswith(FORMATS):
                raise FingerprintError("these bytes are no fingerprint of this version; learn the baseline again")
            (length,) = struct.unpack_from("<H", data, len(FORMATS[-1]))
            start = len(FORMATS[-1]) + 2
            header = json.loads(data[start : start + length])
            channels, bands = int(header["channels"]), int(header["bands"])
            rate = float(header["sample_rate_hz"])
            speed = None if header["speed_rpm"] is None else float(header["speed_rpm"])
            gears = tuple(Gear(int(teeth), float(order)) for teeth, order in header.get("gears", []))
            if not (1 <= channels <= MAX_CHANNELS and 0 <= bands <= MAX_CHANNELS and math.isfinite(rate)):
                raise FingerprintError("this fingerprint is out of bounds; learn the baseline again")
            values = np.frombuffer(data, "<f4", offset=start + length).astype(np.float64)
        except (ValueError, KeyError, TypeError, struct.error, GearError) as error:
            raise FingerprintError("this fingerprint is damaged; learn the baseline again") from error
        shapes: tuple[tuple[int, ...], ...] = (
            (channels, len(ORDERS)),
            (channels,),
            (channels,),
            (bands,),
            (channels, bands),
            (channels, bands),
            (channels, len(gears), 3, HARMONICS),
        )
        if values.size != sum(math.prod(shape) for shape in shapes):
            raise FingerprintError("this fingerprint is cut short; learn the baseline again")
        parts = np.split(values, np.cumsum([math.prod(shape) for shape in shapes])[:-1])
        arrays = [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]
        orders, velocity, acceleration, band_hz, band_db, band_spread_db, gear_m_s2 = arrays
        return cls(rate, speed, orders, velocity, acceleration, band_hz, band_db, band_spread_db, gears, gear_m_s2)

    def select(self, rows: Sequence[int | None]) -> Fingerprint:
        """Return the fingerprint with its channels in another order; None makes a channel without a reference."""

        def picked(array: FloatArray) -> FloatArray:
            empty = np.full(array.shape[1:], np.nan)
            return np.stack([empty if row is None else array[row] for row in rows])

        return replace(
            self,
            order_mm_s=picked(self.order_mm_s),
            velocity_mm_s=picked(self.velocity_mm_s),
            acceleration_m_s2=picked(self.acceleration_m_s2),
            band_db=picked(self.band_db),
            band_spread_db=picked(self.band_spread_db),
            gear_m_s2=picked(self.gear_m_s2) if self.gears else self.gear_m_s2,
        )

    def _arrays(self) -> tuple[FloatArray, ...]:
        return (
            self.order_mm_s,
            self.velocity_mm_s,
            self.acceleration_m_s2,
            self.band_hz,
            self.band_db,
            self.band_spread_db,
            self.gear_m_s2,
        )


def fingerprint(
    samples: NDArray[np.floating],
    sample_rate_hz: float,
    speed_rpm: float | None,
    *,
    refine_speed: bool = True,
    speed_measured: bool = False,
    gears: Sequence[Gear] = (),
) -> Fingerprint:
    """Return the fingerprint of one stretch of signal.

    Args:
        samples: acceleration (channels, samples) in m/s², of microphones sound pressure in Pa.
        sample_rate_hz: of the samples.
        speed_rpm: stated shaft speed, or None.
        refine_speed: correct the stated speed by the signal's own comb first.
        speed_measured: the speed is a tachometer's, of these samples.
        gears: wheels whose mesh is measured as well; needs a speed.

    Raises:
        DiagnosisInputError: samples, rate or speed that cannot be.
    """
    check_rate(sample_rate_hz)
    check_speed(speed_rpm)
    signal = as_signal(samples)
    if refine_speed:
        speed_rpm = estimate_speed(signal, sample_rate_hz, speed_rpm, measured=speed_measured, gears=gears).used
    parts = [_of_channels(pair, sample_rate_hz, speed_rpm) for pair in pairs_of(signal)]
    first = parts[0]
    return Fingerprint(
        sample_rate_hz=sample_rate_hz,
        speed_rpm=speed_rpm,
        order_mm_s=np.concatenate([part.order_mm_s for part in parts]),
        velocity_mm_s=np.concatenate([part.velocity_mm_s for part in parts]),
        acceleration_m_s2=np.concatenate([part.acceleration_m_s2 for part in parts]),
        band_hz=first.band_hz,
        band_db=np.concatenate([part.band_db for part in parts]),
        band_spread_db=np.concatenate([part.band_spread_db for part in parts]),
        gears=tuple(gears),
        gear_m_s2=_meshes(signal, sample_rate_hz, speed_rpm, gears),
    )


def mesh_levels_of(heard: Sequence[MeshLines | None]) -> FloatArray:
    """Return the levels of one channel as a fingerprint keeps them, (gears, 3, HARMONICS)."""
    unheard = np.full((3, HARMONICS), np.nan)
    levels = [unheard if lines is None else np.stack([lines.mesh_of, lines.near_of, lines.far_of]) for lines in heard]
    return np.array(levels, np.float64).reshape(-1, 3, HARMONICS)


def _meshes(
    signal: NDArray[np.float32], sample_rate_hz: float, speed_rpm: float | None, gears: Sequence[Gear]
) -> FloatArray:
    if speed_rpm is None:
        return np.full((signal.shape[0], len(gears), 3, HARMONICS), np.nan)
    return np.stack([mesh_levels_of(mesh_lines(row, sample_rate_hz, speed_rpm / 60.0, gears)) for row in signal])


def _of_channels(signal: NDArray[np.float32], sample_rate_hz: float, speed_rpm: float | None) -> Fingerprint:
    """Return the fingerprint of some channels (channels, samples)."""
    length = prev_fast_len(signal.shape[1])
    step_hz = sample_rate_hz / length
    spectrum = power_spectrum(signal[:, :length], sample_rate_hz)
    # Sums over bins below are mean squares: the spectrum is scaled for lines, which fill 1.5 bins of noise.
    power = spectrum.power / spectrum.noise_bandwidth_bins
    band_hz, band_db, bins_per_band = _third_octaves(power, step_hz)
    # The level of a band of noise scatters by CHANCE_DB over the square root of its bins; Hann leaves 2 of 3 bins free.
    spread = np.broadcast_to(CHANCE_DB / np.sqrt(bins_per_band / 1.5), band_db.shape)
    return Fingerprint(
        sample_rate_hz=sample_rate_hz,
        speed_rpm=speed_rpm,
        order_mm_s=_order_velocity(power, step_hz, speed_rpm),
        velocity_mm_s=np.asarray(velocity_rms(spectrum), np.float64),
        acceleration_m_s2=signal.std(axis=1).astype(np.float64),
        band_hz=band_hz,
        band_db=band_db,
        band_spread_db=np.array(spread),
    )


def combine(fingerprints: Sequence[Fingerprint]) -> Fingerprint:
    """Return one reference from several stretches of the same healthy machine.

    Raises:
        FingerprintError: none given, or of different channels or sampling rates.
    """
    if not fingerprints:
        raise FingerprintError("a baseline needs at least one stretch of healthy signal")
    first = fingerprints[0]
    if any(other.band_db.shape != first.band_db.shape or other.gears != first.gears for other in fingerprints):
        raise FingerprintError("stretches of different channels, rates or gears cannot make one baseline")
    speeds = [other.speed_rpm for other in fingerprints if other.speed_rpm is not None]
    levels = np.stack([other.band_db for other in fingerprints])
    by_chance = np.stack([other.band_spread_db for other in fingerprints]).mean(axis=0)
    return Fingerprint(
        sample_rate_hz=first.sample_rate_hz,
        speed_rpm=float(np.median(speeds)) if speeds else None,
        order_mm_s=np.median([other.order_mm_s for other in fingerprints], axis=0),
        velocity_mm_s=np.median([other.velocity_mm_s for other in fingerprints], axis=0),
        acceleration_m_s2=np.median([other.acceleration_m_s2 for other in fingerprints], axis=0),
        band_hz=first.band_hz,
        band_db=np.median(levels, axis=0),
        band_spread_db=np.maximum(levels.std(axis=0), by_chance),
        gears=first.gears,
        gear_m_s2=np.median([other.gear_m_s2 for other in fingerprints], axis=0),
    )


def _order_velocity(power: FloatArray, step_hz: float, speed_rpm: float | None) -> FloatArray:
    """Return velocity RMS in mm/s of the line at each of `ORDERS`, (channels, orders); 0 where no line stands out.

    What counts is the line alone, its background taken away: broadband noise has power at every order, but noise is
    neither imbalance nor looseness.
    """
    result = np.full((power.shape[0], len(ORDERS)), np.nan)
    if speed_rpm is None or speed_rpm / 60.0 < MIN_BINS_PER_TURN * step_hz:
        return result
    shaft_bins = speed_rpm / 60.0 / step_hz
    measured = min(power.shape[1], int((ORDERS[-1] + 1) * shaft_bins * (1 + ORDER_TOLERANCE)) + LINE_BINS)
    for row, channel in enumerate(power[:, :measured].astype(np.float64)):
        background = local_background(channel, step_hz)
        for column, order in enumerate(ORDERS):
            centre = order * shaft_bins
            reach = 1.0 + ORDER_TOLERANCE * centre
            first, last = max(1, round(centre - reach)), round(centre + reach)
            if last + LINE_BINS + 1 > measured:
                break
            peak = first + int(np.argmax(channel[first : last + 1]))
            around = slice(max(1, peak - LINE_BINS), peak + LINE_BINS + 1)
            stands_out = channel[peak] > LINE_RATIO * background[peak]
            line = float((channel[around] - background[around]).sum()) if stands_out else 0.0
            result[row, column] = 1000.0 * math.sqrt(max(line, 0.0)) / (2 * math.pi * peak * step_hz)
    return result


def _third_octaves(power: FloatArray, step_hz: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return centres in Hz, levels in dB above 1 m/s² (channels, bands), and how many bins each band holds.

    Source: IEC 61260-1, base-ten third octaves.
    """
    top_hz = BAND_HIGHEST_SHARE * step_hz * (power.shape[1] - 1)
    exponents = np.arange(math.ceil(10 * math.log10(BAND_LOWEST_HZ)), math.floor(10 * math.log10(max(top_hz, 1.0))) + 1)
    centres = 10.0 ** (exponents / 10)
    edges = np.rint(np.stack([centres * 10**-0.05, centres * 10**0.05]) / step_hz).astype(int)
    kept = (edges[1] - edges[0] >= BAND_MIN_BINS) & (centres * 10**0.05 <= top_hz)
    centres, edges = centres[kept], edges[:, kept]
    levels = np.zeros((power.shape[0], centres.size))
    for column, (first, last) in enumerate(edges.T):
        levels[:, column] = power[:, first:last].sum(axis=1)
    return centres, 10 * np.log10(np.maximum(levels, 1e-20)), (edges[1] - edges[0]).astype(np.float64)
