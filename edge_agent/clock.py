"""Which clocks this gateway has, and how far the wall clock can be trusted (wire.md 4)."""

from __future__ import annotations

import ctypes
import ctypes.util
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edge_agent.journal import Stamp
from models.contract.vocabulary import ClockQuality

if TYPE_CHECKING:
    from collections.abc import Callable

BOOT_ID_FILE: Final = Path("/proc/sys/kernel/random/boot_id")
_STA_UNSYNC: Final = 0x0040
_STA_NANO: Final = 0x2000
_HOLDOVER_S: Final = 0.1
"""The kernel's own bound of its error: beyond it the clock runs by itself for longer than an hour or so."""


class _Timex(ctypes.Structure):
    """struct timex of adjtimex(2); what follows is not read, only reserved."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("reserved", ctypes.c_long * 64),
    )


class Clock:
    """The gateway's clocks; one object per process, so that tests can give another."""

    def __init__(self) -> None:
        self.boot_id = _boot_id()
        name = ctypes.util.find_library("c") or "libc.so.6"
        self._adjtimex: Callable[..., int] | None = None
        try:
            self._adjtimex = ctypes.CDLL(name, use_errno=True).adjtimex
        except (OSError, AttributeError):
            # Not Linux: nothing is claimed about the clock.
            return

    def stamp(self) -> Stamp:
        """Return the present moment on all clocks."""
        quality, _ = self.quality()
        return Stamp(self.boot_id, time.monotonic_ns(), time.time_ns(), quality)

    def quality(self) -> tuple[ClockQuality, float]:
        """Return how far the wall clock can be trusted, and the kernel's estimate of its offset in s."""
        state = _Timex()
        if self._adjtimex is None or self._adjtimex(ctypes.byref(state)) < 0:
            return ClockQuality.UNSYNCHRONISED, 0.0
        offset_s = state.offset * (1e-9 if state.status & _STA_NANO else 1e-6)
        if state.status & _STA_UNSYNC:
            return ClockQuality.UNSYNCHRONISED, offset_s
        if state.maxerror * 1e-6 > _HOLDOVER_S:
            return ClockQuality.HOLDOVER, offset_s
        return ClockQuality.SYNCHRONISED, offset_s


def _boot_id() -> str:
    try:
        return BOOT_ID_FILE.read_text().strip()
    except OSError:
        return ""
