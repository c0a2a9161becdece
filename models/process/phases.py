"""What a process is doing: phases that a plant names by a channel and a level, each with a normal of its own.

A cold room is cooling, idle or defrosting, and what is normal in one phase is a fault in another. The first phase in
the order of the configuration whose condition holds is the one; where none does, it is `default`. A window that is not
in one phase all the time is transient: nothing is learnt from it and nothing judged by it, but rules go on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from models.contract.vocabulary import OFF, TRANSIENT, steady
from models.process.errors import ProcessError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

DEFAULT: Final = "default"


@dataclass(frozen=True, slots=True)
class Phase:
    """One phase, recognised by one channel.

    Attributes:
        name: `off` means that the process stands still and nothing is judged.
        channel: whose value tells.
        above: the phase holds while the value lies above, in the channel's unit; or None.
        below: the phase holds while the value lies below; or None. Both: between them.

    Raises:
        ProcessError: neither level is given, or nothing lies between them.
    """

    name: str
    channel: str
    above: float | None = None
    below: float | None = None

    def __post_init__(self) -> None:
        if self.above is None and self.below is None:
            raise ProcessError(f"phase {self.name!r}: say above which or below which value of {self.channel} it holds")
        if self.above is not None and self.below is not None and self.above >= self.below:
            raise ProcessError(f"phase {self.name!r}: above = {self.above:g} must be less than below = {self.below:g}")

    def holds(self, values: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Return where the phase holds; never where a value is missing."""
        is_so = np.isfinite(values)
        if self.above is not None:
            is_so &= values > self.above
        if self.below is not None:
            is_so &= values < self.below
        return is_so


def phase_numbers(
    phases: Sequence[Phase], channel_names: Sequence[str], samples: NDArray[np.float32]
) -> NDArray[np.int64]:
    """Return the number of the phase at each sample, `len(phases)` for `default`.

    >>> cooling = Phase("cooling", "COMP.I", above=2.0)
    >>> phase_numbers([cooling], ["ROOM.T", "COMP.I"], np.float32([[3, 3, 3], [0, 8, 8]])).tolist()
    [1, 0, 0]

    Args:
        phases: in the order in which they are asked.
        channel_names: of the rows.
        samples: (channels, n).
    """
    numbers = np.full(samples.shape[1], len(phases), np.int64)
    for number in reversed(range(len(phases))):
        numbers[phases[number].holds(samples[channel_names.index(phases[number].channel)])] = number
    return numbers


def operating_state(phases: Sequence[Phase], numbers: NDArray[np.int64]) -> str:
    """Return the operating state of a window from the phases of its samples."""
    first = int(numbers[0])
    if (numbers != first).any():
        return TRANSIENT
    name = phase_name(phases, first)
    return OFF if name == OFF else steady(name)


def phase_name(phases: Sequence[Phase], number: int) -> str:
    """Return the name of a phase by its number."""
    return phases[number].name if number < len(phases) else DEFAULT
