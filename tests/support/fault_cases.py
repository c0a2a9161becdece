"""Two hundred machines with a known fault, one sensor fault, or at rest; and healthy ones that only run differently.

Each case is a recording with the healthy baseline of the same machine. What is right, open and wrong is counted here,
so that the test and a person who tries a rule share the protocol. Run it for the table, from the checkout:
`PYTHONPATH=tests python -m support.fault_cases [FIRST_SEED]`; another first seed, 7000 or more, makes other machines,
on which no rule was ever tried.
"""

from __future__ import annotations

import functools
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from support.machine_signals import Build, Recorded, Run, drawn, record
from support.sensor_failures import G_M_S2, SENSOR_FAULTS, quantised, spoiled

from models.contract.vocabulary import DiagnosisLabel
from models.diagnosis.bearings import Bearing
from models.diagnosis.diagnose import BearingAt, Fingerprint, Report, diagnose, fingerprint
from models.diagnosis.gear_faults import Gear
from models.diagnosis.sensor import SensorCause

FAULT_CASES = {"imbalance": 28, "misalignment": 28, "looseness": 28, "gear": 28, "ball": 14, "cage": 10}
SENSOR_CASES = 5
"""Of each kind."""
OFF_CASES = 14
MACHINES = 48
"""Several faults are tried on the same machine; teeth are on the first ones."""
GEARED = 14
NOT_NAMED = {
    DiagnosisLabel.HEALTHY,
    DiagnosisLabel.NO_FAULT_FOUND,
    DiagnosisLabel.CHANGED,
    DiagnosisLabel.PROCESS_CHANGED,
    DiagnosisLabel.UNCERTAIN,
}
CAUSES = {
    "not_finite": {SensorCause.NOT_FINITE},
    "stuck": {SensorCause.CONSTANT},
    "dead": {SensorCause.DEAD},
    "clipped": {SensorCause.CLIPPED},
    "saturated": {SensorCause.SATURATED, SensorCause.CLIPPED},
    "loose_cable": {SensorCause.LOOSE_CABLE, SensorCause.DROPOUT},
    "ski_slope": {SensorCause.SKI_SLOPE},
    "unit_g": {SensorCause.WRONG_UNIT},
    "unit_mm": {SensorCause.WRONG_UNIT},
    "spikes": {SensorCause.SPIKES},
}
"""What a technician would accept as the cause of each sensor fault."""


@dataclass(frozen=True)
class Case:
    """One recording.

    Attributes:
        kind: fault of the machine, `sensor:KIND`, `machine_off`, or `healthy:VARIANT`.
        build: the machine.
        number: of the case, seeds everything that is drawn for it.
    """

    kind: str
    build: Build
    number: int

    @property
    def label(self) -> DiagnosisLabel | None:
        """Return what must be said; None: nothing may be named."""
        if self.kind.startswith("healthy"):
            return None
        return DiagnosisLabel.SENSOR_FAULT if self.kind.startswith("sensor:") else DiagnosisLabel(self.kind)


FIRST_SEED = 7_000


@functools.cache
def machine(number: int, first_seed: int = FIRST_SEED) -> Build:
    """Return one of the machines."""
    return drawn(first_seed + number, geared=number < GEARED)


def cases(first_seed: int = FIRST_SEED) -> Iterator[Case]:
    """Return the two hundred cases."""
    for case in _cases(first_seed):
        yield replace(case, number=case.number + first_seed - FIRST_SEED)


def _cases(first_seed: int) -> Iterator[Case]:
    number = 0
    for kind, count in FAULT_CASES.items():
        among = GEARED if kind == "gear" else MACHINES
        for _ in range(count):
            yield Case(kind, machine((5 * number) % among, first_seed), number)
            number += 1
    for kind in SENSOR_FAULTS:
        for _ in range(SENSOR_CASES):
            build = machine((5 * number) % MACHINES, first_seed)
            if kind == "dead" and len(build.channels) == 1:
                # One dead sensor alone and a machine at rest are the same signal: nobody could tell.
                build = replace(build, channels=("DE.H", "DE.V"))
            yield Case(f"sensor:{kind}", build, number)
            number += 1
    for _ in range(OFF_CASES):
        yield Case("machine_off", machine((5 * number) % MACHINES, first_seed), number)
        number += 1


HEALTHY = {
    "same": Run(4.0, 0),
    "load -20 %": Run(4.0, 0, load=0.8),
    "load +20 %": Run(4.0, 0, load=1.2),
    "speed -10 %": Run(4.0, 0, speed=0.9),
    "speed +6 %": Run(4.0, 0, speed=1.06),
    "more magnetic pull": Run(4.0, 0),
    "resonances -4 %": Run(4.0, 0),
    "resonances +8 %": Run(4.0, 0),
}
"""What is different and no fault."""


def healthy_cases(first_seed: int = FIRST_SEED) -> Iterator[Case]:
    """Return healthy machines that run differently from their baselines."""
    for number, kind in enumerate(list(HEALTHY) * 5, start=1000):
        build = machine((7 * number) % MACHINES, first_seed)
        yield Case(f"healthy:{kind}", build, number + first_seed - FIRST_SEED)


@functools.cache
def baseline(build: Build) -> tuple[Fingerprint, float]:
    """Return the fingerprint of a healthy run at slightly different speed and load, and its largest sample."""
    random = np.random.default_rng([build.seed, 21])
    speed, load = 1 + random.uniform(-0.02, 0.02, 2)
    made = recorded(build, Run(5.0, 1, speed=float(speed), load=float(load)))
    print_ = fingerprint(made.samples, build.rate_hz, made.speed_rpm, speed_measured=True, gears=gears(build))
    return print_, float(np.abs(made.samples).max())


