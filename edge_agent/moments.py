"""The moment around an alarm: as much before it as after it, all that the gateway still has of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from edge_agent import evidence, process_reports
from edge_agent.kept_evidence import Moment
from edge_agent.machine_memory import PendingMoment
from models.contract.kept_moment import KeptMoment
from models.process_pipeline import ProcessSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from models.pipeline import PipelineSettings


MOST_SAMPLES: Final = 262_144
"""Of all channels together: five seconds of two fast ones. More is more memory for a moment than a small gateway has
beside its diagnosis; machines of many channels keep a shorter stretch."""


def pending_moment(settings: PipelineSettings, alarm_id: str, alarm_ns: int, kept_s: float) -> PendingMoment:
    """Return when as much has followed an alarm as is kept from before it.

    Args:
        settings: of the machine.
        alarm_id: of the alarm.
        alarm_ns: when it was raised, wall time.
        kept_s: how much of a vibration the watch keeps; a process has its own length.
    """
    half_s = process_reports.recent_samples(settings, kept_s) / settings.sample_rate_hz / 2.0
    return PendingMoment(alarm_id, alarm_ns, alarm_ns + round(half_s * 1e9))


def whole_moment(
    recent: NDArray[np.float32],
    settings: PipelineSettings,
    pending: PendingMoment,
    end_ns: int,
    facts: Mapping[str, Any],
) -> Moment:
    """Return a moment with all samples that there are.

    Args:
        recent: the latest samples (channels, n), in m/s², Pa, or the plant's units.
        settings: of the machine.
        pending: whose moment it is.
        end_ns: wall time of the end of the samples.
        facts: circumstances.

    Raises:
        RecordError: it cannot be packed however short it is.
    """
    recent, end_ns = _around(recent, settings.sample_rate_hz, pending.alarm_ns, end_ns)
    subject, length_s = pending.alarm_id, recent.shape[1] / settings.sample_rate_hz
    facts = {**facts, **KeptMoment(alarm_ns=pending.alarm_ns).fact()}
    if isinstance(settings, ProcessSettings):
        whole = process_reports.picture(recent, settings, subject=subject, end_ns=end_ns, facts=facts)
    else:
        whole = evidence.picture(
            recent,
            settings.sample_rate_hz,
            settings.channel_names,
            subject=subject,
            end_ns=end_ns,
            waveform_s=length_s,
            speed_rpm=settings.speed_rpm,
            facts=facts,
            sound_channels=settings.sound_channels,
        )
    share = 1.0 - (end_ns - pending.alarm_ns) / 1e9 / max(length_s, 1e-3)
    return Moment(settings.asset_id, subject, end_ns, evidence.packed_moment(whole, min(max(share, 0.0), 1.0)))


def _around(
    recent: NDArray[np.float32], sample_rate_hz: float, alarm_ns: int, end_ns: int
) -> tuple[NDArray[np.float32], int]:
    """Return the samples around an alarm that fit the bound, and the wall time of their end."""
    channels, count = recent.shape
    kept = min(count, MOST_SAMPLES // max(channels, 1))
    after = round((end_ns - alarm_ns) / 1e9 * sample_rate_hz)
    stop = min(max(count - after + kept // 2, kept), count)
    return recent[:, stop - kept : stop], end_ns - round((count - stop) / sample_rate_hz * 1e9)
