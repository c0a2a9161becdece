"""What is asked of an update, and what comes of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from edge_agent.update_transfer import Limits

if TYPE_CHECKING:
    from pathlib import Path

    from edge_agent.update_errors import SourceError


@dataclass(frozen=True, slots=True)
class UpdateRequest:
    """What is to be fetched.

    Attributes:
        sources: addresses or folders, tried in this order.
        root: file of the root that was installed with this gateway.
        trusted: directory of the metadata that is trusted.
        into: directory for verified files; for this alone.
        targets: names, which belong together: all of them are taken or none.
        allowed: patterns of what this gateway may ask for, such as ``gateway-models/pump/*``.
        max_bytes: the most of one target.
        limits: how patient we are.
    """

    sources: tuple[str, ...]
    root: Path
    trusted: Path
    into: Path
    targets: tuple[str, ...]
    allowed: tuple[str, ...]
    max_bytes: int = 64 * 2**20
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class VerifiedTarget:
    """A file that may be used."""

    name: str
    path: Path
    sha256: str
    length: int
    custom: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Update:
    """What was fetched.

    Attributes:
        source: which one did.
        targets: those that were asked for and what they need.
        versions: of all metadata that is trusted now.
        refused: sources before it, and why.
    """

    source: str
    targets: tuple[VerifiedTarget, ...]
    versions: dict[str, int]
    refused: tuple[tuple[str, SourceError], ...]
