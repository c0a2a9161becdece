"""How tests start Debian's Chromium: no sandbox as root, and nothing that asks the internet."""

from __future__ import annotations

from typing import Any, Final

CHROMIUM: Final[dict[str, Any]] = {
    "executable_path": "/usr/bin/chromium",
    "args": [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
    ],
}
"""Keyword arguments of Playwright's `launch`."""
