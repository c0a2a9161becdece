"""What goes with an alarm so that people believe it: waveform, spectra, fault lines, in a bounded package.

`picture` computes one moment of a machine from its latest samples; `packed` makes it small enough for the budget:
first the waveform is shortened, then the upper half of the spectra is cut, until it fits. `packed_moment` is for what
stays here until somebody asks: the whole waveform around the alarm, shortened only to what the contract allows.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from models.contract.errors import RecordError
from models.contract.evidence import pack_evidence, split_evidence
from models.contract.records import Evidence, EvidenceChannel
from models.diagnosis.envelope_lines import envelope_lines
from models.signal.spectra import power_spectrum

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from models.contract.records import EvidenceLine, EvidencePart

SPECTRUM = "spectrum"
"""Subject of the periodic picture of a machine without an alarm."""
SPECTRUM_S: Final = 1.0
"""1 Hz lines: what people compare by eye."""
ENVELOPE_S: Final = 4.0
"""A quarter of a hertz tells an outer race line from a harmonic of the shaft."""
ENVELOPE_MAX_HZ: Final = 1_000.0
"""Several harmonics of the pass frequencies of most machines."""
SHORTEST_WAVEFORM: Final = 512
SMALLEST_SPECTRUM: Final = 256
ACCELERATION: Final = "m/s2"
SOUND: Final = "Pa"


def picture(
    samples: NDArray[np.float32],
    sample_rate_hz: float,
    channel_names: Sequence[str],
    *,
    subject: str,
    end_ns: int,
    waveform_s: float,
    speed_rpm: float | None,
    fault_lines: tuple[EvidenceLine, ...] = (),
    facts: Mapping[str, Any],
    sound_channels: Sequence[str] = (),
) -> Evidence:
    """Return what an analyst wants to see of the latest samples.

    Args:
        samples: (channels, n) in m/s², of microphones in Pa, the latest last; finite or not.
        sample_rate_hz: of the samples.
        channel_names: in the order of the rows.
        subject: alarm id, or `SPECTRUM`.
        end_ns: wall time of the end of the samples.
        waveform_s: length of the waveform, 0 for none.
        speed_rpm: the speed used, or None.
        fault_lines: what was looked for.
        facts: circumstances.
        sound_channels: names of those that are microphones.
    """
    channels = []
    for row, name in enumerate(channel_names):
        latest = np.nan_to_num(samples[row], posinf=0.0, neginf=0.0)
        spectrum = power_spectrum(latest[-max(round(SPECTRUM_S * sample_rate_hz), 16) :], sample_rate_hz)
        rms = np.asarray(spectrum.rms, np.float32)
        envelope, envelope_step_hz = _envelope(latest[-round(ENVELOPE_S * sample_rate_hz) :], sample_rate_hz)
        counts, scale = _counts(latest[latest.size - min(latest.size, round(waveform_s * sample_rate_hz)) :])
        unit = SOUND if name in sound_channels else ACCELERATION
        channels.append(
            EvidenceChannel(
                name, unit, sample_rate_hz, counts, scale, rms, spectrum.step_hz, envelope, envelope_step_hz
            )
        )
    return Evidence(subject, end_ns, speed_rpm, tuple(channels), fault_lines, facts)


def packed(evidence: Evidence, asset_id: str, machine: str, max_bytes: int) -> tuple[EvidencePart, ...]:
    """Return the package's parts, at most `max_bytes` together, by showing less of the moment if need be."""
    package = pack_evidence(evidence)
    while len(package) > max_bytes:
        larger = evidence
        # A step halves a package at most, so this many are needed: packing takes longer than all the rest.
        for _ in range(math.ceil(math.log2(len(package) / max_bytes))):
            evidence = _smaller(evidence) or evidence
        if evidence is larger:
            break
        package = pack_evidence(evidence)
    return split_evidence(package, asset_id=asset_id, machine=machine, subject=evidence.subject, end_ns=evidence.end_ns)


def packed_moment(evidence: Evidence, alarm_share: float) -> bytes:
    """Return a moment as one package, shortened around the alarm until it is within the contract's bounds.

    Args:
        evidence: with the whole waveform.
        alarm_share: where in it the alarm was raised, 0–1.

    Raises:
        RecordError: it cannot be packed however short it is.
    """
    while True:
        try:
            return pack_evidence(evidence)
        except RecordError:
            longest = max(len(channel.waveform) for channel in evidence.channels)
            if longest <= SHORTEST_WAVEFORM:
                raise
        channels = tuple(replace(c, waveform=_middle(c.waveform, alarm_share)) for c in evidence.channels)
        evidence = replace(evidence, channels=channels)


def _middle(waveform: NDArray[np.int16], share: float) -> NDArray[np.int16]:
    """Return half of a waveform, with one place as far along in it as it was."""
    half = len(waveform) // 2
    start = round(share * (len(waveform) - half))
    return waveform[start : start + half]


def _smaller(evidence: Evidence) -> Evidence | None:
    """Return the moment with less in it: half the waveform, then the lower half of the spectra; None: nothing left."""
    samples = max(len(channel.waveform) for channel in evidence.channels)
    bins = max(max(len(channel.spectrum), len(channel.envelope)) for channel in evidence.channels)
    if samples > SHORTEST_WAVEFORM:
        # The latest half: an alarm's cause is at its end.
        channels = tuple(replace(c, waveform=c.waveform[len(c.waveform) // 2 :]) for c in evidence.channels)
    elif bins > SMALLEST_SPECTRUM:
        channels = tuple(
            replace(
                c,
                spectrum=c.spectrum[: _kept(len(c.spectrum), bins)],
                envelope=c.envelope[: _kept(len(c.envelope), bins)],
            )
            for c in evidence.channels
        )
    else:
        return None
    return replace(evidence, channels=channels)


def _kept(size: int, largest: int) -> int:
    """Return how many bins stay: half of what is larger than half of the largest."""
    return size if size <= largest // 2 else size // 2


def _envelope(samples: NDArray[np.float32], sample_rate_hz: float) -> tuple[NDArray[np.float32], float]:
    if samples.size < SMALLEST_SPECTRUM or not np.any(samples != samples[0]):
        return np.zeros(0, np.float32), 1.0
    lines = envelope_lines(samples.astype(np.float64), sample_rate_hz, ENVELOPE_MAX_HZ)
    return np.asarray(np.sqrt(lines.ratio), np.float32), lines.step_hz


def _counts(waveform: NDArray[np.float32]) -> tuple[NDArray[np.int16], float]:
    """Return the waveform in 16 bits and the unit of one count."""
    largest = float(np.abs(waveform).max(initial=0.0))
    scale = largest / 32_767.0 if largest > 0.0 else 1.0
    return np.rint(waveform / scale).astype(np.int16), scale
