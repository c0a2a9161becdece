"""When this gateway's certificate ends, read in a process of its own.

The library that reads certificates takes 8.5 MB for as long as a process lives; the agent wants one date a day.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

READ_AGAIN_S: Final = 3600.0
"""Whoever has renewed a certificate wants to see it within the hour."""
PATIENCE_S: Final = 60.0
"""A gateway that is busy starts a process within seconds."""
DAY_S: Final = 86_400.0


class CertificateClock:
    """Says how many days a certificate has left.

    Args:
        path: of the certificate, PEM; None: there is none.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._ends_s: float | None = None
        self._read_at_s: float | None = None

    async def days_left(self, now_s: float) -> float | None:
        """Return the days until it ends, negative once it has; None where there is none or it cannot be read.

        Args:
            now_s: s UTC.
        """
        if self._path is None:
            return None
        before_s = self._read_at_s
        if before_s is None or time.monotonic() - before_s >= READ_AGAIN_S:
            self._read_at_s = time.monotonic()
            self._ends_s = await asyncio.to_thread(_ask, self._path)
        return None if self._ends_s is None else (self._ends_s - now_s) / DAY_S


def _ask(path: Path) -> float | None:
    """Return when the certificate ends, s UTC; None where it cannot be read, or not in time."""
    command = [sys.executable, "-m", "edge_agent.certificate", str(path)]
    try:
        answer = subprocess.run(command, capture_output=True, check=True, timeout=PATIENCE_S).stdout
    except (subprocess.SubprocessError, OSError):
        return None
    return float(answer)


def main() -> int:
    """Print when the certificate ends, in s UTC."""
    from cryptography import x509

    try:
        certificate = x509.load_pem_x509_certificate(Path(sys.argv[1]).read_bytes())
    except (OSError, ValueError):
        return 1
    sys.stdout.write(f"{certificate.not_valid_after_utc.timestamp()}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
