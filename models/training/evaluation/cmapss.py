"""C-MAPSS: how many flights a turbofan has left, from its slow sensors.

In order: read the runs; of every sensor that moves at all, the level of the last flights, how it has changed since the
engine's own first ones, and how fast it changes now; learn the remaining flights from engines that were run to failure;
say them, with an interval, for engines whose record was cut off. Settings are scored by cross-validation over whole
training engines, so that no engine is judged by its own flights; nothing is chosen by the test engines.

Remaining life is capped: an engine that has not begun to wear tells nothing about how long it will last. The interval
is what a fit was wrong by about engines it had not seen, where it told about as many flights (conformal prediction from
left-out folds, local in what is told): near the end it is narrow, of healthy engines wide; an end at the cap is open.

A plant seldom has a hundred machines of a kind run to failure. So the prognosis of single trends that ships is asked as
well: it sees one index of wear per engine, and the level at which half of the training engines had failed as its limit.

Source: Saxena et al., Damage propagation modeling for aircraft engine run-to-failure simulation, PHM 2008 (the set and
its score); Heimes, Recurrent neural networks for remaining useful life estimation, PHM 2008 (the cap); Barber et al.,
Predictive inference with the jackknife+, Annals of Statistics 49 (2021) (intervals from folds that were left out).
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from sklearn.ensemble import ExtraTreesRegressor  # type: ignore[import-untyped] # ships no types
from sklearn.model_selection import GroupKFold  # type: ignore[import-untyped] # ships no types

from models.prognosis.forecast import forecast
from models.training.evaluation.result import Evaluation, EvaluationError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

CAP_FLIGHTS: Final = 125.0
"""Heimes 2008 found wear to show from 120 to 130 flights before the end."""
LEVEL_FLIGHTS: Final = 10
"""Level of a sensor: mean over so many; the noise of one flight is as large as a fifth of all wear."""
SLOPE_FLIGHTS: Final = 30
"""Over so many a slope is taken: half as many leave it as uncertain as the wear of an engine's last month is large."""
REFERENCE_FLIGHTS: Final = 20
"""What an engine's own healthy level is taken from; engines are built differently."""
LAST_FLIGHTS: Final = 5
"""Whose mean is the index of wear at failure."""
EVERY: Final = 5
"""Every so many flights of a training engine make an example; neighbours say the same twice."""
FIRST_FLIGHT: Final = 25
TREES: Final = 100
LEAF: Final = 5
FOLDS: Final = 5
SENSORS_FROM: Final = 5
"""Columns: engine, flight, three settings, then 21 sensors."""
INTERVAL: Final = 0.9
NEIGHBOURS: Final = 0.1
"""Of the examples, those told most alike, from whose errors the interval is: a tenth of a hundred engines still holds
examples of most of them."""
PUBLISHED: Final = (
    ("support_vectors_babu_2016", 20.96, 1380.0),
    ("convolutional_babu_2016", 18.45, 1290.0),
    ("lstm_zheng_2017", 16.14, 338.0),
    ("deep_convolutional_li_2018", 12.61, 274.0),
)
"""RMSE in flights and score on the same 100 test engines. Source: Babu, Zhao and Li, Deep convolutional neural network
based regression approach for estimation of remaining useful life, DASFAA 2016, table 3; Zheng et al., Long short-term
memory network for remaining useful life estimation, ICPHM 2017; Li, Ding and Sun, Remaining useful life estimation in
prognostics using deep convolution neural networks, RESS 172 (2018), table 5. Caps of 125 to 130 flights."""
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


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What was told of engines that a fit had not seen, ascending in what was told; arrays (examples,) in flights."""

    told: NDArray[np.float64]
    true: NDArray[np.float64]

    @property
    def rmse_flights(self) -> float:
        """Return the RMS error."""
        return float(np.sqrt(np.mean((self.told - self.true) ** 2)))

    def interval(self, told: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the ends of the interval around what is told, each (n,) in flights, within 0 and the cap."""
        error = self.true - self.told
        width = max(1, round(NEIGHBOURS * len(error)))
        begin = np.clip(np.searchsorted(self.told, told) - width // 2, 0, len(error) - width)
        near = np.stack([error[start : start + width] for start in begin])
        tail = (1.0 - INTERVAL) / 2.0
        low, high = np.quantile(near, [tail, 1.0 - tail], axis=1)
        return np.clip(told + low, 0.0, CAP_FLIGHTS), np.clip(told + high, 0.0, CAP_FLIGHTS)


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
    known = _cross_validated(train, moving)
    low, high = known.interval(told)
    true = np.minimum([engine.remaining_flights for engine in test], CAP_FLIGHTS)
    error = told - true
    covered = (low <= true) & (true <= high)
    early, late = LATE_IS_WORSE
    score = np.where(error < 0, np.exp(-error / early), np.exp(error / late)) - 1.0
    return Evaluation(
        protocol=(
            f"Remaining flights of FD001 (simulated), capped at {CAP_FLIGHTS:.0f}: extremely randomised trees on the "
            f"level of the last {LEVEL_FLIGHTS} flights, its distance from the engine's own first {REFERENCE_FLIGHTS} "
            f"and its slope over {SLOPE_FLIGHTS}, for every sensor that moves, and the flights flown; fitted on the "
            f"{len(train)} engines run to failure, scored on the last flight of the {len(test)} test engines. The "
            "cross-validated error is over whole training engines, five folds; features were chosen by it. Intervals "
            f"of {INTERVAL:.0%} are from the errors of those folds; an end at the cap is open. Late: told more flights "
            "than were left, by over ten. Single trends: the prognosis that ships, on the least-squares index of wear "
            f"of each test engine up to the median level of the last {LAST_FLIGHTS} flights of training engines; an "
            "engine of which no trend is told is left out of its errors. Published figures are the authors' own, with "
            "caps of 125 to 130 flights."
        ),
        pooled={
            "rmse_flights": float(np.sqrt(np.mean(error**2))),
            "mean_error_flights": float(error.mean()),
            "nasa_score": float(score.sum()),
            "late_by_over_10": int(np.count_nonzero(error > 10.0)),
            "early_by_over_10": int(np.count_nonzero(error < -10.0)),
            "engines": len(test),
            "interval_stated": INTERVAL,
            "interval_covers": float(covered.mean()),
            "interval_told_too_many": int(np.count_nonzero(true < low)),
            "interval_told_too_few": int(np.count_nonzero(true > high)),
            "interval_median_width_flights": float(np.median(high - low)),
            "interval_median_width_flights_last_50": float(np.median((high - low)[true <= 50.0])),
            **_by_single_trends(train, test, moving),
            "cross_validated_rmse_flights": known.rmse_flights,
            "rmse_of_telling_the_mean": float(true.std()),
            **{f"published_rmse_{name}": rmse for name, rmse, _ in PUBLISHED},
            **{f"published_score_{name}": points for name, _, points in PUBLISHED},
        },
        files=tuple(
            {
                "file": f"test engine {engine.number}",
                "flights_seen": len(engine.sensors),
                "remaining": float(engine.remaining_flights),
                "told": round(float(flights), 1),
                "low": round(float(least), 1),
                "high": round(float(most), 1),
            }
            for engine, flights, least, most in zip(test, told, low, high, strict=True)
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
    """Return the flights flown and of every sensor that moves level, distance from its beginning and slope."""
    used = sensors[:, moving]
    level = used[-LEVEL_FLIGHTS:].mean(axis=0)
    recent = used[-SLOPE_FLIGHTS:]
    flight = np.arange(len(recent)) - (len(recent) - 1) / 2.0
    slope = flight @ recent / (flight @ flight)
    return np.concatenate([[len(sensors)], level, level - used[:REFERENCE_FLIGHTS].mean(axis=0), slope])


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


def _by_single_trends(
    train: Sequence[Engine], test: Sequence[Engine], moving: NDArray[np.bool_]
) -> dict[str, float | int | None]:
    """Return how well the prognosis of one trend does, which knows of no other engine but its index and its limit."""
    sensors = np.concatenate([engine.sensors[:, moving] for engine in train])
    mean, spread = sensors.mean(axis=0), sensors.std(axis=0)
    left = np.concatenate([np.arange(len(engine.sensors), 0, -1) - 1.0 for engine in train])
    weights, *_ = np.linalg.lstsq((sensors - mean) / spread, 1.0 - np.minimum(left, CAP_FLIGHTS) / CAP_FLIGHTS)

    def index(engine: Engine) -> NDArray[np.float64]:
        return np.asarray((engine.sensors[:, moving] - mean) / spread @ weights)

    limit = float(np.median([index(engine)[-LAST_FLIGHTS:].mean() for engine in train]))
    told = [(engine, forecast(np.arange(len(engine.sensors)), index(engine), limit)) for engine in test]
    numbers = [(engine.remaining_flights, one) for engine, one in told if one.is_number]
    silent = [engine.remaining_flights for engine, one in told if not one.is_number]
    error = np.array([one.median_s - flights for flights, one in numbers])
    return {
        "single_trend_forecasts": len(numbers),
        "single_trend_interval_covers": float(np.mean([one.low_s <= left <= one.high_s for left, one in numbers])),
        "single_trend_median_error_flights": float(np.median(np.abs(error))),
        "single_trend_rmse_flights": float(np.sqrt(np.mean(error**2))),
        "single_trend_median_flights_left_where_silent": float(np.median(silent)) if silent else None,
    }


def _regressor() -> Any:
    return ExtraTreesRegressor(n_estimators=TREES, min_samples_leaf=LEAF, max_features=0.5, random_state=0)


def _fit(engines: Sequence[Engine], moving: NDArray[np.bool_]) -> Any:
    vectors, flights, _ = _examples(engines, moving)
    return _regressor().fit(vectors, flights)


def _cross_validated(engines: Sequence[Engine], moving: NDArray[np.bool_]) -> LeftOut:
    """Return what was told of engines that the fit has not seen."""
    vectors, flights, owners = _examples(engines, moving)
    told = np.empty(len(flights))
    for fitted, held_out in GroupKFold(FOLDS).split(vectors, flights, owners):
        told[held_out] = _regressor().fit(vectors[fitted], flights[fitted]).predict(vectors[held_out])
    order = np.argsort(told)
    return LeftOut(told[order], flights[order])
