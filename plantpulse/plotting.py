"""One page of an analysis, as it goes into a report: the verdict, and the pictures of the channel that it speaks of.

From top to bottom: the verdict in words; waveform and third-octave bands; spectrum; envelope with the lines that were
looked for. A line that was found is a filled triangle with its name, one that was not an empty one on the axis: shape
before colour, so that a grey print says the same. The table of lines and channels closes the page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from models.diagnosis.bearing_faults import HARMONICS, SIDEBANDS, Part
from models.diagnosis.diagnose import fingerprint
from models.diagnosis.envelope_lines import FIRST_BIN, envelope_lines
from models.signal.acoustics import level_db
from models.signal.features import LEVEL
from models.signal.fourier import prev_fast_len
from models.signal.kurtogram import fast_kurtogram
from models.signal.octaves import fractional_octaves
from models.signal.spectra import power_spectrum
from plantpulse.page import FOUND, INK, QUIET, dress, new_page, save, speaking_row, unit_of, write_head

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from models.contract.records import EvidenceLine
    from models.diagnosis.bearings import Bearing
    from models.diagnosis.report import ChannelReport
    from plantpulse.analysis import Analysis

WAVEFORM_S: Final = 0.25
"""Long enough for several turns of a slow shaft, short enough to see single impacts."""
ENVELOPE_WITHOUT_BEARING_HZ: Final = 500.0
COLUMNS: Final = 1600
"""A spectrum of more bins than the page has dots is drawn as the largest of each dot's bins: no line is lost."""
FLOOR_DB: Final = -3.0
LABELS_DRAWN: Final = 12
CARRIER: Final = "#eef0f1"


def plot_analysis(analysis: Analysis, path: Path, bearings: Sequence[Bearing]) -> None:
    """Write the page as a PNG.

    Raises:
        InputError: matplotlib is not installed, or the file cannot be written.
    """
    figure = new_page("--plot")
    row = speaking_row(analysis)
    places = figure.add_gridspec(
        4,
        2,
        height_ratios=(1.0, 1.0, 1.25, 0.62),
        width_ratios=(1.55, 1.0),
        left=0.062,
        right=0.985,
        top=0.845,
        bottom=0.02,
        hspace=0.52,
        wspace=0.14,
    )
    write_head(figure, analysis)
    _draw_waveform(figure.add_subplot(places[0, 0]), analysis, row)
    _draw_bands(figure.add_subplot(places[0, 1]), analysis, row)
    _draw_spectrum(figure.add_subplot(places[1, :]), analysis, row)
    _draw_envelope(figure.add_subplot(places[2, :]), analysis, row, bearings)
    _draw_lines(figure.add_subplot(places[3, 0]), analysis.report.channels[row].diagnosis.evidence)
    _draw_channels(figure.add_subplot(places[3, 1]), analysis)
    save(figure, path)


def _draw_waveform(axes: Any, analysis: Analysis, row: int) -> None:
    rate = analysis.stretch.sample_rate_hz
    shown = analysis.stretch.samples[row, : max(2, round(WAVEFORM_S * rate))]
    axes.plot(np.arange(shown.size) / rate * 1000, shown, color=INK, linewidth=0.6)
    axes.set_xlim(0, shown.size / rate * 1000)
    dress(axes, f"Waveform, {analysis.stretch.names[row]}", "ms", unit_of(analysis, row))


