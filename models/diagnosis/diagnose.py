"""What is wrong with a machine, from one stretch of simultaneous channels: the way into this package.

In order: every sensor is checked; the shaft's speed is corrected by the comb of its own lines, over all good
channels; the present fingerprint is taken; every channel is judged on its own (`judgement.py`); the channels make one
verdict (`verdict.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from models.diagnosis.circumstances import Circumstances
from models.diagnosis.fingerprint import Fingerprint, FingerprintError, combine, fingerprint
from models.diagnosis.inputs import as_signal, check_names, check_rate, check_speed
from models.diagnosis.judgement import judge_channel
from models.diagnosis.mesh import Gear
from models.diagnosis.report import BearingAt, ChannelReport, Report, point_of
from models.diagnosis.sensor import check_sensor
from models.diagnosis.shaft_speed import SpeedEstimate, estimate_speed
from models.diagnosis.usable import is_fault, which_run, with_unit_checked
from models.diagnosis.verdict import machine_verdict
from models.diagnosis.whose_orders import pooled_rotor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = [
    "BearingAt",
    "ChannelReport",
    "Fingerprint",
    "Gear",
    "Report",
    "SpeedEstimate",
    "combine",
    "diagnose",
    "fingerprint",
]


def diagnose(
    samples: NDArray[np.floating],
    sample_rate_hz: float,
    channel_names: Sequence[str],
    *,
    speed_rpm: float | None,
    speed_measured: bool = False,
    bearings: Sequence[BearingAt] = (),
    baseline: Fingerprint | None = None,
    machine_group: int | None = None,
    support: str | None = None,
    levels_known: bool = True,
    gears: Sequence[Gear] = (),
    sound_channels: Sequence[str] = (),
) -> Report:
    """Return what is wrong with a machine, from one stretch of simultaneous channels.

    Args:
        samples: acceleration (channels, samples) in m/s², of microphones sound pressure in Pa.
        sample_rate_hz: of all channels.
        channel_names: `{point}.{axis}`, one per channel.
        speed_rpm: stated shaft speed, or None.
        speed_measured: a tachometer measured it while the samples were taken.
        bearings: what may be damaged; each is heard by all channels, best by those of its point.
        baseline: fingerprint of the same channels when healthy.
        machine_group: 1 or 2 of ISO 20816-3; with `support` it gives a zone.
        support: `rigid` or `flexible`.
        levels_known: False for samples of an unknown unit: no level is then compared with an absolute limit.
        gears: toothed wheels that the channels hear; those of the baseline, to be compared with it.
        sound_channels: names of those that are microphones. They hear bearings and teeth like every other sensor; they
            have no velocity, so neither zone nor rotor fault is judged by them.

    Raises:
        DiagnosisInputError: samples, rate, names or speed that cannot be judged.
        FingerprintError: the baseline has another number of channels.
        ZoneError: a group or a support that ISO 20816-3 does not know.
    """
    check_rate(sample_rate_hz)
    check_speed(speed_rpm)
    signal = as_signal(samples)
    check_names(channel_names, signal.shape[0])
    if baseline is not None and baseline.velocity_mm_s.size != signal.shape[0]:
        raise FingerprintError(
            f"the baseline has {baseline.velocity_mm_s.size} channels, the signal {signal.shape[0]}; learn it again"
        )
    is_sound = [name in sound_channels for name in channel_names]
    checks = [check_sensor(row, sample_rate_hz, is_sound=sound) for row, sound in zip(signal, is_sound, strict=True)]
    good = [not is_fault(check) for check in checks]
    # Gateways are small: samples stay float32 and shared, one channel at a time is worked on in double precision.
    clean = signal if np.isfinite(signal).all() else np.nan_to_num(signal, nan=0.0, posinf=0.0, neginf=0.0)
    # A microphone hears the shafts of the neighbours too.
    touching = [usable and not sound for usable, sound in zip(good, is_sound, strict=True)]
    chosen = touching if any(touching) else good
    audible = clean if all(chosen) or not any(chosen) else clean[chosen]
    speed = estimate_speed(audible, sample_rate_hz, speed_rpm, measured=speed_measured, gears=gears)
    now = fingerprint(clean, sample_rate_hz, speed.used, refine_speed=False)
    checks = with_unit_checked(checks, is_sound, now, baseline, levels_known=levels_known)
    running = which_run(checks, is_sound, baseline, speed, levels_known=levels_known)
    moving = [row for row, runs in enumerate(running) if runs and not is_sound[row]]
    circumstances = Circumstances(
        sample_rate_hz=sample_rate_hz,
        step_hz=sample_rate_hz / signal.shape[1],
        speed=speed,
        bearings=tuple(bearings),
        baseline=baseline,
        now=now,
        machine_group=machine_group,
        support=support,
        levels_known=levels_known,
        points=tuple(dict.fromkeys(point_of(name) for name in channel_names)),
        running=running,
        gears=tuple(gears),
        rotor=pooled_rotor(now, baseline, clean, moving, None if speed.used is None else speed.used / 60.0),
        is_sound=tuple(is_sound),
    )
    reports = tuple(
        judge_channel(row, name, clean[row].astype(np.float64), check, circumstances)
        for row, (name, check) in enumerate(zip(channel_names, checks, strict=True))
    )
    speaker = machine_verdict(reports)
    return Report(reports, speaker.diagnosis, speaker.component, speed, speaker.diagnosis.evidence, speaker.places)
