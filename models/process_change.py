"""Whether what differs from the baseline is the process and not the machine: another outcome than a fault.

Asked only where nothing names a fault. Two answers count, in this order:

1. The lines of the shaft have all moved by one ratio and stay there (`models.line_shift`): it runs at another speed.
2. Three points or more differ in the same way (`models.neighbours`), in some bands more and in others less, and
   without what they share none of them would be beyond the threshold: another product, load or temperature.

A fault adds vibration; that all points lose some of it in the same bands is not what faults do. What all points merely
gain (imbalance, cavitation) stays *changed*: that the whole machine shares it says nothing about where it comes from.
A microphone is no point of its own: it hears what one of them does, and both together are no majority.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from models.line_shift import ratio
from models.neighbours import FEWEST_MEMBERS, shared_change

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from models.learning import Baseline

SETTLED_SHIFTS: Final = 3
"""So many shifts in a row that agree to one point are a speed; fewer may be a shaft on its way."""
BOTH_WAYS: Final = 0.25
"""Of what is shared (squared), so much goes up and so much goes down."""
_NEXT_STEP: Final = "Check what the process asks of the machine; state load or speed as context, or let it learn anew."


@dataclass(frozen=True, slots=True)
class ProcessChange:
    """Why a difference is the process's.

    Attributes:
        speed_ratio: speed now over the learnt one, None where it is not the speed.
    """

    speed_ratio: float | None

    @property
    def sentence(self) -> str:
        """Return what to tell people.

        >>> ProcessChange(0.96).sentence
        'The machine runs at 96.0 % of the speed it was learnt at.'
        """
        if self.speed_ratio is not None:
            return f"The machine runs at {100.0 * self.speed_ratio:.1f} % of the speed it was learnt at."
        return "All points changed in the same way, in some bands more, in others less: load or product is another."

    @property
    def next_step(self) -> str:
        """Return what to do next."""
        return _NEXT_STEP


def process_change(
    baseline: Baseline,
    vector: NDArray[np.float32],
    channel_names: Sequence[str],
    shifts: Sequence[int],
    on_score: float = 1.0,
    *,
    sound_channels: Sequence[str] = (),
) -> ProcessChange | None:
    """Return why the process explains a window beyond the threshold, None where it does not.

    Args:
        baseline: of the operating state.
        vector: (d,) of the window, from `models.learning.to_vector`.
        channel_names: `{point}.{axis}`, in the order of the vector's channels.
        shifts: of the lines in the latest windows beyond the threshold, oldest first.
        on_score: the threshold.
        sound_channels: names of those that are microphones.
    """
    latest = shifts[-SETTLED_SHIFTS:]
    if len(latest) == SETTLED_SHIFTS and max(latest) - min(latest) <= 1:
        return ProcessChange(ratio(int(np.median(latest))))
    points = ["" if name in sound_channels else name.partition(".")[0] for name in channel_names]
    return ProcessChange(None) if _is_shared(baseline, vector, points, on_score) else None


def _is_shared(baseline: Baseline, vector: NDArray[np.float32], points: Sequence[str], on_score: float) -> bool:
    """Return whether the points of all channels, an empty one for what is at no point, share a change."""
    names = list(dict.fromkeys(point for point in points if point))
    if len(names) < FEWEST_MEMBERS:
        return False
    scale = baseline.fit.scaling.scale.reshape(len(points), -1)
    logs = (vector - np.log(baseline.centre)).reshape(len(points), -1)
    by_point = np.stack(
        [np.mean([logs[row] / scale[row] for row, at in enumerate(points) if at == name], axis=0) for name in names],
        axis=1,
    )
    shared = shared_change(by_point)
    up, down = float(np.sum(np.maximum(shared, 0.0) ** 2)), float(np.sum(np.minimum(shared, 0.0) ** 2))
    if min(up, down) < BOTH_WAYS * (up + down) or up + down == 0.0:
        return False
    own = vector - (shared[None, :] * scale).ravel().astype(np.float32)
    return baseline.score(own) < on_score
