"""What the demo shows: a live table on a terminal, plain lines everywhere else. It only ever shows what it is given.

Plain lines say a thing once, when it changes: a baseline learnt, an alarm raised, revised or gone, a process that
died; and every quarter of a minute what was measured and what was sent.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, Self, TextIO

if TYPE_CHECKING:
    from types import TracebackType

    from rich.console import RenderableType
    from rich.live import Live

    from plantpulse.demo.cloud_reader import AlarmView, MachineView, PlantView

COUNT_EVERY_S: Final = 15.0

_SEVERITY_STYLE: Final = {"watch": "yellow", "alert": "dark_orange", "danger": "bold red"}


@dataclass(frozen=True, slots=True)
class Account:
    """What the gateway measured and what left it.

    Attributes:
        raw_bytes: samples times the sensor's word size.
        sent_bytes: through the socket, both ways, everything included.
        windows: judged or learnt from.
        replayed_bytes: part of `raw_bytes` that are recordings played again.
    """

    raw_bytes: int
    sent_bytes: int
    windows: int
    replayed_bytes: int = 0

    @property
    def text(self) -> str:
        """Return it for people.

        >>> Account(raw_bytes=250_000_000, sent_bytes=180_000, windows=1234).text
        '250.0 MB measured, 180.0 kB sent and received (0.072 %), 1,234 windows'
        """
        share = f" ({100.0 * self.sent_bytes / self.raw_bytes:.3f} %)" if self.raw_bytes else ""
        again = f" ({byte_text(self.replayed_bytes)} of it played again)" if self.replayed_bytes else ""
        return (
            f"{byte_text(self.raw_bytes)} measured{again}, {byte_text(self.sent_bytes)} sent and received{share}, "
            f"{self.windows:,} windows"
        )


def byte_text(count: int) -> str:
    """Return a number of bytes for people.

    >>> byte_text(999), byte_text(12_345), byte_text(1_500_000_000)
    ('999 B', '12.3 kB', '1.5 GB')
    """
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} B"


class Screen(Protocol):
    """Where a demo reports to."""

    def __enter__(self) -> Self:
        """Begin."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End, leaving the last state readable."""

    def say(self, line: str) -> None:
        """Say something once."""

    def show(self, plant: PlantView | None, account: Account | None, elapsed_s: float) -> None:
        """Show the present state; None: not known at the moment."""


class PlainScreen:
    """Lines of text, each said once; implements `Screen`.

    Args:
        stream: where to.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._learnt: set[str] = set()
        self._alarms: dict[str, tuple[str, str, str]] = {}
        self._counted_s = 0.0
        self._learning_said = False

    def __enter__(self) -> Self:
        """Begin; nothing to prepare."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End; nothing to undo."""

    def say(self, line: str) -> None:
        """Write one line."""
        print(line, file=self._stream, flush=True)

    def show(self, plant: PlantView | None, account: Account | None, elapsed_s: float) -> None:
        """Write what has changed."""
        at = f"{elapsed_s:6.0f} s"
        for machine in plant.machines if plant else ():
            self._machine(at, machine)
        for alarm in plant.alarms if plant else ():
            self._alarm(at, alarm)
        if account is not None and elapsed_s - self._counted_s >= COUNT_EVERY_S:
            self._counted_s = elapsed_s
            self.say(f"{at}  {account.text}")

    def _machine(self, at: str, machine: MachineView) -> None:
        if not self._learning_said:
            self._learning_said = True
            self.say(f"{at}  learning what healthy sounds like")
        if machine.learning_progress >= 1.0 and machine.name not in self._learnt:
            self._learnt.add(machine.name)
            self.say(f"{at}  {machine.name}: baseline learnt, judging from now on")

    def _alarm(self, at: str, alarm: AlarmView) -> None:
        now = (alarm.condition, alarm.severity, alarm.label)
        before = self._alarms.get(alarm.id)
        if now == before:
            return
        self._alarms[alarm.id] = now
        if not alarm.is_active:
            self.say(f"{at}  {alarm.machine}: alarm has returned to normal ({alarm.label})")
            return
        word = "ALARM" if before is None or before[0] != alarm.condition else "alarm revised"
        self.say(f"{at}  {alarm.machine}: {word}, {alarm.severity}, {alarm.label}: {alarm.sentence}")


class LiveScreen:
    """A table that is redrawn in place, on a terminal; implements `Screen`.

    Args:
        address: of the console.
        title: of the table.
    """

    def __init__(self, address: str, title: str) -> None:
        from rich.console import Console

        self._console = Console(file=sys.stdout)
        self._address = address
        self._title = title
        self._live: Live | None = None

    def __enter__(self) -> Self:
        """Begin to draw."""
        from rich.live import Live

        self._live = Live(console=self._console, refresh_per_second=4, transient=False)
        self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the last state on the terminal."""
        if self._live is not None:
            self._live.__exit__(kind, error, trace)

    def say(self, line: str) -> None:
        """Write one line above the table."""
        self._console.print(line, highlight=False, markup=False)

    def show(self, plant: PlantView | None, account: Account | None, elapsed_s: float) -> None:
        """Draw the present state."""
        if self._live is not None:
            self._live.update(self._drawn(plant, account, elapsed_s))

    def _drawn(self, plant: PlantView | None, account: Account | None, elapsed_s: float) -> RenderableType:
        from rich.console import Group
        from rich.text import Text

        parts: list[RenderableType] = [_machine_table(self._title, plant)]
        parts += [_alarm_text(alarm) for alarm in plant.alarms if alarm.is_active] if plant else []
        count = account.text if account else "nothing measured yet"
        parts.append(Text(f"{elapsed_s:.0f} s · {count}", style="dim"))
        parts.append(
            Text.assemble("console ", (self._address, f"bold underline link {self._address}"), " · Ctrl-C ends")
        )
        return Group(*parts)


def _machine_table(title: str, plant: PlantView | None) -> RenderableType:
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", expand=False)
    for column in ("machine", "state", "baseline", "health", "score", "ISO zone"):
        table.add_column(column)
    for machine in plant.machines if plant else ():
        done = round(10 * min(1.0, machine.learning_progress))
        learning = "learnt" if machine.learning_progress >= 1.0 else "█" * done + "░" * (10 - done)
        table.add_row(
            machine.name,
            machine.operating_state or "–",
            learning,
            _health_text(machine.health_index),
            "–" if machine.score is None else f"{machine.score:.2f}",
            machine.zone or "–",
        )
    if plant is None or not plant.machines:
        table.add_row(Text("waiting for the first summary …", style="dim"))
    return table


def _health_text(health_index: float | None) -> RenderableType:
    from rich.text import Text

    if health_index is None:
        return Text("–")
    style = "green" if health_index >= 80.0 else "yellow" if health_index >= 50.0 else "red"
    return Text(f"{health_index:.0f} %", style=style)


def _alarm_text(alarm: AlarmView) -> RenderableType:
    from rich.text import Text

    return Text.assemble(
        (f" {alarm.severity.upper()} ", f"reverse {_SEVERITY_STYLE.get(alarm.severity, '')}"),
        (f" {alarm.machine} ", "bold"),
        (f"{alarm.label}: ", "bold"),
        alarm.sentence,
    )
