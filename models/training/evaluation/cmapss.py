"""C-MAPSS: how many flights a turbofan has left, from its slow sensors.

In order: read the runs; of every sensor that moves at all, the level of the last flights and how it has changed since
the engine's own first ones; learn the remaining flights from engines that were run to failure; say them for engines
whose record was cut off. Settings are scored by cross-validation over whole training engines, so that no engine is
judged by its own flights; the test engines are looked at once.

Remaining life is capped: an engine that has not begun to wear tells nothing about how long it will last.

Source: Saxena et al., Damage propagation modeling for aircraft engine run-to-failure simulation, PHM 2008 (the set and
its score); Heimes, Recurrent neural networks for remaining useful life estimation, PHM 2008 (the cap).
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from sklearn.ensemble import ExtraTreesRegressor  # type: ignore[import-untyped] # ships no types
from sklearn.model_selection import GroupKFold  # type: ignore[import-untyped] # ships no types

from models.training.evaluation.result import Evaluation, EvaluationError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

CAP_FLIGHTS: Final = 125.0
"""Heimes 2008 found wear to show from 120 to 130 flights before the end."""
LEVEL_FLIGHTS: Final = 10
"""Level of a sensor: mean over so many; the noise of one flight is as large as a fifth of all wear."""
REFERENCE_FLIGHTS: Final = 20
"""What an engine's own healthy level is taken from; engines are built differently."""
EVERY: Final = 5
"""Every so many flights of a training engine make an example; neighbours say the same twice."""
FIRST_FLIGHT: Final = 25
TREES: Final = 200
LEAF: Final = 5
FOLDS: Final = 5
SENSORS_FROM: Final = 5
"""Columns: engine, flight, three settings, then 21 sensors."""
LATE_IS_WORSE: Final = (13.0, 10.0)
"""Flights over which the score of an early and of a late forecast grows by e. Source: Saxena 2008, section 5."""


@dataclass(frozen=True, slots=True)
class Engine:
    """One engine.

    Attributes:
        number: in its file.
        sensors: (flights, 21) in the units of the set.
        remaining_flights: after the last of them.
    """

    number: int
    sensors: NDArray[np.float64]
    remaining_flights: float


def evaluate(folder: Path) -> Evaluation:
    """Return how well the remaining flights of FD001's test engines are told.

    Raises:
        EvaluationError: a file is missing or not a table of numbers.
    """
    train = _engines(_table(folder / "train_FD001.txt.gz", 26), None)
    remaining = _table(folder / "RUL_FD001.txt.gz", 1)[:, 0]
    test = _engines(_table(folder / "test_FD001.txt.gz", 26), remaining)
    moving = np.concatenate([engine.sensors for engine in train]).std(axis=0) > 1e-6
    model = _fit(train, moving)
    told = model.predict(np.stack([_vector(engine.sensors, moving) for engine in test]))
    true = np.minimum([engine.remaining_flights for engine in test], CAP_FLIGHTS)
    error = told - true
    early, late = LATE_IS_WORSE
    score = np.where(error < 0, np.exp(-error / early), np.exp(error / late)) - 1.0
    return Evaluation(
        protocol=(
            f"Remaining flights of FD001 (simulated), capped at {CAP_FLIGHTS:.0f}: extremely randomised trees on the "
            f"level of the last {LEVEL_FLIGHTS} flights and its distance from the engine's own first "
            f"{REFERENCE_FLIGHTS}, for every sensor that moves; fitted on the {len(train)} engines run to failure, "
            f"scored once on the last flight of the {len(test)} test engines. The cross-validated error is over whole "
            "training engines, five folds. Late: told more flights than were left, by over ten."
        ),
        pooled={
            "rmse_flights": float(np.sqrt(np.mean(error**2))),
            "mean_error_flights": float(error.mean()),
            "nasa_score": float(score.sum()),
            "late_by_over_10": int(np.count_nonzero(error > 10.0)),
            "early_by_over_10": int(np.count_nonzero(error < -10.0)),
            "engines": len(test),
            "cross_validated_rmse_flights": _cross_validated(train, moving),
            "rmse_of_telling_the_mean": float(true.std()),
        },
        files=tuple(
            {
                "file": f"test engine {engine.number}",
                "flights_seen": len(engine.sensors),
                "remaining": float(engine.remaining_flights),
                "told": round(float(flights), 1),
            }
            for engine, flights in zip(test, told, strict=True)
        ),
    )


def _table(path: Path, columns: int) -> NDArray[np.float64]:
    try:
        with gzip.open(path, "rt", encoding="ascii") as file:
            table = np.loadtxt(file, dtype=np.float64, ndmin=2)
    except (OSError, ValueError, EOFError) as error:
        raise EvaluationError(f"{path}: cannot be read ({error}); the folder must hold FD001 of C-MAPSS") from error
    if table.shape[1] != columns:
        raise EvaluationError(f"{path}: has {table.shape[1]} columns where FD001 has {columns}")
    return table


def _engines(table: NDArray[np.float64], remaining: NDArray[np.float64] | None) -> list[Engine]:
    numbers = np.unique(table[:, 0]).astype(int)
    left = np.zeros(len(numbers)) if remaining is None else remaining
    if len(left) != len(numbers):
        raise EvaluationError(
            f"{len(left)} remaining lives for {len(numbers)} engines: the files do not belong together"
        )
    return [
        Engine(int(number), table[table[:, 0] == number, SENSORS_FROM:], float(flights))
        for number, flights in zip(numbers, left, strict=True)
    ]


def _vector(sensors: NDArray[np.float64], moving: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the level of every sensor that moves and its distance from the engine's own beginning."""
    used = sensors[:, moving]
    level = used[-LEVEL_FLIGHTS:].mean(axis=0)
    return np.concatenate([level, level - used[:REFERENCE_FLIGHTS].mean(axis=0)])


def _examples(
    engines: Sequence[Engine], moving: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Return vectors (n, d), remaining flights (n,) and which engine each is of (n,)."""
    vectors, flights, owners = [], [], []
    for engine in engines:
        total = len(engine.sensors)
        for seen in range(total, FIRST_FLIGHT - 1, -EVERY):
            vectors.append(_vector(engine.sensors[:seen], moving))
            flights.append(min(engine.remaining_flights + total - seen, CAP_FLIGHTS))
            owners.append(engine.number)
    return np.stack(vectors), np.array(flights), np.array(owners)


def _regressor() -> Any:
    return ExtraTreesRegressor(n_estimators=TREES, min_samples_leaf=LEAF, max_features=0.5, random_state=0)


def _fit(engines: Sequence[Engine], moving: NDArray[np.bool_]) -> Any:
    vectors, flights, _ = _examples(engines, moving)
    return _regressor().fit(vectors, flights)


def _cross_validated(engines: Sequence[Engine], moving: NDArray[np.bool_]) -> float:
    """Return the RMS error in flights over engines that the fit has not seen."""
    vectors, flights, owners = _examples(engines, moving)
    squares = []
    for fitted, held_out in GroupKFold(FOLDS).split(vectors, flights, owners):
        told = _regressor().fit(vectors[fitted], flights[fitted]).predict(vectors[held_out])
        squares.append((told - flights[held_out]) ** 2)
    return float(np.sqrt(np.concatenate(squares).mean()))
