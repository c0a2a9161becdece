"""Run one plantpulse command as a child that never outlives the demo.

`python -m plantpulse.demo.child COMMAND …` asks the kernel for a SIGTERM when its parent dies (Linux), so that even a
killed demo leaves nothing behind, and then is `plantpulse COMMAND …`. `broker` is the demo's own.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
"""Source: prctl(2)."""


def die_with_parent(parent: int) -> None:
    """Ask for SIGTERM when the parent process goes away; nothing happens where the kernel does not know that."""
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it died before we asked
        sys.exit(1)


def main() -> int:
    """Run what the arguments say; the first is the process id of the parent."""
    parent, *words = sys.argv[1:]
    die_with_parent(int(parent))
    if words[0] == "broker":
        from plantpulse.demo import broker

        sys.argv = ["broker", *words[1:]]
        return broker.main()
    from plantpulse.command_line import main as command

    return command(words)


if __name__ == "__main__":
    sys.exit(main())
