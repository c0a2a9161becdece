"""What a person reads at a terminal: the verdict first, then the channels, then the lines that speak for and against.

Plain text when standard output is a file or a pipe, colours and boxes only on a terminal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from models.contract.errors import InputError
from models.contract.vocabulary import DiagnosisLabel
from models.signal.features import LEVEL

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from models.contract.records import EvidenceLine
    from plantpulse.analysis import Analysis

CALM: Final = frozenset({DiagnosisLabel.HEALTHY, DiagnosisLabel.NO_FAULT_FOUND, DiagnosisLabel.MACHINE_OFF})
OPEN: Final = frozenset({DiagnosisLabel.UNCERTAIN, DiagnosisLabel.CHANGED, DiagnosisLabel.PROCESS_CHANGED})
NARROWEST: Final = 100
"""Columns that the table needs; a pipe has no width of its own."""


def show(analysis: Analysis) -> None:
    """Print an analysis.

    Raises:
        InputError: `rich` is not installed.
    """
    try:
        from rich.console import Console
        from rich.markup import escape
        from rich.panel import Panel
    except ImportError as error:
        raise InputError("the view for people needs rich: pip install plantpulse[analysis], or use --json") from error
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=max(console.width, NARROWEST))
    report, stretch = analysis.report, analysis.stretch
    verdict = report.verdict
    title = f"{_words(verdict.label)}, confidence {verdict.confidence:.0%}"
    text = f"{escape(verdict.sentence)}\n[dim]Next:[/dim] {escape(verdict.next_step)}"
    console.print(Panel(text, title=title, title_align="left", border_style=_colour(verdict.label), expand=False))
    console.print(f"{escape(str(stretch.recording.path))}: {_circumstances(analysis)}")
    for note in stretch.notes:
        console.print(f"[dim]Note: {escape(note)}[/dim]")
    for is_sound in (False, True):
        if is_sound in stretch.is_sound:
            console.print(_channels(analysis, is_sound=is_sound))
    _print_evidence(console, verdict.channel, report.lines)


def _circumstances(analysis: Analysis) -> str:
    stretch, speed = analysis.stretch, analysis.report.speed
    if speed.used is None:
        hint = "" if speed.estimated is None else f", its own lines suggest {speed.estimated:.0f} rpm"
        turns = f"speed not stated (--rpm){hint}"
    elif speed.estimated is None:
        turns = f"{speed.used:.0f} rpm {stretch.speed_source}"
    else:
        turns = f"{speed.used:.1f} rpm by its own lines ({stretch.speed_source.removeprefix('as ')} {speed.stated:.0f})"
    return f"{stretch.duration_s:.3g} s at {stretch.sample_rate_hz:g} Hz, {turns}"


def _channels(analysis: Analysis, *, is_sound: bool) -> Table:
    """Return the table of the channels of one kind: of a sound there is no velocity and no zone to have a column."""
    from rich.table import Table
    from rich.text import Text

    stretch = analysis.stretch
    table = Table(show_edge=False, pad_edge=False)
    for heading in ("channel", "finding"):
        table.add_column(heading, no_wrap=True)
    shown = SOUND_SHOWN if is_sound else FEATURES_SHOWN
    for heading in shown.values():
        table.add_column(
            heading if stretch.unit_known else heading.replace("m/s²", "unit"), justify="right", no_wrap=True
        )
    for heading in ("quality",) if is_sound else ("ISO", "quality"):
        table.add_column(heading, no_wrap=True)
    for one, features, hears in zip(analysis.report.channels, analysis.features, stretch.is_sound, strict=True):
        if hears != is_sound:
            continue
        zone = "–" if one.zone is None else f"zone {one.zone.letter}"
        table.add_row(
            one.name,
            Text(_words(one.diagnosis.label), style=_colour(one.diagnosis.label)),
            *(_number(features.get(name, (None, None))) for name in shown),
            *(() if is_sound else (zone,)),
            ", ".join(_plain(cause) for cause in one.causes) or "good",
        )
    return table


FEATURES_SHOWN: Final = {
    "acceleration_rms": "m/s² RMS",
    "acceleration_peak": "peak",
    "crest_factor": "crest",
    "kurtosis": "kurtosis",
    "velocity_rms": "mm/s RMS",
}
"""Columns for accelerometers, and what stands above them."""
SOUND_SHOWN: Final = {
    "sound_level": LEVEL,
    "sound_level_a": "A-weighted",
    "sound_pressure_peak": "Pa peak",
    "crest_factor": "crest",
    "kurtosis": "kurtosis",
}
"""And for microphones."""


def _number(feature: tuple[float | None, str | None]) -> str:
    """Return a value as people write it; levels to a tenth.

    >>> _number((81.234, LEVEL)), _number((0.012345, "Pa")), _number((None, "mm/s"))
    ('81.2', '0.0123', '–')
    """
    value, unit = feature
    if value is None:
        return "–"
    return f"{value:.1f}" if unit == LEVEL else f"{value:.3g}"


def _print_evidence(console: Console, channel: str | None, lines: tuple[EvidenceLine, ...]) -> None:
    from rich.markup import escape

    if not lines:
        return
    console.print(f"\nLines looked for at {channel}:")
    for line in lines:
        where = f"{line.order:.3f} orders, expected at {line.expected_hz:.1f} Hz"
        if line.matched:
            found = f"found at {line.found_hz:.1f} Hz" if line.found_hz is not None else "found"
            height = "" if line.snr_db is None else f", {line.snr_db:.0f} dB above noise"
            console.print(f"  [green]✓[/green] {escape(line.line):<12} {where}: {found}{height}")
        else:
            console.print(f"  [dim]✗ {escape(line.line):<12} {where}: not there[/dim]")


def _words(label: DiagnosisLabel) -> str:
    return _plain(label).capitalize()


def _plain(text: str) -> str:
    return str(text).replace("_", " ")


def _colour(label: DiagnosisLabel) -> str:
    return "green" if label in CALM else "yellow" if label in OPEN else "red"
