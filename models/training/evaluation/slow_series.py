"""A table of slow values through the pipeline of a process, as a gateway would judge the machine that sends them.

Windows, persistence and learning time are the usual ones (`models.process.usual`) unless the caller says why not.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from models.process import usual
from models.process_pipeline import ProcessPipeline, ProcessSettings
from models.signal.windows import Window
from models.training.evaluation.judged import NS_PER_S, SHIPPED, through_pipeline

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from models.training.evaluation.judged import Judged


@dataclass(frozen=True, slots=True)
class Process:
    """One machine that sends slow values.

    Attributes:
        units: engUnit of each channel.
        row_s: distance of two rows of its table.
        detectors: that judge it.
        window_rows, hop_rows: 0 for the usual ones.
        learning_windows, learning_s: so many windows and so long it learns.
        options: settings of its detectors, where they are not the usual ones.
    """

    units: tuple[str, ...]
    row_s: float
    detectors: tuple[str, ...]
    window_rows: int = 0
    hop_rows: int = 0
    learning_windows: int = usual.LEARNING_WINDOWS
    learning_s: float = usual.LEARNING_S
    options: Mapping[str, Any] = field(default_factory=dict)

    def settings(self) -> ProcessSettings:
        """Return the settings that a gateway would have of it."""
        window_rows = self.window_rows or round(usual.window_s(1.0 / self.row_s) / self.row_s)
        return ProcessSettings(
            SHIPPED.asset_id,
            "machine",
            tuple(f"P{number}" for number in range(1, len(self.units) + 1)),
            1.0 / self.row_s,
            window_rows,
            detectors=self.detectors,
            units=self.units,
            hop_samples=self.hop_rows or usual.hop_samples(window_rows),
            learning_windows=self.learning_windows,
            learning_s=self.learning_s,
            options=self.options,
        )


def through_process(rows: NDArray[np.float64], process: Process) -> Judged:
    """Return what becomes of a table: each time is the end of a window, in seconds from the table's beginning.

    Args:
        rows: (n, channels), evenly spaced.
        process: what judges it.
    """
    settings = process.settings()
    return through_pipeline(ProcessPipeline(settings), _windows(rows, settings))[0]


def _windows(rows: NDArray[np.float64], settings: ProcessSettings) -> Iterator[Window]:
    samples, rate_hz = np.ascontiguousarray(rows.T, np.float32), settings.sample_rate_hz
    size, hop = settings.window_samples, settings.hop_samples
    for number, first in enumerate(range(0, samples.shape[1] - size + 1, hop)):
        end_ns = round((first + size) / rate_hz * NS_PER_S)
        yield Window(samples[:, first : first + size], rate_hz, number, 0, end_ns, None)
