"""Vibration of machines whose fault is known because the force that makes it is put in: nothing here knows a rule.

A rotor turns at a speed that wanders with the supply and the load. Forces act on it: residual and grown imbalance,
a coupling, a foot that lifts, teeth that mesh, rollers that strike, flow. Every force reaches every sensor through a
structure of its own resonances (modal sum of accelerances), so that orders are amplified and weakened as they happen
to fall. The sensor then adds its noise and its anti-aliasing filter (`sensor_failures.py` goes on from there).

Every machine is drawn at random from a seed: speed, vanes, teeth, resonances, levels, severity. A healthy recording of
the same machine, made at slightly different speed and load, is its baseline.

Sources of the forces: D. E. Bently and C. T. Hatch, Fundamentals of Rotating Machinery Diagnostics (imbalance grows
with the speed squared); A. Muszynska, Rotordynamics (one-sided supports: harmonics and halves); P. D. McFadden and
J. D. Smith, Proc. IMechE 199 (1985) (teeth: amplitude and phase modulation of the mesh); D. J. Ewins, Modal Testing
(accelerance of a mode).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, rfft

FloatArray = NDArray[np.float64]

G_M_S2 = 9.80665


@dataclass(frozen=True)
class Teeth:
    """A pair of wheels: the pinion is on the shaft whose speed is stated."""

    pinion: int
    wheel: int

    @property
    def wheel_order(self) -> float:
        """Return turns of the wheel per turn of the pinion."""
        return self.pinion / self.wheel


@dataclass(frozen=True)
class Rollers:
    """A rolling bearing by its geometry; orders follow from kinematics with a still outer ring."""

    count: int
    ratio: float
    """Roller diameter times the cosine of the contact angle over the pitch diameter."""

    @property
    def cage(self) -> float:
        """Return turns of the cage per turn of the shaft."""
        return (1 - self.ratio) / 2

    @property
    def spin(self) -> float:
        """Return turns of a roller about itself per turn of the shaft."""
        return (1 - self.ratio**2) / (2 * self.ratio)

    @property
    def outer(self) -> float:
        """Return rollers that pass a point of the outer ring per turn of the shaft."""
        return self.count * self.cage

    @property
    def inner(self) -> float:
        """Return rollers that pass a point of the inner ring per turn of the shaft."""
        return self.count * (1 + self.ratio) / 2


@dataclass(frozen=True)
class Build:
    """What one machine is, apart from how it runs."""

    seed: int
    rate_hz: float
    channels: tuple[str, ...]
    speed_rpm: float
    velocity_mm_s: float
    """Healthy velocity of the shaft's lines at an average sensor."""
    rush_m_s2: float
    """Healthy broadband acceleration, flow and friction, at an average sensor."""
    floor_m_s2: float
    """Noise of the sensor itself."""
    vanes: int
    line_hz: float
    magnetic_m_s2: float
    """At twice the line frequency."""
    wander: float
    """Standard deviation of the speed, relative."""
    rollers: Rollers
    teeth: Teeth | None
    mesh_m_s2: float
    mode_shift: float = 1.0
    """Resonances at so many times their frequency: another temperature, another foundation bolt."""


@dataclass(frozen=True)
class Run:
    """How it runs during one recording."""

    seconds: float
    seed: int
    speed: float = 1.0
    """Of the rated one."""
    load: float = 1.0
    still: bool = False
    fault: str | None = None
    severity: float = 0.0
    """Level of the fault relative to the healthy machine's lines or noise, see each force."""


@dataclass(frozen=True)
class Recorded:
    """What the sensors gave, with the mean speed that a tachometer would have read."""

    samples: NDArray[np.float32]
    speed_rpm: float