def _draw_bands(axes: Any, analysis: Analysis, row: int) -> None:
    """Draw the level in third-octave bands, and where it was when healthy."""
    stretch, baseline = analysis.stretch, analysis.baseline
    clean = np.nan_to_num(stretch.samples[row : row + 1])
    now = fingerprint(clean, stretch.sample_rate_hz, analysis.report.speed.used, refine_speed=False)
    place = np.arange(now.band_hz.size)
    is_sound = stretch.is_sound[row]
    above = float(level_db(1.0)) if is_sound else 0.0
    level = now.band_db[0] + above
    bottom = float(np.floor(level.min() / 10.0) * 10.0 - 5.0) if place.size else 0.0
    axes.bar(place, level - bottom, bottom=bottom, width=0.75, color="#b9c2c9", label="now")
    if baseline is not None and np.isfinite(baseline.band_db[row]).any():
        healthy = np.interp(np.log(now.band_hz), np.log(baseline.band_hz), baseline.band_db[row]) + above
        axes.step(place, healthy, where="mid", color=INK, linewidth=1.1, label="baseline")
        axes.legend(fontsize=7, frameon=False, loc="upper left", ncols=2)
    every = max(1, place.size // 9)
    axes.set_xticks(place[::every], [_band_text(hz) for hz in now.band_hz[::every]])
    if is_sound:
        both = [analysis.features[row][name][0] for name in ("sound_level", "sound_level_a")]
        words = "" if None in both else f": together {both[0]:.1f} dB, A-weighted {both[1]:.1f} dB"
        dress(axes, f"Third-octave bands{words}", "Hz", LEVEL)
        return
    unit = "m/s²" if stretch.unit_known else "of the file's unit"
    dress(axes, "Third-octave bands, RMS", "Hz", f"dB above 1 {unit}")


def _draw_spectrum(axes: Any, analysis: Analysis, row: int) -> None:
    stretch = analysis.stretch
    samples = np.nan_to_num(stretch.samples[row : row + 1])
    spectrum = power_spectrum(samples[:, : prev_fast_len(samples.shape[1])], stretch.sample_rate_hz)
    at_hz, rms = _thinned(spectrum.frequency_hz, spectrum.rms[0])
    largest = max(float(rms.max()), 1e-12)
    drawn = np.maximum(rms, largest * 1e-6)
    top, up = float(rms.max()), f"{unit_of(analysis, row)} RMS"
    if stretch.is_sound[row]:
        drawn, top, up = level_db(drawn), float(level_db(top)), LEVEL
        axes.plot(at_hz, drawn, color=INK, linewidth=0.6)
    else:
        axes.semilogy(at_hz, drawn, color=INK, linewidth=0.6)
    carrier = fast_kurtogram(samples, stretch.sample_rate_hz).carrier(0)
    told = ""
    if carrier is not None:
        axes.axvspan(carrier.low_hz, carrier.high_hz, color=CARRIER, zorder=0)
        told = f"; shaded, {carrier.low_hz:.0f}–{carrier.high_hz:.0f} Hz: where impacts repeat most (kurtogram)"
    axes.set_xlim(0, stretch.sample_rate_hz / 2)
    of_shaft = [line for line in analysis.report.channels[row].diagnosis.evidence if _is_of_the_shaft(line)]
    _mark(axes, of_shaft, top)
    what = "level" if stretch.is_sound[row] else "amplitude"
    dress(axes, f"Spectrum (Hann, {what} of lines){told}", "Hz", up)


def _draw_envelope(axes: Any, analysis: Analysis, row: int, bearings: Sequence[Bearing]) -> None:
    stretch, speed_rpm = analysis.stretch, analysis.report.speed.used
    samples = np.nan_to_num(stretch.samples[row].astype(np.float64))
    orders = [part.order(bearing) for bearing in bearings for part in Part]
    top_hz = ENVELOPE_WITHOUT_BEARING_HZ
    if orders and speed_rpm is not None:
        top_hz = speed_rpm / 60.0 * (HARMONICS * max(orders) + SIDEBANDS)
    lines = envelope_lines(samples, stretch.sample_rate_hz, min(top_hz, stretch.sample_rate_hz / 4))
    level_db = 10.0 * np.log10(np.maximum(lines.ratio[FIRST_BIN:], 0.1))
    at_hz, drawn_db = _thinned((np.arange(level_db.size) + FIRST_BIN) * lines.step_hz, level_db)
    axes.fill_between(at_hz, FLOOR_DB, np.maximum(drawn_db, FLOOR_DB), color="#9aa5ae", linewidth=0.4)
    axes.set_xlim(0, float(at_hz[-1]) if at_hz.size else top_hz)
    axes.set_ylim(FLOOR_DB, max(10.0, float(drawn_db.max(initial=0.0)) * 1.45))
    looked_for = [line for line in analysis.report.channels[row].diagnosis.evidence if not _is_of_the_shaft(line)]
    _mark(axes, looked_for, None)
    what = "sound" if stretch.is_sound[row] else "vibration"
    dress(axes, f"Envelope: what modulates the {what}, above its own background", "Hz", "dB")


def _is_of_the_shaft(line: EvidenceLine) -> bool:
    """Return whether a line lies in the spectrum itself (`1x`), not in the envelope."""
    return line.line.endswith("x")


def _mark(axes: Any, looked_for: Sequence[EvidenceLine], top: float | None) -> None:
    """Draw a filled triangle and a name where a line was found, an empty one on the axis where it was not.

    Args:
        axes: what to draw on.
        looked_for: the lines.
        top: height of the triangles; None: each at its own dB.
    """
    bottom = axes.get_ylim()[0]
    low, high = axes.get_xlim()
    labelled: list[float] = []
    for line in looked_for:
        at_hz = line.expected_hz if line.found_hz is None else line.found_hz
        if not low <= at_hz <= high:
            continue
        if not line.matched:
            axes.plot([at_hz], [bottom], marker="^", markersize=5, color=QUIET, fillstyle="none", clip_on=False)
            continue
        height = (line.snr_db or 0.0) + 1.5 if top is None else top
        axes.axvline(at_hz, color=FOUND, linewidth=0.7, alpha=0.55, zorder=0)
        axes.plot([at_hz], [height], marker="v", markersize=5, color=FOUND, clip_on=False)
        # A name needs a fiftieth of the width; names that would overlap are left to the table below.
        is_free = all(abs(at_hz - other) > (high - low) / 50.0 for other in labelled)
        if is_free and len(labelled) < LABELS_DRAWN:
            labelled.append(at_hz)
            axes.annotate(
                f"{line.line}\n{at_hz:.1f}",
                (at_hz, height),
                xytext=(0, 5),
                textcoords="offset points",
                fontsize=6.5,
                color=FOUND,
                horizontalalignment="center",
            )


def _draw_lines(axes: Any, looked_for: Sequence[EvidenceLine]) -> None:
    """Write the lines that were looked for, those found first."""
    rows = [
        [
            f"{'▼' if line.matched else '△'} {line.line}",
            f"{line.order:.3f}",
            f"{line.expected_hz:.1f}",
            f"{line.found_hz:.1f}" if line.matched and line.found_hz is not None else "–",
            f"{line.snr_db:.0f}" if line.matched and line.snr_db is not None else "–",
        ]
        for line in sorted(looked_for, key=lambda line: not line.matched)
    ]
    half = (min(len(rows), 12) + 1) // 2
    heads = ["line", "orders", "expected Hz", "found Hz", "dB"]
    for part, left in ((rows[:half], 0.0), (rows[half:12], 0.52)):
        _write_table(axes, heads, part, left, (0.0, 0.20, 0.31, 0.41, 0.46))
    axes.axis("off")


def _draw_channels(axes: Any, analysis: Analysis) -> None:
    alone = all(analysis.stretch.is_sound)
    rows = [_channel_cells(report, features, alone=alone) for report, features in _channels(analysis)]
    heads = ["channel", "finding", "m/s² RMS", "mm/s RMS", "ISO zone"]
    if alone:
        heads = ["channel", "finding", LEVEL, "A-weighted", ""]
    elif any(analysis.stretch.is_sound):
        heads = ["channel", "finding", "m/s² or dB", "mm/s RMS", "ISO zone"]
    _write_table(axes, heads, rows[:6], 0.0, (0.0, 0.42, 0.6, 0.8, 0.98))
    axes.axis("off")


def _channels(analysis: Analysis) -> list[tuple[ChannelReport, dict[str, tuple[float | None, str | None]]]]:
    return list(zip(analysis.report.channels, analysis.features, strict=True))


def _channel_cells(
    report: ChannelReport, features: dict[str, tuple[float | None, str | None]], *, alone: bool
) -> list[str]:
    """Return the row of a channel; a column of velocities stays empty for a sound among them."""

    def value(name: str) -> str:
        number = features.get(name, (None, None))[0]
        return "–" if number is None else f"{number:.3g}"

    finding = report.diagnosis.label.replace("_", " ")
    if "sound_level" in features:
        level, weighted = (features[name][0] for name in ("sound_level", "sound_level_a"))
        if level is None or weighted is None:
            return [report.name, finding, "–", "", ""]
        return [report.name, finding, f"{level:.1f} dB", f"{weighted:.1f} dB" if alone else "", ""]
    zone = "–" if report.zone is None else report.zone.letter
    return [report.name, finding, value("acceleration_rms"), value("velocity_rms"), zone]


def _write_table(
    axes: Any, heads: Sequence[str], rows: Sequence[Sequence[str]], left: float, stops: Sequence[float]
) -> None:
    """Write a small table; words stand at the left of their column, numbers end at its stop."""
    if not rows:
        return
    for line, cells in enumerate([list(heads), *rows]):
        for column, (cell, stop) in enumerate(zip(cells, stops, strict=True)):
            axes.text(
                left + stop,
                1.0 - 0.15 * line,
                cell,
                fontsize=7,
                color=QUIET if line == 0 else INK,
                horizontalalignment="left" if column == 0 else "right",
                verticalalignment="top",
                transform=axes.transAxes,
            )


def _thinned(
    at: NDArray[np.floating], values: NDArray[np.floating]
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Return not more than `COLUMNS` points, each the largest of its neighbours."""
    width = -(-values.size // COLUMNS)
    if width <= 1:
        return at, values
    whole = values.size // width * width
    blocks = values[:whole].reshape(-1, width)
    largest = np.arange(len(blocks)) * width + blocks.argmax(axis=1)
    return at[largest], values[largest]


def _band_text(middle_hz: float) -> str:
    """Return the nominal middle of a third-octave band as people write it.

    >>> _band_text(31.6), _band_text(158.5), _band_text(1259.0)
    ('31.5', '160', '1.25k')
    """
    bands = fractional_octaves(middle_hz / 1.2, middle_hz * 1.2)
    nominal = float(min(bands, key=lambda band: abs(band.mid_hz - middle_hz)).name)
    return f"{nominal / 1000:g}k" if nominal >= 1000.0 else f"{nominal:g}"
