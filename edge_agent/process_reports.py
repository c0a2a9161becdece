"""What goes with a process's alarm: its last hour in the plant's units; and which pipeline judges a machine.

There is no spectrum worth looking at in a slow signal; the stretch before the alarm is the evidence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from models.contract.records import Evidence, EvidenceChannel
from models.pipeline import Pipeline
from models.process.features import missing
from models.process_pipeline import ProcessPipeline, ProcessSettings
from models.signal.quality import sample_quality

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from models.contract.records import Summary
    from models.contract.vocabulary import QualityCause
    from models.pipeline import Outcome, PipelineSettings
    from models.signal.windows import Window
    from models.summarising import SummaryFacts

EVIDENCE_S: Final = 3_600.0
"""An hour: several cycles of a compressor, and the minutes before the alarm among them."""
EVIDENCE_SAMPLES: Final = 36_000
"""At 10 Hz an hour; faster signals get what fits."""
_NOTHING: Final = np.zeros(0, np.float32)


class Judge(Protocol):
    """A pipeline of either kind, as a machine's watch holds it; states are its own."""

    facts: SummaryFacts
    signature: str
    feature_units: tuple[str, ...]
    extractor: Any

    def start(self) -> Any:
        """Return the state of a machine never seen before."""

    def resume(self, data: bytes) -> Any:
        """Return the state to go on with."""

    def step(self, state: Any, window: Window) -> tuple[Any, Outcome]:
        """Return the state after one window and what it led to."""

    def close(self, state: Any) -> tuple[Any, Summary | None, tuple[int, int] | None]:
        """Return the state without its open summary, that summary and its key."""


def judge_of(settings: PipelineSettings) -> Judge:
    """Return the pipeline that these settings are for."""
    return ProcessPipeline(settings) if isinstance(settings, ProcessSettings) else Pipeline(settings)


def channel_causes(settings: PipelineSettings, samples: NDArray[np.float32]) -> tuple[tuple[QualityCause, ...], ...]:
    """Return what is wrong with each channel of a window: a slow signal may stand still, and miss a value."""
    return missing(samples) if isinstance(settings, ProcessSettings) else sample_quality(samples)


def recent_samples(settings: PipelineSettings, diagnosis_s: float) -> int:
    """Return how many samples per channel are kept: for a process its evidence, else so many seconds."""
    if isinstance(settings, ProcessSettings):
        return min(round(EVIDENCE_S * settings.sample_rate_hz), EVIDENCE_SAMPLES)
    return round(diagnosis_s * settings.sample_rate_hz)


def picture(
    samples: NDArray[np.float32], settings: ProcessSettings, *, subject: str, end_ns: int, facts: Mapping[str, Any]
) -> Evidence:
    """Return the latest stretch of every channel in the plant's units.

    Args:
        samples: (channels, n), the latest last; a missing value is shown as the one before it.
        settings: of the process.
        subject: alarm id, or `spectrum`.
        end_ns: wall time of the end of the samples.
        facts: circumstances.
    """
    channels = []
    for name, unit, row in zip(settings.channel_names, settings.units, samples, strict=True):
        counts, scale = _counts(_held(row))
        channels.append(
            EvidenceChannel(name, unit, settings.sample_rate_hz, counts, scale, _NOTHING, 1.0, _NOTHING, 1.0)
        )
    return Evidence(subject, end_ns, None, tuple(channels), (), facts)


def _held(row: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the samples with each missing one replaced by the last there was, 0 before the first."""
    there = np.isfinite(row)
    latest = np.maximum.accumulate(np.where(there, np.arange(row.size), -1))
    return np.where(latest >= 0, row[np.maximum(latest, 0)], np.float32(0.0))


def _counts(waveform: NDArray[np.float32]) -> tuple[NDArray[np.int16], float]:
    largest = float(np.abs(waveform).max(initial=0.0))
    scale = largest / 32_767.0 if largest > 0.0 else 1.0
    return np.rint(waveform / scale).astype(np.int16), scale
