"""A second page of an analysis, for those who want to look further: families, turns, time, and carriers.

Four pictures of the channel that the verdict speaks of:

1. Cepstrum: a family of equally spaced lines, such as sidebands, as one peak.
2. The average turn, where a tacho says when turns begin; else the spectrum in orders, where a speed is known.
3. Waterfall: how the spectrum went over the stretch, in orders where the angle of the shaft is known.
4. Cyclic modulation: which carriers are modulated at which frequency, the map behind the envelope.

What cannot be drawn says why in its place.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from models.signal.averaging import averaged_spectrum
from models.signal.cepstrum import power_cepstrum, strongest_rahmonics
from models.signal.cyclostationarity import cyclic_indicator, cyclic_modulation
from models.signal.errors import SignalError
from models.signal.kurtogram import envelope_in_best_band
from models.signal.order_tracking import TRUE_ORDERS, order_spectrum, resampled_to_angle
from models.signal.synchronous_average import SynchronousAverage, gear_indicators, synchronous_average
from models.signal.waterfall import frequency_waterfall, order_waterfall
from plantpulse.page import FOUND, INK, QUIET, dress, new_page, save, speaking_row, unit_of, write_head
from plantpulse.shaft import lines_angle

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from models.contract.records import EvidenceLine
    from models.diagnosis.gear_faults import Gear
    from models.signal.tacho import ShaftAngle
    from plantpulse.analysis import Analysis, Stretch

HIGHEST_ORDER: Final = 20.0
MESH_HARMONICS: Final = 2.2
TURNS_PER_WINDOW: Final = 16
LONGEST_QUEFRENCY_S: Final = 0.2
"""One over it is the smallest spacing looked for: 5 Hz, a shaft of 300 rpm."""
SHORTEST_QUEFRENCY_S: Final = 0.004
"""What lies below is the resonances of the machine."""
HIGHEST_MODULATION_HZ: Final = 250.0
RANGE_DB: Final = 60.0
"""Of the waterfall's greys."""


@dataclass(frozen=True, slots=True)
class _Heard:
    """One channel, (1, samples), and the angle of the shaft as far as anything tells it."""

    samples: NDArray[Any]
    rate_hz: float
    angle: ShaftAngle | None
    by_tacho: bool
    unit: str


def draw_deep_page(
    analysis: Analysis, measured: Stretch, path: Path, angle: ShaftAngle | None, gears: Sequence[Gear]
) -> None:
    """Write the page as a PNG.

    Args:
        analysis: what was judged.
        measured: the stretch as it was measured, not at constant angle.
        path: of the picture.
        angle: of the shaft by its tacho, None without one.
        gears: the turn of the least even one is shown.

    Raises:
        InputError: matplotlib is not installed, or the file cannot be written.
    """
    figure = new_page("--deep")
    row = speaking_row(analysis)
    places = figure.add_gridspec(
        3, 2, height_ratios=(0.9, 1.25, 1.1), left=0.062, right=0.985, top=0.86, bottom=0.06, hspace=0.42, wspace=0.14
    )
    write_head(figure, analysis)
    shown = angle if angle is not None else lines_angle(measured, analysis.report.speed.used)
    samples = np.nan_to_num(measured.samples[row : row + 1])
    heard = _Heard(samples, measured.sample_rate_hz, shown, angle is not None, unit_of(analysis, row))
    # Families and carriers are those of the stretch that was judged, at constant angle where the speed moved.
    judged, rate_hz = np.nan_to_num(analysis.stretch.samples[row : row + 1]), analysis.stretch.sample_rate_hz
    evidence = analysis.report.channels[row].diagnosis.evidence
    parts: tuple[tuple[Any, str, Callable[[Any], None]], ...] = (
        (places[0, 0], "Cepstrum", lambda axes: _draw_cepstrum(axes, judged, rate_hz)),
        (places[0, 1], "Turns", lambda axes: _draw_turns(axes, heard, gears)),
        (places[1, :], "Waterfall", lambda axes: _draw_waterfall(axes, heard, gears)),
        (places[2, :], "Cyclic modulation", lambda axes: _draw_modulation(axes, judged, rate_hz, evidence)),
    )
    for place, title, draw in parts:
        axes = figure.add_subplot(place)
        try:
            draw(axes)
        except SignalError as error:
            axes.axis("off")
            axes.set_title(title, fontsize=8.5, color=INK, loc="left")
            axes.text(0.0, 0.9, f"Not drawn: {error}", fontsize=8, color=QUIET, verticalalignment="top", wrap=True)
    save(figure, path)


