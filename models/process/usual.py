"""What is usual for slow signals: the gateway's defaults for a process, and so those of every evaluation of one.

A minute of a slow signal is judged every ten seconds, so that a door is told in time; what is normal has at least 480
windows of each phase and a day; and what is only unusual must last ten minutes even when it is severe: rules are for
haste. Where values come more slowly, a window is the three that a slope and a spread about it need.
"""

from __future__ import annotations

from typing import Final

WINDOW_S: Final = 60.0
LEAST_SAMPLES: Final = 3
OVERLAP: Final = 5.0 / 6.0
LEARNING_WINDOWS: Final = 480
LEARNING_S: Final = 86_400.0
ON_WINDOWS: Final = (60, 60)


def window_s(sample_rate_hz: float | None) -> float:
    """Return how long a window is, in seconds.

    >>> window_s(None), window_s(1.0), round(window_s(1.0 / 300.0))
    (60.0, 60.0, 900)

    Args:
        sample_rate_hz: of the process, None where its source knows it.
    """
    return max(WINDOW_S, LEAST_SAMPLES / sample_rate_hz) if sample_rate_hz else WINDOW_S


def hop_samples(window_samples: int, overlap: float = OVERLAP) -> int:
    """Return the distance of two windows of so many samples, at least one.

    >>> hop_samples(60), hop_samples(3)
    (10, 1)
    """
    return max(1, round(window_samples * (1.0 - overlap)))
