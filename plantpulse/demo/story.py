"""What a demo is about: machines with their channels and sources, and what is going to happen to them.

`plant` and `recorded` make a `Story`; `files` writes it down as the configuration that the real agent reads.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class DemoChannel:
    """One `[[machine.channel]]`.

    Attributes:
        name: `{point}.{axis}`.
        unit: of the sensor or the recording.
        source_channel: its name in the recording, if it differs.
        bearing: designation, or None.
        bearing_orders: bpfo, bpfi, bsf, ftf per shaft turn where no designation is known, or None.
    """

    name: str
    unit: str
    source_channel: str | None = None
    bearing: str | None = None
    bearing_orders: tuple[float, float, float, float] | None = None


@dataclass(frozen=True, slots=True)
class DemoMachine:
    """One `[[machine]]`.

    Attributes:
        name, machine_class: Sparkplug device and class of machine.
        channels: at least one.
        source: keys of `[machine.source]`.
        speed_rpm: nominal shaft speed, or None.
        sample_rate_hz: at which it is judged, or None for the source's own.
        machine_group: ISO 20816-3 group on a rigid support, or None.
        summary_interval_s: of data time.
        window_s, overlap: how the stream is cut.
        learning_windows: how many windows the baseline is learnt from.
        evidence: keys of `[machine.evidence]`.
    """

    name: str
    machine_class: str
    channels: tuple[DemoChannel, ...]
    source: Mapping[str, object]
    speed_rpm: float | None = None
    sample_rate_hz: float | None = None
    machine_group: int | None = None
    summary_interval_s: float = 60.0
    window_s: float = 1.0
    overlap: float = 0.5
    learning_windows: int = 60
    evidence: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Replay:
    """Recordings that are played again at the beginning of a story.

    Attributes:
        once_bytes: raw bytes of their first time.
        again_bytes: raw bytes of all other times, which follow at once.
    """

    once_bytes: int
    again_bytes: int

    def part_of(self, raw_bytes: int) -> int:
        """Return how much of what was measured so far was played again.

        >>> replay = Replay(once_bytes=100, again_bytes=1000)
        >>> [replay.part_of(raw_bytes) for raw_bytes in (50, 300, 5000)]
        [0, 200, 1000]
        """
        return min(max(0, raw_bytes - self.once_bytes), self.again_bytes)


@dataclass(frozen=True, slots=True)
class Story:
    """Everything a demo plays.

    Attributes:
        seed: of the simulated plant; stated with recordings too, where nothing depends on it.
        machines: in the order in which they are shown.
        headline: one line on what is going to happen, without giving it away.
        notes: what a person should know: files left out, units taken from where.
        failing: name of the machine that degrades and the label an alarm should end with; None: nothing fails, or
            nobody knows.
        replay: which part of the raw bytes is recordings played again, None where nothing is.
    """

    seed: int
    machines: tuple[DemoMachine, ...]
    headline: str
    notes: tuple[str, ...] = ()
    failing: tuple[str, str] | None = None
    replay: Replay | None = None
