"""What every page of an analysis has: paper, head, and how a picture is dressed.

Drawn without a display and without matplotlib's global state, so that it may run anywhere.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any, Final

from models.contract.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from plantpulse.analysis import Analysis

PAGE_INCHES: Final = (11.7, 8.3)
"""A4, landscape."""
DOTS_PER_INCH: Final = 150
INK: Final = "#2b333b"
QUIET: Final = "#7c8791"
GRID: Final = "#e3e6e8"
FOUND: Final = "#b3400e"
"""The only colour on the page; dark enough to be told from grey in print."""


def new_page(flag: str) -> Any:
    """Return an empty page.

    Args:
        flag: of the command line that asked for it.

    Raises:
        InputError: matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise InputError(f"{flag} needs matplotlib: pip install plantpulse[analysis]") from error
    figure = Figure(figsize=PAGE_INCHES, dpi=DOTS_PER_INCH)
    FigureCanvasAgg(figure)
    return figure


def save(figure: Any, path: Path) -> None:
    """Write a page as a PNG.

    Raises:
        InputError: the file cannot be written.
    """
    try:
        figure.savefig(path, format="png")
    except OSError as error:
        raise InputError(f"{path}: the picture cannot be written: {error.strerror or error}") from error


def speaking_row(analysis: Analysis) -> int:
    """Return the row of the channel that the verdict speaks of."""
    names = list(analysis.stretch.names)
    channel = analysis.report.verdict.channel
    return names.index(channel) if channel in names else 0


def write_head(figure: Any, analysis: Analysis) -> None:
    """Write the verdict, what to do, and what was looked at, on top of a page."""
    verdict, stretch, speed = analysis.report.verdict, analysis.stretch, analysis.report.speed
    title = f"{verdict.label.replace('_', ' ').capitalize()}   {verdict.confidence:.0%} sure"
    figure.text(0.02, 0.975, title, fontsize=14, fontweight="bold", color=INK, verticalalignment="top")
    words = "\n".join(textwrap.wrap(verdict.sentence, 170)[:2] + textwrap.wrap(verdict.next_step, 170)[:1])
    figure.text(0.02, 0.938, words, fontsize=9, color=INK, verticalalignment="top", linespacing=1.35)
    turns = "speed unknown" if speed.used is None else f"{speed.used:.1f} rpm"
    if speed.used is not None:
        turns += " by its own lines" if speed.estimated is not None else f" {stretch.speed_source}"
    if speed.stated is not None and speed.estimated is not None:
        turns += f" ({stretch.speed_source.removeprefix('as ')} {speed.stated:.6g})"
    facts = f"{stretch.recording.path.name}   {stretch.duration_s:.3g} s at {stretch.sample_rate_hz:g} Hz\n{turns}"
    figure.text(0.985, 0.975, facts, fontsize=8, color=QUIET, horizontalalignment="right", verticalalignment="top")


def dress(axes: Any, title: str, across: str, up: str) -> None:
    """Give a picture its title, units and quiet lines."""
    axes.set_title(title, fontsize=8.5, color=INK, loc="left", pad=4 if "Envelope" not in title else 6)
    axes.set_xlabel(across, fontsize=7.5, color=QUIET, labelpad=1)
    axes.set_ylabel(up, fontsize=7.5, color=QUIET, labelpad=2)
    axes.tick_params(which="both", labelsize=7, colors=QUIET, length=2.5)
    axes.grid(visible=True, color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    for side, spine in axes.spines.items():
        spine.set_visible(side in {"left", "bottom"})
        spine.set_color(QUIET)


def unit_of(analysis: Analysis, row: int) -> str:
    """Return the unit of the samples of a channel, for an axis."""
    if analysis.stretch.is_sound[row]:
        return "Pa"
    return "m/s²" if analysis.stretch.unit_known else "the file's unit"
