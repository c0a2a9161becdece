"""The picture of an analysis: waveform, spectrum and envelope of every channel, with the fault lines drawn in.

Drawn without a display and without matplotlib's global state, so that it may run anywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from models.contract.errors import InputError
from models.diagnosis.bearing_faults import HARMONICS, SIDEBANDS, Part
from models.diagnosis.envelope_lines import envelope_lines
from models.signal.fourier import prev_fast_len
from models.signal.spectra import power_spectrum

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from models.diagnosis.bearings import Bearing
    from models.diagnosis.report import ChannelReport
    from plantpulse.analyze import Analysis

WAVEFORM_S: Final = 0.25
ENVELOPE_WITHOUT_BEARING_HZ: Final = 500.0
INK: Final = "#1b3a57"
MATCHED: Final = "#c0392b"
UNMATCHED: Final = "#9aa5b1"


def plot_analysis(analysis: Analysis, path: Path, bearings: Sequence[Bearing]) -> None:
    """Write the picture of an analysis as a PNG.

    Raises:
        InputError: matplotlib is not installed, or the file cannot be written.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise InputError("--plot needs matplotlib: pip install plantpulse[analysis]") from error
    count = len(analysis.report.channels)
    figure = Figure(figsize=(15, 3.2 * count + 0.8), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(analysis.report.verdict.sentence, fontsize=11)
    axes = figure.subplots(count, 3, squeeze=False)
    for row, report in enumerate(analysis.report.channels):
        _draw_channel(axes[row], analysis, row, report, bearings)
    try:
        figure.savefig(path, format="png", dpi=110)
    except OSError as error:
        raise InputError(f"{path}: the picture cannot be written: {error.strerror or error}") from error


def _draw_channel(axes: Any, analysis: Analysis, row: int, report: ChannelReport, bearings: Sequence[Bearing]) -> None:
    stretch = analysis.stretch
    samples = np.nan_to_num(stretch.samples[row].astype(np.float64))
    rate = stretch.sample_rate_hz
    unit = "m/s²" if stretch.unit_known else "file's unit"
    waveform, spectrum, envelope = axes
    shown = samples[: max(2, round(WAVEFORM_S * rate))]
    waveform.plot(np.arange(shown.size) / rate * 1000, shown, color=INK, linewidth=0.6)
    waveform.set(title=f"{report.name}: waveform", xlabel="ms", ylabel=unit)
    of_all = power_spectrum(samples[None, : prev_fast_len(samples.size)], rate)
    spectrum.plot(of_all.frequency_hz, np.maximum(of_all.rms[0], 1e-12), color=INK, linewidth=0.5)
    spectrum.set(title="spectrum", xlabel="Hz", ylabel=f"{unit} RMS", yscale="log")
    shaft_hz = None if analysis.report.speed.used is None else analysis.report.speed.used / 60
    orders = [part.order(bearing) for bearing in bearings for part in Part]
    top_hz = ENVELOPE_WITHOUT_BEARING_HZ
    if orders and shaft_hz is not None:
        top_hz = shaft_hz * (HARMONICS * max(orders) + SIDEBANDS)
    lines = envelope_lines(samples, rate, min(top_hz, rate / 4))
    frequency = np.arange(lines.ratio.size) * lines.step_hz
    envelope.plot(frequency[3:], 10 * np.log10(np.maximum(lines.ratio[3:], 0.1)), color=INK, linewidth=0.5)
    envelope.set(title="envelope, above its background", xlabel="Hz", ylabel="dB")
    for line in report.diagnosis.evidence:
        at_hz = line.found_hz if line.found_hz is not None else line.expected_hz
        axis = spectrum if line.line.endswith("x") else envelope
        colour = MATCHED if line.matched else UNMATCHED
        axis.axvline(at_hz, color=colour, linewidth=1.4, linestyle="-" if line.matched else ":", zorder=0)
        if not line.matched:
            continue
        axis.annotate(
            line.line,
            (at_hz, 1.0),
            xycoords=("data", "axes fraction"),
            fontsize=7,
            color=colour,
            rotation=90,
            verticalalignment="top",
            horizontalalignment="right",
        )
