"""The files a page needs beside itself, kept in memory because they are few and small.

In this order: every file of `static/` is read once at start; one hash over all of them becomes a part of their
address, so that a browser may keep them for ever and still never mixes two versions; plotly.js comes from the
installed plotly wheel (plants are offline) and is read when the first page with a chart asks for it.
"""

from __future__ import annotations

import gzip
import hashlib
import importlib.metadata
import importlib.util
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from models.contract.errors import PlantpulseError

STATIC: Final = Path(__file__).parent / "static"

MEDIA_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml; charset=utf-8",
}

PLOTLY: Final = "plotly.min.js"


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it goes out, plain and compressed."""

    body: bytes
    compressed: bytes
    media_type: str


def _asset(body: bytes, suffix: str) -> Asset:
    # mtime=0 keeps the bytes the same from one start to the next.
    return Asset(body, gzip.compress(body, compresslevel=6, mtime=0), MEDIA_TYPES[suffix])


class Assets:
    """The console's own files, and plotly.js under the same address.

    Attributes:
        version: 12 hex digits over the contents of everything served here.
    """

    def __init__(self, folder: Path = STATIC) -> None:
        self._files = {
            path.name: _asset(path.read_bytes(), path.suffix)
            for path in sorted(folder.iterdir())
            if path.suffix in MEDIA_TYPES
        }
        digest = hashlib.sha256(importlib.metadata.version("plotly").encode())
        for name, asset in self._files.items():
            digest.update(name.encode() + b"\0" + asset.body)
        self.version = digest.hexdigest()[:12]

    def get(self, name: str) -> Asset | None:
        """Return one file by its name, or None where there is no such file."""
        return self._plotly if name == PLOTLY else self._files.get(name)

    @cached_property
    def _plotly(self) -> Asset:
        # find_spec instead of an import: the wheel's Python half is of no use here and takes a while to load.
        spec = importlib.util.find_spec("plotly")
        for folder in (spec.submodule_search_locations or []) if spec else []:
            path = Path(folder) / "package_data" / PLOTLY
            if path.is_file():
                return _asset(path.read_bytes(), path.suffix)
        raise PlantpulseError(f"{PLOTLY} is not in the installed plotly package: reinstall with the extra [cloud]")