def _draw_cepstrum(axes: Any, samples: NDArray[Any], rate_hz: float) -> None:
    longest_s = min(LONGEST_QUEFRENCY_S, samples.shape[1] / rate_hz / 8.0)
    averaged = averaged_spectrum(samples, rate_hz, resolution_hz=1.0 / (4.0 * longest_s))
    cepstrum = power_cepstrum(averaged.spectrum)
    inside = (cepstrum.quefrency_s >= SHORTEST_QUEFRENCY_S) & (cepstrum.quefrency_s <= longest_s)
    at_ms = 1e3 * cepstrum.quefrency_s[inside]
    axes.plot(at_ms, cepstrum.values[0][inside], color=INK, linewidth=0.6)
    (found,) = strongest_rahmonics(cepstrum, SHORTEST_QUEFRENCY_S, longest_s)
    for number, value in enumerate(found.values, start=1):
        if number * found.quefrency_s <= longest_s:
            axes.plot([1e3 * number * found.quefrency_s], [value], marker="v", markersize=5, color=FOUND)
    axes.set_xlim(float(at_ms[0]), float(at_ms[-1]))
    dress(axes, f"Cepstrum; strongest family of lines {found.spacing_hz:.4g} Hz apart", "ms", "neper")


def _draw_turns(axes: Any, heard: _Heard, gears: Sequence[Gear]) -> None:
    """Draw the average turn by a tacho, of the wheel that is least even; else the spectrum in orders."""
    samples, rate_hz, angle = heard.samples, heard.rate_hz, heard.angle
    if angle is None:
        axes.axis("off")
        dress(axes, "Turns", "", "")
        axes.text(0.0, 0.9, "Not drawn: no tacho (--tacho), and no speed that the lines of the shaft show.", fontsize=8)
        return
    if heard.by_tacho:
        turns = [(_average_turn(samples, rate_hz, angle.geared(gear.order)), gear) for gear in gears]
        uneven = [(float(gear_indicators(average, gear.teeth).fm4[0]), average, gear) for average, gear in turns]
        if uneven:
            fm4, average, gear = max(uneven, key=lambda one: one[0])
            told = f" of the wheel with {gear.teeth} teeth; FM4 {fm4:.1f} (3 where no tooth differs)"
        else:
            average, told = _average_turn(samples, rate_hz, angle), ""
        turn = average.samples[0]
        axes.plot(np.arange(turn.size) * 360.0 / turn.size, turn, color=INK, linewidth=0.7)
        axes.set_xlim(0.0, 360.0)
        dress(axes, f"Average of {average.turns} turns{told}", "degrees", heard.unit)
        return
    spectrum = order_spectrum(
        resampled_to_angle(samples, rate_hz, angle, samples_per_turn=math.ceil(HIGHEST_ORDER / TRUE_ORDERS))
    )
    keep = spectrum.frequency_hz <= HIGHEST_ORDER
    axes.semilogy(spectrum.frequency_hz[keep], np.maximum(spectrum.rms[0][keep], 1e-9), color=INK, linewidth=0.6)
    axes.set_xlim(0.0, HIGHEST_ORDER)
    dress(axes, "Spectrum in orders; speed by the shaft's own lines", "order", f"{heard.unit} RMS")


def _average_turn(samples: NDArray[Any], rate_hz: float, angle: ShaftAngle) -> SynchronousAverage:
    slowest_hz = float((np.diff(angle.turns) / np.diff(angle.time_s)).min())
    per_turn = max(8, math.ceil(rate_hz / slowest_hz))
    return synchronous_average(resampled_to_angle(samples, rate_hz, angle, samples_per_turn=per_turn))