def drawn(seed: int, *, channels: int | None = None, geared: bool | None = None, rate_hz: float | None = None) -> Build:
    """Return a machine of random build."""
    random = np.random.default_rng([seed, 11])
    count = channels or int(random.choice([1, 2, 3], p=[0.4, 0.3, 0.3]))
    names = ("DE.H", "DE.V", "DE.A")[:count] if random.random() < 0.6 else ("DE.H", "NDE.H", "DE.A")[:count]
    has_teeth = bool(random.random() < 0.25) if geared is None else geared
    pinion = int(random.integers(17, 41))
    wheel = int(pinion * random.uniform(1.3, 4.2))
    while np.gcd(pinion, wheel) > 1:
        wheel += 1
    speed_rpm = float(np.exp(random.uniform(np.log(600), np.log(3600))))
    return Build(
        seed=seed,
        rate_hz=rate_hz or float(random.choice([12_000.0, 25_600.0, 48_000.0], p=[0.6, 0.3, 0.1])),
        channels=names,
        speed_rpm=speed_rpm,
        velocity_mm_s=float(random.uniform(0.5, 1.6)),
        rush_m_s2=float(np.exp(random.uniform(np.log(0.3), np.log(3.0)))),
        floor_m_s2=float(random.uniform(0.002, 0.01)),
        vanes=int(random.integers(5, 12)),
        line_hz=float(random.choice([50.0, 60.0])),
        magnetic_m_s2=float(np.exp(random.uniform(np.log(0.02), np.log(0.4)))),
        wander=float(np.exp(random.uniform(np.log(1e-4), np.log(1.5e-3)))),
        rollers=Rollers(int(random.integers(7, 17)), float(random.uniform(0.12, 0.26))),
        teeth=Teeth(pinion, wheel) if has_teeth else None,
        mesh_m_s2=float(np.exp(random.uniform(np.log(0.5), np.log(5.0)))),
    )


class Structure:
    """Accelerance from the places where forces act to every sensor: a sum of modes with random shapes.

    Attributes:
        gain: by place, complex (channels, bins).
        rated: the same of the rated machine at the same orders: levels are stated for it, so that what another speed
            or a shifted resonance makes of them is heard.
        cut: anti-aliasing filter (bins,).
    """

    PLACES = ("horizontal", "vertical", "axial", "mesh", "bearing")
    GLOBAL_MODES = 9
    LOCAL_MODES = 12
    """The whole machine's low modes lie evenly in octaves; above a kilohertz plates and housings ring at every step."""
    KEEP_CLEAR = 0.2

    def __init__(self, build: Build, length: int, speed: float) -> None:
        random = np.random.default_rng([build.seed, 12])
        frequency = np.fft.rfftfreq(length, 1 / build.rate_hz)
        shaft_hz, count = build.speed_rpm / 60, self.GLOBAL_MODES + self.LOCAL_MODES
        lowest = max(35.0, 1.6 * shaft_hz)
        low_hz = np.exp(np.sort(random.uniform(np.log(lowest), np.log(2500.0), self.GLOBAL_MODES)))
        # Designers keep resonances clear of once and twice a turn.
        for order in (1, 2):
            near = np.abs(low_hz / (order * shaft_hz) - 1) < self.KEEP_CLEAR
            low_hz[near] *= (1 + self.KEEP_CLEAR) ** 2
        modes_hz = np.append(low_hz, random.uniform(1000.0, 0.45 * build.rate_hz, self.LOCAL_MODES))
        damping = random.uniform(0.012, 0.06, count)
        here = random.normal(0, 0.5, (count, len(build.channels)))
        there = random.normal(0, 0.5, (count, len(self.PLACES)))
        self.cut = 1 / np.sqrt(1 + (frequency / (0.4 * build.rate_hz)) ** 16)
        weights = here[:, None, :] * there[:, :, None]
        for row, name in enumerate(build.channels):
            axis = name.rsplit(".", maxsplit=1)[-1]
            for column, place in enumerate(self.PLACES):
                # Below its first mode a bearing housing gives way like a spring, in its own direction most.
                direct = {"horizontal": "H", "vertical": "V", "axial": "A"}.get(place)
                weights[0, column, row] = (1.0 if direct in {None, axis} else 0.25) * abs(here[0, row]) + 0.3
        self.gain = self._gains(frequency, modes_hz * build.mode_shift, damping, weights)
        self.rated = self._gains(frequency / speed, modes_hz, damping, weights)

    def _gains(
        self, frequency: FloatArray, modes_hz: FloatArray, damping: FloatArray, weights: FloatArray
    ) -> dict[str, NDArray[np.complex64]]:
        """Return the modal sum; far above its frequency a mode moves like a mass, which those above it cancel."""
        ratio = frequency / modes_hz[:, None]
        modes = ratio**2 / ((1 - ratio**2 + 2j * damping[:, None] * ratio) * (1 + (ratio / 3) ** 2)) * self.cut
        flat = weights.reshape(modes_hz.size, -1).T.astype(np.complex64)
        modes = modes.astype(np.complex64)
        gains = (flat @ modes).reshape(len(self.PLACES), weights.shape[2], -1)
        return dict(zip(self.PLACES, gains, strict=True))