def recorded(build: Build, run: Run) -> Recorded:
    """Return a recording through a converter of 16 bits with a range of 50 g."""
    made = record(build, run)
    return replace(made, samples=quantised(made.samples, 50 * G_M_S2))


def case_samples(case: Case) -> Recorded:
    """Return what is judged."""
    random = np.random.default_rng([case.number, 22])
    run = Run(float(random.uniform(4.0, 5.0)), 100 + case.number)
    build = case.build
    if case.kind in FAULT_CASES:
        low, high = {"gear": (2.0, 4.0), "ball": (1.0, 4.0), "cage": (1.0, 4.0)}.get(case.kind, (2.2, 8.0))
        run = replace(run, fault=case.kind, severity=float(random.uniform(low, high)))
    if case.kind == "machine_off":
        run = replace(run, still=True)
    variant = case.kind.removeprefix("healthy:")
    if variant in HEALTHY:
        run = replace(HEALTHY[variant], seconds=run.seconds, seed=run.seed)
        if variant == "more magnetic pull":
            build = replace(build, magnetic_m_s2=2 * build.magnetic_m_s2)
        if variant.startswith("resonances"):
            build = replace(build, mode_shift=0.96 if "-4" in variant else 1.08)
    if not case.kind.startswith("sensor:"):
        return recorded(build, run)
    kind = case.kind.removeprefix("sensor:")
    heard = record(build, run)
    samples = quantised(heard.samples, 50 * G_M_S2)
    row = int(random.integers(samples.shape[0]))
    # A range that is too small cuts before the converter, which then has its fine steps inside it.
    one = heard.samples[row] if kind == "clipped" else samples[row]
    samples[row] = spoiled(one, build.rate_hz, kind, random, build.floor_m_s2)
    return replace(heard, samples=samples)


def gears(build: Build) -> tuple[Gear, ...]:
    """Return both wheels as a person would state them."""
    if build.teeth is None:
        return ()
    return Gear(build.teeth.pinion, 1.0), Gear(build.teeth.wheel, round(build.teeth.wheel_order, 5))


def judged(case: Case, *, teeth_known: bool = True) -> Report:
    """Return the verdict against the baseline; on half of the machines the speed is stated 0.3 % wrong."""
    random = np.random.default_rng([case.number, 23])
    made = case_samples(case)
    measured = bool(random.random() < 0.5)
    rollers = case.build.rollers
    bearing = Bearing("as drawn", rollers.outer, rollers.inner, rollers.spin, rollers.cage)
    return diagnose(
        made.samples,
        case.build.rate_hz,
        case.build.channels,
        speed_rpm=case.build.speed_rpm if case.kind == "machine_off" else made.speed_rpm * (1 if measured else 1.003),
        speed_measured=measured and case.kind != "machine_off",
        bearings=[BearingAt(bearing)],
        baseline=baseline(case.build)[0],
        machine_group=2,
        support="rigid",
        gears=gears(case.build) if teeth_known else (),
    )


def score(case: Case, report: Report) -> str:
    """Return `right`, `open` (nothing is named) or `wrong` (another name, or a name without a fault)."""
    said = report.verdict.label
    if case.label is None:
        return "right" if said in NOT_NAMED else "wrong"
    if said in NOT_NAMED:
        return "open"
    if said is not case.label:
        return "wrong"
    if case.kind.startswith("sensor:"):
        causes = {cause for channel in report.channels for cause in channel.causes}
        return "right" if causes & CAUSES[case.kind.removeprefix("sensor:")] else "wrong"
    return "right"


@dataclass(frozen=True)
class Table:
    """What was said on each kind of case."""

    said: dict[str, Counter[str]]
    scores: dict[str, Counter[str]]

    @property
    def total(self) -> Counter[str]:
        """Return right, open and wrong over all kinds."""
        return sum(self.scores.values(), Counter())

    def text(self) -> str:
        """Return the table as people read it."""
        lines = [f"{'case':28} right  open wrong   said"]
        for kind, counts in self.scores.items():
            said = ", ".join(f"{label} {count}" for label, count in self.said[kind].most_common())
            lines.append(f"{kind:28} {counts['right']:5} {counts['open']:5} {counts['wrong']:5}   {said}")
        total = self.total
        lines.append(f"{'all':28} {total['right']:5} {total['open']:5} {total['wrong']:5}")
        return "\n".join(lines)


def table(chosen: Iterator[Case], *, explain: bool = False) -> Table:
    """Return how well cases are judged; with `explain`, what was said where it was not right goes to stderr."""
    made = Table({}, {})
    for case in chosen:
        report = judged(case)
        result = score(case, report)
        made.said.setdefault(case.kind, Counter())[str(report.verdict.label)] += 1
        made.scores.setdefault(case.kind, Counter())[result] += 1
        if explain and result != "right":
            labels = [(str(channel.diagnosis.label), *map(str, channel.causes)) for channel in report.channels]
            sys.stderr.write(f"{result:6} {case.kind} #{case.number} {labels} {report.verdict.sentence[:230]}\n")
    return made


def main() -> None:
    """Print both tables."""
    first_seed = int(sys.argv[1]) if len(sys.argv) > 1 else FIRST_SEED
    for chosen in (cases(first_seed), healthy_cases(first_seed)):
        sys.stdout.write(table(chosen, explain=True).text() + "\n\n")


if __name__ == "__main__":
    main()
