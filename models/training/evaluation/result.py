"""What an evaluation prints: its protocol in a sentence, numbers over all files, and one row per file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.contract.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

Value = float | int | str | bool | None


class EvaluationError(InputError):
    """A folder that is not laid out like the public set it should be; says what is missing where."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One public set, judged by what we ship.

    Attributes:
        protocol: what was fitted on what, what was scored, and how settings were chosen; one sentence or two.
        pooled: numbers over all files; detection never without its false alarms.
        files: one row per file or run, keys by what the set is scored by (`file` first).
    """

    protocol: str
    pooled: Mapping[str, Value]
    files: tuple[Mapping[str, Value], ...]