class Shaft:
    """Angle over time: a speed that wanders slowly, and one that the load pulls down a little."""

    def __init__(self, build: Build, run: Run, random: np.random.Generator, length: int) -> None:
        time_s = np.arange(length) / build.rate_hz
        wander = np.zeros(length)
        for hz in random.uniform(0.1, 1.5, 4):
            wander += random.normal() * np.sin(2 * np.pi * hz * time_s + random.uniform(0, 2 * np.pi))
        wander *= build.wander / np.sqrt(2)
        relative = run.speed * (1 - 0.004 * (run.load - 1)) * (1 + wander)
        self.hz = build.speed_rpm / 60 * relative
        self.turns = np.cumsum(self.hz) / build.rate_hz
        self.mean_rpm = float(60 * self.hz.mean())
        self.squared = float(np.mean(relative)) ** 2

    def line(self, order: float, phase: float) -> FloatArray:
        """Return a cosine of so many periods per turn."""
        return np.cos(2 * np.pi * order * self.turns + phase)

    def comb(self, amplitudes: FloatArray, phases: FloatArray) -> FloatArray:
        """Return the sum of the lines 1, 2, 3 … of these amplitudes."""
        once = np.exp(2j * np.pi * self.turns)
        total = np.zeros(once.size, complex)
        # Horner's scheme: one multiplication per line instead of one cosine.
        for amplitude in (amplitudes * np.exp(1j * phases))[::-1]:
            total = (total + amplitude) * once
        return total.real


def record(build: Build, run: Run) -> Recorded:
    """Return what the sensors of a machine give; the machine is the same for the same build, the noise is not."""
    length = _fast(round(run.seconds * build.rate_hz))
    now = np.random.default_rng([build.seed, 14, run.seed])
    structure = Structure(build, length, run.speed)
    shaft = Shaft(build, run, now, length)
    forces, faults = _Forces(build, structure, length), _Forces(build, structure, length)
    if not run.still:
        _healthy(forces, build, run, shaft, now)
        if run.fault is not None:
            FAULTS[run.fault](faults, build, run, shaft, now)
    heard = irfft(forces.heard + faults.heard, length)
    heard += irfft(structure.cut * rfft(_floor(build, now, length)), length)
    if run.still:
        # Neighbours on the same floor are felt.
        heard += 0.02 * build.rush_m_s2 * forces.white(now)
    return Recorded(heard.astype(np.float32), shaft.mean_rpm)


