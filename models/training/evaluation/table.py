"""The public sets there is an evaluation for: one row and one module each, imported only when it is asked for."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Final, NamedTuple

from models.training.evaluation.result import EvaluationError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from models.training.evaluation.result import Evaluation


class PublicSet(NamedTuple):
    """One row.

    Attributes:
        name: as people type it, and as the set's folder is called.
        summary: what is asked of it.
        module: has `evaluate(folder: Path) -> Evaluation`.
        folder_name: below the folder that holds all sets; "." where it looks at all of them.
    """

    name: str
    summary: str
    module: str
    folder_name: str = ""

    def folder(self, parent: Path) -> Path:
        """Return where the set lies below the folder that holds all sets."""
        return parent / (self.folder_name or self.name)

    def evaluate(self, folder: Path) -> Evaluation:
        """Return how well what we ship does on the set in this folder.

        Raises:
            EvaluationError: the folder is not laid out like the set, or a library of the extra `train` is missing.
            RecordingError: a file in it cannot be read.
        """
        try:
            function: Callable[[Path], Evaluation] = importlib.import_module(self.module).evaluate
        except ModuleNotFoundError as error:
            raise EvaluationError(f"{self.name} needs {error.name}: pip install 'plantpulse[train]'") from error
        return function(folder)


PUBLIC_SETS: Final = (
    PublicSet("cwru", "naming bearing damage on a motor test rig", "models.training.evaluation.cwru"),
    PublicSet("mfpt", "naming bearing damage under changing load", "models.training.evaluation.mfpt"),
    PublicSet("femto", "bearings run to failure: how long before the end", "models.training.evaluation.femto"),
    PublicSet(
        "ims", "bearings run to failure over weeks: which one, how long before", "models.training.evaluation.ims"
    ),
    PublicSet("skab", "valves, leaks and imbalance in a water loop", "models.training.evaluation.skab"),
    PublicSet("nab", "failures of a large machine in its temperature", "models.training.evaluation.nab"),
    PublicSet(
        "gearbox", "a broken tooth under loads that were and were not learnt", "models.training.evaluation.gearbox"
    ),
    PublicSet("drill_press", "imbalance heard by a cheap sensor", "models.training.evaluation.drill_press"),
    PublicSet("hydraulic", "cooler and valve of a hydraulic unit", "models.training.evaluation.hydraulic"),
    PublicSet("cmapss", "turbofans run to failure: how many flights are left", "models.training.evaluation.cmapss"),
    PublicSet(
        "false_alarms",
        "healthy stretches of all sets: alarms per machine-month, with every degradation found",
        "models.training.evaluation.false_alarms",
        folder_name=".",
    ),
)
