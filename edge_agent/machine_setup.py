"""What a machine's watch is told before its first sample, and what it gives back for each block."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge_agent.kept_evidence import Moment
    from models.contract.records import Record
    from models.diagnosis.diagnose import BearingAt, Gear
    from models.pipeline import PipelineSettings
    from models.signal.calibration import Calibration


@dataclass(frozen=True, slots=True)
class MachineSetup:
    """What is known of a machine before its first sample.

    Attributes:
        pipeline: how it is judged.
        hop_samples: distance of two windows.
        bearings: where which bearing is.
        gears: toothed wheels, by their teeth.
        speed_measured: the speed that comes with the samples is a tachometer's.
        calibration: of each channel, where the source delivers what a converter reads; empty: nothing is to be done.
        max_evidence_bytes, waveform_s, spectrum_interval_s: see `[machine.evidence]`.
    """

    pipeline: PipelineSettings
    hop_samples: int
    bearings: tuple[BearingAt, ...] = ()
    gears: tuple[Gear, ...] = ()
    speed_measured: bool = False
    calibration: tuple[Calibration, ...] = ()
    max_evidence_bytes: int = 65_536
    waveform_s: float = 0.5
    spectrum_interval_s: float = 3_600.0


@dataclass(frozen=True, slots=True)
class Step:
    """What one block led to.

    Attributes:
        records: to be committed.
        windows: how many were judged.
        new_samples: per channel, seen for the first time.
        moments: to be kept on this gateway.
    """

    records: tuple[Record, ...]
    windows: int
    new_samples: int
    moments: tuple[Moment, ...] = ()