class _Forces:
    """Sums forces at places into what every sensor hears, as spectra."""

    def __init__(self, build: Build, structure: Structure, length: int) -> None:
        self.build, self.structure, self.length = build, structure, length
        self.heard = np.zeros((len(build.channels), length // 2 + 1), complex)
        self.frequency = np.fft.rfftfreq(length, 1 / build.rate_hz)
        # A line that does not fit into the record leaks into every resonance: levels are stated without that.
        self.taper = np.hanning(length) / np.sqrt(3 / 8)

    def add(self, parts: Mapping[str, FloatArray], *, velocity_mm_s: float = 0.0, rms_m_s2: float = 0.0) -> None:
        """Add forces by their places, scaled together.

        Args:
            parts: force (samples,) by place.
            velocity_mm_s: what the loudest sensor of the rated machine hears of them; or
            rms_m_s2: the same as acceleration.
        """
        spectra = {place: rfft(force) for place, force in parts.items()}
        tapered = {place: rfft(force * self.taper) for place, force in parts.items()}
        self.heard += self.scale(tapered, velocity_mm_s, rms_m_s2) * self.through(spectra, self.structure.gain)

    def white(self, random: np.random.Generator) -> FloatArray:
        """Return noise of the flow as every sensor hears it, RMS 1 at the loudest, (channels, samples)."""
        force = random.standard_normal((3, self.length), np.float32)
        spectra = dict(zip(("horizontal", "vertical", "bearing"), rfft(force), strict=True))
        heard = irfft(self.through(spectra, self.structure.gain), self.length)
        return heard * self.scale(spectra, 0.0, 1.0)

    def scale(self, spectra: Mapping[str, NDArray[np.complexfloating]], velocity_mm_s: float, rms_m_s2: float) -> float:
        """Return the factor that gives the loudest sensor of the rated machine this level."""
        power = 2 * np.abs(self.through(spectra, self.structure.rated) / self.length) ** 2
        if velocity_mm_s:
            inside = (self.frequency >= 5) & (self.frequency <= 1000)
            power = 1e6 * power[:, inside] / (2 * np.pi * self.frequency[inside]) ** 2
        return (velocity_mm_s or rms_m_s2) / float(np.sqrt(power.sum(axis=1)).max())

    @staticmethod
    def through(
        spectra: Mapping[str, NDArray[np.complexfloating]], gains: Mapping[str, NDArray[np.complex64]]
    ) -> NDArray[np.complexfloating]:
        """Return what every sensor hears of forces at places."""
        heard = [spectrum * gains[place] for place, spectrum in spectra.items()]
        return np.sum(heard, axis=0)


def _healthy(forces: _Forces, build: Build, run: Run, shaft: Shaft, now: np.random.Generator) -> None:
    always = np.random.default_rng([build.seed, 13])
    phases = always.uniform(0, 2 * np.pi, 40)
    base = build.velocity_mm_s * shaft.squared
    whirl = {"horizontal": shaft.line(1, phases[0]), "vertical": shaft.line(1, phases[0] - np.pi / 2)}
    forces.add(whirl, velocity_mm_s=base * always.uniform(0.5, 0.9))
    coupling = shaft.line(2, phases[1]) + always.uniform(0.1, 0.5) * shaft.line(3, phases[2])
    forces.add({"horizontal": coupling}, velocity_mm_s=base * always.uniform(0.1, 0.45))
    forces.add({"axial": shaft.line(1, phases[3])}, velocity_mm_s=base * always.uniform(0.1, 0.3))
    vanes = {"vertical": shaft.line(build.vanes, phases[4])}
    forces.add(vanes, velocity_mm_s=base * run.load * always.uniform(0.1, 0.6))
    # Keyways, fits and couplings are never perfectly round: a faint comb.
    comb = shaft.comb(np.arange(1, 31) * always.lognormal(0, 0.5, 30), always.uniform(0, 2 * np.pi, 30))
    forces.add({"bearing": comb}, velocity_mm_s=0.05 * base)
    time_s = np.arange(forces.length) / build.rate_hz
    pull = np.cos(2 * np.pi * 2 * build.line_hz * time_s + now.uniform(0, 2 * np.pi))
    forces.add({"vertical": pull}, rms_m_s2=build.magnetic_m_s2 * run.load)
    forces.heard += rfft(build.rush_m_s2 * run.load * shaft.squared * forces.white(now))
    if build.teeth is not None:
        _mesh(forces, build, run, shaft)


def _mesh(
    forces: _Forces, build: Build, run: Run, shaft: Shaft, damage: tuple[FloatArray, FloatArray] | None = None
) -> None:
    """Add the force of meshing teeth: harmonics whose amplitude and phase follow both wheels' errors.

    Args:
        forces: sum.
        build: with teeth.
        run: load.
        shaft: angle.
        damage: extra amplitude modulation and phase modulation (samples,): then only what damage changes is added,
            because the good teeth mesh already.
    """
    teeth = build.teeth
    assert teeth is not None
    always = np.random.default_rng([build.seed, 16])
    shares = (1.0, always.uniform(0.2, 0.8), always.uniform(0.05, 0.4))
    phases = always.uniform(0, 2 * np.pi, 6)
    errors = always.uniform(0.01, 0.08, 4)
    runout = errors[0] * shaft.line(1, phases[3]) + errors[1] * shaft.line(teeth.wheel_order, phases[4])
    angle = errors[2] * shaft.line(1, phases[5]) + errors[3] * shaft.line(teeth.wheel_order, phases[3])
    good = np.zeros(forces.length)
    changed = np.zeros(forces.length)
    for harmonic, share in enumerate(shares, start=1):
        turned = 2 * np.pi * harmonic * teeth.pinion * shaft.turns + phases[harmonic - 1]
        good += share * (1 + runout) * np.cos(turned + harmonic * angle)
        if damage is not None:
            amplitude, phase = damage
            changed += share * (1 + runout + amplitude) * np.cos(turned + harmonic * (angle + phase))
    level = build.mesh_m_s2 * run.load * shaft.squared
    scale = forces.scale({"mesh": rfft(good * forces.taper)}, 0.0, level)
    spectra = {"mesh": rfft(good if damage is None else changed - good)}
    forces.heard += scale * forces.through(spectra, forces.structure.gain)


def _imbalance(forces: _Forces, build: Build, run: Run, shaft: Shaft, now: np.random.Generator) -> None:
    """A lost weight: once per turn, with the speed squared; an oil film and a foot answer with a little of twice."""
    phase = now.uniform(0, 2 * np.pi)
    bend = now.uniform(0.0, 0.06)
    parts = {
        "horizontal": shaft.line(1, phase) + bend * shaft.line(2, now.uniform(0, 2 * np.pi)),
        "vertical": now.uniform(0.5, 1.0) * shaft.line(1, phase - np.pi / 2),
        "axial": now.uniform(0.0, 0.2) * shaft.line(1, phase),
    }
    forces.add(parts, velocity_mm_s=run.severity * build.velocity_mm_s * shaft.squared)


def _misalignment(forces: _Forces, build: Build, run: Run, shaft: Shaft, now: np.random.Generator) -> None:
    """A coupling that is bent every turn: twice a turn most, once and three times less, along the shaft as well.

    The force of order k that makes a velocity v has k times the share, because acceleration is what forces make.
    """
    once, thrice, four = now.uniform(0.2, 1.5), now.uniform(0.1, 0.5), now.uniform(0.0, 0.15)
    velocities = {1: once, 2: 1.0, 3: thrice, 4: four, 5: now.uniform(0, 0.03), 6: now.uniform(0, 0.02)}

    def bent(share: float) -> FloatArray:
        lines = [part * order * shaft.line(order, now.uniform(0, 2 * np.pi)) for order, part in velocities.items()]
        return share * np.sum(lines, axis=0)

    parts = {
        "horizontal": bent(now.uniform(0.5, 1.0)),
        "vertical": bent(now.uniform(0.4, 0.9)),
        "axial": bent(now.uniform(0.6, 1.2)),
    }
    forces.add(parts, velocity_mm_s=run.severity * build.velocity_mm_s * shaft.squared)


def _looseness(forces: _Forces, build: Build, run: Run, shaft: Shaft, now: np.random.Generator) -> None:
    """A foot that lifts with the rotor's own force and falls back: a blow per turn, every other one often softer."""
    # Steel on steel touches for about a millisecond.
    width = now.uniform(0.3e-3, 1.2e-3) * build.speed_rpm / 60
    soft = float(now.choice([0.0, now.uniform(0.15, 0.6)]))
    turns = shaft.turns + now.uniform(0, 1)
    number = np.floor(turns).astype(int)
    strength = 1 + 0.12 * now.standard_normal(number.max() + 2)
    strength[1::2] *= 1 - soft
    blow = strength[number] * np.exp(-0.5 * ((turns - number - 0.5) / width) ** 2)
    # The rotor pulls once a turn while the foot gives way.
    sway = now.uniform(0.5, 4.0) * width * shaft.line(1, now.uniform(0, 2 * np.pi))
    parts = {"vertical": blow + sway, "horizontal": now.uniform(0.3, 0.8) * (blow + sway)}
    forces.add(parts, velocity_mm_s=run.severity * build.velocity_mm_s * shaft.squared)
    # Everything rattles while it is open.
    rattle = forces.white(now) * blow
    forces.heard += rfft(now.uniform(0.1, 0.6) * run.severity * build.rush_m_s2 * rattle)


def _gear(forces: _Forces, build: Build, run: Run, shaft: Shaft, now: np.random.Generator) -> None:
    """A cracked or broken tooth, or worn and eccentric flanks, on either wheel: the mesh is modulated by its turn."""
    teeth = build.teeth
    assert teeth is not None
    on_wheel = bool(now.random() < 0.5)
    order, count = (teeth.wheel_order, teeth.wheel) if on_wheel else (1.0, teeth.pinion)
    offset = now.uniform(0, 1)
    turn = np.mod(order * shaft.turns + offset, 1.0) - 0.5
    if now.random() < 0.6:
        pulse = np.exp(-0.5 * (turn * count / now.uniform(0.7, 1.6)) ** 2)
        amplitude, phase = -min(1.0, 0.25 * run.severity) * pulse, 0.3 * run.severity * pulse
        # The tooth behind takes the load with a blow.
        blows = np.flatnonzero(np.diff(np.floor(order * shaft.turns + offset)) > 0)
        force = np.zeros(forces.length)
        force[blows] = 1 + 0.1 * now.standard_normal(blows.size)
        forces.add({"mesh": force}, rms_m_s2=0.15 * run.severity * build.mesh_m_s2 * run.load)
    else:
        depth, spread, late = 0.12 * run.severity, now.uniform(0.1, 0.6), now.uniform(0, 2 * np.pi)
        amplitude = depth * (np.cos(2 * np.pi * turn) + spread * np.cos(4 * np.pi * turn + late))
        phase = now.uniform(0.3, 1.0) * depth * np.cos(2 * np.pi * turn + now.uniform(0, 2 * np.pi))
    _mesh(forces, build, run, shaft, (amplitude, phase))


def _strikes(
    shaft: Shaft, now: np.random.Generator, per_turn: float, *, turning_with: float, floor: float
) -> FloatArray:
    """Return blows (samples,): so many per turn with slip and jitter, strongest in the load zone as it comes round."""
    slip = 1 - now.uniform(0.001, 0.006)
    count = int(shaft.turns[-1] * per_turn * slip)
    at = (np.arange(count) + now.uniform(0, 1) + 0.008 * now.standard_normal(count)) / (per_turn * slip)
    index = np.clip(np.searchsorted(shaft.turns, at), 0, shaft.turns.size - 1)
    zone = np.maximum(np.cos(2 * np.pi * turning_with * at * slip), 0.0) ** 1.5
    strength = (floor + (1 - floor) * zone) * np.exp(0.2 * now.standard_normal(count))
    return np.bincount(index, strength, shaft.turns.size)[: shaft.turns.size]


def _ball(forces: _Forces, build: Build, run: Run, shaft: Shaft, now: np.random.Generator) -> None:
    """A spalled roller: it strikes with both sides per spin, hardest when the cage carries it through the load."""
    rollers = build.rollers
    blows = _strikes(shaft, now, 2 * rollers.spin, turning_with=rollers.cage, floor=now.uniform(0.1, 0.4))
    forces.add({"bearing": blows}, rms_m_s2=run.severity * build.rush_m_s2 * run.load)


def _cage(forces: _Forces, build: Build, run: Run, shaft: Shaft, now: np.random.Generator) -> None:
    """A broken cage: a hard knock per turn of the cage; the rollers that it lets skid are worn and strike as well."""
    rollers = build.rollers
    knocks = _strikes(shaft, now, rollers.cage, turning_with=0.0, floor=1.0)
    blows = _strikes(shaft, now, 2 * rollers.spin, turning_with=rollers.cage, floor=0.3)
    forces.add({"bearing": knocks}, rms_m_s2=run.severity * build.rush_m_s2 * run.load)
    forces.add({"bearing": blows}, rms_m_s2=now.uniform(0.6, 1.0) * run.severity * build.rush_m_s2 * run.load)


FAULTS = {
    "imbalance": _imbalance,
    "misalignment": _misalignment,
    "looseness": _looseness,
    "gear": _gear,
    "ball": _ball,
    "cage": _cage,
}


def _floor(build: Build, random: np.random.Generator, length: int) -> FloatArray:
    """Return the sensor's own noise with a trace of the mains, (channels, samples)."""
    time_s = np.arange(length) / build.rate_hz
    hum = 0.5 * build.floor_m_s2 * np.cos(2 * np.pi * build.line_hz * time_s)
    return build.floor_m_s2 * random.standard_normal((len(build.channels), length)) + hum


def _fast(length: int) -> int:
    """Return the largest length up to this one whose only factors are 2, 3 and 5."""
    while True:
        rest = length
        for factor in (2, 3, 5):
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return length
        length -= 2 if length % 2 == 0 else 1