def _draw_waterfall(axes: Any, heard: _Heard, gears: Sequence[Gear]) -> None:
    samples, rate_hz, angle = heard.samples, heard.rate_hz, heard.angle
    duration_s = samples.shape[1] / rate_hz
    if angle is None:
        fall = frequency_waterfall(
            samples, rate_hz, resolution_hz=max(1.0, 16.0 / duration_s), highest_hz=0.5 * rate_hz
        )
        title, across = "Waterfall over time", "Hz"
    else:
        fall = order_waterfall(
            samples, rate_hz, angle, turns_per_window=TURNS_PER_WINDOW, highest_order=_highest_order(heard, gears)
        )
        low, high = float(fall.speed_rpm.min()), float(fall.speed_rpm.max())
        by = "the tacho" if heard.by_tacho else "the shaft's own lines"
        title, across = f"Waterfall in orders; {low:.5g} to {high:.5g} rpm by {by}", "order"
    level_db = 10.0 * np.log10(np.maximum(fall.power[0], np.finfo(np.float32).tiny))
    top = float(level_db.max())
    axes.imshow(
        level_db,
        origin="lower",
        aspect="auto",
        cmap="Greys",
        vmin=top - RANGE_DB,
        vmax=top,
        extent=(0.0, float(fall.axis[-1]), float(fall.time_s[0]), float(fall.time_s[-1])),
        interpolation="nearest",
    )
    dress(axes, f"{title}; black is the strongest line, white {RANGE_DB:.0f} dB below", across, "s")
    axes.grid(visible=False)


def _highest_order(heard: _Heard, gears: Sequence[Gear]) -> float:
    """Return the highest order to be drawn: two harmonics of every mesh, as far as the record reaches."""
    wanted = max([HIGHEST_ORDER, *(MESH_HARMONICS * gear.teeth * gear.order for gear in gears)])
    if heard.angle is None:
        return wanted
    fastest_hz = float((np.diff(heard.angle.turns) / np.diff(heard.angle.time_s)).max())
    return min(wanted, 0.4 * heard.rate_hz / fastest_hz)


def _draw_modulation(axes: Any, samples: NDArray[Any], rate_hz: float, evidence: Sequence[EvidenceLine]) -> None:
    highest_hz = min(HIGHEST_MODULATION_HZ, rate_hz / 16.0)
    found = cyclic_modulation(samples, rate_hz, carrier_resolution_hz=2.0 * highest_hz, highest_hz=highest_hz)
    first = max(1, math.ceil(2.0 / found.modulation_step_hz))
    power = found.power[0][:, first:]
    level_db = 10.0 * np.log10(np.maximum(power / np.median(power, axis=1, keepdims=True), 1e-3))
    axes.imshow(
        level_db,
        origin="lower",
        aspect="auto",
        cmap="Greys",
        vmin=0.0,
        vmax=max(20.0, float(level_db.max())),
        extent=(first * found.modulation_step_hz, highest_hz, 0.0, rate_hz / 2.0),
        interpolation="nearest",
    )
    shown = [
        line
        for line in evidence
        if line.matched and line.found_hz is not None and line.found_hz < highest_hz and not line.line.endswith("x")
    ]
    for line in shown:
        axes.plot([line.found_hz], [0.0], marker="^", markersize=5, color=FOUND, clip_on=False)
    told = _indicator(samples, rate_hz, shown[0], highest_hz) if shown else ""
    dress(
        axes, f"Cyclic modulation of every carrier, dB above its own background{told}", "modulation, Hz", "carrier, Hz"
    )
    axes.grid(visible=False)


def _indicator(samples: NDArray[Any], rate_hz: float, line: EvidenceLine, highest_hz: float) -> str:
    """Return the indicator of cyclostationarity of a line and its harmonics, in the carrier that suits best."""
    (chosen,) = envelope_in_best_band(samples, rate_hz, highest_hz=highest_hz)
    if chosen is None or line.found_hz is None:
        return ""
    band, envelope = chosen
    found = cyclic_indicator(envelope, line.found_hz)
    return (
        f"; ICS2 of {line.line} {float(found.value[0]):.3g} at {band.low_hz:.0f} to {band.high_hz:.0f} Hz "
        f"(noise {float(found.chance[0]):.2g})"
    )
